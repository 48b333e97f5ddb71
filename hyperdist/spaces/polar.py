"""The polar exponential of ``charts.exp_polar`` where it is simple, as factors of a row: what a sampler multiplies by.

Same points, fewer passes over the data: at the origin one factor a row, about one centre near it two.
"""

from __future__ import annotations

from hyperdist._namespace import Array, namespace
from hyperdist.stable import tanhc

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


def ball_factors(mu: Array, radius: Array, cosine: Array, c: float) -> tuple[Array, Array]:
    """(p, q): the ball point at ``radius`` from one centre along the unit vector u is p mu + q u.

    mu : (d,) tangent coordinates, sqrt(c) |mu| <= ``NEAR``;  radius, cosine = u.mu/|mu| : (n,);  c > 0.
    With a, R the radii of centre and draw in units of 1/sqrt(c), the boost of (cosh R, sinh R u) is

        time   cosh(a - R) + sinh(a) sinh(R) (1 + cosine),
        space  (sinh(a) cosh(R) + (cosh(a) - 1) sinh(R) cosine) m + sinh(R) u,

    and the ball point is space/(1 + time); all over cosh R, so that nothing overflows.
    """
    xp = namespace(mu, radius)
    root = c**0.5
    length = xp.sqrt(xp.sum(mu * mu))
    a = root * length
    slope = xp.tanh(root * radius)
    inverse_cosh = 1.0 / xp.cosh(xp.clip(root * radius, None, 700.0))
    sinh, cosh = xp.sinh(a), xp.cosh(a)
    time = cosh - sinh * slope + sinh * slope * (1.0 + cosine)
    factor = 1.0 / (root * (inverse_cosh + time))
    return factor * (sinh + (cosh - 1.0) * slope * cosine) / length, factor * slope
