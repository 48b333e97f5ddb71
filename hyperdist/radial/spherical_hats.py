"""Proposals for the radii of ``spherical``: a gamma hat for concentrated laws, a spherical Cauchy hat for wide ones.

Pure array functions; chi is the norm of d standard normals, from which the gamma hat's radius is made.
"""

from __future__ import annotations

import math

from hyperdist._namespace import Array, namespace
from hyperdist.radial.spherical import cauchy_hat_log_mass, cauchy_log_accept, tangency


def normal_hats(d: int, sigma: Array) -> tuple[Array, Array, Array]:
    """The Riemannian normal's hats: tangent points of the gamma and the Cauchy hat; is the Cauchy lighter."""
    xp = namespace(sigma)
    n = d - 1
    point = tangency(n, sigma, 1.0) if n else sigma
    rate = 0.5 * d / (point * point)
    gamma = n * xp.log(xp.sin(point) / point) - (0.5 / (sigma * sigma) - rate) * point * point if n else sigma * 0.0
    gamma = gamma + math.lgamma(0.5 * d) - math.log(2.0) - 0.5 * d * xp.log(rate)
    touch = tangency(d, sigma, 0.0)
    cauchy = cauchy_hat_log_mass(d, touch) - 0.5 * xp.square(touch / sigma)
    return point, touch, cauchy < gamma


def normal_gamma_cost(d: int, sigma: Array, point: Array, r: Array) -> Array:
    """Minus the log acceptance probability of r under the gamma hat, r = point/sqrt(d) chi; infinite where r >= pi."""
    xp = namespace(sigma, r)
    inside = r < math.pi
    safe = xp.where(inside, r, xp.ones_like(r))
    rise = (d - 1) * xp.log(xp.sin(safe) / safe * (point / xp.sin(point))) if d > 1 else 0.0
    excess = 0.5 / (sigma * sigma) - 0.5 * d / (point * point)
    return xp.where(inside, excess * (safe - point) * (safe + point) - rise, xp.zeros_like(r) + math.inf)


def normal_cauchy_cost(d: int, sigma: Array, touch: Array, r: Array) -> Array:
    """Minus the log acceptance probability of r under the Cauchy hat that touches at ``touch``."""
    return 0.5 / (sigma * sigma) * (r - touch) * (r + touch) - cauchy_log_accept(d, r, touch)


def fisher_hats(d: int, kappa: Array) -> tuple[Array, Array, Array, Array]:
    """The von Mises-Fisher hats: the gamma hat's versine and rate, the Cauchy hat's angle; is the Cauchy lighter."""
    xp = namespace(kappa)
    # 1 - x0 of Wood (1994), eq. 3, without cancellation: tan^2(touch/2).
    touch = 2.0 * xp.atan(xp.sqrt(d / (2.0 * kappa + xp.sqrt(4.0 * kappa * kappa + float(d) * d))))
    if d == 1:  # (1 - w/2)^(-1/2) has no tangent bound
        return touch, xp.ones_like(touch), touch, touch == touch
    cauchy = cauchy_hat_log_mass(d, touch) - 2.0 * kappa * xp.square(xp.sin(0.5 * touch))
    power = 0.5 * d - 1.0
    root = xp.sqrt(xp.square(2.0 * kappa - d + 1.0) + 8.0 * kappa * power)
    point = 2.0 * d / (2.0 * kappa + d - 1.0 + root)
    rate = kappa + (power / (2.0 - point) if d > 2 else 0.0)
    gamma = math.lgamma(0.5 * d) - 0.5 * d * xp.log(rate)
    if d > 2:
        gamma = gamma + power * (xp.log(2.0 - point) + point / (2.0 - point))
    return point, rate, touch, ~(gamma < cauchy)


def fisher_gamma_cost(d: int, point: Array, w: Array) -> Array:
    """Minus the log acceptance probability of w = 1 - cos r = chi^2/(2 rate); infinite where w >= 2."""
    xp = namespace(point, w)
    inside = w < 2.0
    excess = xp.where(inside, (w - point) / (2.0 - point), xp.zeros_like(w))
    return xp.where(inside, (1.0 - 0.5 * d) * (xp.log1p(-excess) + excess), xp.zeros_like(w) + math.inf)


def fisher_cauchy_cost(d: int, kappa: Array, touch: Array, r: Array) -> Array:
    """Minus the log acceptance probability of r under the Cauchy hat that touches at ``touch``."""
    fall = 2.0 * kappa * namespace(r).sin(0.5 * (r + touch)) * namespace(r).sin(0.5 * (r - touch))
    return fall - cauchy_log_accept(d, r, touch)
