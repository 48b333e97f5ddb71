"""What a law tells about itself to who compares it with others: ``law.summary()``.

All arrays are float64, of the law's namespace, and carry the derivatives in its parameters. A new law has divergences
by giving one of these, or a summary of its own with the ``form`` that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hyperdist.arrays.namespace import Array
from hyperdist.distributions.normal_forms import NormalSpread
from hyperdist.radial.nodes import Nodes


@dataclass(frozen=True, eq=False)
class Radial:
    """The law of the radius, worked out as far as it is asked for."""

    nodes: Callable[[], Nodes]
    """The law as probabilities of points."""
    log_normalizer: Callable[[], Array]
    """Log integral over the space of the kernel that the summary names, (*batch)."""


@dataclass(frozen=True, eq=False)
class Summary:
    """What every law has: the dimension of its space, and how many axes its batch has."""

    d: int
    axes: int


@dataclass(frozen=True, eq=False)
class ProductSummary(Summary):
    """Independent laws, none of them a product, each compared with its like."""

    laws: tuple[Any, ...]


def side_by_side(laws: Sequence[Any]) -> tuple[Any, ...]:
    """The factors of a product, of those that are products their own: how they are grouped changes no law."""
    return tuple(each for law in laws for each in (side_by_side(law.laws) if hasattr(law, "laws") else (law,)))


@dataclass(frozen=True, eq=False)
class HyperbolicSummary(Summary):
    """A law about a centre mu of hyperbolic space, in the coordinates of a model."""

    model: str
    mu: Array
    tangent_mu: Callable[[], Array]
    """The centre in exponential coordinates at the origin."""
    c: Array


@dataclass(frozen=True, eq=False)
class RiemannianNormalSummary(HyperbolicSummary):
    """The kernel exp(-r^2/(2 sigma^2)), sigma (*batch); the radius in units of sigma."""

    sigma: Array
    radius: Radial


@dataclass(frozen=True, eq=False)
class WrappedNormalSummary(HyperbolicSummary):
    """The normal of a spread, wrapped."""

    mean_log_sinhc: Callable[[], Array]
    """E log(sinh(sqrt(c) r)/(sqrt(c) r)), (*batch)."""
    spread: NormalSpread


@dataclass(frozen=True, eq=False)
class SphericalSummary(Summary):
    """The kernel exp(-r^2/(2 sigma^2)) where there is a sigma, else exp(kappa (cos r - 1)); radii in radians."""

    radius: Radial
    mu: Array | None = None
    """The centre, a unit vector; the uniform law has none."""
    sigma: Array | None = None
    kappa: Array | float = 0.0


@dataclass(frozen=True, eq=False)
class ToroidalNormalSummary(Summary):
    """The normal of standard deviations sigma (*batch, d), or of a full covariance, wrapped on the torus."""

    mu: Array
    divergence: Callable[[Array, Array, Array, Array], Array]
    """``torus_forms.divergence``, as the host calls it."""
    sigma: Array | None = None
    scale_tril: Array | None = None
    """Of a full covariance, (*batch, d, d)."""
    entropy: Callable[[], Array] | None = None
    """Of a full covariance, (*batch)."""


@dataclass(frozen=True, eq=False)
class ToroidalUniformSummary(Summary):
    """The uniform law on the torus."""

    log_volume: Array
