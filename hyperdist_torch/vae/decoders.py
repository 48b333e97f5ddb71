"""From latent points, in tangent coordinates, to the law of the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import hyperdist
from hyperdist.geometry.conversions import tangent_to_poincare
from hyperdist_torch.nn import Curvature, Gyroplane, Horosphere, Klein, LogOrigin, MobiusLinear
from hyperdist_torch.vae.compact import OfAngles
from hyperdist_torch.vae.config import VAEConfig
from hyperdist_torch.vae.factors import Curvatures, each
from hyperdist_torch.vae.likelihoods import Lean, Likelihood


class ToBall(nn.Module):
    """Tangent coordinates -> twice the ball coordinates, which go to the point itself as c goes to 0."""

    def __init__(self, curvature: Curvature) -> None:
        super().__init__()
        self.curvature = curvature

    def forward(self, v: Tensor) -> Tensor:
        """(*batch, d) -> (*batch, d); at any distance, the boundary included, to which far points round."""
        return 2.0 * tangent_to_poincare(v, self.curvature())


def _first(config: VAEConfig, curvature: Curvature) -> list[nn.Module]:
    """The layer that reads a latent point: "linear" its ball coordinates, "wrapped" log_0 of it, "geo" its signed
    distances from learnt hyperplanes, "horosphere" those from learnt horospheres, "klein" linear functions that vanish
    on learnt hyperplanes, "mobius" log_0 of a Mobius linear map of it. On compact spaces "linear" reads unit vectors,
    or cosines and sines of angles."""
    d, hidden = config.latent_dim, config.hidden
    if config.factor.space == "sphere":
        return [nn.Linear(d + 1, hidden)]
    if config.factor.space == "torus":
        return [OfAngles(), nn.Linear(2 * d, hidden)]
    if config.decoder == "linear":
        return [ToBall(curvature), nn.Linear(d, hidden)]
    if config.decoder == "wrapped":
        return [LogOrigin(curvature, "tangent"), nn.Linear(d, hidden)]
    if config.decoder == "geo":
        return [Gyroplane(d, hidden, curvature)]
    if config.decoder == "horosphere":
        return [_through_prior(Horosphere(d, hidden, curvature), config)]
    if config.decoder == "klein":
        return [Klein(d, hidden, curvature)]
    return [MobiusLinear(d, hidden, curvature), LogOrigin(curvature, "tangent")]


class Radius(nn.Module):
    """Unit vectors -> those of length 1/sqrt(c), the points of the sphere of curvature c."""

    def __init__(self, curvature: Curvature) -> None:
        super().__init__()
        self.curvature = curvature

    def forward(self, x: Tensor) -> Tensor:
        """(*batch, d + 1) -> (*batch, d + 1)."""
        return x / self.curvature(x.dtype).sqrt()


class Factors(nn.Module):
    """The first layers of a product's factors, added up: as one layer that reads all coordinates."""

    def __init__(self, config: VAEConfig, curvatures: Curvatures) -> None:
        super().__init__()
        self.widths = [part.width for part in config.parts]
        self.layers = nn.ModuleList()
        for part, curvature in zip(config.parts, each(curvatures), strict=True):
            scaled = [Radius(curvature)] if part.factor.space == "sphere" else []
            self.layers.append(nn.Sequential(*scaled, *_first(part, curvature)))

    def forward(self, z: Tensor) -> Tensor:
        """Latent points (*batch, width) -> (*batch, hidden)."""
        first, *rest = [layer(part) for layer, part in zip(self.layers, z.split(self.widths, dim=-1), strict=True)]
        for more in rest:
            first = first + more
        return first


def _through_prior(layer: Horosphere, config: VAEConfig) -> Horosphere:
    """The layer with horospheres that pass at the prior's mean distance from the origin, where its points are.

    About the origin itself all points of a far shell would lie outside of nearly all horospheres, and behind a ReLU.
    """
    if not config.flat:
        c = config.c if config.prior == "riemannian" else 0.0
        law = hyperdist.RiemannianNormal(np.zeros(config.latent_dim), config.prior_std, c)
        with torch.no_grad():
            layer.bias.add_(layer.weight.norm(dim=-1), alpha=float(law.radius.mean))
    return layer


class Decoder(nn.Module):
    """A first layer for the latent space, hidden layers with ReLU, a linear output for the law of the data."""

    def __init__(self, config: VAEConfig, curvature: Curvature | Curvatures, likelihood: Callable[..., Any]) -> None:
        super().__init__()
        several = isinstance(curvature, Curvatures)
        first = [Factors(config, curvature)] if several else _first(config, curvature)
        # In place is faster, where the layer before does not need its output to differentiate.
        self.body = nn.Sequential(*first, nn.ReLU(inplace=isinstance(first[-1], nn.Linear | Klein)))
        for _ in range(config.layers - 1):
            self.body.extend([nn.Linear(config.hidden, config.hidden), nn.ReLU(inplace=True)])
        self.data_shape = config.data_shape
        self.shape = config.data_shape + (likelihood.outputs if isinstance(likelihood, Likelihood) else ())
        self.output = nn.Linear(config.hidden, math.prod(self.shape))
        # The model's module, whose parameters stand there once: the tuple hides it.
        self._likelihood = (likelihood,)

    @property
    def likelihood(self) -> Callable[..., Any]:
        """The model's."""
        return self._likelihood[0]

    def forward(self, z: Tensor) -> Tensor:
        """Latent points (*batch, d), tangent coordinates -> logits, means, log means (*batch, D)."""
        return self.output(self.body(z))

    def log_prob(self, z: Tensor, x: Tensor) -> Tensor:
        """log p(x | z), (*sample, batch), for z (*sample, batch, d) and flat data x (batch, D).

        Raises ValueError where the output's shape is not x's, against which it would broadcast.
        """
        output = self(z)
        if isinstance(self.likelihood, Lean):
            if output.shape[-2:] != x.shape:
                raise ValueError(
                    f"the decoder's output must have the shape of the data on its last axes, {tuple(x.shape)}, "
                    f"got {tuple(output.shape)}"
                )
            return self.likelihood.log_prob(output, x)
        return self.likelihood(output.unflatten(-1, self.shape)).log_prob(x.unflatten(-1, self.data_shape))
