"""Observations in a ``dask.array``, of which sums are taken a block at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import dask.array as da
import numpy as np
from dask.delayed import delayed

from hyperdist import checks
from hyperdist.arrays.blocks import Blocks, Statistic, summed
from hyperdist.geometry.product import split

_FAN_IN = 16
"""Partial sums that are added up at a time, in the order of the blocks: a sum follows from the chunks alone."""


class Responsibilities:
    """Weights (n, runs, K) that are worked out from the points, with sums that come along with any other.

    of     : of points (rows, k) the responsibilities (rows, runs, K) and, for each point, a value (rows, runs).
    sums   : once a sum has been taken: weighted means of the values (runs,), and of the responsibilities (runs, K).
    """

    def __init__(self, of: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], weights: Any, shape: tuple[int, int]):
        self.of, self.weights, self.shape = of, weights, shape
        self.columns = (0, shape[1])
        self.sums: list[np.ndarray] = []

    def __getitem__(self, index: tuple[Any, slice]) -> Responsibilities:
        """Those of some components."""
        made = Responsibilities(self.of, self.weights, self.shape)
        made.columns, made.sums = index[-1].indices(self.shape[1])[:2], self.sums
        return made

    @property
    def batch(self) -> tuple[int, int]:
        """Runs and components."""
        return self.shape[0], self.columns[1] - self.columns[0]

    def worked_out(self, x: Any) -> da.Array:
        """Those of the points x (n, k) as an array, (n, runs, K), for a fit to some of the points' coordinates."""
        x, (runs, k) = x.rechunk({1: -1}), self.batch
        given = () if self.weights is None else (_beside(x, self.weights), "i")
        return da.blockwise(
            _responsibilities, "irk", x, "ic", *given, new_axes={"r": runs, "k": k}, concatenate=True,
            dtype=np.float64, meta=np.empty((0, 0, 0)), align_arrays=False, of=delayed(self.of, traverse=False),
            columns=self.columns,
        )  # fmt: skip


def _responsibilities(x: Any, *given: Any, of: Any, columns: tuple[int, int]) -> np.ndarray:
    with np.errstate(all="ignore"):
        found = of(np.asarray(x, np.float64))[0][..., slice(*columns)]
    return found if not given else found * np.asarray(given[0])[:, None, None]


@contextmanager
def _numbered(first: int) -> Iterator[None]:
    """Errors speak of a row by its number in the whole array, in which the block's first row has this one.

    What else is wrong they have counted in the block alone.
    """
    try:
        yield
    except ValueError as error:
        told = _ROW.sub(lambda found: str(int(found[0]) + first), str(error))
        raise ValueError(_COUNTED.sub(r"\g<0> of its block", told)) from error


_ROW, _COUNTED = re.compile(r"(?<= at index \()\d+"), re.compile(r"\d more(?=\))|\d of \d+ points")


@dataclass(frozen=True)
class _Reading:
    """What makes points and shares of a block's rows."""

    read: Callable[[Any], np.ndarray]
    of: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None
    columns: tuple[int, int] = (0, 0)
    maps: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()
    weighings: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()

    def points(self, read: np.ndarray) -> np.ndarray:
        for function in self.maps:
            read = function(read)
        return read

    def shares(self, read: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """(shares (rows, B), further sums)."""
        more: list[np.ndarray] = []
        if self.of is not None:
            found, value = self.of(read)
            weighted = given[:, :, None] * found
            more = [given.T @ value, np.sum(weighted, axis=0)]
            given = weighted[..., slice(*self.columns)].reshape(len(read), -1)
        for function in self.weighings:
            given = function(given)
        return given, more

    def rows(self, x: Any, w: Any, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Points as they are read, and the weights they were given, (rows, B); ``first`` is the first row's number."""
        with _numbered(first):
            read = self.read(x)
            if w is None:
                return read, np.ones((len(read), 1))
            if w.dtype == np.bool_:
                w = w.astype(np.float64)
            return read, checks.non_negative(w, "weights").astype(np.float64).reshape(len(read), -1)


def _sums(
    x: Any, w: Any, first: int, reading: _Reading, statistic: Statistic, rows: int | None
) -> tuple[np.ndarray, ...]:
    """Of one block: sums of the weights as given and as used, of what comes along, and of the statistic."""
    read, given = reading.rows(x, w, first)

    def whole(read: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, ...]:
        shares, more = reading.shares(read, given)
        own = np.sum(given, axis=0), np.sum(shares, axis=0)
        return (*own, *more, *statistic(reading.points(read), shares))

    with np.errstate(all="ignore"):
        return summed(whole, read, given, rows or _ROWS)


_ROWS = 1 << 16
"""Rows of a block that are worked on at a time, where a statistic does not say."""


def _value(x: Any, w: Any, first: int, reading: _Reading, function: Callable[[np.ndarray, np.ndarray], Any]) -> Any:
    read, given = reading.rows(x, w, first)
    return function(reading.points(read), reading.shares(read, given)[0])


def _added(parts: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    total = parts[0]
    with np.errstate(over="ignore", invalid="ignore"):
        for part in parts[1:]:
            total = tuple(a + b for a, b in zip(total, part, strict=True))
    return total


class LazyBlocks(Blocks):
    """``Blocks`` that are read anew for every sum; of weights that have any sum."""

    def __init__(self, x: Any, weights: Any, read: Callable[[Any], np.ndarray]) -> None:
        self._x, self._along = whole_rows(x), None
        self.dtype = x.dtype if x.dtype in (np.float32, np.float64) else np.dtype(np.float64)
        if isinstance(weights, Responsibilities):
            self._along, self.batch = weights.sums, weights.batch
            self._reading = _Reading(read, weights.of, weights.columns)
            weights = weights.weights
        else:
            self.batch = () if weights is None else tuple(np.shape(weights)[1:])
            self._reading = _Reading(read)
        self._w = None if weights is None else _beside(self._x, weights)

    def __len__(self) -> int:
        return self._x.shape[0]

    @property
    def width(self) -> int:
        return self._x.shape[1]

    @property
    def held(self) -> int:
        return _ROWS

    def map(self, function: Callable[[np.ndarray], np.ndarray], rows: int | None = None) -> Self:
        return self._changed(maps=(*self._reading.maps, function))

    def weighted(self, function: Callable[[np.ndarray], np.ndarray]) -> Self:
        return self._changed(weighings=(*self._reading.weighings, function))

    def _changed(self, **fields: Any) -> Self:
        made = object.__new__(type(self))
        vars(made).update(vars(self), _reading=replace(self._reading, **fields))
        return made

    def total(self, statistic: Statistic, rows: int | None = None) -> tuple[np.ndarray, ...]:
        parts = self._each(_sums, statistic, rows)
        while len(parts) > 1:
            parts = [delayed(_added)(parts[i : i + _FAN_IN]) for i in range(0, len(parts), _FAN_IN)]
        given, mass, *found = parts[0].compute()
        if not (mass > 0.0).all():
            raise ValueError(f"weights must have a positive sum, got {float(np.min(mass))!r}")
        if not np.isfinite(mass).all():
            raise ValueError("weights must have a finite sum, got inf: divide them by the largest")
        if self._along is not None:
            value, shares, *found = found
            self._along[:] = [value[0] / given[0], shares / given[0]]
        return tuple(part / mass.reshape(-1, *(1,) * (part.ndim - 1)) for part in found)

    def combined(self, function: Callable[[np.ndarray, np.ndarray], Any], merge: Callable[[list[Any]], Any]) -> Any:
        return merge(delayed(list)(self._each(_value, function)).compute())

    def one(self, index: int, function: Callable[[np.ndarray, np.ndarray], Any]) -> Any:
        """The function's value at the block of this number."""
        return self._each(_value, function)[index].compute()

    def at(self, index: np.ndarray) -> np.ndarray:
        return self._reading.points(self._reading.read(self._x[np.asarray(index)].compute()))

    def _each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """A function's value at every block, in one task with what makes the block."""
        fixed = [delayed(argument, traverse=False) for argument in (self._reading, *arguments)]
        weights = () if self._w is None else (self._w, "i" + "bcdefgh"[: self._w.ndim - 1])
        call = _with_weights if weights else _without_weights
        first = da.from_array(np.cumsum((0, *self._x.chunks[0][:-1])), chunks=1)  # type: ignore[arg-type]
        found = da.blockwise(
            call, "i", self._x, "ik", first, "i", *weights, concatenate=True, dtype=object, meta=np.empty(0, object),
            align_arrays=False, function=function, fixed=fixed,
        )  # fmt: skip
        return list(found.to_delayed())


def _with_weights(x: Any, first: Any, w: Any, *, function: Callable[..., Any], fixed: list[Any]) -> Any:
    return function(x, w, int(first[0]), *fixed)


def _without_weights(x: Any, first: Any, *, function: Callable[..., Any], fixed: list[Any]) -> Any:
    return function(x, None, int(first[0]), *fixed)


def whole_rows(x: Any) -> Any:
    """Observations (n, k) in blocks of whole rows, of which none is empty unless all are."""
    if not isinstance(x, da.Array):
        raise TypeError(
            f"x must be a dask.array or one in memory, got {type(x).__name__}: x.to_dask_array(lengths=True) of a "
            "frame, dask.array.from_delayed of a delayed array"
        )
    if x.ndim != 2:
        raise ValueError(f"x must have shape (n, k), a row an observation, got shape {x.shape}")
    if any(math.isnan(length) for length in x.shape):
        raise ValueError(f"x must have chunks of known sizes, got shape {x.shape}: x.compute_chunk_sizes() finds them")
    made: Any = x.rechunk({1: -1})  # type: ignore[arg-type]
    filled = np.flatnonzero(made.chunks[0])
    return made if filled.size in (0, made.numblocks[0]) else da.concatenate([made.blocks[index] for index in filled])


def _beside(x: Any, weights: Any) -> Any:
    """Weights (n, *batch) in the blocks of x."""
    w: Any = weights if isinstance(weights, da.Array) else da.from_array(np.asanyarray(weights))
    if w.ndim and math.isnan(w.shape[0]):
        raise ValueError(
            f"weights must have chunks of known sizes, got shape {w.shape}: weights.compute_chunk_sizes() finds them"
        )
    if w.ndim == 0 or w.shape[0] != x.shape[0]:
        raise ValueError(f"weights must have length {x.shape[0]}, one for each observation, got shape {w.shape}")
    if 0 in w.shape[1:]:
        raise ValueError(f"weights must have shape ({len(x)}, *batch) with no axis of length 0, got shape {w.shape}")
    return w.rechunk((x.chunks[0], *(-1 for _ in w.shape[1:])))


def factors(x: Any, weights: Any, widths: Sequence[int]) -> tuple[list[da.Array], Any]:
    """``hyperdist.distributions.observed.factors`` of a ``dask.array``."""
    x = whole_rows(x)
    checks.last_axis(x.shape, "x", sum(widths))
    return split(x, widths), weights.worked_out(x) if isinstance(weights, Responsibilities) else weights


def observed(x: Any, weights: Any, read: Callable[[Any], np.ndarray]) -> LazyBlocks:
    """``hyperdist.distributions.observed.observed`` of a ``dask.array``."""
    return LazyBlocks(x, weights, read)
