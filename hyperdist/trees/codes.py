"""Spherical codes: directions whose least angle is known, for the edges that meet at a node.

A code of k vectors begins with the first axis. In the plane the angles are equal. In d > 2 dimensions k <= d + 1
vectors are a regular simplex, which no code betters; more lie on parallels of the sphere about the first axis, spaced
by the code's angle, each of which, a sphere of one dimension less, carries such a code in turn (El Gamal et al. 1987
peel the sphere so). Two parallels are as far apart as their latitudes, and on one parallel the chord is kept, so the
angle is right by construction, however many vectors there are; the largest that gives k of them is found by bisection.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

_HALVINGS = 40
"""Of the interval of angles that gives k vectors and double it: to 1e-12."""


@lru_cache(maxsize=4096)
def code(k: int, d: int) -> tuple[np.ndarray, float]:
    """(vectors, angle): k unit vectors (k, d), the first of them the first axis, and a lower bound of their angles.

    k >= 1, d >= 2.  One vector has the angle pi, which no other limits.

    >>> vectors, angle = code(4, 3)
    >>> bool(np.allclose(vectors @ vectors.T, (4 * np.eye(4) - 1) / 3)), round(float(np.cos(angle)), 12)
    (True, -0.333333333333)
    """
    if k <= 2 or (d > 2 and k <= d + 1):
        vectors, angle = _simplex(k, d), math.pi if k == 1 else math.acos(-1.0 / (k - 1))
    elif d == 2:
        vectors, angle = _circle(k, k), 2.0 * math.pi / k
    else:
        angle = _widest(k, d)
        vectors = _parallels(angle, d)[:k]
    vectors.setflags(write=False)
    return vectors, angle


def _simplex(k: int, d: int) -> np.ndarray:
    """The k vertices of a regular simplex, by its triangular coordinates."""
    found, n = np.zeros((k, d)), k - 1
    if not n:
        found[0, 0] = 1.0
    for j in range(n):
        found[j, j] = math.sqrt((n + 1.0) * (n - j) / (n * (n - j + 1.0)))
        found[j + 1 :, j] = -found[j, j] / (n - j)
    return found


def _circle(k: int, of: int) -> np.ndarray:
    """The first k of equally spaced directions of the plane."""
    angle = 2.0 * math.pi / of * np.arange(k)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _widest(k: int, d: int) -> float:
    """The largest angle, to 1e-12, whose parallels hold k vectors."""
    low = high = 0.5 * math.pi
    while _count(low, d, k) < k:
        low, high = 0.5 * low, low
    for _ in range(_HALVINGS if low < high else 0):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _count(middle, d, k) >= k else (low, middle)
    return low


def _latitudes(angle: float) -> np.ndarray:
    """Angles from the first axis, both poles among them, at least ``angle`` apart."""
    return np.linspace(0.0, math.pi, math.floor(math.pi / angle) + 1)


def _inner(angle: float, latitude: np.ndarray) -> np.ndarray:
    """The angle on the unit sphere of one dimension less that is ``angle`` on a parallel; NaN where no two fit."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return 2.0 * np.arcsin(math.sin(0.5 * angle) / np.sin(latitude))


def _count(angle: float, d: int, enough: int) -> int:
    """How many vectors ``_parallels`` gives, or ``enough`` and more."""
    if d == 2:
        return max(1, math.floor(2.0 * math.pi / angle))
    inner = _inner(angle, _latitudes(angle)[1:-1])
    single = np.isnan(inner)
    if d == 3:
        return 2 + int(single.sum()) + int(np.floor(2.0 * math.pi / inner[~single]).sum())
    total = 2 + int(single.sum())
    for of in inner[~single]:
        if total >= enough:
            break
        total += _count(float(of), d - 1, enough - total)
    return total


def _parallels(angle: float, d: int) -> np.ndarray:
    """The vectors, (n, d), least angle ``angle``, from the first axis to the opposite pole."""
    if d == 2:
        of = max(1, math.floor(2.0 * math.pi / angle))
        return _circle(of, of)
    latitudes = _latitudes(angle)
    parts = [np.eye(1, d)]
    for latitude, inner in zip(latitudes[1:-1], _inner(angle, latitudes[1:-1]), strict=True):
        ring = np.eye(1, d - 1) if np.isnan(inner) else _parallels(float(inner), d - 1)
        parts.append(np.concatenate([np.full((len(ring), 1), math.cos(latitude)), math.sin(latitude) * ring], axis=1))
    return np.concatenate([*parts, -np.eye(1, d)])
