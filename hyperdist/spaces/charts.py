"""Maps between the models of hyperbolic space, and draws carried from the origin to any point in any model.

The models are "poincare" (ball), "lorentz" (hyperboloid, time coordinate first) and "tangent" (exponential coordinates
at the origin). One frame serves all: the standard frame at the origin, carried to mu by the boost that takes the
origin to mu, so that a vector (R, u) in the frame at mu reaches the same point whatever model it is asked in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hyperdist._namespace import Array, constant, namespace, settled
from hyperdist.spaces import tangent
from hyperdist.spaces._rows import column, dot, exponent_gap, scaled, steepness
from hyperdist.spaces.lorentz import cosh_radius, lift, lorentz_to_tangent
from hyperdist.spaces.poincare import gap, log_origin
from hyperdist.stable import asinhc_sq, coshm1_sq, langevinc_sq, sinhc_sq, tanhc_sq

MODELS = ("poincare", "lorentz", "tangent")
CENTRE_MODELS = ("poincare", "tangent")
"""The models in which a point of a d-dimensional space has d coordinates."""


def poincare_to_tangent(x: Array, c: Any) -> Array:
    """Ball to tangent coordinates: 2 atanh(k|x|)/(k|x|) x, k = sqrt(c)."""
    return 2.0 * log_origin(x, c)


def tangent_to_poincare(x: Array, c: Any) -> Array:
    """Tangent to ball coordinates: tanh(k|x|/2)/(k|x|) x; rounds to the boundary beyond ``ball_radius_limit``."""
    return column(0.5 * tanhc_sq(0.25 * c * dot(x, x))) * x


def tangent_to_lorentz(x: Array, c: Any) -> Array:
    """Tangent to Lorentz coordinates: (cosh(k|x|)/k, sinh(k|x|)/(k|x|) x), c > 0."""
    xp = namespace(x, c)
    k = c**0.5
    z = c * dot(x, x)
    growth, _, cosh = scaled(z)
    return xp.concat([(xp.exp(growth) * cosh / k)[..., None], column(sinhc_sq(z)) * x + column(k) * 0.0], axis=-1)


def poincare_to_tangent_along(x: Array, e: Array, c: Any) -> tuple[Array, Array]:
    """(v, dv): ``poincare_to_tangent`` at x, and its derivative along e, (*batch, d); batch axes of e may come first.

    With y = sqrt(c) r/2, dv = 2 (y/tanh y) e + 2 c (cosh(y)^2 - (y coth y - 1)/tanh(y)^2) <x, e> x, in which nothing
    cancels where y is small.
    """
    v = poincare_to_tangent(x, c)
    square = 0.25 * c * dot(v, v)
    t = tanhc_sq(square)
    more = 1.0 / gap(x, c) - langevinc_sq(square) / (t * t)
    return v, column(2.0 / t) * e + column(2.0 * c * more * dot(x, e)) * x


def lorentz_to_tangent_along(x: Array, e: Array, c: Any) -> tuple[Array, Array]:
    """(v, dv): ``lorentz_to_tangent`` at x, and its derivative along tangents e; batch axes of e may come first.

    With y = sqrt(c) r and e_s the space part of e, dv = (y/sinh y) e_s - c (y coth y - 1)/(y^2 cosh y) <v, e_s> v, to
    some eps (8 + y) of the largest dv at that radius.
    """
    v, along = lorentz_to_tangent(x, c), e[..., 1:]
    square = c * dot(v, v)
    less = c * langevinc_sq(square) / cosh_radius(x[..., 1:], c)
    return v, column(1.0 / sinhc_sq(square)) * along - column(less * dot(v, along)) * v


def poincare_to_lorentz(x: Array, c: Any) -> Array:
    """Ball to Lorentz coordinates: ((1 + c|x|^2)/k, 2 x)/(1 - c|x|^2), c > 0."""
    xp = namespace(x, c)
    k = c**0.5
    z = c * dot(x, x)
    rest = 1.0 - z
    return xp.concat([((1.0 + z) / (k * rest))[..., None], x * (2.0 / rest)[..., None]], axis=-1)


def lorentz_to_poincare(x: Array, c: Any) -> Array:
    """Lorentz to ball coordinates, from the space part alone: s/(1 + sqrt(1 + c|s|^2))."""
    s = x[..., 1:]
    return s / (1.0 + cosh_radius(s, c))[..., None]


def to_tangent(x: Array, c: Any, model: str) -> Array:
    """Tangent coordinates of points given in a model."""
    if model == "tangent":
        return x
    return poincare_to_tangent(x, c) if model == "poincare" else lorentz_to_tangent(x, c)


def from_tangent(x: Array, c: Any, model: str) -> Array:
    """Points in tangent coordinates as the coordinates of a model."""
    if model == "tangent":
        return x
    return tangent_to_poincare(x, c) if model == "poincare" else tangent_to_lorentz(x, c)


def ball_radius_limit(dtype: Any, c: Any) -> Any:
    """The distance from the origin up to which ball coordinates of a dtype tell points apart: 2 atanh(1 - eps)/sqrt(c).

    About 36.7/sqrt(c) for float64 and 16.6/sqrt(c) for float32; infinite at c = 0.
    """
    eps = float(np.finfo(dtype).eps)
    with np.errstate(divide="ignore"):
        return np.log((2.0 - eps) / eps) / np.sqrt(np.asarray(c, dtype=np.float64))[()]


def holdable(x: Array, c: Any) -> Array:
    """Whether ball coordinates tell points x (*batch, d) from their neighbours, (*batch); False for NaN.

    The bound is 1 - c|x|^2 >= 2 eps, the gap at ``ball_radius_limit``: beyond, rounding moves a point by more than half
    of 1/sqrt(c), and one much further out comes back as the last below the boundary, where nothing shows it.
    """
    eps = float(np.finfo(str(x.dtype).rpartition(".")[2]).eps)
    return 1.0 - c * dot(x, x) >= 2.0 * eps


def check_holdable(x: np.ndarray, c: Any, gap: np.ndarray | None = None) -> np.ndarray:
    """``x`` where all points are ``holdable``; else ValueError.

    gap : (*batch)  1 - c|x|^2 from the lengths that made x. Coordinates alone do not tell: of a point far beyond what
                    they hold, the rounding of its direction may leave one just inside.
    """
    bad = ~holdable(x, np.asarray(c, dtype=x.dtype))
    if gap is not None:
        bad = bad | ~(gap >= 2.0 * np.finfo(x.dtype).eps)
    if bad.any():
        limit = float(np.min(ball_radius_limit(x.dtype, c)))
        raise ValueError(
            f"{int(bad.sum())} of {bad.size} points lie further from the origin than {x.dtype} ball coordinates hold "
            f"(about {limit:.3g}): ask for model='tangent', which holds any radius, or model='lorentz'"
        )
    return x


def exp_polar(mu: Array, radius: Array, direction: Array, c: Any, model: str = "poincare") -> Array:
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


def _from_origin(xp: Any, mu: Array, radius: Array, direction: Array, c: Any, model: str) -> Array:
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


def _boosted(xp: Any, mu: Array, radius: Array, direction: Array, c: Any) -> _Boosted:
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


def _boosted_near(xp: Any, mu: Array, radius: Array, direction: Array, c: Any) -> _Boosted:
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


def _boosted_far(xp: Any, mu: Array, radius: Array, direction: Array, c: Any) -> _Boosted:
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


def _shrink(xp: Any, scale: Array, height: Array) -> Array:
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


def log_polar(mu: Array, x: Array, c: Any, model: str = "poincare") -> tuple[Array, Array]:
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
