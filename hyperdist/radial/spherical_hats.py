"""Proposals for the radii of ``spherical``: a gamma hat for concentrated laws, a spherical Cauchy hat for wide ones.

Pure array functions; chi is the norm of d standard normals, from which the gamma hat's radius is made.
"""

from __future__ import annotations

import math

from hyperdist.arrays.namespace import Array, namespace, special
from hyperdist.radial.spherical import tangency


def cauchy_radius(chi: Array, z: Array, x0: Array) -> Array:
    """The angle of a spherical Cauchy draw from d normals of norm chi and one more.

    The law prop. to (1 - x0 cos theta)^-d d(area) on S^d (Kato & McCullagh 2020), the envelope of Wood (1994):
    a uniform point, its stereographic radius tan(theta/2) shrunk by sqrt((1 - x0)/(1 + x0)).
    """
    xp = namespace(chi, z)
    return 2.0 * xp.atan(xp.sqrt((1.0 - x0) / (1.0 + x0)) * chi / (z + xp.sqrt(z * z + chi * chi)))


def cauchy_log_accept(d: int, r: Array, touch: Array) -> Array:
    """d log((1 - x0 cos r)/(1 - x0 cos q)) for the hat with x0 = cos q that touches at q."""
    xp = namespace(r, touch)
    # cos q - cos r as a product, so that the ratio is right for concentrated laws too.
    rise = 2.0 * xp.sin(0.5 * (r + touch)) * xp.sin(0.5 * (r - touch)) / xp.square(xp.sin(touch))
    return d * xp.log1p(xp.cos(touch) * rise)


def cauchy_hat_log_mass(d: int, touch: Array) -> Array:
    """log int sin(r)^(d-1) ((1 - x0 cos q)/(1 - x0 cos r))^d dr with x0 = cos q."""
    xp = namespace(touch)
    whole = 0.5 * math.log(math.pi) + math.lgamma(0.5 * d) - math.lgamma(0.5 * (d + 1))
    # (1 - x0^2)^d (1 - x0^2)^(-d/2) with 1 - x0^2 = sin(q)^2
    return whole + d * xp.log(xp.sin(touch))


def normal_hats(d: int, sigma: Array) -> tuple[Array, Array, Array]:
    """The Riemannian normal's hats: tangent points of the gamma and the Cauchy hat; is the Cauchy lighter."""
    point = tangency(d - 1, sigma, 1.0) if d > 1 else sigma
    # The Cauchy hat with x0 = cos q is lightest where it touches at q itself: q tan q = d sigma^2.
    touch = tangency(d, sigma, 0.0)
    gamma, cauchy = normal_log_masses(d, sigma, point, touch)
    return point, touch, cauchy < gamma


def normal_log_masses(d: int, sigma: Array, point: Array, touch: Array) -> tuple[Array, Array]:
    """Log masses of the gamma hat, whose log(sin x/x) is concave in x^2, and of the Cauchy hat."""
    xp = namespace(sigma)
    n, rate = d - 1, 0.5 * d / (point * point)
    gamma = n * xp.log(xp.sin(point) / point) - (0.5 / (sigma * sigma) - rate) * point * point if n else sigma * 0.0
    gamma = gamma + math.lgamma(0.5 * d) - math.log(2.0) - 0.5 * d * xp.log(rate)
    return gamma, cauchy_hat_log_mass(d, touch) - 0.5 * xp.square(touch / sigma)


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
    root = xp.sqrt(xp.square(2.0 * kappa - d + 1.0) + 8.0 * kappa * (0.5 * d - 1.0))
    point = 2.0 * d / (2.0 * kappa + d - 1.0 + root)
    rate = kappa + ((0.5 * d - 1.0) / (2.0 - point) if d > 2 else 0.0)
    gamma, cauchy = fisher_log_masses(d, kappa, point, rate, touch)
    return point, rate, touch, ~(gamma < cauchy)


def fisher_log_masses(d: int, kappa: Array, point: Array, rate: Array, touch: Array) -> tuple[Array, Array]:
    """Log masses, less kappa, of the gamma hat and of the Cauchy hat.

    With w = 1 - cos r the density is exp(-kappa w) w^(d/2-1) (1 - w/2)^(d/2-1), whose last factor is log-concave: its
    tangent makes the hat a gamma law of shape d/2, half the square of d normals.
    """
    xp = namespace(kappa)
    gamma = math.lgamma(0.5 * d) - 0.5 * d * xp.log(rate)
    if d > 2:
        gamma = gamma + (0.5 * d - 1.0) * (xp.log(2.0 - point) + point / (2.0 - point))
    return gamma, cauchy_hat_log_mass(d, touch) - 2.0 * kappa * xp.square(xp.sin(0.5 * touch))


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


def fisher_arc(kappa: Array, u: Array) -> Array:
    """The angle on the circle (d = 1) with cdf u under a hat of two arcs, by inversion.

    With z = 2r/pi, 1 - cos r >= z min(z, 1): half a normal on the half-circle about the mean direction, an exponential
    law on the other. The hat is 0.90 full for every kappa, and fuller for small ones.
    """
    xp = namespace(kappa, u)
    near, far = _arc_masses(kappa)
    root = xp.sqrt(kappa)
    part = u * (near + far)
    inside = part < near
    z_near = special(xp).erfinv(xp.where(inside, part / near, xp.zeros_like(part)) * special(xp).erf(root)) / root
    share = xp.where(inside, xp.zeros_like(part), (part - near) / xp.where(far > 0.0, far, xp.ones_like(far)))
    z_far = 1.0 - xp.log1p(share * xp.expm1(-kappa)) / kappa
    return 0.5 * math.pi * xp.where(inside, z_near, z_far)


def fisher_arc_cost(kappa: Array, r: Array) -> Array:
    """Minus the log acceptance probability of r under the hat of two arcs; infinite beyond pi."""
    xp = namespace(kappa, r)
    z = 2.0 / math.pi * r
    hat = z * xp.where(z < 1.0, z, xp.ones_like(z))
    cost = kappa * (2.0 * xp.square(xp.sin(0.5 * r)) - hat)
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
