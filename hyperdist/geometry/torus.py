"""The flat torus (R / 2 pi Z)^d: a point is d angles in [-pi, pi), lengths are Euclidean in the angles.

Where two angles are half a turn apart both ways round are shortest; the logarithm is then -pi.
"""

from __future__ import annotations

import math

from hyperdist.arrays.namespace import Array, namespace, values
from hyperdist.arrays.rows import column, dot
from hyperdist.geometry.euclidean import from_frame, inner, log_volume, to_frame, transport

__all__ = ["dist_sq", "exp", "from_frame", "geodesic", "inner", "log", "log_volume", "to_frame", "transport", "wrap"]

_TURN = 2.0 * math.pi


def wrap(x: Array) -> Array:
    """The angles equal to x modulo 2 pi in [-pi, pi), in the dtype of x; angles there already come back as they are.

    Accuracy  eps |x|: 2 pi is rounded, so that a turn is off by 2.4e-16 in float64. Where that is more than a turn the
    result is still an angle, and says nothing.
    """
    fixed = values(x)
    wrapped = _wrapped(fixed)
    # A shift by a constant: the derivative stays 1 where rounding at the cut makes the value -pi.
    return wrapped if fixed is x else wrapped + (x - fixed)


def _wrapped(x: Array) -> Array:
    xp = namespace(x)
    half = xp.full_like(x, math.pi)
    inside = (x >= -half) & (x < half)
    y = x - _TURN * xp.round(x / _TURN)
    y = xp.where(y >= half, y - _TURN, y)
    y = xp.where((y < -half) | (y >= half), -half, y)
    return xp.where(inside, x, y)


def dist_sq(x: Array, y: Array) -> Array:
    """Squared length of the shortest way round, (*batch)."""
    difference = log(x, y)
    return dot(difference, difference)


def exp(x: Array, u: Array) -> Array:
    """x + u, wrapped."""
    return wrap(x + u)


def log(x: Array, y: Array) -> Array:
    """y - x, wrapped."""
    return wrap(y - x)


def geodesic(x: Array, y: Array, t: Array) -> Array:
    """The point at time t (*batch) of the shortest way from x (t = 0) to y (t = 1), (*batch, d)."""
    return exp(x, column(t) * log(x, y))
