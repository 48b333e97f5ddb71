"""First and second derivatives by central differences of mpmath's values, at the working precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from mpmath import mp, mpf


class Differences(NamedTuple):
    """Of f at x: nested lists of floats, (m,), (m, n) and (m, n, n)."""

    value: list[float]
    first: list[list[float]]
    second: list[list[list[float]]]


def differences(f: Callable[[list[Any]], list[Any]], x: list[Any]) -> Differences:
    """f takes n numbers and returns m. With h = 10^(-dps/4) the error is of the order h^2: 15 digits at 30."""
    h, n = mpf(10) ** (-mp.dps // 4), len(x)

    def at(*moves: tuple[int, int]) -> list[Any]:
        moved = list(x)
        for i, side in moves:
            moved[i] = moved[i] + side * h
        return f(moved)

    centre = f(list(x))
    rows = range(len(centre))
    ahead, behind = ([at((i, side)) for i in range(n)] for side in (1, -1))
    first = [[float((ahead[i][k] - behind[i][k]) / (2 * h)) for i in range(n)] for k in rows]
    second = [[[0.0] * n for _ in range(n)] for _ in rows]
    for i in range(n):
        for k in rows:
            second[k][i][i] = float((ahead[i][k] - 2 * centre[k] + behind[i][k]) / h**2)
        for j in range(i):
            corners = [(a * b, at((i, a), (j, b))) for a in (1, -1) for b in (1, -1)]
            for k in rows:
                second[k][i][j] = second[k][j][i] = float(mp.fsum(s * y[k] for s, y in corners) / (4 * h * h))
    return Differences([float(y) for y in centre], first, second)


def _even(f: Any, z: Any) -> Any:
    """f(sqrt z) of an even function, at negative z too, so that differences at c = 0 have two sides."""
    return mp.re(f(mp.sqrt(mp.mpc(z))))


def _sinhc(z: Any) -> Any:
    return _even(lambda x: mp.sinh(x) / x if x else mpf(1), z)


def _asinhc(z: Any) -> Any:
    return _even(lambda x: mp.asinh(x) / x if x else mpf(1), z)


def _dot(x: list[Any], y: list[Any]) -> Any:
    return mp.fsum(s * t for s, t in zip(x, y, strict=True))


def boost(b: list[Any], v: list[Any], c: Any) -> list[Any]:
    """exp_b(v) in tangent coordinates: the space part of the boost of (cosh kR, sinh kR u), multiplied out."""
    y, z = c * _dot(b, b), c * _dot(v, v)
    bend = 2 * _sinhc(y / 4) ** 2 / 4  # (cosh(ka) - 1)/(ka)^2
    along = _sinhc(y) * _even(mp.cosh, z) + c * bend * _sinhc(z) * _dot(b, v)
    space = [along * s + _sinhc(z) * t for s, t in zip(b, v, strict=True)]
    stretch = _asinhc(c * _dot(space, space))
    return [stretch * s for s in space]


def logarithm(x: list[Any], y: list[Any], c: Any) -> list[Any]:
    """log_x(y) in the frame at x."""
    return boost([-t for t in x], y, c)


def dist_sq(x: list[Any], y: list[Any], c: Any) -> Any:
    """Squared distance of points in tangent coordinates."""
    v = logarithm(x, y, c)
    return _dot(v, v)


def from_tangent(x: list[Any], c: Any, model: str) -> list[Any]:
    """Coordinates of a model; Lorentz for c > 0."""
    z = c * _dot(x, x)
    if model == "poincare":
        half = _sinhc(z / 4) / _even(mp.cosh, z / 4) / 2
        return [half * t for t in x]
    if model == "lorentz":
        return [_even(mp.cosh, z) / mp.sqrt(c), *(_sinhc(z) * t for t in x)]
    return x


def to_plane(x: list[Any], a: list[Any], b: Any, c: Any) -> Any:
    """|a| times the signed distance to the plane with normal a/|a| at -b/|a|."""
    size = mp.sqrt(_dot(a, a))
    r, z = -b / size, c * _dot(x, x)
    q = _sinhc(z) * _dot(x, a) / size * _even(mp.cosh, c * r * r) - _even(mp.cosh, z) * r * _sinhc(c * r * r)
    return size * q * _asinhc(c * q * q)


def to_horosphere(x: list[Any], a: list[Any], b: Any, c: Any) -> Any:
    """|a| times the signed distance to the horosphere about a/|a| at -b/|a|, c > 0."""
    size, k, z = mp.sqrt(_dot(a, a)), mp.sqrt(c), c * _dot(x, x)
    return b - size * mp.log(_even(mp.cosh, z) - k * _sinhc(z) * _dot(x, a) / size) / k


def to_klein(x: list[Any], a: list[Any], b: Any, c: Any) -> Any:
    """<x, a> + b kR coth(kR)."""
    z = c * _dot(x, x)
    return _dot(x, a) + b * _even(mp.cosh, z) / _sinhc(z)


def angle_sq(x: list[Any], y: list[Any]) -> Any:
    """Squared angle of two vectors, which need not be unit ones."""
    p, q = ([t / mp.sqrt(_dot(v, v)) for t in v] for v in (x, y))
    apart = mp.fsum((s - t) ** 2 for s, t in zip(p, q, strict=True))
    return (2 * mp.asin(mp.sqrt(apart) / 2)) ** 2


def direction(x: list[Any], y: list[Any]) -> list[Any]:
    """log_x(y) on the sphere, of vectors that need not be unit ones."""
    p, q = ([t / mp.sqrt(_dot(v, v)) for t in v] for v in (x, y))
    theta = mp.sqrt(angle_sq(p, q))
    stretch = theta / mp.sin(theta) if theta else mpf(1)
    return [stretch * (t - mp.cos(theta) * s) for s, t in zip(p, q, strict=True)]
