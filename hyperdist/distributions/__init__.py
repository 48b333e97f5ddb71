"""Distributions: a space, a radial law and a centre."""

from hyperdist.distributions.base import Distribution
from hyperdist.distributions.components import Components
from hyperdist.distributions.divergence import kl_divergence
from hyperdist.distributions.mixture import Mixture
from hyperdist.distributions.power_spherical import PowerSpherical
from hyperdist.distributions.product import Product
from hyperdist.distributions.quasi import Antithetic
from hyperdist.distributions.riemannian_normal import RiemannianNormal
from hyperdist.distributions.spherical import SphericalRiemannianNormal, SphericalUniform, VonMisesFisher
from hyperdist.distributions.toroidal import ToroidalWrappedNormal
from hyperdist.distributions.toroidal_uniform import ToroidalUniform
from hyperdist.distributions.wrapped_normal import WrappedNormal

__all__ = [
    "Antithetic",
    "Components",
    "Distribution",
    "Mixture",
    "PowerSpherical",
    "Product",
    "RiemannianNormal",
    "SphericalRiemannianNormal",
    "SphericalUniform",
    "ToroidalUniform",
    "ToroidalWrappedNormal",
    "VonMisesFisher",
    "WrappedNormal",
    "kl_divergence",
]
