"""The flat torus, as a user makes it."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np

from hyperdist import _moved, checks
from hyperdist.geometry import torus
from hyperdist.spaces import frechet
from hyperdist.spaces.base import ParameterFree

__getattr__ = _moved.functions_of(__name__, "hyperdist.geometry.torus")


@final
class Torus(ParameterFree):
    """The flat torus (R/2 pi Z)^d; a point is d angles in [-pi, pi).

    Where two ways round are shortest, ``log`` takes -pi.
    """

    _kernels = torus

    def wrap(self, x: Any) -> np.ndarray:
        """The angles x modulo 2 pi, in [-pi, pi)."""
        return torus.wrap(checks.finite(checks.as_float(x, "x"), "x"))[()]

    def _belongs(self, x: np.ndarray) -> np.ndarray:
        return ((x >= x.dtype.type(-math.pi)) & (x < x.dtype.type(math.pi))).all(axis=-1)

    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        worst = float(np.abs(x[bad]).max())
        return (
            f"{name} must hold angles in [-pi, pi), got one of size {worst!r}: wrap them with Torus().wrap, "
            "those in degrees after numpy.radians"
        )

    def origin(self, d: int) -> np.ndarray:
        """0, (d,)."""
        return np.zeros(checks.dimension(d))

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return frechet.toroidal(x, weights)
