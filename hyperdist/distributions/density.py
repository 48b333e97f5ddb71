"""Log densities of many points under one law, as NumPy works them out fastest: in blocks that stay in cache.

A check, a mask or a copy is a pass over the points. Here the squares that a density takes anyway say which rows lie on
the space, well within rounding; the others are NaN, and go the general way, which looks at each. What a row gives does
not depend on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from hyperdist.radial.rejection import FEW_COLUMNS, row_squares

LogDensity = Callable[[np.ndarray], np.ndarray]
"""Of points (n, k) of either dtype: log densities (n,), NaN where a row may lie off the space."""

_SCALARS = 1 << 15
"""Coordinates of a block: with what is made of them they fit a second-level cache."""
_LEAST = 1e-300
"""Stands in for sinh of half a distance of 0: its square is 0, and no quotient of it is 0/0."""


def block_rows(coordinates: int) -> int:
    """Rows of a block, of so many coordinates each."""
    return max(1, _SCALARS // max(1, coordinates))


def blocks(n: int, rows: int) -> Iterator[slice]:
    """Slices of 0..n of so many rows."""
    for start in range(0, n, rows):
        yield slice(start, start + rows)


def sure(value: np.ndarray, low: float, high: float = np.inf) -> np.ndarray:
    """``value``, NaN where it is not above ``low`` and below ``high``; in place."""
    if not (value.min(initial=np.inf) > low and value.max(initial=-np.inf) < high):
        value[~((value > low) & (value < high))] = np.nan
    return value


class Rows:
    """Squared lengths of rows (n, k), and of their differences from one centre (k,); ``most`` rows at a time."""

    def __init__(self, centre: np.ndarray, most: int) -> None:
        self.centre, self.few = centre, centre.size <= FEW_COLUMNS
        # A short axis that broadcasts costs as much as ten coordinates: the centre is laid out once.
        self._laid_out = centre if self.few else np.tile(centre, (most, 1))

    def differences(self, x: np.ndarray) -> np.ndarray:
        """x less the centre, (n, k)."""
        return x - (self.centre if self.few else self._laid_out[: len(x)])

    def centred_squares(self, x: np.ndarray) -> np.ndarray:
        """|x - centre|^2, (n,)."""
        if not self.few:
            return row_squares(self.differences(x))
        total = np.zeros(len(x))
        for column, place in zip(x.T, self.centre, strict=True):
            apart = column - place
            apart *= apart
            total += apart
        return total


def chord_squares(centred: Rows, x: np.ndarray, tolerance: float) -> np.ndarray:
    """|x/|x| - mu|^2, (n,), from the unit vector mu that rows are centred at; NaN where | |x| - 1 | may exceed a bound.

    It is (|x - mu|^2 - (|x| - 1)^2)/|x|: no row is divided by its length.
    """
    inner = 0.999 * tolerance
    length = sure(row_squares(x), (1.0 - inner) * (1.0 - inner), (1.0 + inner) * (1.0 + inner))
    np.sqrt(length, out=length)
    square = centred.centred_squares(x)
    off = length - 1.0
    off *= off
    square -= off
    square /= length
    return square


class Ball:
    """Points of the ball seen from one centre mu: sinh^2(D/2)/c = |x - mu|^2/(gap_x gap_mu), gap = 1 - c|x|^2."""

    def __init__(self, mu: np.ndarray, c: float, most: int) -> None:
        self.rows, self.c = Rows(mu, most), c
        self.gap = 1.0 - c * float(mu @ mu)

    def _gaps(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(x in float64, gap_x gap_mu), NaN where x may lie outside the ball as its dtype tells."""
        gaps = row_squares(x.astype(np.float64, copy=False))
        gaps *= -self.c
        gaps += 1.0
        sure(gaps, (x.shape[-1] + 8.0) * float(np.finfo(x.dtype).eps))
        gaps *= self.gap
        return x.astype(np.float64, copy=False), gaps

    def seen(self, x: np.ndarray) -> Seen:
        """Distances of points (n, d) from the centre."""
        x, gaps = self._gaps(x)
        height = self.rows.centred_squares(x)
        height /= gaps
        return Seen.of(height, self.c)

    def seen_stretched(self, x: np.ndarray, scale: np.ndarray) -> tuple[Seen, np.ndarray]:
        """Distances D, and |v/scale|^2 of the vectors v that lead to the points, in the frame at the centre, |v| = D.

        v = D/sinh(D) 2 ((1 - c|mu|^2)(x - mu) - c|x - mu|^2 mu)/(gap_x gap_mu), see ``poincare.log``: its two terms
        cancel by a few eps e^(2a) at most, a the centre's distance from the origin.
        """
        x, gaps = self._gaps(x)
        vector = self.rows.differences(x)
        square = row_squares(vector)
        seen = Seen.of(square / gaps, self.c)
        square *= self.c
        along, across = self.gap / scale, self.rows.centre / scale
        if self.rows.few:
            for column, factor, place in zip(vector.T, along, across, strict=True):
                column *= factor
                column -= square * place
        else:
            vector *= along
            vector -= square[:, None] * across
        size = row_squares(vector)
        size *= np.square(2.0 * seen.half / (seen.sinh * gaps))
        if self.c > 0.0:
            size /= 1.0 + seen.sinh * seen.sinh
        return seen, size


class Seen(NamedTuple):
    """Of distances D: sqrt(c) D/2 and its sinh, for c = 0 both D/2."""

    half: np.ndarray
    sinh: np.ndarray

    @classmethod
    def of(cls, height: np.ndarray, c: float) -> Seen:
        """Of sinh^2(sqrt(c) D/2)/c, at c = 0 its limit D^2/4; ``height`` is written over."""
        if c > 0.0:
            height *= c
        sinh = np.maximum(np.sqrt(height, out=height), _LEAST, out=height)
        return cls(np.arcsinh(sinh) if c > 0.0 else sinh, sinh)

    def log_sinhc(self) -> np.ndarray:
        """log(sinh(sqrt(c) D)/(sqrt(c) D)), 0 for c = 0, to a few eps."""
        if self.half is self.sinh:
            return np.zeros(self.half.shape)
        value = self.sinh * self.sinh
        value += 1.0
        np.sqrt(value, out=value)
        value *= self.sinh
        value /= self.half
        return np.log(value, out=value)
