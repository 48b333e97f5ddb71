"""Geometry written a second time: what turns draws into radii and directions without the library's spaces, so that an
error in them cannot hide in its own check.

Hyperbolic points are held as tangent vectors at the origin, ``v`` with ``|v| = r`` the geodesic distance, because
that form holds any radius. Everything follows from a boost of the hyperboloid along one axis.
"""

from __future__ import annotations

import numpy as np

FAR = 20.0
"""Beyond this, asinh(z) = log(2 z) to 1e-17."""


def _norm(x: np.ndarray) -> np.ndarray:
    return np.sqrt(np.sum(x * x, axis=-1))


def _split(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Length and unit vector; the first axis where the vector is 0."""
    length = _norm(v)
    first = np.zeros(v.shape[-1])
    first[0] = 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.where((length > 0)[..., None], v / length[..., None], first)
    return length, unit


def to_tangent(x: np.ndarray, model: str, c: np.ndarray) -> np.ndarray:
    """Tangent vectors at the origin, geodesic length, of points in a model.

    x : (*batch, d), or (*batch, d + 1) with the time coordinate first in the Lorentz model; c : (*batch).
    """
    x = np.asarray(x, dtype=np.float64)
    if model == "tangent":
        return x
    root = np.sqrt(np.asarray(c, dtype=np.float64))
    space = x[..., 1:] if model == "lorentz" else x
    length, unit = _split(space)
    size = root * length
    with np.errstate(invalid="ignore", divide="ignore"):
        if model == "lorentz":
            radius = np.where(root > 0, np.arcsinh(size) / root, length)
        else:
            radius = np.where(root > 0, 2.0 * np.arctanh(size) / root, 2.0 * length)
    return radius[..., None] * unit


def to_ball(v: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Ball coordinates of tangent vectors at the origin."""
    root = np.sqrt(np.asarray(c, dtype=np.float64))
    length, unit = _split(v)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.where(root > 0, np.tanh(0.5 * root * length) / root, 0.5 * length)
    return size[..., None] * unit


def _log_to_distance(log_z: np.ndarray) -> np.ndarray:
    """asinh(exp(log_z))."""
    return np.where(log_z < FAR, np.arcsinh(np.exp(np.minimum(log_z, FAR))), log_z + np.log(2.0))


def _boost(axis: np.ndarray, a: np.ndarray, b: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Polar coordinates, after a translation by ``-a`` along ``axis``, of the point at distance b towards w (c = 1).

    The hyperboloid coordinate along the axis is sinh(b - a) - sinh(b) cosh(a) (1 - cos), free of cancellation near
    a = b; all is scaled by exp(-b), so that nothing overflows.
    """
    gap = w - axis
    versine = 0.5 * np.sum(gap * gap, axis=-1)
    half_sinh = -0.5 * np.expm1(-2.0 * b)
    along = -0.5 * np.exp(-a) * np.expm1(2.0 * (a - b)) - half_sinh * np.cosh(a) * versine
    across = half_sinh[..., None] * (gap - np.sum(gap * axis, axis=-1)[..., None] * axis)
    vector = along[..., None] * axis + across
    length, unit = _split(vector)
    with np.errstate(divide="ignore"):
        return _log_to_distance(np.log(length) + b), unit


def polar_about(mu: np.ndarray, x: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance from mu, and unit direction in the frame at mu that is the origin's, moved along the geodesic.

    mu, x : (*batch, d) tangent vectors at the origin; c : (*batch).
    """
    c = np.asarray(c, dtype=np.float64)
    flat = c == 0
    root = np.sqrt(np.where(flat, 1.0, c))
    mu, x = np.broadcast_arrays(np.asarray(mu, dtype=np.float64), x)
    (a, axis), (b, w) = _split(mu), _split(x)
    radius, unit = _boost(axis, root * a, root * b, w)
    if np.any(flat):
        euclidean, direction = _split(x - mu)
        return np.where(flat, euclidean, radius / root), np.where(flat[..., None], direction, unit)
    return radius / root, unit


def move_to(mu: np.ndarray, r: np.ndarray, unit: np.ndarray, c: float) -> np.ndarray:
    """The point at distance r from mu in direction ``unit`` of the frame at mu, as a tangent vector at the origin."""
    if c == 0:
        return mu + r[..., None] * unit
    root = np.sqrt(c)
    a, axis = _split(np.asarray(mu, dtype=np.float64))
    radius, direction = _boost(np.broadcast_to(axis, unit.shape), -root * a, root * r, unit)
    return (radius / root)[..., None] * direction


def _chords_sq(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared distances between rows of x (n, m) and of y (k, m), unit vectors, (n, k); to its digits where all are
    close together, since products are of differences from one of them."""
    a, b = x - x[:1], y - x[:1]
    return np.maximum(np.sum(a * a, axis=-1)[:, None] + np.sum(b * b, axis=-1) - 2.0 * (a @ b.T), 0.0)


def hyperbolic_distances(x: np.ndarray, y: np.ndarray, c: float) -> np.ndarray:
    """All distances between rows of x (n, d) and of y (m, d), tangent vectors at the origin; (n, m)."""
    if c == 0:
        return np.sqrt(np.sum((x[:, None] - y[None]) ** 2, axis=-1))
    (a, u), (b, v) = _split(x), _split(y)
    a, b = np.sqrt(c) * a[:, None], np.sqrt(c) * b[None]
    with np.errstate(divide="ignore"):
        sine_sq = np.log(0.25 * _chords_sq(u, v))
        gap = 0.5 * np.abs(a - b)
        radial = 2.0 * (gap + np.log(-0.5 * np.expm1(-2.0 * gap)))
        angular = a + np.log(-0.5 * np.expm1(-2.0 * a)) + b + np.log(-0.5 * np.expm1(-2.0 * b)) + sine_sq
    return 2.0 * _log_to_distance(0.5 * np.logaddexp(radial, angular)) / np.sqrt(c)


def sphere_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """All angles between rows of x (n, m) and of y (k, m); (n, k)."""
    return 2.0 * np.arcsin(np.minimum(0.5 * np.sqrt(_chords_sq(x, y)), 1.0))


def torus_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sum over coordinates of the circle distances, rows of x (n, d) against rows of y (k, d); (n, k)."""
    return np.sum(np.abs(wrap(x[:, None] - y[None])), axis=-1)


def wrap(angle: np.ndarray) -> np.ndarray:
    """The angle in [-pi, pi)."""
    return np.mod(angle + np.pi, 2.0 * np.pi) - np.pi


def reflect(mu: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The reflection that exchanges mu and the last axis; mu, x : (*batch, m), mu of length 1."""
    v = np.array(mu, dtype=np.float64)
    v[..., -1] -= 1.0
    size = np.sum(v * v, axis=-1, keepdims=True)
    factor = np.where(size > 0, 2.0 / np.where(size > 0, size, 1.0), 0.0)
    return x - factor * np.sum(v * x, axis=-1, keepdims=True) * v


def sphere_polar(mu: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angle from mu and unit direction (*batch, m - 1) in an orthonormal frame at mu."""
    x = np.asarray(x, dtype=np.float64)
    mu = np.asarray(mu, dtype=np.float64)
    angle = 2.0 * np.arctan2(_norm(x - mu), _norm(x + mu))
    return angle, _split(reflect(mu, x)[..., :-1])[1]


def sphere_move(mu: np.ndarray, angle: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """The unit vector at an angle from mu in direction ``unit`` (*batch, m - 1) of the frame of ``sphere_polar``."""
    local = np.concatenate([np.sin(angle)[..., None] * unit, np.cos(angle)[..., None]], axis=-1)
    return reflect(mu, local)
