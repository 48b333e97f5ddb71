"""The absolute angle of the wrapped normal: against the mpmath reference, theta functions, and its own two series."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from hyperdist.radial.circular import SWITCH
from hyperdist.radial.wrapped_circle import WrappedNormalAngle
from tests.support.closed_forms import circle_cdf, circle_density, circle_second_moment
from tests.support.oracles import load
from tests.support.statistics import ALPHA, ks_cdf, ks_uniform
from tests.support.strategies import log_floats, probabilities

VALUE = 1e-13
DEEP = 1e-12
"""A tail of 1e-300 is the exponential of -691, and carries 691 roundings."""
ROWS = load("circle")
BOTH_SERIES = [0.05, 0.4, 1.0, SWITCH, math.nextafter(SWITCH, 2), 2.2, 4.0, 9.0]
scales = log_floats(1e-6, 50.0)


def relative(value: float, exact: mpf) -> float:
    return float(abs(mpf(float(value)) / exact - 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"sigma={row['sigma']}")
def test_moments_and_entropy_match_the_reference(row):
    law = WrappedNormalAngle(row["sigma"])
    for name in ("mean", "variance"):
        assert relative(getattr(law, name), mpf(row[name])) <= VALUE
    assert relative(law._moments()[2], mpf(row["second_moment"])) <= VALUE
    assert abs(mpf(float(law.entropy())) - mpf(row["entropy"])) <= VALUE
    assert law.mode == 0.0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"sigma={row['sigma']}")
def test_points_match_the_reference(row):
    """Both tails down to 1e-300, the density, and the derivative of a draw."""
    law = WrappedNormalAngle(row["sigma"])
    for point in row["points"]:
        x, limit = point["x"], DEEP if point["p"] < 1e-6 else VALUE
        assert relative(law.cdf(x), mpf(point["cdf"])) <= limit
        assert relative(law.sf(x), mpf(point["sf"])) <= limit
        for log, exact in ((law.log_cdf(x), point["cdf"]), (law.log_sf(x), point["sf"])):
            assert abs(mpf(float(log)) - mp.log(mpf(exact))) <= VALUE * (1 + abs(mp.log(mpf(exact))))
        log_pdf = mpf(point["log_pdf"])
        assert abs(mpf(float(law.log_prob(x))) - log_pdf) <= VALUE * (1 + abs(log_pdf))
        dx = mpf(point["dx"])
        if dx > mpf("1e-300"):
            assert relative(law.parameter_gradient(x)["sigma"], dx) <= VALUE
        quantile = law.isf(point["p"]) if point["upper"] else law.icdf(point["p"])
        assert relative(quantile, mpf(point["quantile"])) <= limit


@pytest.mark.parametrize("sigma", BOTH_SERIES)
def test_density_cdf_and_second_moment_match_theta_functions(sigma):
    """On both sides of the switch between the series."""
    law, s = WrappedNormalAngle(sigma), mpf(sigma)
    with mp.workdps(40):
        for a in (1e-6, 0.3, 1.0, math.pi / 2, 2.0, 3.0, math.nextafter(math.pi, 0)):
            log_density = mp.log(circle_density(mpf(a), s)) if sigma > 0.3 or a < 1 else None
            if log_density is not None:
                assert abs(mpf(float(law.log_prob(a))) - log_density) <= VALUE * (1 + abs(log_density))
            assert relative(law.cdf(a), circle_cdf(mpf(a), s)) <= VALUE
        assert relative(law._moments()[2], circle_second_moment(s)) <= VALUE


@given(sigma=scales, p=probabilities)
def test_quantiles_invert_the_tails(sigma, p):
    """To the rounding of the logarithm, and of the quantile where that leaves the tail its digits."""
    law = WrappedNormalAngle(sigma)
    for x, log_tail in ((law.icdf(p), law.log_cdf), (law.isf(p), law.log_sf)):
        assert 0 <= x <= math.pi
        value = float(log_tail(x))
        moved = float(law.log_prob(x)) - value + math.log(max(math.ulp(x), 1e-320))
        if moved < -3:
            assert abs(value - math.log(p)) <= 4 * math.exp(moved) + VALUE * (1 + abs(math.log(p)))


@given(sigma=scales, a=st.floats(0.0, math.pi))
def test_tails_complement_each_other_and_density_falls(sigma, a):
    law = WrappedNormalAngle(sigma)
    assert law.cdf(a) + law.sf(a) == pytest.approx(1.0, abs=1e-15)
    assert law.log_prob(a) <= law.log_prob(0.5 * a) + 1e-14
    assert law.parameter_gradient(a)["sigma"] >= 0


@pytest.mark.parametrize("sigma", BOTH_SERIES)
@pytest.mark.parametrize("p", [1e-3, 0.4, 0.9, 1 - 1e-6])
def test_parameter_gradient_is_the_derivative_of_the_quantile(sigma, p):
    """A central difference of step 1e-5: truncation and rounding leave 1e-9 of sigma."""
    h = 1e-5 * sigma
    low, high = (WrappedNormalAngle(sigma + sign * h).icdf(p) for sign in (-1, 1))
    law = WrappedNormalAngle(sigma)
    gradient = law.parameter_gradient(law.icdf(p))["sigma"]
    assert gradient == pytest.approx((high - low) / (2 * h), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("a", [0.0, 1e-9, 0.5, math.pi / 2, 2.5, 3.1, math.pi])
def test_the_two_series_meet(a):
    """Everything is continuous in sigma where images give way to waves."""
    below, above = WrappedNormalAngle(SWITCH), WrappedNormalAngle(math.nextafter(SWITCH, 2))
    for name in ("log_prob", "cdf", "sf"):
        np.testing.assert_allclose(getattr(above, name)(a), getattr(below, name)(a), rtol=1e-14, atol=1e-15)
    drift = [law.parameter_gradient(a)["sigma"] for law in (below, above)]
    np.testing.assert_allclose(drift[1], drift[0], rtol=1e-14)


def test_log_normalizer_is_the_integral_of_the_kernel():
    """sum_k exp(-(a + 2 pi k)^2/(2 sigma^2)) over [0, pi] is half a normal's; its derivative in sigma is 1/sigma."""
    sigma = np.array([0.1, 1.0, 7.0])
    law = WrappedNormalAngle(sigma)
    k = np.arange(-20, 21)[:, None]
    for a in (0.3, 2.0):
        kernel = np.log(np.sum(np.exp(-0.5 * np.square((a + 2 * np.pi * k) / sigma)), axis=0))
        np.testing.assert_allclose(kernel - law.log_prob(a), law.log_normalizer(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(law.log_normalizer_derivative()["sigma"], 1 / sigma)
    np.testing.assert_array_equal(law.acceptance_rate(), np.ones(3))


@pytest.mark.parametrize("sigma", [1e-150, 1e-20, 1e20, 1e150])
def test_extreme_scales_are_the_half_normal_and_the_uniform(sigma):
    law = WrappedNormalAngle(sigma)
    x = law.icdf([0.1, 0.5, 0.9])
    np.testing.assert_allclose(law.cdf(x), [0.1, 0.5, 0.9], rtol=1e-14)
    if sigma < 1:
        np.testing.assert_allclose(law.mean, sigma * math.sqrt(2 / math.pi), rtol=VALUE)
        np.testing.assert_allclose(law.parameter_gradient(x)["sigma"], x / sigma, rtol=VALUE)
    else:
        np.testing.assert_allclose(law.mean, math.pi / 2, rtol=VALUE)
        np.testing.assert_allclose(law.entropy(), math.log(math.pi), rtol=VALUE)
        np.testing.assert_array_equal(law.parameter_gradient(x)["sigma"], 0.0)
    assert ((law.sample(100, 0) >= 0) & (law.sample(100, 0) <= math.pi)).all()


@pytest.mark.parametrize("method", ["rejection", "inverse"])
@pytest.mark.parametrize("sigma", [1e-5, 0.5, 1.7, 2.5, 100.0])
def test_draws_follow_the_cdf(sigma, method, rng):
    law = WrappedNormalAngle(sigma)
    assert ks_cdf(law.sample(20_000, rng, method=method), law.cdf) > ALPHA


def test_batch_and_dtype(rng):
    law = WrappedNormalAngle(np.array([[0.1], [3.0]], np.float32))
    x = law.sample((500,), rng)
    assert x.shape == (500, 2, 1)
    assert x.dtype == law.mean.dtype == law.entropy().dtype == law.log_prob(x).dtype == np.float32
    assert ks_uniform(law.cdf(x)) > ALPHA
    assert law.sample((0,), rng).shape == (0, 2, 1)


def test_off_the_support_and_at_its_ends():
    law = WrappedNormalAngle(0.5)
    np.testing.assert_array_equal(law.prob([-1.0, 4.0]), 0.0)
    np.testing.assert_array_equal(law.cdf([-1.0, 0.0, 4.0]), [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(law.icdf([0.0, 1.0]), [0.0, math.pi])
    assert np.isnan(law.log_prob(np.nan))
    assert np.isnan(law.parameter_gradient([-1.0, np.nan])["sigma"]).all()


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan, np.inf])
def test_sigma_must_be_positive_and_finite(sigma):
    with pytest.raises(ValueError, match="sigma must be"):
        WrappedNormalAngle(sigma)


def test_types_and_probabilities_are_checked():
    with pytest.raises(TypeError, match="sigma"):
        WrappedNormalAngle("1")
    with pytest.raises(ValueError, match="p must lie"):
        WrappedNormalAngle(1.0).icdf(1.5)
