"""The quantile function of one law as a piecewise polynomial, for as many draws by inversion as pay for its making.

In z = Phi^-1(u) a quantile is smooth from end to end: a power of u near 0 is exp of a polynomial there, and the upper
tail falls as a normal's does, or meets its end as the lower one does. So pieces of equal width serve, each a Chebyshev
interpolant (Trefethen 2013, Approximation Theory and Approximation Practice, chapter 8) whose error is rounding's.
NumPy's alone; beyond ``END`` the exact inversion serves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hyperdist.arrays.namespace import special
from hyperdist.radial.pieces import fill, places, powers

END = 6.0
"""|z| up to which the table goes: 2e-9 of the draws lie beyond."""
_PIECES, _DEGREE = 64, 11
WORTH = 2048
"""Draws from which on a table is made: it takes 768 inversions."""
_BLOCK = 1 << 13

Quantile = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(p, upper) -> the radius with cdf p, or where ``upper`` with sf p, (n,)."""


class QuantileTable(NamedTuple):
    """Coefficients of powers of the place in a piece, in [-1, 1]: lowest first, (degree + 1, pieces)."""

    coefficients: np.ndarray

    @classmethod
    def of(cls, quantile: Quantile) -> QuantileTable:
        """Of a quantile function, which it inverts at the Chebyshev points of every piece."""
        edges = np.linspace(-END, END, _PIECES + 1)
        z = 0.5 * (edges[:-1] + edges[1:]) + (END / _PIECES) * places(_DEGREE)[:, None]
        upper = z > 0.0
        values = quantile(special(np).ndtr(-np.abs(z)).ravel(), upper.ravel()).reshape(z.shape)
        coefficients = powers(values)
        coefficients.setflags(write=False)
        return cls(coefficients)

    def __call__(self, u: np.ndarray, exact: Quantile) -> np.ndarray:
        """The quantiles of uniform numbers (n,) in [0, 1); ``exact`` of those in the tails."""
        r = np.empty(u.shape)
        for start in range(0, u.size, _BLOCK):
            rows = slice(start, start + _BLOCK)
            self._fill(r[rows], u[rows], exact)
        return r

    def _fill(self, out: np.ndarray, u: np.ndarray, exact: Quantile) -> None:
        z = special(np).ndtri(u)
        far = np.flatnonzero(~(np.abs(z) < END))
        if far.size:
            z[far] = 0.0
        z += END
        z *= 0.5 * _PIECES / END
        fill(out, self.coefficients, z)
        if far.size:
            out[far] = exact(u[far], np.zeros(far.size, bool))
