"""Maximum likelihood in every law: the maximum is one, the parameters come back, weights count as copies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from scipy import stats

import hyperdist as hd
from hyperdist.geometry import conversions
from tests.support.cases import ball_point, unit
from tests.support.statistics import ALPHA


@dataclass(frozen=True)
class Fit:
    """A law, the options its ``fit`` needs, and its number of free parameters."""

    name: str
    law: Any
    parameters: int
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def fit(self, x: Any, weights: Any = None, **more: Any) -> Any:
        return type(self.law).fit(x, weights, **self.options, **more)


def _riemannian(d: int, sigma: float, c: float, length: float = 0.5) -> Fit:
    law = hd.RiemannianNormal(ball_point(d, length / max(c, 1) ** 0.5, float), sigma, c)
    return Fit(f"riemannian-d{d}-c{c:g}", law, d + 1, {"c": c})


def _wrapped(d: int, c: float) -> Fit:
    scales = 0.3 + 0.5 * np.arange(d) / max(1, d - 1)
    law = hd.WrappedNormal(ball_point(d, 0.5 / max(c, 1) ** 0.5, float), scales, c)
    return Fit(f"wrapped-d{d}-c{c:g}", law, 2 * d, {"c": c})


def _isotropic(d: int, c: float) -> Fit:
    law = hd.WrappedNormal(ball_point(d, 0.5 / max(c, 1) ** 0.5, float), 0.7, c)
    return Fit(f"wrapped-isotropic-d{d}-c{c:g}", law, d + 1, {"c": c, "isotropic": True})


FITS = [
    _riemannian(1, 0.7, 1.0),
    _riemannian(2, 1.0, 1.0),
    _riemannian(5, 0.5, 0.3),
    _riemannian(10, 0.4, 2.0),
    _riemannian(3, 0.8, 0.0),
    _wrapped(1, 1.0),
    _wrapped(2, 1.0),
    _wrapped(5, 0.5),
    _wrapped(10, 2.0),
    _wrapped(3, 0.0),
    _isotropic(2, 1.0),
    _isotropic(5, 0.3),
    _isotropic(3, 0.0),
    Fit("vmf-m2", hd.VonMisesFisher(unit(2, float), 3.0), 2),
    Fit("vmf-m3", hd.VonMisesFisher(unit(3, float), 0.7), 3),
    Fit("vmf-m3-narrow", hd.VonMisesFisher(unit(3, float), 1e6), 3),
    Fit("vmf-m20", hd.VonMisesFisher(unit(20, float), 40.0), 20),
    Fit("spherical-d2", hd.SphericalRiemannianNormal(unit(3, float), 0.6), 3),
    Fit("spherical-d9", hd.SphericalRiemannianNormal(unit(10, float), 0.3), 10),
    Fit("toroidal-d3", hd.ToroidalWrappedNormal([3.0, -1.0, 0.0], [0.5, 1.0, 0.1]), 6),
    Fit("toroidal-isotropic-d2", hd.ToroidalWrappedNormal([3.0, -1.0], [0.5]), 3, {"covariance": "isotropic"}),
]
HYPERBOLIC = [case for case in FITS if "c" in case.options]
WRAPPED = [case for case in FITS if isinstance(case.law, hd.WrappedNormal)]


def mean_log_prob(law: Any, x: np.ndarray, weights: Any = None) -> float:
    return float(np.average(law.log_prob(x), weights=weights))


def neighbours(law: Any, h: float) -> list[Any]:
    """The law with its centre moved by h standard deviations along each frame axis, and with its scale times 1 +- h."""
    space, kind = law.space, type(law)
    scale = "kappa" if kind is hd.VonMisesFisher else "sigma"
    value = np.asarray(getattr(law, scale), float)
    width = float(np.min(value**-0.5 if scale == "kappa" else value))
    more = {"c": law.c} if hasattr(law, "c") else {}
    mu, found = np.asarray(law.mean, float), []
    d = law.event_shape[0] - (scale == "kappa" or kind is hd.SphericalRiemannianNormal)
    for axis in np.eye(d):
        for sign in (h, -h):
            centre = space.exp(mu, space.from_frame(mu, sign * width * axis))
            found.append(kind(centre, **{scale: value}, **more))
    sizes = np.eye(value.size).reshape(value.size, *value.shape)
    found += [kind(mu, **{scale: value * (1 + sign * size)}, **more) for size in sizes for sign in (h, -h)]
    return found


@pytest.mark.parametrize("case", FITS, ids=str)
def test_parameters_come_back(case: Fit, rng: np.random.Generator) -> None:
    """Wilks: twice the gain in log likelihood over the true law is chi-square with as many degrees as parameters.

    False alarm 1e-6; a scale off by 10 % adds 0.01 n d or more to it, n = 4000, and is always found.
    """
    x = case.law.sample(4000, rng)
    gain = 2 * len(x) * (mean_log_prob(case.fit(x), x) - mean_log_prob(case.law, x))
    assert gain > 0
    assert stats.chi2.sf(gain, case.parameters) > ALPHA


@pytest.mark.parametrize("case", FITS, ids=str)
def test_no_neighbour_is_better_and_the_slope_is_zero(case: Fit, rng: np.random.Generator) -> None:
    x = case.law.sample(300, rng)
    weights = rng.random(300)
    fitted = case.fit(x, weights)
    best = mean_log_prob(fitted, x, weights)
    for h in (1e-1, 1e-2):
        around = np.array([mean_log_prob(law, x, weights) for law in neighbours(fitted, h)])
        assert (around < best).all()
        slopes = (around[0::2] - around[1::2]) / (2 * h)
        # The central difference of a smooth function, whose third derivative in these units is of order d.
        assert (np.abs(slopes) < 10 * case.parameters * h * h).all(), slopes


@pytest.mark.parametrize("case", FITS, ids=str)
def test_weights_count_as_copies(case: Fit, rng: np.random.Generator) -> None:
    x = case.law.sample(60, rng)
    counts = rng.integers(0, 3, 60)
    by_weight, by_copy = case.fit(x, counts), case.fit(np.repeat(x, counts, axis=0))
    np.testing.assert_allclose(by_weight.log_prob(x), by_copy.log_prob(x), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(case.fit(x, 1e9 * counts).log_prob(x), by_weight.log_prob(x), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("case", FITS, ids=str)
def test_batched_weights_are_one_fit_each(case: Fit, rng: np.random.Generator) -> None:
    x, weights = case.law.sample(80, rng), rng.random((80, 2, 3))
    together = case.fit(x, weights)
    assert together.batch_shape == (2, 3)
    density = together.log_prob(x[:, None, None])
    for index in np.ndindex(2, 3):
        alone = case.fit(x, weights[(slice(None), *index)])
        np.testing.assert_allclose(density[(slice(None), *index)], alone.log_prob(x), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("case", FITS, ids=str)
def test_float32_in_float32_out(case: Fit, rng: np.random.Generator) -> None:
    if case.name == "vmf-m3-narrow":
        pytest.skip("a spread of 1e-3 rad keeps four digits in float32")
    x = case.law.sample(200, rng).astype(np.float32)
    fitted = case.fit(x)
    assert fitted.dtype == fitted.mean.dtype == np.float32
    wide = x.astype(float)
    if isinstance(fitted.space, hd.Sphere):
        wide /= np.linalg.norm(wide, axis=-1, keepdims=True)
    np.testing.assert_allclose(fitted.log_prob(x), case.fit(wide).log_prob(wide), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", FITS, ids=str)
def test_equal_points_have_no_best_law(case: Fit, rng: np.random.Generator) -> None:
    x = np.repeat(case.law.sample(1, rng), 5, axis=0)
    with pytest.raises(ValueError, match="positive spread"):
        case.fit(x)
    with pytest.raises(ValueError, match="positive spread"):
        case.fit(np.concatenate([x, case.law.sample(3, rng)]), [1] * 5 + [0] * 3)


@pytest.mark.parametrize("case", FITS, ids=str)
def test_wrong_observations_and_weights(case: Fit, rng: np.random.Generator) -> None:
    x = case.law.sample(5, rng)
    for bad, message in [
        (np.ones(4), "length 5"),
        (-np.ones(5), ">= 0"),
        (np.zeros(5), "positive sum"),
        (np.nan, "finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            case.fit(x, bad)
    for bad in (x[:0], x[0], np.full_like(x, np.nan), x[None]):
        with pytest.raises(ValueError, match=r"x|observation"):
            case.fit(bad)


@pytest.mark.parametrize("case", FITS, ids=str)
def test_least_scale(case: Fit, rng: np.random.Generator) -> None:
    """Below the best scale the bound changes nothing; above it is met, and no law within it is better."""
    x = case.law.sample(50, rng)
    free = case.fit(x)
    scale = np.asarray(free.kappa**-0.5 if hasattr(free, "kappa") else free.sigma)
    same = case.fit(x, min_scale=0.5 * scale.min())
    np.testing.assert_allclose(same.log_prob(x), free.log_prob(x), rtol=1e-7, atol=1e-7)
    least = 1.5 * scale.max()
    held = case.fit(x, min_scale=least)
    np.testing.assert_allclose(held.kappa**-0.5 if hasattr(held, "kappa") else held.sigma, least)
    moves = 2 * (held.event_shape[0] - isinstance(held.space, hd.Sphere))
    assert all(mean_log_prob(law, x) <= mean_log_prob(held, x) for law in neighbours(held, 1e-2)[:moves])
    lone = case.fit(x[:1], min_scale=least)
    np.testing.assert_allclose(lone.mean, x[0], atol=1e-12)


@pytest.mark.parametrize("case", HYPERBOLIC, ids=str)
def test_units(case: Fit, rng: np.random.Generator) -> None:
    """Curvature c k^2 on the points divided by k is the same law at 1/k of the scale."""
    k = 3.0
    x = case.law.sample(100, rng)
    one, other = case.fit(x), type(case.law).fit(x / k, **{**case.options, "c": k * k * case.options["c"]})
    np.testing.assert_allclose(other.mean * k, one.mean, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.sigma * k, one.sigma, rtol=1e-7)


@pytest.mark.parametrize("case", HYPERBOLIC, ids=str)
def test_c_is_one_space(case: Fit, rng: np.random.Generator) -> None:
    x = 0.1 * case.law.sample(5, rng)
    with pytest.raises(ValueError, match="scalar"):
        type(case.law).fit(x, c=[1.0, 2.0])
    with pytest.raises(ValueError, match=">= 0"):
        type(case.law).fit(x, c=-1.0)


def test_flat_space_has_the_closed_form(rng: np.random.Generator) -> None:
    """At c = 0 lengths are twice those of the coordinates."""
    x = rng.normal(size=(50, 3))
    fitted = hd.WrappedNormal.fit(x, c=0.0)
    np.testing.assert_allclose(fitted.mean, x.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(fitted.sigma, 2 * x.std(axis=0), rtol=1e-13)
    np.testing.assert_allclose(hd.RiemannianNormal.fit(x, c=0.0).sigma, 2 * np.sqrt(np.mean(x.var(axis=0))), rtol=1e-13)


@pytest.mark.parametrize("case", FITS, ids=str)
def test_weights_of_any_size(case: Fit, rng: np.random.Generator) -> None:
    """Sums that overflow, and weights whose sum is the smallest of doubles."""
    x = case.law.sample(30, rng)
    plain = case.fit(x)
    for size in (1e308, 5e-324):
        np.testing.assert_allclose(case.fit(x, np.full(30, size)).log_prob(x), plain.log_prob(x), rtol=1e-7, atol=1e-7)


def test_far_from_the_origin(rng: np.random.Generator) -> None:
    """At a distance of 12 the ball still tells points 1e-6 apart."""
    centre = conversions.tangent_to_poincare(np.array([12.0 * 0.6, 12.0 * 0.8]), 1.0)
    x = hd.RiemannianNormal(centre, 0.5).sample(500, rng)
    for fitted in (hd.RiemannianNormal.fit(x), hd.WrappedNormal.fit(x, isotropic=True)):
        assert hd.PoincareBall().dist(fitted.mean, centre) < 6 * 0.5 / 500**0.5
        assert abs(float(np.squeeze(fitted.sigma)) / 0.5 - 1) < 0.25


@pytest.mark.parametrize("scale", [1e-7, 1e-3])
def test_narrow_clouds(scale: float, rng: np.random.Generator) -> None:
    """A spread of 1e-7 is a spread: the parameters keep the digits that the coordinates have."""
    for case in (_riemannian(3, scale, 1.0), _isotropic(3, 1.0)):
        law = type(case.law)(case.law.mean, scale, 1.0)
        fitted = case.fit(law.sample(2000, rng))
        assert abs(float(np.squeeze(fitted.sigma)) / scale - 1) < 6 / 6000**0.5


def test_uniform_has_no_parameter(rng: np.random.Generator) -> None:
    assert hd.SphericalUniform.fit(hd.SphericalUniform(3).sample(5, rng)).event_shape == (4,)


def test_no_direction_is_best() -> None:
    """Opposite points have no mean direction, so kappa = 0; the normal's likelihood has a maximum, at some side."""
    poles = np.concatenate([np.eye(3), -np.eye(3)])
    even = hd.VonMisesFisher.fit(poles)
    assert even.kappa == 0.0
    assert even.log_prob(poles) == pytest.approx(-np.log(4 * np.pi), rel=1e-15)
    several = hd.VonMisesFisher.fit(poles, np.stack([np.ones(6), [3.0, 1.0, 1.0, 1.0, 1.0, 1.0]], axis=1))
    assert several.kappa[0] == 0.0
    assert several.mean_resultant_length[1] == pytest.approx(0.25, rel=1e-12)
    assert hd.VonMisesFisher.fit(poles, min_scale=0.5).kappa == 0.0
    assert hd.SphericalRiemannianNormal.fit(poles).sigma > 1


def test_a_mask_is_weights_of_one_and_zero(rng: np.random.Generator) -> None:
    x = hd.RiemannianNormal([0.1, 0.2], 0.4).sample((50,), rng=rng)
    some = rng.random(50) < 0.5
    masked, chosen = hd.RiemannianNormal.fit(x, some), hd.RiemannianNormal.fit(x[some])
    np.testing.assert_allclose(masked.mu, chosen.mu, rtol=1e-12)
    np.testing.assert_allclose(masked.sigma, chosen.sigma, rtol=1e-12)
    with pytest.raises(ValueError, match="weights must have a positive sum"):
        hd.RiemannianNormal.fit(x, np.zeros(50, dtype=bool))


@pytest.mark.parametrize("family", [hd.VonMisesFisher, hd.PowerSpherical])
@pytest.mark.parametrize("least", [1e-300, 1e-160, 1e-9])
def test_a_least_scale_whose_square_is_no_double_is_the_largest_kappa(family, least):
    x, y = np.tile([0.0, 0.6, 0.8], (3, 1)), np.tile([0.6, 0.0, 0.8], (3, 1))
    assert family.fit(x, min_scale=least).kappa == 1e15
    held = hd.Mixture.fit(np.concatenate([x, y]), family, 2, rng=0, starts=1, min_scale=least)
    assert (held.component.kappa == 1e15).all()
