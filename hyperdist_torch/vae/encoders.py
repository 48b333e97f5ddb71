"""From data to the parameters of the posterior."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdist_torch.nn import Curvature, ExpOrigin, MobiusLinear
from hyperdist_torch.vae.compact import LEAST, ToAngles
from hyperdist_torch.vae.config import COUNTS, VAEConfig
from hyperdist_torch.vae.factors import Curvatures, each

LEAST_SIGMA = 1e-5
"""What is added to softplus, so that no scale is 0 (as published)."""


class Encoder(nn.Module):
    """Data -> hidden layers with ReLU -> mu (tangent coordinates) and sigma = softplus + 1e-5.

    The head of mu: "linear", a plain vector h; "wrapped", exp_0(h), whose tangent coordinates are h; "mobius", exp_0
    of the last hidden layer, then a Mobius linear layer. sigma has one value for a Riemannian normal and for laws on
    the sphere (kappa = softplus + 1 of a von Mises-Fisher law), else one a coordinate. On the sphere mu is a vector in
    whose direction the law lies, on the torus angles. Of counts the network reads log(1 + x), whose size it can bear,
    of classes their one-hot form.
    """

    def __init__(self, config: VAEConfig, curvature: Curvature | Curvatures) -> None:
        super().__init__()
        self.counts, self.classes = config.likelihood in COUNTS, config.classes
        read = config.data_dim * max(1, config.classes)
        widths = itertools.chain([read], itertools.repeat(config.hidden, config.layers))
        self.body = nn.Sequential()
        for before, after in itertools.pairwise(widths):
            self.body.extend([nn.Linear(before, after), nn.ReLU(inplace=True)])
        pairs = list(zip(config.parts, each(curvature), strict=True))
        means = [_mean(part, c) for part, c in pairs]
        scales = [nn.Linear(config.hidden, part.scales) for part in config.parts]
        self.product = config.product
        self.mu: Any = nn.ModuleList(means) if config.product else means[0]
        self.sigma: Any = nn.ModuleList(scales) if config.product else scales[0]
        self.least = [LEAST.get(part.posterior, LEAST_SIGMA) for part in config.parts]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(*batch, D) -> mu (*batch, d), on the sphere (*batch, d + 1), and sigma (*batch, 1 or d)."""
        h = self.body(self._read(x))
        if not self.product:
            return self.mu(h), functional.softplus(self.sigma(h)) + self.least[0]
        sigma = [functional.softplus(head(h)) + least for head, least in zip(self.sigma, self.least, strict=True)]
        return torch.cat([head(h) for head in self.mu], dim=-1), torch.cat(sigma, dim=-1)

    def _read(self, x: Tensor) -> Tensor:
        if self.counts:
            return x.log1p()
        if self.classes:
            return (x[..., None] == torch.arange(self.classes, device=x.device)).flatten(-2).to(x)
        return x


def _mean(config: VAEConfig, curvature: Curvature) -> nn.Module:
    """The head of the mean on a single space."""
    exp_origin = ExpOrigin(curvature, "tangent", riemannian_gradient=config.riemannian_gradient)
    torus = config.factor.space == "torus"
    linear = nn.Linear(config.hidden, config.factor.width * (1 + torus))
    if torus:
        return nn.Sequential(linear, ToAngles())
    if config.encoder == "linear":
        return linear
    if config.encoder == "wrapped":
        return nn.Sequential(linear, exp_origin)
    return nn.Sequential(exp_origin, MobiusLinear(config.hidden, config.latent_dim, curvature))
