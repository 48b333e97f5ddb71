"""Frechet means on spheres of many dimensions: Newton's method by products of matrices with vectors.

The Hessian of half the mean squared distance at y is a 1 + sum_i w_i (1 - t_i cot t_i)/t_i^2 v_i v_i^T with the
logarithms v_i, t_i = |v_i| and a the mean of t_i cot t_i: it is never formed. Its steps are those of conjugate
gradients, stopped at a direction in which it bends down (Steihaug 1983, SIAM J. Numer. Anal. 20).

Points are kept as differences z_i from a place amid them: with u = y - place, |x_i - y|^2 = |z_i|^2 - 2 z_i.u + |u|^2
is right to eps of the data's own spread, however narrow they are, and so is what is left of x_i across y,
x_i - cos(t_i) y = z_i - u + |x_i - y|^2/2 y.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LEAST_DIMENSION = 32
"""Coordinates from which on this beats a factorised Hessian."""
_STEPS, _INNER, _HALVINGS = 100, 200, 40
_TRUSTED = 1e-7
"""Steps below this part of the spread are taken as they are: the cost, rounded, cannot tell which of them go down."""
_POLE = 0.01
"""Least sin t/t in t cot t: beyond, the factor steers the descent, not the mean."""


class _Seen(NamedTuple):
    """The points as they are seen from y."""

    y: np.ndarray
    u: np.ndarray
    apart: np.ndarray
    """|x - y|^2"""
    ratio: np.ndarray
    """t/sin(t)"""
    bend: np.ndarray
    """w (1 - t cot t)/t^2 (t/sin t)^2"""
    across: float
    """Mean of t cot t."""
    cost: float
    """Half the mean squared distance."""


class HighSphere:
    """Points (n, k), unit vectors, with weights (n,) of sum 1."""

    def __init__(self, points: np.ndarray, weights: np.ndarray, place: np.ndarray) -> None:
        self.place, self.w = place, weights
        self.z = points - place
        self.squares = np.einsum("ij,ij->i", self.z, self.z)

    def seen(self, y: np.ndarray) -> _Seen:
        """From a unit vector y."""
        u = y - self.place
        apart = np.clip(self.squares - 2.0 * (self.z @ u) + u @ u, 0.0, 4.0)
        t = 2.0 * np.arctan2(np.sqrt(apart), np.sqrt(4.0 - apart))
        square = t * t
        safe = np.where(square > 0.0, square, 1.0)
        sinc = np.where(t > 0.0, np.sin(t) / np.sqrt(safe), 1.0)
        near = square < 1e-4
        cot = np.cos(t) / np.maximum(sinc, _POLE)
        bend = np.where(near, 1.0 / 3.0 + square / 45.0, (1.0 - cot) / safe)
        ratio = np.where(sinc > 0.0, 1.0 / np.where(sinc > 0.0, sinc, 1.0), 0.0)
        across, cost = float(self.w @ cot), 0.5 * float(self.w @ square)
        return _Seen(y, u, apart, ratio, self.w * bend * ratio * ratio, across, cost)

    def _combined(self, seen: _Seen, share: np.ndarray) -> np.ndarray:
        """sum of share_i (x_i - cos(t_i) y), orthogonal to y."""
        total = share @ self.z - np.sum(share) * seen.u + 0.5 * float(share @ seen.apart) * seen.y
        return total - (total @ seen.y) * seen.y

    def downhill(self, seen: _Seen) -> np.ndarray:
        """Minus the gradient, the mean logarithm."""
        return self._combined(seen, self.w * seen.ratio)

    def hessian(self, seen: _Seen, p: np.ndarray) -> np.ndarray:
        """Its product with a tangent vector."""
        return seen.across * p + self._combined(seen, seen.bend * (self.z @ p - seen.u @ p))

    def step(self, seen: _Seen) -> np.ndarray:
        """Newton's step, or where the Hessian bends down the last one before, the gradient's at least."""
        gradient = self.downhill(seen)
        step, rest, p = np.zeros(gradient.shape), gradient, gradient
        square = first = float(rest @ rest)
        for _ in range(_INNER):
            if not square > 1e-26 * first:
                break
            moved = self.hessian(seen, p)
            bend = float(p @ moved)
            if not bend > 1e-6 * float(p @ p):
                return step if step.any() else gradient
            step = step + square / bend * p
            rest = rest - square / bend * moved
            before, square = square, float(rest @ rest)
            p = rest + square / before * p
        return step

    def least(self, starts: list[np.ndarray]) -> np.ndarray:
        """The minimum that is reached from the best of some starts, (k,), without going up."""
        seen, last = min((self.seen(start) for start in starts), key=lambda seen: seen.cost), np.inf
        for _ in range(_STEPS):
            step = self.step(seen)
            size, spread = float(np.sqrt(step @ step)), float(np.sqrt(2.0 * seen.cost))
            if size <= 4.0 * np.finfo(float).eps * spread:
                break
            trusted = size < _TRUSTED * spread
            if trusted and size > 0.5 * last:
                break
            last = size
            for _ in range(_HALVINGS):
                onward = self.seen(_moved(seen.y, step))
                if trusted or onward.cost <= seen.cost:
                    break
                step = 0.5 * step
            else:
                break
            seen = onward
        return seen.y


def _moved(y: np.ndarray, v: np.ndarray) -> np.ndarray:
    """exp_y(v), on the sphere to its last bit."""
    size = float(np.sqrt(v @ v))
    end = y + (-2.0 * np.sin(0.5 * size) ** 2) * y + (np.sin(size) / size if size > 0.0 else 1.0) * v
    return end / np.sqrt(end @ end)
