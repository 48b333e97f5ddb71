"""Errors of the library's distances against mpmath, in every model, out to where its coordinates reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mpmath as mp
import numpy as np

import hyperdist as hd
from validation.cases import seed_of

DIGITS = 400
"""Enough for the law of cosines at radius 300, where cosh cosh - sinh sinh cos cancels 260 digits."""
REACH = {"tangent": 300.0, "lorentz": 300.0, "poincare": 15.0, "sphere": 3.1}
PAIRS = 60
CURVATURE = 1.7


def _pairs(model: str, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of tangent vectors at the origin (c = 1), from far apart to a relative distance of 1e-12."""
    for k in range(PAIRS):
        d = (2, 5, 50)[k % 3]
        radius = REACH[model] * (k + 1) / PAIRS
        x = rng.standard_normal(d)
        x *= radius / np.linalg.norm(x)
        if k % 2:
            y = rng.standard_normal(d)
            yield x, y * (radius * rng.random() / np.linalg.norm(y))
        else:
            yield x, x + 10.0 ** rng.uniform(-12, -1) * radius * rng.standard_normal(d)


def _cosines(a: Any, b: Any, inner: Any) -> Any:
    """Hyperbolic distance from two radii and the cosine between them."""
    return mp.acosh(mp.cosh(a) * mp.cosh(b) - mp.sinh(a) * mp.sinh(b) * inner)


def _exact(x: np.ndarray) -> list[Any]:
    return [mp.mpf(float(t)) for t in x]


def _polar(x: list[Any], y: list[Any]) -> tuple[Any, Any, Any]:
    a, b = mp.sqrt(mp.fsum(t * t for t in x)), mp.sqrt(mp.fsum(t * t for t in y))
    return a, b, mp.fsum(s * t for s, t in zip(x, y, strict=True)) / (a * b)


def _case(model: str, x: np.ndarray, y: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray, Any, float]:
    """Space, the two points rounded in its coordinates, exact distance of the rounded points, and error allowed."""
    eps, root = float(np.finfo(np.float64).eps), np.sqrt(CURVATURE)
    c = mp.sqrt(mp.mpf(CURVATURE))
    a, b = np.linalg.norm(x), np.linalg.norm(y)
    if model == "sphere":
        p, q = (np.append(np.sin(r) / r * v, np.cos(r)) for r, v in ((a, x), (b, y)))
        p, q = p / np.linalg.norm(p), q / np.linalg.norm(q)
        exact = 2 * mp.atan2(_length(p, q, -1), _length(p, q, 1))
        return hd.Sphere(), p, q, exact, float(1e-13 * exact + 2.0 * eps)  # unit vectors are so up to eps
    if model == "tangent":
        p, q = x / root, y / root
        r, s, cosine = _polar(_exact(p), _exact(q))
        exact = _cosines(c * r, c * s, cosine) / c
        return hd.Tangent(CURVATURE), p, q, exact, float(1e-13 * exact)
    if model == "lorentz":
        p, q = np.sinh(a) / a * x / root, np.sinh(b) / b * y / root
        r, s, cosine = _polar(_exact(p), _exact(q))
        exact = _cosines(mp.asinh(c * r), mp.asinh(c * s), cosine) / c
        p, q = (np.concatenate([[np.sqrt(1.0 / CURVATURE + v @ v)], v]) for v in (p, q))
        return hd.Lorentz(CURVATURE), p, q, exact, float(1e-13 * exact)
    p, q = np.tanh(a / 2) / a * x / root, np.tanh(b / 2) / b * y / root
    r, s, cosine = _polar(_exact(p), _exact(q))
    exact = _cosines(2 * mp.atanh(c * r), 2 * mp.atanh(c * s), cosine) / c
    # A relative change eps of a point at radius a moves it by eps |p| 2/(1 - c|p|^2) = eps sinh(a)/sqrt(c).
    return hd.PoincareBall(CURVATURE), p, q, exact, float(eps * (np.sinh(a) + np.sinh(b)) / root + 1e-13 * exact)


def _length(p: np.ndarray, q: np.ndarray, sign: int) -> Any:
    return mp.sqrt(mp.fsum((s + sign * t) ** 2 for s, t in zip(_exact(p), _exact(q), strict=True)))


def evaluate(model: str, seed: int) -> dict[str, Any]:
    """Worst error over what is allowed, times 1e-13: a distance is right where this is at most 1e-13."""
    rng = np.random.default_rng(seed_of(seed, "distance", model))
    worst, relative, where = 0.0, 0.0, ""
    with mp.workdps(DIGITS):
        for x, y in _pairs(model, rng):
            space, p, q, exact, allowed = _case(model, x, y)
            error = float(abs(mp.mpf(float(space.dist(p, q))) - exact))
            if not error / allowed <= worst:
                worst, where = error / allowed, f"d={x.size} radius={np.linalg.norm(x):.3g} distance={float(exact):.2e}"
            relative = max(relative, float(error / exact))
    rows = {"distance": {"error": 1e-13 * worst, "relative": relative}}
    return {"key": where, "cell": {"law": f"distance, {model}", "dtype": "float64"}, "rows": rows}
