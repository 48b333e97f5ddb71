"""The quantile function of the radius for all scales at once, and its log-normaliser, as piecewise polynomials.

A batch of laws with a draw each has no time for an integral a draw. In z = Phi^-1(u), a standard normal number, the
quantile y = Q(z, w) at w = s^2 is smooth from end to end, and from an s on, where exp(-2 s y) has vanished, it is

    Q = n s + z,      log Z = n^2 w/2 - n log(2 s) + log(2 pi)/2.

Below, one table of products of polynomials in z and x, x^2 + 2 b x = w, serves every law of a dimension: its value is a
draw, its derivative in w that of the draw at a fixed cdf. It is made at a first call, in a tenth or two of a second,
and takes 200 to 300 KB. NumPy's alone, for results in single precision; the tails in z are worked out exactly.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from hyperdist.arrays.namespace import special
from hyperdist.radial import calculus, quadrature
from hyperdist.radial.pieces import places
from hyperdist.radial.quadrature import Kernel

Array = np.ndarray[Any, np.dtype[Any]]

END = 5.0
"""|z| up to which the table goes: 6e-7 of the draws lie beyond."""
_PIECES, _PIECES_X, _DEGREE = 20, {2: 18, 3: 15}, 9
"""Of z; of x by dimension, else ``_OTHERS``: in the plane the law changes its form most sharply, at z = -s."""
_OTHERS = 12
_NOTHING = 20.0
"""Nats that what the simple form leaves out has lost."""
_FINE_PIECES, _FINE_DEGREE = 128, 2
"""Into which a piece of z is cut for many draws of one law: fewer numbers to look up."""
_SHARED, _MANY = 8, 2048
"""Draws of one law from which it has polynomials in z of its own, and from which on they are cut."""
_BLOCK = 1 << 13
_QUICK = {"steps": (8, 2), "order": 32}
"""Of Newton's method where the draws are to be right to 1e-10."""


def _unit_points(degree: int) -> tuple[Array, Array]:
    """Chebyshev points of [-1, 1], and the matrix from values there to coefficients of powers."""
    points = places(degree)
    return points, np.linalg.inv(np.vander(points, increasing=True))


_POINTS, _INVERSE = _unit_points(_DEGREE)


def _cut() -> Array:
    """(degree + 1, fine pieces * (fine degree + 1)): coefficients of a piece to those of its parts."""
    points, inverse = _unit_points(_FINE_DEGREE)
    at = (2.0 * np.arange(_FINE_PIECES)[:, None] + 1.0 + points) / _FINE_PIECES - 1.0
    powers = np.vander(at.ravel(), _DEGREE + 1, increasing=True).reshape(*at.shape, _DEGREE + 1)
    return np.einsum("kp,jpi->ijk", inverse, powers).reshape(_DEGREE + 1, -1)


_CUT = _cut()


def _places(pieces: int) -> Array:
    """The points of all pieces of [0, 1]."""
    return ((np.arange(pieces)[:, None] + 0.5 * (_POINTS + 1.0)) / pieces).ravel()


def _within(place: Array, pieces: int) -> tuple[Array, Array]:
    """The piece of places in [0, pieces], and the place in it, in [-1, 1]."""
    piece = np.minimum(place.astype(np.intp), pieces - 1)
    return piece, 2.0 * (place - piece) - 1.0


def _powers(a: Array) -> Array:
    """(n, degree + 1): 1, a, a^2 ..."""
    found = np.empty((a.size, _DEGREE + 1))
    found[:, 0], found[:, 1:] = 1.0, a[:, None]
    return np.multiply.accumulate(found, axis=1, out=found)


def _simple_from(n: int) -> float:
    """The s from which on the law's density from z = -END on, and its mass below that, are those of y = n s + z."""
    rate = _NOTHING + math.log(n)
    # 2 s (n s - END) = rate: n exp(-2 s y) beside 1.
    density = 0.5 * (END + math.sqrt(END * END + 2.0 * n * rate)) / n
    # Below, the largest n exp(-2 s y - (y - n s)^2/2) of all y >= 0 beside exp(-END^2/2).
    mass = math.sqrt((rate + 0.5 * END * END) / (0.5 if n == 1 else 2.0 * (n - 1)))
    return max(density, mass)


_FACTORS = np.arange(1.0, _DEGREE + 1.0)


def _slopes(powers: Array) -> Array:
    """The derivatives of ``_powers``."""
    found = np.zeros_like(powers)
    np.multiply(powers[:, :-1], _FACTORS, out=found[:, 1:])
    return found


class PiecewiseTable:
    """Draws of the laws of d dimensions, d > 1, and their integrals; of w, (laws,), finite and >= 0.

    Accuracy  relative error of draws <= 1e-8, of dy/dw <= 1e-6; of log Z, or absolute where that is below 1, and of its
              derivative <= 1e-10.
    """

    def __init__(self, kind: type[Kernel], d: int) -> None:
        self._kind, self._d, self._n = kind, d, d - 1
        self._bend = 0.5 / math.sqrt(self._n)
        self._far, self._pieces = _simple_from(self._n), _PIECES_X.get(d, _OTHERS)
        self._length = math.hypot(self._far, self._bend) - self._bend
        x = self._length * _places(self._pieces)
        w = x * (x + 2.0 * self._bend)
        kernel = kind.at(d, w)
        mass = quadrature.log_mass(kernel)
        z = END * (2.0 * _places(_PIECES)[:, None] - 1.0)
        draws = self._exact(kernel, mass, z, **_QUICK).reshape(_PIECES, _DEGREE + 1, self._pieces, _DEGREE + 1)
        self._coefficients = np.einsum("ia,paqb,jb->pqij", _INVERSE, draws, _INVERSE)
        (score,) = quadrature.expectations(kernel, kernel.score)
        integrals = np.stack([kernel.log_peak + mass, score + kind.log_kernel_score(d, kernel.centre, w)])
        self._integrals = np.einsum("ia,fqa->qif", _INVERSE, integrals.reshape(2, self._pieces, _DEGREE + 1))

    def draws(self, z: Array, w: Array, slopes: bool) -> tuple[Array, Array | None]:
        """(y, dy/dw), (n,), of standard normal numbers z, which belong to the laws in turn; no dy/dw unless asked."""
        laws, rows = w.size, z.size // w.size
        where = self._where(w)
        far = np.flatnonzero(~(np.abs(z) < END))
        tails = z[far]
        if far.size:
            z = z.copy()
            z[far] = 0.0
        at = (z.reshape(rows, laws) + END) * (0.5 * _PIECES / END)
        found = np.empty((1 + slopes, rows, laws))
        function = self._each if rows < _SHARED else self._together
        step = max(1, _BLOCK // (_DEGREE + 1) ** 2)
        for start in range(0, laws, step):
            part = slice(start, start + step)
            function(found[:, :, part], at[:, part], where.piece[part], where.place[part])
        found[0] += self._n * where.beyond
        if slopes:
            found[1] *= where.rate
            found[1] += self._n * where.rate_beyond
        found = found.reshape(len(found), -1)
        if far.size:
            self._fill_tails(found, far, tails, w)
        return found[0], found[1] if slopes else None

    def integrals(self, w: Array) -> tuple[Array, Array]:
        """log Z and its derivative in w, (laws,)."""
        where, n = self._where(w), self._n
        value, slope = np.einsum("qif,qi->fq", self._integrals[where.piece], _powers(where.place))
        if where.beyond.any():
            far = where.beyond > 0.0
            some = np.where(far, w, 1.0)
            simple = 0.5 * n * n * some - 0.5 * n * np.log(4.0 * some) + 0.5 * math.log(2.0 * math.pi)
            value, slope = np.where(far, simple, value), np.where(far, 0.5 * n * (n - 1.0 / some), slope)
        return value, slope

    def _where(self, w: Array) -> _Where:
        s = np.sqrt(w)
        beyond = np.maximum(s - self._far, 0.0)
        root = np.hypot(s - beyond, self._bend)
        width = self._length / self._pieces
        piece, place = _within((root - self._bend) / width, self._pieces)
        inside = beyond == 0.0
        return _Where(piece, place, inside / (width * root), beyond, ~inside / (2.0 * s + inside))

    def _in_x(self, place: Array, outputs: int) -> list[Array]:
        """(laws, degree + 1) for the value and, of two outputs, the derivative: each by itself, so that a draw is the
        same to the last bit with and without."""
        powers = _powers(place)
        return [powers, _slopes(powers)][:outputs]

    def _each(self, found: Array, at: Array, piece: Array, place: Array) -> None:
        """A few draws of each law, (1 or 2, rows, laws)."""
        in_x = self._in_x(place, len(found))
        for row in range(at.shape[0]):
            mine, a = _within(at[row], _PIECES)
            in_z = np.matmul(_powers(a)[:, None, :], self._coefficients[mine, piece])[:, 0]
            for values, powers in zip(found, in_x, strict=True):
                values[row] = np.einsum("lj,lj->l", in_z, powers)

    def _together(self, found: Array, at: Array, piece: Array, place: Array) -> None:
        """Many draws of each law: of polynomials in z of its own."""
        # (laws, pieces, degree + 1, degree + 1)
        mine = self._coefficients[:, piece].swapaxes(0, 1)
        for values, powers in zip(found, self._in_x(place, len(found)), strict=True):
            self._follow(values, at, np.matmul(mine, powers[:, None, :, None])[..., 0])

    def _follow(self, values: Array, at: Array, own: Array) -> None:
        """(rows, laws) of the laws' own polynomials, (laws, pieces, degree + 1)."""
        (rows, laws), pieces = at.shape, _PIECES
        if rows >= _MANY:
            pieces *= _FINE_PIECES
            own = (own @ _CUT).reshape(laws, pieces, _FINE_DEGREE + 1)
            at = at * _FINE_PIECES
        table = np.ascontiguousarray(own.transpose(2, 0, 1)).reshape(own.shape[-1], -1)
        first = pieces * np.arange(laws)
        step = max(1, _BLOCK // laws)
        for start in range(0, rows, step):
            piece, a = _within(at[start : start + step], pieces)
            piece += first
            total = table[-1].take(piece)
            for coefficients in table[-2::-1]:
                total *= a
                total += coefficients.take(piece)
            values[start : start + step] = total

    def _fill_tails(self, found: Array, far: Array, z: Array, w: Array) -> None:
        own = w[far % w.size]
        kernel = self._kind.at(self._d, own)
        y = self._exact(kernel, quadrature.log_mass(kernel), z)
        found[0, far] = y
        if len(found) > 1:
            found[1, far] = calculus.slope(kernel, y, y - kernel.centre, calculus.mean_score(kernel))

    def _exact(self, kernel: Kernel, mass: Array, z: Array, **effort: Any) -> Array:
        edges = calculus.centre_tails(kernel, mass)
        p = special(np).ndtr(-np.abs(z))
        return calculus.quantile(kernel, mass, edges, p, z > 0.0, self._d, **effort)


class _Where(NamedTuple):
    """Laws in the table, (laws,)."""

    piece: Array
    place: Array
    """In the piece, from -1 to 1."""
    rate: Array
    """d place/dw; 0 beyond the table."""
    beyond: Array
    """How far s lies beyond it."""
    rate_beyond: Array
    """ds/dw there; 0 inside."""


@functools.cache
def draw_table(kind: type[Kernel], d: int) -> PiecewiseTable:
    """That of d dimensions, made once."""
    with np.errstate(all="ignore"):
        return PiecewiseTable(kind, d)
