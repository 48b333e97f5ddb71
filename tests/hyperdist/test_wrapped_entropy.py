"""E log(sinh|v|/|v|): the one-dimensional integral against mpmath and against its own limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from mpmath import mp, mpf

from hyperdist.distributions.wrapped_entropy import mean_log_sinhc
from tests.support.oracles import load
from tests.support.strategies import log_floats

TOLERANCE = 1e-13
ROWS = load("chi")


def two_scales(a: float, b: float) -> mpf:
    """The double integral at d = 2 in polar coordinates of the standardised vector; periodic trapezoid in the angle."""

    def along(angle: mpf) -> mpf:
        q = mp.hypot(mpf(a) * mp.cos(angle), mpf(b) * mp.sin(angle))
        return mp.quad(lambda z: z * mp.exp(-z * z / 2) * mp.log(mp.sinh(q * z) / (q * z)), [0, 1, 3, 6, 10])

    with mp.workdps(20):
        n = 128
        return mp.fsum(along(mp.pi / 2 * (k + mpf(1) / 2) / n) for k in range(n)) / n


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"d={row['d']},s={row['s']}")
def test_equal_scales_match_quadrature_over_the_chi_law(row):
    """Both ways through the code: one factor to a power, and a product (which one scale 1e-15 off brings about)."""
    d, s, exact = row["d"], row["s"], mpf(row["mean_log_sinhc"])
    almost = np.full(d, s)
    almost[0] *= 1 + 1e-15
    for spread in (np.full(d, s), almost):
        assert abs(mpf(float(mean_log_sinhc(spread))) / exact - 1) <= TOLERANCE


@pytest.mark.parametrize(("a", "b"), [(0.1, 3.0), (1.0, 0.01), (20.0, 1.0)])
def test_unequal_scales_match_the_double_integral(a, b):
    assert abs(mpf(float(mean_log_sinhc(np.array([a, b])))) / two_scales(a, b) - 1) <= TOLERANCE


@pytest.mark.parametrize("s", [1e-150, 1e-100, 1e-20, 1e-9, 1.0001e-9])
@pytest.mark.parametrize("d", [1, 3, 1000])
def test_tiny_scales_give_a_sixth_of_the_total_variance(d, s):
    np.testing.assert_allclose(mean_log_sinhc(np.full(d, s)), d * s * s / 6, rtol=TOLERANCE)


@pytest.mark.parametrize("s", [1e6, 1e80, 1e150, 1e300])
def test_huge_scales_give_the_mean_norm_less_a_logarithm(s):
    """At d = 1: E |v| - E log 2|v| + O(1/s); E log|z| = -(gamma + log 2)/2."""
    scale = mpf(s)
    exact = scale * mp.sqrt(2 / mp.pi) - mp.log(2 * scale) + (mp.euler + mp.log(2)) / 2
    exact -= mp.pi**2 / 12 * mp.sqrt(2 / mp.pi) / scale
    assert abs(mpf(float(mean_log_sinhc(np.array([s])))) / exact - 1) <= TOLERANCE


@given(a=log_floats(1e-6, 1e4), b=log_floats(1e-6, 1e4))
def test_order_and_added_zeros_change_nothing_and_more_spread_is_more(a, b):
    value = mean_log_sinhc(np.array([a, b]))
    np.testing.assert_allclose(mean_log_sinhc(np.array([b, 0.0, a])), value, rtol=TOLERANCE)
    assert value > mean_log_sinhc(np.array([a, 0.0])) * (1 - TOLERANCE)
    np.testing.assert_allclose(mean_log_sinhc(np.array([a, 0.0])), mean_log_sinhc(np.array([a])), rtol=TOLERANCE)


def test_zero_spread_and_shapes():
    assert mean_log_sinhc(np.zeros(3)) == 0.0
    assert mean_log_sinhc(np.zeros((0, 3))).shape == (0,)
    spread = np.array([[0.0, 0.0], [0.0, 1.0], [2.0, 0.3]])
    value = mean_log_sinhc(spread)
    assert value.shape == (3,)
    assert value[0] == 0.0
    np.testing.assert_allclose(value[2], mean_log_sinhc(spread[2]), rtol=TOLERANCE)


def test_blocks_of_rows_and_of_nodes_change_nothing(rng):
    """1,000 rows do not fit one block; 2,000 coordinates make the nodes come in blocks."""
    rows = rng.random((1000, 2))
    np.testing.assert_allclose(mean_log_sinhc(rows)[[0, 500, 999]], [mean_log_sinhc(rows[i]) for i in (0, 500, 999)])
    wide = rng.random(2000)
    np.testing.assert_allclose(mean_log_sinhc(wide), mean_log_sinhc(np.sort(wide)), rtol=TOLERANCE)
