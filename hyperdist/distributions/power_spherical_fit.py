"""The directions that fit a power spherical law best, many at once.

The mean log((1 + mu.x)/2) is largest at a mu that does not depend on kappa. It is sought by BFGS in stereographic
coordinates theta at the mean direction b: with y = theta/2 across b, mu = ((1 - |y|^2) b + 2 y)/(1 + |y|^2), and
what has the gradient g in mu has (g - (b.g) b - (b.g + mu.g) y)/(1 + |y|^2) in theta.
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.arrays.blocks import Blocks
from hyperdist.arrays.rows import column, dot
from hyperdist.distributions import descent
from hyperdist.distributions.sphere_rows import mean_vector
from hyperdist.radial import rejection
from hyperdist.radial.base import quiet
from hyperdist.radial.power_spherical import log_kernel_of_points

_TOGETHER = 1 << 23
"""Scalars of the inverse Hessians of the laws that are fitted side by side."""


@quiet
def best_directions(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """The mu (laws, m) of largest mean log((1 + mu.x)/2) over unit vectors (n, m) with shares (n, laws), and that."""
    laws, m = math.prod(blocks.batch), blocks.width
    size = max(1, _TOGETHER // (m * m))
    found = []
    for first in range(0, laws, size):
        problem = _Directions(blocks.weighted(lambda shares, first=first: shares[:, first : first + size]))
        found.append(descent.minimise(problem, np.zeros(problem.base.shape))[1])
    best = np.concatenate(found)
    return best[:, :m], -best[:, m]


class _Directions:
    """The function to minimise for several laws, in theta (laws, m), across each law's mean direction."""

    reach = 1.0
    """About a radian, so that the way out of the barrier about a point's opposite ends nearby."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        (total,) = blocks.total(mean_vector)
        length = np.sqrt(dot(total, total))
        first = np.eye(1, blocks.width)
        self.base = np.where(column(length) > 0.0, total / np.where(length > 0.0, length, 1.0)[:, None], first)

    def evaluate(self, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(values, gradients, rows of mu, the value and the mean second derivative over all directions)."""
        base = self.base[which]
        y = 0.5 * _across(theta, base)  # rounding along the base would grow from step to step
        square = column(dot(y, y))
        mu = ((1.0 - square) * base + 2.0 * y) / (1.0 + square)
        mu = mu / column(np.sqrt(dot(mu, mu)))

        def sums(x: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, ...]:
            parts = [_pulls(centre, x, share) for centre, share in zip(mu, shares.T, strict=True)]
            return tuple(np.stack(part) for part in zip(*parts, strict=True))

        value, pull, bend = self.blocks.weighted(lambda shares: shares[:, which]).total(sums)
        turn = column(dot(base, pull)) + column(dot(mu, pull))
        gradient = _across(pull - turn * y, base) / (1.0 + square)
        return -value, -gradient, np.concatenate([mu, -column(value), column(bend)], axis=-1)

    def metric(self, others: np.ndarray) -> np.ndarray:
        """One over the mean second derivative, where it is that of a maximum."""
        bend = others[:, -1]
        scale = 1.0 / np.where(bend > 0.0, bend, 1.0)
        return scale[:, None, None] * np.eye(self.blocks.width)

    def check(self, theta: np.ndarray, others: np.ndarray) -> None:
        """There is a best direction for any data."""


def _across(v: np.ndarray, base: np.ndarray) -> np.ndarray:
    """The part of each vector orthogonal to a unit vector."""
    return v - column(dot(v, base)) * base


def _pulls(mu: np.ndarray, x: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of log((1 + mu.x)/2) the sum, its gradient in mu, (m,), and less its mean second derivative over directions."""
    d = len(mu) - 1
    log = np.where(share > 0.0, share * log_kernel_of_points(x, mu, np.ones(())), 0.0)
    # 1 + mu.x as half of |x + mu|^2, to its own digits; a point at -mu pulls no way
    rise = 0.5 * rejection.row_squares(x + mu)
    pull = np.where(rise > 0.0, share / np.where(rise > 0.0, rise, 1.0), 0.0)
    return np.sum(log), pull @ x, pull @ ((2.0 - rise) + d * (rise - 1.0)) / d
