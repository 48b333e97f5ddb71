"""Flows on products: mass one, divergences, paths, coordinates of the factors, and bases that do not fit."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from hyperdist_torch.flows.spaces import OnProduct  # noqa: E402
from tests.support.torch import flows as support  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

DOUBLE = torch.float64
SPACE = flows.on(hd.ProductSpace(hd.Lorentz(1.3, 1), hd.Sphere(1), hd.Euclidean(1), hd.Torus(1)))
SURFACE = flows.on(hd.ProductSpace(hd.Lorentz(0.7, 1), hd.Sphere(1)))
LINE, DIRECTION, FLAT, ANGLE = ([0.2], [0.6, 0.8], [0.1], [0.3])


def laws(c: float) -> list[Any]:
    centre, direction, flat, angle = (torch.tensor(x, dtype=DOUBLE) for x in (LINE, DIRECTION, FLAT, ANGLE))
    return [
        ht.WrappedNormal(centre, 0.5, c),
        ht.VonMisesFisher(direction, 1.5),
        ht.WrappedNormal(flat, 0.6, 0.0),
        ht.ToroidalWrappedNormal(angle, 0.9),
    ]


def flow(space: Any, kind: str = "generators", **options: Any) -> flows.RiemannianCNF:
    base = ht.Product(*laws(space.factors[0].c)[: len(space.factors)])
    return flows.RiemannianCNF(base, support.field(space, kind), **options)


def points(n: int = 7) -> Any:
    """In the solver's coordinates."""
    hyperbolic, sphere, flat, torus = laws(1.3)
    drawn = (hyperbolic.sample((n,), model="lorentz"), sphere.sample((n,)), flat.sample((n,), model="tangent"))
    return torch.cat([*drawn, torus.sample((n,))], dim=-1)


def rule(n: int = 48) -> tuple[Any, Any]:
    """Points of the line times the circle and weights of volume: Legendre's rule over 6 deviations, trapezia."""
    r, weights = support.legendre(n, -6.0, 6.0)
    turn = 2.0 * math.pi / n * torch.arange(n, dtype=DOUBLE)
    r, angle = (part.flatten() for part in torch.meshgrid(r, turn, indexing="ij"))
    k = math.sqrt(0.7)
    line = torch.stack([(k * r).cosh() / k, (k * r).sinh() / k], dim=-1)
    circle = torch.stack([angle.cos(), angle.sin()], dim=-1)
    return torch.cat([line, circle], dim=-1), weights.repeat_interleave(n) * 2.0 * math.pi / n


@torch.no_grad()
def mass(q: flows.RiemannianCNF, n: int = 48) -> float:
    x, weights = rule(n)
    return float((q.log_prob(x, model="lorentz").exp() * weights).sum())


@pytest.mark.parametrize("kind", ["generators", "local"])
def test_mass_is_one(kind: str) -> None:
    """By a product rule; the error is the solver's, and falls with its step."""
    torch.manual_seed(5)
    q = flow(SURFACE, kind)
    errors = [abs(mass(flows.RiemannianCNF(q.base, q.field, solver=flows.FixedGrid(n))) - 1.0) for n in (4, 32)]
    assert errors[1] < 1e-6
    assert errors[1] < errors[0] / 8


class Dropped(flows.FrameField):
    """A field whose divergence lacks that of the second factor."""

    def with_divergence(self, t: Any, x: Any, context: Any = None, noise: Any = None) -> Any:
        f, _ = super().with_divergence(t, x, context, noise)
        first = flows.FunctionField(
            self.space.factors[0], lambda t, y: self(t, torch.cat([y, x[..., 2:]], -1))[..., :2]
        )
        return f, first.with_divergence(t, x[..., :2])[1]


def test_a_factor_left_out_of_the_divergence_is_seen() -> None:
    torch.manual_seed(5)
    right = support.field(SURFACE)
    wrong = Dropped(SURFACE, hidden=8, layers=2, activation="tanh").to(DOUBLE)
    wrong.load_state_dict(right.state_dict())
    assert abs(mass(flows.RiemannianCNF(flow(SURFACE).base, wrong)) - 1.0) > 1e-2


@pytest.mark.parametrize("kind", ["generators", "local"])
def test_divergences_agree_and_noise_averages_out(kind: str) -> None:
    torch.manual_seed(1)
    made, x, t = support.field(SPACE, kind), points(), torch.tensor(0.3, dtype=DOUBLE)
    ours, theirs = made.with_divergence(t, x), support.function_of(made).with_divergence(t, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)
    width = SPACE.noise_width
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=DOUBLE)] * width)
    estimates = [made.with_divergence(t, x, noise=row.expand(len(x), -1))[1] for row in signs]
    torch.testing.assert_close(sum(estimates) / len(signs), ours[1], rtol=1e-11, atol=1e-11)


def test_draws_have_the_density_in_every_model() -> None:
    torch.manual_seed(2)
    q = flow(SPACE)
    assert q.event_shape == (5,)
    for model, width in ((None, 5), ("poincare", 5), ("tangent", 5), ("lorentz", 6)):
        options = {} if model is None else {"model": model}
        x, lp = q.rsample_and_log_prob((6,), **options)
        assert x.shape == (6, width)
        torch.testing.assert_close(q.log_prob(x, **options), lp, rtol=1e-6, atol=1e-6)
    assert q.support.check(q.sample((6,))).all()
    assert q.config.space == repr(SPACE)
    lp.sum().backward()
    assert all(parameter.grad is not None for parameter in q.field.parameters())


def test_parts_are_the_factors(tmp_path: Any) -> None:
    x, y = points(), points()
    left = torch.full((7, 1), 0.3, dtype=DOUBLE)
    at, velocity = SPACE.path(x, y, left)
    core = SPACE.core
    assert isinstance(SPACE, OnProduct)
    torch.testing.assert_close(SPACE.dist_sq(x, y), core.dist_sq(x, y))
    torch.testing.assert_close(core.dist(x, at), 0.7 * core.dist(x, y))
    torch.testing.assert_close(SPACE.inner(at, velocity, velocity).sqrt(), core.dist(x, y))
    torch.testing.assert_close(SPACE.exp(x, SPACE.log(x, y)), y)
    torch.testing.assert_close(SPACE.transport(x, y, SPACE.log(x, y)), -SPACE.log(y, x))
    q = flow(SPACE)
    loss = flows.flow_matching(q, x, coupling=7)
    loss.mean().backward()
    assert loss.shape == (7,)
    q.save(tmp_path / "q.pt")
    again = flows.RiemannianCNF.load(tmp_path / "q.pt", q.base, support.field(SPACE))
    assert torch.equal(again.log_prob(x, model="lorentz"), q.log_prob(x, model="lorentz"))


def test_what_does_not_fit_is_named() -> None:
    one = laws(1.3)
    field = support.field(SPACE)
    for base, message in (
        (one[0], "base must be a Product of 4 laws on ProductSpace"),
        (ht.Product(*one[:3]), "base must be a Product of 4 laws"),
        (ht.Product(one[1], *one[1:]), r"base must have event shape \(1,\) on Lorentz"),
        (ht.Product(laws(2.0)[0], *one[1:]), "base must have the curvature c = 1.3 of its space"),
        (ht.Product(one[0], one[1], one[2], one[2]), r"base must be a law on Torus\(1\)"),
    ):
        with pytest.raises(ValueError, match=message):
            flows.RiemannianCNF(base, field)
    with pytest.raises(ValueError, match=r"value must have 6 coordinates"):
        flow(SPACE).log_prob(torch.zeros(3, 5, dtype=DOUBLE), model="lorentz")
    with pytest.raises(ValueError, match=r"value must lie on Sphere\(1\)"):
        flow(SPACE).log_prob(torch.zeros(3, 5, dtype=DOUBLE))
    with pytest.raises(ValueError, match="must be periodic"):
        flows.RiemannianCNF(ht.Product(*one), flows.FunctionField(SPACE, lambda t, x: x)).sample((2,))
    with pytest.raises(ValueError, match="a single one for GeodesicDistances"):
        flows.GeodesicDistances(SPACE, 3)
    with pytest.raises(ValueError, match="one number for c"):
        flows.on(hd.ProductSpace(hd.PoincareBall([1.0, 2.0], 2), hd.Sphere(2)))
    with pytest.raises(ValueError, match="features must be of"):
        flows.FrameField(SPACE, features=flows.Coordinates(flows.Sphere(4)))
