"""The laws on the sphere that the grid draws, one entry a law: its scales, and its angle in mpmath."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp

from validation import oracles


@dataclass(frozen=True)
class SphericalFamily:
    """A law of the angle on S^d with one parameter."""

    symbol: str
    dimensions: tuple[int, ...]
    scales: tuple[float, ...]
    common: float
    """The scale of cases of another dtype, method or batch."""
    compared: tuple[tuple[int, float], ...]
    """(d, scale) of the draws that are compared with the independent sampler's."""
    radius: Callable[[int, float], oracles.RadialOracle]
    """The angle's law on S^d."""


def _power_spherical(d: int, kappa: float) -> oracles.RadialOracle:
    """((1 + cos r)/2)^kappa sin(r)^(d-1) on (0, pi)."""
    n, k = d - 1, mp.mpf(kappa)
    mode = 2.0 * math.atan(math.sqrt(n / (n + 2.0 * kappa)))
    bend = 0.5 * kappa / math.cos(0.5 * mode) ** 2 + (n / math.sin(mode) ** 2 if n else 0.0)
    return oracles.RadialOracle(
        lambda r: 2 * k * mp.log(mp.cos(r / 2)) + (n * mp.log(mp.sin(r)) if n else 0),
        lambda r: -k * mp.tan(r / 2) + (n * mp.cot(r) if n else 0),
        lambda r: 2 * mp.log(mp.cos(r / 2)), mp.pi, mode, min(1.0 / math.sqrt(bend), 1.0), n,
    )  # fmt: skip


SPHERICAL = {
    "VonMisesFisher": SphericalFamily(
        "kappa", (1, 2, 4, 9, 49, 199), (1e-2, 1.0, 11.0, 100.0, 1e4), 20.0,
        tuple(itertools.product((2, 9, 49), (1.0, 11.0, 100.0))),
        lambda d, kappa: oracles.von_mises_fisher(d + 1, kappa),
    ),
    "SphericalRiemannianNormal": SphericalFamily(
        "sigma", (1, 2, 4, 9, 49), (0.1, 0.5, 1.0, 3.0), 0.7,
        tuple(itertools.product((2, 9), (0.5, 3.0))), oracles.spherical_normal,
    ),
    "PowerSpherical": SphericalFamily(
        "kappa", (1, 2, 4, 9, 49, 199), (1e-2, 1.0, 11.0, 100.0, 1e4), 20.0,
        tuple(itertools.product((2, 9), (1.0, 11.0))), _power_spherical,
    ),
}  # fmt: skip
