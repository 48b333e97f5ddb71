"""The validation's own parts: its geometry, oracles, sampler and tests of hypotheses, against closed forms."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

import hyperdist as hd
from hyperdist.runs import intervals
from hyperdist.testing import directions, geometry, holm, independence, mmd, views
from hyperdist.testing.uniformity import ks, projections, radius
from hyperdist.testing.views import View
from tests.support.statistics import ALPHA, ks_cdf, ks_uniform
from validation import cases, laws, oracles, reference


def _hyperboloid(v):
    """cosh r and the unit vector times sinh r of tangent vectors at the origin, c = 1."""
    r = np.linalg.norm(v, axis=-1, keepdims=True)
    return np.concatenate([np.cosh(r), np.sinh(r) / r * v], axis=-1)


def _lorentz(x, y):
    return x[..., 0] * y[..., 0] - np.sum(x[..., 1:] * y[..., 1:], axis=-1)


@pytest.mark.parametrize("c", [0.0, 0.25, 1.0, 3.0])
def test_moving_out_and_back_returns_radius_and_direction(c, rng):
    mu, r = rng.standard_normal(4), np.exp(rng.uniform(-6, 3, 200))
    unit = rng.standard_normal((200, 4))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    back, direction = geometry.polar_about(mu, geometry.move_to(mu, r, unit, c), np.asarray(c))
    np.testing.assert_allclose(back, r, rtol=1e-11)
    np.testing.assert_allclose(direction, unit, atol=1e-9)


def test_distances_are_the_hyperboloids(rng):
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((6, 3))
    expected = np.arccosh(_lorentz(_hyperboloid(x)[:, None], _hyperboloid(y)[None]))
    np.testing.assert_allclose(geometry.hyperbolic_distances(x, y, 1.0), expected, rtol=1e-10)
    r, _ = geometry.polar_about(x[0], y, np.asarray(1.0))
    np.testing.assert_allclose(r, expected[0], rtol=1e-10)
    scaled = geometry.hyperbolic_distances(x / 2.0, y / 2.0, 4.0)
    np.testing.assert_allclose(scaled, expected / 2.0, rtol=1e-10)


def test_polar_form_holds_at_radius_5000():
    mu, x = np.array([1.0, 0.0]), np.array([0.0, 5000.0])
    r, unit = geometry.polar_about(mu, x, np.asarray(1.0))
    assert r == pytest.approx(5000.0 + np.log(np.cosh(1.0)), rel=1e-14)
    assert np.linalg.norm(unit) == pytest.approx(1.0, abs=1e-15)


def test_sphere_moves_out_and_back(rng):
    mu = np.array([[0.0, 0.0, 1.0], [0.6, 0.0, -0.8]])
    angle, unit = rng.uniform(0.01, 3.1, (50, 2)), rng.standard_normal((50, 2, 2))
    unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
    x = geometry.sphere_move(mu, angle, unit)
    np.testing.assert_allclose(np.sum(mu * x, axis=-1), np.cos(angle), atol=1e-14)
    back, direction = geometry.sphere_polar(mu, x)
    np.testing.assert_allclose(back, angle, rtol=1e-12)
    np.testing.assert_allclose(direction, unit, atol=1e-12)


@pytest.mark.parametrize(
    ("d", "s", "value"),
    [(2, 1.0, 0.344076206), (5, 1.0, 6.137401271), (10, 0.1, -16.923544084), (10, 1.0, 35.180612895),
     (20, 2.0, 710.442289283), (64, 0.1, -40.464313972)],
)  # fmt: skip
def test_oracle_agrees_with_published_normalisers(d, s, value):
    assert float(oracles.riemannian_normal(d, s).log_normalizer) == pytest.approx(value, abs=1e-9)


def test_oracle_agrees_with_bessel_functions():
    with mp.workdps(30):
        for m, kappa in ((2, 3.0), (3, 1e-3), (10, 40.0), (100, 1e4)):
            order = mp.mpf(m) / 2 - 1
            exact = mp.mpf(m) / 2 * mp.log(2 * mp.pi) + mp.log(mp.besseli(order, kappa)) - order * mp.log(mp.mpf(kappa))
            oracle = oracles.von_mises_fisher(m, kappa)
            assert abs(oracle.log_normalizer + oracles.log_area(m - 1) - exact) < 1e-22 * (1 + abs(exact))
            assert abs(oracle.derivative - mp.besseli(order + 1, kappa) / mp.besseli(order, kappa)) < 1e-22


def test_oracle_tails_and_gradient_are_the_half_normals():
    oracle = oracles.riemannian_normal(1, 2.0)
    for r in (1e-3, 1.0, 5.0, 60.0):
        cdf, sf = oracle.tails(r)
        assert float(cdf) == pytest.approx(stats.halfnorm.cdf(r, scale=2.0), rel=1e-13)
        assert float(sf) == pytest.approx(stats.halfnorm.sf(r, scale=2.0), rel=1e-10)
        assert float(oracle.gradient(r)) == pytest.approx(r / 2.0, rel=1e-13)
    assert float(oracles.von_mises_fisher(3, 1e-12).entropy) == pytest.approx(1.0, abs=1e-12)


def test_reference_radii_follow_closed_forms(rng):
    u = rng.random(20_000)
    assert ks_cdf(reference.table("WrappedNormal", 3, 1.5, 0.0)(u), lambda r: stats.chi.cdf(r, 3, scale=1.5)) > ALPHA
    angle = reference.table("VonMisesFisher", 2, 4.0, 0.0)(u)
    assert ks_cdf(np.cos(angle), lambda t: np.sinh(2 * (t + 1)) * np.exp(2 * (t - 1)) / np.sinh(4.0)) > ALPHA


def test_ks_is_scipys_and_rejects_nan(rng):
    u = rng.random(500)
    expected = stats.kstest(u, "uniform")
    np.testing.assert_allclose(ks(u), (expected.statistic, expected.pvalue), rtol=1e-9)
    assert ks(np.array([0.5, np.nan]))[1] == 0.0


def test_tests_of_uniforms_give_uniform_p_values(rng):
    """200 right samples; each kind of test must have p-values that are not too small (KS one-sided, alpha 1e-6)."""
    found: dict[str, list[float]] = {}
    for _ in range(200):
        unit = rng.standard_normal((600, 3))
        view = View(rng.random(600), unit / np.linalg.norm(unit, axis=1, keepdims=True))
        batched = View(rng.random((600, 3)), rng.choice([-1.0, 1.0], (600, 3, 1)))
        for finding in (*radius(view), *projections(view), *directions.sectors(view), *independence.batch(batched),
                        *independence.chain(unit, view)):  # fmt: skip
            found.setdefault(finding.test, []).append(finding.p)
    for name, p in found.items():
        assert stats.kstest(p, "uniform", alternative="greater").pvalue > ALPHA, name


def test_ljung_box_and_correlation_see_what_they_should(rng):
    noise = rng.standard_normal(5_000)
    smooth = noise.copy()
    smooth[1:] += 0.2 * noise[:-1]
    assert independence.ljung_box(smooth)[1] < 1e-20 < independence.ljung_box(noise)[1]
    assert independence.ljung_box(np.zeros(100))[1] == 0.0


def test_repeats_are_found_and_chance_ones_forgiven(rng):
    x = rng.standard_normal((5_000, 3))
    assert independence.repeats(x, "float64")[0].p == 1.0
    x[17] = x[4_000]
    assert independence.repeats(x, "float64")[0].p < 1e-12
    assert independence.repeats(x[:, :2].astype(np.float32), "float32") == []


def test_kernels_are_positive_definite(rng):
    for law, x in (
        (hd.RiemannianNormal(np.zeros(3), 1.0, 0.7), 3.0 * rng.standard_normal((80, 3))),
        (hd.VonMisesFisher(np.eye(3)[0], 1.0), rng.standard_normal((80, 3))),
        (hd.ToroidalUniform(2), rng.uniform(-np.pi, np.pi, (80, 2))),
    ):
        if isinstance(law, hd.VonMisesFisher):
            x /= np.linalg.norm(x, axis=1, keepdims=True)
        assert np.linalg.eigvalsh(np.exp(-views.distances(law, x, x))).min() > -1e-9


def flat(x, y):
    return views.distances(hd.RiemannianNormal(np.zeros(2), 1.0, 0.0), x, y)


def test_permutation_p_values_are_uniform_and_small_for_a_shift(rng):
    def p_of(shift):
        x, y = rng.standard_normal((60, 2)), rng.standard_normal((60, 2)) + shift
        return mmd.one_stage(flat, x, y, rng)[1]

    assert ks_uniform([p_of(0.0) for _ in range(100)]) > ALPHA
    assert p_of(2.0) == 1.0 / (mmd.PERMUTATIONS + 1)


def test_repeated_mmd_multiplies_p_values(rng):
    shifted = mmd.test(
        flat, lambda n: rng.standard_normal((n, 2)) + 1.0, lambda n: rng.standard_normal((n, 2)), rng, mmd.STAGES
    )
    assert shifted.p == pytest.approx(mmd.THRESHOLD ** (mmd.STAGES - 1) / (mmd.PERMUTATIONS + 1))


def test_holm_by_hand():
    np.testing.assert_allclose(holm.adjust([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert holm.adjust([0.5, float("nan")])[1] == 0.0
    assert holm.adjust([]).size == 0


def test_intervals():
    np.testing.assert_allclose(intervals.wilson(20, 20), (0.8388748, 1.0), atol=1e-6)
    assert intervals.wilson(0, 20)[0] == 0.0
    assert intervals.median(list(range(1, 32))) == (16.0, (10.0, 22.0))  # binomial(31, 1/2): P(X < 10) = 0.0147


def test_grid_covers_what_the_design_asks_for():
    grid = cases.grid()
    keys = [case.key for case in grid]
    assert len(set(keys)) == len(keys)
    cells = {(case.d, case.scale) for case in grid if case.family == "RiemannianNormal" and case.dtype == "float64"}
    assert {(d, s) for d in cases.GRID_D for s in cases.GRID_S} <= cells
    assert {case.family for case in grid} == set(cases.FAMILIES) == {case.family for case in grid if case.mmd}
    assert {case.model for case in grid if case.hyperbolic} == {"poincare", "lorentz", "tangent"}
    assert {case.method for case in grid} == {"rejection", "inverse"}
    assert any(case.centre and case.dtype == "float32" for case in grid)
    assert len(cases.grid(full=True)) > 2 * len(grid)


def test_every_law_of_the_grid_can_be_built():
    for case in cases.grid():
        law = laws.build(case)
        assert law.batch_shape == case.shape, case.key
        assert law.dtype == np.dtype(case.dtype) or "Uniform" in case.family, case.key
