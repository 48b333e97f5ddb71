"""Frechet means on the sphere, where the sum of squared distances may have many minima.

On the circle the least of them is found exactly, as on the torus. Above, Newton's method finds a minimum near the mean
vector, and one of three certificates mostly says that no other is less. With theta_i the distances from that minimum y:

- All points lie within pi/2 of y: then it is the only minimum (Afsari 2011, Proc. Amer. Math. Soc. 139, theorem 2.1).
- Lower points z lie near y: theta^2 is convex in cos theta, so that with R the length of the mean vector and phi the
  angle to it f(z) >= arccos^2(R cos phi)/2, which must be below f(y). Within that reach the Hessian is at least the
  mean of t cot t, t = theta_i + reach, and where that is positive f is convex there and y alone. Of points for which t
  comes near pi, where t cot t has its pole, all that counts is their weight w: f without them is convex with some
  Hessian mu, and they bend down by pi w at most, which leaves z a smaller reach, 4 pi w/mu; and so on.
- Many dimensions leave nearly uniform points at right angles to y, where that mean is near 0. But t cot t is at least
  pi/2 s - beta s^2, s = cos t, for all t up to some. Its mean at z is then pi/2 times the mean vector's part along z,
  less beta times the mean of s^2, which at a distance r from y is at most (a cos r + b sin r)^2: a^2 is that mean at y,
  b^2 the largest eigenvalue of the mean of x x^T, which its Frobenius norm bounds. Where it stays positive f is convex.

Where neither holds, descents from many starts find it: the steps y -> exp_y(mean of log_y x_i) cost two products of
matrices for all starts at once and never go up, since half a squared distance has no second derivative above 1 (Afsari,
Tron and Vidal 2013, SIAM J. Control Optim. 51). Newton's method ends the best of them.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from hyperdist.arrays.blocks import Blocks
from hyperdist.arrays.rows import dot
from hyperdist.arrays.stable import sinc_sq
from hyperdist.geometry import sphere
from hyperdist.spaces.frechet import Problem, circular_mean, descend, some
from hyperdist.spaces.frechet_high import LEAST_DIMENSION, HighSphere

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
    return spherical_mean(Blocks(points, weights)).reshape(*weights.shape[1:], points.shape[-1])


def spherical_mean(blocks: Blocks) -> np.ndarray:
    """``spherical`` of blocks of unit vectors (n, k): (B, k)."""
    if blocks.width == 2:
        angle = circular_mean(blocks.map(lambda x: np.arctan2(x[:, 1:], x[:, :1])))
        return np.concatenate([np.cos(angle), np.sin(angle)], axis=-1)
    (average,) = blocks.total(_sum)
    norm = np.sqrt(dot(average, average))[:, None]
    first = blocks.at(np.zeros(1, int))
    average = np.where(norm > 0.0, average / np.where(norm > 0.0, norm, 1.0), first)
    mean = _newton(blocks, [average, *some(blocks, len(average))])
    for index in np.flatnonzero(~_certain(blocks, mean)).tolist():
        mean[index] = _least(blocks.column(index), mean[index])
    return mean


def _sum(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray]:
    return (w.T @ x,)


def _newton(blocks: Blocks, starts: list[np.ndarray]) -> np.ndarray:
    """The minimum (B, k) that Newton's method reaches from the best of some starts (B, k)."""
    if blocks.width >= LEAST_DIMENSION and type(blocks) is Blocks:
        each = zip(*starts, blocks.shares.T, strict=True)
        return np.stack([HighSphere(blocks.points, w, tries[0]).least(tries) for *tries, w in each])

    def across(square: np.ndarray) -> np.ndarray:
        """D cot D, kept from its pole at pi: the factor there steers the descent, not the mean."""
        cosine = np.cos(np.sqrt(square))
        return cosine / np.maximum(sinc_sq(square), 0.01)

    def exp_frame(y: np.ndarray, v: np.ndarray) -> np.ndarray:
        return _unit(sphere.exp(y, sphere.from_frame(y, v)))

    def log_frame(y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return sphere.to_frame(y, sphere.log(y, z))

    wide = blocks.map(lambda x: x[:, None, :])
    return descend(Problem(wide, sphere.dist_sq, log_frame, exp_frame, across), starts)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(dot(x, x))[:, None]


def _certain(blocks: Blocks, y: np.ndarray) -> np.ndarray:
    """Whether a certificate says that the minima y (B, k) are global, (B,)."""

    def squares(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
        theta = _angles(x, y)
        return np.sum(w * np.square(theta), axis=0), np.sum(w * (theta >= 0.5 * math.pi), axis=0)

    cost, beyond = blocks.total(squares, _rows(y))
    (total,) = blocks.total(_sum)
    length = np.sqrt(dot(total, total))
    bound = np.cos(np.sqrt(cost))
    known = (bound > 0.0) & (length > 0.0)
    length = np.where(known, length, 1.0)
    reach = np.arccos(np.minimum(np.where(known, bound, 0.0) / length, 1.0))
    reach += np.arccos(np.clip(dot(y, total) / length, -1.0, 1.0))
    known &= reach < 0.5 * math.pi
    whole = np.where(known, reach, np.inf)
    for _ in range(_ROUNDS):
        heavy, bend = _bend(blocks, y, reach)
        known &= bend >= _CONVEX
        reach = np.minimum(reach, 4.0 * math.pi * heavy / np.where(known, bend, 1.0))
        if (~known | (reach <= _AS_NEAR)).all():
            break
    certain = (beyond <= _UNSEEN) | (known & (reach <= _AS_NEAR))
    for index in np.flatnonzero(~certain & np.isfinite(whole)).tolist():
        certain[index] = _convex(blocks.column(index), y[index], float(whole[index]))
    return certain


def _convex(blocks: Blocks, y: np.ndarray, reach: float) -> bool:
    """Whether the mean squared distance is convex within a reach of y (k,), by the third certificate; B = 1."""

    def parts(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
        along = x @ y
        return (w.T @ x), (w.T @ np.square(along)), ((w * x).T @ x)[None]

    total, square, moments = (part[0] for part in blocks.total(parts))
    (farthest,) = np.reshape(blocks.combined(partial(_farthest, y), max), 1)
    t, length = farthest + reach, math.sqrt(float(total @ total))
    if not t < _FAR:
        return False
    beta, along, across = _pull(t), math.sqrt(float(square)), math.sqrt(float(np.linalg.norm(moments)))
    turn = min(reach, math.atan2(across, along))
    most = along * math.cos(turn) + across * math.sin(turn)
    apart = math.acos(min(1.0, max(-1.0, float(total @ y) / length))) + reach
    return 0.5 * math.pi * length * math.cos(apart) > beta * most * most


def _pull(t: float) -> float:
    """The least beta with u cot u >= pi/2 s - beta s^2, s = cos u, for 0 < u <= t; it is 1 at pi/2, and grows."""
    s = math.cos(t)
    return 1.0 if s > -_AS_NEAR else (0.5 * math.pi * s - t * s / math.sin(t)) / (s * s)


def _farthest(y: np.ndarray, x: np.ndarray, w: np.ndarray) -> float:
    """The largest angle to y of a point that counts."""
    return float(np.max(_angles(x[w[:, 0] > 0.0], y[None]), initial=0.0))


def _bend(blocks: Blocks, y: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, ...]:
    """(weight of the points with t > ``_FAR``, mean of t cot t of the others), t = angle to y + reach, (B,)."""

    def parts(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
        t = _angles(x, y) + reach
        far = t > _FAR
        heavy = np.sum(w * far, axis=0)
        t = np.where(far, 0.0, t)
        return heavy, np.sum(w * ~far * (np.cos(t) / sinc_sq(t * t)), axis=0)

    return blocks.total(parts, _rows(y))


def _rows(y: np.ndarray) -> int:
    return max(1, _BLOCK // len(y))


def _angles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Angles of all pairs, (n, m), to sqrt(eps) where they are 0 or pi."""
    return np.arccos(np.clip(x @ y.T, -1.0, 1.0))


def _least(blocks: Blocks, y: np.ndarray) -> np.ndarray:
    """The least minimum (k,) that descents from several starts reach, no higher than the minimum y; B = 1."""
    found = before = _starts(blocks, y)
    for _ in range(_TIMES):
        for _ in range(_STEPS):
            before, found = found, _step(blocks, found)[0]
        found = _promising(blocks, y, before, found)
        if not len(found):
            return y
    ends = np.concatenate([y[None], _newton(blocks.repeated(len(found)), [found])])
    return ends[np.argmin(_step(blocks, ends)[1])]


def _starts(blocks: Blocks, y: np.ndarray) -> np.ndarray:
    """Starts (m, k); the same for the same data."""
    k = blocks.width
    ((moments,),) = blocks.total(lambda x, w: (((w * x).T @ x)[None],))
    axes = np.linalg.eigh(moments)[1].T[:_AXES]
    spaced = blocks.at(np.unique(np.linspace(0, len(blocks) - 1, _POINTS).round().astype(int)))
    others = _unit(np.random.default_rng(0).standard_normal((_OTHERS, k)))
    return np.concatenate([-y[None], axes, -axes, others, spaced, -spaced])[: max(_FEWEST, _PAIRS // len(blocks))]


def _step(blocks: Blocks, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(exp_y of the mean logarithm, half the mean squared distance at y) of each y (m, k)."""

    def parts(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
        w = w[:, 0]
        cosine = np.clip(x @ y.T, -1.0, 1.0)
        theta = np.arccos(cosine)
        # log_y x = theta/sin(theta) (x - cos(theta) y); at y and at -y it is left out.
        sine = np.sqrt(1.0 - cosine * cosine)
        share = w[:, None] * np.where(sine > 0.0, theta / np.where(sine > 0.0, sine, 1.0), 0.0)
        toward = share.T @ x - np.sum(share * cosine, axis=0)[:, None] * y
        return toward[None], 0.5 * (w @ np.square(theta))[None]

    (toward,), (cost,) = blocks.total(parts, _rows(y))
    return _unit(sphere.exp(y, toward)), cost


def _promising(blocks: Blocks, y: np.ndarray, before: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Those of ``found`` that may end below the minimum y, the lowest first, one of those that have met.

    ``before`` is a step before ``found``. Costs fall in the end as a geometric series does, by as much again as the
    last two differences say; twice that is allowed for.
    """
    after = _step(blocks, found)[0]
    costs = np.stack([_step(blocks, each)[1] for each in (before, found, after)])
    first, second = costs[0] - costs[1], costs[1] - costs[2]
    rest = second * second / np.where(first > second, first - second, np.inf)
    rest = np.where(first > second, rest, np.where(second > 0.0, np.inf, 0.0))
    (best,) = _step(blocks, y[None])[1]
    kept = [y]
    for index in np.argsort(costs[2], kind="stable"):
        promises = costs[2, index] - 2.0 * rest[index] < best - _GAIN * best
        if promises and all(np.sum(np.square(after[index] - other)) > _MET * _MET for other in kept):
            kept.append(after[index])
    return np.reshape(kept[1 : 1 + _KEPT], (-1, len(y)))
