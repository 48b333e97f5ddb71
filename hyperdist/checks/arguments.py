"""Checks of names, shapes, dimensions and generators; what a law does not have."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from hyperdist.arrays.types import SampleShape, Seed


class Unavailable(NotImplementedError, AttributeError):
    """What a law has no closed form for. A property that raises it is one that the object lacks: for ``hasattr``,
    for ``inspect.getmembers``, and for whatever else asks every attribute in turn."""


class Undefined(ValueError, AttributeError):
    """What a law has for some of its parameters only, and not for these; to ``hasattr`` it is absent."""


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


def per_coordinate(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape (*batch, d) of a centre and of a scale for each of its coordinates, or for all, named in that order."""
    (_, centre), (name, scale) = shapes.items()
    full = broadcast(**shapes)
    # The scale may have more coordinates only if the centre's axis has length 1, which is d = 1.
    if full[-1] != centre[-1]:
        first = next(iter(shapes))
        raise ValueError(f"{name} must broadcast against {first}, one scale a coordinate, got {scale} for {centre}")
    return full


def one_scale(one: bool, got: str = "different sigma along the last axis") -> None:
    """Raise ``Undefined`` unless a law's scale is one for all coordinates, so that its radius has a law."""
    if not one:
        raise Undefined(f"radius needs one scale for all coordinates, got {got}")


def vectors(shape: tuple[int, ...], name: str, least: int = 1) -> None:
    """Raise unless a shape ends with at least ``least`` coordinates."""
    if not shape or shape[-1] < least:
        raise ValueError(f"{name} must have shape (*batch, d) with d >= {least}, got shape {shape}")


def last_axis(shape: tuple[int, ...], name: str, width: int) -> None:
    """Raise unless a shape ends with ``width`` coordinates."""
    if not shape or shape[-1] != width:
        raise ValueError(f"{name} must have {width} coordinates on its last axis, got shape {shape}")


def hyperboloid(curved: bool) -> None:
    """Raise unless c > 0 everywhere, for model="lorentz"."""
    if not curved:
        raise ValueError("model='lorentz' needs c > 0: the hyperboloid has no flat limit, got c = 0.0")


def sample_shape(shape: SampleShape, each: tuple[int, ...] = ()) -> tuple[int, ...]:
    """A tuple of integers >= 0; an integer n means (n,). ``each`` is the shape of one draw of the whole batch.

    Raises ValueError where no array can have both, whatever memory there is.
    """
    entries: Any = shape if isinstance(shape, tuple | list) else (shape,)
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


def choice(value: object, name: str, options: Sequence[str]) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, got {value!r}")
    return value


def model(value: object, options: Sequence[str], law: str) -> str | None:
    """One of a law's models of hyperbolic space, by default the first; None where it has none."""
    if options:
        return choice(options[0] if value is None else value, "model", options)
    if value is not None:
        raise ValueError(f"model is for hyperbolic laws, {law} takes none, got {value!r}")
    return None


def generator(rng: Seed) -> np.random.Generator:
    """What ``numpy.random.default_rng`` makes of ``rng``: a seed, a Generator, a BitGenerator or None."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng must be what numpy.random.default_rng takes, got {rng!r}: {error}") from None


def stream_apart(rng: Seed) -> np.random.Generator:
    """A generator that follows from ``rng`` and shares no numbers with what else is drawn from it, or from its seed.

    Data are often drawn from the seed that a test of them is then given.
    """
    return np.random.default_rng(generator(rng).integers(2**63, size=4).tolist())
