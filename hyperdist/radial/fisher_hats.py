"""Proposals for the angle of the von Mises-Fisher law: a gamma and a spherical Cauchy hat, two arcs on the circle, and
on S^2 the law itself."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from hyperdist.arrays.namespace import Array, namespace, settled, special
from hyperdist.arrays.stable import decayc
from hyperdist.radial.rejection import Draw, Hat, Hats, Proposal, Source, Which, certain, exact, flat
from hyperdist.radial.spherical import (
    cauchy_hat_log_mass,
    cauchy_log_accept,
    cauchy_radius,
    cauchy_shrinkage,
    half_versine,
)

_LEAST_KAPPA = 1e-20
"""The hat of two arcs divides by kappa; so small a one is uniform to rounding."""


def hats(n: int, kappa: Array, log_peak: Array) -> Hats:
    """Spherical Cauchy for small kappa/d (Wood 1994), a tangent gamma law for large; on the circle two arcs, on
    S^2 no hat but the law, whose cdf has a closed inverse.

    With w = 1 - cos r the density is exp(-kappa w) w^(d/2-1) (1 - w/2)^(d/2-1), whose last factor is log-concave: its
    tangent makes the hat a gamma law of shape d/2, half the square of d normals.
    """
    xp, d = namespace(kappa), n + 1
    if d == 1:  # (1 - w/2)^(-1/2) has no tangent bound
        mass = fisher_arc_log_mass(xp.clip(kappa, _LEAST_KAPPA, None))
        return Hats(xp.zeros_like(kappa), (Hat(mass - log_peak, partial(_by_arcs, kappa)),))
    if d == 2:  # the law itself
        mass = namespace(kappa).log(_sphere_mass(kappa))
        return Hats(xp.zeros_like(kappa), (Hat(mass - log_peak, partial(_by_inversion, kappa)),))
    # 1 - x0 of Wood (1994), eq. 3, without cancellation: tan^2(touch/2).
    touch = 2.0 * xp.atan(xp.sqrt(d / (2.0 * kappa + xp.sqrt(4.0 * kappa * kappa + float(d) * d))))
    root = xp.sqrt(xp.square(2.0 * kappa - d + 1.0) + 8.0 * kappa * (0.5 * d - 1.0))
    point = 2.0 * d / (2.0 * kappa + d - 1.0 + root)
    rate = kappa + (0.5 * d - 1.0) / (2.0 - point)
    gamma_mass = math.lgamma(0.5 * d) - 0.5 * d * xp.log(rate)
    gamma_mass = gamma_mass + (0.5 * d - 1.0) * (xp.log(2.0 - point) + point / (2.0 - point))
    cauchy_mass = cauchy_hat_log_mass(d, touch) - 2.0 * kappa * xp.square(xp.sin(0.5 * touch))
    gamma = Hat(gamma_mass - log_peak, partial(_by_gamma, d, point, rate))
    cauchy = Hat(cauchy_mass - log_peak, partial(_by_cauchy, d, kappa, touch))
    return Hats(xp.where(gamma_mass < cauchy_mass, 0, 1), (gamma, cauchy))


def _sphere_mass(kappa: Array) -> Array:
    """The integral of exp(kappa (cos r - 1)) sin r: (1 - exp(-2 kappa))/kappa, 2 at 0."""
    return 2.0 * decayc(2.0 * kappa)


def _by_inversion(kappa: Array) -> Draw:
    """On S^2 the cosine's cdf has a closed inverse, of the uniform number exp(-chi^2/2) that two normals give."""
    (kappa,) = flat(kappa)
    positive = namespace(kappa).clip(kappa, _LEAST_KAPPA, None)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        return exact(fisher_sphere(positive[which], 0.5 * chi * chi))

    return draw


def fisher_sphere(kappa: Array, e: Array) -> Array:
    """The angle on S^2 (d = 2) that a draw has, kappa > 0, of a standard exponential number e < 700.

    1 - cos r = -log(u + (1 - u) exp(-2 kappa))/kappa of u = exp(-e): e less what the far pole takes from it, and for
    kappa below 1, where that would cancel, as it stands.
    """
    xp = namespace(kappa, e)
    wide = kappa < 1.0
    one_side = settled(wide)
    narrow = e - xp.log1p(xp.exp(-2.0 * kappa) * xp.expm1(xp.clip(e, None, 700.0))) if one_side is not True else e
    if one_side is not False:
        spread = -xp.log1p(-xp.expm1(-e) * xp.expm1(-2.0 * xp.where(wide, kappa, 0.0 * kappa + 1.0)))
        narrow = xp.where(wide, spread, narrow)
    return 2.0 * xp.asin(xp.sqrt(xp.clip(0.5 * narrow / kappa, None, 1.0)))


def _by_gamma(d: int, point: Array, rate: Array) -> Draw:
    point, rate = flat(point, rate)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        w = 0.5 * chi * chi / rate[which]
        xp = namespace(w)
        r = 2.0 * xp.asin(xp.sqrt(0.5 * xp.clip(w, None, 2.0)))
        return certain(r, fisher_gamma_cost(d, point[which], w))

    return draw


def _by_cauchy(d: int, kappa: Array, touch: Array) -> Draw:
    kappa, touch = flat(kappa, touch)
    shrunk = cauchy_shrinkage(touch)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        r = cauchy_radius(chi, source.normal(chi.shape[0]), shrunk[which])
        return certain(r, fisher_cauchy_cost(d, kappa[which], touch[which], r))

    return draw


def _by_arcs(kappa: Array) -> Draw:
    (kappa,) = flat(kappa)
    positive = namespace(kappa).clip(kappa, _LEAST_KAPPA, None)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        r = fisher_arc(positive[which], source.uniform(chi.shape[0]))
        return certain(r, fisher_arc_cost(kappa[which], r))

    return draw


def fisher_gamma_cost(d: int, point: Array, w: Array) -> Array:
    """Minus the log acceptance probability of w = 1 - cos r = chi^2/(2 rate); infinite where w >= 2."""
    xp = namespace(point, w)
    inside = w < 2.0
    excess = xp.where(inside, (w - point) / (2.0 - point), xp.zeros_like(w))
    return xp.where(inside, (1.0 - 0.5 * d) * (xp.log1p(-excess) + excess), xp.zeros_like(w) + math.inf)


def fisher_cauchy_cost(d: int, kappa: Array, touch: Array, r: Array) -> Array:
    """Minus the log acceptance probability of r under the Cauchy hat that touches at ``touch``."""
    return 2.0 * kappa * (half_versine(r) - half_versine(touch)) - cauchy_log_accept(d, r, touch)


def fisher_arc(kappa: Array, u: Array) -> Array:
    """The angle on the circle (d = 1) with cdf u under a hat of two arcs, by inversion.

    With z = 2r/pi, 1 - cos r >= z min(z, 1): half a normal on the half-circle about the mean direction, an exponential
    law on the other. The hat is 0.90 full for every kappa, and fuller for small ones.
    """
    xp = namespace(kappa, u)
    near, far = _arc_masses(kappa)
    part = u * (near + far)
    inside = part < near
    if settled(inside) is True:
        return _near_arc(kappa, part / near)
    if isinstance(part, np.ndarray) and part.ndim and np.size(kappa) == 1:  # the dear inverse where it is asked for
        r, own = _far_arc(kappa, np.maximum(part - near, 0.0) / far), np.flatnonzero(inside)
        r[own] = _near_arc(kappa, part[own] / near)
        return r
    share = xp.where(inside, 0.0 * part, (part - near) / xp.where(far > 0.0, far, xp.ones_like(far)))
    return xp.where(inside, _near_arc(kappa, xp.where(inside, part / near, 0.0 * part)), _far_arc(kappa, share))


def _near_arc(kappa: Array, share: Array) -> Array:
    """The angle below pi/2 with this share of the half-normal arc below it."""
    xp = namespace(kappa, share)
    root = xp.sqrt(kappa)
    return 0.5 * math.pi / root * special(xp).erfinv(share * special(xp).erf(root))


def _far_arc(kappa: Array, share: Array) -> Array:
    """The angle above pi/2 with this share of the exponential arc below it."""
    xp = namespace(kappa, share)
    return 0.5 * math.pi * (1.0 - xp.log1p(share * xp.expm1(-kappa)) / kappa)


def fisher_arc_cost(kappa: Array, r: Array) -> Array:
    """Minus the log acceptance probability of r under the hat of two arcs; infinite beyond pi."""
    xp = namespace(kappa, r)
    z = 2.0 / math.pi * r
    hat = z * xp.clip(z, None, 1.0)
    cost = kappa * (2.0 * half_versine(r) - hat)
    return xp.where(r <= math.pi, cost, xp.zeros_like(cost) + math.inf)


def fisher_arc_log_mass(kappa: Array) -> Array:
    """Log mass, less kappa, of the hat of two arcs."""
    near, far = _arc_masses(kappa)
    return namespace(kappa).log(0.5 * math.pi * (near + far))


def _arc_masses(kappa: Array) -> tuple[Array, Array]:
    """Masses in z of the half-normal and of the exponential arc."""
    xp = namespace(kappa)
    root = xp.sqrt(kappa)
    return 0.5 * math.sqrt(math.pi) * special(xp).erf(root) / root, -xp.exp(-kappa) * xp.expm1(-kappa) / kappa
