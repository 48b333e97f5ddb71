"""Signed distances from points to geodesic hyperplanes, for any radius of either; Euclidean at c = 0.

A hyperplane is given by a unit vector n and the signed distance r from the origin at which it crosses, at a right
angle, the geodesic along n (Shimizu et al. 2021, arXiv 2006.08210, section 3.1, the unidirectional form of Ganea et al.
2018, arXiv 1805.09112, theorem 5). A point at radius R in the direction u lies at the distance D, positive on n's side:

    sinh(k D) = sinh(k R) <u, n> cosh(k r) - cosh(k R) sinh(k r),      k = sqrt(c),

the Minkowski product of the point (cosh(k R), sinh(k R) u) with the hyperplane's normal (sinh(k r), cosh(k r) n). Many
points against many planes are therefore one product of matrices: ``lift_points`` and ``lift_planes`` give its factors,
``pull_back_points`` and ``pull_back_planes`` what a gradient in these is in points, planes and c.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hyperdist.arrays.namespace import Array, namespace, settled, values
from hyperdist.arrays.rows import column, dot, exponent_gap, scaled, steepness
from hyperdist.arrays.stable import SINHC, asinhc_sq, polynomial
from hyperdist.arrays.types import Scalar
from hyperdist.geometry import conversions
from hyperdist.geometry.half_vector import bearing

_DIRECTED = 1.0 / 16.0
"""Smallest squared radius (times c) of point and plane for which the angle between them is used."""
_LEAST_SQUARE = 1e-18
"""The squared length that a shorter normal is taken to have, so that its plane's distance |b|/|a| is a number."""
PLANE_REACH = 8.0
"""Distance k|r| of planes up to which ``lift_planes`` takes no exponent out: the room that points leave."""

_SERIES = 0.01
"""Squared radius (times c) below which the derivative of sinh(x)/x in x^2 is taken from its power series."""
_SINHC_SLOPE = tuple(k * SINHC[k] for k in range(1, 5))


def dist(x: Array, n: Array, r: Array, c: Scalar, model: str = "tangent") -> Array:
    """Signed distance from points to hyperplanes, (*batch).

    x : (*batch, d) or (*batch, d + 1)  points of ``model``;  n : (*batch, d)  unit normals;  r : (*batch)  distances of
        the planes from the origin, signed. Batch axes broadcast.
    Accuracy  at exactly the given coordinates; absolute error <= 16 eps (1 + kR + k|r|) t / (k cosh(k D)), where t is
              sinh(kR) cosh(kr) + cosh(kR) sinh(kr), but where the plane faces the point (cos > 0, cos the cosine of the
              angle between x and sign(r) n) sinh|kR - k|r|| + sinh(kR) cosh(kr) (1 - cos) + min(kR, 1) + min(k|r|, 1):
              the rounding of a cosine near 1 is not multiplied by the exponential of a radius.
    Gradient  right on the plane itself, at x = 0 and at c = 0, twice, wherever it can be represented.
    """
    v = conversions.to_tangent(x, c, model)
    xp = namespace(v, n, r, c)
    r = r + dot(v, n) * 0.0
    r_square, a_square = c * r * r, c * dot(v, v) + r * 0.0
    a_growth, a_sinhc, a_cosh = scaled(a_square)
    r_growth, r_sinhc, r_cosh = scaled(r_square)
    plain = a_sinhc * r_cosh * dot(v, n) - a_cosh * r_sinhc * r

    # The plane seen from the side on which it lies: cos(theta) is near 1 where the two terms above nearly cancel.
    side = xp.where(r < 0.0, r * 0.0 - 1.0, r * 0.0 + 1.0)
    facing = (dot(v, n) * side > 0.0) & (a_square >= _DIRECTED) & (r_square >= _DIRECTED)
    safe_v = xp.where(facing[..., None], v + n * 0.0, n)
    _, _, half_sine_sq = bearing(safe_v, n * side[..., None])
    length = xp.sqrt(dot(safe_v, safe_v))
    step = xp.where(facing, length - r * side, r * 0.0)
    step_growth, step_sinhc, _ = scaled(c * step * step)
    aligned = facing & (half_sine_sq == 0.0)
    growth = xp.where(aligned, step_growth, a_growth + r_growth)
    product = length * a_sinhc * r_cosh * steepness(a_growth + r_growth - growth)
    k = xp.sqrt(xp.where(facing, c + r * 0.0, r * 0.0 + 1.0))
    lost = exponent_gap(k * length, a_growth, k * side * r, r_growth, k * step, step_growth).gap
    shrink = xp.exp(xp.where(facing & ~aligned, lost, lost * 0.0))
    turned = side * (step * step_sinhc * shrink - 2.0 * half_sine_sq * product)
    return arsinh(xp.where(facing, turned, plain), c, growth)


def arsinh(q: Array, rho: Array, growth: Array) -> Array:
    """asinh(k q e^growth)/k of k = sqrt(rho) >= 0, without overflow; q e^growth at rho = 0.

    Relative error of a few eps (1 + growth) wherever q is normal; right derivatives at q = 0 and at rho = 0, where
    e^growth can be represented.
    """
    xp = namespace(q, rho, growth)
    rho, growth = rho + q * 0.0, growth + q * 0.0
    size = xp.abs(q)
    decay = xp.exp(-growth)
    flat = rho == 0.0
    one = q * 0.0 + 1.0
    k = xp.sqrt(xp.where(flat, one, rho))
    near = flat | (k * size < decay) | (q == 0.0)
    most = 2.0 * reach(q.dtype)  # beyond it only where q is 0
    grown = xp.where(near, q * xp.exp(xp.where(near & (growth < most), growth, q * 0.0)), q * 0.0)
    height = k * xp.where(near, one, size)
    # hypot(height, decay), without the squares of what may be large or small
    larger, smaller = xp.where(height > decay, height, decay), xp.where(height > decay, decay, height)
    root = larger * xp.sqrt(1.0 + xp.square(smaller / larger))
    far = (growth + xp.log(height + root)) / k
    return xp.where(near, grown * asinhc_sq(rho * grown * grown), xp.where(q < 0.0, -far, far))


def inverse_slope(q: Array, rho: Array, growth: Array) -> Array:
    """1 over the derivative of ``arsinh`` in q, e^-growth sqrt(1 + rho q^2 e^(2 growth)); at least e^-reach."""
    xp = namespace(q, rho, growth)
    return xp.hypot(xp.sqrt(rho) * q, xp.clip(xp.exp(-growth), float(np.exp(-reach(q.dtype))), None))


class Lifted(NamedTuple):
    """A factor of the product of points and planes."""

    vector: Array
    """(*batch, d + 1)"""
    excess: Array | None
    """The exponent that was taken out of the vectors, (*batch), a constant; None where none was."""
    sinhc: Array
    cosh: Array
    """sinh(x)/x and cosh(x), (*batch), x = k R or k r, without the excess."""


def reach(dtype: Any) -> float:
    """Half the logarithm of the largest number of a dtype, 44 or 354: e^reach can be squared."""
    return 0.5 * float(np.log(np.finfo(str(dtype).rpartition(".")[2]).max)) - 0.25


def lift_points(x: Array, c: Scalar) -> Lifted:
    """(sinhc(k R) x, cosh(k R)) of tangent coordinates x (*batch, d), without what k R has beyond ``reach`` - 8."""
    most = reach(x.dtype) - PLANE_REACH
    sinhc, cosh, excess = _scaled_beyond(c * dot(x, x), most, most)
    return Lifted(namespace(x, c).concat([column(sinhc) * x, cosh[..., None]], axis=-1), excess, sinhc, cosh)


def lift_planes(a: Array, b: Array, c: Scalar, most: float = PLANE_REACH) -> tuple[Lifted, Array]:
    """The planes with normals a/|a| at the distance -b/|a|, as factors of <x, a> + b in curved space, and rho, (m).

    a : (m, d);  b : (m);  most : the distance k|r| beyond which an exponent is taken out;  rho = c/|a|^2.
    With q = lift_points(x) . lift_planes(a, b), |a| times the signed distance is

        arsinh(q, rho, sum of the excesses) = |a|/k asinh(k/|a| (sinhc(k R) cosh(k r) <x, a> + cosh(k R) sinhc(k r) b)),

    which is <x, a> + b at c = 0. As a goes to 0 the plane moves to infinity and the value tends to b.
    """
    xp = namespace(a, b, c)
    rho = c / _held(dot(a, a))
    sinhc, cosh, excess = _scaled_beyond(rho * b * b, 1.0, most)
    return Lifted(xp.concat([column(cosh) * a, (sinhc * b)[..., None]], axis=-1), excess, sinhc, cosh), rho


def growth(points: Lifted, planes: Lifted) -> Array | None:
    """The exponents taken out of the product of points (*batch) and planes (m), to broadcast against it, or None."""
    if points.excess is None:
        return planes.excess
    return points.excess[..., None] + (0.0 if planes.excess is None else planes.excess)


def pull_back_points(x: Array, c: Scalar, lifted: Lifted, grad: Array) -> tuple[Array, Array]:
    """The gradient in lift_points(x, c)'s vector, (*batch, d + 1), as that in x and, summed, in c."""
    square, along = dot(x, x), grad[..., :-1]
    in_z = _in_square(c * square, lifted, dot(along, x), grad[..., -1])
    return column(lifted.sinhc) * along + column(2.0 * c * in_z) * x, namespace(x, grad).sum(in_z * square)


def pull_back_planes(
    a: Array, b: Array, c: Scalar, lifted: Lifted, grad: Array, in_rho: Array
) -> tuple[Array, Array, Array]:
    """Gradients in lift_planes(a, b, c)'s vector, (m, d + 1), and rho, (m), as those in a, b and, summed, in c."""
    xp = namespace(a, b, grad)
    square = dot(a, a)
    held = _held(square)
    rho, along, last = c / held, grad[..., :-1], grad[..., -1]
    in_z = _in_square(rho * b * b, lifted, last * b, dot(along, a))
    in_rho = in_rho + in_z * b * b
    turn = xp.where(square < _LEAST_SQUARE, square * 0.0, 2.0 * rho / held * in_rho)
    in_a = column(lifted.cosh) * along - column(turn) * a
    return in_a, lifted.sinhc * last + 2.0 * rho * b * in_z, xp.sum(in_rho / held)


def _held(square: Array) -> Array:
    return namespace(square).where(square < _LEAST_SQUARE, square * 0.0 + _LEAST_SQUARE, square)


def _in_square(z: Array, lifted: Lifted, in_sinhc: Array, in_cosh: Array) -> Array:
    """The gradient in z = x^2 from those in sinh(x)/x and cosh(x)."""
    xp = namespace(z)
    near = z < _SERIES
    closed = 0.5 * (lifted.cosh - lifted.sinhc) / xp.where(near, z * 0.0 + 1.0, z)
    slope = xp.where(near, polynomial(xp.where(near, z, z * 0.0), _SINHC_SLOPE), closed)
    return in_sinhc * slope + 0.5 * lifted.sinhc * in_cosh


def _scaled_beyond(z: Array, least: float, most: float) -> tuple[Array, Array, Array | None]:
    """(sinh(x)/x e^-s, cosh(x) e^-s, s) of z = x^2: s = x - least where x > ``most``, else 0; None where no x is.

    Few operations: a layer calls this on every step. Above z = 1e-8 the derivative in z loses eps/z, that in x nothing.
    """
    xp = namespace(z)
    near = z < 1e-8
    small = xp.where(near, z, z * 0.0)
    x = xp.sqrt(xp.where(near, z * 0.0 + 1.0, z))
    excess = None
    far = x > most
    if settled(far) is not False:
        over = values(x) - least
        excess = xp.where(far, over, over * 0.0)
    growth, fall = xp.exp(x if excess is None else x - excess), xp.expm1(-2.0 * x)
    # Squares for the second derivative in c at c = 0.
    near_sinhc, near_cosh = 1.0 + small * (1.0 / 6.0 + small / 120.0), 1.0 + small * (0.5 + small / 24.0)
    sinhc = xp.where(near, near_sinhc, -0.5 * growth * fall / x)
    return sinhc, xp.where(near, near_cosh, growth * (1.0 + 0.5 * fall)), excess
