"""Checks of points, of their coordinates and of the weights that go with them."""

from __future__ import annotations

import math
import sys
import warnings
from typing import overload

import numpy as np

from hyperdist.arrays.host import eps, found, numbers, plain, shape
from hyperdist.arrays.namespace import Array, namespace, values
from hyperdist.arrays.rows import dot
from hyperdist.arrays.types import AnyArray, ArrayLike, Reader
from hyperdist.checks.arguments import last_axis, vectors
from hyperdist.checks.numbers import _worst, as_float, finite, non_negative


@overload
def vector(value: ArrayLike, name: str, least: int = 1) -> np.ndarray: ...
@overload
def vector(value: AnyArray, name: str, least: int, read: Reader) -> Array: ...
def vector(value: AnyArray, name: str, least: int = 1, read: Reader = as_float) -> Array:
    """An array whose last axis is a vector of at least ``least`` coordinates; values are not checked."""
    array = read(value, name)
    vectors(shape(array), name, least)
    return array


@overload
def observations(value: ArrayLike, name: str = "x", least: int = 1, last: str = "d") -> np.ndarray: ...
@overload
def observations(value: AnyArray, name: str, least: int, last: str, read: Reader) -> Array: ...
def observations(value: AnyArray, name: str = "x", least: int = 1, last: str = "d", read: Reader = as_float) -> Array:
    """An array (n, d) of n >= 1 observations, a row each, with d >= ``least``; values are not checked."""
    array = read(value, name)
    if array.ndim != 2 or array.shape[-1] < least:
        remedy = ""
        if array.ndim == 1:
            remedy = f": {name}[None] is one observation, {name}[:, None] are observations of one coordinate"
        elif array.ndim > 2:
            remedy = f": fit {name}[0], {name}[1], ... each, or {name}.reshape(-1, {array.shape[-1]}) as one sample"
        raise ValueError(
            f"{name} must have shape (n, {last}), a row an observation, with {last} >= {least}, "
            f"got shape {shape(array)}{remedy}"
        )
    if not array.shape[0]:
        raise ValueError(f"{name} must hold at least one observation, got none: shape {shape(array)}")
    return array


@overload
def points(value: ArrayLike, name: str, d: int) -> np.ndarray: ...
@overload
def points(value: AnyArray, name: str, d: int, read: Reader) -> Array: ...
def points(value: AnyArray, name: str, d: int, read: Reader = as_float) -> Array:
    """An array of shape (*batch, d)."""
    array = vector(value, name, 1, read)
    last_axis(shape(array), name, d)
    return array


TURNS = 4
"""Turns beyond which angles are likelier to be degrees."""


def radians(array: Array, name: str) -> Array:
    """``array``, of any namespace, with a warning where an angle is so many turns from 0 that it was hardly meant in
    radians."""
    xp, fixed = namespace(array), values(array)
    size = xp.abs(fixed)
    many = (size > 2.0 * math.pi * TURNS) & xp.isfinite(fixed)
    if found(many):
        _warn_of_turns(name, float(numbers(xp.where(many, size, xp.zeros_like(size))).max()))
    return array


_OURS = ("hyperdist", "hyperdist_torch", "numpy", "torch")
"""Packages that stand between a warning and the line of the user's that led to it."""


def _warn_of_turns(name: str, largest: float) -> None:
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
    norm = length(x)
    tolerance = sphere_tolerance(x)
    bad = ~(np.abs(norm - 1) <= tolerance)
    if bad.any():
        raise ValueError(
            f"{name} must lie on the unit sphere to {tolerance:.1e}, got |{name}| = {_worst(norm, bad)}: "
            "hyperdist.Sphere().project takes any vector to it"
        )
    return x


def length(x: Array) -> Array:
    """|x|, (*batch); NumPy's in double precision, so that no square of a single one overflows; inf above 1e154."""
    if plain(x):
        with np.errstate(over="ignore"):
            return np.sqrt(np.sum(np.square(x, dtype=np.float64), axis=-1))
    return namespace(x).sqrt(dot(x, x))


def unit(x: Array) -> Array:
    """``x``, with rows whose length rounding of their dtype does not explain divided by it; |x| > 0."""
    if not plain(x):
        norm = length(x)[..., None]
        return namespace(x).where(abs(norm - 1.0) > rounding(x), x / norm, x)
    norm = np.sqrt(np.sum(np.square(x, dtype=np.float64), axis=-1, keepdims=True))
    off = np.abs(norm - 1) > rounding(x)
    return np.where(off, x / norm, x).astype(x.dtype) if off.any() else x


def sphere_tolerance(x: Array) -> float:
    """How far from 1 the norm of a unit vector may be: what rounding to float32 explains, in float64 too.

    Data are read into float64 from what was written in float32 or with seven digits.
    """
    return _rounding(float(np.finfo(np.float32).eps), x.shape[-1])


def rounding(x: Array) -> float:
    """64 eps sqrt(m): how far from 1 rounding may take the norm of a unit vector of this dtype and dimension."""
    return _rounding(eps(x), x.shape[-1])


def _rounding(unit: float, m: int) -> float:
    return 64.0 * unit * m**0.5


def shares(weights: ArrayLike | None, n: int) -> np.ndarray:
    """Observation weights (n, *batch) divided by their sums, float64; equal ones for None.

    Weights are finite, >= 0, and have a positive sum in every batch element, of any size; an array of booleans has the
    weights 1 and 0.
    """
    if n == 0:
        raise ValueError("x must hold at least one observation, got none")
    if weights is None:
        return np.full(n, 1.0 / n)
    if isinstance(weights, np.ndarray) and weights.dtype == np.bool_:
        weights = weights.astype(np.float64)
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


def weighted_mean(values: np.ndarray, weights: ArrayLike | None) -> np.ndarray:
    """Mean over the first axis of ``values`` (n, *batch) under observation weights (n,), (n, *batch) or None."""
    share = shares(weights, values.shape[0])
    return np.sum(share.reshape(share.shape + (1,) * (values.ndim - share.ndim)) * values, axis=0)
