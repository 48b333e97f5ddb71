"""The polar exponential by hyperbolic trigonometry, with its derivatives: the triangle of origin, centre and point.

A centre at radius a in the direction m and a geodesic of length r that leaves it at the angle phi from m span a plane,
in which the end point lies at the radius rho, at the angle beta from m. With gamma the angle at which the geodesic
arrives, against the radius there, and h = cos^2(phi/2) (all lengths in units of 1/sqrt(c)):

    sinh^2(rho/2)       = sinh^2((a - r)/2) + sinh(a) sinh(r) h
    sinh(rho) cos(beta)  = sinh(a - r) + 2 cosh(a) sinh(r) h,      sinh(rho) sin(beta)  = sinh(r) sin(phi)
    sinh(rho) cos(gamma) = sinh(r - a) + 2 cosh(r) sinh(a) h,      sinh(rho) sin(gamma) = sinh(a) sin(phi)

The partial derivatives of (rho, beta) are ratios of the same numbers:

    d rho  = cos(beta) da + cos(gamma) dr - sinh(a) sin(beta) dphi
    d beta = (-cosh(rho) sin(beta) da + sin(gamma) dr + sinh(r) cos(gamma) dphi)/sinh(rho)

so that one pass gives the point and another pulls a gradient back, where differentiating ``polar.exp_polar`` takes ten
times as many operations. Vectors keep their dtype, row scalars are float64.
"""

from __future__ import annotations

from typing import NamedTuple

from hyperdist.arrays.host import plain, unseen
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import dot, times, wide

NEAREST, FARTHEST = 1e-3, 600.0
"""The least radius of a centre, which must have a direction, and the largest sum of both lengths, whose exponentials
must be held; in units of 1/sqrt(c)."""

_LEAST = 1e-150


class Triangle(NamedTuple):
    """A solved triangle: the two unit vectors that span its plane, and row scalars."""

    m: Array
    u: Array
    k: Array
    a: Array
    r: Array
    h: Array
    cos_phi: Array
    sin_phi: Array
    rho: Array
    sinh_rho: Array
    sinh_a: Array
    sinh_r: Array


def solve(mu: Array, radius: Array, direction: Array, c: Array) -> Triangle | None:
    """The triangles of ``polar.exp_polar``'s arguments, mu in tangent coordinates.

    None where a centre is nearer than ``NEAREST`` or a sum beyond ``FARTHEST``, before any vector is touched, and where
    nobody can look.
    """
    xp = namespace(mu, radius)
    k = xp.sqrt(wide(c))
    length = xp.sqrt(dot(mu, mu))
    a, r = k * wide(length), k * wide(radius)
    serves = xp.all(a >= NEAREST) & xp.all(a + r <= FARTHEST)
    if (not plain(serves) and unseen(serves)) or not bool(serves):
        return None
    m = mu / length[..., None]
    plus, minus = direction + m, direction - m
    h, rest = 0.25 * wide(dot(plus, plus)), 0.25 * wide(dot(minus, minus))
    sinh_a, sinh_r = xp.sinh(a), xp.sinh(r)
    height = xp.square(xp.sinh(0.5 * (a - r))) + sinh_a * sinh_r * h
    root = xp.sqrt(height)
    return Triangle(
        m=m, u=direction, k=k, a=a, r=r, h=h,
        cos_phi=h - rest, sin_phi=2.0 * xp.sqrt(h * rest),
        rho=2.0 * xp.asinh(root), sinh_rho=2.0 * root * xp.sqrt(1.0 + height) + _LEAST,
        sinh_a=sinh_a, sinh_r=sinh_r,
    )  # fmt: skip


def point(t: Triangle) -> Array:
    """The end point in tangent coordinates, (*batch, d).

    Written with m + u, so that where the geodesic runs back towards the origin nothing cancels.
    """
    xp = namespace(t.m, t.rho)
    shrink = (t.rho + _LEAST) / (t.sinh_rho * t.k)
    along = xp.sinh(t.a - t.r) + 4.0 * xp.square(xp.sinh(0.5 * t.a)) * t.sinh_r * t.h
    return times(shrink * along, t.m) + times(shrink * t.sinh_r, t.m + t.u)


class Gradient(NamedTuple):
    """Gradients in the arguments of ``polar.exp_polar``; in the direction across it only, as on the sphere."""

    mu: Array
    radius: Array
    direction: Array | None
    c: Array | None


def pull_back(t: Triangle, x: Array, grad: Array, *, direction: bool = True, c: bool = True) -> Gradient:
    """The gradient ``grad`` in the end point x, (*batch, d), as gradients in centre, radius and what is asked for.

    Accuracy  a few eps over a in the centre, of the sizes of the terms; in c eps |x|/c, since it is c's scaling.
    """
    xp = namespace(t.m, grad)
    cosh_a, cosh_r = xp.cosh(t.a), xp.cosh(t.r)
    # A point that comes back to the origin lies along m, where centre and geodesic lead against one another.
    back, one = t.rho == 0.0, xp.ones_like(t.rho)
    cos_beta = xp.where(back, one, (xp.sinh(t.a - t.r) + 2.0 * cosh_a * t.sinh_r * t.h) / t.sinh_rho)
    sin_beta = t.sinh_r * t.sin_phi / t.sinh_rho
    cos_gamma = xp.where(back, -one, (xp.sinh(t.r - t.a) + 2.0 * cosh_r * t.sinh_a * t.h) / t.sinh_rho)
    sin_gamma = t.sinh_a * t.sin_phi / t.sinh_rho

    # The part of grad in the plane, along m and along e, and the rest.
    side = t.u - times(t.cos_phi, t.m)
    size = xp.sqrt(dot(side, side))
    e = side / xp.where(size > 0.0, size, xp.ones_like(size))[..., None]
    along_m, along_e = dot(grad, t.m), dot(grad, e)
    rest = grad - along_m[..., None] * t.m - along_e[..., None] * e
    along_m, along_e = wide(along_m), wide(along_e)

    outward = along_m * cos_beta + along_e * sin_beta
    around = t.rho * (along_e * cos_beta - along_m * sin_beta)
    in_a = outward * cos_beta - around * sin_beta * xp.sqrt(1.0 + xp.square(1.0 / t.sinh_rho))
    in_r = outward * cos_gamma + around * sin_gamma / t.sinh_rho
    in_phi = around * t.sinh_r * cos_gamma / t.sinh_rho - outward * t.sinh_a * sin_beta
    # What lies across the plane turns rigidly about m, and about the origin.
    across = (t.rho + _LEAST) / t.sinh_rho
    lift = across * (t.sinh_a * cosh_r + 2.0 * xp.square(xp.sinh(0.5 * t.a)) * t.sinh_r * t.cos_phi) / t.a
    in_mu = times(in_a, t.m) + times((around - in_phi) / t.a, e) + times(lift, rest)
    in_u = in_c = None
    if direction:
        in_u = times(-in_phi * t.sin_phi / t.k, t.m) + times(in_phi * t.cos_phi / t.k, e)
        in_u = in_u + times(across * t.sinh_r / t.k, rest)
    if c:
        scaling = wide(dot(in_mu, t.m)) * t.a + in_r * t.r
        in_c = 0.5 * (scaling / t.k - wide(dot(grad, x))) / xp.square(t.k)
    return Gradient(in_mu, in_r, in_u, in_c)
