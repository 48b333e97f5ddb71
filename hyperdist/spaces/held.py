"""Which points and tangent vectors coordinates hold: the checks of the spaces.

At radius a, in units of 1/sqrt(c), a vector's coordinates on the hyperboloid are e^a/2 times what it is long along the
radius, and in tangent coordinates what lies across the radius is a/sinh(a) times what it is long: rounding of the large
ones is noise in the rest, of the size eps e^a. Beyond a = 32 in float64, 11 in float32, vectors in general directions
are lost; in tangent coordinates those at points on an axis are not.
"""

from __future__ import annotations

import numpy as np

from hyperdist.arrays.host import eps, found, hidden, kind, like, numbers
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import dot, largest_coordinate
from hyperdist.arrays.types import AnyArray
from hyperdist.geometry.conversions import ball_radius_limit, holdable

HELD = 2.0**-8
"""Share of a vector's length that rounding of its coordinates may be."""


def across_rounding(x: Array, u: Array) -> Array:
    """A bound of the part across x of what rounds in u, (*batch): 0 where x and u lie on one axis.

    With e_i = eps |u_i|/2 the part has the coordinates sum_j (e_i m_j - m_i e_j) m_j, m = x/|x|, j not i.
    """
    xp = namespace(x, u)
    error = 0.5 * eps(u) * abs(u)
    size = largest_coordinate(x)
    m = abs(x) / xp.where(size > 0, size, xp.ones_like(size))
    square = dot(m, m)[..., None]
    m = m / xp.sqrt(xp.where(size > 0, square, xp.ones_like(square)))
    products = error * m
    others = xp.sum(products, axis=-1, keepdims=True) - products
    rest = xp.sum(m * m, axis=-1, keepdims=True) - m * m
    return xp.sqrt(dot(*[error * rest + m * others] * 2))


def lost(noise: Array, size: Array, length: Array | None) -> Array:
    """Whether vectors are lost, (*batch), that read as ``size`` long to ``noise``, and should be ``length`` long."""
    if length is None:
        return ~(noise <= HELD * size)
    return ~((noise <= HELD * length) & (abs(size - length) <= HELD * length))


def explain(name: str, bad: Array, noise: Array, size: Array, dtype: str) -> str:
    """What to say of vectors that are lost."""
    flagged = numbers(bad)
    noise, size = (numbers(v + 0.0 * bad)[flagged] for v in (noise, size))
    worst = float((noise / np.where(size > 0, size, 1)).max())
    return (
        f"{name} must be a tangent vector that coordinates of {dtype} hold: so far from the origin their rounding is "
        f"{worst:.2g} of its length, at most {HELD:.2g} is taken ({int(flagged.sum())} of {flagged.size} vectors): "
        "dist, geodesic, frechet_mean need no tangents; a wider dtype, or points nearer to the origin, hold them"
    )


def check_holdable(x: Array, c: AnyArray, gap: Array | None = None) -> Array:
    """``x`` where all points are ``holdable``; else ValueError.

    gap : (*batch)  1 - c|x|^2 from the lengths that made x. Coordinates alone do not tell: of a point far beyond what
                    they hold, the rounding of its direction may leave one just inside.
    """
    if hidden(x, c):
        return x
    c = c if hasattr(c, "shape") else np.asarray(c)
    bad = ~holdable(x, like(c, x))
    if gap is not None:
        bad = bad | ~(gap >= 2.0 * eps(x))
    if found(bad):
        flagged = numbers(bad)
        limit = float(np.min(ball_radius_limit(kind(x), numbers(c))))
        raise ValueError(
            f"{int(flagged.sum())} of {flagged.size} points lie further from the origin than {kind(x)} ball "
            f"coordinates hold (about {limit:.3g}): ask for model='tangent', which holds any radius, or model='lorentz'"
        )
    return x


def check_curved(c: Array) -> None:
    """ValueError where c is 0, which the hyperboloid cannot have."""
    if found(~(c > 0)):
        raise ValueError("c must be > 0: the hyperboloid has no flat limit, its time coordinate is 1/sqrt(c); got 0.0")
