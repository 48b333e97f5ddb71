"""The hyperboloid scaled to geodesic length: linear functions of it vanish on geodesic hyperplanes."""

from __future__ import annotations

from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import dot
from hyperdist.arrays.stable import langevinc_sq
from hyperdist.arrays.types import Scalar


def lift(x: Array, c: Scalar) -> Array:
    """(x, kR coth(kR)) of tangent coordinates x (*batch, d) at the radius R, (*batch, d + 1);  k = sqrt(c).

    kR/sinh(kR) times Lorentz coordinates, and kR coth(kR) times (g, 1) with the Klein coordinates g = tanh(kR)/k u.
    A few eps at any radius, derivatives too; (x, 1) at c = 0.
    """
    square = c * dot(x, x)
    height = 1.0 + square * langevinc_sq(square)
    return namespace(x, c).concat([x, height[..., None]], axis=-1)
