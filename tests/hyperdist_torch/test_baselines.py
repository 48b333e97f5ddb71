"""Stereographic and wrapped flows: integrals, closed forms, draws, what the truncation loses, errors."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import conversions, sphere  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from tests.support.torch.flows import DOUBLE, field, legendre  # noqa: E402

SPACES = [made(d) for d in (1, 2, 3) for made in (flows.Sphere, flows.Torus, lambda d: flows.Lorentz(d, 1.3))]
SPACES.append(flows.PoincareBall(2, 0.7))


def euclidean(d: int, scale: float = 0.6, strength: float = 0.5) -> flows.RiemannianCNF:
    """A flow on R^d that moves, or does not."""
    base = ht.WrappedNormal(torch.zeros(d, dtype=DOUBLE), scale, 0.0, model="tangent")
    made = field(flows.Euclidean(d), "local", strength=strength, hidden=6)
    if not strength:
        torch.nn.init.zeros_(made.network.output.bias)
    return flows.RiemannianCNF(base, made, solver=flows.FixedGrid(8))


def directions(d: int) -> tuple[Any, Any]:
    """Unit vectors of R^d, and weights that sum to the area of the sphere."""
    if d == 1:
        return torch.tensor([[1.0], [-1.0]], dtype=DOUBLE), torch.ones(2, dtype=DOUBLE)
    turns = torch.arange(48, dtype=DOUBLE) * (2.0 * math.pi / 48)
    around = torch.stack([turns.cos(), turns.sin()], dim=-1)
    if d == 2:
        return around, torch.full((48,), 2.0 * math.pi / 48, dtype=DOUBLE)
    height, weights = legendre(24, -1.0, 1.0)
    side = (1.0 - height.square()).sqrt()
    points = torch.cat([height[:, None, None].expand(-1, 48, 1), side[:, None, None] * around], dim=-1)
    return points.reshape(-1, 3), (weights[:, None] * (2.0 * math.pi / 48)).expand(-1, 48).reshape(-1)


def rule(space: flows.Space) -> tuple[Any, Any]:
    """Points of a space and weights of volume: polar about the origin, or the torus's own."""
    d = space.d
    if isinstance(space, flows.Torus):
        n = {1: 96, 2: 64, 3: 24}[d]
        turn = torch.arange(n, dtype=DOUBLE) * (2.0 * math.pi / n) - math.pi
        x = torch.cartesian_prod(*[turn] * d).reshape(-1, d)
        return x, torch.full((len(x),), (2.0 * math.pi / n) ** d, dtype=DOUBLE)
    u, around = directions(d)
    r, weights = legendre(60, 0.0, math.pi if isinstance(space, flows.Sphere) else 5.5)
    if isinstance(space, flows.Sphere):
        x = sphere.exp_polar(torch.eye(1, d + 1, dtype=DOUBLE)[0], r[:, None], u)
        weights = weights * r.sin() ** (d - 1)
    else:
        k = math.sqrt(space.c)
        x = conversions.from_tangent(r[:, None, None] * u, torch.tensor(space.c, dtype=DOUBLE), str(space.model))
        weights = weights * ((k * r).sinh() / k) ** (d - 1)
    return x.reshape(-1, x.shape[-1]), (weights[:, None] * around).reshape(-1)


def log_prob(q: Any, x: Any) -> Any:
    return q.log_prob(x, **({"model": q.space.model} if q.space.model else {}))


@pytest.mark.parametrize("space", SPACES, ids=repr)
@torch.no_grad()
def test_wrapped_density_integrates_to_one_and_is_that_of_the_draws(space: flows.Space) -> None:
    """4,000 draws; the mean of each coordinate within 5.5 standard errors (odds 4e-8) of its integral."""
    q = flows.WrappedFlow(euclidean(space.d), space, radius=9.0)
    x, weights = rule(space)
    density = log_prob(q, x).exp() * weights
    # The grid of T^3 has 24 nodes a side for a law whose least scale is about 1/2.
    assert float(density.sum()) == pytest.approx(1.0, abs=1e-5 if space.d == 3 else 1e-7)
    draws = q.sample((4000,))
    assert draws.shape == (4000, space.width)
    assert bool(space.support.check(draws).all())
    shown = [part.tanh() if space.model else part.sin() for part in (x, draws)]
    wrong = (density[:, None] * shown[0]).sum(dim=0) - shown[1].mean(dim=0)
    assert bool((wrong.abs() <= 5.5 * shown[1].std(dim=0) / math.sqrt(4000) + 1e-6).all()), wrong


@pytest.mark.parametrize("d", [1, 2, 3])
@torch.no_grad()
def test_stereographic_density_integrates_to_one_and_is_that_of_the_draws(d: int) -> None:
    """Coordinates' means as above."""
    q = flows.StereographicFlow(euclidean(d))
    x, weights = rule(flows.Sphere(d))
    density = q.log_prob(x).exp() * weights
    assert float(density.sum()) == pytest.approx(1.0, abs=1e-6)
    draws = q.sample((4000,))
    wrong = (density[:, None] * x).sum(dim=0) - draws.mean(dim=0)
    assert bool((wrong.abs() <= 5.5 * draws.std(dim=0) / math.sqrt(4000)).all()), wrong


SURFACES = [space for space in SPACES if space.d < 3]


@pytest.mark.parametrize("space", [None, *SURFACES], ids=lambda space: repr(space) if space else "stereographic")
def test_density_of_a_draw(space: flows.Space | None) -> None:
    """It is what ``log_prob`` says of the point, and both have gradients in the field."""
    q = flows.WrappedFlow(euclidean(space.d), space) if space else flows.StereographicFlow(euclidean(2))
    x, known = q.rsample_and_log_prob((7,), **({"model": q.space.model} if q.space.model else {}))
    torch.testing.assert_close(log_prob(q, x), known, rtol=0.0, atol=1e-8)
    for value in (x.square().sum(), known.sum(), log_prob(q, x.detach()).sum()):
        (gradient,) = torch.autograd.grad(value, [q.flow.field.network.output.weight], retain_graph=True)
        assert bool(torch.isfinite(gradient).all())
        assert float(gradient.abs().max()) > 0.0


@torch.no_grad()
def test_a_field_that_rests_leaves_the_wrapped_normal() -> None:
    """On the torus and the circle the wrapped normal's closed form, in hyperbolic space the law of that name."""
    turn = torch.linspace(-3.1, 3.1, 21, dtype=DOUBLE)
    known = ht.ToroidalWrappedNormal(torch.zeros(1, dtype=DOUBLE), 0.9).log_prob(turn[:, None])
    still = euclidean(1, 0.9, 0.0)
    torch.testing.assert_close(flows.WrappedFlow(still, flows.Torus(1), radius=16.0).log_prob(turn[:, None]), known)
    circle = torch.stack([turn.cos(), turn.sin()], dim=-1)
    torch.testing.assert_close(flows.WrappedFlow(still, flows.Sphere(1), radius=16.0).log_prob(circle), known)
    pairs = torch.cartesian_prod(turn, turn)
    flat = ht.ToroidalWrappedNormal(torch.zeros(2, dtype=DOUBLE), 0.9)
    q = flows.WrappedFlow(euclidean(2, 0.9, 0.0), flows.Torus(2), radius=16.0)
    torch.testing.assert_close(q.log_prob(pairs), flat.log_prob(pairs))
    law = ht.WrappedNormal(torch.zeros(3, dtype=DOUBLE), 0.8, 1.3)
    x = law.sample((50,))
    q = flows.WrappedFlow(euclidean(3, 0.8, 0.0), flows.PoincareBall(3, 1.3))
    torch.testing.assert_close(q.log_prob(x), law.log_prob(x))
    space = conversions.poincare_to_tangent(x, torch.tensor(1.3, dtype=DOUBLE))
    torch.testing.assert_close(q.log_prob(space, model="tangent"), law.log_prob(x))


@torch.no_grad()
def test_stereographic_projection() -> None:
    """There and back, near the pole too; lengths change by the conformal factor; the pole itself has no density."""
    y = torch.tensor([[0.0, 0.0], [0.3, -2.0], [4e7, 3e7]], dtype=DOUBLE)
    x = sphere.from_stereographic(y)
    torch.testing.assert_close(torch.linalg.vector_norm(x, dim=-1), torch.ones(3, dtype=DOUBLE))
    torch.testing.assert_close(x[0], torch.tensor([1.0, 0.0, 0.0], dtype=DOUBLE))
    torch.testing.assert_close(sphere.to_stereographic(x), y, rtol=1e-13, atol=1e-15)
    q = flows.StereographicFlow(euclidean(2))
    pole = -torch.eye(1, 3, dtype=DOUBLE)
    assert q.log_prob(pole).tolist() == [-math.inf]
    # nor have points whose projection is beyond the dtype
    near = torch.tensor([[-1.0, 1e-200, 0.0], [-1.0, 0.0, -1e-310]], dtype=DOUBLE)
    assert q.log_prob(near).tolist() == [-math.inf] * 2


@torch.no_grad()
def test_what_the_truncation_loses() -> None:
    """A normal of scale 1 loses exp(-radius^2/2); the bound holds with odds 1 - 1e-3, here of a fixed draw."""
    q = flows.WrappedFlow(euclidean(2, 1.0, 0.0), flows.Torus(2), radius=2.0)
    share, bound = q.lost(20_000, generator=torch.Generator().manual_seed(1))
    exact = math.exp(-2.0)
    assert share == pytest.approx(exact, abs=0.012)
    assert max(share, exact) < bound < share + 0.01
    assert q.log_prob(torch.tensor([[2.0, 1.0]], dtype=DOUBLE)).tolist() == [-math.inf]
    far = flows.WrappedFlow(euclidean(2, 1.0, 0.0), flows.Torus(2), radius=8.0)
    # None of n beyond: 1 - (1/1000)^(1/n).
    assert far.lost(1000, generator=torch.Generator().manual_seed(1)) == (0.0, pytest.approx(0.0068840, rel=1e-4))
    assert flows.WrappedFlow(euclidean(2), flows.Lorentz(2)).lost() == (0.0, 0.0)


@torch.no_grad()
@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_expand(space: flows.Space) -> None:
    """Draws and densities of a batch of the same law; a batch axis is not drawn twice over."""
    law = flows.WrappedFlow(euclidean(space.d), space)
    wide = law.expand((3, 2))
    x, log_prob = wide.rsample_and_log_prob((4,), generator=torch.Generator().manual_seed(2))
    assert x.shape == (4, 3, 2, space.width)
    torch.testing.assert_close(log_prob, law.log_prob(x))
    torch.testing.assert_close(wide.log_prob(x), log_prob)
    torch.testing.assert_close(wide.log_prob(x[0, 0, :1]), log_prob[0, 0, :1].expand(3, 2))
    with pytest.raises(ValueError, match="shapes do not broadcast"):
        wide.log_prob(x[0, 0, :1].expand(5, -1))


def test_bad_input_is_named() -> None:
    flow = euclidean(2)
    on_sphere = flows.RiemannianCNF(ht.SphericalUniform(2, dtype=DOUBLE), field(flows.Sphere(2)))
    with pytest.raises(TypeError, match="flow must be a RiemannianCNF on flat space"):
        flows.StereographicFlow(on_sphere)
    with pytest.raises(ValueError, match=r"flow must have the dimension 3 of Sphere\(3\), got 2"):
        flows.WrappedFlow(flow, flows.Sphere(3))
    with pytest.raises(ValueError, match=r"flow must have no batch shape, got \(4,\)"):
        flows.StereographicFlow(flow.expand((4,)))
    with pytest.raises(ValueError, match="space must not be flat"):
        flows.WrappedFlow(flow, flows.Euclidean(2))
    with pytest.raises(ValueError, match=r"radius must be > 0, got .*0\.0"):
        flows.WrappedFlow(flow, flows.Torus(2), radius=0.0)
    with pytest.raises(ValueError, match="value must lie on"):
        flows.StereographicFlow(flow).log_prob(torch.tensor([[1.0, 1.0, 0.0]], dtype=DOUBLE))
    with pytest.raises(ValueError, match="model is for hyperbolic laws"):
        flows.StereographicFlow(flow).sample(model="poincare")
