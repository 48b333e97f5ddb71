"""Probability distributions on hyperbolic space, the sphere and the torus.

>>> import hyperdist
>>> q = hyperdist.RiemannianNormal([0.1, 0.2], 0.5, c=1.0)
>>> q.sample((1000,), rng=7).shape
(1000, 2)
"""

from hyperdist import _moved
from hyperdist.distributions import (
    Distribution,
    Mixture,
    RiemannianNormal,
    SphericalRiemannianNormal,
    SphericalUniform,
    ToroidalUniform,
    ToroidalWrappedNormal,
    VonMisesFisher,
    WrappedNormal,
    kl_divergence,
)
from hyperdist.spaces import Euclidean, Lorentz, PoincareBall, Sphere, Tangent, Torus

__version__ = "0.2.0"

_moved.install()

__all__ = [
    "Distribution",
    "Euclidean",
    "Lorentz",
    "Mixture",
    "PoincareBall",
    "RiemannianNormal",
    "Sphere",
    "SphericalRiemannianNormal",
    "SphericalUniform",
    "Tangent",
    "ToroidalUniform",
    "ToroidalWrappedNormal",
    "Torus",
    "VonMisesFisher",
    "WrappedNormal",
    "kl_divergence",
]
