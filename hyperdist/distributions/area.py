"""Areas of spheres: what turns a radial normaliser into a normaliser over the space."""

from __future__ import annotations

import math


def log_sphere_area(d: int) -> float:
    """Log area of the unit sphere S^(d-1) in R^d, 2 pi^(d/2)/Gamma(d/2); log 2 for the two points of d = 1."""
    return math.log(2.0) + 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d)
