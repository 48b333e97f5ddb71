"""Derivatives on the points where a kernel changes its form: those of the function, not of the form's switch."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import sphere  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from tests.support.torch.derivatives import differences, dual, gradient, reverse  # noqa: E402

# torch's own warning, where its forward-mode derivatives load
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


SPHERICAL = {
    "fisher": lambda mu, **options: ht.VonMisesFisher(mu, 5.0, **options),
    "riemannian": lambda mu, **options: ht.SphericalRiemannianNormal(mu, 0.5, **options),
}
EQUATOR = [(0.0, 0.0, 1.0), (-0.0, 0.6, 0.8), (0.0, 1.0, 0.0), (0.0, -1.0), (0.0, 0.5, -0.5, 0.5, 0.5)]
"""Directions with a first coordinate of 0, where the frame of the sphere changes branch."""


@pytest.mark.parametrize("method", ["rejection", "inverse"])
@pytest.mark.parametrize("name", SPHERICAL)
@pytest.mark.parametrize("mu", EQUATOR, ids=str)
def test_a_draw_stays_on_the_sphere(mu: tuple[float, ...], name: str, method: str) -> None:
    """|x|^2 is 1 for every draw: its gradient in mu is 0, and so is the second; at mu_0 = 0 too."""
    centre = numbers(*mu).requires_grad_()
    x = SPHERICAL[name](centre).rsample((50,), method=method, generator=torch.Generator().manual_seed(1))
    (first,) = torch.autograd.grad(x.square().sum(), centre, create_graph=True)
    assert first.abs().max() < 1e-12 * x.shape[0]
    (second,) = torch.autograd.grad(first.square().sum() + (first * numbers(*range(1, len(mu) + 1))).sum(), centre)
    assert second.abs().max() < 1e-11 * x.shape[0]


@pytest.mark.parametrize("method", ["rejection", "inverse"])
@pytest.mark.parametrize("name", SPHERICAL)
def test_an_expectation_where_the_frame_changes_branch(name: str, method: str, seed: int) -> None:
    """d E[x_0 x_2]/d mu_0 at mu = (0, 0, 1) is E of 1 - 3/2 sin^2 of the angle: 200 groups, z-test at 1e-6."""
    mu = numbers(0.0, 0.0, 1.0).expand(200, 3).clone().requires_grad_()
    q = SPHERICAL[name](mu)
    x = q.rsample((100,), method=method, generator=torch.Generator().manual_seed(seed % 2**63))
    (gradient,) = torch.autograd.grad((x[..., 0] * x[..., 2]).mean(dim=0).sum(), mu)
    measure = q._measure()
    want = float(1.0 - 1.5 * measure.mean(measure.y.sin().square()).detach()[0])
    groups = gradient[:, 0]
    error = groups.std().item() / 200**0.5
    assert error < 0.02
    assert abs(groups.mean().item() - want) < 5.1 * error  # 1e-6 of Student's law with 199 degrees of freedom


@pytest.mark.parametrize("first", [0.0, -0.0, 1e-300, -1e-300, 1e-9, -1e-9])
def test_frames_and_projections_of_the_sphere_about_its_equator(first: float) -> None:
    """|frame| and products of frame vectors do not change; stereographic coordinates are smooth."""
    at = numbers(first, 0.6, -0.8)
    v, u = numbers(0.3, -1.1), numbers(0.4, 0.2)

    def unit(x: torch.Tensor) -> torch.Tensor:
        return x / torch.linalg.vector_norm(x)

    def product(x: torch.Tensor) -> torch.Tensor:
        e, f = (sphere.from_frame(unit(x), w) for w in (v, u))
        back = sphere.to_frame(unit(x), e)
        return torch.cat([(e * f).sum()[None], (e * unit(x)).sum()[None], back])

    for jacobian in (reverse(product, at), dual(product, at)):
        assert jacobian.abs().max() < 1e-14

    def projected(x: torch.Tensor) -> torch.Tensor:
        return sphere.to_stereographic(unit(x))

    want = differences(projected, at)
    for jacobian in (reverse(projected, at), dual(projected, at)):
        torch.testing.assert_close(jacobian, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("at", [(1.0, 0.0), (-1.0, 0.0), (-1.0, -0.0), (1.0, 1e-9), (-1.0, 1e-9), (0.6, -0.8)], ids=str)
def test_the_density_of_a_flow_wrapped_onto_the_circle(at: tuple[float, float]) -> None:
    """At e_0 and half a turn from it, where a polar direction jumps; of radius 2 pi, that turns many times cover."""
    field = flows.FunctionField(flows.Euclidean(1), lambda t, y: 0.2 * torch.sin(y + 0.3))
    base = torch.distributions.Independent(torch.distributions.Normal(numbers(0.1), numbers(0.7)), 1)
    flow = flows.RiemannianCNF(base, field, solver=flows.FixedGrid(2))
    wrapped: Any = flows.WrappedFlow(flow, flows.Sphere(1), radius=20.0)

    def density(x: torch.Tensor) -> torch.Tensor:
        return wrapped.log_prob((x / torch.linalg.vector_norm(x))[None])

    x = numbers(*at)
    torch.testing.assert_close(reverse(density, x), differences(density, x), rtol=1e-8, atol=1e-8)
    bend = differences(lambda v: gradient(density, v), x)
    torch.testing.assert_close(reverse(lambda v: gradient(density, v), x), bend, rtol=1e-7, atol=1e-7)


def test_the_density_of_a_stereographic_flow_on_the_equator() -> None:
    field = flows.FunctionField(flows.Euclidean(2), lambda t, y: 0.2 * torch.sin(y.flip(-1)))
    base = torch.distributions.Independent(torch.distributions.Normal(numbers(0.1, -0.2), numbers(0.7, 0.9)), 1)
    flow: Any = flows.StereographicFlow(flows.RiemannianCNF(base, field, solver=flows.FixedGrid(4)))

    def density(x: torch.Tensor) -> torch.Tensor:
        return flow.log_prob((x / torch.linalg.vector_norm(x))[None])

    for first in (0.0, 1e-9, -1e-9):
        at = numbers(first, 0.6, -0.8)
        want = differences(density, at)
        torch.testing.assert_close(reverse(density, at), want, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(dual(density, at), want, rtol=1e-8, atol=1e-8)
