"""Draws from points of a quasi-Monte Carlo engine: every law here is an image of the unit cube of its own dimension.

A radial law takes the radius from the first coordinate, by inversion, and the direction from the other d - 1: cosines
one after the other, each the quantile of a beta law, and an angle (Fang & Wang 1994, Number-theoretic Methods in
Statistics, section 4.2). On a line one coordinate gives the sign and the size. A normal takes a quantile for each of
its coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hyperdist import checks
from hyperdist.arrays.namespace import special

_LEAST = 2.0**-54
"""Uniform numbers are kept so far from 0 and 1, where a normal's quantile is not finite."""


@runtime_checkable
class Engine(Protocol):
    """What ``scipy.stats.qmc.QMCEngine`` is asked for."""

    d: int

    def random(self, n: int) -> np.ndarray:
        """The next n points of the unit cube, (n, d)."""
        ...


class Antithetic:
    """Points of an engine in pairs, u and 1 - u: f that is odd about the middle costs no error.

    engine : a ``scipy.stats.qmc.QMCEngine``, or what ``numpy.random.default_rng`` takes, which needs ``d``.
    A pair stands at 2 i and 2 i + 1; an even number of draws has whole pairs, an odd one leaves the last one's other
    half out.

    >>> import hyperdist as hd
    >>> law = hd.ToroidalUniform(2)
    >>> x = law.sample(10, rng=hd.Antithetic(0, d=2))
    >>> bool(abs(x.mean()) < 1e-12)
    True
    """

    def __init__(self, engine: Any, d: int | None = None) -> None:
        given = isinstance(engine, Engine)
        if d is None and not given:
            raise ValueError("d must be given with a random generator: the dimension of its points, got None")
        if given and d not in (None, engine.d):
            raise ValueError(f"d must be the engine's, {engine.d}, got {d}")
        self._engine: Any = engine if given else checks.generator(engine)
        self.d = int(engine.d) if given else checks.dimension(d)

    def random(self, n: int) -> np.ndarray:
        """The next n points, (n, d).

        >>> import hyperdist as hd
        >>> hd.Antithetic(0, d=3).random(4).sum(axis=0).round(12)
        array([2., 2., 2.])
        """
        half = (n + 1) // 2
        ours = isinstance(self._engine, np.random.Generator)
        u = np.asarray(self._engine.random((half, self.d) if ours else half))
        return np.stack([u, 1.0 - u], axis=1).reshape(2 * half, self.d)[:n]


def points(engine: Engine, n: int, batch: int, d: int, law: str) -> np.ndarray:
    """The points of n draws of a batch of laws, each of so many coordinates, (n batch, d).

    Raises ValueError unless the engine has d coordinates, one point a draw for all laws, or batch d.
    """
    if engine.d not in (d, batch * d):
        own = f", or {batch * d}, one point for each law of the batch" if batch > 1 else ""
        raise ValueError(f"rng must be an engine of d = {d}, the dimension of a draw of {law}{own}; got d = {engine.d}")
    u = np.clip(np.asarray(engine.random(n), np.float64), _LEAST, 1.0 - 2.0 * _LEAST)
    return np.repeat(u, batch, axis=0) if engine.d == d else u.reshape(n * batch, d)


class Points:
    """Points, a row a draw, in the place of a generator: what is asked for takes the next coordinates."""

    def __init__(self, u: np.ndarray) -> None:
        self._u, self._used = u, 0

    def at(self, rows: Any) -> Points:
        """Those of some of the draws, from where these are."""
        some = Points(self._u[rows])
        some._used = self._used
        return some

    def random(self, size: int | tuple[int, ...]) -> np.ndarray:
        """Uniform numbers, (n,) or (n, k)."""
        shape = size if isinstance(size, tuple) else (size,)
        count = math.prod(shape[1:])
        found = self._u[:, self._used : self._used + count]
        self._used += count
        return found.reshape(shape)

    def standard_normal(self, size: tuple[int, ...] = (), out: np.ndarray | None = None) -> np.ndarray:
        """Normals, (n, k)."""
        if out is None:
            return special(np).ndtri(self.random(size))
        out[...] = special(np).ndtri(self.random(out.shape))
        return out

    def polar(self, out: np.ndarray, quantile: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The radii, (n,), and unit vectors in ``out`` (n, d)."""
        n, d = out.shape
        u = self.random(n)
        if d == 1:
            out[:, 0] = np.where(u < 0.5, -1.0, 1.0)
            return quantile(np.abs(2.0 * u - 1.0))
        left = np.ones(n)
        for j in range(d - 2):
            shape = 0.5 * (d - 1 - j)
            share = special(np).betaincinv(shape, shape, self.random(n))
            out[:, j] = left * (2.0 * share - 1.0)
            left = left * (2.0 * np.sqrt(share * (1.0 - share)))
        angle = 2.0 * math.pi * self.random(n)
        out[:, d - 2], out[:, d - 1] = left * np.cos(angle), left * np.sin(angle)
        return quantile(u)


def of_rows(rng: Any, rows: Any) -> Any:
    """A generator as it is; of points those of some of the draws."""
    return rng.at(rows) if isinstance(rng, Points) else rng
