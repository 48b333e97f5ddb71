"""From data to the parameters of the posterior."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdist_torch.nn import Curvature, ExpOrigin, MobiusLinear
from hyperdist_torch.vae.config import COUNTS, VAEConfig

LEAST_SIGMA = 1e-5
"""What is added to softplus, so that no scale is 0 (as published)."""


class Encoder(nn.Module):
    """Data -> hidden layers with ReLU -> mu (tangent coordinates) and sigma = softplus + 1e-5.

    The head of mu: "linear", a plain vector h; "wrapped", exp_0(h), whose tangent coordinates are h; "mobius", exp_0
    of the last hidden layer, then a Mobius linear layer. sigma has one value for a Riemannian normal, else one a
    coordinate. Of counts the network reads log(1 + x), whose size it can bear, of classes their one-hot form.
    """

    def __init__(self, config: VAEConfig, curvature: Curvature) -> None:
        super().__init__()
        self.counts, self.classes = config.likelihood in COUNTS, config.classes
        read = config.data_dim * max(1, config.classes)
        widths = itertools.chain([read], itertools.repeat(config.hidden, config.layers))
        self.body = nn.Sequential()
        for before, after in itertools.pairwise(widths):
            self.body.extend([nn.Linear(before, after), nn.ReLU(inplace=True)])
        exp_origin = ExpOrigin(curvature, "tangent", riemannian_gradient=config.riemannian_gradient)
        linear = nn.Linear(config.hidden, config.latent_dim)
        if config.encoder == "linear":
            self.mu: nn.Module = linear
        elif config.encoder == "wrapped":
            self.mu = nn.Sequential(linear, exp_origin)
        else:
            self.mu = nn.Sequential(exp_origin, MobiusLinear(config.hidden, config.latent_dim, curvature))
        self.sigma = nn.Linear(config.hidden, 1 if config.posterior == "riemannian" else config.latent_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(*batch, D) -> mu (*batch, d) and sigma (*batch, 1 or d)."""
        h = self.body(self._read(x))
        return self.mu(h), functional.softplus(self.sigma(h)) + LEAST_SIGMA

    def _read(self, x: Tensor) -> Tensor:
        if self.counts:
            return x.log1p()
        if self.classes:
            return (x[..., None] == torch.arange(self.classes, device=x.device)).flatten(-2).to(x)
        return x
