"""The hyperboloid -x_0^2 + |s|^2 = -1/c in R^(d+1), points x = (x_0, s), time coordinate first; c > 0.

A point is read from its space part s alone: the time coordinate of a point at radius 30 is rounded by more than 1/c, so
that -x_0^2 + |s|^2 says nothing there, while sqrt(1/c + |s|^2) is right to an eps. There is no limit at c = 0, where
the time coordinate is infinite: use ``tangent`` or ``poincare``.

Accuracy of ``dist``: relative error <= 1e-13 in float64 for radii up to 300, and near x = y. Radii up to where cosh
overflows work, 709/sqrt(c) in float64 and 88/sqrt(c) in float32.
"""

from __future__ import annotations

from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import column, dot, root
from hyperdist.arrays.stable import asinhc_sq, sinhc_sq
from hyperdist.arrays.types import Scalar
from hyperdist.geometry import tangent
from hyperdist.geometry.half_vector import Half, bearing, half_dist_sq, half_log, half_rotate, shares

_NEAR = 1.5
"""Largest cosh(a) of a pair for which E is formed from x - y and x + y."""
_DIRECTED = 1.03
"""Smallest cosh(a) for which a point's direction is used."""


_REACH = {"float32": (2.0**50, 2.0**-75), "float64": (2.0**400, 2.0**-600)}
"""A coordinate beyond which products would overflow, and the power of 2 that brings it back, exactly."""


def _root1p(v: Array) -> Array:
    """sqrt(1 + |v|^2) over the last axis, without overflow."""
    xp = namespace(v)
    size = xp.max(xp.abs(v), axis=-1) if xp.__name__ != "torch" else xp.amax(xp.abs(v), dim=-1)
    size = xp.where(size > 1.0, size, size * 0.0 + 1.0)
    part = v / size[..., None]
    return size * xp.sqrt(xp.square(1.0 / size) + dot(part, part))


def cosh_radius(s: Array, c: Scalar) -> Array:
    """sqrt(c) x_0 = cosh(a) of the space part s, (*batch)."""
    return _root1p(column(c**0.5) * s)


def off(x: Array, c: Scalar) -> Array:
    """Relative error of the time coordinate, (*batch): 0 for a point of the hyperboloid."""
    time = cosh_radius(x[..., 1:], c)
    return abs(c**0.5 * x[..., 0] - time) / time


def lift(s: Array, c: Scalar) -> Array:
    """The point with space part s."""
    return namespace(s, c).concat([(cosh_radius(s, c) / c**0.5)[..., None], s + column(c) * 0.0], axis=-1)


def half(x: Array, y: Array, c: Scalar) -> Half:
    """The half-way vector of two points (see ``_hyperbolic``) from their space parts, over cosh(a/2) cosh(b/2).

    It is the difference s/(1 + cosh a) - t/(1 + cosh b) of ball coordinates. Both radii small: by s - t and s + t with
    cosh b - cosh a = c (t - s).(t + s)/(cosh a + cosh b). One small, one not: as it stands. Else: along and across t,
    with sinh(a - b) = c (s - t).(s + t)/(sinh a cosh b + sinh b cosh a).
    """
    xp = namespace(x, y, c)
    s, t = x[..., 1:] + y[..., 1:] * 0.0, y[..., 1:] + x[..., 1:] * 0.0
    k = c**0.5
    a_cosh, b_cosh = cosh_radius(s, c), cosh_radius(t, c)
    one = a_cosh * 0.0 + 1.0
    near = (a_cosh <= _NEAR) & (b_cosh <= _NEAR)
    polar = ~near & (a_cosh >= _DIRECTED) & (b_cosh >= _DIRECTED)
    a_weight, b_weight = 1.0 / (1.0 + a_cosh), 1.0 / (1.0 + b_cosh)

    near_s, near_t = xp.where(near[..., None], s, s * 0.0), xp.where(near[..., None], t, t * 0.0)
    difference, total = near_s - near_t, near_s + near_t
    slope = c * dot(difference, total) / (a_cosh + b_cosh) * a_weight * b_weight
    close = (0.5 * (a_weight + b_weight))[..., None] * difference - (0.5 * slope)[..., None] * total

    limit, down = _REACH[str(s.dtype).rpartition(".")[2]]
    safe_s = xp.where(polar[..., None], s, s * 0.0 + 1.0)
    safe_t = xp.where(polar[..., None], t, t * 0.0 + 1.0)
    a_scale = xp.where(polar & (a_cosh > limit), one * down, one)[..., None]
    b_scale = xp.where(polar & (b_cosh > limit), one * down, one)[..., None]
    across, unit, half_sine_sq = bearing(safe_s * a_scale, safe_t * b_scale)
    a_tanh = xp.sqrt(xp.where(polar, 1.0 - xp.square(1.0 / a_cosh), one))
    b_tanh = xp.sqrt(xp.where(polar, 1.0 - xp.square(1.0 / b_cosh), one))
    # (a - b): numerator and denominator over cosh a + cosh b, so that neither overflows
    larger = xp.where(a_cosh > b_cosh, a_cosh, b_cosh)
    smaller = xp.where(a_cosh > b_cosh, b_cosh, a_cosh)
    step = k * dot(safe_s - safe_t, column(k) * (safe_s / larger[..., None] + safe_t / larger[..., None]))
    sinh_step = step / (smaller * (a_tanh + b_tanh))
    half_step = sinh_step / xp.sqrt(2.0 * (1.0 + _root1p(sinh_step[..., None])))
    a_half, b_half = xp.sqrt(0.5 * (1.0 + a_cosh)), xp.sqrt(0.5 * (1.0 + b_cosh))
    a_half_tanh = a_tanh * a_cosh * a_weight
    along = half_step / a_half / b_half - 2.0 * half_sine_sq * a_half_tanh
    bent = (a_half_tanh / k)[..., None] * across + (along / k)[..., None] * unit

    direct = a_weight[..., None] * s - b_weight[..., None] * t
    return Half(
        vector=xp.where(near[..., None], close, xp.where(polar[..., None], bent, direct)),
        scale=xp.log(a_half) + xp.log(b_half),
        x_ratio=2.0 * a_weight,
        y_ratio=2.0 * b_weight,
        product=one,
        ball=a_weight[..., None] * s,
    )


def dist_sq(x: Array, y: Array, c: Scalar) -> Array:
    """Squared distance, (*batch)."""
    return half_dist_sq(half(x, y, c), c)


def log_frame(x: Array, y: Array, c: Scalar) -> Array:
    """log_x(y) in the orthonormal frame at x, (*batch, d)."""
    return half_log(half(x, y, c), c)


def to_frame(x: Array, u: Array, c: Scalar) -> Array:
    """Frame coordinates of the tangent u = (u_0, w) at x = (x_0, s): w - sqrt(c) u_0/(1 + sqrt(c) x_0) s."""
    weight = c**0.5 * u[..., 0] / (1.0 + cosh_radius(x[..., 1:], c))
    return u[..., 1:] - column(weight) * x[..., 1:]


def from_frame(x: Array, v: Array, c: Scalar) -> Array:
    """The boost to x of (0, v): (sqrt(c) s.v, v + c (s.v)/(1 + sqrt(c) x_0) s)."""
    xp = namespace(x, v, c)
    s = x[..., 1:]
    time = c**0.5 * dot(s, v)
    weight = c * dot(s, v) / (1.0 + cosh_radius(s, c))
    return xp.concat([time[..., None], v + column(weight) * s], axis=-1)


def dist(x: Array, y: Array, c: Scalar) -> Array:
    """Distance, (*batch): 0 where x equals y, and its gradient there taken as 0; ``dist_sq`` is smooth."""
    return root(dist_sq(x, y, c))


def lorentz_to_tangent(x: Array, c: Scalar) -> Array:
    """Lorentz to tangent coordinates, from the space part alone: asinh(k|s|)/(k|s|) s, without overflow of |s|^2."""
    xp = namespace(x, c)
    s = x[..., 1:]
    cosh = cosh_radius(s, c)
    near = cosh < 2.0
    slope = s / cosh[..., None]
    close = xp.where(near[..., None], slope, slope * 0.0) * cosh[..., None]
    tanh = xp.sqrt(xp.where(near, cosh * 0.0 + 1.0, c * dot(slope, slope)))
    radius = xp.log(cosh) + xp.log(1.0 + tanh)
    return xp.where(near[..., None], column(asinhc_sq(c * dot(close, close))) * s, column(radius / tanh) * slope)


def exp(x: Array, u: Array, c: Scalar) -> Array:
    """The point reached from x with velocity u in unit time, worked out in tangent coordinates.

    cosh(r) x + sinh(r)/r u, r = sqrt(c)|u|, is the same, but cancels where u points inwards: by exp(2a) at radius a.
    """
    end = tangent.boost(lorentz_to_tangent(x, c), to_frame(x, u, c), c)
    return lift(column(sinhc_sq(c * dot(end, end))) * end, c)


def log(x: Array, y: Array, c: Scalar) -> Array:
    """The velocity at x of the geodesic that reaches y at time 1."""
    return from_frame(x, log_frame(x, y, c), c)


def inner(x: Array, u: Array, v: Array, c: Scalar) -> Array:
    """-u_0 v_0 + u_1 v_1 + ..., (*batch), through the frame at x, where nothing cancels."""
    return dot(to_frame(x, u, c), to_frame(x, v, c))


def transport(x: Array, y: Array, u: Array, c: Scalar) -> Array:
    """u + <y, u>/(1/c - <x, y>) (x + y), in the frames at x and y."""
    return from_frame(y, half_rotate(half(x, y, c), c, to_frame(x, u, c)), c)


def log_volume(x: Array, c: Scalar) -> Array:
    """0, (*batch): densities on the hyperboloid are with respect to its own volume."""
    return x[..., 0] * 0.0 + c * 0.0


def geodesic(x: Array, y: Array, t: Array, c: Scalar) -> Array:
    """The point at time t (*batch) of the geodesic from x (t = 0) to y (t = 1), any t.

    (sinh((1 - t) D) x + sinh(t D) y)/sinh(D), D = sqrt(c) dist(x, y), put on the hyperboloid by its space part.
    Accuracy  where 0 <= t <= 1, what rounding of x, y and the result implies: eps (1 + D) cosh(a)/sqrt(c), a the
              result's radius in units of 1/sqrt(c).
    """
    xp = namespace(x, y, t, c)
    share = shares(c * dist_sq(x, y, c), t)
    from_x = column(share.x * xp.exp(share.x_growth)) * x[..., 1:]
    return lift(from_x + column(share.y * xp.exp(share.y_growth)) * y[..., 1:], c)
