"""Laws that the tests of both packages run on: one line a law."""

from __future__ import annotations

from typing import Any

import numpy as np


def unit(m: int) -> np.ndarray:
    """A unit vector along no axis."""
    direction = np.cos(1.0 + np.arange(m))
    return direction / np.linalg.norm(direction)


SPHERICAL: list[tuple[str, tuple[Any, ...], str]] = [
    ("VonMisesFisher", (unit(2), 3.0), "vmf-m2"),
    ("VonMisesFisher", (unit(2), np.array([0.0, 5.0])), "vmf-m2-uniform"),
    ("VonMisesFisher", (unit(4), 0.0), "vmf-m4-uniform"),
    ("VonMisesFisher", (unit(10), np.array([0.1, 12.0, 200.0])), "vmf-m10-batch"),
    ("SphericalRiemannianNormal", (unit(2), 1.2), "spherical-d1"),
    ("SphericalRiemannianNormal", (unit(3), np.array([0.2, 3.0])), "spherical-d2"),
    ("PowerSpherical", (unit(2), np.array([1.0, 6.0])), "power-m2"),
    ("PowerSpherical", (unit(3), 2.0), "power-m3"),
    ("PowerSpherical", (unit(10), np.array([0.0, 12.0, 400.0])), "power-m10-batch"),
]
"""(name, parameters, label) of laws on the sphere; parameters are float64, in the order of the constructors."""
