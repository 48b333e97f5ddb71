"""Flat space, the sphere and the torus, as a user makes them: they check the input and call the kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from hyperdist import checks
from hyperdist.spaces import euclidean, frechet, frechet_sphere, sphere, torus
from hyperdist.spaces._base import Space, too_long
from hyperdist.spaces._rows import dot


@dataclass(frozen=True)
class _Fixed(Space):
    """A space without parameters."""

    def _parameters(self, dtype: np.dtype) -> tuple[np.ndarray, ...]:
        return ()


@final
class Euclidean(_Fixed):
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


@final
class Sphere(_Fixed):
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


@final
class Torus(_Fixed):
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
