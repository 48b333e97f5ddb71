"""Divergences on the torus: of independent angles by mpmath, of correlated ones by grids, maps and draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp, mpf

import hyperdist as hd
from hyperdist.radial import circle_cross
from tests.hyperdist.test_torus_covariance import unimodular

TURN = 2.0 * math.pi

CIRCLES = [
    (0.5, 0.5, 1.0), (2.0, 0.2, 1.0), (0.1, 0.05, 2.0), (4.0, 5.0, 1.0), (1.0, 2.6, -1.0),
    (0.0999, 0.3, 3.1), (0.1, 0.3, 3.1), (0.05, 1.0, -3.14), (0.05, 1.0001, -3.14), (0.001, 1.0, 3.14),
    (0.01, 0.05, 3.1), (0.03, 2.4, 1.0), (0.03, 2.6, 1.0),
]  # fmt: skip
"""(sigma of p, of q, centres apart): on and beside the scales where a form switches, p within reach of q's antipode."""


def log_density(x, sigma):
    x = x - 2 * mp.pi * mp.nint(x / (2 * mp.pi))
    if sigma < 2:
        images = mp.fsum(mp.exp(-((x + 2 * mp.pi * k) ** 2) / 2 / sigma**2) for k in range(-3, 4))
        return mp.log(images) - mp.log(sigma) - mp.log(2 * mp.pi) / 2
    waves = 2 * mp.fsum(mp.exp(-k * k * sigma * sigma / 2) * mp.cos(k * x) for k in range(1, 12))
    return mp.log(1 + waves) - mp.log(2 * mp.pi)


def by_quadrature(p, q, apart):
    """KL in 20 digits; the line is cut where log q bends at the antipode."""
    p, q, apart = mpf(p), mpf(q), mpf(apart)
    end = min(14 * p, mp.pi)
    cuts = [side * mp.pi - apart + step * q**2 for side in (-1, 1) for step in (-6, 0, 6)]
    cuts = sorted({cut for cut in [*cuts, *mp.linspace(-end, end, 5)] if -end <= cut <= end})

    def ratio(x):
        log_p = log_density(x, p)
        return mp.exp(log_p) * (log_p - log_density(x + apart, q))

    return float(mp.quad(ratio, cuts))


@pytest.mark.parametrize("case", CIRCLES, ids=str)
def test_divergence_of_independent_angles(case):
    p, q, apart = case
    with mp.workdps(20):
        right = by_quadrature(*case)
    found = hd.kl_divergence(hd.ToroidalWrappedNormal([apart], p), hd.ToroidalWrappedNormal([0.0], q))
    assert found == pytest.approx(right, rel=1e-14, abs=1e-15)
    whole = circle_cross.mean_log_density(*(np.array([v]) for v in case))
    own = circle_cross.mean_log_density(*(np.array([v]) for v in (p, p, 0.0)))
    np.testing.assert_allclose(own - whole, right, rtol=1e-13, atol=1e-13)


def test_a_small_divergence_keeps_its_digits():
    """By hand: of narrow laws the normals'; of wide ones 2 (exp(-p^2/2) - exp(-q^2/2))^2/2, the first wave's."""
    near = hd.kl_divergence(hd.ToroidalWrappedNormal([1.0], 0.01), hd.ToroidalWrappedNormal([1.0], 0.01 * (1 + 1e-6)))
    assert near == pytest.approx(1e-12, rel=1e-5)
    far = hd.kl_divergence(hd.ToroidalWrappedNormal([1.0], 12.0), hd.ToroidalWrappedNormal([1.0], 12.5))
    assert far == pytest.approx((math.exp(-72.0) - math.exp(-78.125)) ** 2, rel=1e-12)
    tril = 0.1 * np.array([[0.5, 0.0], [0.3, 0.6]])
    law, other = (hd.ToroidalWrappedNormal([3.1, -3.1], scale_tril=t * tril) for t in (1.0, 1.0 + 1e-6))
    assert hd.kl_divergence(law, other) == pytest.approx(2e-12, rel=1e-5)
    same = hd.ToroidalWrappedNormal([3.1 - TURN, -3.1], scale_tril=tril)
    assert hd.kl_divergence(law, same) < 1e-25


def on_a_grid(p, q, n):
    """The trapezoidal rule over the torus."""
    d = p.event_shape[0]
    axis = -math.pi + TURN / n * np.arange(n)
    x = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d)
    log_p = p.log_prob(x)
    return np.sum(np.exp(log_p) * (log_p - q.log_prob(x))) * (TURN / n) ** d


PAIRS = {
    "narrow": ([0.1, 0.2], [[0.2, 0.0], [0.1, 0.2]], [[0.5, 0.0], [0.3, 0.4]]),
    "q wraps": ([0.5, 1.0], [[0.3, 0.0], [0.2, 0.3]], [[0.6, 0.0], [0.5, 0.5]]),
    "both wrap": ([0.5, 1.0], [[0.5, 0.0], [0.3, 0.6]], [[0.9, 0.0], [0.5, 0.8]]),
    "p narrow and wide": ([0.5, 1.0], [[0.2, 0.0], [1.2, 0.9]], [[1.2, 0.0], [0.5, 1.0]]),
    "antipode": ([3.1, 0.2], [[0.2, 0.0], [0.1, 0.2]], [[0.9, 0.0], [0.3, 0.7]]),
    "q partly uniform": ([3.1, 0.2], [[2.2, 0.0], [0.1, 0.3]], [[1.9, 0.0], [0.3, 9.7]]),
    "q partly normal": ([0.1, 0.2], [[0.1, 0.0], [0.1, 0.6]], [[0.3, 0.0], [0.4, 1.1]]),
    "line": ([1.1], [[0.7]], [[0.3]]),
    "three": (
        [0.5, 1.0, -0.4],
        [[0.2, 0, 0], [0.1, 0.3, 0], [0.1, 0.2, 0.3]],
        [[1.1, 0, 0], [0.5, 1, 0], [0, 0.2, 1.2]],
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_divergence_of_correlated_angles_on_a_grid(name):
    apart, p_tril, q_tril = (np.array(part, float) for part in PAIRS[name])
    p = hd.ToroidalWrappedNormal(apart + 2.0, scale_tril=p_tril)
    q = hd.ToroidalWrappedNormal(np.full(len(apart), 2.0), scale_tril=q_tril)
    n = {1: 1024, 2: 256, 3: 48}[len(apart)]
    assert hd.kl_divergence(p, q) == pytest.approx(on_a_grid(p, q, n), rel=1e-10, abs=1e-10)
    if len(apart) < 3:
        assert hd.kl_divergence(p, p) == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize("d", [2, 3, 8])
@pytest.mark.parametrize("scales", [(0.02, 0.3), (0.05, 12.0), (9.0, 20.0)], ids=str)
def test_a_map_of_the_torus_keeps_divergences(d, scales, rng):
    """V y of independent y has the triangle of V diag(sigma): the closed form of independent angles is right for both.
    At most three angles are neither narrow nor wide."""
    low, high = scales
    p_sigma, q_sigma = np.full(d, low), low * np.exp(rng.uniform(0.0, 0.5, d))
    p_sigma[-1:], q_sigma[-1:] = min(high, 1.0) if low < 1.0 else low, high
    apart = 0.2 * low * rng.standard_normal(d)
    turn = unimodular(d, rng, 2 * d)

    def full(mu, sigma):
        triangle = np.linalg.qr((turn * sigma).T)[1].T
        return hd.ToroidalWrappedNormal(turn @ mu, scale_tril=triangle * np.sign(np.diag(triangle)))

    right = hd.kl_divergence(hd.ToroidalWrappedNormal(apart, p_sigma), hd.ToroidalWrappedNormal(np.zeros(d), q_sigma))
    found = hd.kl_divergence(full(apart, p_sigma), full(np.zeros(d), q_sigma))
    np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("d", [2, 3])
def test_the_nearest_image_of_skew_angles(d, rng):
    """Of a narrow law and a point far from it; that it is the nearest is seen by looking at all within five turns.

    Rounding angle after angle to the next image misses it in one of ten such pairs in three dimensions. That two are
    as near to within what the point's scale makes of it, t < 9 |b.z|, has a chance below 1e-6.
    """
    turns = TURN * np.stack(np.meshgrid(*[np.arange(-5.0, 6.0)] * d, indexing="ij"), -1).reshape(-1, d)
    for _ in range(60):
        a = rng.standard_normal((2, d, d))
        p_tril, q_tril = np.linalg.cholesky(a @ np.swapaxes(a, -1, -2) / d + 0.05 * np.eye(d))
        p_tril, q_tril = 1e-10 * p_tril, 1e-7 * q_tril
        apart, whiten = rng.uniform(-3.0, 3.0, d), np.linalg.inv(q_tril)
        square = np.min(np.sum(np.square((apart + turns) @ whiten.T), -1)) + np.sum(np.square(whiten @ p_tril)) - d
        right = 0.5 * square + np.sum(np.log(np.diag(q_tril) / np.diag(p_tril)))
        p, q = (hd.ToroidalWrappedNormal(mu, scale_tril=L) for mu, L in ((apart, p_tril), (np.zeros(d), q_tril)))
        assert hd.kl_divergence(p, q) == pytest.approx(right, rel=1e-9)


def test_divergence_between_independent_and_correlated_angles(rng):
    """z-test at 1e-6 over 50,000 draws, in two dimensions and in eight."""
    for d in (2, 8):
        tril = 0.12 * (np.tril(np.full((d, d), 0.4)) + np.eye(d))
        full = hd.ToroidalWrappedNormal(np.full(d, 3.0), scale_tril=tril)
        plain = hd.ToroidalWrappedNormal(np.full(d, -3.2), np.linspace(0.3, 2.0, d))
        narrow = hd.ToroidalWrappedNormal(np.full(d, -3.2), np.linspace(0.05, 0.2, d))
        for p, q in ((full, plain), (narrow, full)):
            x, log_p = p.sample_and_log_prob((50_000,), rng)
            ratio = log_p - q.log_prob(x)
            assert abs(ratio.mean() - hd.kl_divergence(p, q)) < 5.0 * ratio.std() / math.sqrt(len(ratio))


def test_batches_of_divergences_broadcast():
    tril = np.array([[0.5, 0.0], [0.3, 0.6]])
    several = hd.ToroidalWrappedNormal([[0.0, 1.0], [3.0, -3.0], [1.0, 1.0]], scale_tril=tril)
    others = hd.ToroidalWrappedNormal([0.2, 0.9], scale_tril=np.stack([tril, 2.0 * tril])[:, None])
    table = hd.kl_divergence(several, others)
    assert table.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        assert table[i, j] == pytest.approx(hd.kl_divergence(several[j], others[i, 0]), rel=1e-13)
    single = hd.ToroidalWrappedNormal(np.zeros(2, np.float32), scale_tril=tril.astype(np.float32))
    assert hd.kl_divergence(single, single).dtype == np.float32
    pair = hd.Product(several, hd.VonMisesFisher([0.0, 1.0], 3.0))
    other = hd.Product(hd.ToroidalWrappedNormal([0.2, 0.9], 0.8), hd.VonMisesFisher([0.0, 1.0], 2.0))
    parts = [hd.kl_divergence(*both) for both in zip(pair.laws, other.laws, strict=True)]
    np.testing.assert_allclose(hd.kl_divergence(pair, other), sum(parts), rtol=1e-13)


def test_a_divergence_that_cannot_be_worked_out_names_what_can():
    wide = hd.ToroidalWrappedNormal(np.zeros(4), scale_tril=np.eye(4) + 0.3 * np.tril(np.ones((4, 4))))
    with pytest.raises(NotImplementedError, match=r"average p.log_prob\(x\) - q.log_prob\(x\)"):
        hd.kl_divergence(hd.ToroidalWrappedNormal(np.zeros(4), 0.8), wide)
    with pytest.raises(NotImplementedError, match=r"average p\.log_prob"):
        hd.kl_divergence(wide, wide)
    creased = hd.ToroidalWrappedNormal([0.0, 0.0], scale_tril=[[0.05, 0.0], [0.03, 0.05]])
    even = hd.ToroidalWrappedNormal([0.0, 0.0], scale_tril=[[1.5, 0.0], [0.9, 1.5]])
    with pytest.raises(NotImplementedError, match=r"average p\.log_prob"):
        hd.kl_divergence(even, creased)


def test_divergence_of_the_uniform_law():
    """E log q over the circle is log(1 - exp(-n sigma^2)) over n; and by a grid."""
    plain = hd.ToroidalWrappedNormal([0.3, 1.0], [1.5, 30.0])
    level = sum(math.log1p(-math.exp(-n * 2.25)) for n in range(1, 20))
    assert hd.kl_divergence(hd.ToroidalUniform(2), plain) == pytest.approx(-level, rel=1e-14)
    full = hd.ToroidalWrappedNormal([0.3, 1.0], scale_tril=[[0.9, 0.0], [0.5, 0.8]])
    assert hd.kl_divergence(hd.ToroidalUniform(2), full) == pytest.approx(on_a_grid(hd.ToroidalUniform(2), full, 256))
