"""The VAE on compact latent spaces: posteriors about a direction or an angle, uniform priors, what networks read.

Source  Davidson et al. 2018 (arXiv 1804.00891), the hyperspherical VAE.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hyperdist_torch._precision import upcast
from hyperdist_torch.distributions import (
    PowerSpherical,
    SphericalRiemannianNormal,
    SphericalUniform,
    ToroidalUniform,
    ToroidalWrappedNormal,
    VonMisesFisher,
)
from hyperdist_torch.distributions.base import ManifoldDistribution
from hyperdist_torch.distributions.spherical_base import unit
from hyperdist_torch.vae.signature import Factor

SPHERICAL = {
    "von_mises_fisher": VonMisesFisher,
    "power_spherical": PowerSpherical,
    "riemannian": SphericalRiemannianNormal,
}
"""Posteriors on the sphere, each of a direction and one parameter, and their names in ``VAEConfig``."""

LEAST = {"von_mises_fisher": 1.0, "power_spherical": 1.0}
"""What is added to softplus where it is not the least scale: kappa >= 1, as published (Davidson et al.; De Cao & Aziz
2020, arXiv 2006.04437)."""


def posterior(kind: str, factor: Factor, mu: Tensor, sigma: Tensor) -> ManifoldDistribution:
    """The law about mu, (batch, d + 1) in whose direction, or angles (batch, d); its shapes have been checked."""
    mu, sigma = upcast(mu, "mu"), upcast(sigma, "sigma")
    if factor.space == "sphere":
        return SPHERICAL[kind](unit(mu), sigma[..., 0], validate_args=False)
    return ToroidalWrappedNormal(mu, sigma, validate_args=False)


def prior(factor: Factor, like: Tensor) -> ManifoldDistribution:
    """The uniform law, of the dtype and on the device of ``like``."""
    law = SphericalUniform if factor.space == "sphere" else ToroidalUniform
    return law(factor.d, dtype=like.dtype, device=like.device, validate_args=False)


class ToAngles(nn.Module):
    """(*batch, 2 d) -> angles (*batch, d) of d vectors of the plane: no angle is far from any other on the way."""

    def forward(self, h: Tensor) -> Tensor:
        """In (-pi, pi]."""
        x, y = h.chunk(2, dim=-1)
        return torch.atan2(y, x)


class OfAngles(nn.Module):
    """Angles (*batch, d) -> their cosines and sines (*batch, 2 d)."""

    def forward(self, x: Tensor) -> Tensor:
        """In [-1, 1]."""
        return torch.cat([x.cos(), x.sin()], dim=-1)
