"""Points learnt from which of them is above which: Riemannian gradient descent, with the derivatives written out.

The loss of a pair (u, v), v above u, is that of Nickel & Kiela 2017 (arXiv 1705.08039, eq. 5) with every point that is
not above u among the others instead of a sample of them:

    -log( exp(-s D(u, v)) / (exp(-s D(u, v)) + Z_u) ),    Z_u = the sum over those w of exp(-s D(u, w)),

D being the distance and s a sharpness. Z_u is the same for all that is above u, so that the loss of all pairs of u
costs one row of distances. A growing s anneals: at first every point counts, in the end those whose order is wrong.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import expit
from tqdm import trange

_START = 1e-3
"""Standard deviation of the first coordinates."""


class Schedule(NamedTuple):
    """How long, and how fast."""

    epochs: int = 400
    """Passes over all points that have something above them."""
    batch: int = 32
    """Points a step, each with all that is above it and all that is not."""
    rate: float = 0.03
    """Of a step along the gradient of the batch's sum; after the burn-in it falls to 0 along a cosine."""
    burn_in: float = 0.05
    """The share of epochs at the start that have a hundredth of the rate."""
    longest: float = 0.1
    """No point goes further in a step."""
    sharpness: tuple[float, float] = (0.5, 10.0)
    """At first and in the end; it grows geometrically."""


def learn(above: np.ndarray, d: int, c: float, seed: int, schedule: Schedule, *, progress: bool = False) -> np.ndarray:
    """Tangent coordinates, (n, d), of points of curvature -c, 0 or 1, of which those above a point are nearest to it.

    above   (n, n), whether the second point is above the first.
    """
    rng = np.random.default_rng(seed)
    x = _START * rng.standard_normal((len(above), d))
    others = ~(above | np.eye(len(above), dtype=bool))
    rows = np.flatnonzero(above.any(axis=1) & others.any(axis=1))
    points = Hyperbolic(x) if c else Flat(x)
    for epoch in trange(schedule.epochs, desc=f"d = {d}, c = {c:g}, seed {seed}", disable=not progress):
        rate, sharpness = at(schedule, epoch)
        order = rng.permutation(rows)
        for first in range(0, len(order), schedule.batch):
            batch = order[first : first + schedule.batch]
            slope = slopes(points.distances(batch), above[batch], others[batch], sharpness)
            step = -rate * points.pull(slope)
            length = np.sqrt(np.sum(step * step, axis=1, keepdims=True))
            points.move(step * (schedule.longest / np.maximum(length, schedule.longest)))
    return points.x


def at(schedule: Schedule, epoch: int) -> tuple[float, float]:
    """Rate and sharpness of an epoch, counted from 0."""
    start, end = schedule.sharpness
    sharpness = start * (end / start) ** (epoch / schedule.epochs)
    burn_in = math.ceil(schedule.burn_in * schedule.epochs)
    if epoch < burn_in:
        return 0.01 * schedule.rate, sharpness
    done = (epoch - burn_in) / (schedule.epochs - burn_in)
    return 0.5 * schedule.rate * (1.0 + math.cos(math.pi * done)), sharpness


def slopes(distance: np.ndarray, above: np.ndarray, others: np.ndarray, sharpness: float) -> np.ndarray:
    """The derivatives of the loss of all pairs in distances (b, n) from b points to all; see the module."""
    logits = np.where(others, -sharpness * distance, -np.inf)
    top = logits.max(axis=1, keepdims=True)
    share = np.exp(logits - top)
    total = share.sum(axis=1, keepdims=True)
    missed = np.zeros_like(distance)
    missed[above] = expit((np.log(total) + top + sharpness * distance)[above])
    return sharpness * (missed - (missed.sum(axis=1, keepdims=True) / total) * share)


class Flat:
    """Points x, (n, d), of Euclidean space."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """From some points to all, (b, n)."""
        self._rows, self._distance = rows, cdist(self.x[rows], self.x)
        return self._distance

    def pull(self, slope: np.ndarray) -> np.ndarray:
        """From derivatives in those distances to the gradients at all points, (n, d)."""
        x, rows = self.x, self._rows
        weight = slope / np.where(self._distance > 0.0, self._distance, 1.0)
        gradient = weight.sum(axis=0)[:, None] * x - weight.T @ x[rows]
        gradient[rows] += weight.sum(axis=1)[:, None] * x[rows] - weight @ x
        return gradient

    def move(self, step: np.ndarray) -> None:
        """Each point by its row of a step, (n, d)."""
        self.x = self.x + step


class Hyperbolic:
    """Points of curvature -1 in tangent coordinates, none at the origin: for many pairs of few operations each.

    From radii a, b and unit vectors p, q, by the law of cosines in halves, as in ``hyperdist.geometry.fast.chord``:
    H = sinh^2(D/2) = sinh^2((a - b)/2) + sinh(a) sinh(b) |p - q|^2/4. Angles are right to an eps, where the chord's are
    right to one of themselves, so that at radius a points are told apart from exp(a) eps on.
    """

    def __init__(self, x: np.ndarray) -> None:
        self._radius = np.sqrt(np.sum(x * x, axis=1))
        self._p = x / self._radius[:, None]

    @property
    def x(self) -> np.ndarray:
        """Tangent coordinates, (n, d)."""
        return self._radius[:, None] * self._p

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """From some points to all, (b, n)."""
        self._rows, self._sinh, self._cosh = rows, np.sinh(self._radius), np.cosh(self._radius)
        growth = np.exp(0.5 * self._radius)
        ratio = growth[rows][:, None] / growth
        self._gap_sinh, self._gap_cosh = 0.5 * (ratio - 1.0 / ratio), 0.5 * (ratio + 1.0 / ratio)
        self._sine_sq = 0.25 * cdist(self._p[rows], self._p, "sqeuclidean")
        height = self._gap_sinh * self._gap_sinh + (self._sinh[rows][:, None] * self._sine_sq) * self._sinh
        self._half_sinh, self._half_cosh = np.sqrt(height), np.sqrt(1.0 + height)
        return 2.0 * np.log(self._half_sinh + self._half_cosh)

    def pull(self, slope: np.ndarray) -> np.ndarray:
        """From derivatives in those distances to the gradients in the frames at all points, (n, d)."""
        p, rows, sinh, cosh = self._p, self._rows, self._sinh, self._cosh
        weight = slope / np.where(self._half_sinh > 0.0, self._half_sinh * self._half_cosh, 1.0)  # dD/dH
        lean, bend = weight * self._gap_sinh * self._gap_cosh, weight * self._sine_sq
        across = -0.5 * (weight.T @ (sinh[rows][:, None] * p[rows]))
        along = cosh * (bend.T @ sinh[rows]) - lean.sum(axis=0)
        across[rows] -= 0.5 * (weight @ (sinh[:, None] * p))
        along[rows] += cosh[rows] * (bend @ sinh) + lean.sum(axis=1)
        return across + (along - np.sum(across * p, axis=1))[:, None] * p

    def move(self, step: np.ndarray) -> None:
        """Along the geodesics of velocities in the frames, (n, d): (cosh R, sinh R) of each, boosted to its point.

        Space parts cancel where a step leads inwards, by exp(2 R) at most.
        """
        along = np.sum(step * self._p, axis=1)
        length = np.sqrt(np.sum(step * step, axis=1))
        share = np.where(length > 0.0, np.sinh(length) / np.where(length > 0.0, length, 1.0), 1.0)
        radial = np.cosh(length) * np.sinh(self._radius) + share * along * (np.cosh(self._radius) - 1.0)
        space = share[:, None] * step + radial[:, None] * self._p
        size = np.sqrt(np.sum(space * space, axis=1))
        self._p, self._radius = space / size[:, None], np.arcsinh(size)
