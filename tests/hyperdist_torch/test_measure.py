"""One measure: what inference adds up, a law's log density and its transform's determinant, is a density of mass 1."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from torch.distributions import Independent, Normal, TransformedDistribution, biject_to  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import poincare  # noqa: E402
from hyperdist_torch.constraints import Hyperboloid, PoincareBall  # noqa: E402
from tests.support.torch.inference import DOUBLE, HYPERBOLIC, LAWS, SPHERICAL, TOROIDAL, density, rule_for, tensor  # noqa: E402


@pytest.mark.parametrize("name", LAWS)
def test_density_of_unconstrained_vectors_has_mass_one(name: str) -> None:
    """The product rules are right to 1e-6 here, the flows' solves too; a constant left out is off by 0.2 and more."""
    law = LAWS[name]()
    v, weight = rule_for(law)
    v = v.reshape(-1, *[1] * len(law.batch_shape), v.shape[-1])
    with torch.no_grad():
        x, p = density(law, v)
    mass = torch.tensordot(weight, p, ([0], [0]))
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=0.0, atol=2e-6)
    assert law.support.check(x).all()


@pytest.mark.parametrize("name", [n for n in HYPERBOLIC if "mixture" not in n and "origin" not in n])
def test_moments_of_unconstrained_vectors_are_the_law_s(name: str) -> None:
    """E dist(x, mu)^2, by the rule that gives the mass to 1e-6."""
    law = HYPERBOLIC[name]()
    v, weight = rule_for(law)
    with torch.no_grad():
        x, p = density(law, v.reshape(-1, *[1] * len(law.batch_shape), v.shape[-1]))
        second = torch.tensordot(weight, p * law._dist_sq(x, law.model), ([0], [0]))
    torch.testing.assert_close(second, law.variance, rtol=5e-6, atol=0.0)


def test_share_beyond_pi_and_mean_radius() -> None:
    """Two known numbers: P(x > pi) for a normal at 3 of scale 1/2, wrapped, and E r of a Riemannian normal."""
    v, weight = rule_for(circle := ht.ToroidalWrappedNormal(tensor([3.0]), 0.5))
    x, p = density(circle, v)
    smooth = torch.exp(1j * x[:, 0])  # the share itself is no smooth function of v
    assert (weight * p * smooth).sum().angle().item() == pytest.approx(3.0, abs=1e-9)
    v, weight = rule_for(law := ht.RiemannianNormal(torch.zeros(2, dtype=DOUBLE), 0.7, 1.0))
    p = density(law, v)[1]
    assert (weight * p * v.norm(dim=-1)).sum().item() == pytest.approx(0.949479, abs=1e-6)


@pytest.mark.parametrize("model", ["poincare", "tangent"])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_transformed_normal_is_the_wrapped_normal_at_the_origin(d: int, model: str) -> None:
    sigma, c = 0.5 + 0.2 * torch.arange(d, dtype=DOUBLE), tensor([0.0, 1e-9, 0.6, 3.0])
    wrapped = ht.WrappedNormal(torch.zeros(d, dtype=DOUBLE), sigma, c, model=model)
    base = Independent(Normal(torch.zeros(d, dtype=DOUBLE), sigma), 1)
    moved = TransformedDistribution(base, [biject_to(wrapped.support)])
    assert (moved.batch_shape, moved.event_shape) == (wrapped.batch_shape, wrapped.event_shape)
    x = wrapped.sample((20,))
    torch.testing.assert_close(moved.log_prob(x), wrapped.log_prob(x), rtol=1e-12, atol=1e-12)
    x = moved.sample((20,))
    torch.testing.assert_close(moved.log_prob(x), wrapped.log_prob(x), rtol=1e-12, atol=1e-12)
    assert moved.expand((2, 4)).sample().shape == (2, 4, d)


def test_transformed_normal_on_the_hyperboloid() -> None:
    base = Independent(Normal(torch.zeros(3, dtype=DOUBLE), torch.full((3,), 0.8, dtype=DOUBLE)), 1)
    moved = TransformedDistribution(base, [biject_to(Hyperboloid(tensor([0.6, 3.0])))])
    assert (moved.batch_shape, moved.event_shape) == ((2,), (4,))
    x = moved.sample((20,))
    wrapped = ht.WrappedNormal(torch.zeros(3, dtype=DOUBLE), 0.8, tensor([0.6, 3.0]))
    torch.testing.assert_close(moved.log_prob(x), wrapped.log_prob(x, model="lorentz"), rtol=1e-12, atol=1e-12)


def test_a_density_per_ball_coordinate_is_one_per_volume_less_the_log_volume() -> None:
    """The uniform density of the coordinates on the disc, 1/pi, by the measure that its transform speaks of."""
    support = PoincareBall(1.0)
    v, weight = rule_for(ht.RiemannianNormal(torch.zeros(2, dtype=DOUBLE), 1.0))
    transform = biject_to(support)
    x = transform(v)
    log_p = -math.log(math.pi) - poincare.log_volume(x, 1.0)
    mass = (weight * (log_p + transform.log_abs_det_jacobian(v, x)).exp()).sum().item()
    # The rule ends at radius 12, where tanh(6)^2 of the area is inside.
    assert mass == pytest.approx(math.tanh(6.0) ** 2, abs=1e-9)


def test_radii_have_their_transforms() -> None:
    """To the half line, or to (0, pi); their densities are per dr."""
    grid = 0.01 * torch.arange(-3000.0, 3001.0, dtype=DOUBLE)
    for name in ("riemannian-poincare-d2", "spherical-sphere-m3", "uniform-sphere-m4", "uniform-sphere-m2"):
        radius = LAWS[name]().radius
        r = (transform := biject_to(radius.support))(grid)
        inside = radius.support.check(r) & (r > 0.0)
        log_p = radius.log_prob(r[inside]) + transform.log_abs_det_jacobian(grid, r)[inside]
        assert 0.01 * log_p.exp().sum().item() == pytest.approx(1.0, abs=1e-6)


def test_circle_transform_has_no_seam() -> None:
    """The law's density and its gradient in v are those of the rotated law, at the cut as elsewhere."""
    v = torch.tensor([[-1.0, 0.0], [-1.0, 1e-12], [-0.3, -1e-9], [0.4, 0.2]], dtype=DOUBLE, requires_grad=True)
    turned = torch.stack([v[:, 0] * math.cos(1.0) - v[:, 1] * math.sin(1.0),
                          v[:, 0] * math.sin(1.0) + v[:, 1] * math.cos(1.0)], dim=-1)  # fmt: skip
    values = []
    for mu, at in ((3.0, v), (4.0, turned)):
        transform = biject_to(ht.constraints.angles)
        x = transform(at)
        total = ht.ToroidalWrappedNormal(tensor([mu]), 0.5).log_prob(x) + transform.log_abs_det_jacobian(at, x)
        values.append((total, torch.autograd.grad(total.sum(), v, retain_graph=True)[0]))
    torch.testing.assert_close(values[0], values[1])


def test_all_kinds_of_laws_are_here() -> None:
    """But for products, whose maps are their factors': ``test_product`` adds up their volumes."""
    assert {type(make()).__name__ for make in {**HYPERBOLIC, **SPHERICAL, **TOROIDAL}.values()} >= set(ht.__all__) - {
        "Product", "constraints", "transforms",
    }  # fmt: skip
