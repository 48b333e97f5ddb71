"""The flat torus, as a user makes it."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from hyperdist import _moved, checks
from hyperdist.arrays.host import bare
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.types import AnyArray
from hyperdist.geometry import torus
from hyperdist.spaces import frechet
from hyperdist.spaces.parameter_free import ParameterFree
from hyperdist.spaces.points import largest

__getattr__ = _moved.functions_of(__name__, "hyperdist.geometry.torus")


@final
class Torus(ParameterFree):
    """The flat torus (R/2 pi Z)^d; a point is d angles in [-pi, pi).

    Where two ways round are shortest, ``log`` takes -pi.

    >>> import hyperdist as hd
    >>> hd.Torus().dist([3.0], [-3.0]).round(6)
    np.float64(0.283185)
    """

    kernels = torus

    def wrap(self, x: AnyArray) -> Array:
        """The angles x modulo 2 pi, in [-pi, pi).

        >>> import hyperdist as hd
        >>> hd.Torus().wrap([4.0, -7.0]).round(6)
        array([-2.283185, -0.716815])
        """
        return bare(torus.wrap(checks.finite(checks.floating(x, "x"), "x")))

    def _belongs(self, x: Array) -> Array:
        xp = namespace(x)
        low, high = xp.full_like(x, -math.pi), xp.full_like(x, math.pi)
        return xp.all((x >= low) & (x < high), axis=-1)

    def _explain(self, x: Array, bad: Array, name: str) -> str:
        worst = largest(namespace(x).where(bad[..., None], abs(x), x * 0.0))
        return (
            f"{name} must hold angles in [-pi, pi), got one of size {worst!r}: wrap them with Torus().wrap, "
            "those in degrees after numpy.radians"
        )

    def _origin(self, d: int) -> Array:
        return np.zeros(d)

    def _project(self, x: Array) -> Array:
        return torus.wrap(x)

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return frechet.toroidal(x, weights)
