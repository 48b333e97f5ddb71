"""What a density alone says of draws: Stein's identity, in which its normaliser has no part.

For a function f whose gradient grows no faster than the density p falls, E[Laplacian f + <grad log p, grad f>] = 0 on
a manifold without boundary (Stein 1972; Barp et al. 2022). Each f here is u or u^2/2 of a coordinate u, or half the
squared distance from the origin; log p is differentiated along grad f by a difference quotient over geodesics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from hyperdist.spaces import Euclidean, Lorentz, PoincareBall, ProductSpace, Space, Sphere, Tangent, Torus
from hyperdist.testing.finding import Finding, bonferroni
from hyperdist.testing.uniformity import axes

LEAST = 1_000
"""Draws from which the mean of values as skew as a squared normal has the tails that are asked for."""
STEP = 1e-4
"""Length of the quotients' steps, in units of the draws' median distance from one another, at most 1: their error is of
the order of its square, against deviations of the mean of 1/sqrt(n)."""


def identities(log_density: Callable[[Any], Any], space: Space, x: np.ndarray) -> Finding:
    """The means over draws x (n, k) of what Stein's identity makes 0, each over its own deviation; n >= ``LEAST``."""
    n = len(x)
    spread = float(np.median(space.dist(x[1:], x[:-1])))
    step = STEP * (min(1.0, spread) if spread > 0.0 else 1.0)
    outcomes = [mean_is_zero(value) for value in _values(space, x, lambda v: _slope(log_density, space, x, v, step))]
    statistic, p = bonferroni(outcomes)
    return Finding("stein", p, statistic, n)


def mean_is_zero(value: np.ndarray) -> tuple[float, float]:
    """Student's t of values (n,) and its two-sided p-value, for values that may be skew.

    A monotone cubic takes t to what is normal to order 1/n (Hall 1992, On the removal of skewness, eq. 2.4).
    """
    n, centred = len(value), value - np.mean(value)
    deviation = float(np.std(value))
    if not 0.0 < deviation < np.inf:
        return np.inf, 0.0
    t = float(np.mean(value)) / deviation * np.sqrt(n)
    bend = float(np.mean(centred**3)) / deviation**3 / (3.0 * np.sqrt(n))
    normal = t + bend * t * t + (bend * bend * t**3) / 3.0 + 0.5 * bend
    return t, 2.0 * float(stats.norm.sf(abs(normal)))


def _slope(log_density: Callable[[Any], Any], space: Space, x: np.ndarray, v: np.ndarray, step: float) -> np.ndarray:
    """<grad log p, v> at x."""
    size = space.norm(x, v)
    unit = v / np.where(size > 0.0, size, 1.0)[..., None]
    ends = [np.asarray(log_density(space.exp(x, sign * step * unit)), np.float64) for sign in (1.0, -1.0)]
    return size * (ends[0] - ends[1]) / (2.0 * step)


def _values(space: Space, x: np.ndarray, slope: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    found = []
    for u, gradient, square, laplacian in _functions(space, x):
        along = slope(gradient)
        found.append(laplacian + along)
        if u is not None:
            found.append(square + u * (laplacian + along))
    return found


def _functions(space: Space, x: np.ndarray) -> list[tuple[Any, np.ndarray, Any, Any]]:
    """(u or None, grad u, |grad u|^2, Laplacian u) of a few functions at x."""
    n, k = x.shape
    if isinstance(space, ProductSpace):
        return _of_product(space, x)
    if isinstance(space, Sphere):
        lines = [(x @ axis, axis) for axis in axes(k)]
        return [(u, axis - u[:, None] * x, 1.0 - u * u, -(k - 1) * u) for u, axis in lines]
    if isinstance(space, (Torus, Euclidean)):
        chosen = [np.broadcast_to(np.eye(k)[j], (n, k)) for j in sorted({0, k // 2, k - 1})]
        if isinstance(space, Euclidean):
            return [(np.sum(x * axis, axis=-1), axis, 1.0, 0.0) for axis in chosen]
        waves = [(axis, np.sin(a), np.cos(a)) for axis in chosen for a in (np.sum(x * axis, axis=-1),)]
        return [
            item
            for axis, sine, cosine in waves
            for item in (
                (sine, cosine[:, None] * axis, cosine**2, -sine),
                (cosine, -sine[:, None] * axis, sine**2, -cosine),
            )
        ]
    if isinstance(space, (PoincareBall, Lorentz, Tangent)):
        d = k - space._extra
        outwards = -space.log(x, np.broadcast_to(space.origin(d), x.shape))
        r = np.sqrt(float(space.c)) * space.norm(x, outwards)
        growth = np.where(r > 0.0, r / np.tanh(np.where(r > 0.0, r, 1.0)), 1.0)
        return [(None, outwards, None, 1.0 + (d - 1) * growth)]
    raise TypeError(f"space must be one of hyperdist's spaces of one curvature, got {space!r}")


def _of_product(space: ProductSpace, x: np.ndarray) -> list[tuple[Any, np.ndarray, Any, Any]]:
    """Those of every factor, as functions on the product: their gradients are 0 along the others."""
    found, parts = [], space.split(x)
    for i, (factor, part) in enumerate(zip(space.spaces, parts, strict=True)):
        for u, gradient, square, laplacian in _functions(factor, part):
            lifted = [gradient if j == i else 0.0 * other for j, other in enumerate(parts)]
            found.append((u, np.concatenate(lifted, axis=-1), square, laplacian))
    return found
