"""Posteriors and priors of the VAE: laws of tangent coordinates at the origin, where |v| is the distance from it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.kl import register_kl

import hyperdist
from hyperdist import checks
from hyperdist.spaces import charts, tangent
from hyperdist_torch.constraints import FiniteVector, finite_vector, non_negative, positive
from hyperdist_torch.distributions import RiemannianNormal, WrappedNormal

LatentLaw = Any
"""``OriginNormal``, ``WrappedNormal`` or ``RiemannianNormal``, of points in tangent coordinates."""


class OriginNormal(Distribution):
    """The law of exp_0(v), v normal with means and standard deviations of its own on every axis.

    loc   : (*batch, d)  mean of v, in geodesic length
    scale : broadcasts against loc
    c     : ()           size of the curvature; at c = 0 this is the normal on R^d
    With loc = 0 it is the wrapped normal at the origin. Draws and values are v itself ("tangent" coordinates) unless
    another model of the space is asked for. Densities are in nats with respect to Riemannian volume.
    """

    has_rsample = True

    def __init__(self, loc: Tensor, scale: Tensor, c: Tensor, validate_args: bool | None = None) -> None:
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        self.c = c
        super().__init__(self.loc.shape[:-1], self.loc.shape[-1:], validate_args=validate_args)

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the parameters must satisfy."""
        return {"loc": finite_vector, "scale": constraints.independent(positive, 1), "c": non_negative}

    @property
    def support(self) -> FiniteVector:  # type: ignore[override]
        """Any finite vector: tangent coordinates."""
        return finite_vector

    @property
    def mean(self) -> Tensor:
        """exp_0 of the mean of v, (*batch, d): not the Frechet mean, which has no closed form."""
        return self.loc

    def rsample(
        self, sample_shape: Any = (), *, model: str = "tangent", generator: torch.Generator | None = None
    ) -> Tensor:
        """Reparametrised draws, sample_shape + batch_shape + event_shape."""
        checks.choice(model, "model", charts.MODELS)
        shape = self._extended_shape(torch.Size(checks.sample_shape(sample_shape)))
        z = torch.randn(shape, generator=generator, device=self.loc.device, dtype=self.loc.dtype)
        return charts.from_tangent(self.loc + self.scale * z, self.c, model)

    @torch.no_grad()
    def sample(
        self, sample_shape: Any = (), *, model: str = "tangent", generator: torch.Generator | None = None
    ) -> Tensor:
        """``rsample`` without gradient."""
        return self.rsample(sample_shape, model=model, generator=generator)

    def rsample_and_log_prob(
        self, sample_shape: Any = (), *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draws in tangent coordinates and their log density, both with gradients."""
        v = self.rsample(sample_shape, generator=generator)
        return v, self.log_prob(v)

    def log_prob(self, value: Tensor, *, model: str = "tangent") -> Tensor:
        """Log density at points in the coordinates of ``model``, (*broadcast)."""
        v = charts.to_tangent(value, self.c, checks.choice(model, "model", charts.MODELS))
        z = (v - self.loc) / self.scale
        constant = self.scale.log().sum(dim=-1) + 0.5 * v.shape[-1] * math.log(2.0 * math.pi)
        return -0.5 * (z * z).sum(dim=-1) - constant - tangent.log_volume(v, self.c)


@register_kl(OriginNormal, OriginNormal)
def _normal_normal(p: OriginNormal, q: OriginNormal) -> Tensor:
    """That of the normals of v, since both laws are the same map of it; on one space."""
    ratio, apart = (p.scale / q.scale).square(), ((p.loc - q.loc) / q.scale).square()
    return 0.5 * (ratio - 1.0 - ratio.log() + apart).sum(dim=-1)


def build(kind: str, mu: Tensor, sigma: Tensor, c: Tensor, flat: bool) -> LatentLaw:
    """The law of one of the ``LAWS`` about mu, (*batch, d), with scale sigma, (*batch, 1) or (*batch, d).

    On a flat space the three are normals, and the plain one is the cheapest to draw from.
    """
    if flat or kind == "normal":
        return OriginNormal(mu, sigma, c, validate_args=False)
    if kind == "wrapped":
        return WrappedNormal(mu, sigma, c, model="tangent", validate_args=False)
    return RiemannianNormal(mu, sigma[..., 0], c, model="tangent", validate_args=False)


def density_about_origin(law: LatentLaw) -> Callable[[Tensor], Tensor]:
    """``law.log_prob`` on tangent coordinates, for a law centred at the origin, where |v| is the distance."""
    if isinstance(law, OriginNormal):
        return law.log_prob
    return functools.partial(_about_origin, law.sigma**-2, law.log_normalizer())


@functools.cache
def fixed_about_origin(d: int, sigma: float, c: float) -> Callable[[Tensor], Tensor]:
    """That of a Riemannian normal with fixed parameters: a law and its quadrature in every step would take a twentieth
    of a step's time."""
    law = hyperdist.RiemannianNormal(np.zeros(d), sigma, c)
    return functools.partial(_about_origin, sigma**-2, float(law.log_normalizer()))


def _about_origin(precision: Tensor | float, log_normalizer: Tensor | float, v: Tensor) -> Tensor:
    return -0.5 * precision * (v * v).sum(dim=-1) - log_normalizer
