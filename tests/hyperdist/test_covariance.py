"""Wrapped normals with a full covariance on hyperbolic space: what the argument means, the density by other ways."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp
from scipy import stats

import hyperdist as hd
from tests.support.cases import ball_point, triangle

EPS = float(np.finfo(float).eps)


def rotation(d, rng):
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


@pytest.mark.parametrize("c", [0.0, 1.3])
def test_at_the_origin_it_is_a_turned_law_of_independent_coordinates(c, rng):
    """exp_0 commutes with rotations Q, so that the density at Q x is that of the diagonal law at x."""
    d, scales = 4, np.array([0.2, 0.5, 0.5, 1.1])
    turn = rotation(d, rng)
    plain = hd.WrappedNormal(np.zeros(d), scales, c)
    full = hd.WrappedNormal(np.zeros(d), c=c, covariance_matrix=turn * scales**2 @ turn.T)
    x = plain.sample(200, rng)
    condition = 64 * EPS * (scales.max() / scales.min()) ** 2
    np.testing.assert_allclose(full.log_prob(x @ turn.T), plain.log_prob(x), rtol=condition, atol=condition)
    for value in ("entropy", "log_normalizer"):
        np.testing.assert_allclose(getattr(full, value)(), getattr(plain, value)(), rtol=1e-13)
    np.testing.assert_allclose(full.variance, plain.variance, rtol=1e-13)
    other = hd.WrappedNormal(np.zeros(d), 0.7, c)
    np.testing.assert_allclose(hd.kl_divergence(full, other), hd.kl_divergence(plain, other), rtol=1e-12)
    np.testing.assert_allclose(hd.kl_divergence(other, full), hd.kl_divergence(other, plain), rtol=1e-12)
    radial = hd.RiemannianNormal(np.zeros(d), 0.8, c)
    np.testing.assert_allclose(hd.kl_divergence(full, radial), hd.kl_divergence(plain, radial), rtol=1e-12)
    np.testing.assert_allclose(hd.kl_divergence(radial, full), hd.kl_divergence(radial, plain), rtol=1e-12)


def test_a_diagonal_triangle_is_the_law_of_its_scales(seed):
    scales = np.array([0.3, 0.8, 1.2])
    plain = hd.WrappedNormal([0.2, 0.1, -0.3], scales, 0.7)
    full = hd.WrappedNormal([0.2, 0.1, -0.3], c=0.7, scale_tril=np.diag(scales))
    x, density = plain.sample_and_log_prob(50, seed)
    for ours, theirs in zip(full.sample_and_log_prob(50, seed), (x, density), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(full.log_prob(x), density, rtol=1e-12)
    np.testing.assert_array_equal(plain.scale_tril, full.scale_tril)
    np.testing.assert_array_equal(plain.covariance_matrix, full.covariance_matrix)
    assert plain != full
    assert not hasattr(full, "sigma")
    assert not hasattr(full, "radius")


def by_hand(x, mu, tril, c):
    """The density in 50 digits: the frame coordinates of log_mu(x) are lambda_mu times the ball's logarithm."""
    mp.dps = 50
    x, mu, c, d = [mp.mpf(float(t)) for t in x], [mp.mpf(float(t)) for t in mu], mp.mpf(c), len(mu)
    xx, mm = mp.fdot(x, x), mp.fdot(mu, mu)
    mx = mp.fdot(mu, x)
    # (-mu) (+) x by Moebius addition.
    bottom = 1 - 2 * c * mx + c * c * mm * xx
    y = [(-(1 - 2 * c * mx + c * xx) * m + (1 - c * mm) * t) / bottom for m, t in zip(mu, x, strict=True)]
    size = mp.sqrt(mp.fdot(y, y))
    r = 2 * mp.atanh(mp.sqrt(c) * size) / mp.sqrt(c)
    v = mp.matrix([r * t / size for t in y])
    z = mp.lu_solve(mp.matrix(tril.tolist()), v)
    log_det = mp.fsum(mp.log(mp.mpf(float(t))) for t in np.diag(tril))
    volume = (d - 1) * mp.log(mp.sinh(mp.sqrt(c) * r) / (mp.sqrt(c) * r))
    return -mp.fsum(t * t for t in z) / 2 - log_det - mp.mpf(d) / 2 * mp.log(2 * mp.pi) - volume


@pytest.mark.parametrize("d", [1, 2, 5])
def test_density_in_high_precision(d, rng):
    tril, mu, c = triangle(d), ball_point(d, 0.5, float), 0.8
    law = hd.WrappedNormal(mu, c=c, scale_tril=tril)
    for point in law.sample(5, rng):
        # A coordinate's rounding moves v by eps e^reach, and the density by that times |L^-1 z|.
        np.testing.assert_allclose(law.log_prob(point), float(by_hand(point, mu, tril, c)), rtol=1e-12, atol=1e-11)


def test_draws_are_standard_normal_once_whitened(rng):
    """Kolmogorov-Smirnov of each coordinate and z-tests of the correlations, of a batch, at 1e-6 together."""
    tril = np.stack([triangle(3), 2.0 * triangle(3)[::1] + np.diag([0.0, 0.5, 0.0])])
    law = hd.WrappedNormal(np.array([[0.3, 0.1, 0.2], [-0.5, 0.3, 0.0]]), c=[0.5, 1.0], scale_tril=tril)
    n = 20_000
    x = law.sample(n, rng, model="tangent")
    space = hd.Tangent(law.c)
    mu = hd.PoincareBall(law.c).to_tangent(law.mu)
    z = np.linalg.solve(tril, space.to_frame(mu, space.log(mu, x))[..., None])[..., 0]
    p = [stats.kstest(z[:, i, j], "norm").pvalue for i in range(2) for j in range(3)]
    each = np.einsum("nbi,nbj->bij", z, z)[:, *np.tril_indices(3, -1)] / np.sqrt(n)
    assert min(p) > 1e-7
    assert np.abs(each).max() < 5.6


def test_what_is_close_keeps_its_divergence():
    """|L^-1 dL|^2/2 below the diagonal, and the scales' own on it, to eight digits at 1e-9."""
    tril, off = triangle(3), np.zeros((3, 3))
    off[2, 0] = 1e-9
    p, mu = hd.WrappedNormal([0.1, 0.2, 0.0], scale_tril=tril), [0.1, 0.2, 0.0]
    q = hd.WrappedNormal(mu, scale_tril=tril + off)
    np.testing.assert_allclose(hd.kl_divergence(p, q), 0.5 * (1e-9 / tril[2, 2]) ** 2, rtol=1e-6)
    q = hd.WrappedNormal(mu, scale_tril=tril * (1 + 1e-9))
    np.testing.assert_allclose(hd.kl_divergence(p, q), 3e-18, rtol=1e-6)


def test_a_sampler_that_forgets_the_correlations_is_found():
    law = hd.WrappedNormal([0.3, 0.1], covariance_matrix=[[0.25, 0.02], [0.02, 0.25]])
    assert hd.testing.check_sampler(law.sample, law).passed
    wrong = hd.WrappedNormal([0.3, 0.1], 0.5)
    assert "score scale_tril" in [found.test for found in hd.testing.check_sampler(wrong.sample, law).failures]


TRIANGLE = triangle(3)
BAD = [
    ({}, "exactly one of sigma, scale_tril and covariance_matrix, got none"),
    ({"sigma": 1.0, "scale_tril": TRIANGLE}, "exactly one of .*, got sigma and scale_tril"),
    ({"scale_tril": TRIANGLE, "covariance_matrix": np.eye(3)}, "exactly one of .*, got scale_tril and covariance_mat"),
    ({"scale_tril": TRIANGLE.T}, r"scale_tril must be lower-triangular, got .* at index \(0, 1\).*covariance_matrix"),
    ({"scale_tril": -TRIANGLE}, r"scale_tril must have a positive diagonal, got -0.48 at index \(0, 0\)"),
    ({"scale_tril": TRIANGLE * np.nan}, "scale_tril must be finite, got nan"),
    ({"scale_tril": TRIANGLE * 1e200}, r"scale_tril must give scales in \[1e-150, 1e\+150\]"),
    ({"scale_tril": np.ones(3)}, r"scale_tril must have shape \(\*batch, 3, 3\).*got \(3,\)"),
    ({"covariance_matrix": np.eye(2)}, r"covariance_matrix must have shape \(\*batch, 3, 3\).*got \(2, 2\)"),
    ({"covariance_matrix": TRIANGLE}, "covariance_matrix must be symmetric, got 0.0 at index .*across from -?0"),
    ({"covariance_matrix": np.ones((3, 3))}, "covariance_matrix must be positive definite.*least eigenvalue"),
    ({"covariance_matrix": np.stack([np.eye(3), -np.eye(3)])}, r"positive definite.* is -1 at index \(1,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), BAD, ids=range(len(BAD)))
def test_bad_covariances_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        hd.WrappedNormal([0.2, 0.1, 0.0], **given)
    with pytest.raises(TypeError, match="scale_tril must hold real numbers"):
        hd.WrappedNormal([0.2, 0.1, 0.0], scale_tril=1j * TRIANGLE)


def test_batches_that_do_not_broadcast_are_named():
    with pytest.raises(ValueError, match=r"do not broadcast: mu \(2,\), scale_tril \(4,\)"):
        hd.WrappedNormal(np.zeros((2, 3)), scale_tril=np.stack([TRIANGLE] * 4))


def test_a_covariance_is_its_triangle(rng):
    """Rounding of a product of matrices, which is not symmetric to the last bit, passes; so does float32's."""
    turn = rotation(5, rng)
    given = turn @ np.diag([1e-6, 1.0, 2.0, 3.0, 1e6]) @ turn.T
    law = hd.WrappedNormal(np.zeros(5), covariance_matrix=given)
    np.testing.assert_allclose(law.covariance_matrix, 0.5 * (given + given.T), rtol=1e-13)
    single = hd.WrappedNormal(np.zeros(3, np.float32), covariance_matrix=np.float32(TRIANGLE @ TRIANGLE.T))
    assert single.scale_tril.dtype == single.covariance_matrix.dtype == single.dtype == np.float32
    np.testing.assert_allclose(single.scale_tril, TRIANGLE, rtol=1e-5, atol=1e-6)
    assert single == hd.WrappedNormal(np.zeros(3, np.float32), scale_tril=single.scale_tril)
