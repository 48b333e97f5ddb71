"""Flat space R^d, the limit of hyperbolic space at c = 0 in tangent coordinates."""

from __future__ import annotations

from hyperdist.arrays.namespace import Array
from hyperdist.arrays.rows import column, dot


def dist_sq(x: Array, y: Array) -> Array:
    """|x - y|^2, (*batch)."""
    difference = x - y
    return dot(difference, difference)


def exp(x: Array, u: Array) -> Array:
    """x + u."""
    return x + u


def log(x: Array, y: Array) -> Array:
    """y - x."""
    return y - x


def inner(x: Array, u: Array, v: Array) -> Array:
    """u.v, (*batch)."""
    return dot(u + x * 0.0, v)


def transport(x: Array, y: Array, u: Array) -> Array:
    """u."""
    return u + (x + y) * 0.0


def to_frame(x: Array, u: Array) -> Array:
    """u: the standard frame at every point."""
    return u + x * 0.0


def from_frame(x: Array, v: Array) -> Array:
    """v."""
    return v + x * 0.0


def log_volume(x: Array) -> Array:
    """0, (*batch)."""
    return x[..., 0] * 0.0


def geodesic(x: Array, y: Array, t: Array) -> Array:
    """x + t (y - x), t (*batch)."""
    return exp(x, column(t) * log(x, y))
