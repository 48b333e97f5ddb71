"""The unit sphere S^d in R^(d+1); the origin is e_0 = (1, 0, ..., 0).

Kernels are pure; distances come from |x - y| and |x + y|, so they are right near 0 and near pi. Where y = -x every
great circle is a shortest path: the logarithm and the transport then take the one that starts along the first axis of
the frame at x.
"""

from __future__ import annotations

import math

from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import column, dot, root
from hyperdist.arrays.stable import polynomial, sinc_sq

_SWITCH = 0.05
"""sin^2(theta/2) below which (theta/2)^2 is summed as a power series."""
_ASIN_SQ = tuple(0.5 * 4.0**n / (n * n * math.comb(2 * n, n)) for n in range(1, 15))
"""asin(sqrt z)^2 / z = sum_n (4 z)^n / (2 n^2 C(2n, n)) / z."""


def _cos_sq(z: Array) -> Array:
    """cos(sqrt z), smooth in z at 0."""
    return 1.0 - 0.5 * z * namespace(z).square(sinc_sq(0.25 * z))


def _angle_sq(apart: Array, together: Array) -> tuple[Array, Array]:
    """theta^2 and theta^2/|x - y|^2 from |x - y|^2 and |x + y|^2, smooth where apart = 0."""
    xp = namespace(apart, together)
    small = apart < 4.0 * _SWITCH
    near, far = xp.where(small, apart, apart * 0.0), xp.where(small, apart * 0.0 + 1.0, apart)
    series = polynomial(0.25 * near, _ASIN_SQ)
    angle = 2.0 * xp.atan2(xp.sqrt(far), root(together))
    square = angle * angle
    return xp.where(small, near * series, square), xp.where(small, series, square / far)


def dist_sq(x: Array, y: Array) -> Array:
    """Squared angle between x and y, (*batch); smooth at x = y."""
    difference, total = x - y, x + y
    return _angle_sq(dot(difference, difference), dot(total, total))[0]


def dist(x: Array, y: Array) -> Array:
    """Angle between x and y, 2 atan2(|x - y|, |x + y|), (*batch): a few eps, relative, from 0 to pi."""
    difference, total = x - y, x + y
    return 2.0 * namespace(x, y).atan2(root(dot(difference, difference)), root(dot(total, total)))


def exp(x: Array, u: Array) -> Array:
    """cos|u| x + sin|u|/|u| u."""
    z = dot(u, u)
    return column(_cos_sq(z)) * x + column(sinc_sq(z)) * u


def _departure(x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """(p, |x - y|^2, |x + y|^2, antipodal): p = sin(theta) times the unit tangent at x that points to y.

    Near y = -x, where p is small, the rounding of |x| and |y| is not: what it leaves along x is taken out of p.
    """
    xp = namespace(x, y)
    difference, total = y - x, y + x
    apart, together = dot(difference, difference), dot(total, total)
    near = difference + 0.5 * apart[..., None] * x
    far = total - column(dot(total, x) / dot(x, x)) * x
    far = far - column(dot(far, x) / dot(x, x)) * x
    close = apart < together
    return xp.where(close[..., None], near, far), apart, together, ~close & (dot(far, far) == 0.0)


def _first_axis(x: Array) -> Array:
    """The first axis of the frame at x, (*batch, d + 1)."""
    xp = namespace(x)
    v = x[..., 1:]
    first = xp.concat([v[..., :1] * 0.0 + 1.0, v[..., 1:] * 0.0], axis=-1)
    return from_frame(x, first)


def log(x: Array, y: Array) -> Array:
    """theta/sin(theta) (y - cos(theta) x); at y = -x, pi along the first frame axis.

    Accuracy  of length theta and orthogonal to x to a few eps, wherever y is; its direction to eps/sin(theta), which is
              what rounding of x and y implies.
    """
    xp = namespace(x, y)
    p, apart, together, antipodal = _departure(x, y)
    one = apart * 0.0 + 1.0
    square, ratio_sq = _angle_sq(apart, together)
    near = apart < together
    # theta/sin(theta) = (theta/|x - y|) 2/|x + y| where x = y may be; far from it p's own length is the sine.
    close = 2.0 * xp.sqrt(xp.where(near, ratio_sq / xp.where(near, together, one), one))
    length_sq = xp.where(near | antipodal, one, dot(p, p))
    far = root(xp.where(near, one, square)) / xp.sqrt(length_sq)
    vector = column(xp.where(near, close, far)) * p
    return xp.where(antipodal[..., None], math.pi * _first_axis(x + y * 0.0), vector)


def inner(x: Array, u: Array, v: Array) -> Array:
    """u.v, (*batch)."""
    return dot(u, v)


def log_volume(x: Array) -> Array:
    """0, (*batch): densities on the sphere are with respect to its own area."""
    return x[..., 0] * 0.0


def transport(x: Array, y: Array, u: Array) -> Array:
    """u - (y.u)/(1 + x.y) (x + y); at y = -x along the geodesic that ``log`` takes there.

    Beyond a right angle, where x + y cancels, by the unit tangent e at x: u - (e.u) ((1 - cos theta) e + sin(theta) x).
    """
    xp = namespace(x, y, u)
    p, apart, together, antipodal = _departure(x, y)
    near = apart < together
    safe = xp.where(near, together, together * 0.0 + 1.0)
    moved = u - column(2.0 * dot(y, u) / safe) * (x + y)
    sine = xp.sqrt(xp.where(near | antipodal, safe * 0.0 + 1.0, dot(p, p)))
    e = xp.where(antipodal[..., None], _first_axis(x + y * 0.0), p / sine[..., None])
    sine = xp.where(antipodal, sine * 0.0, sine)
    turned = u - column(dot(e, u)) * (column(0.5 * apart) * e + column(sine) * x)
    return xp.where(near[..., None], moved, turned)


def geodesic(x: Array, y: Array, t: Array) -> Array:
    """The point at time t (*batch) of the shortest geodesic from x (t = 0) to y (t = 1), (*batch, d + 1)."""
    return exp(x, column(t) * log(x, y))


def _branch(x: Array) -> tuple[Array, Array, Array]:
    """(m, s, |x_0|) of x = (x_0, m), s the sign of x_0, 1 where it is 0: there |x_0| has the derivative of that side.

    ``abs`` has none at 0: a map that is smooth up to x_0 = 0 on either side would have that of neither.
    """
    xp = namespace(x)
    m, first = x[..., 1:], x[..., :1]
    south = first < 0.0
    one = first * 0.0 + 1.0
    return m, xp.where(south, -one, one), xp.where(south, -first, first)


def from_frame(mu: Array, v: Array) -> Array:
    """The tangent at mu with frame coordinates v (*batch, d).

    With m = (mu_1, ..., mu_d) and s the sign of mu_0 it is (-s m.v, v - (m.v)/(1 + |mu_0|) m). This is (0, v) after
    the rotation that takes e_0 to mu where mu_0 >= 0, and after the reflection that does where mu_0 < 0: no division
    by what can be small, at the price of a jump where mu_0 changes sign. No frame on an even sphere is continuous
    everywhere.
    """
    m, sign, size = _branch(mu)
    part = dot(m, v)[..., None]
    return namespace(mu, v).concat([-sign * part, v - part / (1.0 + size) * m], axis=-1)


def to_frame(mu: Array, u: Array) -> Array:
    """Frame coordinates (*batch, d) of the tangent u at mu; the transpose of ``from_frame``."""
    m, sign, size = _branch(mu)
    rest = u[..., 1:]
    return rest - (sign * u[..., :1] + dot(m, rest)[..., None] / (1.0 + size)) * m


def exp_polar(mu: Array, radius: Array, direction: Array) -> Array:
    """The point at angle ``radius`` (*batch) from mu along a unit vector (*batch, d) of the frame at mu."""
    xp = namespace(mu, radius, direction)
    return column(xp.cos(radius)) * mu + column(xp.sin(radius)) * from_frame(mu, direction)


def log_polar(mu: Array, x: Array) -> tuple[Array, Array]:
    """(radius, direction) of x seen from mu: the inverse of ``exp_polar``.

    radius is 2 atan2(|x - mu|, |x + mu|), right to a few eps near 0 and pi. Where x = mu or x = -mu the direction is
    the first axis.
    """
    xp = namespace(mu, x)
    p, apart, together, _ = _departure(mu, x)
    v = to_frame(mu + x * 0.0, p)
    square = dot(v, v)
    unknown = (square == 0.0) | (apart == 0.0) | (together == 0.0)
    first = xp.concat([v[..., :1] * 0.0 + 1.0, v[..., 1:] * 0.0], axis=-1)
    safe = xp.sqrt(xp.where(unknown, square * 0.0 + 1.0, square))
    return 2.0 * xp.atan2(root(apart), root(together)), xp.where(unknown[..., None], first, v / safe[..., None])


def from_angles(latitude: Array, longitude: Array) -> Array:
    """Unit vectors (*broadcast, 3) of angles in radians: x towards (0, 0), z towards the north pole."""
    xp = namespace(latitude, longitude)
    cosine, height = xp.cos(latitude), xp.sin(latitude) + 0.0 * longitude
    return xp.stack([cosine * xp.cos(longitude), cosine * xp.sin(longitude), height], axis=-1)


def to_angles(x: Array) -> tuple[Array, Array]:
    """(latitude, longitude) in radians, (*batch), of unit vectors (*batch, 3): the inverse of ``from_angles``."""
    xp = namespace(x)
    across = root(x[..., 0] * x[..., 0] + x[..., 1] * x[..., 1])
    return xp.atan2(x[..., 2], across), xp.atan2(x[..., 1], x[..., 0])


def from_stereographic(y: Array) -> Array:
    """The point (1 - |y|^2, 2 y)/(1 + |y|^2), (*batch, d + 1), of a point y (*batch, d) of the plane: e_0 for y = 0.

    The projection is from -e_0, which no finite y reaches. It is conformal with the factor ``poincare`` has at c = -1:
    lengths are 2/(1 + |y|^2) times those of the plane.
    """
    xp = namespace(y)
    square = dot(y, y)[..., None]
    return xp.concat([1.0 - square, 2.0 * y], axis=-1) / (1.0 + square)


def to_stereographic(x: Array) -> Array:
    """m/(1 + x_0), (*batch, d), with m = (x_1, ..., x_d): the inverse of ``from_stereographic``.

    Where x_0 < 0 it is (1 - x_0) m/|m|^2, which does not cancel near -e_0; there it is NaN.
    """
    xp = namespace(x)
    m, sign, size = _branch(x)
    south = sign < 0.0
    square = dot(m, m)[..., None]
    height = 1.0 + size
    return m * xp.where(south, height / xp.where(south, square, square * 0.0 + 1.0), 1.0 / height)
