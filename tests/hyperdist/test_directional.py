"""Inference about directions: levels and power by simulation, closed forms, published formulae."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import hyperdist as hd
from tests.support.statistics import ALPHA

directional = hd.directional


def at_most(rejected: int, trials: int, level: float) -> bool:
    """Whether so many rejections at a level are no more than chance gives, false alarm 1e-6."""
    return stats.binom.sf(rejected - 1, trials, level) > ALPHA


@pytest.mark.parametrize(("n", "m"), [(10, 2), (20, 3), (100, 10)])
def test_uniform_directions_are_rejected_as_often_as_is_said(n, m, rng):
    """1,000 samples; the chi-square laws are right to 1 % at the level 5 %, so that 6 % bounds them."""
    x = hd.SphericalUniform(m - 1).sample((1_000, n), rng)
    for test in (directional.rayleigh_test, directional.bingham_test):
        assert at_most(sum(test(sample).pvalue < 0.05 for sample in x), len(x), 0.06)


def test_uniformity_is_rejected_by_the_test_that_sees_why(rng):
    caps = hd.VonMisesFisher([0.0, 0.0, 1.0], 2.0).sample(200, rng)
    axial = hd.VonMisesFisher([0.0, 0.0, 1.0], 10.0).sample(200, rng) * rng.choice([-1.0, 1.0], (200, 1))
    assert directional.rayleigh_test(caps).pvalue < 1e-9
    assert directional.bingham_test(axial).pvalue < 1e-9 < directional.rayleigh_test(axial).pvalue


def test_rayleigh_on_the_circle_is_the_published_correction(rng):
    """Mardia & Jupp 2000, eq. 6.3.5: (1 - 1/(2n)) 2 n R^2 + n R^4/2."""
    angle = rng.uniform(-np.pi, np.pi, 30)
    x = np.column_stack([np.cos(angle), np.sin(angle)])
    mean = np.linalg.norm(np.mean(x, axis=0))
    expected = (1 - 1 / 60) * 60 * mean**2 + 30 * mean**4 / 2
    assert directional.rayleigh_test(x).statistic == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("kappa", "equal"), [((2.0, 20.0), False), ((20.0, 20.0), True)])
def test_a_common_mean_is_kept_and_two_means_are_told_apart(kappa, equal, rng):
    """400 pairs of samples of 40; the law for large samples is right to 2 % at the level 5 %."""
    first, second = (hd.VonMisesFisher([0.0, 0.0, 1.0], k).sample((400, 40), rng) for k in kappa)
    p = [directional.common_mean_test(*pair, equal_concentrations=equal).pvalue
         for pair in zip(first, second, strict=True)]  # fmt: skip
    assert at_most(sum(value < 0.05 for value in p), len(p), 0.07)
    turned = np.array([0.0, 1.0, 0.0]) * second + second[..., [2, 1, 0]] * np.array([1.0, 0.0, -1.0])
    assert directional.common_mean_test(first[0], turned[0], equal_concentrations=equal).pvalue < ALPHA


def test_two_samples_in_one_dimension_of_freedom_are_watson_and_williams_by_hand(rng):
    x, y = hd.VonMisesFisher([[1.0, 0.0], [0.8, 0.6]], 30.0).sample(12, rng).transpose(1, 0, 2)
    r1, r2, r = (np.linalg.norm(np.sum(a, axis=0)) for a in (x, y, np.concatenate([x, y])))
    found = directional.common_mean_test(x, y, equal_concentrations=True)
    assert found.statistic == pytest.approx(22 * (r1 + r2 - r) / (24 - r1 - r2), rel=1e-12)
    assert found.pvalue == pytest.approx(stats.f.sf(found.statistic, 1, 22), rel=1e-12)


@pytest.mark.parametrize(("m", "kappa", "n"), [(3, 0.3, 30), (3, 20.0, 6), (10, 3.0, 30), (2, 1.0, 10)])
def test_cones_hold_the_mean_direction_as_often_as_they_say(m, kappa, n, rng):
    """1,000 samples at level 0.95; the stated coverage is 0.94 to 0.98."""
    mu = np.eye(m)[0]
    x, held = hd.VonMisesFisher(mu, kappa).sample((1_000, n), rng), 0
    for sample in x:
        cone = directional.confidence_cone(sample)
        held += np.arccos(np.clip(cone.mean @ mu, -1.0, 1.0)) <= cone.angle
    assert at_most(len(x) - held, len(x), 0.065)
    assert held < 0.999 * len(x)


def test_alpha95_is_fishers(rng):
    """Fisher 1953: cos alpha = 1 - (N - R)/R ((1/0.05)^(1/(N - 1)) - 1)."""
    x = hd.VonMisesFisher([0.0, 0.6, 0.8], 30.0).sample(9, rng)
    length = np.linalg.norm(np.sum(x, axis=0))
    expected = np.arccos(1 - (9 - length) / length * (20.0 ** (1 / 8) - 1))
    cone = directional.confidence_cone(x, method="fisher")
    assert cone.angle == pytest.approx(expected, rel=1e-10)
    assert cone.angle == pytest.approx(directional.confidence_cone(x).angle, rel=0.05)
    assert directional.confidence_cone(x, 0.5).angle < cone.angle


def test_kappa_of_a_small_sample(rng):
    """(m - 1)(n - 1)/(2 (n - R)) of concentrated data; the equation of Schou at any; 0 below sqrt(n)."""
    for m in (2, 3, 10):
        x = hd.VonMisesFisher(np.eye(m)[0], 1e6).sample(7, rng)
        gap = 0.5 * np.mean(np.sum(np.square(x - directional.confidence_cone(x).mean), axis=1))
        found = hd.VonMisesFisher.fit(x, small_sample=True).kappa
        assert found == pytest.approx((m - 1) * 6 / (2 * 7 * gap), rel=1e-4)
    x = hd.VonMisesFisher([0.0, 0.0, 1.0], 2.0).sample(12, rng)
    length = np.linalg.norm(np.sum(x, axis=0))
    kappa = hd.VonMisesFisher.fit(x, small_sample=True).kappa
    langevin = [1 / np.tanh(k) - 1 / k for k in (kappa, kappa * length)]
    assert langevin[0] == pytest.approx(length / 12 * langevin[1], rel=1e-10)
    assert kappa < hd.VonMisesFisher.fit(x).kappa
    axes = np.concatenate([np.eye(3), -np.eye(3), np.eye(3)[:1]])
    assert hd.VonMisesFisher.fit(axes).kappa > 0.0 == hd.VonMisesFisher.fit(axes, small_sample=True).kappa
    with pytest.raises(ValueError, match="weights must be left out with small_sample"):
        hd.VonMisesFisher.fit(axes, np.ones(7), small_sample=True)


def test_the_correction_takes_most_of_the_bias_away(rng):
    """1/kappa of 400 samples of 8 at kappa = 20, m = 3: maximum likelihood has 7/8 of it, 5 standard errors apart."""
    x = hd.VonMisesFisher([0.0, 0.0, 1.0], 20.0).sample((400, 8), rng)
    inverse = np.array([1.0 / hd.VonMisesFisher.fit(sample, small_sample=True).kappa for sample in x])
    assert abs(np.mean(inverse) * 20.0 - 1.0) < 5.0 * np.std(inverse) * 20.0 / np.sqrt(len(x))


@pytest.mark.parametrize(
    ("call", "match"),
    [(lambda: directional.rayleigh_test([[1.0, 1.0]]), "x must lie on the unit sphere"),
     (lambda: directional.rayleigh_test([[1.0, 0.0]]), "x must hold at least 2 directions, got 1"),
     (lambda: directional.common_mean_test(np.eye(3)), "two or more, got 1"),
     (lambda: directional.common_mean_test(np.eye(3), np.eye(2)), "of one dimension"),
     (lambda: directional.confidence_cone(np.eye(3), 1.0), "level must be > 0 and < 1"),
     (lambda: directional.confidence_cone([[1.0, 0.0], [-1.0, 0.0]]), "directions whose sum is 0"),
     (lambda: directional.confidence_cone(np.eye(3), method="alpha95"), "method must be one of dispersion, fisher")],
)  # fmt: skip
def test_what_cannot_be_inferred_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_samples_that_are_one_direction_each():
    up, across = [[0.0, 0.0, 1.0]] * 5, [[1.0, 0.0, 0.0]] * 5
    apart = hd.directional.common_mean_test(up, across, equal_concentrations=True)
    assert (apart.statistic, apart.pvalue) == (np.inf, 0.0)
    same = hd.directional.common_mean_test(up, up, equal_concentrations=True)
    assert (same.statistic, same.pvalue) == (0.0, 1.0)
