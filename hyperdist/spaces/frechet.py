"""Frechet means: the point with the least weighted sum of squared distances.

Hyperbolic space by Newton's method in the frame at the current point: half the squared distance to a point at distance
D has gradient -log and Hessian 1 along it, D coth D (on the sphere D cot D) across it. On hyperbolic space the sum is
convex and has one minimum. On the torus exactly, by trying every place to cut the circle (Hotz and Huckemann 2015,
section 3). The sphere, where there may be many minima, is in ``frechet_sphere``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from hyperdist.arrays.blocks import Blocks
from hyperdist.arrays.rows import column, dot
from hyperdist.arrays.stable import tanhc_sq
from hyperdist.geometry import conversions, poincare, tangent, torus

_CANDIDATES = 8
"""Data points tried as a start, besides an average."""
_STEPS = 200
"""Newton steps at most; a handful is usual, more where points are hundreds of radii out."""
_HALVINGS = 40
_LEAST_CURVATURE = 1e-6
"""Eigenvalues of the Hessian count as this part of the largest at least, so that a saddle gives a finite step."""
_TRUSTED = 1e-7
"""Steps below this part of the spread are taken as they are: the cost, rounded, cannot tell which of them go down."""
_BLOCK = 1 << 17
"""Scalars of a block of points, so that memory does not grow with their number."""
_HIGH, _PRODUCTS, _RESIDUAL = 100, 200, 1e-13
"""Dimension from which on the Hessian of a convex sum is not formed; products a step at most; residual they leave."""
_AT_HAND = 1 << 24
"""Scalars of all logarithms that may be in memory for it."""
_BINS = 4096
"""Of a circle whose angles are not in memory."""
_BALL_RADIUS = 8.0
"""Radius up to which ball coordinates are as good as tangent ones, and cheaper."""


class Problem:
    """Points, (n, 1 or B, k), their shares (n, B), and one space's maps between points and frames."""

    def __init__(
        self,
        blocks: Blocks,
        dist_sq: Callable[[np.ndarray, np.ndarray], np.ndarray],
        log_frame: Callable[[np.ndarray, np.ndarray], np.ndarray],
        exp_frame: Callable[[np.ndarray, np.ndarray], np.ndarray],
        across: Callable[[np.ndarray], np.ndarray],
        *,
        convex: bool = False,
    ) -> None:
        self.blocks, self.convex = blocks, convex
        self.dist_sq, self.log_frame, self.exp_frame, self.across = dist_sq, log_frame, exp_frame, across

    def _rows(self, y: np.ndarray) -> int:
        return max(1, _BLOCK // y.size)

    def costs(self, *places: np.ndarray) -> tuple[np.ndarray, ...]:
        """Half the weighted mean of the squared distances to each of y (B, k), (B,)."""

        def half(points: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
            return tuple(0.5 * np.sum(w * self.dist_sq(y, points), axis=0) for y in places)

        return self.blocks.total(half, self._rows(places[0]))

    def _derivatives(self, y: np.ndarray, points: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
        """Cost (B,), minus the gradient (B, k'), and both parts of the Hessian (B, k', k') of some points."""
        v = self.log_frame(y, points)
        square = dot(v, v)
        across = self.across(square)
        along = (1.0 - across) / np.where(square > 0.0, square, 1.0)
        rows = np.moveaxis(v, 1, 0)
        return (
            0.5 * np.sum(w * square, axis=0),
            np.einsum("nb,nbi->bi", w, v),
            np.swapaxes(rows * np.moveaxis(w * along, 1, 0)[..., None], -1, -2) @ rows
            + np.sum(w * across, axis=0)[:, None, None] * np.eye(v.shape[-1]),
        )

    def step(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(cost, Newton step in the frame at y), with absolute eigenvalues of the Hessian."""
        small = len(self.blocks) * y.size <= _AT_HAND
        if self.convex and small and y.shape[-1] >= _HIGH and type(self.blocks) is Blocks:
            return self._step_by_products(y, self.blocks.points, self.blocks.shares)
        cost, gradient, hessian = self.blocks.total(partial(self._derivatives, y), self._rows(y))
        size, axes = np.linalg.eigh(hessian)
        size = np.abs(size)
        size = np.maximum(size, _LEAST_CURVATURE * size.max(axis=-1, keepdims=True))
        step = np.einsum("bij,bj,bkj,bk->bi", axes, 1.0 / size, axes, gradient, optimize=True)
        return cost, step

    def _step_by_products(self, y: np.ndarray, points: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``step`` where the Hessian is positive, by conjugate gradients: it is not formed.

        Each point's share of it has eigenvalues between 1 and D coth D, so that few products of the logarithms with
        vectors are enough.
        """
        v = self.log_frame(y, points)
        square = dot(v, v)
        across = self.across(square)
        along = w * (1.0 - across) / np.where(square > 0.0, square, 1.0)
        means = np.sum(w * across, axis=0)
        steps = [_solved(v[:, j], along[:, j], means[j], w[:, j] @ v[:, j]) for j in range(len(y))]
        return 0.5 * np.sum(w * square, axis=0), np.stack(steps)


def _solved(v: np.ndarray, along: np.ndarray, mean: float, gradient: np.ndarray) -> np.ndarray:
    """The solution s of (mean + v^T diag(along) v) s = gradient, v (n, k), by conjugate gradients."""
    step, rest = np.zeros(gradient.shape), gradient
    p, left = rest, float(rest @ rest)
    least = _RESIDUAL * _RESIDUAL * left
    for _ in range(_PRODUCTS):
        if not left > least:
            break
        moved = mean * p + (along * (v @ p)) @ v
        size = left / float(p @ moved)
        step, rest = step + size * p, rest - size * moved
        before, left = left, float(rest @ rest)
        p = rest + left / before * p
    return step


def descend(problem: Problem, starts: list[np.ndarray]) -> np.ndarray:
    """Newton's method from the best start of each batch element, halving a step that does not go down.

    Ends where steps are a few eps of the spread of the points, or have stopped shrinking at the size of rounding.
    """
    costs = np.stack(problem.costs(*starts))
    y = np.stack(starts)[np.argmin(costs, axis=0), np.arange(len(starts[0]))]
    active, last = np.ones(len(y), bool), np.full(len(y), np.inf)
    for _ in range(_STEPS):
        cost, step = problem.step(y)
        spread, size = np.sqrt(2.0 * cost), np.sqrt(dot(step, step))
        trusted = size < _TRUSTED * spread
        active &= (size > 4.0 * np.finfo(float).eps * spread) & ~(trusted & (size > 0.5 * last))
        last = size
        candidate, lower = _downhill(problem, y, cost, step, trusted)
        active &= lower
        if not active.any():
            break
        y = np.where(active[:, None], candidate, y)
    return y


def _downhill(
    problem: Problem, y: np.ndarray, cost: np.ndarray, step: np.ndarray, trusted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(point, found): the first of y + step, y + step/2, ... whose cost is no higher; a trusted step as it is."""
    length = np.ones(len(y))
    candidate = problem.exp_frame(y, step)
    lower = trusted | (problem.costs(candidate)[0] <= cost)
    for _ in range(_HALVINGS):
        if lower.all():
            break
        length = np.where(lower, length, 0.5 * length)
        candidate = problem.exp_frame(y, column(length) * step)
        lower = trusted | (problem.costs(candidate)[0] <= cost)
    return candidate, lower


def some(blocks: Blocks, batch: int) -> list[np.ndarray]:
    """Up to ``_CANDIDATES`` of the points (n, B or 1, k), evenly spaced, each repeated for every batch element."""
    index = np.unique(np.linspace(0, len(blocks) - 1, _CANDIDATES).round().astype(int))
    return [np.broadcast_to(point, (batch, point.shape[-1])) for point in blocks.at(index)]


def hyperbolic(points: np.ndarray, weights: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Mean (*batch, d) of tangent coordinates points (n, [*batch,] d), weights (n, *batch) of sum 1, c () or (*batch).

    The gradient there, the weighted mean of the logarithms, is below 1e-12 of the spread where coordinates can tell.
    """
    batch, d = weights.shape[1:], points.shape[-1]
    blocks = Blocks(points.reshape(len(points), -1, d), weights)
    return hyperbolic_mean(blocks, np.broadcast_to(c, batch).reshape(-1)).reshape(*batch, d)


def _average(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray]:
    return (np.einsum("nb,nbi->bi", w, np.broadcast_to(x, (*w.shape, x.shape[-1]))),)


def hyperbolic_mean(blocks: Blocks, c: np.ndarray) -> np.ndarray:
    """``hyperbolic`` of blocks of tangent coordinates (n, B or 1, d), c (B,): (B, d)."""
    (average,) = blocks.total(_average)
    starts = [average, np.zeros(average.shape), *some(blocks, len(average))]

    def across(square: np.ndarray) -> np.ndarray:
        return 1.0 / tanhc_sq(c * square)

    def largest(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        return np.max(dot(x, x), axis=0)

    def maximum(found: list[np.ndarray]) -> np.ndarray:
        return np.max(found, axis=0)

    if np.sqrt(c * blocks.combined(largest, maximum)).max() > _BALL_RADIUS:
        problem = Problem(
            blocks,
            lambda y, z: tangent.dist_sq(y, z, c),
            lambda y, z: tangent.log_frame(y, z, c),
            lambda y, v: tangent.boost(y, v, c),
            across,
            convex=True,
        )
        return descend(problem, starts)

    problem = Problem(
        blocks.map(lambda x: conversions.tangent_to_poincare(x, c)),
        lambda y, z: poincare.dist_sq(y, z, c),
        lambda y, z: poincare.to_frame(y, poincare.log(y, z, c), c),
        lambda y, v: poincare.exp(y, poincare.from_frame(y, v, c), c),
        across,
        convex=True,
    )
    mean = descend(problem, [conversions.tangent_to_poincare(start, c) for start in starts])
    return conversions.poincare_to_tangent(mean, c)


def toroidal(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean (*batch, d) of angles (n, d), weights (n, *batch) of sum 1: the global minimum in each coordinate.

    Each coordinate is a circle of its own. Opened between two neighbours, a circle is a line, with the mean of the
    angles that count a turn more below the cut; the Frechet mean is the best of those n means.
    """
    n, d = points.shape
    w = weights.reshape(n, -1)
    means = np.empty((w.shape[1], d))
    for j in range(d):
        order = np.argsort(points[:, j])
        x, sorted_w = points[order, j][:, None], w[order]
        turned = np.cumsum(sorted_w, axis=0) - sorted_w
        moved = np.cumsum(sorted_w * x, axis=0) - sorted_w * x
        mean = np.sum(sorted_w * x, axis=0) + 2.0 * math.pi * turned
        cost = 4.0 * math.pi * (moved + math.pi * turned) - mean * mean
        best = np.argmin(cost, axis=0)
        means[:, j] = mean[best, np.arange(w.shape[1])]
    return torus.wrap(means).reshape(*weights.shape[1:], d)


def circular_mean(blocks: Blocks) -> np.ndarray:
    """``toroidal`` of blocks of one angle (n, 1): (B, 1).

    What is not in memory cannot be sorted: the best cuts between ``_BINS`` bins are moved to the antipode of the mean
    that they give, until nothing changes, and the least of the minima so found is taken.
    """
    if type(blocks) is Blocks:
        return toroidal(blocks.points, blocks.shares)
    mass, moment = blocks.total(_bins)
    low, up = (np.cumsum(part, axis=1) - part for part in (mass, moment))
    mean = np.sum(moment, axis=1, keepdims=True) + 2.0 * math.pi * low
    cost = 4.0 * math.pi * (up + math.pi * low) - mean * mean
    best = np.argsort(cost, axis=1, kind="stable")[:, :: _BINS // 512][:, :_CANDIDATES]
    best[:, 0] = np.argmin(cost, axis=1)
    y = torus.wrap(np.take_along_axis(mean, best, axis=1))
    for _ in range(_STEPS):
        (offset,) = blocks.total(lambda x, w, y=y: (np.einsum("nb,nbm->bm", w, torus.wrap(x[:, :, None] - y)),))
        y = torus.wrap(y + offset)
        if (np.abs(offset) <= 4.0 * np.finfo(float).eps).all():
            break
    (square,) = blocks.total(lambda x, w: (np.einsum("nb,nbm->bm", w, np.square(torus.wrap(x[:, :, None] - y))),))
    return np.take_along_axis(y, np.argmin(square, axis=1)[:, None], axis=1)


def _bins(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Shares and first moments of the bins of one angle, (B, ``_BINS``)."""
    place = np.clip((x[:, 0] + math.pi) * (0.5 * _BINS / math.pi), 0, _BINS - 1).astype(int)
    mass = np.stack([np.bincount(place, weights, _BINS) for weights in w.T])
    return mass, np.stack([np.bincount(place, weights * x[:, 0], _BINS) for weights in w.T])
