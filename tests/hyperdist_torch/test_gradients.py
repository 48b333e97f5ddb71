"""Gradients: of draws, densities and constants, first and second, against the core, quadrature and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import sphere  # noqa: E402
from hyperdist.radial.riemannian_normal import HyperbolicKernel, RiemannianNormalRadius  # noqa: E402
from hyperdist.radial.spherical_normal import SphericalNormalKernel, SphericalNormalRadius  # noqa: E402
from hyperdist.radial.von_mises_fisher import VonMisesFisherKernel, VonMisesFisherRadius  # noqa: E402
from hyperdist_torch._law import Fixed, Law  # noqa: E402
from tests.support.torch.laws import CASES, Case  # noqa: E402

P = np.array([1e-6, 1e-3, 0.3, 0.7, 0.999, 1 - 1e-6])
SMALL = [case for case in CASES if case.core().batch_shape == ()]


def parameter(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def each_gradient(values: torch.Tensor, *parameters: torch.Tensor) -> list[np.ndarray]:
    """The gradient of every element of ``values`` in every scalar parameter."""
    rows = [torch.autograd.grad(v, parameters, retain_graph=True) for v in values]
    return [np.array([row[i].item() for row in rows]) for i in range(len(parameters))]


@pytest.mark.parametrize("c", [0.0, 1.0, 1.4])
@pytest.mark.parametrize("scale", [1e-3, 0.3, 1.18, 7.0])
@pytest.mark.parametrize("d", [1, 2, 5, 20, 100])
def test_hyperbolic_draw_in_sigma_and_c(d: int, scale: float, c: float) -> None:
    """dr/d sigma and dr/dc of the core's ``parameter_gradient``, relative 1e-10 and 1e-10 r/c."""
    core = RiemannianNormalRadius(d, scale, c)
    r = core.icdf(P)
    expected = core.parameter_gradient(r)
    sigma, curvature = parameter(scale), parameter(c)
    draws = sigma * Fixed(Law(HyperbolicKernel, d), curvature * sigma * sigma).follow(torch.tensor(r / scale))
    in_sigma, in_c = each_gradient(draws, sigma, curvature)
    np.testing.assert_allclose(in_sigma, expected["sigma"], rtol=1e-10)
    assert (np.abs(in_c - expected["c"]) <= 1e-10 * (r / c if c else np.abs(expected["c"]))).all()


@pytest.mark.parametrize("value", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("d", [1, 2, 9, 99])
@pytest.mark.parametrize(
    ("core", "kind", "name"),
    [(VonMisesFisherRadius, VonMisesFisherKernel, "kappa"), (SphericalNormalRadius, SphericalNormalKernel, "sigma")],
)
def test_spherical_draw_in_its_parameter(core: type, kind: type, name: str, d: int, value: float) -> None:
    radial = core(d, value)
    r = radial.icdf(P)
    theta = parameter(value)
    (slope,) = each_gradient(Fixed(Law(kind, d), theta).follow(torch.tensor(r)), theta)
    np.testing.assert_allclose(slope, radial.parameter_gradient(r)[name], rtol=1e-10)


@pytest.mark.parametrize(
    ("law", "theta"),
    [
        (Law(HyperbolicKernel, 5), 0.7),
        (Law(HyperbolicKernel, 2), 9.0),
        (Law(VonMisesFisherKernel, 3), 2.0),
        (Law(SphericalNormalKernel, 3), 0.8),
    ],
)
@pytest.mark.parametrize("p", [0.01, 0.4, 0.98])
def test_second_derivative_of_a_draw(law: Law, theta: float, p: float) -> None:
    """Against central differences of the first derivative along the path of fixed cdf, which ``quantile`` walks."""

    def draw(value: float) -> torch.Tensor:
        return law.quantile(torch.tensor(p, dtype=torch.float64), torch.tensor(value, dtype=torch.float64))

    at = parameter(theta)
    (first,) = torch.autograd.grad(Fixed(law, at).follow(draw(theta)), at, create_graph=True)
    (second,) = torch.autograd.grad(first, at)
    h = 1e-4 * theta
    with torch.no_grad():
        ahead, behind = (law.slope(draw(v), torch.tensor(v, dtype=torch.float64)) for v in (theta + h, theta - h))
    assert second.item() == pytest.approx((ahead - behind).item() / (2 * h), rel=1e-6)


@pytest.mark.parametrize("value", [1e-2, 1.0, 5.0])
@pytest.mark.parametrize("d", [1, 2, 10, 50])
def test_normaliser_in_sigma_and_c(d: int, value: float) -> None:
    core = RiemannianNormalRadius(d, value, 1.3)
    sigma, c = parameter(value), parameter(1.3)
    law = ht.RiemannianNormal(torch.zeros(d, dtype=torch.float64), sigma, c)
    expected = core.log_normalizer_derivative()
    in_sigma, in_c = torch.autograd.grad(law.log_normalizer(), (sigma, c))
    assert in_sigma.item() == pytest.approx(float(expected["sigma"]), rel=1e-11)
    assert in_c.item() == pytest.approx(float(expected["c"]), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_density_gradients(case: Case) -> None:
    """gradcheck and gradgradcheck of log_prob in every parameter and in x, on the manifold's chart."""
    x = case.build().sample((2,), generator=torch.Generator().manual_seed(5)).requires_grad_()
    flat = case.hyperbolic and float(case.parameters[2]) == 0.0

    def density(*inputs: torch.Tensor) -> torch.Tensor:
        *parameters, point = inputs
        # Differences below c = 0 leave the domain; there c is held.
        parameters = [*parameters[:2], torch.tensor(0.0, dtype=torch.float64)] if flat else parameters
        law = case.of(*parameters, validate_args=False)
        # Off the sphere the density is 0; differences of the coordinates stay on it.
        return law.log_prob(point if case.hyperbolic else point / point.norm(dim=-1, keepdim=True))

    inputs = (*case.tensors(grad=True)[: 2 if flat else 3], x)
    assert torch.autograd.gradcheck(density, inputs)
    assert torch.autograd.gradgradcheck(density, inputs, fast_mode=True)


def test_density_in_c_at_zero() -> None:
    """The one-sided derivative in c at c = 0, first and second."""
    mu, x = (torch.tensor(v, dtype=torch.float64) for v in ([0.2, -0.1, 0.3], [0.1, 0.4, -0.2]))
    for law in (ht.RiemannianNormal, ht.WrappedNormal):
        c = parameter(0.0)
        (first,) = torch.autograd.grad(law(mu, 0.8, c).log_prob(x), c, create_graph=True)
        (second,) = torch.autograd.grad(first, c)
        h = 1e-3
        f = [law(mu, 0.8, k * h).log_prob(x).item() for k in range(5)]
        slope = float(np.dot([-25, 48, -36, 16, -3], f)) / (12 * h)
        bend = float(np.dot([35, -104, 114, -56, 11], f)) / (12 * h * h)
        assert first.item() == pytest.approx(slope, rel=1e-7)
        assert second.item() == pytest.approx(bend, rel=1e-3)


def test_density_at_its_centre() -> None:
    """Value, gradient and Hessian at x = mu are finite; the gradient is 0."""
    for case in SMALL:
        law = case.build()
        x = law.mode.clone().requires_grad_()
        (first,) = torch.autograd.grad(law.log_prob(x), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x)
        assert first.abs().max().item() < 1e-12
        assert torch.isfinite(second).all()


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_draws_in_every_parameter(case: Case) -> None:
    """gradcheck of a fixed draw by inversion: the seed, and so the cdf and the direction, are held."""
    flat = case.hyperbolic and float(case.parameters[2]) == 0.0
    model = {"model": "tangent"} if case.hyperbolic else {}

    def draw(*parameters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        parameters = (*parameters, torch.tensor(0.0, dtype=torch.float64)) if flat else parameters
        law = case.of(*parameters, validate_args=False)
        return law.rsample_and_log_prob((2,), method="inverse", generator=torch.Generator().manual_seed(7), **model)

    inputs = tuple(case.tensors(grad=True)[: 2 if flat else 3])
    assert torch.autograd.gradcheck(draw, inputs, atol=1e-6)


EXPECTATIONS = [
    Case("RiemannianNormal", (np.zeros(3), 0.9, 1.2), "riemannian-d3"),
    Case("RiemannianNormal", (np.zeros(2), 2.0, 1.0), "riemannian-d2"),
    Case("VonMisesFisher", (np.eye(1, 4)[0], 4.0), "vmf-m4"),
    Case("SphericalRiemannianNormal", (np.eye(1, 3)[0], 0.8), "spherical-d2"),
]


def bounded(square: torch.Tensor) -> torch.Tensor:
    """A bounded-variance function of the squared distance."""
    return torch.log1p(square)


def exact_gradient(law: Any, theta: torch.Tensor) -> float:
    """d/d theta of E f(dist^2), by the quadrature of the density, which knows no draw."""
    measure = law._measure()
    scale = law.sigma.double() if isinstance(law, ht.RiemannianNormal) else 1.0
    return torch.autograd.grad(measure.mean(bounded((scale * measure.y).square())), theta)[0].item()


def squared_distance(law: Any, x: torch.Tensor) -> torch.Tensor:
    if isinstance(law, ht.RiemannianNormal):
        return law._dist_sq(x, "tangent")
    return sphere.dist_sq(x, law.mu)


@pytest.mark.parametrize("case", EXPECTATIONS, ids=str)
def test_gradient_of_an_expectation(case: Case, seed: int) -> None:
    """The mean gradient over 20,000 draws by rejection against quadrature: z-test at 1e-6.

    200 groups of 100 draws, each with a parameter of its own, give 200 gradients and their standard error, which is
    asserted to be below 1 %: a gradient 13 % off, as one straight through accept and reject is, fails in every run.
    """
    mu, value, *c = case.tensors()
    theta = value.expand(200).clone().requires_grad_()
    law = case.of(mu, theta, *c)
    model = {"model": "tangent"} if case.hyperbolic else {}
    x = law.rsample((100,), generator=torch.Generator().manual_seed(seed % 2**63), **model)
    (groups,) = torch.autograd.grad(bounded(squared_distance(law, x)).mean(dim=0).sum(), theta)
    single = value.clone().requires_grad_()
    expected = exact_gradient(case.of(mu, single, *c), single)
    error = groups.std().item() / 200**0.5
    assert error < 0.01 * abs(expected)
    assert abs(groups.mean().item() - expected) < 5.1 * error  # 1e-6 of Student's law with 199 degrees of freedom


@pytest.mark.parametrize("case", EXPECTATIONS, ids=str)
def test_gradient_of_an_expectation_over_equal_quantiles(case: Case) -> None:
    """The same at the 400 midpoints of equal probability, no chance involved: 1e-3."""
    theta = case.tensors(grad=True)[1]
    law = case.of(case.tensors()[0], theta, *case.tensors()[2:])
    p = (torch.arange(400, dtype=torch.float64) + 0.5) / 400.0
    y = Fixed(law._law, law._theta).follow(law._law.quantile(p, law._theta.detach()))
    radius = theta * y if case.hyperbolic else y
    (got,) = torch.autograd.grad(bounded(radius.square()).mean(), theta)
    assert got.item() == pytest.approx(exact_gradient(law, theta), rel=1e-3)


# torch's own warning, where its forward-mode derivatives load
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_functional_transforms() -> None:
    """vmap over points and parameters, jacrev and hessian of log_prob."""
    mu, x = (torch.tensor(v, dtype=torch.float64) for v in ([0.2, -0.1, 0.3], [0.1, 0.4, -0.2]))
    sigma, c = torch.tensor(0.8, dtype=torch.float64), torch.tensor(0.7, dtype=torch.float64)

    def density(mu: torch.Tensor, sigma: torch.Tensor, c: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return ht.RiemannianNormal(mu, sigma, c, validate_args=False).log_prob(x)

    inputs = [v.clone().requires_grad_() for v in (mu, sigma, c, x)]
    plain = torch.autograd.grad(density(*inputs), inputs)
    for got, want in zip(torch.func.jacrev(density, argnums=(0, 1, 2, 3))(mu, sigma, c, x), plain, strict=True):
        assert torch.allclose(got, want, rtol=1e-12)
    sigmas = torch.linspace(0.3, 1.5, 5, dtype=torch.float64)
    mapped = torch.func.vmap(torch.func.grad(density, argnums=1), (None, 0, None, None))(mu, sigmas, c, x)
    each = torch.stack([torch.func.grad(density, argnums=1)(mu, s, c, x) for s in sigmas])
    assert torch.allclose(mapped, each, rtol=1e-12)
    forward, backward = torch.func.hessian(density, 1), torch.func.jacrev(torch.func.jacrev(density, 1), 1)
    assert torch.allclose(forward(mu, sigma, c, x), backward(mu, sigma, c, x), rtol=1e-11)
