"""Which points and tangent vectors coordinates hold: the checks of the spaces.

At radius a, in units of 1/sqrt(c), a vector's coordinates on the hyperboloid are e^a/2 times what it is long along the
radius, and in tangent coordinates what lies across the radius is a/sinh(a) times what it is long: rounding of the large
ones is noise in the rest, of the size eps e^a. Beyond a = 32 in float64, 11 in float32, vectors in general directions
are lost; in tangent coordinates those at points on an axis are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hyperdist.arrays.rows import dot
from hyperdist.geometry.conversions import ball_radius_limit, holdable

HELD = 2.0**-8
"""Share of a vector's length that rounding of its coordinates may be."""


def across_rounding(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    """A bound of the part across x of what rounds in u, (*batch): 0 where x and u lie on one axis.

    With e_i = eps |u_i|/2 the part has the coordinates sum_j (e_i m_j - m_i e_j) m_j, m = x/|x|, j not i.
    """
    error = 0.5 * float(np.finfo(u.dtype).eps) * np.abs(u)
    size = np.abs(x).max(axis=-1, keepdims=True)
    m = np.abs(x) / np.where(size > 0, size, 1)
    m = m / np.sqrt(np.where(size > 0, dot(m, m)[..., None], 1))
    products = error * m
    others = products.sum(axis=-1, keepdims=True) - products
    rest = (m * m).sum(axis=-1, keepdims=True) - m * m
    return np.sqrt(dot(*[error * rest + m * others] * 2))


def lost(noise: np.ndarray, size: np.ndarray, length: np.ndarray | None) -> np.ndarray:
    """Whether vectors are lost, (*batch), that read as ``size`` long to ``noise``, and should be ``length`` long."""
    if length is None:
        return ~(noise <= HELD * size)
    return ~((noise <= HELD * length) & (np.abs(size - length) <= HELD * length))


def explain(name: str, bad: np.ndarray, noise: np.ndarray, size: np.ndarray, dtype: Any) -> str:
    """What to say of vectors that are lost."""
    noise, size = (np.broadcast_to(v, bad.shape)[bad] for v in (noise, size))
    worst = float((noise / np.where(size > 0, size, 1)).max())
    return (
        f"{name} must be a tangent vector that coordinates of {dtype} hold: so far from the origin their rounding is "
        f"{worst:.2g} of its length, at most {HELD:.2g} is taken ({int(bad.sum())} of {bad.size} vectors): dist, "
        "geodesic, frechet_mean need no tangents; a wider dtype, or points nearer to the origin, hold them"
    )


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
