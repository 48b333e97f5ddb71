"""Frechet means on spheres of many dimensions: by products with vectors against Newton's method in full; the switch."""

from __future__ import annotations

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.geometry import sphere
from hyperdist.spaces import frechet, frechet_high, frechet_sphere
from hyperdist.spaces.frechet_high import LEAST_DIMENSION, HighSphere

EPS = np.finfo(float).eps


def data(kind: str, k: int, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal((120, k))
    centre = np.eye(k)[3]
    scales = {"narrow": 1e-9, "tight": 1e-4, "concentrated": 0.3 / np.sqrt(k), "broad": 1.0 / np.sqrt(k), "spread": 1.0}
    x = centre + scales[kind.split("+")[0]] * noise
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    if kind.endswith("+opposite"):
        x[7] = -centre
    return x


def gradient(x: np.ndarray, w: np.ndarray, y: np.ndarray) -> float:
    """Length of the mean logarithm over the root mean squared distance."""
    return float(np.linalg.norm(w @ sphere.log(y, x)) / np.sqrt(w @ sphere.dist_sq(y, x)))


@pytest.mark.parametrize("kind", ["narrow", "tight", "concentrated", "concentrated+opposite", "broad", "spread"])
@pytest.mark.parametrize("k", [LEAST_DIMENSION - 1, LEAST_DIMENSION, 60])
def test_both_ways_find_the_mean(kind: str, k: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    x = data(kind, k, rng)
    weights = rng.random((120, 2))
    weights[5:9, 1] = 0.0
    found = hd.Sphere().frechet_mean(x, weights)
    monkeypatch.setattr(frechet_sphere, "LEAST_DIMENSION", 1 if k < LEAST_DIMENSION else 10**6)
    other = hd.Sphere().frechet_mean(x, weights)
    shares = weights / weights.sum(axis=0)
    for j in range(2):
        spread = np.sqrt(shares[:, j] @ sphere.dist_sq(found[j], x))
        # Points are given to eps each; a mean of them is found to a few eps, and to 1e-12 of their spread.
        assert np.linalg.norm(found[j] - other[j]) <= 1e-7 * spread + 8.0 * EPS
        assert gradient(x, shares[:, j], found[j]) <= 1e-12 + 8.0 * EPS / spread


def test_the_hessian_is_that_of_differences(rng: np.random.Generator) -> None:
    x = data("broad", 40, rng)
    problem = HighSphere(x, np.full(120, 1 / 120), x.mean(axis=0) / np.linalg.norm(x.mean(axis=0)))
    y = x[0]
    seen = problem.seen(y)
    assert seen.cost == pytest.approx(0.5 * np.mean(sphere.dist_sq(y, x)), rel=1e-13)
    p = rng.standard_normal(40)
    p -= (p @ y) * y
    p /= np.linalg.norm(p)
    costs = [problem.seen(frechet_high._moved(y, h * p)).cost for h in (-1e-3, 0.0, 1e-3)]
    assert problem.downhill(seen) @ p == pytest.approx((costs[0] - costs[2]) / 2e-3, rel=1e-5)
    assert p @ problem.hessian(seen, p) == pytest.approx((costs[0] - 2.0 * costs[1] + costs[2]) / 1e-6, rel=1e-5)


def test_one_point_and_equal_points() -> None:
    x = np.eye(50)[4]
    for points in (x[None], np.stack([x, x, x])):
        np.testing.assert_allclose(hd.Sphere().frechet_mean(points), x, atol=1e-15)


def test_points_without_a_preference() -> None:
    """A point and its opposite: any point between is a mean, all as good as one another."""
    x = np.stack([np.eye(50)[4], -np.eye(50)[4]])
    y = hd.Sphere().frechet_mean(x)
    assert np.linalg.norm(y) == pytest.approx(1.0, abs=1e-14)
    assert np.mean(sphere.dist_sq(y, x)) <= np.pi**2 / 4 + 1e-9


@pytest.mark.parametrize("model", ["poincare", "tangent"])
@pytest.mark.parametrize("spread", [1e-6, 0.5, 3.0])
@pytest.mark.parametrize("d", [frechet._HIGH - 1, frechet._HIGH])
def test_hyperbolic_means_by_products(
    model: str, spread: float, d: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In ball and in tangent coordinates, of several batches, against the factorised Hessian."""
    c = np.array([0.3, 1.0])
    v = spread * rng.standard_normal((40, d)) / np.sqrt(d) + (0.2 if model == "poincare" else 9.0) * np.eye(d)[1]
    space = hd.Tangent(c)
    weights = rng.random((40, 2))
    found = space.frechet_mean(v, weights)
    monkeypatch.setattr(frechet, "_HIGH", 1 if d < frechet._HIGH else 10**6)
    other = space.frechet_mean(v, weights)
    distances = space.dist(found, v[:, None])
    assert (space.dist(found, other) <= 1e-9 * distances.max(axis=0)).all()
    shares = weights / weights.sum(axis=0)
    logs = np.einsum("nb,nbi->bi", shares, space.to_frame(found, space.log(found, v[:, None])))
    rounding = 8.0 * EPS * np.linalg.norm(found, axis=1)
    assert (np.linalg.norm(logs, axis=1) <= 1e-11 * distances.max(axis=0) + rounding).all()


def test_large_data_do_not_keep_their_logarithms(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    x = 0.01 * rng.standard_normal((20, frechet._HIGH))
    mean = hd.PoincareBall().frechet_mean(x)
    monkeypatch.setattr(frechet, "_AT_HAND", 10)
    np.testing.assert_allclose(hd.PoincareBall().frechet_mean(x), mean, atol=1e-14)
