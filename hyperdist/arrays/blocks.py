"""Observations of which estimators ask for sums alone, so that all need not be in memory at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

Statistic = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, ...]]
"""Of points (rows, ...) and their shares (rows, B) to sums over the rows, linear in the shares: arrays (B, ...)."""


class Blocks:
    """Points (n, ...) in float64 and their shares (n, B), of sum 1 over n; here both are in memory.

    batch : the shape that B stands for.  dtype : that in which the points came.
    """

    def __init__(self, points: np.ndarray, shares: np.ndarray, dtype: Any = np.float64) -> None:
        self.points, self.shares = points, shares.reshape(len(points), -1)
        self.batch, self.dtype = shares.shape[1:], np.dtype(dtype)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def width(self) -> int:
        """Coordinates of a point."""
        return self.points.shape[-1]

    @property
    def held(self) -> int:
        """Points that are in memory at a time."""
        return len(self)

    def map(self, function: Callable[[np.ndarray], np.ndarray], rows: int | None = None) -> Self:
        """With what a function makes of every point, so many at a time (default: all)."""
        size = max(1, len(self) if rows is None else rows)
        if len(self) <= size:
            return self._like(function(self.points), self.shares)
        first = function(self.points[:size])
        made = np.empty((len(self), *first.shape[1:]), first.dtype)
        made[:size] = first
        for start in range(size, len(self), size):
            made[start : start + size] = function(self.points[start : start + size])
        return self._like(made, self.shares)

    def weighted(self, function: Callable[[np.ndarray], np.ndarray]) -> Self:
        """With what a function makes of the shares (rows, B): (rows, B')."""
        return self._like(self.points, function(self.shares))

    def _like(self, points: np.ndarray, shares: np.ndarray) -> Self:
        made = object.__new__(type(self))
        vars(made).update(vars(self), points=points, shares=shares)
        if shares.shape[1:] != self.shares.shape[1:]:
            made.batch = shares.shape[1:]
        return made

    def column(self, index: int) -> Self:
        """With the shares of one element of the batch."""
        return self.weighted(lambda shares: shares[:, index : index + 1])

    def repeated(self, count: int) -> Self:
        """With the shares of the one element there is, so often."""
        return self.weighted(lambda shares: np.broadcast_to(shares, (len(shares), count)))

    def total(self, statistic: Statistic, rows: int | None = None) -> tuple[np.ndarray, ...]:
        """A statistic of all observations, so many rows at a time (default: all)."""
        return summed(statistic, self.points, self.shares, rows)

    def combined(self, function: Callable[[np.ndarray, np.ndarray], Any], merge: Callable[[list[Any]], Any]) -> Any:
        """What ``merge`` makes of a function's values at the blocks."""
        return merge([function(self.points, self.shares)])

    def at(self, index: np.ndarray) -> np.ndarray:
        """The points of these numbers."""
        return self.points[index]


def summed(statistic: Statistic, points: np.ndarray, shares: np.ndarray, rows: int | None) -> tuple[np.ndarray, ...]:
    """The sums of a statistic over blocks of rows, one after another."""
    size = max(1, len(points) if rows is None else rows)
    total: tuple[np.ndarray, ...] = ()
    for start in range(0, max(1, len(points)), size):
        block = slice(start, start + size)
        part = statistic(points[block], shares[block])
        total = tuple(a + b for a, b in zip(total, part, strict=True)) if total else part
    return total
