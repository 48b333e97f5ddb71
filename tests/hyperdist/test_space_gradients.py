"""Derivatives of the kernels by torch: finite and right at x = y, at the origin, at c = 0, twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hyperdist.geometry import conversions, lorentz, poincare, polar, sphere, tangent  # noqa: E402
from tests.hyperdist.test_spaces import CASES as ALL  # noqa: E402
from tests.support.contracts_spaces import RADIUS, Case  # noqa: E402

pytestmark = pytest.mark.torch

EPS = float(np.finfo(np.float64).eps)
D = 2
CASES = [case for case in ALL if case.c != 0.3]


def _points(case: Case, rng: np.random.Generator) -> Any:
    case = Case(case.name, case.kernels, case.c, case.extra, case.start, d=D)
    return torch.as_tensor(case.points(rng, 3))


def _parameters(case: Case) -> list[Any]:
    return [] if case.c is None else [torch.tensor(case.c, dtype=torch.float64)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_hessian_of_dist_sq_where_the_points_meet(case: Case, rng: np.random.Generator) -> None:
    """dist^2(exp_x v, exp_x w) = |v - w|^2 + O(4): gradient 0 and Hessian 2 [[1, -1], [-1, 1]], at the origin too."""
    extra = _parameters(case)
    block = 2 * torch.eye(D, dtype=torch.float64)
    want = torch.cat([torch.cat([block, -block], 1), torch.cat([-block, block], 1)])
    for x in _points(case, rng):

        def between(v: Any, x: Any = x) -> Any:
            first, second = (case.kernels.exp(x, case.kernels.from_frame(x, w, *extra), *extra) for w in (v[:D], v[D:]))
            return case.kernels.dist_sq(first, second, *extra)

        zero = torch.zeros(2 * D, dtype=torch.float64)
        assert torch.equal(torch.autograd.functional.jacobian(between, zero), zero)
        error = (torch.autograd.functional.hessian(between, zero) - want).abs().max()
        # Second derivatives of a chart at radius a are amplified by cosh(a)^2 each way.
        assert error <= 100 * EPS * np.cosh(RADIUS) ** 4, f"{case}: {error:.1e}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_differential_of_exp_and_log_is_the_identity(case: Case, rng: np.random.Generator) -> None:
    extra = _parameters(case)
    for x in _points(case, rng):

        def there_and_back(v: Any, x: Any = x) -> Any:
            y = case.kernels.exp(x, case.kernels.from_frame(x, v, *extra), *extra)
            return case.kernels.to_frame(x, case.kernels.log(x, y, *extra), *extra)

        for v in (torch.zeros(D, dtype=torch.float64), torch.full((D,), 0.1, dtype=torch.float64)):
            error = (torch.autograd.functional.jacobian(there_and_back, v) - torch.eye(D)).abs().max()
            assert error <= 100 * EPS * np.cosh(RADIUS) ** 4, f"{case}: {error:.1e}"


HYPERBOLIC = [case for case in CASES if case.c is not None]


@pytest.mark.parametrize("case", HYPERBOLIC, ids=str)
def test_gradcheck(case: Case, rng: np.random.Generator) -> None:
    """First and second derivatives in x, y and c against differences, at points of all three branches of ``half``."""
    x, y = _points(case, rng).requires_grad_(), _points(case, rng).flip(0).clone().requires_grad_()
    c = torch.tensor(case.c or 0.5, dtype=torch.float64, requires_grad=True)
    for kernel in (case.kernels.dist_sq, case.kernels.log):
        assert torch.autograd.gradcheck(kernel, (x, y, c), fast_mode=True)
        assert torch.autograd.gradgradcheck(kernel, (x, y, c), fast_mode=True)


@pytest.mark.parametrize("kernels", [poincare, tangent], ids=["poincare", "tangent"])
def test_derivative_in_c_at_zero(kernels: Any, rng: np.random.Generator) -> None:
    """The derivative at c = 0 is the limit of those at c > 0; dist_sq is analytic in c."""
    x, y = (torch.as_tensor(rng.standard_normal((5, D))) for _ in range(2))
    at_zero, near = (
        torch.autograd.functional.jacobian(lambda c: kernels.dist_sq(x, y, c), torch.tensor(c, dtype=torch.float64))
        for c in (0.0, 1e-9)
    )
    assert torch.isfinite(at_zero).all()
    assert (at_zero.abs() > 1e-3).any()
    torch.testing.assert_close(at_zero, near, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("model", conversions.MODELS)
def test_exp_polar_is_smooth_in_the_centre(model: str, rng: np.random.Generator) -> None:
    """At mu = 0, below and above the switch at radius 1: against differences, and c at 0."""
    direction = torch.as_tensor(rng.standard_normal((4, D)))
    direction = direction / torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
    radius = torch.tensor([0.0, 0.5, 2.0, 5.0], dtype=torch.float64, requires_grad=True)
    for length in (0.0, 0.4, 2.5):
        mu = (length * direction.flip(0)).clone().requires_grad_()
        c = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
        place = lambda mu, r, c: polar.exp_polar(mu, r, direction, c, model)  # noqa: E731
        assert torch.autograd.gradcheck(place, (mu, radius, c), fast_mode=True)
        assert torch.autograd.gradgradcheck(place, (mu, radius, c), fast_mode=True)
    if model != "lorentz":
        c = torch.tensor(0.0, dtype=torch.float64)
        bend = lambda c: polar.exp_polar(direction, radius.detach(), direction.flip(0), c, model)  # noqa: E731
        slope = torch.autograd.functional.jacobian(bend, c)
        assert torch.isfinite(slope).all()


def test_log_polar_gives_the_gradient_of_the_distance(rng: np.random.Generator) -> None:
    """d R/d x is minus the unit logarithm at x, for every model and on the sphere; finite at x = mu."""
    mu, x = (torch.as_tensor(rng.standard_normal((4, D))) for _ in range(2))
    x.requires_grad_()
    radius, _ = polar.log_polar(mu, x, 1.0, "tangent")
    (gradient,) = torch.autograd.grad(radius.sum(), x)
    back = -tangent.log(x, mu, 1.0) / radius[:, None]
    flat = torch.stack([tangent.inner(x, back, torch.eye(D, dtype=torch.float64)[i], 1.0) for i in range(D)], -1)
    torch.testing.assert_close(gradient, flat, rtol=1e-12, atol=1e-12)
    for meets in (polar.log_polar(x, x, 1.0, "tangent")[0], sphere.log_polar(x, x)[0]):
        assert torch.isfinite(torch.autograd.grad(meets.sum(), x, retain_graph=True)[0]).all()
    assert torch.isfinite(
        torch.autograd.grad(lorentz.dist(*[conversions.tangent_to_lorentz(x, 1.0)] * 2, 1.0).sum(), x)[0]
    ).all()
