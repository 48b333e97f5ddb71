"""Hyperbolic space in exponential (normal) coordinates at the origin: x stands for the point exp_0(x).

|x| is the distance from the origin, so the chart holds radii that ball and Lorentz coordinates cannot: 1e9 in either
dtype. At c = 0 it is Euclidean space, and every kernel goes there smoothly.

Accuracy of ``dist``: relative error <= 1e-13 in float64 for radii up to 300, and near x = y, at exactly the given
coordinates; that holds for directions that agree to the last bit, whose angle is formed by exact products.
``log_frame``, ``boost`` and the transport are right to a few eps (1 + min(a, -log eps)), relative to their length, at
any radius a, in units of 1/sqrt(c).
Gradients of ``dist_sq`` and ``log`` are right at x = y and at 0, twice.
"""

from __future__ import annotations

from typing import Any

from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import STEEPEST, column, dot, exponent_gap, reject, root, scaled, steepness
from hyperdist.arrays.stable import log_sinhc_sq, sinhc_sq, tanhc_sq
from hyperdist.arrays.types import Scalar
from hyperdist.geometry.half_vector import (
    Half,
    bearing,
    beyond,
    half_dist_sq,
    half_log,
    half_rotate,
    shares,
    shrink,
    within,
)

_NEAR = 1.0
"""Largest squared radius (times c) of a pair for which E is formed from x - y and x + y by a power series."""
_DIRECTED = 1.0 / 16.0
"""Smallest squared radius (times c) for which a point's direction is used."""
_TERMS = 10
"""Terms of the divided difference's series: the rest is < 1/21! for radii up to 1."""


def _divided_difference(total: Array, product: Array) -> Array:
    """(f(p) - f(q))/(p - q) of f(z) = sinh(sqrt z)/sqrt z from p + q and p q: sum_n h_n(p, q)/(2n + 3)!.

    h_n is the complete homogeneous symmetric polynomial, h_n = (p + q) h_(n-1) - p q h_(n-2).
    """
    before, current = total * 0.0, total * 0.0 + 1.0
    coefficient = 1.0 / 6.0
    result = coefficient * current
    for n in range(1, _TERMS):
        before, current = current, total * current - product * before
        coefficient /= (2.0 * n + 2.0) * (2.0 * n + 3.0)
        result = result + coefficient * current
    return result


def _near(x: Array, y: Array, half_a: tuple[Array, ...], half_b: tuple[Array, ...], c: Scalar) -> Array:
    """E where both radii are below 1: proportional to x - y, to the last bits.

    E = (P + Q)/2 (x - y) + (P - Q)/2 (x + y) with P = sinhc(a/2) cosh(b/2)/2 and Q = sinhc(b/2) cosh(a/2)/2;
    sinh(u) cosh(v) v - sinh(v) cosh(u) u shows P - Q = -(a^2 - b^2)/4 times the divided difference of sinhc at
    ((a + b)/2)^2 and ((a - b)/2)^2.
    """
    difference, total = x - y, x + y
    gap = 0.25 * c * dot(difference, total)
    mean = 0.25 * (half_a[1] * half_b[2] + half_b[1] * half_a[2])
    slope = _divided_difference(0.5 * c * (dot(x, x) + dot(y, y)), gap * gap)
    return mean[..., None] * difference - (0.5 * gap * slope)[..., None] * total


def half(x: Array, y: Array, c: Scalar) -> Half:
    """The half-way vector of x and y (see ``_hyperbolic``), chosen among three forms by the two radii.

    Both radii below 1: a power series in the squares, smooth at 0. One below 1/4, the other above 1: the definition,
    whose terms differ by a factor of 2. Else: along and across y, sinh(a/2) cosh(b/2) r + (sinh((a - b)/2) - 2
    sin^2(theta/2) sinh(a/2) cosh(b/2)) yhat, r being the part of xhat orthogonal to y, and a - b = (x - y).(x + y)/(a
    + b).
    """
    xp = namespace(x, y, c)
    a_sq, b_sq = c * dot(x, x), c * dot(y, y)
    a_sq, b_sq = a_sq + b_sq * 0.0, b_sq + a_sq * 0.0
    zero, one = a_sq * 0.0, a_sq * 0.0 + 1.0
    near = (a_sq <= _NEAR) & (b_sq <= _NEAR)
    polar = ~near & (a_sq >= _DIRECTED) & (b_sq >= _DIRECTED)
    half_a, half_b = scaled(0.25 * a_sq), scaled(0.25 * b_sq)

    def keep(mask: Array, v: Array) -> Array:
        return xp.where(mask[..., None], v, v * 0.0)

    close = _near(keep(near, x + y * 0.0), keep(near, y + x * 0.0), half_a, half_b, c)

    direct = (0.5 * half_a[1] * half_b[2])[..., None] * x - (0.5 * half_b[1] * half_a[2])[..., None] * y

    # A vector of ones stands in for a point whose direction is not used, so that nothing here is 0/0.
    safe_x = xp.where(polar[..., None], x + y * 0.0, x * 0.0 + y * 0.0 + 1.0)
    safe_y = xp.where(polar[..., None], y + x * 0.0, x * 0.0 + y * 0.0 + 1.0)
    across, unit, half_sine_sq = bearing(safe_x, safe_y)
    a_length, b_length = xp.sqrt(dot(safe_x, safe_x)), xp.sqrt(dot(safe_y, safe_y))
    difference = c * dot(safe_x - safe_y, (safe_x + safe_y) / (a_length + b_length)[..., None])
    k = xp.sqrt(xp.where(polar, c + zero, one))
    step = 0.5 * difference / k
    half_step = scaled(step * step)
    sinh_cosh = 0.5 * k * a_length * half_a[1] * half_b[2]
    aligned = polar & (half_sine_sq == 0.0)
    growth = xp.where(aligned, half_step[0], half_a[0] + half_b[0])
    a, b = 0.5 * k * a_length, 0.5 * k * b_length
    lost, rest, over, size = exponent_gap(a, half_a[0], b, half_b[0], step, half_step[0])
    from_x, from_y = rest + over - (size + step), over - rest - (size - step)
    shrink = xp.exp(xp.where(polar & ~aligned, lost, zero))
    sinh_cosh = sinh_cosh * steepness(half_a[0] + half_b[0] - growth)
    along = step * half_step[1] * shrink - 2.0 * half_sine_sq * sinh_cosh
    bent = (sinh_cosh / k)[..., None] * across + (along / k)[..., None] * unit

    vector = xp.where(near[..., None], close, xp.where(polar[..., None], bent, direct))
    return Half(
        vector=vector,
        scale=growth,
        x_ratio=half_b[2] / half_a[2] * xp.exp(xp.where(aligned, from_x, -2.0 * half_a[0])),
        y_ratio=half_a[2] / half_b[2] * xp.exp(xp.where(aligned, from_y, -2.0 * half_b[0])),
        product=xp.exp(xp.where(aligned, lost, zero)) / (half_a[2] * half_b[2]),
        ball=column(0.5 * tanhc_sq(0.25 * a_sq)) * x,
    )


def dist_sq(x: Array, y: Array, c: Scalar) -> Array:
    """Squared distance, (*batch)."""
    return half_dist_sq(half(x, y, c), c)


def log_frame(x: Array, y: Array, c: Scalar) -> Array:
    """log_x(y) in the orthonormal frame at x: the coordinates of y after the boost that takes x to the origin."""
    return half_log(half(x, y, c), c)


def boost(mu: Array, v: Array, c: Scalar) -> Array:
    """exp_mu of the vector with frame coordinates v: the point v after the boost that takes the origin to mu."""
    return log_frame(-mu, v, c)


def _safe_radius(x: Array, c: Scalar) -> tuple[Any, Array, Array, Array]:
    """(near, near z, far z, far x) of z = c |x|^2, near below 1; 0 and 1 stand in where a form is not used."""
    xp = namespace(x, c)
    z = c * dot(x, x)
    near = z < 1.0
    return (
        near,
        xp.where(near, z, z * 0.0),
        xp.where(near, z * 0.0 + 1.0, z),
        xp.where(near[..., None], x * 0.0 + 1.0, x + z[..., None] * 0.0),
    )


def to_frame(x: Array, u: Array, c: Scalar) -> Array:
    """Frame coordinates of the chart vector u at x: its part along x as it is, the rest times sinh(a)/a."""
    xp = namespace(x, u, c)
    near, near_sq, far_sq, far_x = _safe_radius(x, c)
    excess = _divided_difference(near_sq, near_sq * 0.0)
    close = column(sinhc_sq(near_sq)) * u - column(c * excess * dot(x, u)) * x
    across = reject(u, far_x)
    along = u - across
    # sinhc may overflow where nothing lies across x for it to stretch
    needless = (dot(across, across) == 0.0) & (far_sq > STEEPEST**2)
    stretch = sinhc_sq(xp.where(needless, far_sq * 0.0 + 1.0, far_sq))
    return xp.where(near[..., None], close, stretch[..., None] * across + along)


def from_frame(x: Array, v: Array, c: Scalar) -> Array:
    """The chart vector at x with frame coordinates v; the inverse of ``to_frame``."""
    xp = namespace(x, v, c)
    near, near_sq, far_sq, far_x = _safe_radius(x, c)
    excess = _divided_difference(near_sq, near_sq * 0.0)
    close = (v + column(c * excess * dot(x, v)) * x) / column(sinhc_sq(near_sq))
    growth, sinhc, _ = scaled(far_sq)
    across = reject(v, far_x)
    return xp.where(near[..., None], close, (xp.exp(-growth) / sinhc)[..., None] * across + (v - across))


def dist(x: Array, y: Array, c: Scalar) -> Array:
    """Distance, (*batch): 0 where x equals y, and its gradient there taken as 0; ``dist_sq`` is smooth."""
    return root(dist_sq(x, y, c))


def exp(x: Array, u: Array, c: Scalar) -> Array:
    """The point reached from x along the geodesic that starts with velocity u."""
    return boost(x, to_frame(x, u, c), c)


def log(x: Array, y: Array, c: Scalar) -> Array:
    """The velocity at x of the geodesic that reaches y at time 1."""
    return from_frame(x, log_frame(x, y, c), c)


def inner(x: Array, u: Array, v: Array, c: Scalar) -> Array:
    """Riemannian inner product of two chart vectors at x, (*batch)."""
    return dot(to_frame(x, u, c), to_frame(x, v, c))


def transport(x: Array, y: Array, u: Array, c: Scalar) -> Array:
    """u at x carried along the geodesic to y."""
    return from_frame(y, half_rotate(half(x, y, c), c, to_frame(x, u, c)), c)


def log_volume(x: Array, c: Scalar) -> Array:
    """log sqrt det G = (d - 1) log(sinh(a)/a), (*batch)."""
    return (x.shape[-1] - 1.0) * log_sinhc_sq(c * dot(x, x))


def geodesic(x: Array, y: Array, t: Array, c: Scalar) -> Array:
    """The point at time t (*batch) of the geodesic from x (t = 0) to y (t = 1), any t, at any radius.

    Accuracy  where 0 <= t <= 1, what rounding of the result and of the distance implies: eps (cosh(a) + D + b)/sqrt(c),
              a the result's radius, b the larger one of x and y, D their distance, in units of 1/sqrt(c).
    """
    xp = namespace(x, y, t, c)
    share, start_end = shares(c * dist_sq(x, y, c), within(t)), beyond(x, y, t)
    a_growth, a_sinhc, _ = scaled(c * dot(x, x))
    b_growth, b_sinhc, _ = scaled(c * dot(y, y))
    from_x, from_y = share.x_growth + a_growth, share.y_growth + b_growth
    growth = xp.where(from_x > from_y, from_x, from_y)
    space = column(share.x * a_sinhc * xp.exp(from_x - growth)) * x
    space = space + column(share.y * b_sinhc * xp.exp(from_y - growth)) * y
    result = column(shrink(c * dot(space, space), growth)) * space
    if start_end is None:
        return result
    onward = boost(start_end.start, column(start_end.step) * log_frame(start_end.start, start_end.end, c), c)
    return xp.where(start_end.outside[..., None], onward, result)
