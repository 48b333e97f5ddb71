"""The von Mises-Fisher law on S^2, drawn by the closed inverse of its cosine's cdf; fits of rows as they are given."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import hyperdist as hd
from hyperdist.distributions import sphere_rows
from hyperdist.geometry import sphere
from hyperdist.radial import rejection
from hyperdist.radial.fisher_hats import fisher_sphere
from hyperdist.radial.von_mises_fisher import VonMisesFisherRadius

EPS = np.finfo(float).eps
KAPPAS = [1e-20, 1e-6, 0.5, np.nextafter(1.0, 0.0), 1.0, np.nextafter(1.0, 2.0), 7.0, 400.0, 1e15]


@pytest.mark.parametrize("kappa", KAPPAS)
def test_the_closed_inverse(kappa: float) -> None:
    """Both forms, on both sides of kappa = 1, from the pole to its opposite: cos r to a few eps of 1 - cos r."""
    e = np.array([1e-30, 1e-12, 1e-3, 0.7, 1.0, 1.5, 3.0, 20.0, 36.0, 690.0])
    for value, angle in zip(e, fisher_sphere(np.asarray(kappa), e), strict=True):
        with mpmath.workdps(120):
            k, u = mpmath.mpf(kappa), mpmath.exp(-mpmath.mpf(value))
            w = float(-mpmath.log(u + (1 - u) * mpmath.exp(-2 * k)) / k)
        # asin(sqrt(w/2)) near the opposite pole: of 1 - w/2 the rounding of w is left.
        bound = 16.0 * EPS * w * (1.0 + (1.0 if kappa < 1.0 else min(value, 2.0 * kappa)))
        assert abs(2.0 * np.sin(0.5 * angle) ** 2 - w) <= bound + 1e-300, (value, angle)


@pytest.mark.parametrize("kappa", [0.0, *KAPPAS[1:-1]])
def test_no_proposal_is_rejected(kappa: float) -> None:
    law = VonMisesFisherRadius(2, kappa)
    assert law.acceptance_rate() == pytest.approx(1.0, abs=1e-12)
    assert law._proposal(np.ones(3), rejection.GeneratorSource(np.random.default_rng(0)), slice(None)).exact


def test_many_laws_are_drawn_each_by_its_own_form() -> None:
    kappa = np.array([0.0, 1e-3, 0.9, 1.0, 30.0])
    e = np.full(5, 0.4)
    together = fisher_sphere(np.clip(kappa, 1e-20, None), e)
    each = [fisher_sphere(np.asarray(max(k, 1e-20)), np.asarray(0.4)) for k in kappa]
    np.testing.assert_allclose(together, each, rtol=8 * EPS)


@pytest.mark.parametrize("m", [2, 3, 4, 7, 50])
@pytest.mark.parametrize("first", [1.0, 0.6, 0.0, -0.6, -1.0])
def test_factors_of_rows_are_the_exponential(m: int, first: float, rng: np.random.Generator) -> None:
    """At every radius, the poles too; normals of length 0 have no direction, and give what radius 0 gives times cos."""
    rest = np.cos(1.0 + np.arange(m - 1.0))
    mu = np.concatenate([[first], np.sqrt(1.0 - first * first) * rest / np.linalg.norm(rest)])
    v, r, out = rng.standard_normal((50, m - 1)), rng.uniform(0.0, np.pi, 50), np.empty((50, m))
    r[:6] = 0.0, 1e-300, 1e-9, 0.5 * np.pi, np.nextafter(np.pi, 0.0), np.pi
    norm = np.linalg.norm(v, axis=1)
    sphere_rows.place(out, mu, r, v, norm, v @ mu[1:])
    expected = sphere.exp_polar(mu, r, v / norm[:, None])
    np.testing.assert_allclose(out, expected, rtol=0.0, atol=8.0 * EPS)
    # About a pole, where nothing cancels, what is small is right to its own digits.
    if abs(first) == 1.0:
        np.testing.assert_allclose(out[:3, 1:], expected[:3, 1:], rtol=8.0 * EPS, atol=0.0 if m > 2 else 1e-300)
    v[0] = 0.0
    sphere_rows.place(out, mu, r, v, rejection.lengths(np.linalg.norm(v, axis=1)), v @ mu[1:])
    np.testing.assert_allclose(out[0], mu, atol=2.0 * EPS)


@pytest.mark.parametrize("kappa", [0.5, 50.0, 1e5])
def test_fit_takes_rows_as_they_are_given(kappa: float, rng: np.random.Generator) -> None:
    """Lengths off by what float32 explains are divided out; others are an error."""
    x = hd.VonMisesFisher(np.eye(6)[2], kappa).sample(400, rng)
    off = x * (1.0 + 2e-7 * rng.uniform(-1.0, 1.0, (400, 1)))
    weights = rng.random((400, 3))
    for share in (None, weights):
        true, same = hd.VonMisesFisher.fit(x, share), hd.VonMisesFisher.fit(off, share)
        np.testing.assert_allclose(same.mu, true.mu, atol=1e-14)
        np.testing.assert_allclose(same.kappa, true.kappa, rtol=1e-10)
    off[7] *= 1.01
    with pytest.raises(ValueError, match=r"x must lie on the unit sphere to"):
        hd.VonMisesFisher.fit(off)
    off[7, 0] = np.nan
    with pytest.raises(ValueError, match=r"x must be finite"):
        hd.VonMisesFisher.fit(off)
