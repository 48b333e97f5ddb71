"""Row helpers that every space's kernels share: inner products, guarded roots, scaled hyperbolic functions.

A row is the last axis of an array; a row scalar has shape (*batch). Everything here is pure and differentiable twice.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from hyperdist.arrays.namespace import Array, namespace, place, settled, values
from hyperdist.arrays.stable import COSHM1, SINHC, polynomial, two_product

STEEPEST = 40.0
"""Largest log of a derivative that kernels carry through a factor that is exactly 0; its square fits float32."""


def column(a: Array) -> Any:
    """A row scalar (*batch) as (*batch, 1), to multiply vectors; a Python number as it is."""
    return a[..., None] if hasattr(a, "shape") else a


def dot(x: Array, y: Array) -> Array:
    """Inner product over the last axis, (*batch)."""
    xp = namespace(x, y)
    if xp is np:  # np.sum over a short last axis is four times slower
        return np.einsum("...i,...i->...", x, y)
    return xp.sum(x * y, axis=-1)


def wide(x: Array) -> Array:
    """x in double precision; JAX's is what the user has set it to."""
    xp = namespace(x)
    if xp.__name__ == "jax.numpy":
        return xp.asarray(x, dtype=float)
    return x.to(xp.float64) if xp.__name__ == "torch" else xp.asarray(x, dtype=xp.float64)


def times(scalar: Array, vector: Array) -> Array:
    """A row scalar times rows, in the rows' dtype."""
    return namespace(vector).asarray(scalar, dtype=vector.dtype)[..., None] * vector


def largest_coordinate(x: Array) -> Array:
    """The largest |x_i| of every row, (*batch, 1), as a constant: a unit that keeps squares from overflow."""
    xp, size = namespace(x), abs(values(x))
    return xp.amax(size, dim=-1, keepdim=True) if xp.__name__ == "torch" else xp.max(size, axis=-1, keepdims=True)


def root(z: Array) -> Array:
    """sqrt(z) for z >= 0 with derivative 0, not infinite, where z = 0; NaN below 0."""
    xp = namespace(z)
    zero = z == 0.0
    if settled(zero) is False:
        return xp.sqrt(z)
    return xp.where(zero, z * 0.0, xp.sqrt(xp.where(zero, z * 0.0 + 1.0, z)))


def scaled(z: Array) -> tuple[Array, Array, Array]:
    """(s, sinh(x)/x e^-s, cosh(x) e^-s) of z = x^2, s = 0 where x < 1 and s = x elsewhere.

    Smooth in z at 0, without overflow for any x: the exponential growth is in s.
    """
    xp = namespace(z)
    far = z >= 1.0
    one_side = settled(far)
    if one_side is True:
        return _scaled_far(xp, xp.sqrt(z))
    if one_side is False:
        return z * 0.0, *_scaled_near(z)
    zero = z * 0.0
    near = xp.where(far, zero, z)
    x, sinhc, cosh = _scaled_far(xp, xp.sqrt(xp.where(far, z, zero + 1.0)))
    near_sinhc, near_cosh = _scaled_near(near)
    return xp.where(far, x, zero), xp.where(far, sinhc, near_sinhc), xp.where(far, cosh, near_cosh)


def _scaled_near(z: Array) -> tuple[Array, Array]:
    return polynomial(z, SINHC), 1.0 + z * polynomial(z, COSHM1)


def _scaled_far(xp: ModuleType, x: Array) -> tuple[Array, Array, Array]:
    loss = xp.expm1(-2.0 * x)
    return x, -0.5 * loss / x, 1.0 + 0.5 * loss


class ExponentGap(NamedTuple):
    """Of ``exponent_gap``; the other two differences of its exponents follow from ``rest``, ``over`` and ``size``:

    s_b - s_a - s_step = rest + over - (size + step),      s_a - s_b - s_step = over - rest - (size - step).
    """

    gap: Array
    """s_step - s_a - s_b"""
    rest: Array
    """(a - s_a) - (b - s_b)"""
    over: Array
    """size - s_step"""
    size: Array
    """|step|"""


def exponent_gap(a: Array, s_a: Array, b: Array, s_b: Array, step: Array, s_step: Array) -> ExponentGap:
    """s_step - s_a - s_b for step = a - b, a and b > 0; each s is the exponent that ``scaled`` takes out of its number.

    As it stands the terms are rounded by eps a, which an exponential would make its relative error. By what the
    exponents leave, which is below 1, and |a - b| - a - b = -2 min(a, b).
    """
    xp = namespace(a, b, step)
    longer = step > 0.0
    size, least = xp.where(longer, step, -step), xp.where(longer, b, a)
    left_a, left_b, over = _left(a, s_a), _left(b, s_b), _left(size, s_step)
    return ExponentGap(left_a + left_b - over - 2.0 * least, left_a - left_b, over, size)


def _left(x: Array, s: Array) -> Array:
    """x - s for an exponent s that is x to rounding, or 0."""
    return namespace(x, s).where(s == 0.0, x, x * 0.0)


def steepness(exponent: Array) -> Array:
    """exp(exponent), and 0 beyond ``STEEPEST``: a factor of what is exactly 0 there, kept for its derivative."""
    xp = namespace(exponent)
    over = exponent > STEEPEST
    if settled(over) is False:
        return xp.exp(exponent)
    return xp.where(over, exponent * 0.0, xp.exp(xp.where(over, exponent * 0.0, exponent)))


def reject(x: Array, y: Array) -> Array:
    """The part of x that is orthogonal to y, to a few eps of itself even where x and y are all but parallel.

    y must not be 0. With y_p the largest coordinate of y, x - (x_p/y_p) y has the coordinates (x_i y_p - x_p y_i)/y_p,
    differences of two products that are formed exactly: 0 where x and y are parallel, and never near the direction of
    y, so that what is left along y can be taken out in plain arithmetic.
    """
    xp = namespace(x, y)
    pivot = xp.arange(y.shape[-1], **place(y)) == xp.argmax(xp.abs(y), axis=-1)[..., None]
    y_pivot = xp.sum(xp.where(pivot, y, y * 0.0), axis=-1)[..., None]
    x_pivot = xp.sum(xp.where(pivot, x, x * 0.0), axis=-1)[..., None]
    (first, first_lost), (second, second_lost) = two_product(x, y_pivot), two_product(x_pivot, y)
    rest = ((first - second) + (first_lost - second_lost)) / y_pivot
    return rest - (dot(rest, y) / dot(y, y))[..., None] * y
