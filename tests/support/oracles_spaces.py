"""Geometry by mpmath, from definitions: cosines and hyperbolic cosines at enough digits, nothing of the library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath as mp

DIGITS = 700
"""cosh(2 x 300) has 261 digits before the point; angles down to 1e-32 enter by their square."""


def _exact(x: Sequence[float]) -> list[Any]:
    return [mp.mpf(float(t)) for t in x]


def _dot(x: list[Any], y: list[Any]) -> Any:
    return mp.fsum(s * t for s, t in zip(x, y, strict=True))


def _arcosh(cosh_minus_1: Any) -> Any:
    if abs(cosh_minus_1) < mp.mpf(10) ** (300 - DIGITS):  # 0 but for the digits that cosh(300)^2 leaves
        return mp.mpf(0)
    return 2 * mp.asinh(mp.sqrt(cosh_minus_1 / 2))


def distance_lorentz(s: Sequence[float], t: Sequence[float], c: float) -> Any:
    """Distance of the points of the hyperboloid with these space parts: cosh(D) = -c <x, y>."""
    with mp.workdps(DIGITS):
        x, y, k = _exact(s), _exact(t), mp.mpf(c)
        return _arcosh(mp.sqrt((1 + k * _dot(x, x)) * (1 + k * _dot(y, y))) - k * _dot(x, y) - 1) / mp.sqrt(k)


def distance_tangent(x: Sequence[float], y: Sequence[float], c: float) -> Any:
    """Distance of exp_0(x) and exp_0(y) by the hyperbolic law of cosines; c = 0 is flat."""
    with mp.workdps(DIGITS):
        p, q, k = _exact(x), _exact(y), mp.sqrt(mp.mpf(c))
        a, b = mp.sqrt(_dot(p, p)), mp.sqrt(_dot(q, q))
        if c == 0:
            return mp.sqrt(mp.fsum((s - t) ** 2 for s, t in zip(p, q, strict=True)))
        if a == 0 or b == 0:
            return a + b
        cosine = _dot(p, q) / (a * b)
        return _arcosh(mp.cosh(k * a) * mp.cosh(k * b) - mp.sinh(k * a) * mp.sinh(k * b) * cosine - 1) / k


def distance_ball(x: Sequence[float], y: Sequence[float], c: float) -> Any:
    """Distance in the Poincare ball: cosh(D) - 1 = 2c|x - y|^2 / ((1 - c|x|^2)(1 - c|y|^2)); c = 0 is 2|x - y|."""
    with mp.workdps(DIGITS):
        p, q, k = _exact(x), _exact(y), mp.mpf(c)
        square = mp.fsum((s - t) ** 2 for s, t in zip(p, q, strict=True))
        if c == 0:
            return 2 * mp.sqrt(square)
        return _arcosh(2 * k * square / ((1 - k * _dot(p, p)) * (1 - k * _dot(q, q)))) / mp.sqrt(k)


def angle(x: Sequence[float], y: Sequence[float]) -> Any:
    """Angle of two vectors, normalised first."""
    with mp.workdps(60):
        p, q = _exact(x), _exact(y)
        a, b = mp.sqrt(_dot(p, p)), mp.sqrt(_dot(q, q))
        apart = mp.fsum((s / a - t / b) ** 2 for s, t in zip(p, q, strict=True))
        together = mp.fsum((s / a + t / b) ** 2 for s, t in zip(p, q, strict=True))
        return 2 * mp.atan2(mp.sqrt(apart), mp.sqrt(together))


def log_frame(x: Sequence[float], y: Sequence[float], c: float) -> list[Any]:
    """log_x(y) in the frame at x, of tangent coordinates that differ, by the triangle with the origin; any radius."""
    with mp.workdps(200):  # products of three coordinates are exact, and so 0 on one ray
        p, q, k = _exact(x), _exact(y), mp.sqrt(mp.mpf(c))
        a, b = mp.sqrt(_dot(p, p)), mp.sqrt(_dot(q, q))
        m, cosine = [t / a for t in p], _dot(p, q) / (a * b)
        across = [(_dot(p, p) * t - _dot(p, q) * s) / (a * a * b) for s, t in zip(p, q, strict=True)]
        h = _dot(across, across) / (2 * (1 + cosine)) if cosine > 0 else (1 - cosine) / 2  # sin^2(theta/2)
        a, b = k * a, k * b
        distance = 2 * mp.asinh(mp.sqrt(mp.sinh((a - b) / 2) ** 2 + mp.sinh(a) * mp.sinh(b) * h))
        along = mp.sinh(b - a) - 2 * mp.cosh(a) * mp.sinh(b) * h
        factor = distance / mp.sinh(distance) / k
        return [factor * (along * s + mp.sinh(b) * t) for s, t in zip(m, across, strict=True)]


def exp_polar(mu: Sequence[float], radius: float, direction: Sequence[float], c: float, model: str) -> list[Any]:
    """The boost that takes the origin to exp_0(mu), applied to (cosh R, sinh R u), in a model; c > 0."""
    with mp.workdps(DIGITS):
        m, u, k = _exact(mu), _exact(direction), mp.sqrt(mp.mpf(c))
        length, norm = mp.sqrt(_dot(m, m)), mp.sqrt(_dot(u, u))
        u = [t / norm for t in u]
        m = [t / length for t in m] if length else [mp.mpf(0) for _ in m]
        a, r, cosine = k * length, k * mp.mpf(float(radius)), _dot(m, u)
        time = mp.cosh(a) * mp.cosh(r) + mp.sinh(a) * mp.sinh(r) * cosine
        along = mp.sinh(a) * mp.cosh(r) + (mp.cosh(a) - 1) * mp.sinh(r) * cosine
        space = [along * s + mp.sinh(r) * t for s, t in zip(m, u, strict=True)]
        if model == "lorentz":
            return [time / k, *(t / k for t in space)]
        if model == "poincare":
            return [t / (1 + time) / k for t in space]
        size = mp.sqrt(_dot(space, space))
        return [t * mp.asinh(size) / size / k if size else t for t in space]


def _lifted(x: Sequence[float], c: float, model: str) -> list[Any]:
    """(cosh(r), sinh(r) u) of a point of a model."""
    v, k = _exact(x), mp.sqrt(mp.mpf(c))
    if model == "lorentz":
        space = [k * t for t in v[1:]]
    elif model == "poincare":
        space = [2 * k * t / (1 - k * k * _dot(v, v)) for t in v]
    else:
        size = mp.sqrt(_dot(v, v))
        space = [mp.sinh(k * size) / size * t if size else mp.mpf(0) for t in v]
    return [mp.sqrt(1 + _dot(space, space)), *space]


def _apart(p: list[Any], q: list[Any]) -> Any:
    """2 asinh of half the Minkowski length of p - q."""
    difference = [s - t for s, t in zip(p, q, strict=True)]
    return 2 * mp.asinh(mp.sqrt(abs(_dot(difference[1:], difference[1:]) - difference[0] ** 2)) / 2)


def geodesic_error(
    got: Sequence[float], x: Sequence[float], y: Sequence[float], t: float, c: float, model: str
) -> tuple[float, float, float]:
    """(error, radius, distance) in units of 1/sqrt(c): how far ``got`` is from the point at time t of the geodesic from
    x to y, the radius of that point, and the distance of x and y."""
    with mp.workdps(DIGITS):
        p, q, s = _lifted(x, c, model), _lifted(y, c, model), mp.mpf(float(t))
        distance = _apart(p, q)
        want = p
        if distance > mp.mpf(10) ** (150 - DIGITS):
            from_x, from_y = mp.sinh((1 - s) * distance), mp.sinh(s * distance)
            want = [(from_x * a + from_y * b) / mp.sinh(distance) for a, b in zip(p, q, strict=True)]
        origin = [mp.mpf(1), *(mp.mpf(0) for _ in want[1:])]
        return float(_apart(_lifted(got, c, model), want)), float(_apart(origin, want)), float(distance)
