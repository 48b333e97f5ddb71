"""Frechet means: the point with the least weighted sum of squared distances.

Hyperbolic space by Newton's method in the frame at the current point: half the squared distance to a point at distance
D has gradient -log and Hessian 1 along it, D coth D (on the sphere D cot D) across it. On hyperbolic space the sum is
convex and has one minimum. On the torus exactly, by trying every place to cut the circle (Hotz and Huckemann 2015,
section 3). The sphere, where there may be many minima, is in ``frechet_sphere``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

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
_BALL_RADIUS = 8.0
"""Radius up to which ball coordinates are as good as tangent ones, and cheaper."""


class Problem:
    """Points, weights (n, B) that sum to 1, and one space's maps between points and frames."""

    def __init__(
        self,
        points: np.ndarray,
        weights: np.ndarray,
        dist_sq: Callable[[np.ndarray, np.ndarray], np.ndarray],
        log_frame: Callable[[np.ndarray, np.ndarray], np.ndarray],
        exp_frame: Callable[[np.ndarray, np.ndarray], np.ndarray],
        across: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.points, self.weights = points, weights
        self.dist_sq, self.log_frame, self.exp_frame, self.across = dist_sq, log_frame, exp_frame, across

    def _blocks(self) -> list[slice]:
        n, batch = self.weights.shape
        rows = max(1, _BLOCK // (batch * self.points.shape[-1]))
        return [slice(start, start + rows) for start in range(0, n, rows)]

    def cost(self, y: np.ndarray) -> np.ndarray:
        """Half the weighted mean of the squared distances to y (B, k), (B,)."""
        total = np.zeros(len(y))
        for block in self._blocks():
            total += 0.5 * np.sum(self.weights[block] * self.dist_sq(y, self.points[block]), axis=0)
        return total

    def step(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(cost, Newton step in the frame at y), with absolute eigenvalues of the Hessian."""
        cost, gradient, hessian = np.zeros(len(y)), 0.0, 0.0
        for block in self._blocks():
            v, w = self.log_frame(y, self.points[block]), self.weights[block]
            square = dot(v, v)
            across = self.across(square)
            along = (1.0 - across) / np.where(square > 0.0, square, 1.0)
            cost += 0.5 * np.sum(w * square, axis=0)
            gradient = gradient + np.einsum("nb,nbi->bi", w, v)
            rows = np.moveaxis(v, 1, 0)
            hessian = hessian + np.swapaxes(rows * np.moveaxis(w * along, 1, 0)[..., None], -1, -2) @ rows
            hessian = hessian + np.sum(w * across, axis=0)[:, None, None] * np.eye(v.shape[-1])
        size, axes = np.linalg.eigh(hessian)
        size = np.abs(size)
        size = np.maximum(size, _LEAST_CURVATURE * size.max(axis=-1, keepdims=True))
        step = np.einsum("bij,bj,bkj,bk->bi", axes, 1.0 / size, axes, gradient, optimize=True)
        return cost, step


def descend(problem: Problem, starts: list[np.ndarray]) -> np.ndarray:
    """Newton's method from the best start of each batch element, halving a step that does not go down.

    Ends where steps are a few eps of the spread of the points, or have stopped shrinking at the size of rounding.
    """
    costs = np.stack([problem.cost(start) for start in starts])
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
    lower = trusted | (problem.cost(candidate) <= cost)
    for _ in range(_HALVINGS):
        if lower.all():
            break
        length = np.where(lower, length, 0.5 * length)
        candidate = problem.exp_frame(y, column(length) * step)
        lower = trusted | (problem.cost(candidate) <= cost)
    return candidate, lower


def some(points: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Up to ``_CANDIDATES`` of the points (n, B or 1, k), evenly spaced, each repeated for every batch element."""
    index = np.unique(np.linspace(0, len(points) - 1, _CANDIDATES).round().astype(int))
    return [np.broadcast_to(points[i], (weights.shape[1], points.shape[-1])) for i in index]


def hyperbolic(points: np.ndarray, weights: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Mean (*batch, d) of tangent coordinates points (n, [*batch,] d), weights (n, *batch) of sum 1, c () or (*batch).

    The gradient there, the weighted mean of the logarithms, is below 1e-12 of the spread where coordinates can tell.
    """
    batch, d = weights.shape[1:], points.shape[-1]
    x, w = points.reshape(len(points), -1, d), weights.reshape(len(points), -1)
    c = np.broadcast_to(c, batch).reshape(-1)
    starts = [np.einsum("nb,nbi->bi", w, np.broadcast_to(x, (*w.shape, d))), np.zeros((w.shape[1], d))]
    starts += some(x, w)

    def across(square: np.ndarray) -> np.ndarray:
        return 1.0 / tanhc_sq(c * square)

    if np.sqrt(c * np.max(dot(x, x), axis=0)).max() > _BALL_RADIUS:
        problem = Problem(
            x,
            w,
            lambda y, z: tangent.dist_sq(y, z, c),
            lambda y, z: tangent.log_frame(y, z, c),
            lambda y, v: tangent.boost(y, v, c),
            across,
        )
        return descend(problem, starts).reshape(*batch, d)

    problem = Problem(
        conversions.tangent_to_poincare(x, c),
        w,
        lambda y, z: poincare.dist_sq(y, z, c),
        lambda y, z: poincare.to_frame(y, poincare.log(y, z, c), c),
        lambda y, v: poincare.exp(y, poincare.from_frame(y, v, c), c),
        across,
    )
    mean = descend(problem, [conversions.tangent_to_poincare(start, c) for start in starts])
    return conversions.poincare_to_tangent(mean, c).reshape(*batch, d)


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
