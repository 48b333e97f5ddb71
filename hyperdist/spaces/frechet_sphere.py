"""Frechet means on the sphere, where the sum of squared distances may have many minima.

On the circle the least of them is found exactly, as on the torus. Above, Newton's method finds a minimum near the mean
vector, and one of two certificates mostly says that no other is less. With theta_i the distances from that minimum y:

- All points lie within pi/2 of y: then it is the only minimum (Afsari 2011, Proc. Amer. Math. Soc. 139, theorem 2.1).
- Lower points z lie near y: theta^2 is convex in cos theta, so that with R the length of the mean vector and phi the
  angle to it f(z) >= arccos^2(R cos phi)/2, which must be below f(y). Within that reach the Hessian is at least the
  mean of t cot t, t = theta_i + reach, and where that is positive f is convex there and y alone. Of points for which t
  comes near pi, where t cot t has its pole, all that counts is their weight w: f without them is convex with some
  Hessian mu, and they bend down by pi w at most, which leaves z a smaller reach, 4 pi w/mu; and so on.

Where neither holds, descents from many starts find it: the steps y -> exp_y(mean of log_y x_i) cost two products of
matrices for all starts at once and never go up, since half a squared distance has no second derivative above 1 (Afsari,
Tron and Vidal 2013, SIAM J. Control Optim. 51). Newton's method ends the best of them.
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.arrays.rows import dot
from hyperdist.arrays.stable import sinc_sq
from hyperdist.geometry import sphere
from hyperdist.spaces.frechet import Problem, descend, some, toroidal

_UNSEEN = 1e-14
"""Weight of points that the first certificate leaves out: less than rounding makes of the sum."""
_FAR = 0.9 * math.pi
"""t from which on a point counts by its weight alone."""
_CONVEX = 0.05
"""Least mean of t cot t."""
_AS_NEAR = 1e-7
"""A reach within which a lower minimum is the same point and value to rounding."""
_ROUNDS = 5
"""Times that the reach is made smaller."""
_AXES, _POINTS, _OTHERS = 8, 8, 16
"""Starts of each kind: principal axes and their opposites, points and their opposites, directions of any kind."""
_PAIRS = 1 << 21
"""Pairs of a start and a point at most, down to ``_FEWEST`` starts: the more points, the smoother their sum."""
_FEWEST = 12
_STEPS = 10
"""Steps of every descent before those that have met, or cannot end below the best, are left out."""
_TIMES = 5
_MET = 1e-3
"""Distance of two that have met."""
_GAIN = 1e-10
"""What a descent must promise to go below the best, as a part of it."""
_KEPT = 6
"""Descents that Newton's method ends at most."""
_BLOCK = 1 << 17
"""Scalars of a block of points, so that memory does not grow with their number."""


def spherical(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean (*batch, k) of unit vectors (n, k), weights (n, *batch) of sum 1.

    The global minimum for k = 2 and wherever a certificate holds; else the least that descents from several dozen
    starts reach.
    """
    batch, k = weights.shape[1:], points.shape[-1]
    w = weights.reshape(len(points), -1)
    if k == 2:
        angle = toroidal(np.arctan2(points[:, 1:], points[:, :1]), w)
        return np.concatenate([np.cos(angle), np.sin(angle)], axis=-1).reshape(*batch, k)
    average = w.T @ points
    norm = np.sqrt(dot(average, average))[:, None]
    average = np.where(norm > 0.0, average / np.where(norm > 0.0, norm, 1.0), points[:1])
    mean = _newton(points, w, [average, *some(points[:, None, :], w)])
    for index in np.flatnonzero(~_certain(points, w, mean)):
        mean[index] = _least(points, w[:, index], mean[index])
    return mean.reshape(*batch, k)


def _newton(points: np.ndarray, w: np.ndarray, starts: list[np.ndarray]) -> np.ndarray:
    """The minimum (B, k) that Newton's method reaches from the best of some starts (B, k), w (n, B)."""

    def across(square: np.ndarray) -> np.ndarray:
        """D cot D, kept from its pole at pi: the factor there steers the descent, not the mean."""
        cosine = np.cos(np.sqrt(square))
        return cosine / np.maximum(sinc_sq(square), 0.01)

    def exp_frame(y: np.ndarray, v: np.ndarray) -> np.ndarray:
        return _unit(sphere.exp(y, sphere.from_frame(y, v)))

    def log_frame(y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return sphere.to_frame(y, sphere.log(y, z))

    return descend(Problem(points[:, None, :], w, sphere.dist_sq, log_frame, exp_frame, across), starts)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(dot(x, x))[:, None]


def _certain(points: np.ndarray, w: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether a certificate says that the minima y (B, k) are global, (B,)."""
    cost, beyond = np.zeros(len(y)), np.zeros(len(y))
    for block in _blocks(points, y):
        theta = _angles(points[block], y)
        cost += np.sum(w[block] * np.square(theta), axis=0)
        beyond += np.sum(w[block] * (theta >= 0.5 * math.pi), axis=0)
    total = w.T @ points
    length = np.sqrt(dot(total, total))
    bound = np.cos(np.sqrt(cost))
    known = (bound > 0.0) & (length > 0.0)
    length = np.where(known, length, 1.0)
    reach = np.arccos(np.minimum(np.where(known, bound, 0.0) / length, 1.0))
    reach += np.arccos(np.clip(dot(y, total) / length, -1.0, 1.0))
    known &= reach < 0.5 * math.pi
    for _ in range(_ROUNDS):
        heavy, bend = _bend(points, w, y, reach)
        known &= bend >= _CONVEX
        reach = np.minimum(reach, 4.0 * math.pi * heavy / np.where(known, bend, 1.0))
        if (~known | (reach <= _AS_NEAR)).all():
            break
    return (beyond <= _UNSEEN) | (known & (reach <= _AS_NEAR))


def _bend(points: np.ndarray, w: np.ndarray, y: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(weight of the points with t > ``_FAR``, mean of t cot t of the others), t = angle to y + reach, (B,)."""
    heavy, bend = np.zeros(len(y)), np.zeros(len(y))
    for block in _blocks(points, y):
        t = _angles(points[block], y) + reach
        far = t > _FAR
        heavy += np.sum(w[block] * far, axis=0)
        t = np.where(far, 0.0, t)
        bend += np.sum(w[block] * ~far * (np.cos(t) / sinc_sq(t * t)), axis=0)
    return heavy, bend


def _blocks(points: np.ndarray, y: np.ndarray) -> list[slice]:
    rows = max(1, _BLOCK // len(y))
    return [slice(start, start + rows) for start in range(0, len(points), rows)]


def _angles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Angles of all pairs, (n, m), to sqrt(eps) where they are 0 or pi."""
    return np.arccos(np.clip(x @ y.T, -1.0, 1.0))


def _least(points: np.ndarray, w: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The least minimum (k,) that descents from several starts reach, no higher than the minimum y; w (n,)."""
    found = before = _starts(points, w, y)
    for _ in range(_TIMES):
        for _ in range(_STEPS):
            before, found = found, _step(points, w, found)[0]
        found = _promising(points, w, y, before, found)
        if not len(found):
            return y
    ends = np.concatenate([y[None], _newton(points, np.broadcast_to(w[:, None], (len(w), len(found))), [found])])
    return ends[np.argmin(_step(points, w, ends)[1])]


def _starts(points: np.ndarray, w: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Starts (m, k); the same for the same data."""
    k = points.shape[-1]
    axes = np.linalg.eigh((w[:, None] * points).T @ points)[1].T[:_AXES]
    spaced = points[np.unique(np.linspace(0, len(points) - 1, _POINTS).round().astype(int))]
    others = _unit(np.random.default_rng(0).standard_normal((_OTHERS, k)))
    return np.concatenate([-y[None], axes, -axes, others, spaced, -spaced])[: max(_FEWEST, _PAIRS // len(points))]


def _step(points: np.ndarray, w: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(exp_y of the mean logarithm, half the mean squared distance at y) of each y (m, k)."""
    toward, cost = np.zeros(y.shape), np.zeros(len(y))
    for block in _blocks(points, y):
        cosine = np.clip(points[block] @ y.T, -1.0, 1.0)
        theta = np.arccos(cosine)
        cost += 0.5 * (w[block] @ np.square(theta))
        # log_y x = theta/sin(theta) (x - cos(theta) y); at y and at -y it is left out.
        sine = np.sqrt(1.0 - cosine * cosine)
        share = w[block, None] * np.where(sine > 0.0, theta / np.where(sine > 0.0, sine, 1.0), 0.0)
        toward += share.T @ points[block] - np.sum(share * cosine, axis=0)[:, None] * y
    return _unit(sphere.exp(y, toward)), cost


def _promising(points: np.ndarray, w: np.ndarray, y: np.ndarray, before: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Those of ``found`` that may end below the minimum y, the lowest first, one of those that have met.

    ``before`` is a step before ``found``. Costs fall in the end as a geometric series does, by as much again as the
    last two differences say; twice that is allowed for.
    """
    after = _step(points, w, found)[0]
    costs = np.stack([_step(points, w, each)[1] for each in (before, found, after)])
    first, second = costs[0] - costs[1], costs[1] - costs[2]
    rest = second * second / np.where(first > second, first - second, np.inf)
    rest = np.where(first > second, rest, np.where(second > 0.0, np.inf, 0.0))
    (best,) = _step(points, w, y[None])[1]
    kept = [y]
    for index in np.argsort(costs[2], kind="stable"):
        promises = costs[2, index] - 2.0 * rest[index] < best - _GAIN * best
        if promises and all(np.sum(np.square(after[index] - other)) > _MET * _MET for other in kept):
            kept.append(after[index])
    return np.reshape(kept[1 : 1 + _KEPT], (-1, len(y)))
