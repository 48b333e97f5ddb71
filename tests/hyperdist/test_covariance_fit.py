"""Fits of full covariances: stationary, invariant, what degenerate data get, errors, mixtures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

import hyperdist as hd
from hyperdist.radial.torus_scores import averages
from tests.support.cases import triangle
from tests.support.statistics import ALPHA

FULL = {"covariance": "full"}
LAWS = {
    "hyperbolic": (hd.WrappedNormal([0.3, 0.1, -0.2], scale_tril=triangle(3), c=1.3), {"c": 1.3}),
    "plane": (hd.WrappedNormal([0.3, 0.1], scale_tril=triangle(2), c=1.0), {}),
    "flat": (hd.WrappedNormal([0.3, 0.1], scale_tril=triangle(2), c=0.0), {"c": 0.0}),
    "narrow angles": (hd.ToroidalWrappedNormal([3.0, 0.1], scale_tril=0.1 * triangle(2)), {}),
    "angles": (hd.ToroidalWrappedNormal([3.0, 0.1, -2.0], scale_tril=2.0 * triangle(3)), {}),
    "winding angles": (hd.ToroidalWrappedNormal([3.0, 0.1], scale_tril=[[2.0, 0.0], [1.9, 0.4]]), {}),
}
EACH = pytest.mark.parametrize("name", LAWS)


@EACH
def test_parameters_come_back(name, rng):
    """Wilks: twice the gain in log likelihood is chi-square with as many degrees as parameters; false alarm 1e-6."""
    law, options = LAWS[name]
    x = law.sample(1000, rng)
    fitted = type(law).fit(x, **FULL, **options)
    gain = 2.0 * np.sum(fitted.log_prob(x) - law.log_prob(x))
    assert gain > 0.0
    assert stats.chi2.sf(gain, law.n_parameters) > ALPHA
    d = law.event_shape[0]
    assert law.n_parameters == d + d * (d + 1) // 2


def moved(law, theta):
    """The law with its centre moved along the frame and its triangle's entries, in units of its diagonal."""
    d = law.event_shape[0]
    least = np.diag(law.scale_tril).min()
    step = np.zeros((d, d))
    step[np.tril_indices(d)] = theta[d:]
    centre = law.space.exp(law.mean, law.space.from_frame(law.mean, least * theta[:d]))
    given = law._arguments() | {"mu": centre, "scale_tril": law.scale_tril + least * step}
    return type(law)(**given)


@EACH
def test_the_gradient_is_zero_and_no_neighbour_is_better(name, rng):
    law, options = LAWS[name]
    x = law.sample(300, rng)
    weights = rng.random(300)
    fitted = type(law).fit(x, weights, **FULL, **options)

    def value(theta):
        return float(np.average(moved(fitted, theta).log_prob(x), weights=weights))

    p = law.n_parameters
    slope = optimize.approx_fprime(np.zeros(p), value, 1e-5)
    backward = -optimize.approx_fprime(np.zeros(p), lambda theta: value(-theta), 1e-5)
    # Of the central difference: rounding 1e-15/1e-5, and a third derivative of order d.
    assert np.abs(0.5 * (slope + backward)).max() < 1e-7
    assert all(value(0.03 * step) < value(np.zeros(p)) for step in rng.standard_normal((20, p)))


@pytest.mark.parametrize("seed", range(20))
def test_the_maximum_is_reached_where_one_scale_is_tiny(seed):
    """Rounding of the likelihood, of points that are 1e-4 from a plane, hides gains that it shows of rounder laws."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 5))
    turn, centre = np.linalg.qr(rng.standard_normal((d, d)))[0], rng.standard_normal(d)
    scales = np.concatenate([[1e-4], rng.uniform(0.1, 0.5, d - 1)])
    tril = np.linalg.cholesky(turn @ np.diag(scales**2) @ turn.T)
    law = hd.WrappedNormal(0.7 * centre / np.linalg.norm(centre), scale_tril=tril)
    x, weights = law.sample(40, rng), rng.random(40) ** 4
    fitted = hd.WrappedNormal.fit(x, weights, **FULL)
    best = np.average(fitted.log_prob(x), weights=weights)
    assert best > np.average(law.log_prob(x), weights=weights)
    for step in rng.standard_normal((10, fitted.n_parameters)):
        assert np.average(moved(fitted, 0.03 * step).log_prob(x), weights=weights) < best


def test_flat_space_has_the_sample_covariance(rng):
    x = hd.WrappedNormal([0.1, 0.2, 0.0], scale_tril=triangle(3), c=0.0).sample(100, rng)
    fitted = hd.WrappedNormal.fit(x, c=0.0, covariance="full")
    # The flat ball's metric is 4 |dx|^2.
    np.testing.assert_allclose(fitted.covariance_matrix, 4.0 * np.cov(x.T, bias=True), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(fitted.mu, x.mean(axis=0), atol=1e-8)


def test_scores_are_the_derivatives_of_the_density(rng):
    """By images and waves, at any split: against central differences of log_prob in L^-1 mu and L (1 + T)."""
    for tril in (triangle(3), np.array([[0.4, 0.0, 0.0], [0.3, 3.2, 0.0], [0.1, 0.2, 2.8]]), 5.0 * triangle(3)):
        x, shares = rng.uniform(-np.pi, np.pi, (7, 3)), np.full(7, 1.0 / 7.0)

        def value(a, t, tril=tril, x=x):
            law = hd.ToroidalWrappedNormal(tril @ a, scale_tril=tril @ (np.eye(3) + t))
            return float(np.mean(law.log_prob(x)))

        found, h, zero = averages(x, shares, tril), 1e-5, np.zeros((3, 3))
        assert found.log_density == pytest.approx(value(zero[0], zero), rel=1e-13)
        for i, unit in enumerate(np.eye(3)):
            slope = (value(h * unit, zero) - value(-h * unit, zero)) / (2.0 * h)
            assert slope == pytest.approx(-found.score[i], rel=1e-6, abs=1e-8)
            for j in range(i + 1):
                turn = h * np.outer(unit, np.eye(3)[j])
                slope = (value(zero[0], turn) - value(zero[0], -turn)) / (2.0 * h)
                assert slope == pytest.approx(found.bend[i, j], rel=1e-5, abs=1e-7)


def test_isotropic_angles_have_one_scale(rng):
    x = hd.ToroidalWrappedNormal([3.0, 0.1], 1.1).sample(400, rng)
    fitted = hd.ToroidalWrappedNormal.fit(x, covariance="isotropic")
    assert fitted.sigma.shape == (1,)
    assert fitted.n_parameters == 3

    def loss(p):
        return -float(np.mean(hd.ToroidalWrappedNormal(p[:2], np.exp(p[2])).log_prob(x)))

    best = optimize.minimize(loss, [*fitted.mu, np.log(fitted.sigma[0])], tol=1e-12)
    assert loss([*fitted.mu, np.log(fitted.sigma[0])]) == pytest.approx(best.fun, abs=1e-9)


def test_batches_of_weights_are_fitted_side_by_side(rng):
    for law, options in (LAWS["plane"], LAWS["angles"]):
        x, weights = law.sample(60, rng), rng.random((60, 2, 3))
        together = type(law).fit(x, weights, **FULL, **options)
        assert together.batch_shape == (2, 3)
        alone = type(law).fit(x, weights[:, 1, 2], **FULL, **options)
        np.testing.assert_allclose(together[1, 2].log_prob(x), alone.log_prob(x), rtol=1e-7, atol=1e-7)
    single = hd.WrappedNormal.fit(LAWS["plane"][0].sample(50, rng).astype(np.float32), covariance="full")
    assert single.dtype == np.float32


LINE = np.linspace(-0.5, 0.6, 9)
FLAT = [
    ("hyperplane", np.stack([LINE, 0.3 * LINE, 0.0 * LINE], axis=1)),
    ("d points", np.array([[0.1, 0.2, 0.3], [0.3, -0.2, 0.1], [0.0, 0.4, -0.3]])),
    ("one point", np.full((9, 3), 0.2)),
]


@pytest.mark.parametrize("x", [x for _, x in FLAT], ids=[name for name, _ in FLAT])
def test_flat_data_have_no_best_covariance(x):
    with pytest.raises(ValueError, match=r"must not lie on one geodesic hyperplane.*min_scale.*isotropic"):
        hd.WrappedNormal.fit(x, covariance="full")
    held = hd.WrappedNormal.fit(x, covariance="full", min_scale=0.05)
    assert np.linalg.eigvalsh(held.covariance_matrix).min() == pytest.approx(0.05**2, rel=1e-9)


@pytest.mark.parametrize("winds", [1, 2])
def test_angles_on_a_line_have_no_best_covariance(winds):
    turns = np.linspace(-1.0, 1.3, 9)
    x = hd.Torus().wrap(np.stack([turns, winds * turns + 0.3], axis=1))
    with pytest.raises(ValueError, match=r"must not lie on one line or plane of angles.*min_scale.*isotropic"):
        hd.ToroidalWrappedNormal.fit(x, covariance="full")
    for few in (x, x[:2], x[:1]):
        held = hd.ToroidalWrappedNormal.fit(few, covariance="full", min_scale=0.05)
        assert np.linalg.eigvalsh(held.covariance_matrix).min() == pytest.approx(0.05**2, rel=1e-9)
    with pytest.raises(ValueError, match="one line or plane of angles"):
        hd.ToroidalWrappedNormal.fit(x[:2], covariance="full")
    with pytest.raises(ValueError, match="positive spread"):
        hd.ToroidalWrappedNormal.fit(x[:1], covariance="full")


@pytest.mark.parametrize("least", [0.02, 0.5, 1.6, 3.0])
@pytest.mark.parametrize("name", ["angles", "narrow angles", "winding angles"])
def test_no_scale_is_below_the_least_and_no_law_within_it_is_better(name, least, rng):
    """Of covariances least^2 + M M^T, to first order in mu and in M, and to second where M has none of a scale."""
    x = LAWS[name][0].sample(80, rng)
    held = hd.ToroidalWrappedNormal.fit(x, **FULL, min_scale=least)
    scales, axes = np.linalg.eigh(held.covariance_matrix)
    assert scales[0] >= least**2 * (1.0 - 1e-9)
    best = np.mean(held.log_prob(x))
    if least < hd.ToroidalWrappedNormal.fit(x, **FULL).scale_tril.diagonal().min() / 3.0:
        np.testing.assert_allclose(best, np.mean(hd.ToroidalWrappedNormal.fit(x, **FULL).log_prob(x)), atol=1e-9)
    root = axes * np.sqrt(np.maximum(scales - least**2, 0.0))
    d, h = len(scales), 1e-3 * np.sqrt(scales[0])

    def value(shift, turn):
        covariance = least**2 * np.eye(d) + (root + turn) @ (root + turn).T
        return np.mean(hd.ToroidalWrappedNormal(held.mu + shift, covariance_matrix=covariance).log_prob(x))

    none, places = np.zeros((d, d)), [np.outer(a, b) for a in np.eye(d) for b in np.eye(d)]
    around = [(h * sign * e, none) for e in np.eye(d) for sign in (1, -1)]
    around += [(none[0], h * sign * place) for place in places for sign in (1, -1)]
    assert max(value(*each) for each in around) <= best + 1e-12


def test_kinds_are_named():
    x = LAWS["plane"][0].sample(20, 0)
    with pytest.raises(ValueError, match="covariance must be one of diagonal, isotropic, full, got 'tied'"):
        hd.WrappedNormal.fit(x, covariance="tied")
    with pytest.raises(ValueError, match="isotropic=True asks for covariance='isotropic', got covariance='full'"):
        hd.WrappedNormal.fit(x, covariance="full", isotropic=True)
    assert hd.WrappedNormal.fit(x, covariance="isotropic") == hd.WrappedNormal.fit(x, isotropic=True)


@pytest.mark.parametrize("name", ["flat", "plane", "narrow angles"])
def test_standard_errors_by_both_ways(name, rng):
    law, options = LAWS[name]
    x = law.sample(300, rng)
    fitted = type(law).fit(x, **FULL, **options)
    found, again = fitted.standard_errors(x), fitted.standard_errors(x, method="bootstrap", draws=30)
    d = law.event_shape[0]
    assert found["scale_tril"].shape == again["scale_tril"].shape == (d, d)
    assert (found["scale_tril"][np.triu_indices(d, 1)] == 0.0).all()
    for name in ("mu", "scale_tril"):
        np.testing.assert_allclose(found[name], again[name], rtol=0.8)
    if name == "flat":  # the textbook's: sqrt(S_ii/n) of the mean, L_ii/sqrt(2 n) on the diagonal
        np.testing.assert_allclose(found["mu"], np.sqrt(np.diag(fitted.covariance_matrix) / 300.0), rtol=1e-4)


@pytest.mark.parametrize("kind", [hd.WrappedNormal, hd.ToroidalWrappedNormal])
def test_mixtures_of_full_covariances(kind, rng):
    centres, tril = [[0.6, 0.0], [-0.5, 0.1]], [[[0.4, 0.0], [0.35, 0.1]], [[0.3, 0.0], [-0.3, 0.2]]]
    law = hd.Mixture([0.5, 0.5], kind(np.multiply(centres, 1 + (kind is hd.ToroidalWrappedNormal)), scale_tril=tril))
    x = law.sample(200, rng)
    fitted = hd.Mixture.fit(x, kind, 2, starts=1, tol=1e-4, rng=rng, covariance="full")
    assert fitted.component.full
    assert fitted.score(x) >= law.score(x)
    assert fitted.bic(x) < hd.Mixture.fit(x, kind, 2, starts=1, tol=1e-4, rng=rng, covariance="isotropic").bic(x)
    errors = fitted.standard_errors(x)
    assert errors["component"]["scale_tril"].shape == (2, 2, 2)


@pytest.mark.parametrize("law", [hd.WrappedNormal([0.1, 0.1], 0.4), hd.ToroidalWrappedNormal([3.0, 3.0], [0.4, 0.4])])
def test_few_and_repeated_points_have_no_mixture_and_say_why(law):
    """Components that shrink on one or two points are singular to the last bit on their way."""
    x = law.sample(200, rng=1)
    repeated = np.concatenate([np.tile(x[:1], (60, 1)), x[:80]])
    for given, k in ((x[:2], 1), (x[:4], 2), (repeated, 3), (np.tile(x[:1], (9, 1)), 1)):
        start = "the one start has no" if k == 1 else "none of the 2 starts has a"
        with pytest.raises(ValueError, match=f"^{start} maximum: .*(the best covariance is singular|sigma = 0)"):
            hd.Mixture.fit(given, type(law), k, starts=2, rng=0, **FULL)
