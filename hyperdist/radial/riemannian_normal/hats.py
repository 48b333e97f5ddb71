"""Proposals for the Riemannian normal's radius: a gamma and a normal hat, in the plane a truncated normal too."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from hyperdist.arrays.namespace import Array, namespace, special
from hyperdist.arrays.stable import decayc, log_sinhc
from hyperdist.radial.rejection import Draw, Hat, Hats, Proposal, Source, Which, flat, paired_normals, pick
from hyperdist.radial.riemannian_normal.functions import coth_excess, relative_sinh, tangency

_HAT_STEPS = 2
"""Newton steps for the gamma hat's point, which may lie anywhere: at 1e-5 of the best one nothing is lost."""

_THIN = (1.487373611906703, 1.6788589454263807)
"""Between these s neither the gamma nor the normal hat has an acceptance rate of 0.91 in the plane."""


def hats(n: int, s: Array, mode: Array, log_peak: Array) -> Hats:
    """Gamma hat (log(sinh x/x) is concave in x^2) or normal hat (log sinh x is concave in x): the lighter one.

    The gamma hat's tangent point is where its own mean square lies, which makes it lightest; the normal hat's is the
    mode. Negative normal proposals are rejected, and so counted by the acceptance rate; in the plane, where these are
    many, the normal is drawn truncated, by inversion, which costs more time.
    """
    xp = namespace(s)
    point, gamma_mass = gamma_hat(n + 1, s)
    gamma = Hat(gamma_mass - log_peak, partial(_by_gamma, n, s, point))
    if n == 0:
        return Hats(xp.zeros_like(s), (gamma,))
    normal = Hat(s * 0.0 + 0.5 * math.log(2.0 * math.pi), partial(_by_normal, n, s, mode))
    choice = xp.where(normal.log_mass < gamma.log_mass, 1, 0)
    if n > 1:
        return Hats(choice, (gamma, normal))
    truncated = Hat(normal.log_mass + xp.log(special(xp).ndtr(mode)), partial(_by_truncated, n, s, mode))
    return Hats(xp.where((s > _THIN[0]) & (s < _THIN[1]), 2, choice), (gamma, normal, truncated))


def _by_gamma(n: int, s: Array, point: Array) -> Draw:
    d = n + 1
    s, point = flat(s, point)
    # The second derivative of log(sinh x/x) in x^2, at most 1/90, bounds what a tangent misses.
    bend = n * s**4 / 180.0

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        y = chi * (point[which] / math.sqrt(d))

        def squeeze() -> Array:
            bound = y * y
            bound -= point[which] ** 2
            bound *= bound
            bound *= bend[which]
            return bound

        def cost(index: Any) -> Array:
            return gamma_hat_cost(d, pick(s, which, index), pick(point, which, index), y[index])

        return Proposal(y, squeeze, cost)

    return draw


def _about_mode(n: int, s: Array, mode: Array) -> Callable[[Array, Which], Proposal]:
    """The proposal y = mode + t, which every normal hat makes."""
    xp = namespace(s)
    # -(log sinh x)'' = 1/sinh^2 is above the mode no more than there, above the mode less ``cut`` no more than there.
    cut = xp.clip(0.5 * mode, None, 3.0)
    above, below = (0.5 * n * xp.square(s / xp.sinh(xp.clip(s * low, None, 300.0))) for low in (mode, mode - cut))

    def propose(t: Array, which: Which) -> Proposal:
        def squeeze() -> Array:
            bound = xp.where(t > 0.0, above[which], below[which]) * t
            bound *= t
            return xp.where(t <= -cut[which], math.inf, bound)

        def cost(index: Any) -> Array:
            return normal_hat_cost(n, pick(s, which, index), pick(mode, which, index), t[index])

        return Proposal(mode[which] + t, squeeze, cost)

    return propose


def _by_normal(n: int, s: Array, mode: Array) -> Draw:
    propose = _about_mode(n, *flat(s, mode))

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        return propose(paired_normals(chi, source) if n == 1 else source.normal(chi.shape[0]), which)

    return draw


def _by_truncated(n: int, s: Array, mode: Array) -> Draw:
    s, mode = flat(s, mode)
    propose, functions, xp = _about_mode(n, s, mode), special(namespace(s)), namespace(s)
    inside = functions.ndtr(mode)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        uniform = xp.exp(-0.5 * chi * chi)  # of two normals
        return propose(-functions.ndtri(uniform * inside[which]), which)

    return draw


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
