"""Proposals for the Riemannian normal's radius: a gamma and a normal hat."""

from __future__ import annotations

import math

from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.stable import decayc, log_sinhc
from hyperdist.radial.riemannian_normal.functions import coth_excess, relative_sinh, tangency

_HAT_STEPS = 2
"""Newton steps for the gamma hat's point, which may lie anywhere: at 1e-5 of the best one nothing is lost."""


def gamma_hat(d: int, s: Array) -> tuple[Array, Array]:
    """(point, log mass) of the lightest gamma hat: log(sinh x/x) is concave in x^2, its tangent is at the point.

    Under it y is ``point`` / sqrt(d) times the norm of d standard normals. The mass is infinite where the hat is of
    no use.
    """
    xp = namespace(s)
    n = d - 1
    point = tangency(n, s, 1.0, _HAT_STEPS)
    rate = 0.5 * d / (point * point)
    at_point = n * log_sinhc(s * point) - (0.5 - rate) * point * point
    mass = at_point + math.lgamma(0.5 * d) - math.log(2.0) - 0.5 * d * xp.log(rate)
    # Far out the normal hat is the law to rounding, and masses are too large to compare.
    return point, xp.where((s * point > 40.0) & (s > 0.0), mass + math.inf, mass) if n else mass


def gamma_hat_cost(d: int, s: Array, point: Array, y: Array) -> Array:
    """Minus the log acceptance probability of y under ``gamma_hat``."""
    square = point * point
    # log(sinhc(s y)/sinhc(s point)), by sinh(x) exp(-x) = x decayc(2 x)
    rise = s * (y - point) + namespace(s, y).log(decayc(2.0 * s * y) / decayc(2.0 * s * point))
    return (0.5 - 0.5 * d / square) * (y * y - square) - (d - 1) * rise


def normal_hat_log_mass(n: int) -> float:
    """Log mass, less ``log_peak``, of the hat N(mode, 1) on the line: log sinh x is concave. Infinite at d = 1."""
    return 0.5 * math.log(2.0 * math.pi) if n else math.inf


def normal_hat_cost(n: int, s: Array, mode: Array, t: Array) -> Array:
    """Minus the log acceptance probability of y = mode + t under the normal hat; infinite where y <= 0.

    Exact to rounding where s mode > 1/2, which holds wherever this hat is the lighter one.
    """
    xp = namespace(s, t)
    y = mode + t
    inside = y > 0.0
    relative = relative_sinh(s, mode, xp.where(inside, y, mode), xp.where(inside, t, xp.zeros_like(t)))
    # log(sinh(s y)/sinh(s mode)) less its tangent s coth(s mode) t
    rise = xp.log1p(relative) - t / mode * coth_excess(s * mode)
    return xp.where(inside, -n * rise, xp.zeros_like(rise) + math.inf)
