"""Maps between the models of hyperbolic space, and draws carried from the origin to any point in any model.

The models are "poincare" (ball), "lorentz" (hyperboloid, time coordinate first) and "tangent" (exponential coordinates
at the origin). One frame serves all: the standard frame at the origin, carried to mu by the boost that takes the
origin to mu, so that a vector (R, u) in the frame at mu reaches the same point whatever model it is asked in.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hyperdist.arrays.host import eps
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import column, dot, scaled
from hyperdist.arrays.stable import langevinc_sq, sinhc_sq, tanhc_sq
from hyperdist.arrays.types import Scalar
from hyperdist.geometry.lorentz import cosh_radius, lorentz_to_tangent
from hyperdist.geometry.poincare import gap, log_origin

MODELS = ("poincare", "lorentz", "tangent")
CENTRE_MODELS = ("poincare", "tangent")
"""The models in which a point of a d-dimensional space has d coordinates."""


def poincare_to_tangent(x: Array, c: Scalar) -> Array:
    """Ball to tangent coordinates: 2 atanh(k|x|)/(k|x|) x, k = sqrt(c)."""
    return 2.0 * log_origin(x, c)


def tangent_to_poincare(x: Array, c: Scalar) -> Array:
    """Tangent to ball coordinates: tanh(k|x|/2)/(k|x|) x; rounds to the boundary beyond ``ball_radius_limit``."""
    return column(0.5 * tanhc_sq(0.25 * c * dot(x, x))) * x


def tangent_to_lorentz(x: Array, c: Scalar) -> Array:
    """Tangent to Lorentz coordinates: (cosh(k|x|)/k, sinh(k|x|)/(k|x|) x), c > 0."""
    xp = namespace(x, c)
    k = c**0.5
    z = c * dot(x, x)
    growth, _, cosh = scaled(z)
    return xp.concat([(xp.exp(growth) * cosh / k)[..., None], column(sinhc_sq(z)) * x + column(k) * 0.0], axis=-1)


def poincare_to_tangent_along(x: Array, e: Array, c: Scalar) -> tuple[Array, Array]:
    """(v, dv): ``poincare_to_tangent`` at x, and its derivative along e, (*batch, d); batch axes of e may come first.

    With y = sqrt(c) r/2, dv = 2 (y/tanh y) e + 2 c (cosh(y)^2 - (y coth y - 1)/tanh(y)^2) <x, e> x, in which nothing
    cancels where y is small.
    """
    v = poincare_to_tangent(x, c)
    square = 0.25 * c * dot(v, v)
    t = tanhc_sq(square)
    more = 1.0 / gap(x, c) - langevinc_sq(square) / (t * t)
    return v, column(2.0 / t) * e + column(2.0 * c * more * dot(x, e)) * x


def lorentz_to_tangent_along(x: Array, e: Array, c: Scalar) -> tuple[Array, Array]:
    """(v, dv): ``lorentz_to_tangent`` at x, and its derivative along tangents e; batch axes of e may come first.

    With y = sqrt(c) r and e_s the space part of e, dv = (y/sinh y) e_s - c (y coth y - 1)/(y^2 cosh y) <v, e_s> v, to
    some eps (8 + y) of the largest dv at that radius.
    """
    v, along = lorentz_to_tangent(x, c), e[..., 1:]
    square = c * dot(v, v)
    less = c * langevinc_sq(square) / cosh_radius(x[..., 1:], c)
    return v, column(1.0 / sinhc_sq(square)) * along - column(less * dot(v, along)) * v


def poincare_to_lorentz(x: Array, c: Scalar) -> Array:
    """Ball to Lorentz coordinates: ((1 + c|x|^2)/k, 2 x)/(1 - c|x|^2), c > 0."""
    xp = namespace(x, c)
    k = c**0.5
    z = c * dot(x, x)
    rest = 1.0 - z
    return xp.concat([((1.0 + z) / (k * rest))[..., None], x * (2.0 / rest)[..., None]], axis=-1)


def lorentz_to_poincare(x: Array, c: Scalar) -> Array:
    """Lorentz to ball coordinates, from the space part alone: s/(1 + sqrt(1 + c|s|^2))."""
    s = x[..., 1:]
    return s / (1.0 + cosh_radius(s, c))[..., None]


def to_tangent(x: Array, c: Scalar, model: str) -> Array:
    """Tangent coordinates of points given in a model."""
    if model == "tangent":
        return x
    return poincare_to_tangent(x, c) if model == "poincare" else lorentz_to_tangent(x, c)


def from_tangent(x: Array, c: Scalar, model: str) -> Array:
    """Points in tangent coordinates as the coordinates of a model."""
    if model == "tangent":
        return x
    return tangent_to_poincare(x, c) if model == "poincare" else tangent_to_lorentz(x, c)


def ball_radius_limit(dtype: Any, c: Scalar) -> Any:
    """The distance from the origin up to which ball coordinates of a dtype tell points apart: 2 atanh(1 - eps)/sqrt(c).

    About 36.7/sqrt(c) for float64 and 16.6/sqrt(c) for float32; infinite at c = 0.
    """
    eps = float(np.finfo(dtype).eps)
    with np.errstate(divide="ignore"):
        return np.log((2.0 - eps) / eps) / np.sqrt(np.asarray(c, dtype=np.float64))[()]


def holdable(x: Array, c: Scalar) -> Array:
    """Whether ball coordinates tell points x (*batch, d) from their neighbours, (*batch); False for NaN.

    The bound is 1 - c|x|^2 >= 2 eps, the gap at ``ball_radius_limit``: beyond, rounding moves a point by more than half
    of 1/sqrt(c), and one much further out comes back as the last below the boundary, where nothing shows it.
    """
    return 1.0 - c * dot(x, x) >= 2.0 * eps(x)
