"""The unit sphere, as a user makes it."""

from __future__ import annotations

from typing import final

import numpy as np

from hyperdist import _moved, checks
from hyperdist.arrays.host import found, numbers, plain
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import dot, largest_coordinate
from hyperdist.arrays.stable import sinc_sq
from hyperdist.geometry import sphere
from hyperdist.spaces import frechet_sphere
from hyperdist.spaces.parameter_free import ParameterFree
from hyperdist.spaces.points import counted

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

    >>> import hyperdist as hd
    >>> hd.Sphere().dist([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).round(6)
    np.float64(1.570796)
    """

    kernels = sphere
    _extra = 1

    def _belongs(self, x: Array) -> Array:
        return abs(checks.length(x) - 1) <= checks.sphere_tolerance(x)

    def _explain(self, x: Array, bad: Array, name: str) -> str:
        norm, off = numbers(checks.length(x)), numbers(bad)
        worst = float(norm[off][np.argmax(np.abs(norm[off] - 1))])
        return (
            f"{name} must lie on the unit sphere to {checks.sphere_tolerance(x):.1e}, got |{name}| = {worst!r} "
            f"({counted(bad)} points off it): Sphere().project takes any vector to it"
        )

    def _settle(self, x: Array) -> Array:
        return checks.unit(x)

    def _tangent_error(self, x: Array, u: Array) -> Array:
        return abs(dot(x, u)) / (checks.sphere_tolerance(x) * (1 + namespace(x, u).sqrt(dot(u, u))))

    def _settle_tangent(self, x: Array, u: Array) -> Array:
        xp, along = namespace(x, u), dot(x, u)
        off = abs(along) > checks.rounding(x) * (1 + xp.sqrt(dot(u, u)))
        if plain(u):
            return u - np.where(off, along, 0)[..., None] * x if off.any() else u
        return u - xp.where(off, along, along * 0.0)[..., None] * x

    def _project(self, x: Array) -> Array:
        xp = namespace(x)
        size = largest_coordinate(x)
        if found(size == 0):
            raise ValueError("x must not be 0: the projection to the sphere needs |x| > 0, got |x| = 0.0")
        x = x / size
        return x / xp.sqrt(dot(x, x))[..., None]

    def _origin(self, d: int) -> Array:
        return np.eye(1, d + 1)[0]

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return frechet_sphere.spherical(x, weights)

    def _bend(self, square: Array) -> Array:
        return namespace(square).cos(namespace(square).sqrt(square)) / sinc_sq(square)
