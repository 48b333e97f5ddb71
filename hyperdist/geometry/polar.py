"""Geodesic polar coordinates about any point of hyperbolic space: radius, and direction in the frame at the centre.

One frame serves all models: the standard frame at the origin, carried to mu by the boost that takes the origin to mu,
so that a vector (R, u) in the frame at mu reaches the same point whatever model it is asked in. ``origin_factor`` and
``ball_factors`` are the same exponential where it is simple, as factors of a row, in fewer passes over the data.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

from hyperdist.arrays.namespace import Array, constant, namespace, settled
from hyperdist.arrays.rows import column, dot, exponent_gap, scaled, steepness
from hyperdist.arrays.stable import asinhc_sq, coshm1_sq, sinhc_sq, tanhc, tanhc_sq
from hyperdist.arrays.types import Scalar
from hyperdist.geometry import tangent
from hyperdist.geometry.conversions import tangent_to_lorentz, to_tangent
from hyperdist.geometry.lorentz import lift

NEAR = 2.0
"""Radius of a centre, in units of 1/sqrt(c), to which ``ball_factors`` loses at most sinh(2)^2 = 13 eps."""


def origin_factor(radius: Array, c: Array, model: str) -> Array:
    """The Euclidean length, in ball or tangent coordinates, of a point at a distance from the origin, (*batch)."""
    if model == "tangent":
        return radius + 0.0 * c
    xp = namespace(radius, c)
    root = xp.sqrt(c)
    if xp.all(root > 0.0):
        return xp.tanh(0.5 * root * radius) / root
    return 0.5 * radius * tanhc(0.5 * root * radius)


def ball_factors(size: Array, along: Array, radius: Array, root: Array) -> tuple[Array, Array]:
    """(p, q): the ball point at ``radius`` from the centre x along the unit vector u is p x + q u.

    size = sqrt(c) |x|, at most tanh(``NEAR``/2);  along = sqrt(c) u.x, radius : (n,);  root = sqrt(c) > 0.
    With T = tanh(sqrt(c) R/2) Mobius addition is

        x (+) T u/sqrt(c) = (1 + T g) x + g u/sqrt(c),   g = (1 - size^2) T/((1 - size T)^2 + 2 T (size + along)):

    one function of the radius, and no sum of different signs but that of the vectors.
    """
    reach = namespace(radius).tanh(0.5 * root * radius)
    far = 1.0 - size * reach
    far *= far
    far += 2.0 * reach * (size + along)
    share = (1.0 - size * size) * reach / far
    return 1.0 + reach * share, share / root


FURTHEST = 40.0
"""Sum of the radii of centre and draw, in units of 1/sqrt(c), to which ``boost_factors`` loses few digits: it rounds
the difference of the radii, which an exponential makes so many eps of the result."""
SURE = 1.0 / 16.0
"""cos^2(phi/2) below which its rounding shows: phi is the angle between the ways to draw and centre."""


def boost_factors(mu: Array, radius: Array, half: Array, c: float, model: str) -> tuple[Array, Array]:
    """(p, q): the point at ``radius`` from one centre along the unit vector u is p mu + q (u + mu/|mu|).

    mu : (d,) tangent coordinates, not 0;  radius, half = cos^2(phi/2) = |u + mu/|mu||^2/4 : (n,);  c > 0;  model :
    "poincare" or "tangent". The boost of ``_boosted``, without scaling: for radii whose sum is below ``FURTHEST``.
    """
    xp = namespace(mu, radius)
    root = c**0.5
    length = xp.sqrt(xp.sum(mu * mu))
    a, r = root * length, root * radius
    sinh_r = xp.sinh(r)
    step = xp.sinh(0.5 * (a - r))
    square = step * step
    # sinh(a - R) = 2 sinh((a - R)/2) cosh((a - R)/2)
    along = 2.0 * step * xp.sqrt(1.0 + square)
    level = sinh_r * half
    along += 4.0 * xp.square(xp.sinh(0.5 * a)) * level
    height = square + xp.sinh(a) * level
    if model == "poincare":
        factor = 0.5 / root / (1.0 + height)
    else:
        height += _LEAST
        y = xp.sqrt(height)
        factor = xp.asinh(y) / root / (y * xp.sqrt(1.0 + height))
    return factor * along / length, factor * sinh_r


_LEAST = 1e-200
"""A squared half distance that is 0."""


def exp_polar(mu: Array, radius: Array, direction: Array, c: Scalar, model: str = "poincare") -> Array:
    """The point at geodesic distance ``radius`` from mu in a direction of the frame at mu.

    mu        : (*batch, d)  tangent coordinates of the centre
    radius    : (*batch)     >= 0
    direction : (*batch, d)  unit vectors, coordinates in the orthonormal frame at mu
    returns   : (*batch, d), or (*batch, d + 1) for model="lorentz"; batch axes broadcast.
    Accuracy  the point is within a few eps (1 + sqrt(c) radius) of the true one in units of 1/sqrt(c), where the model
              holds it; with mu = 0 or radius = 0 the coordinates are right to a few eps.
    Range     "tangent" to radius 1e9; "lorentz" to where cosh overflows; "poincare" to ``ball_radius_limit``, beyond
              which points round to the boundary (``check_holdable``).
    Source    the boost of (cosh R, sinh R u) written with the difference of the radii; see ``_boosted``.
    """
    xp = namespace(mu, radius, direction, c)
    if constant(mu) and settled(mu == 0.0):
        return _from_origin(xp, mu, radius, direction, c, model)
    along_mu, along_w, w, scale, height = _boosted(xp, mu, radius, direction, c)
    if model == "poincare":
        factor = 0.5 / (xp.exp(-scale) + height)
        return column(factor * along_mu) * mu + column(factor * along_w) * w
    vector = column(along_mu) * mu + column(along_w) * w
    if model == "lorentz":
        growth = column(xp.exp(0.5 * scale))
        # The time coordinate belongs to this space part, to its rounding too, as whoever reads the point takes it.
        return lift(vector * growth * growth, c)
    return column(_shrink(xp, scale, height)) * vector


def _from_origin(xp: ModuleType, mu: Array, radius: Array, direction: Array, c: Scalar, model: str) -> Array:
    """``exp_polar`` at mu = 0: one multiplication a coordinate."""
    z = c * radius * radius
    if model == "poincare":
        return column(0.5 * radius * tanhc_sq(0.25 * z)) * direction + mu
    if model == "tangent":
        return column(radius + z * 0.0) * direction + mu
    return tangent_to_lorentz(column(radius) * direction + mu, c)


_NEAR = 0.01
"""Squared radius of the centre (times c) below which its direction is not used."""


class _Boosted(NamedTuple):
    """The space part of the Lorentz point is (along_mu mu + along_w w) e^scale, and sinh^2(D/2) = height e^scale."""

    along_mu: Array
    along_w: Array
    w: Array
    scale: Array
    height: Array


_ROW_SCALARS = ("along_mu", "along_w", "scale", "height")


def _boosted(xp: ModuleType, mu: Array, radius: Array, direction: Array, c: Scalar) -> _Boosted:
    """The boost to mu of (cosh R, sinh R u).

    In units of 1/sqrt(c), with a = |mu|, R the radius, m = mu/a and phi the angle of u and m, it gives

        sinh(a - R) + 2 cosh(a) sinh(R) cos^2(phi/2)   along m,      sinh(R) sin(phi)   across,
        sinh^2(D/2) = sinh^2((a - R)/2) + sinh(a) sinh(R) cos^2(phi/2).

    A form for a < 1/10 and one beyond; one that no row needs is skipped (``settled``).
    """
    a_sq = c * dot(mu, mu) + radius * 0.0
    near = a_sq < _NEAR
    one_side = settled(near)
    if one_side is not None:
        return (_boosted_near if one_side else _boosted_far)(xp, mu, radius, direction, c)
    # A centre at 0, and a vector of ones with c = 1, stand in where a form is not used: both are finite there.
    rows, one = near[..., None], a_sq * 0.0 + 1.0
    wide = mu + column(one) * 0.0
    inner = _boosted_near(xp, xp.where(rows, wide, wide * 0.0), radius, direction, c)
    outer = _boosted_far(xp, xp.where(rows, wide * 0.0 + 1.0, wide), radius, direction, xp.where(near, one, c * one))
    scalars = {name: xp.where(near, getattr(inner, name), getattr(outer, name)) for name in _ROW_SCALARS}
    return _Boosted(w=xp.where(rows, inner.w, outer.w), **scalars)


def _boosted_near(xp: ModuleType, mu: Array, radius: Array, direction: Array, c: Scalar) -> _Boosted:
    """For small a, smooth at mu = 0 and at c = 0: w = u, and no difference of radii is needed."""
    a_sq = c * dot(mu, mu)
    r_growth, r_sinhc, r_cosh = scaled(c * radius * radius)
    r_sinh, cosine = radius * r_sinhc, dot(mu, direction)
    a_sinhc, a_coshm1 = sinhc_sq(a_sq), coshm1_sq(a_sq)
    cosh = (1.0 + a_sq * a_coshm1) * r_cosh + c * a_sinhc * r_sinh * cosine
    return _Boosted(
        along_mu=a_sinhc * r_cosh + c * a_coshm1 * r_sinh * cosine,
        along_w=r_sinh + cosine * 0.0,
        w=direction,
        scale=r_growth,
        height=0.5 * (cosh - xp.exp(-r_growth)),
    )


def _boosted_far(xp: ModuleType, mu: Array, radius: Array, direction: Array, c: Scalar) -> _Boosted:
    """For a not small: w = u + m, so that |w|^2 = 4 cos^2(phi/2).

    The part along m beyond that of sinh(R) w is sinh(a - R) + 2 (cosh(a) - 1) sinh(R) cos^2(phi/2).
    """
    k, length = xp.sqrt(c + radius * 0.0), xp.sqrt(dot(mu, mu))
    a = k * length
    w = direction + mu / length[..., None]
    r_growth, r_sinhc, _ = scaled(c * radius * radius)
    a_growth, a_sinhc, a_cosh = scaled(a * a)
    step = 0.5 * k * (length - radius)
    growth, step_sinhc, step_cosh = scaled(step * step)
    sinh_step, square = step * step_sinhc, 0.25 * dot(w, w)
    aligned = square == 0.0
    scale = xp.where(aligned, 2.0 * growth, a_growth + r_growth)
    lost = exponent_gap(a, a_growth, k * radius, r_growth, 2.0 * step, growth).gap
    shrink = xp.exp(xp.where(aligned, lost * 0.0, lost))
    r_sinh = radius * r_sinhc * steepness(a_growth + r_growth - scale)
    level = k * r_sinh * square
    decay = xp.exp(-a_growth)
    return _Boosted(
        along_mu=(2.0 * sinh_step * step_cosh * shrink + 2.0 * level * (a_cosh - decay)) / a,
        along_w=r_sinh * decay,
        w=w,
        scale=scale,
        height=sinh_step * sinh_step * shrink + a * a_sinhc * level,
    )


def _shrink(xp: ModuleType, scale: Array, height: Array) -> Array:
    """D/sinh(D) e^scale where sinh^2(D/2) = height e^scale."""
    safe = xp.where(height > 0.0, height, height * 0.0 + 1.0)
    distance = xp.log(4.0 * safe) + scale
    far = (distance > 40.0) & (height > 0.0)
    if settled(far) is False:
        growth = xp.exp(0.5 * scale)
        near = height * growth * growth
        return asinhc_sq(near) / xp.sqrt(1.0 + near) * growth * growth
    growth = xp.exp(0.5 * xp.where(far, scale * 0.0, scale))
    near = xp.where(far, height * 0.0, height) * growth * growth
    return xp.where(far, 0.5 * distance / safe, asinhc_sq(near) / xp.sqrt(1.0 + near) * growth * growth)


def log_polar(mu: Array, x: Array, c: Scalar, model: str = "poincare") -> tuple[Array, Array]:
    """(radius, direction) of the geodesic from mu to x, in the frame at mu: the inverse of ``exp_polar``.

    mu : (*batch, d) tangent coordinates;  x : points of ``model``.  Where x = mu the direction is the first axis.
    Accuracy  radius: relative error <= 1e-13 for tangent coordinates to radius 300; for the other models what
              rounding to tangent coordinates costs, eps |x| / distance. direction: eps e^a / sinh(R) at most, the
              condition of the problem, a and R in units of 1/sqrt(c).
    Gradient  that of the radius is taken as 0 at x = mu, where it has none.
    """
    xp = namespace(mu, x, c)
    v = tangent.log_frame(mu, to_tangent(x, c, model), c)
    square = dot(v, v)
    same = square == 0.0
    safe = xp.sqrt(xp.where(same, square * 0.0 + 1.0, square))
    first = xp.concat([v[..., :1] * 0.0 + 1.0, v[..., 1:] * 0.0], axis=-1)
    return xp.where(same, square, safe), xp.where(same[..., None], first, v / safe[..., None])
