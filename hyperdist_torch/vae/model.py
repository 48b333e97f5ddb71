"""The Poincare VAE: an encoder, a prior, a decoder and the curvature that they share."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from hyperdist_torch._host import holds, seen
from hyperdist_torch._precision import upcast
from hyperdist_torch.distributions.hyperbolic import OutOfReach
from hyperdist_torch.nn import Curvature
from hyperdist_torch.vae import laws
from hyperdist_torch.vae.config import VAEConfig
from hyperdist_torch.vae.decoders import Decoder
from hyperdist_torch.vae.encoders import Encoder


class PoincareVAE(nn.Module):
    """Variational auto-encoder with a latent hyperbolic space of curvature -c; Euclidean at c = 0.

    Data are (batch, *data_shape), latent points (*, latent_dim) in tangent coordinates at the origin.
    Source  Mathieu et al. 2019 (arXiv 1901.06033), section 3.

    >>> import torch
    >>> from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo
    >>> model = PoincareVAE(VAEConfig(latent_dim=2, data_shape=(8,), hidden=16))
    >>> elbo(model, torch.rand(5, 8)).shape
    torch.Size([5])
    """

    origin: Tensor

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.curvature = Curvature(config.c, learnable=config.learn_c)
        self.encoder = Encoder(config, self.curvature)
        self.decoder = Decoder(config, self.curvature)
        start = torch.zeros(())
        # The scale over its start, in logs: exact at the start, and positive wherever training takes it.
        self.log_prior_std = nn.Parameter(start) if config.learn_prior_std else None
        self.register_buffer("origin", torch.zeros(config.latent_dim), persistent=False)

    def encode(self, x: Tensor) -> laws.LatentLaw:
        """The posterior of (batch, *data_shape), a law with batch shape (batch,) of points in tangent coordinates.

        Raises ValueError where the encoder returns another shape, and for the first row of x whose mean or scale is not
        finite, because x is not or weights overflow, or whose scale is not positive.
        """
        flat = self.flatten(x)
        mu, sigma = self.encoder(flat)
        shape = (len(flat), self.config.latent_dim)
        if tuple(mu.shape) != shape:
            raise ValueError(f"the encoder must return mu of shape {shape} for {len(flat)} rows, got {tuple(mu.shape)}")
        law = laws.build(self.config.posterior, mu, sigma, self.curvature(), self.config.flat)
        _check_law(flat, mu, sigma)
        return law

    def prior(self) -> laws.LatentLaw:
        """The prior, centred at the origin. The wrapped normal there is the law of exp_0 of a normal."""
        kind = "riemannian" if self.config.prior == "riemannian" else "normal"
        return laws.build(kind, self.origin, self.prior_std()[None], self.curvature(), self.config.flat)

    def log_prior(self) -> Callable[[Tensor], Tensor]:
        """The prior's log density as a function of tangent coordinates, with what is constant worked out once."""
        config = self.config
        # The compiler does not keep what a function remembers.
        kept = config.prior == "riemannian" and not torch.compiler.is_compiling()
        if kept and not (config.flat or config.learn_c or config.learn_prior_std):
            return laws.fixed_about_origin(config.latent_dim, config.prior_std, self.curvature.initial)
        return laws.density_about_origin(self.prior())

    def prior_std(self) -> Tensor:
        """Scale of the prior in geodesic length, ()."""
        std = torch.full_like(self.origin[0], self.config.prior_std)
        return std if self.log_prior_std is None else std * self.log_prior_std.exp()

    def decode(self, z: Tensor) -> Distribution:
        """The law of data (*batch, *data_shape) given latent points (*batch, d)."""
        output = self.decoder(z).unflatten(-1, self.config.data_shape)
        law = self.decoder.likelihood.distribution(output)
        return Independent(law, len(self.config.data_shape), validate_args=False)

    @torch.no_grad()
    def set_output_bias(self, mean: Tensor) -> None:
        """Start the last layer's bias where the law of the data has this mean, (*data_shape)."""
        self.decoder.likelihood.check(mean, "mean")
        if tuple(mean.shape) != self.config.data_shape:
            raise ValueError(f"mean must have shape {self.config.data_shape}, got {tuple(mean.shape)}")
        bias = self.decoder.output.bias
        bias.copy_(self.decoder.likelihood.bias(mean.to(bias)).flatten())

    def flatten(self, x: Tensor) -> Tensor:
        """(batch, *data_shape) -> (batch, D); ValueError for another shape, TypeError for a dtype not the model's.

        Half precision is taken under ``torch.autocast`` alone.
        """
        if tuple(x.shape[1:]) != self.config.data_shape or x.ndim == 0:
            wanted = ", ".join(map(str, self.config.data_shape))
            raise ValueError(f"x must have shape (batch, {wanted}), got {tuple(x.shape)}")
        if not x.is_floating_point():
            raise TypeError(f"x must hold floating-point numbers, got {x.dtype}")
        x, wanted = upcast(x, "x"), self.origin.dtype
        if x.dtype != wanted and not torch.is_autocast_enabled(x.device.type):
            raise TypeError(f"x must be {wanted}, as the model is, got {x.dtype}: convert one to the other's dtype")
        return x.reshape(x.shape[0], math.prod(self.config.data_shape))

    def check_data(self, x: Tensor) -> Tensor:
        """x where its shape and all its values are those of data, else ValueError; for use once, where data enter.

        It reads every value, so that on an accelerator it waits.
        """
        self.flatten(x)
        self.decoder.likelihood.check(x, "x")
        return x


@torch.no_grad()
def _check_law(x: Tensor, mu: Tensor, sigma: Tensor) -> None:
    """ValueError that names the first row of x (batch, D) whose posterior is no law, and whether x is to blame."""
    # One number to wait for. Where it is false a number is bad, or the sums alone overflow.
    if not len(x) or holds(torch.isfinite(mu.sum() + sigma.sum()) & (sigma.min() > 0.0)):
        return
    bad = ~(torch.isfinite(mu).all(dim=-1) & (torch.isfinite(sigma) & (sigma > 0.0)).all(dim=-1))
    if holds(~bad):
        return
    x, mu, sigma, bad = (seen(part) for part in (x, mu, sigma, bad))
    row = int(torch.nonzero(bad)[0])
    off = x[row][~torch.isfinite(x[row])]
    if len(off):
        raise ValueError(f"x must be finite, got {off[0].item()} in row {row} ({int(bad.sum())} of {len(x)} rows)")
    raise OutOfReach(
        f"the encoder's mean and scale must be finite, and the scale > 0, got mu = {mu[row].tolist()}, sigma = "
        f"{sigma[row].tolist()} for row {row} ({int(bad.sum())} of {len(x)} rows)"
    )
