"""Frechet means on spheres of many dimensions: by products with vectors against Newton's method in full; the switch."""

from __future__ import annotations

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.geometry import sphere
from hyperdist.spaces import frechet_high, frechet_sphere
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
