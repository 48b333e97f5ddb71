"""Posteriors and priors of the VAE: laws of tangent coordinates at the origin, where |v| is the distance from it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions.kl import register_kl

import hyperdist
from hyperdist.distributions.divergence import one_curvature, one_space
from hyperdist.distributions.normal_forms import of_normals
from hyperdist.geometry import conversions, tangent
from hyperdist_torch import _parameters, _random
from hyperdist_torch._host import holds
from hyperdist_torch.constraints import EachCoordinate, non_negative, scale, tangent_vector
from hyperdist_torch.distributions import RiemannianNormal, WrappedNormal
from hyperdist_torch.distributions.hyperbolic import OnHyperbolicSpace, hold

LatentLaw = Any
"""``OriginNormal``, ``WrappedNormal`` or ``RiemannianNormal``, of points in tangent coordinates."""


class OriginNormal(OnHyperbolicSpace):
    """The law of exp_0(v), v normal with means and standard deviations of its own on every axis.

    loc   : (*batch, d)  mean of v, in geodesic length
    scale : standard deviation of each coordinate of v; broadcasts against loc
    c     : (*batch)     size of the curvature; at c = 0 this is the normal on R^d
    With loc = 0 it is the wrapped normal at the origin. Draws and values are v itself ("tangent" coordinates) unless
    another model of the space is asked for. Densities are in nats with respect to Riemannian volume.

    >>> import torch
    >>> from hyperdist_torch.vae import OriginNormal
    >>> law = OriginNormal(torch.tensor([1.0, 0.0]), 0.5, c=1.0)
    >>> law.mean, law.log_prob(law.mean)  # -log(2 pi 0.5^2) - log(sinh 1)
    (tensor([1., 0.]), tensor(-0.6130))
    >>> law.rsample((4,), model="lorentz").shape
    torch.Size([4, 3])
    """

    loc: Tensor
    scale: Tensor
    model = "tangent"

    _batched = ("loc", "scale", "c")

    def __init__(self, loc: Any, scale: Any, c: Any = 1.0, validate_args: bool | None = None) -> None:
        given = _parameters.tensors(loc=loc, scale=scale, c=c)
        loc, scale, c = _parameters.vector(given["loc"], "loc"), given["scale"], given["c"]
        full = _parameters.per_coordinate(loc=loc, scale=scale)
        batch = _parameters.batch(loc=full[:-1], c=c.shape)
        self.loc, self.scale = loc.expand(batch + full[-1:]), scale.expand(batch + full[-1:])
        self.c = c.expand(batch)
        super().__init__(batch, full[-1:], validate_args=validate_args)

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """What the parameters must satisfy."""
        return {"loc": tangent_vector, "scale": EachCoordinate(scale), "c": non_negative}

    @property
    def mean(self) -> Tensor:
        """exp_0 of the mean of v, (*batch, d): not the Frechet mean, which has no closed form."""
        return self.loc

    @property
    def _dtype(self) -> torch.dtype:
        return self.loc.dtype

    def log_prob(self, value: Tensor, *, model: str | None = None) -> Tensor:
        """Log density at points in the coordinates of ``model`` (tangent by default), (*broadcast)."""
        x, inside, model = self._read(value, model)
        return self._outside(self._log_density(conversions.to_tangent(x, self.c, model)), inside, value)

    def _log_density(self, v: Tensor, z: Tensor | None = None) -> Tensor:
        z = (v - self.loc) / self.scale if z is None else z
        constant = self.scale.log().sum(dim=-1) + 0.5 * self.event_shape[0] * math.log(2.0 * math.pi)
        return -0.5 * (z * z).sum(dim=-1) - constant - tangent.log_volume(v, self.c)

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        loc, model = self.loc, model or self.model
        z = _random.normals(shape + self.event_shape, loc, generator)
        v = loc + self.scale * z
        x = hold(conversions.from_tangent(v, self.c, model), self.c, model)
        return x, self._log_density(v, z) if density else None


@register_kl(OriginNormal, OriginNormal)
def _normal_normal(p: OriginNormal, q: OriginNormal) -> Tensor:
    """That of the normals of v, since both laws are the same map of it."""
    one_space(p, q)
    if p._validate_args:
        one_curvature(p.c, q.c, holds)
    return of_normals(p.scale, q.scale, ((p.loc - q.loc) / q.scale).square())


def build(kind: str, mu: Tensor, sigma: Tensor, c: Tensor, flat: bool) -> LatentLaw:
    """The law of one of the ``LAWS`` about mu, (*batch, d), with scale sigma, (*batch, 1) or (*batch, d).

    On a flat space the three are normals, and the plain one is the cheapest to draw from. A Riemannian normal has one
    scale. Raises ValueError for another shape of sigma, which would broadcast: one row's scale for all of them.
    """
    check_sigma(kind, mu, sigma, kind == "riemannian")
    if flat or kind == "normal":
        return OriginNormal(mu, sigma, c, validate_args=False)
    if kind == "wrapped":
        return WrappedNormal(mu, sigma, c, model="tangent", validate_args=False)
    return RiemannianNormal(mu, sigma[..., 0], c, model="tangent", validate_args=False)


def check_sigma(kind: str, mu: Tensor, sigma: Tensor, single: bool) -> None:
    """ValueError where sigma has not one value a row, nor, unless ``single``, one a coordinate."""
    # torch.jit.trace hands sizes out as tensors.
    shape, each = (tuple(map(int, value.shape)) for value in (sigma, mu))
    one = (*each[:-1], 1)
    allowed = {one} if single else {one, each}
    if shape not in allowed:
        raise ValueError(
            f"the encoder's sigma must have shape {' or '.join(map(str, sorted(allowed)))} for posterior {kind!r} "
            f"and mu of shape {each}, got {shape}"
        )


def density_about_origin(law: LatentLaw) -> Callable[[Tensor], Tensor]:
    """``law.log_prob`` on tangent coordinates, for a law centred at the origin, where |v| is the distance."""
    if isinstance(law, OriginNormal):
        return law._log_density
    return functools.partial(_about_origin, law.sigma**-2, law.log_normalizer())


@functools.cache
def fixed_about_origin(d: int, sigma: float, c: float) -> Callable[[Tensor], Tensor]:
    """That of a Riemannian normal with fixed parameters: a law and its quadrature in every step would take a twentieth
    of a step's time."""
    law = hyperdist.RiemannianNormal(np.zeros(d), sigma, c)
    return functools.partial(_about_origin, sigma**-2, float(law.log_normalizer()))


def _about_origin(precision: Tensor | float, log_normalizer: Tensor | float, v: Tensor) -> Tensor:
    return -0.5 * precision * (v * v).sum(dim=-1) - log_normalizer
