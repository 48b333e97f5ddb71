"""Types of what functions take, for readers and editors; nothing is checked or converted by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from hyperdist.arrays.namespace import Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike
else:  # numpy.typing would cost every import of the package a millisecond
    ArrayLike = DTypeLike = Any

__all__ = ["AnyArray", "ArrayLike", "DTypeLike", "Reader", "SampleShape", "Scalar", "Seed", "Which"]

AnyArray = Any
"""What ``ArrayLike`` is, or an array of another namespace, a torch tensor or JAX's, which stays one."""

Scalar = Array | float
"""One number per element of the batch: a number, or an array (*batch) of the namespace of the arrays beside it. In
``geometry`` c is the size of the curvature, c >= 0; a space of curvature -c."""

Reader = Callable[[AnyArray, str], Array]
"""A check that makes an array of what is called by a name in its messages."""

SampleShape = SupportsIndex | Sequence[SupportsIndex]
"""How many draws: n, or a tuple of numbers; () is one draw without an axis of its own."""

Seed = int | Sequence[int] | np.random.SeedSequence | np.random.BitGenerator | np.random.Generator | None
"""What ``numpy.random.default_rng`` takes."""

Which = slice | np.ndarray
"""Elements of a flattened batch: a slice, or an array of indices or of booleans."""
