"""The laws of ``hyperdist`` as ``torch.distributions.Distribution`` subclasses."""

from hyperdist_torch.distributions import divergence as _divergence  # noqa: F401 - registers the divergences
from hyperdist_torch.distributions.mixture import Mixture
from hyperdist_torch.distributions.power_spherical import PowerSpherical
from hyperdist_torch.distributions.product import Product
from hyperdist_torch.distributions.riemannian_normal import RiemannianNormal
from hyperdist_torch.distributions.spherical import SphericalRiemannianNormal, VonMisesFisher
from hyperdist_torch.distributions.spherical_uniform import SphericalUniform
from hyperdist_torch.distributions.toroidal import ToroidalUniform, ToroidalWrappedNormal
from hyperdist_torch.distributions.wrapped_normal import WrappedNormal

__all__ = [
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
]
