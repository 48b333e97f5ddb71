"""Kullback-Leibler divergences against averages of log p - log q over draws of p."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

import hyperdist as hd
from tests.support import divergences
from tests.support.divergences import CASES, IDS, expected
from tests.support.statistics import ALPHA, mean_is

MU, OTHER, NORTH, EAST = [0.3, -0.2, 0.1], [0.1, 0.2, 0.0], [0.0, 0.6, 0.8], [1.0, 0.0, 0.0]
PAIRS = [
    (hd.RiemannianNormal(MU, 0.7, 1.3), hd.RiemannianNormal(MU, 0.9, 1.3)),
    (hd.RiemannianNormal(MU, 0.7, 0.0), hd.RiemannianNormal(OTHER, 0.9, 0.0)),
    (hd.WrappedNormal(MU, [0.3, 0.5, 0.7], 1.3), hd.WrappedNormal(MU, 0.6, 1.3)),
    (hd.WrappedNormal(MU, 0.5, 0.0), hd.WrappedNormal(OTHER, 0.6, 0.0)),
    (hd.RiemannianNormal(MU, 0.7, 1.3), hd.WrappedNormal(MU, [0.8, 0.9, 1.0], 1.3)),
    (hd.WrappedNormal(MU, [0.3, 0.5, 0.7], 1.3), hd.RiemannianNormal(MU, 0.6, 1.3)),
    (hd.VonMisesFisher(NORTH, 5.0), hd.VonMisesFisher(EAST, 2.0)),
    (hd.SphericalRiemannianNormal(NORTH, 0.5), hd.SphericalRiemannianNormal(NORTH, 0.8)),
    (hd.SphericalRiemannianNormal(NORTH, 0.5), hd.VonMisesFisher(EAST, 2.0)),
    (hd.VonMisesFisher(NORTH, 5.0), hd.SphericalRiemannianNormal(NORTH, 0.6)),
    (hd.VonMisesFisher(NORTH, 5.0), hd.SphericalUniform(2)),
    (hd.SphericalRiemannianNormal(NORTH, 0.5), hd.SphericalUniform(2)),
    (hd.SphericalUniform(2), hd.VonMisesFisher(NORTH, 2.0)),
    (hd.SphericalUniform(2), hd.SphericalRiemannianNormal(NORTH, 1.5)),
    (hd.ToroidalWrappedNormal([0.1, 3.0], [0.5, 1.5]), hd.ToroidalUniform(2)),
    (hd.ToroidalWrappedNormal([0.1, 3.0], [0.5, 1.5]), hd.ToroidalWrappedNormal([0.4, -3.0], [0.8, 1.2])),
    (hd.ToroidalUniform(2), hd.ToroidalWrappedNormal([0.1, 3.0], [0.5, 1.5])),
]


@pytest.mark.parametrize(("p", "q"), PAIRS, ids=[f"{type(p).__name__}-{type(q).__name__}" for p, q in PAIRS])
def test_divergence_is_the_mean_log_ratio(p: Any, q: Any, rng: np.random.Generator) -> None:
    """z-test at ALPHA over 100,000 draws: it finds an error of 2 % of the log ratio's deviation."""
    x, log_p = p.sample_and_log_prob((100_000,), rng)
    assert mean_is(log_p - q.log_prob(x), hd.kl_divergence(p, q)) > ALPHA
    assert hd.kl_divergence(p, q) > 0


def test_divergence_from_itself_is_zero() -> None:
    for law in {id(law): law for pair in PAIRS for law in pair}.values():
        assert 0 <= hd.kl_divergence(law, law) < 1e-12


def test_what_has_no_form_says_so() -> None:
    with pytest.raises(NotImplementedError, match="two centres"):
        hd.kl_divergence(hd.RiemannianNormal(MU, 1.0), hd.RiemannianNormal(OTHER, 1.0))
    with pytest.raises(NotImplementedError, match="no closed or one-dimensional form"):
        hd.kl_divergence(hd.RiemannianNormal(MU, 1.0), hd.SphericalUniform(2))
    product = hd.Product(hd.SphericalUniform(2), hd.ToroidalUniform(1))
    for pair in ((product, hd.SphericalUniform(2)), (hd.VonMisesFisher([1.0, 0.0, 0.0, 0.0], 2.0), product)):
        with pytest.raises(ValueError, match="on one space"):
            hd.kl_divergence(*pair)
    with pytest.raises(ValueError, match="curvatures"):
        hd.kl_divergence(hd.RiemannianNormal(MU, 1.0, 1.0), hd.RiemannianNormal(MU, 1.0, 2.0))
    with pytest.raises(ValueError, match="on one space"):
        hd.kl_divergence(hd.RiemannianNormal(MU, 1.0), hd.RiemannianNormal(MU[:2], 1.0))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_divergence_keeps_its_relative_accuracy(case: Any) -> None:
    """Against mpmath, however small it is; parameters of float32 are the numbers that they are, and so is the result's
    dtype."""
    p, d, a, q, b = case
    value = hd.kl_divergence(divergences.law(hd, np.float64, p, d, a), divergences.law(hd, np.float64, q, d, b))
    assert value == pytest.approx(expected(*case), rel=1e-13, abs=0.0)
    narrow = hd.kl_divergence(divergences.law(hd, np.float32, p, d, a), divergences.law(hd, np.float32, q, d, b))
    rounded = ((p, float(np.float32(a))), (q, float(np.float32(b))))
    wide = hd.kl_divergence(*(divergences.law(hd, np.float64, kind, d, x) for kind, x in rounded))
    assert narrow.dtype == np.float32
    assert narrow == np.float32(wide)


@pytest.mark.parametrize("sigma", [1.0, 1.74, 1.76, 6.0, 20.0])
def test_divergence_of_wide_torus_laws_from_the_uniform_one(sigma: float) -> None:
    """Against mpmath's integral of f log(2 pi f) - (f - 1/(2 pi)); at 20 it is exp(-400)."""
    with mp.workdps(60):

        def excess(x: Any) -> Any:
            wave = 2 * mp.fsum(mp.exp(-mpf(k * k) * mpf(sigma) ** 2 / 2) * mp.cos(k * x) for k in range(1, 14))
            # 60 digits hold (1 + w) log(1 + w) - w of w > 1e-25; below, two terms of its series are all there is
            return wave**2 / 2 - wave**3 / 6 if sigma > 10 else (1 + wave) * mp.log1p(wave) - wave

        right = float(mp.quad(excess, mp.linspace(0, mp.pi, 5)) / mp.pi)
    value = hd.kl_divergence(hd.ToroidalWrappedNormal([0.1, 0.2], sigma), hd.ToroidalUniform(2))
    assert value == pytest.approx(2.0 * right, rel=1e-13, abs=0.0)
    narrow = hd.ToroidalWrappedNormal(np.zeros(2, np.float32), np.float32(sigma))
    assert hd.kl_divergence(narrow, hd.ToroidalUniform(2)).dtype == np.float32


def test_divergence_of_unlike_scales_neither_overflows_nor_cancels() -> None:
    """By hand: d (log(q/p) - 1/2) for p << q; and for each axis e^2 of q = p (1 + e), an error of e^3."""
    low, high = hd.WrappedNormal([0.0, 0.0], 1e-140, 0.0), hd.WrappedNormal([0.0, 0.0], 1e140, 0.0)
    right = 2.0 * (280.0 * np.log(10.0) - 0.5)
    assert hd.kl_divergence(low, high) == pytest.approx(right, rel=1e-14)
    for p, q in ((hd.RiemannianNormal, hd.WrappedNormal), (hd.WrappedNormal, hd.RiemannianNormal)) * 2:
        p, q = p([0.0, 0.0], 1e-140, 0.0), q([0.0, 0.0], 1e140, 0.0)
        assert hd.kl_divergence(p, q) == pytest.approx(right, rel=1e-13)
    scales = np.array([0.5, 0.8])
    near = hd.kl_divergence(hd.WrappedNormal(MU[:2], scales, 1.3), hd.WrappedNormal(MU[:2], scales * (1 + 1e-6), 1.3))
    assert near == pytest.approx(2e-12, rel=1e-5)


def test_divergence_of_batches_broadcasts() -> None:
    kappa = np.array([1.0, 2.0, 3.0])
    several, one = hd.VonMisesFisher(NORTH, kappa), hd.VonMisesFisher(NORTH, 2.0)
    table = hd.VonMisesFisher(NORTH, kappa[:, None] * [1.0, 1.1, 30.0])
    for p, q in ((several, one), (one, several), (several, table), (table, one), (hd.SphericalUniform(2), table)):
        value = hd.kl_divergence(p, q)
        a, b = np.broadcast_arrays(getattr(p, "kappa", 0.0), q.kappa)
        for i in np.ndindex(value.shape):
            p_i = hd.VonMisesFisher(NORTH, a[i]) if a[i] else p
            assert value[i] == pytest.approx(
                hd.kl_divergence(p_i, hd.VonMisesFisher(NORTH, b[i])), rel=1e-13, abs=1e-30
            )
