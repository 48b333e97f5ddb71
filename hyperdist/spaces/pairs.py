"""Distances of all pairs, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hyperdist.arrays.host import hidden
from hyperdist.arrays.namespace import Array, constant, namespace
from hyperdist.arrays.rows import root
from hyperdist.arrays.types import AnyArray

_BLOCK = 1 << 18
"""Coordinates of the pairs of a block: what a kernel works out at a time is some dozen arrays of that size."""


def pairwise(dist_sq: Callable[..., Array], x: Array, y: Array, parameters: tuple[Any, ...]) -> Array:
    """Distances (n, m) of points x (n, k) and y (m, k)."""
    xp = namespace(x)

    def block(x: Array, y: Array, *parameters: AnyArray) -> Array:
        return root(dist_sq(x[:, None, :], y[None, :, :], *parameters))

    rows = max(1, _BLOCK // max(1, y.shape[0] * y.shape[1]))
    if rows >= x.shape[0] or hidden(x, y, *parameters):
        return block(x, y, *parameters)
    starts = range(0, x.shape[0], rows)
    if xp is np:
        result = np.empty((x.shape[0], y.shape[0]), x.dtype)
        for start in starts:
            result[start : start + rows] = block(x[start : start + rows], y, *parameters)
        return result
    step = block
    if xp.__name__ == "torch" and not constant(x, y, *parameters):

        def step(x: Array, y: Array, *parameters: AnyArray) -> Array:
            return xp.utils.checkpoint.checkpoint(block, x, y, *parameters, use_reentrant=False)

    return xp.concat([step(x[start : start + rows], y, *parameters) for start in starts], axis=0)
