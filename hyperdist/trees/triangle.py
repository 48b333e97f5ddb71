"""Triangles in polar form about a vertex, at lengths whose exponentials no float holds; lengths in units of 1/sqrt(c).

A place is its distance r from a vertex and its direction u there, a unit vector in the orthonormal frame. The third
side of a triangle with the sides a, b and the angle t between them is, over e^(a + b),

    4 sinh^2(D/2) e^-(a + b) = (e^-a - e^-b)^2 + (1 - e^(-2a)) (1 - e^(-2b)) sin^2(t/2),

a sum of what is not negative: relative to 1/sin(t/2) nothing cancels, and for long sides D = a + b + log(...).
"""

from __future__ import annotations

import numpy as np

from hyperdist.arrays.rows import dot
from hyperdist.geometry.polar import exp_polar

_FAR = 40.0
"""A length D at which 4 sinh^2(D/2) is e^D to the last bit of a double."""


def side(a: np.ndarray, b: np.ndarray, sine_sq: np.ndarray) -> np.ndarray:
    """The third side, of sides a, b >= 0 and sin^2 of half the angle between them; shapes broadcast."""
    shorter, gap = np.minimum(a, b), np.abs(a - b)
    height = np.square(np.exp(-shorter) * np.expm1(-gap)) + np.expm1(-2.0 * a) * np.expm1(-2.0 * b) * sine_sq
    with np.errstate(divide="ignore"):
        exponent = (a + b) + np.log(height)
    far = exponent > _FAR
    if far.all():
        return exponent
    return np.where(far, exponent, 2.0 * np.arcsinh(0.5 * np.exp(0.5 * np.minimum(exponent, _FAR))))


def half_sine_sq(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """sin^2 of half the angle between unit vectors, from their difference: right for small angles; shapes broadcast.

    One coordinate at a time, so that memory is that of the result."""
    total = np.square(u[..., 0] - v[..., 0])
    for k in range(1, u.shape[-1]):
        total += np.square(u[..., k] - v[..., k])
    return 0.25 * total


def carry(length: np.ndarray, direction: np.ndarray, r: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(r, u) of a place about a vertex, from those about a second vertex at ``length`` and ``direction`` from it.

    The second vertex's frame is the first one's, carried along the geodesic between them. Where the place comes out
    at the vertex itself its direction is the first axis.
    """
    x = exp_polar(length[..., None] * direction, r, u, np.float64(1.0), "tangent")
    far = np.sqrt(dot(x, x))
    at = (far == 0.0)[..., None]
    return far, np.where(at, np.eye(1, x.shape[-1])[0], x / np.where(at, 1.0, far[..., None]))


def turned(direction: np.ndarray, u: np.ndarray) -> np.ndarray:
    """u in a frame whose first axis points back to the vertex at ``-direction``, as a vector of the carried frame.

    The reflection that takes the first axis to -direction; where that is near the first axis, minus the reflection
    that takes it to direction, so that the difference that is divided by is never small.
    """
    sign = np.where(direction[..., 0] < 0.0, -1.0, 1.0)
    n = sign[..., None] * direction
    n[..., 0] += 1.0
    return sign[..., None] * (u - (2.0 * dot(n, u) / dot(n, n))[..., None] * n)


def gyrated(a: np.ndarray, m: np.ndarray, b: np.ndarray, u: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, d, k), columns, that came along a geodesic a m and then b u, as if carried straight to its end.

    A turn in the plane of m and u by w, tan(w/2) = t sin(f)/(1 + t cos f), t = tanh(a/2) tanh(b/2), f the angle between
    m and u; with e^-a and cos^2(f/2), since 1 + t cos f is small where a way turns back.
    """
    h = half_sine_sq(m, -u)
    p, q = np.exp(-a), np.exp(-b)
    t = np.expm1(-a) * np.expm1(-b) / ((1.0 + p) * (1.0 + q))
    real = 2.0 * (p + q) / ((1.0 + p) * (1.0 + q)) + 2.0 * t * h
    imaginary = 2.0 * t * np.sqrt(h * half_sine_sq(m, u))
    size = np.hypot(real, imaginary)
    real, imaginary = real / size, imaginary / size
    e = (m + u) - (2.0 * h)[..., None] * m
    length = np.sqrt(dot(e, e))[..., None]
    e = e / np.where(length > 0.0, length, 1.0)
    versine, sine = (2.0 * imaginary * imaginary)[..., None, None], (2.0 * real * imaginary)[..., None, None]
    along, across = m[..., None, :] @ vectors, e[..., None, :] @ vectors
    vectors = vectors - m[..., None] * (versine * along - sine * across)
    return vectors - e[..., None] * (sine * along + versine * across)
