"""Flat space, as a user makes it."""

from __future__ import annotations

from typing import final

import numpy as np

from hyperdist import _moved
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import dot
from hyperdist.geometry import euclidean
from hyperdist.spaces.parameter_free import ParameterFree
from hyperdist.spaces.points import too_long

__getattr__ = _moved.functions_of(__name__, "hyperdist.geometry.euclidean")


@final
class Euclidean(ParameterFree):
    """Flat space R^d.

    >>> import hyperdist as hd
    >>> hd.Euclidean().dist([0.0, 0.0], [3.0, 4.0])
    np.float64(5.0)
    """

    kernels = euclidean

    def _belongs(self, x: Array) -> Array:
        return namespace(x).isfinite(dot(x, x))

    def _explain(self, x: Array, bad: Array, name: str) -> str:
        return too_long(x, bad, name)

    def _origin(self, d: int) -> Array:
        return np.zeros(d)

    def _project(self, x: Array) -> Array:
        return x

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.tensordot(weights, x, axes=(0, 0))
