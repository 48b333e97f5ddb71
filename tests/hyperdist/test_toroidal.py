"""Laws on the torus: densities by brute force, integrals over the torus, draws, and maximum likelihood."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

import hyperdist as hd
from tests.support.oracles import load
from tests.support.statistics import ALPHA, chi_square, independent, ks_uniform, mean_is
from tests.support.strategies import angles, log_floats, seeds

scales = log_floats(1e-3, 30.0)


def brute(x: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """The density as a sum over 201 windings a coordinate; for sigma <= 30."""
    k = 2 * np.pi * np.arange(-100, 101).reshape(-1, *(1,) * np.ndim(x))
    return np.prod(np.sum(np.exp(-0.5 * np.square((x - mu + k) / sigma)) / (sigma * math.sqrt(2 * np.pi)), axis=0), -1)


def grid(n: int) -> np.ndarray:
    """A product rule on the torus of dimension 2, (n, n, 2)."""
    line = np.linspace(-np.pi, np.pi, n, endpoint=False)
    return np.stack(np.meshgrid(line, line), axis=-1)


@given(x=angles(3), mu=angles(3), s=st.tuples(scales, scales, scales))
def test_density_is_the_sum_over_windings(x, mu, s):
    sigma = np.array(s)
    exact = brute(x, mu, sigma)
    value = hd.ToroidalWrappedNormal(mu, sigma).prob(x)
    # The exponent's rounding, z^2 eps, is the density's relative error.
    z = np.abs((x - mu + np.pi) % (2 * np.pi) - np.pi) / sigma
    assert value == pytest.approx(exact, rel=1e-12 * (1 + np.sum(z * z)), abs=1e-300)


@pytest.mark.parametrize("sigma", [[0.3, 1.0], [1.7, 1.8], [2.5, 40.0]])
def test_density_moments_and_entropy_integrate_over_the_torus(sigma):
    """The trapezoidal rule is exact to rounding for periodic densities this wide; E delta^2 has corners at pi."""
    q = hd.ToroidalWrappedNormal([0.4, -3.0], sigma)
    x, cell = grid(128), (2 * np.pi / 128) ** 2
    density = q.prob(x)
    assert np.sum(density) * cell == pytest.approx(1.0, rel=1e-13)
    assert -np.sum(density * np.log(density)) * cell == pytest.approx(q.entropy(), rel=1e-13)
    assert np.sum(density * q.space.dist_sq(x, q.mean)) * cell == pytest.approx(q.variance, rel=1e-3)


@pytest.mark.parametrize("row", load("circle"), ids=lambda row: f"sigma={row['sigma']}")
def test_moments_add_up_over_coordinates(row):
    q = hd.ToroidalWrappedNormal(np.array([1.0, 2.0, -7.0]), row["sigma"])
    np.testing.assert_allclose(q.entropy(), 3 * float(row["law_entropy"]), rtol=1e-13)
    np.testing.assert_allclose(q.variance, 3 * float(row["second_moment"]), rtol=1e-13)
    np.testing.assert_allclose(q.log_normalizer(), 3 * math.log(row["sigma"] * math.sqrt(2 * math.pi)), rtol=1e-13)


@given(mu=angles(2), s=scales, seed=seeds)
def test_angles_are_classes_modulo_a_turn(mu, s, seed):
    """x and mu may be any finite angles; a turn more moves them by its rounding."""
    q = hd.ToroidalWrappedNormal(mu, s)
    x = q.sample((), seed)
    step = 1e-14 * (math.pi / s) ** 2 + 1e-13
    assert q.log_prob(x + 6 * np.pi) == pytest.approx(q.log_prob(x), rel=step, abs=step)
    turned = hd.ToroidalWrappedNormal(mu + 4 * np.pi, s)
    assert turned.log_prob(x) == pytest.approx(q.log_prob(x), rel=step, abs=step)
    assert ((turned.mean >= -np.pi) & (turned.mean < np.pi)).all()


@given(x=st.floats(allow_nan=False, allow_infinity=False), dtype=st.sampled_from(["float32", "float64"]))
def test_every_number_wraps_to_an_angle(x, dtype):
    """In range however many turns it holds, and the same angle as far as its dtype tells."""
    limits = np.finfo(dtype)
    x = np.array([np.clip(x, limits.min, limits.max)]).astype(dtype)
    y = hd.Torus().wrap(x)
    assert y.dtype == dtype
    assert -np.dtype(dtype).type(math.pi) <= y[0] < np.dtype(dtype).type(math.pi)
    turns = (float(x[0]) - float(y[0])) / (2.0 * math.pi)
    assert abs(turns - round(turns)) <= limits.eps * (1.0 + abs(turns))


@pytest.mark.parametrize("method", ["rejection", "inverse"])
@pytest.mark.parametrize("sigma", [1e-3, 0.7, 1.7, 3.0, 1e150])
def test_draws_follow_the_law(sigma, method, rng):
    """Deviations by KS, signs by counting, coordinates independent, densities those of the points."""
    mu = np.array([0.5, 3.0])
    q = hd.ToroidalWrappedNormal(mu, sigma)
    x, log_prob = q.sample_and_log_prob(20_000, rng, method=method)
    assert ((x >= -np.pi) & (x < np.pi)).all()
    deviation = hd.Torus().log(mu, x)
    assert min(ks_uniform(q.radius.cdf(np.abs(deviation))[:, i]) for i in (0, 1)) > ALPHA
    assert chi_square([np.sum(deviation < 0), np.sum(deviation >= 0)], [0.5, 0.5]) > ALPHA
    assert independent(deviation[:, 0], deviation[:, 1]) > ALPHA
    # A deviation d read back has 4e-16 of error, which moves the log density by |d|/sigma^2 times that.
    tolerance = 2e-15 * (1 + np.pi / sigma) ** 2
    np.testing.assert_allclose(log_prob, q.log_prob(x), rtol=tolerance, atol=tolerance)


def test_the_smallest_scale_gives_draws_about_zero_to_their_own_digits(rng):
    q = hd.ToroidalWrappedNormal([0.0], 1e-150)
    x, log_prob = q.sample_and_log_prob(20_000, rng)
    assert ks_uniform(stats.norm.cdf(x[:, 0] / 1e-150)) > ALPHA
    np.testing.assert_allclose(log_prob, q.log_prob(x), rtol=1e-14)
    assert mean_is(-log_prob, q.entropy()) > ALPHA


def test_batch_and_dtype(rng):
    """float32 keeps its digits and its half-open interval: 3.1415927 in float32 exceeds pi and is -pi."""
    mu = np.array([[math.pi, 0.0]], np.float32)
    q = hd.ToroidalWrappedNormal(mu, np.array([[1e-6, 0.5], [2.0, 1.0], [0.1, 0.2]], np.float32))
    assert (q.batch_shape, q.event_shape) == ((3,), (2,))
    x, log_prob = q.sample_and_log_prob((1000, 2), rng)
    assert x.shape == (1000, 2, 3, 2)
    assert x.dtype == log_prob.dtype == q.mean.dtype == q.variance.dtype == np.float32
    assert ((x >= -np.float32(np.pi)) & (x < np.float32(np.pi))).all()
    assert np.isfinite(log_prob).all()
    assert q.radius.batch_shape == (3, 2)
    assert q.radius.sample(5, rng).dtype == np.float32
    assert q.sample((0,), rng).shape == (0, 3, 2)
    for law in (q, hd.ToroidalUniform(2)):
        np.testing.assert_array_equal(law.sample(9, 1), law.sample_and_log_prob(9, 1)[0])


def test_off_the_torus_and_nan():
    q = hd.ToroidalWrappedNormal([0.0, 0.0], 1.0)
    np.testing.assert_array_equal(q.log_prob([[np.inf, 0.0], [np.nan, 0.0]]), [-np.inf, np.nan])


def test_uniform(rng):
    q = hd.ToroidalUniform(3)
    x, log_prob = q.sample_and_log_prob(20_000, rng)
    assert x.shape == (20_000, 3)
    assert min(ks_uniform((x[:, i] + np.pi) / (2 * np.pi)) for i in range(3)) > ALPHA
    np.testing.assert_allclose(log_prob, -3 * math.log(2 * math.pi))
    np.testing.assert_array_equal(q.log_prob(x), log_prob)
    assert q.entropy() == q.log_normalizer() == pytest.approx(3 * math.log(2 * math.pi))
    np.testing.assert_array_equal(q.mean, np.zeros(3))
    np.testing.assert_array_equal(q.mode, np.zeros(3))
    assert mean_is(q.space.dist_sq(x, q.mean), q.variance) > ALPHA
    assert hd.ToroidalUniform.fit(x).event_shape == (3,)
    wide = hd.ToroidalWrappedNormal(np.zeros(3), 1e10)
    np.testing.assert_allclose(wide.log_prob(x), log_prob, rtol=1e-14)
    np.testing.assert_allclose([wide.variance, wide.entropy()], [q.variance, q.entropy()], rtol=1e-13)


def slopes(x: np.ndarray, mu: np.ndarray, sigma: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Gradient of the mean log likelihood in (mu/sigma, log sigma) of every coordinate, by 41 windings; sigma < 12."""
    y = (x - mu + np.pi) % (2 * np.pi) - np.pi + 2 * np.pi * np.arange(-20, 21)[:, None, None]
    density = np.exp(-0.5 * np.square(y / sigma))
    first = np.sum(y / sigma * density, axis=0) / np.sum(density, axis=0)
    second = np.sum(np.square(y / sigma) * density, axis=0) / np.sum(density, axis=0) - 1.0
    share = weights[:, None] / weights.sum()
    return np.array([np.sum(share * first, axis=0), np.sum(share * second, axis=0)])


@pytest.mark.parametrize("sigma", [1e-12, 0.01, 0.9, 1.75, 2.5])
def test_fit_finds_the_parameters_and_a_flat_likelihood(sigma, rng):
    """The error of 20,000 draws by the law's own Fisher information, of which R = exp(-sigma^2/2) is the least part."""
    mu, n = np.array([0.3, 3.1]), 20_000
    x = hd.ToroidalWrappedNormal(mu, sigma).sample(n, rng)
    fit = hd.ToroidalWrappedNormal.fit(x)
    if sigma > 1e-3:
        assert np.abs(slopes(x, fit.mu, fit.sigma, np.ones(n))).max() < 1e-12
    information = n * min(1.0, 2 * math.exp(-(sigma**2)) * sigma**2)
    rounding = 1e-15 / sigma
    assert np.abs(hd.Torus().log(mu, fit.mu) / sigma).max() < 6 / math.sqrt(information) + rounding
    assert np.abs(np.log(fit.sigma / sigma)).max() < 6 / math.sqrt(information) + rounding


@given(data=st.lists(angles(2), min_size=2, max_size=8), seed=seeds)
def test_fit_of_any_few_points_is_stationary_or_says_why_not(data, seed):
    x, weights = np.array(data), np.random.default_rng(seed).random(len(data)) + 0.1
    length = np.abs(weights @ np.exp(1j * x)) / weights.sum()
    # On the circle: -pi and the last number below pi are one point to the rounding of a turn.
    offset = hd.Torus().log(x[np.argmax(weights)], x)
    spread = np.sqrt(np.average(np.square(offset - np.average(offset, 0, weights)), 0, weights))
    if spread.min() < 1e-150 or length.min() < 1e-12:
        with pytest.raises(ValueError, match="spread"):
            hd.ToroidalWrappedNormal.fit(x, weights)
        return
    fit = hd.ToroidalWrappedNormal.fit(x, weights)
    assert fit.sigma.max() < 10
    if fit.sigma.min() > 1e-3:
        assert np.abs(slopes(x, fit.mu, fit.sigma, weights)).max() < 1e-10


@pytest.mark.parametrize("share", [0.5, 0.4991, 0.498, 0.49, 0.336])
@pytest.mark.parametrize("apart", [np.pi, np.pi - 1e-3, np.pi - 6e-8, np.nextafter(np.pi, 0)])
def test_fit_of_two_nearly_opposite_points(apart, share):
    """The likelihood is all but flat where exp(-sigma^2/2) cos(mu - x) is half the mean vector; any of it serves."""
    x, weights = np.array([[-np.pi], [apart - np.pi]]), np.array([share, 1.0 - share])
    if abs(weights @ np.exp(1j * x[:, 0])) < 1e-12:
        with pytest.raises(ValueError, match="as spread out as the uniform law"):
            hd.ToroidalWrappedNormal.fit(x, weights)
        return
    fit = hd.ToroidalWrappedNormal.fit(x, weights)
    assert np.abs(slopes(x, fit.mu, fit.sigma, weights)).max() < 1e-11


@pytest.mark.parametrize("apart", [1e-140, 1e-90, 1e-52, 1e-17, 1e-8])
def test_fit_of_close_points_has_their_spread(apart):
    """Of two points with these weights that of one coin: sigma = apart sqrt(p (1 - p))."""
    for seed in range(5):
        weights = np.random.default_rng(seed).random(2) + 0.1
        p = weights[0] / weights.sum()
        fit = hd.ToroidalWrappedNormal.fit([[0.0], [apart]], weights)
        np.testing.assert_allclose(fit.sigma, apart * math.sqrt(p * (1.0 - p)), rtol=1e-9)


def test_fit_reaches_the_same_maximum_as_a_general_optimiser(rng):
    x = hd.ToroidalWrappedNormal([2.0], 1.9).sample(60, rng)
    fit = hd.ToroidalWrappedNormal.fit(x)

    def loss(parameters: np.ndarray) -> float:
        return -float(np.mean(np.log(brute(x, parameters[:1], np.exp(parameters[1:])))))

    best = optimize.minimize(loss, [2.0, 0.5], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-15})
    assert loss(np.array([fit.mu[0], np.log(fit.sigma[0])])) <= best.fun + 1e-14


def test_fit_with_weights_is_fit_with_copies_and_batches(rng):
    x = hd.ToroidalWrappedNormal([1.0, -3.0, 0.0], [0.2, 1.0, 2.0]).sample(50, rng)
    counts = rng.integers(0, 4, (50, 3)).astype(float)
    fit = hd.ToroidalWrappedNormal.fit(x, counts)
    assert fit.batch_shape == (3,)
    for b in range(3):
        copies = hd.ToroidalWrappedNormal.fit(np.repeat(x, counts[:, b].astype(int), axis=0))
        np.testing.assert_allclose(hd.Torus().log(copies.mu, fit.mu[b]), 0, atol=1e-9)
        np.testing.assert_allclose(fit.sigma[b], copies.sigma, rtol=1e-9)
        alone = hd.ToroidalWrappedNormal.fit(x, counts[:, b])
        np.testing.assert_allclose(fit.sigma[b], alone.sigma, rtol=1e-9)
    assert hd.ToroidalWrappedNormal.fit(x.astype(np.float32)).sigma.dtype == np.float32


def test_degrees_are_noticed():
    """Beyond four turns; not within, nor where the caller wraps."""
    degrees = np.array([[350.0, 10.0], [340.0, 20.0], [5.0, 15.0]])
    q = hd.ToroidalWrappedNormal([0.0, 0.0], 1.0)
    calls = [
        lambda: hd.ToroidalWrappedNormal.fit(degrees), lambda: hd.ToroidalUniform.fit(degrees),
        lambda: q.log_prob(degrees), lambda: hd.ToroidalWrappedNormal([120.0], 10.0),
        lambda: hd.Mixture.fit(degrees, hd.ToroidalWrappedNormal, 1, starts=1),
    ]  # fmt: skip
    for call in calls:
        with pytest.warns(UserWarning, match=r"must hold angles in radians, .* numpy.radians") as found:
            call()
        assert {warning.filename for warning in found} == {__file__}
    q.log_prob([[8.0 * math.pi, -25.0], [np.inf, 0.0]])
    hd.ToroidalWrappedNormal.fit(hd.Torus().wrap(degrees))
    with pytest.raises(ValueError, match=r"size 350.0: wrap them with Torus\(\).wrap, those in degrees after numpy"):
        hd.Torus().dist(degrees, degrees)


def test_fit_says_why_there_is_no_maximum():
    with pytest.raises(ValueError, match="positive spread"):
        hd.ToroidalWrappedNormal.fit([[0.1, 1.0], [0.1, 2.0]])
    with pytest.raises(ValueError, match="positive spread"):
        hd.ToroidalWrappedNormal.fit([[0.1], [0.1], [2.0]], [1.0, 1.0, 0.0])
    square = np.array([[0.0], [np.pi / 2], [-np.pi], [-np.pi / 2]])
    with pytest.raises(ValueError, match="as spread out as the uniform law"):
        hd.ToroidalWrappedNormal.fit(square)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0.0], 0.0), ValueError, "sigma must be > 0"),
        (([0.0], -1.0), ValueError, "sigma must be > 0"),
        (([0.0], np.nan), ValueError, "sigma must be finite"),
        (([np.inf], 1.0), ValueError, "mu must be finite"),
        ((0.0, 1.0), ValueError, "mu must have shape"),
        (([0.0], [1.0, 2.0]), ValueError, "sigma must broadcast"),
        (([0.0, 1.0], [1.0, 2.0, 3.0]), ValueError, "do not broadcast"),
        ((["a"], 1.0), TypeError, "mu must hold real numbers"),
        (([0.0], 1j), TypeError, "sigma must hold real numbers"),
    ],
)
def test_bad_parameters(arguments, error, message):
    with pytest.raises(error, match=message):
        hd.ToroidalWrappedNormal(*arguments)


def test_bad_arguments():
    q = hd.ToroidalWrappedNormal([0.0, 0.0], 1.0)
    with pytest.raises(ValueError, match="2 coordinates"):
        q.log_prob([0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="sample_shape"):
        q.sample(-1)
    with pytest.raises(ValueError, match="model is for hyperbolic laws"):
        q.sample(1, model="tangent")
    for d, error in ((0, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="d must be"):
            hd.ToroidalUniform(d)
    with pytest.raises(ValueError, match="x must be finite"):
        hd.ToroidalWrappedNormal.fit([[np.nan], [0.0]])
    with pytest.raises(ValueError, match=r"shape \(n, d\)"):
        hd.ToroidalWrappedNormal.fit(np.zeros((2, 3, 1)))
    with pytest.raises(ValueError, match=r"shape \(n, d\), .* got shape \(2,\): x\[None\] is one observation"):
        hd.ToroidalUniform.fit([0.1, 0.2])
    with pytest.raises(ValueError, match="weights"):
        hd.ToroidalWrappedNormal.fit([[1.0], [0.0]], [1.0, -1.0])


@pytest.mark.parametrize("covariance", ["diagonal", "isotropic", "full"])
@pytest.mark.parametrize("weight", [1e10, 1e50, 1e100, 1e200, 1e300])
def test_fit_about_a_point_of_almost_all_weight(weight, covariance):
    """There no image but one counts, and the best law is the normal's, however many scales the others lie away."""
    x = hd.ToroidalWrappedNormal([0.3, 3.0], [0.5, 0.2]).sample(200, rng=0)
    weights = np.concatenate([[weight], np.ones(199)])
    fitted = hd.ToroidalWrappedNormal.fit(x, weights, covariance=covariance)
    offset = hd.Torus().wrap(x - x[0])
    scale = np.sqrt(np.sum(np.square(offset), axis=0) / weight)
    expected = {"diagonal": scale, "isotropic": np.sqrt(np.mean(scale**2)), "full": scale}[covariance]
    found = np.linalg.norm(fitted.scale_tril, axis=-1) if covariance == "full" else fitted.sigma
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    np.testing.assert_allclose(fitted.mu, x[0], atol=1e-6)
