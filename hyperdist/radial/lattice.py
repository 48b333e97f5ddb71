"""Sums over lattices: a reduced basis, the points of a lattice in a ball, and where either of two sums is cut off.

NumPy's alone, of values: which terms a sum has carries no derivative.
"""

from __future__ import annotations

import math

import numpy as np

MOST = 1 << 21
"""Terms of a sum at one point beyond which it is not worked out."""
ERROR = 1e-15
"""What is left out of a sum, relative to it."""
_LOVASZ = 0.99
"""How much shorter a row must become, squared, for two to change places."""
_LARGEST = 2.0**40
"""Integers beyond which angles would lose more digits than a sum of fewer terms is worth."""


def reduced(rows: np.ndarray) -> np.ndarray:
    """Integers V (d, d), of determinant +-1, for which the rows of V ``rows`` are a better basis of the same lattice.

    The part of each that is orthogonal to those before it is at least 0.86 of the one before, so that the first rows
    are short (Lenstra, Lenstra and Lovasz 1982). Multiples of rows are taken off only where that lets two of them
    change places: integers stay small, and a basis of rising lengths is left as it is.
    """
    d = len(rows)
    turn, basis, k = np.eye(d), np.array(rows, np.float64), 1
    while k < d:
        triangle = np.linalg.qr(basis.T)[1].T
        before, own, along = triangle[k - 1, k - 1], triangle[k, k], triangle[k, k - 1]
        steps = np.round(along / before)
        left = along - steps * before
        longest = np.max(np.abs(turn)) * (1.0 + abs(steps))
        if own * own + left * left >= _LOVASZ * before * before or not longest < _LARGEST:
            k += 1
            continue
        for array in (basis, turn):
            array[k] -= steps * array[k - 1]
            array[[k - 1, k]] = array[[k, k - 1]]
        k = max(k - 1, 1)
    return turn


def cut(d: int, nearest: np.ndarray | float, spare: float = 0.0) -> np.ndarray:
    """Squared radius R^2 such that the terms exp(-y^2/2) beyond it, of any shifted lattice in R^d, have less than
    ``ERROR`` exp(-spare/2) of the whole sum, which has a term at the squared distance ``nearest``.

    With s = d/R^2, sum_{|y| > R} exp(-y^2/2) <= exp(-(1 - s) R^2/2) sum exp(-s y^2/2); the last sum is at most that
    of the lattice itself, by Poisson's formula, and that at most s^(-d/2) times its value at s = 1 (Banaszczyk 1993,
    lemma 1.4), while the shifted sum is at least exp(-nearest/2) of it. So R^2 = nearest + T, T/2 = log(1/error) +
    spare/2 + (1 + log(R^2/d)) d/2.
    """
    square = np.asarray(nearest, np.float64) + 1.0
    for _ in range(30):
        least = spare - 2.0 * math.log(ERROR) + d * (1.0 + np.log(np.maximum(square / d, 1.0)))
        square = nearest + least
    return square


def within(basis: np.ndarray, shift: np.ndarray, square: np.ndarray, most: int = MOST) -> tuple[np.ndarray, np.ndarray]:
    """(owner (m,), k (m, d)): the integers k with |shift + basis k|^2 <= square, for each row of shift (n, d).

    basis : (d, d), a lower triangle, so that each coordinate of the sum bounds the next integer (Fincke and Pohst
    1985). Owners ascend. Raises ValueError for more than ``most`` points a row.
    """
    n, d = shift.shape
    owner, k, at, rest = np.arange(n), np.empty((n, 0)), shift, np.array(square)
    for i in range(d):
        scale = basis[i, i]
        centre, half = -at[:, i] / scale, np.sqrt(np.maximum(rest, 0.0)) / scale
        low = np.ceil(centre - half)
        count = np.where(rest >= 0.0, np.maximum(np.floor(centre + half) - low + 1.0, 0.0), 0.0)
        total = float(np.sum(count))
        if total > most * n:
            too_many(d, total / n)
        count = count.astype(np.int64)
        parent = np.repeat(np.arange(len(owner)), count)
        step = np.arange(len(parent)) - np.repeat(np.cumsum(count) - count, count)
        integer = low[parent] + step
        owner, k = owner[parent], np.column_stack([k[parent], integer])
        at = at[parent] + integer[:, None] * basis[:, i]
        rest = rest[parent] - np.square(at[:, i])
    return owner, k


def too_many(d: int, terms: float) -> None:
    """Raise for a sum of so many terms at a point."""
    raise ValueError(
        f"the density of this covariance of {d} angles is a sum of {terms:.2g} terms a point, more than {MOST:.2g}: "
        "fewer angles, scales further from 2.5 radians on either side, or a less singular covariance, need fewer"
    )


def nearest_plane(basis: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Integers k (n, d) with shift + basis k near 0: each coordinate at most half its diagonal (Babai 1986)."""
    at, k = np.array(shift), np.empty(shift.shape)
    for i in range(shift.shape[1]):
        k[:, i] = -np.round(at[:, i] / basis[i, i])
        at += k[:, i, None] * basis[:, i]
    return k
