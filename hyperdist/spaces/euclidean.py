"""Flat space, as a user makes it."""

from __future__ import annotations

from typing import final

import numpy as np

from hyperdist import _moved, checks
from hyperdist.arrays.rows import dot
from hyperdist.geometry import euclidean
from hyperdist.spaces.base import ParameterFree, too_long

__getattr__ = _moved.functions_of(__name__, "hyperdist.geometry.euclidean")


@final
class Euclidean(ParameterFree):
    """Flat space R^d."""

    _kernels = euclidean

    def _belongs(self, x: np.ndarray) -> np.ndarray:
        return np.isfinite(dot(x, x))

    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        return too_long(x, bad, name)

    def origin(self, d: int) -> np.ndarray:
        """0, (d,)."""
        return np.zeros(checks.dimension(d))

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.tensordot(weights, x, axes=(0, 0))
