"""What a fit is given, as sums can be taken of it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.blocks import Blocks


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


def nothing(points: np.ndarray, shares: np.ndarray) -> int:
    """What a law without parameters asks of its observations, beside their checks."""
    return len(points)
