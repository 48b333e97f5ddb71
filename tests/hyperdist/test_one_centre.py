"""Draws about one centre in few passes over their rows, against the exponential map that serves any batch."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import hyperdist as hd
from hyperdist.geometry import polar

EPS = np.finfo(float).eps
LENGTHS = [1e-150, 1e-90, 1e-8, 0.3, polar.NEAR, np.nextafter(polar.NEAR, 3.0), 15.0]


def around(d: int, length: float, c: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """A centre, radii, and normals: at random, along the centre's way and all but against it, and of length 0."""
    root = np.sqrt(c)
    mu = np.cos(1.0 + np.arange(d)) * (length / root / np.linalg.norm(np.cos(1.0 + np.arange(d))))
    normals = rng.standard_normal((400, d))
    way = mu / np.sqrt(mu @ mu) if length > 1e-100 else np.eye(d)[0]
    normals[:80] = np.outer(np.linspace(-1.5, 1.5, 80), way) + 10.0 ** -rng.uniform(1.0, 18.0, (80, 1)) * normals[:80]
    normals[80:82] = way, -way
    normals[82] = 0.0
    r = np.concatenate([10.0 ** rng.uniform(-12.0, 0.0, 40), rng.uniform(0.0, 20.0, 360)]) / root
    r[83:86] = 0.0, length / root, 30.0 / root
    r[81] = length / root
    return mu, r, normals


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize(("model", "c"), [("tangent", 1.0), ("poincare", 1.0), ("tangent", 0.3)])
def test_few_passes_are_the_exponential(d: int, length: float, model: str, c: float, rng: np.random.Generator) -> None:
    """To what a rounded direction moves the draw, and 64 eps of 1 + the radii: with phi the angle, sinh(D) dD is
    sinh(a) sinh(R) sin(phi) dphi along the draw, and across it is at most sinh(R) dphi, so much of D/sinh(D) here."""
    mu, r, normals = around(d, length, c, rng)
    if model == "poincare":
        r = np.minimum(r, 15.0 / np.sqrt(c))
    law = hd.RiemannianNormal(mu, 0.5, c, model="tangent")
    norm, out = np.linalg.norm(normals, axis=1), np.empty(normals.shape)
    u = normals / np.where(norm > 0.0, norm, 1.0)[:, None]
    u[82] = out[82] = 0.0
    expected = polar.exp_polar(mu, r, np.where(norm[:, None] > 0.0, u, np.eye(d)[0]), c, model)
    law._place(out, normals.copy(), norm, r, slice(None), model)
    root = np.sqrt(c)
    far = np.linalg.norm(polar.exp_polar(mu, r, u, c, "tangent"), axis=1) * root
    a = np.linalg.norm(mu) * root
    if model == "tangent":
        spread = (far + 1e-30) / np.sinh(far + 1e-30) * np.sinh(root * r) + far
    else:
        spread = np.exp(np.minimum(root * r, a)) + 1.0
    way = mu / np.linalg.norm(mu)
    sine = np.linalg.norm(u - np.outer(u @ way, way), axis=1) + EPS
    along = sine * np.exp(a + root * r - far)
    if model == "poincare":
        along *= np.exp(-far)
    bound = 64.0 * EPS * (1.0 + a + root * r + spread + along) / root
    if length <= 1e-8:  # what is small is right to its own digits
        bound = 64.0 * EPS * (np.linalg.norm(expected, axis=1) + np.linalg.norm(mu))
    error = np.linalg.norm(out - expected, axis=1)
    error[82] = 0.0
    assert (error <= bound).all(), (np.argmax(error / bound), (error / bound).max())
    assert np.isfinite(out).all()


@pytest.mark.parametrize("model", ["poincare", "tangent"])
@pytest.mark.parametrize("a", [0.4, 1.9, 7.0])
@pytest.mark.parametrize("angle", [0.0, 1.0, 3.1, 3.14159, np.pi])
def test_against_fifty_digits(model: str, a: float, angle: float) -> None:
    """The boost of the hyperboloid's point, of the direction as rounded."""
    mu, r, u = np.array([a, 0.0]), np.array([0.3, a, 2.5, 9.0]), np.array([np.cos(angle), np.sin(angle)])
    law, out = hd.RiemannianNormal(mu, 0.5, model="tangent"), np.empty((4, 2))
    law._place(out, np.tile(u, (4, 1)), np.ones(1), r, slice(None), model)
    for point, radius in zip(out, r, strict=True):
        with mpmath.workdps(50):
            A, R, x, y = (mpmath.mpf(float(v)) for v in (a, radius, *u))
            size = mpmath.sqrt(x * x + y * y)
            x, y = x / size, y / size
            time = mpmath.cosh(A) * mpmath.cosh(R) + mpmath.sinh(A) * mpmath.sinh(R) * x
            space = mpmath.sinh(A) * mpmath.cosh(R) + mpmath.cosh(A) * mpmath.sinh(R) * x, mpmath.sinh(R) * y
            D = mpmath.acosh(time) if time > 1 else mpmath.mpf(0)
            scale = 1 / (1 + time) if model == "poincare" else (D / mpmath.sinh(D) if D else 1)
            right = [float(scale * s) for s in space]
            bound = 64 * EPS * (1 + a + radius + float(D) * np.exp(min(radius - float(D), a)))
        np.testing.assert_allclose(point, right, rtol=0.0, atol=bound)


def test_blocks_and_dtypes(rng: np.random.Generator) -> None:
    """Draws of float32 laws are those of float64, rounded; rows do not depend on how many are worked on at once."""
    for d, model in ((2, "tangent"), (2, "poincare"), (9, "tangent")):
        mu = np.full(d, np.float32(0.1))
        wide, narrow = hd.RiemannianNormal(mu.astype(np.float64), 0.5), hd.RiemannianNormal(mu, np.float32(0.5))
        x, y = wide.sample(5000, rng=3, model=model), narrow.sample(5000, rng=3, model=model)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, x, rtol=0.0, atol=2e-6)
        np.testing.assert_allclose(wide.sample(5000, rng=3, model=model)[:10], x[:10], rtol=0.0)
        there = wide.log_prob(x, model=model)
        np.testing.assert_allclose(wide.sample_and_log_prob(5000, rng=3, model=model)[1], there, atol=1e-11)


@pytest.mark.parametrize("d", [1, 2, 9])
def test_many_centres_near_the_origin(d: int, rng: np.random.Generator) -> None:
    """Centres at the origin and up to ``polar.NEAR``, each with its own curvature.

    sinh(2)^2 and 1/sqrt(c) make 40 of an eps, and the two sides have a dozen roundings each.
    """
    c = np.geomspace(0.1, 5.0, 60)
    mu = rng.standard_normal((60, d))
    length = np.r_[0.0, 1e-300, 1e-9, np.linspace(0.01, 0.999 * polar.NEAR, 57)] / np.sqrt(c)
    mu *= (length / np.linalg.norm(mu, axis=1))[:, None]
    law = hd.RiemannianNormal(mu, 0.5, c, model="tangent")
    u, r = rng.standard_normal((60, d)), rng.uniform(0.0, 12.0, 60) / np.sqrt(c)
    u[::3] = -mu[::3] + 1e-9 * u[::3]
    norm, out = np.linalg.norm(u, axis=1), np.empty((60, d))
    expected = polar.exp_polar(mu, r, u / norm[:, None], c)
    law._place(out, u.copy(), norm, r, np.arange(60), "poincare")
    np.testing.assert_allclose(out, expected, rtol=0.0, atol=1e3 * EPS)
