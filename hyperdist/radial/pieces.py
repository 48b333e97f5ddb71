"""Smooth functions as Chebyshev interpolants on pieces of equal width (Trefethen 2013, Approximation Theory and
Approximation Practice, chapter 8): of a quantile, and of a law's one parameter where so many laws are asked for that
the making of a table pays. NumPy's alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from hyperdist.radial.rejection import in_cache

WORTH = 1 << 14
"""Laws from which on functions of their parameter are made by a table."""
_WIDTH, _DEGREE = 0.5, 17
"""Of a piece in the logarithm that ``of_parameter`` takes, and of its polynomial."""
_BETWEEN = np.array([-0.97, -0.3, 0.2, 0.8])
"""Places in a piece, no nodes of it, at which it is compared with the function."""
_RIGHT = 2e-14
"""Error at these, relative to 1 + |value|, beyond which the function itself serves: a fifth of what its users state."""

Function = Callable[[np.ndarray], np.ndarray]


def places(degree: int) -> np.ndarray:
    """The Chebyshev points of [-1, 1] that make a polynomial of this degree."""
    return np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))


def powers(values: np.ndarray) -> np.ndarray:
    """Coefficients of powers of the place, lowest first, from values at the ``places``: (degree + 1, pieces) both."""
    degree = len(values) - 1
    # Differences from the piece's middle, so that powers of the place round a small part of the value.
    middle = values[degree // 2]
    fitted = np.polynomial.chebyshev.chebfit(places(degree), values - middle, degree)
    found = np.stack([np.polynomial.chebyshev.cheb2poly(column) for column in fitted.T], axis=1)
    found[0] += middle
    return found


def fill(out: np.ndarray, coefficients: np.ndarray, scaled: np.ndarray) -> None:
    """Values at ``scaled`` (n,), written over: piece k is met where it lies between k and k + 1."""
    piece = scaled.astype(np.intp)
    np.clip(piece, 0, coefficients.shape[1] - 1, out=piece)
    scaled -= piece
    scaled *= 2.0
    scaled -= 1.0
    out[...] = coefficients[-1].take(piece)
    for row in coefficients[-2::-1]:
        out *= scaled
        out += row.take(piece)


def of_parameter(function: Function, theta: np.ndarray, shift: float) -> np.ndarray:
    """``function(theta)``, (n,), which is smooth in log(theta + shift) over lengths of ``_WIDTH``.

    theta : (n,), >= 0. By a table where that takes fewer values; a piece that does not give back the function between
    its nodes is not used.
    """
    if theta.size < WORTH:
        return function(theta)
    low, high = (math.log(float(end) + shift) for end in (theta.min(), theta.max()))
    pieces = max(1, math.ceil((high - low) / _WIDTH))
    width = max((high - low) / pieces, 1e-6)
    asked = np.concatenate([places(_DEGREE), _BETWEEN])[:, None]
    if 4 * asked.size * pieces > theta.size:
        return function(theta)
    at = np.exp(low + width * (np.arange(pieces) + 0.5 * (asked + 1.0))) - shift
    values = function(np.maximum(at, 0.0).ravel()).reshape(at.shape)
    coefficients = powers(values[: _DEGREE + 1])
    given = np.polynomial.polynomial.polyval(_BETWEEN, coefficients).T
    between = values[_DEGREE + 1 :]
    wrong = np.any(~(abs(given - between) <= _RIGHT * (1.0 + abs(between))), axis=0)
    out = np.empty(theta.shape)
    for rows in in_cache(theta.size, 1):
        scaled = np.log(theta[rows] + shift)
        scaled -= low
        scaled /= width
        fill(out[rows], coefficients, scaled)
    if wrong.any():
        piece = np.clip(((np.log(theta + shift) - low) / width).astype(np.intp), 0, pieces - 1)
        index = np.flatnonzero(wrong[piece])
        out[index] = function(theta[index])
    return out
