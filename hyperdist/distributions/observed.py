"""What a fit is given, as sums can be taken of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.blocks import Blocks
from hyperdist.geometry.product import split


def observed(x: Any, weights: Any, read: Callable[[Any], np.ndarray]) -> Blocks:
    """Observations x (n, k) with weights (n,), (n, *batch) or None, which are checked.

    read : checks rows of x, and makes float64 points of them.
    A ``dask.array`` is read a block at a time, whenever a sum is taken; all else here and now.
    """
    if hasattr(x, "__dask_graph__"):
        # Loaded by whoever has Dask, and so below this module in the order of layers.
        return import_module("hyperdist.distributed.blocks").observed(x, weights, read)
    points = read(x)
    return Blocks(points, checks.shares(weights, len(points)), checks.as_float(x, "x").dtype)


def factors(x: Any, weights: Any, widths: Sequence[int]) -> tuple[list[Any], Any]:
    """The parts of observations x (n, k) on a product whose factors have so many coordinates, and weights for each.

    Of a ``dask.array`` these are such arrays.
    """
    if hasattr(x, "__dask_graph__"):
        return import_module("hyperdist.distributed.blocks").factors(x, weights, widths)
    points = checks.points(checks.observations(x, "x", 1, "k"), "x", sum(widths))
    return split(points, widths), weights


def nothing(points: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, ...]:
    """What a law without parameters asks of its observations, beside the checks of them and of their weights' sum."""
    return ()
