"""The unit sphere, as a user makes it."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from hyperdist import _moved, checks
from hyperdist.arrays.rows import dot
from hyperdist.geometry import sphere
from hyperdist.spaces import frechet_sphere
from hyperdist.spaces.base import ParameterFree

__getattr__ = _moved.functions_of(__name__, "hyperdist.geometry.sphere")


@final
class Sphere(ParameterFree):
    """The unit sphere S^d; a point is a unit vector of d + 1 coordinates, the origin (1, 0, ..., 0).

    A length may be off by what rounding to float32 explains, 64 eps sqrt(d + 1): x then stands for x/|x|. ``project``
    takes other vectors there.
    Where y = -x, ``log`` and ``transport`` take the geodesic along the first axis of the frame at x. ``frechet_mean``
    is the global minimum on the circle, and above where the points lie within pi/2 of it or mostly near it. Where they
    are as good as spread over the sphere, so that there may be many minima, it is the least that descents from several
    dozen starts reach, always the same for the same data; points without a preference, as a pole and its opposite,
    have many means, of which it is one.
    """

    _kernels = sphere
    _extra = 1

    def _belongs(self, x: np.ndarray) -> np.ndarray:
        norm = np.sqrt(np.sum(np.square(x, dtype=np.float64), axis=-1))
        return np.abs(norm - 1) <= checks.sphere_tolerance(x)

    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        norm = np.sqrt(np.sum(np.square(x, dtype=np.float64), axis=-1))
        worst = float(norm[bad][np.argmax(np.abs(norm[bad] - 1))])
        return (
            f"{name} must lie on the unit sphere to {checks.sphere_tolerance(x):.1e}, got |{name}| = {worst!r} "
            f"({int(bad.sum())} of {bad.size} points off it): Sphere().project takes any vector to it"
        )

    def _settle(self, x: np.ndarray) -> np.ndarray:
        return checks.unit(x)

    def _tangent_error(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        return np.abs(dot(x, u)) / (checks.sphere_tolerance(x) * (1 + np.sqrt(dot(u, u))))

    def _settle_tangent(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        along = dot(x, u)
        off = np.abs(along) > checks.rounding(x) * (1 + np.sqrt(dot(u, u)))
        return u - np.where(off, along, 0)[..., None] * x if off.any() else u

    def project(self, x: Any) -> np.ndarray:
        """x/|x|, (*batch, d + 1), of vectors of any length; ValueError where one is 0, which has no direction."""
        x = checks.finite(checks.vector(x, "x", 2), "x")
        largest = np.abs(x).max(axis=-1, keepdims=True)
        if not (largest > 0).all():
            raise ValueError("x must not be 0: the projection to the sphere needs |x| > 0, got |x| = 0.0")
        x = x / largest
        return x / np.sqrt(dot(x, x))[..., None]

    def origin(self, d: int) -> np.ndarray:
        """(1, 0, ..., 0), (d + 1,)."""
        return np.eye(1, checks.dimension(d) + 1)[0]

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return frechet_sphere.spherical(x, weights)
