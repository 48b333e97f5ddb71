"""What the laws of the angle on the unit sphere S^d share: sin(theta)^(d-1), and a spherical Cauchy hat.

The radius is the geodesic distance theta from the centre. Pure array functions; d is a Python integer, n = d - 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from hyperdist.arrays.namespace import Array, namespace
from hyperdist.radial.quadrature import Kernel


@dataclass(frozen=True, eq=False)
class SphericalKernel(Kernel):
    """sin(theta)^n times a factor: what both laws share. ``residual`` is the slope left at the centre."""

    n: int
    centre: Array
    residual: Array
    log_peak: Array

    end: ClassVar[float] = math.pi

    def _log_sine_ratio(self, y: Array, t: Array) -> Array:
        """n log(sin y/sin centre) less its linear part n cot(centre) sin t."""
        xp = namespace(y, t)
        cot = 1.0 / xp.tan(self.centre)
        rise = cot * xp.sin(t)
        relative = rise - 2.0 * xp.square(xp.sin(0.5 * t))
        near = relative > -0.5
        beside = xp.log1p(xp.where(near, relative, xp.zeros_like(relative)))
        sine = xp.sin(y)
        away = xp.log(xp.where(sine > 0.0, sine, xp.zeros_like(sine))) - xp.log(xp.sin(self.centre))
        return self.n * (xp.where(near, beside, away) - rise)


def half_versine(r: Array) -> Array:
    """sin^2(r/2) for 0 <= r <= pi, a few eps relative; by the tangent, far cheaper in NumPy than the sine."""
    xp = namespace(r)
    square = xp.square(xp.tan(0.5 * r))
    return square / (1.0 + square)


def cauchy_radius(chi: Array, z: Array, shrinkage: Array) -> Array:
    """The angle of a spherical Cauchy draw from d normals of norm chi and one more.

    The law prop. to (1 - x0 cos theta)^-d d(area) on S^d (Kato & McCullagh 2020), the envelope of Wood (1994):
    a uniform point, its stereographic radius tan(theta/2) times ``shrinkage``.
    """
    xp = namespace(chi, z)
    return 2.0 * xp.atan(shrinkage * chi / (z + xp.sqrt(z * z + chi * chi)))


def cauchy_shrinkage(touch: Array) -> Array:
    """sqrt((1 - x0)/(1 + x0)) for the hat with x0 = cos q that touches at q."""
    xp = namespace(touch)
    x0 = xp.cos(touch)
    return xp.sqrt((1.0 - x0) / (1.0 + x0))


def cauchy_log_accept(d: int, r: Array, touch: Array) -> Array:
    """d log((1 - x0 cos r)/(1 - x0 cos q)) for the hat with x0 = cos q that touches at q."""
    xp = namespace(r, touch)
    # cos q - cos r from versines, so that the ratio is right for concentrated laws too.
    rise = 2.0 * (half_versine(r) - half_versine(touch)) / xp.square(xp.sin(touch))
    return d * xp.log1p(xp.cos(touch) * rise)


def cauchy_hat_log_mass(d: int, touch: Array) -> Array:
    """log int sin(r)^(d-1) ((1 - x0 cos q)/(1 - x0 cos r))^d dr with x0 = cos q."""
    xp = namespace(touch)
    whole = 0.5 * math.log(math.pi) + math.lgamma(0.5 * d) - math.lgamma(0.5 * (d + 1))
    # (1 - x0^2)^d (1 - x0^2)^(-d/2) with 1 - x0^2 = sin(q)^2
    return whole + d * xp.log(xp.sin(touch))
