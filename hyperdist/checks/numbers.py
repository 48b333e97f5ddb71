"""Checks of numbers and arrays of them."""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from hyperdist.arrays.host import common, found, kind, made, numbers, plain
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.types import AnyArray, ArrayLike, Reader


def as_float(value: ArrayLike, name: str) -> np.ndarray:
    """A float32 or float64 NumPy array of ``value``; float16 and integers become float64.

    Nullable columns of pandas are numbers, their missing values NaN. A masked value has no place in an array of
    numbers: it is refused, an array whose mask hides nothing is taken.
    """
    masked = _masked(value)
    if masked:
        rows = f"leave their rows out ({name}[~{name}.mask.any(axis=-1)].data), or "
        remedy = f"{rows if getattr(value, 'ndim', 0) > 1 else ''}fill them"
        raise ValueError(f"{name} must have no masked values, got {masked}: {remedy}")
    if isinstance(value, (np.ndarray, np.generic)):
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


def floating(value: AnyArray, name: str) -> Array:
    """``as_float``, but arrays of torch, JAX and others stay theirs; those of half precision are refused."""
    if plain(value):
        return as_float(value, name)
    given = kind(value)
    if given in ("float32", "float64"):
        return value
    if not given.startswith(("int", "uint")):
        raise TypeError(f"{name} must hold real numbers, float32 or float64, got dtype {given}")
    xp = namespace(value)
    return value.to(xp.float64) if xp.__name__ == "torch" else xp.asarray(value, dtype=float)


def alike(arrays: dict[str, Any], *parameters: Any) -> tuple[Any, ...]:
    """The arrays in one namespace: where torch's or JAX's are among them or the parameters, the others become theirs.

    They take the dtype and the device of those that are there. Otherwise everything is as it was given.
    """
    given = tuple(arrays.values())
    xp = namespace(*given, *parameters)
    if xp is np:
        return given
    belong = [namespace(value) is xp for value in given]
    if all(belong):
        return given
    there = [value for value, belongs in zip(given, belong, strict=True) if belongs]
    there = there or [parameter for parameter in parameters if namespace(parameter) is xp]
    dtype = common(*(floating(value, "x") for value in there))
    return tuple(
        value if belongs else made(as_float(value, name), dtype, there[0])
        for (name, value), belongs in zip(arrays.items(), belong, strict=True)
    )


def _masked(value: object) -> int:
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


def _worst(array: Array, bad: Array) -> str:
    """The first offending value, where it stands, and how many there are."""
    array, bad = numbers(array), numbers(bad)
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    where = f" at index {index}" if array.ndim else ""
    more = f" (and {int(bad.sum()) - 1} more)" if int(bad.sum()) > 1 else ""
    return f"{array[index]!s}{where}{more}"


def finite(array: Array, name: str) -> Array:
    """``array`` where every value is finite."""
    bad = ~namespace(array).isfinite(array)
    if found(bad):
        raise ValueError(f"{name} must be finite, got {_worst(array, bad)}")
    return array


def positive(value: ArrayLike, name: str, upper: float = np.inf) -> np.ndarray:
    """A finite array > 0 and <= ``upper``."""
    array = finite(as_float(value, name), name)
    bad = ~(array > 0) | (array > upper)
    if bad.any():
        bound = "> 0" if upper == np.inf else f"> 0 and <= {upper:g}"
        raise ValueError(f"{name} must be {bound}, got {_worst(array, bad)}")
    return array


@overload
def non_negative(value: ArrayLike, name: str) -> np.ndarray: ...
@overload
def non_negative(value: AnyArray, name: str, read: Reader) -> Array: ...
def non_negative(value: AnyArray, name: str, read: Reader = as_float) -> Array:
    """A finite array >= 0."""
    array = finite(read(value, name), name)
    bad = ~(array >= 0)
    if found(bad):
        raise ValueError(f"{name} must be >= 0, got {_worst(array, bad)}")
    return array


@overload
def curvature(c: ArrayLike) -> np.ndarray: ...
@overload
def curvature(c: AnyArray, read: Reader) -> Array: ...
def curvature(c: AnyArray, read: Reader = as_float) -> Array:
    """The size of the curvature: finite, c >= 0."""
    return non_negative(c, "c", read)


@overload
def probability(value: ArrayLike, name: str = "p") -> np.ndarray: ...
@overload
def probability(value: AnyArray, name: str, read: Reader) -> Array: ...
def probability(value: AnyArray, name: str = "p", read: Reader = as_float) -> Array:
    """An array of probabilities; NaN passes, to come out as NaN."""
    array = read(value, name)
    bad = (array < 0) | (array > 1)
    if found(bad):
        raise ValueError(f"{name} must lie in [0, 1], got {_worst(array, bad)}")
    return array


def single(array: np.ndarray, name: str) -> float:
    """The one number of an array without axes."""
    if array.ndim:
        raise ValueError(f"{name} must be one number, got shape {array.shape}")
    return float(array)


def one_positive(value: ArrayLike, name: str) -> float:
    """One finite number > 0."""
    return single(positive(value, name), name)


def fraction(value: ArrayLike, name: str) -> float:
    """One number > 0 and < 1."""
    number = single(as_float(value, name), name)
    if not 0.0 < number < 1.0:
        raise ValueError(f"{name} must be > 0 and < 1, got {number:g}")
    return number
