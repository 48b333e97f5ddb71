"""Where every ``ValueError`` and ``TypeError`` about an argument is built.

A message names the parameter, the offending value and the bound. Nothing here changes a value: numbers are
promoted (integers, lists and Python scalars to float64), never clipped.
"""

from __future__ import annotations

import math
import operator
import sys
import warnings
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np


class Unavailable(NotImplementedError, AttributeError):
    """What a law has no closed form for. A property that raises it is one that the object lacks: for ``hasattr``,
    for ``inspect.getmembers``, and for whatever else asks every attribute in turn."""


class Undefined(ValueError, AttributeError):
    """What a law has for some of its parameters only, and not for these; to ``hasattr`` it is absent."""


def as_float(value: Any, name: str) -> np.ndarray:
    """A float32 or float64 NumPy array of ``value``; float16 and integers become float64.

    Nullable columns of pandas are numbers, their missing values NaN. A masked value has no place in an array of
    numbers: it is refused, an array whose mask hides nothing is taken.
    """
    masked = _masked(value)
    if masked:
        raise ValueError(
            f"{name} must have no masked values, got {masked}: leave their rows out (x[~x.mask.any(axis=-1)].data), "
            "or fill them"
        )
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
    else:
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{name} must be rectangular, got nested sequences of unequal length: {error}") from None
        if array.dtype.kind == "O":
            array = _columns(value, array)
    if array.dtype == bool or array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}: {_first(array)!r}")
    if array.dtype in (np.float32, np.float64):
        return array
    return array.astype(np.float64)


def _masked(value: Any) -> int:
    """How many values a mask hides, in lists of arrays too."""
    if isinstance(value, np.ma.MaskedArray):
        return int(np.count_nonzero(np.ma.getmaskarray(value)))
    if isinstance(value, list | tuple):
        return sum(_masked(entry) for entry in value if type(entry) is not float)
    return 0


def _columns(value: Any, array: np.ndarray) -> np.ndarray:
    """Columns of real numbers that NumPy alone sees as objects, with NaN for what is missing; else ``array``."""
    dtypes = value.dtypes if hasattr(value, "columns") else [getattr(value, "dtype", None)]
    kinds = {getattr(dtype, "kind", "") for dtype in dtypes}
    if not (hasattr(value, "to_numpy") and kinds <= set("iuf")):
        return array
    return value.to_numpy(dtype=np.float64, na_value=np.nan)


def _first(array: np.ndarray) -> Any:
    return array.reshape(-1)[:1].tolist()[0] if array.size else array


def _worst(array: np.ndarray, bad: np.ndarray) -> str:
    """The first offending value, where it stands, and how many there are."""
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    where = f" at index {index}" if array.ndim else ""
    more = f" (and {int(bad.sum()) - 1} more)" if int(bad.sum()) > 1 else ""
    return f"{array[index]!s}{where}{more}"


def finite(array: np.ndarray, name: str) -> np.ndarray:
    """``array`` where every value is finite."""
    bad = ~np.isfinite(array)
    if bad.any():
        raise ValueError(f"{name} must be finite, got {_worst(array, bad)}")
    return array


def positive(value: Any, name: str, upper: float = np.inf) -> np.ndarray:
    """A finite array > 0 and <= ``upper``."""
    array = finite(as_float(value, name), name)
    bad = ~(array > 0) | (array > upper)
    if bad.any():
        bound = "> 0" if upper == np.inf else f"> 0 and <= {upper:g}"
        raise ValueError(f"{name} must be {bound}, got {_worst(array, bad)}")
    return array


def non_negative(value: Any, name: str) -> np.ndarray:
    """A finite array >= 0."""
    array = finite(as_float(value, name), name)
    bad = ~(array >= 0)
    if bad.any():
        raise ValueError(f"{name} must be >= 0, got {_worst(array, bad)}")
    return array


def curvature(c: Any) -> np.ndarray:
    """The size of the curvature: finite, c >= 0."""
    return non_negative(c, "c")


def probability(value: Any, name: str = "p") -> np.ndarray:
    """An array of probabilities; NaN passes, to come out as NaN."""
    array = as_float(value, name)
    bad = (array < 0) | (array > 1)
    if bad.any():
        raise ValueError(f"{name} must lie in [0, 1], got {_worst(array, bad)}")
    return array


def single(array: np.ndarray, name: str) -> float:
    """The one number of an array without axes."""
    if array.ndim:
        raise ValueError(f"{name} must be one number, got shape {array.shape}")
    return float(array)


def one_positive(value: Any, name: str) -> float:
    """One finite number > 0."""
    return single(positive(value, name), name)


def fraction(value: Any, name: str) -> float:
    """One number > 0 and < 1."""
    number = single(as_float(value, name), name)
    if not 0.0 < number < 1.0:
        raise ValueError(f"{name} must be > 0 and < 1, got {number:g}")
    return number


def dimension(d: Any, name: str = "d", least: int = 1) -> int:
    """An integer >= ``least``."""
    if isinstance(d, bool | np.bool_):
        raise TypeError(f"{name} must be an integer >= {least}, got {d!r}")
    try:
        value = operator.index(d)
    except TypeError:
        raise TypeError(f"{name} must be an integer >= {least}, got {d!r}") from None
    if value < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value}")
    return value


def vector(value: Any, name: str, least: int = 1) -> np.ndarray:
    """An array whose last axis is a vector of at least ``least`` coordinates; values are not checked."""
    array = as_float(value, name)
    if array.ndim == 0 or array.shape[-1] < least:
        raise ValueError(f"{name} must have shape (*batch, d) with d >= {least}, got shape {array.shape}")
    return array


def observations(value: Any, name: str = "x", least: int = 1, last: str = "d") -> np.ndarray:
    """An array (n, d) of n >= 1 observations, a row each, with d >= ``least``; values are not checked."""
    array = as_float(value, name)
    if array.ndim != 2 or array.shape[-1] < least:
        remedy = ""
        if array.ndim == 1:
            remedy = f": {name}[None] is one observation, {name}[:, None] are observations of one coordinate"
        elif array.ndim > 2:
            remedy = f": fit {name}[0], {name}[1], ... each, or {name}.reshape(-1, {array.shape[-1]}) as one sample"
        raise ValueError(
            f"{name} must have shape (n, {last}), a row an observation, with {last} >= {least}, got shape {array.shape}"
            f"{remedy}"
        )
    if not len(array):
        raise ValueError(f"{name} must hold at least one observation, got none: shape {array.shape}")
    return array


def points(value: Any, name: str, d: int) -> np.ndarray:
    """An array of shape (*batch, d)."""
    array = vector(value, name)
    if array.shape[-1] != d:
        raise ValueError(f"{name} must have {d} coordinates on its last axis, got shape {array.shape}")
    return array


TURNS = 4
"""Turns beyond which angles are likelier to be degrees."""


def radians(array: np.ndarray, name: str) -> np.ndarray:
    """``array``, with a warning where an angle is so many turns from 0 that it was hardly meant in radians."""
    many = np.abs(array[(np.abs(array) > 2.0 * math.pi * TURNS) & np.isfinite(array)])
    if many.size:
        warn_of_turns(name, float(many.max()))
    return array


_OURS = ("hyperdist", "hyperdist_torch", "numpy", "torch")
"""Packages that stand between a warning and the line of the user's that led to it."""


def warn_of_turns(name: str, largest: float) -> None:
    """The warning of ``radians``, at the line of the user's that led to it."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        frame, level = frame.f_back, level + 1
    warnings.warn(
        f"{name} must hold angles in radians, taken modulo 2 pi, got one of size {largest:g}, more than {TURNS} turns: "
        "convert degrees with numpy.radians; Torus().wrap(x) if many turns are meant",
        UserWarning,
        stacklevel=level,
    )


def inside_ball(x: np.ndarray, c: np.ndarray, name: str) -> np.ndarray:
    """``x`` where sqrt(c) |x| < 1 holds in the dtype of ``x``."""
    finite(x, name)
    square = c.astype(x.dtype) * np.sum(np.square(x), axis=-1)
    bad, size = ~(square < 1), np.sqrt(square)
    if bad.any():
        raise ValueError(
            f"{name} must lie inside the ball, sqrt(c) |{name}| < 1, got sqrt(c) |{name}| = {_worst(size, bad)}"
        )
    return x


def on_sphere(x: np.ndarray, name: str) -> np.ndarray:
    """``x`` where | |x| - 1 | <= ``sphere_tolerance``; ``unit`` takes out what the length is off by."""
    finite(x, name)
    norm = np.sqrt(np.sum(np.square(x, dtype=np.float64), axis=-1))
    tolerance = sphere_tolerance(x)
    bad = ~(np.abs(norm - 1) <= tolerance)
    if bad.any():
        raise ValueError(
            f"{name} must lie on the unit sphere to {tolerance:.1e}, got |{name}| = {_worst(norm, bad)}: "
            "hyperdist.Sphere().project takes any vector to it"
        )
    return x


def unit(x: np.ndarray) -> np.ndarray:
    """``x``, with rows whose length rounding of their dtype does not explain divided by it; |x| > 0."""
    norm = np.sqrt(np.sum(np.square(x, dtype=np.float64), axis=-1, keepdims=True))
    off = np.abs(norm - 1) > rounding(x)
    return np.where(off, x / norm, x).astype(x.dtype) if off.any() else x


def sphere_tolerance(x: np.ndarray) -> float:
    """How far from 1 the norm of a unit vector may be: what rounding to float32 explains, in float64 too.

    Data are read into float64 from what was written in float32 or with seven digits.
    """
    return rounding(np.empty(x.shape[-1:], np.float32))


def rounding(x: np.ndarray) -> float:
    """64 eps sqrt(m): how far from 1 rounding may take the norm of a unit vector of this dtype and dimension."""
    return 64.0 * float(np.finfo(x.dtype).eps) * x.shape[-1] ** 0.5


def broadcast(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The broadcast of named shapes; the message lists them all. In plain Python, which every torch can compile."""
    axes: list[int] = []
    for lengths in zip_longest(*(shape[::-1] for shape in shapes.values()), fillvalue=1):
        axes.append(1)
        for length in lengths:
            if length != 1 and axes[-1] not in (1, length):
                listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
                raise ValueError(f"shapes do not broadcast: {listed}")
            if length != 1:
                axes[-1] = length
    return tuple(axes[::-1])


def sample_shape(shape: Any, each: tuple[int, ...] = ()) -> tuple[int, ...]:
    """A tuple of integers >= 0; an integer n means (n,). ``each`` is the shape of one draw of the whole batch.

    Raises ValueError where no array can have both, whatever memory there is.
    """
    entries: Sequence[Any] = shape if isinstance(shape, tuple | list) else (shape,)
    try:
        result = tuple(operator.index(entry) for entry in entries)
    except TypeError:
        raise TypeError(f"sample_shape must be integers >= 0, got {shape!r}") from None
    if any(isinstance(entry, bool) for entry in entries) or any(entry < 0 for entry in result):
        raise ValueError(f"sample_shape must be integers >= 0, got {shape!r}")
    # NumPy and torch count an empty axis as one of length 1 here.
    size, most = math.prod(n or 1 for n in result + each), sys.maxsize // 8
    if size > most:
        raise ValueError(f"sample_shape must ask for at most {most:.3g} numbers, got {shape!r}: {size:.3g} numbers")
    return result


def choice(value: Any, name: str, options: Sequence[str]) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, got {value!r}")
    return value


def model(value: Any, options: Sequence[str], law: str) -> str | None:
    """One of a law's models of hyperbolic space, by default the first; None where it has none."""
    if options:
        return choice(options[0] if value is None else value, "model", options)
    if value is not None:
        raise ValueError(f"model is for hyperbolic laws, {law} takes none, got {value!r}")
    return None


def generator(rng: Any) -> np.random.Generator:
    """What ``numpy.random.default_rng`` makes of ``rng``: a seed, a Generator, a BitGenerator or None."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng must be what numpy.random.default_rng takes, got {rng!r}: {error}") from None


def shares(weights: Any, n: int) -> np.ndarray:
    """Observation weights (n, *batch) divided by their sums, float64; equal ones for None.

    Weights are finite, >= 0, and have a positive sum in every batch element, of any size.
    """
    if n == 0:
        raise ValueError("x must hold at least one observation, got none")
    if weights is None:
        return np.full(n, 1.0 / n)
    array = non_negative(weights, "weights").astype(np.float64)
    if array.ndim == 0 or array.shape[0] != n:
        raise ValueError(f"weights must have length {n}, one for each observation, got shape {array.shape}")
    if not array.size:
        raise ValueError(f"weights must have shape ({n}, *batch) with no axis of length 0, got shape {array.shape}")
    largest = np.max(array, axis=0)
    if not np.all(largest > 0):
        raise ValueError(f"weights must have a positive sum, got {float(np.min(largest))!r}")
    # By a power of two, which rounds nothing: a sum of the largest doubles, or of the smallest, is then a double.
    with np.errstate(under="ignore"):
        array = np.ldexp(array, -np.frexp(largest)[1])
        return array / np.sum(array, axis=0)


def weighted_mean(values: np.ndarray, weights: Any) -> np.ndarray:
    """Mean over the first axis of ``values`` (n, *batch) under observation weights (n,), (n, *batch) or None."""
    share = shares(weights, values.shape[0])
    return np.sum(share.reshape(share.shape + (1,) * (values.ndim - share.ndim)) * values, axis=0)
