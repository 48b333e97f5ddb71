"""What the models of hyperbolic space share: distance and logarithm from the half-way vector.

For points x, y at radii a, b from the origin (in units of 1/sqrt(c)) let

    E = sinh(a/2) cosh(b/2) xhat - sinh(b/2) cosh(a/2) yhat        (over sqrt(c), so a length)

Then sinh^2(D/2) = c |E|^2 =: H, and in the frame at x, carried from the origin by the boost,

    log_x(y) = -2 (D / sinh D) (cosh(b/2)/cosh(a/2) E + H X),   X = tanh(a/2) xhat / sqrt(c),

X being the ball coordinates of x: multiply out the Mobius difference (-X) (+) Y of the ball, whose geodesic radius is D
and whose numerator is (1 - c|X|^2)(Y - X) - c|Y - X|^2 X, with E = cosh(a/2) cosh(b/2) (X - Y). Every model computes E
its own way without cancellation; the two terms of the logarithm cancel by a factor of 3 at most.

E is stored as ``vector * exp(scale)``, so that nothing overflows however far out the points are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hyperdist.arrays.namespace import Array, namespace, settled
from hyperdist.arrays.rows import column, dot, reject, scaled
from hyperdist.arrays.stable import asinhc_sq
from hyperdist.arrays.types import Scalar

_LOG_FAR = 40.0
"""log H beyond which D = log(4 H) and sinh D = 2 H to the last bit of a double."""
_GROWN = 21.0
"""Growth beyond which sinh(D) is e^D/2 to the last bit of a double, D > growth - 1."""


class Half(NamedTuple):
    """E of a pair of points x, y, and the row scalars that the logarithm and the transport need besides."""

    vector: Array
    scale: Array
    x_ratio: Array
    """cosh(b/2) / cosh(a/2) exp(-scale)"""
    y_ratio: Array
    """cosh(a/2) / cosh(b/2) exp(-scale)"""
    product: Array
    """exp(scale) / (cosh(a/2) cosh(b/2))"""
    ball: Array
    """Ball coordinates of x, (*batch, d)."""


def bearing(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """(r, yhat, sin^2(theta/2)) of two vectors that are not 0: xhat = r + cos(theta) yhat, r orthogonal to y.

    All three are right to a few eps, relative: r and a small sin^2(theta/2) come from exact products (``reject``).
    """
    xp = namespace(x, y)
    x_unit = x / xp.sqrt(dot(x, x))[..., None]
    y_unit = y / xp.sqrt(dot(y, y))[..., None]
    across = reject(x, y) / xp.sqrt(dot(x, x))[..., None]
    cosine = dot(x_unit, y_unit)
    acute = cosine > 0.0
    from_sine = 0.5 * dot(across, across) / (1.0 + xp.where(acute, cosine, cosine * 0.0))
    return across, y_unit, xp.where(acute, from_sine, 0.5 * (1.0 - cosine))


class _Split(NamedTuple):
    """E and H: as they are where H is below exp(40), and without their factor exp(scale) where ``far``."""

    far: Any
    vector: Array
    height: Array
    growth: Array
    """exp(scale), 1 where far"""
    distance: Array
    """sqrt(c) D where far, 0 elsewhere"""


def _split(half: Half, c: Scalar) -> _Split:
    xp = namespace(half.vector)
    h = c * dot(half.vector, half.vector)
    scale = half.scale + h * 0.0
    zero, one = h * 0.0, h * 0.0 + 1.0
    log_h = xp.log(xp.where(h > 0.0, h, one))
    far = (log_h + 2.0 * scale > _LOG_FAR) & (h > 0.0)
    growth = xp.exp(xp.where(far, zero, scale))
    vector = growth[..., None] * half.vector
    distance = xp.where(far, xp.log(4.0 * xp.where(far, h, one)) + 2.0 * scale, zero)
    return _Split(far, vector, c * dot(vector, vector), growth, distance)


def half_dist_sq(half: Half, c: Scalar) -> Array:
    """Squared distance of a pair, smooth everywhere; c may be 0."""
    part = _split(half, c)
    xp = namespace(half.vector)
    zero = part.height * 0.0
    near = 4.0 * dot(part.vector, part.vector) * xp.square(asinhc_sq(xp.where(part.far, zero, part.height)))
    c_safe = xp.where(part.far, c + zero, zero + 1.0)
    return xp.where(part.far, xp.square(part.distance) / c_safe, near)


def half_log(half: Half, c: Scalar) -> Array:
    """Logarithm of y at x in the frame at x, (*batch, d); its norm is the distance."""
    part = _split(half, c)
    xp = namespace(half.vector)
    height = xp.where(part.far, part.height * 0.0, part.height)
    near = 2.0 * asinhc_sq(height) / xp.sqrt(1.0 + height)
    size = xp.where(part.far, part.distance / xp.where(part.far, part.height, height + 1.0), near)
    ratio = half.x_ratio * part.growth
    return -(size * ratio)[..., None] * part.vector - (size * part.height)[..., None] * half.ball


def half_rotate(half: Half, c: Scalar, w: Array) -> Array:
    """Frame coordinates at y of the vector with frame coordinates w at x, carried along the geodesic.

    This is the gyration gyr[Y, -X] of the ball, a rotation in the plane of x and y (Ungar 2008, section 3.4 gives it in
    ball coordinates). Written in E it is the identity plus multiples of E and of H X:

        w + 2c/(1 + H) { [(X.w)(cosh(a/2)/cosh(b/2) + H/(cosh(a/2) cosh(b/2))) - c|X|^2 (E.w)] E
                         - [H (X.w) + cosh(b/2)/cosh(a/2) (E.w)] X }
    """
    part = _split(half, c)
    xp = namespace(half.vector)
    size = part.height + xp.where(part.far, part.height * 0.0, part.height * 0.0 + 1.0)
    xw, ew = dot(half.ball, w), dot(part.vector, w)
    lift = half.y_ratio * part.growth + part.height * half.product / part.growth
    along_e = 2.0 * c * (xw * lift - c * dot(half.ball, half.ball) * ew) / size
    along_x = 2.0 * c * (part.height * xw + half.x_ratio * part.growth * ew) / size
    return w + column(along_e) * part.vector - column(along_x) * half.ball


class Shares(NamedTuple):
    """Of the point p = w_x x + w_y y of a geodesic, written on the hyperboloid; row scalars."""

    x: Array
    """w_x exp(-x_growth)"""
    y: Array
    """w_y exp(-y_growth)"""
    x_growth: Array
    y_growth: Array
    rest: Array
    """1 - w_x - w_y"""


def shares(square: Array, t: Array) -> Shares:
    """The weights sinh((1 - t) D)/sinh(D) and sinh(t D)/sinh(D) of D^2 = ``square``, 1 - t and t at 0.

    A geodesic through far points needs no velocity, whose coordinates would have to hold numbers that differ by e^D:
    since w_x <= e^(-t D) where 0 <= t <= 1, what rounding does to w_x x and w_y y is what it does to x, y and p, eps
    times the largest coordinate of p. A relative error of the weights moves p by half of it along the geodesic.
    """
    xp = namespace(square, t)
    left = 1.0 - t
    growth, sinhc, _ = scaled(square)
    x_growth, x_sinhc, _ = scaled(left * left * square)
    y_growth, y_sinhc, _ = scaled(t * t * square)
    half_growth, _, half_cosh = scaled(0.25 * square)
    before, before_sinhc, _ = scaled(0.25 * t * t * square)
    after, after_sinhc, _ = scaled(0.25 * left * left * square)
    rest = 0.5 * t * left * square * before_sinhc * after_sinhc / half_cosh
    return Shares(
        x=left * x_sinhc / sinhc,
        y=t * y_sinhc / sinhc,
        x_growth=x_growth - growth,
        y_growth=y_growth - growth,
        rest=rest * xp.exp(before + after - half_growth),
    )


class Beyond(NamedTuple):
    """Of times t outside of [0, 1]: the nearer end, the other end, and the share of the way that leads on from it."""

    outside: Any
    start: Array
    end: Array
    step: Array


def beyond(x: Array, y: Array, t: Array) -> Beyond | None:
    """None where no time is outside."""
    xp = namespace(x, y, t)
    outside = (t < 0.0) | (t > 1.0)
    if settled(outside) is False:
        return None
    first = (t < 0.5)[..., None]
    step = xp.where(outside, xp.where(t < 0.5, t, 1.0 - t), t * 0.0)
    return Beyond(outside, xp.where(first, x, y), xp.where(first, y, x), step)


def within(t: Array) -> Array:
    """t, and the nearer of 0 and 1 where it lies beyond."""
    xp = namespace(t)
    return xp.where(t < 0.0, t * 0.0, xp.where(t > 1.0, t * 0.0 + 1.0, t))


def shrink(square: Array, growth: Array) -> Array:
    """e^growth D/sinh(D) where sinh(D) = e^growth sqrt(square); where growth is beyond 21, D > growth - 1."""
    xp = namespace(square)
    far = (growth > _GROWN) & (square > 0.0)
    grown = xp.exp(xp.where(far, square * 0.0, growth))
    near = grown * asinhc_sq(xp.where(far, square * 0.0, square) * grown * grown)
    safe = xp.where(far, square, square * 0.0 + 1.0)
    return xp.where(far, (growth + 0.5 * xp.log(4.0 * safe)) / xp.sqrt(safe), near)
