"""The Poincare VAE: an encoder, a prior, a decoder and the curvature that they share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from hyperdist_torch._host import holds, seen
from hyperdist_torch._precision import upcast
from hyperdist_torch.distributions import Product
from hyperdist_torch.distributions.hyperbolic import OutOfReach
from hyperdist_torch.vae import factors, laws, parts
from hyperdist_torch.vae.config import VAEConfig
from hyperdist_torch.vae.decoders import Decoder
from hyperdist_torch.vae.encoders import Encoder
from hyperdist_torch.vae.likelihoods import Likelihood
from hyperdist_torch.vae.parts import Given, Part


class PoincareVAE(nn.Module):
    """Variational auto-encoder with a latent hyperbolic space of curvature -c; Euclidean at c = 0.

    Data are (batch, *data_shape), latent points (*, latent_dim) in tangent coordinates at the origin. With
    ``VAEConfig(latent="s2")`` it is the hyperspherical VAE (Davidson et al. 2018), whose latent points are unit vectors
    (*, d + 1) with a uniform prior, with ``latent="t2"`` the one on the torus, in angles. With ``latent="h2,s2,e2"``
    it is the mixed-curvature VAE (Skopek et al. 2020, arXiv 1911.08411): a latent point is those of the factors joined,
    its law the ``Product`` of theirs, and ``curvature()`` a tuple, what a callable prior is given.
    Each part may be one's own, a module (whose parameters are then trained and saved) or any callable; None is the
    configured one:
    encoder    : of data (batch, *data_shape) to (mean, scale): tangent coordinates (batch, d), and positive numbers
                 (batch, 1) or, where the posterior has one a coordinate, (batch, d). On the sphere mean is a vector
                 (batch, d + 1) in whose direction the law lies, and scale the kappa of a von Mises-Fisher law
    decoder    : of tangent coordinates (*, batch, d) to what the likelihood takes, for the ready ones a tensor
                 (*, batch, *data_shape), with "categorical" (*, batch, *data_shape, classes)
    likelihood : of the decoder's output, and by keyword what an objective is ``given`` of each row, to a
                 ``torch.distributions.Distribution`` of batch shape (*, batch) and event shape data_shape
    prior      : a law of latent points, or a callable of the curvature c, (), to one. On curved space it is of this
                 library, with density in Riemannian volume; at c = 0 any of ``torch.distributions`` may be
    Shapes are checked where they come in: ValueError names the part, its shape and the one wanted.
    Source  Mathieu et al. 2019 (arXiv 1901.06033), section 3.

    >>> import torch
    >>> from torch import nn
    >>> from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo
    >>> class Encoder(nn.Module):
    ...     def __init__(self, genes):
    ...         super().__init__()
    ...         self.body, self.mean, self.scale = nn.Linear(genes, 16), nn.Linear(16, 2), nn.Linear(16, 1)
    ...     def forward(self, x):
    ...         h = self.body(x.log1p()).relu()
    ...         return self.mean(h), nn.functional.softplus(self.scale(h)) + 1e-5
    >>> config = VAEConfig(latent_dim=2, data_shape=(8,), likelihood="negative_binomial")
    >>> decoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 8))
    >>> model = PoincareVAE(config, encoder=Encoder(8), decoder=decoder)
    >>> counts = torch.poisson(torch.full((20, 8), 3.0))
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    >>> for batch in counts.split(10):
    ...     optimizer.zero_grad()
    ...     loss = -elbo(model, batch, given={"library": batch.sum(-1)}).mean()
    ...     loss.backward()
    ...     optimizer.step()
    >>> model.encode(counts).mean.shape
    torch.Size([20, 2])
    >>> z = model.encode(counts).rsample()
    >>> z.shape, model.decode(z).mean.shape, model.log_fit(z, counts).shape, model.log_prior()(z).shape
    (torch.Size([20, 2]), torch.Size([20, 8]), torch.Size([20]), torch.Size([20]))
    >>> model.prior(), model.prior_std().item(), model.check_data(counts) is counts, model.flatten(counts).shape
    (RiemannianNormal(mu: torch.Size([2]), sigma: 1.0, c: 1.0), 1.0, True, torch.Size([20, 8]))
    """

    origin: Tensor

    def __init__(
        self, config: VAEConfig, *, encoder: Part | None = None, decoder: Part | None = None,
        likelihood: Part | None = None, prior: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        for name, part in {"encoder": encoder, "decoder": decoder, "likelihood": likelihood}.items():
            if part is not None and not callable(part):
                raise TypeError(f"{name} must be a module or another callable, got {type(part).__name__}")
        if prior is not None and not (callable(prior) or isinstance(prior, Distribution)):
            raise TypeError(f"prior must be a law or a callable of the curvature to one, got {type(prior).__name__}")
        self.config = config
        self.curvature = factors.curvature(config)
        # The ready parts draw their start from torch's generator in this order.
        self.encoder: Part = Encoder(config, self.curvature) if encoder is None else encoder
        self.likelihood: Part = parts.ready_likelihood(config) if likelihood is None else likelihood
        self.decoder: Part = Decoder(config, self.curvature, self.likelihood) if decoder is None else decoder
        self.own_prior = prior
        start = torch.zeros(())
        # The scale over its start, in logs: exact at the start, and positive wherever training takes it.
        self.log_prior_std = nn.Parameter(start) if config.learn_prior_std else None
        self.register_buffer("origin", torch.zeros(config.latent_dim), persistent=False)

    def encode(self, x: Tensor) -> laws.LatentLaw:
        """The posterior of (batch, *data_shape), a law with batch shape (batch,) of points in tangent coordinates.

        Raises ValueError where the encoder returns another shape, and for the first row of x whose mean or scale is not
        finite, because x is not or weights overflow, or whose scale is not positive.
        """
        x = self.flatten(x) if isinstance(self.encoder, Encoder) else self._of_data(x)
        mu, sigma = parts.encoded(self.encoder(x), len(x), self.config.width)
        law = self._posterior(mu, sigma)
        # A direction is not finite where the vector that has it is 0.
        sphere = any(factor.space == "sphere" for factor in self.config.factors)
        _check_law(x, law.mean if sphere else mu, sigma)
        return law

    def _posterior(self, mu: Tensor, sigma: Tensor) -> laws.LatentLaw:
        config = self.config
        if not config.product:
            return factors.posterior(config, mu, sigma, self.curvature())
        if sigma.shape != (len(mu), config.scales):
            raise ValueError(
                f"the encoder's sigma must have shape {(len(mu), config.scales)}, those of the factors of latent "
                f"{config.latent!r} one after the other, got {tuple(sigma.shape)}"
            )
        mus = mu.split([part.width for part in config.parts], dim=-1)
        sigmas = sigma.split([part.scales for part in config.parts], dim=-1)
        given = zip(config.parts, mus, sigmas, self.curvature(), strict=True)
        return Product(*(factors.posterior(*each) for each in given), validate_args=False)

    def prior(self) -> laws.LatentLaw:
        """One's own, uniform on a compact space, else about the origin, where wrapped is exp_0 of a normal.

        On a product that of each factor.
        """
        if self.own_prior is not None:
            return parts.own_prior(self.own_prior, self.curvature(), self.config)
        if not self.config.product:
            return self._prior_of(0)
        return Product(*map(self._prior_of, range(len(self.config.parts))), validate_args=False)

    def _prior_of(self, i: int) -> laws.LatentLaw:
        """That of a factor."""
        config = self.config.parts[i]
        c = factors.each(self.curvature)[i]
        return factors.prior(config, self.origin[: config.latent_dim], self.prior_std(), c())

    def log_priors(self) -> list[factors.Density]:
        """The log density of each factor's ready prior, as ``log_prior``; of a single space one.

        >>> import torch
        >>> from hyperdist_torch.vae import PoincareVAE, VAEConfig
        >>> model = PoincareVAE(VAEConfig(latent="e2,s2", data_shape=(8,), hidden=8))
        >>> flat, sphere = model.log_priors()
        >>> round(float(flat(torch.zeros(2))), 4), round(float(sphere(torch.eye(3)[0])), 4)  # -log(2 pi), -log(4 pi)
        (-1.8379, -2.531)
        """
        return [
            factors.log_prior(config, functools.partial(self._prior_of, i), c.initial)
            for i, (config, c) in enumerate(zip(self.config.parts, factors.each(self.curvature), strict=True))
        ]

    def log_prior(self) -> Callable[[Tensor], Tensor]:
        """The prior's log density as a function of latent points, with what is constant worked out once."""
        if self.own_prior is not None:
            return parts.prior_density(self.prior())
        return factors.sum_of(self.log_priors(), [part.width for part in self.config.parts])

    def prior_std(self) -> Tensor:
        """Scale of the prior in geodesic length, ()."""
        std = torch.full_like(self.origin[0], self.config.prior_std)
        return std if self.log_prior_std is None else std * self.log_prior_std.exp()

    def decode(self, z: Tensor, given: Given | None = None) -> Distribution:
        """The law of data (*batch, *data_shape) given latent points (*batch, d).

        given : what the likelihood takes besides, such as {"library": (batch,)}, for z of (*, batch, d).
        Raises  TypeError where the likelihood gives no law, ValueError where its shapes are others than these.
        """
        output = self.decoder(z)
        if isinstance(self.decoder, Decoder):
            output = output.unflatten(-1, self.decoder.shape)
        law = self.likelihood(output, **(given or {}))
        parts.check_decoded(law, tuple(z.shape[:-1]), self.config.data_shape)
        return law

    def log_fit(self, z: Tensor, x: Tensor, given: Given | None = None) -> Tensor:
        """log p(x | z) in nats, (*sample, batch), for z (*sample, batch, d) and x (batch, *data_shape)."""
        if not isinstance(self.decoder, Decoder) or given:
            if x.is_floating_point():
                x = upcast(x, "x")
            elif isinstance(self.likelihood, Likelihood) and not self.likelihood.integers:
                x = x.to(self.origin)
            return self.decode(z, given).log_prob(x)
        found = self.decoder.log_prob(z, self.flatten(x))
        if found.shape != z.shape[:-1]:
            raise ValueError(
                f"decoder.log_prob must return shape {tuple(z.shape[:-1])} for z of shape {tuple(z.shape)}, "
                f"got {tuple(found.shape)}"
            )
        return found

    @torch.no_grad()
    def set_output_bias(self, mean: Tensor) -> None:
        """Start the last layer's bias where the law of the data has this mean, (*data_shape).

        Of counts it is that at a library of 1; of classes it is their frequencies, (*data_shape, classes).

        >>> import torch
        >>> from hyperdist_torch.vae import PoincareVAE, VAEConfig
        >>> images = torch.rand(100, 4, 4)
        >>> model = PoincareVAE(VAEConfig(latent_dim=2, data_shape=(4, 4), hidden=8))
        >>> model.set_output_bias(images.mean(0))
        >>> torch.allclose(model.decoder.output.bias.sigmoid(), images.mean(0).flatten())
        True
        """
        decoder, likelihood = self.decoder, self.likelihood
        if not (isinstance(decoder, Decoder) and isinstance(likelihood, Likelihood)):
            raise ValueError("set_output_bias needs the ready decoder and a ready likelihood, got one's own")
        likelihood.check_mean(mean, "mean")
        if tuple(mean.shape) != decoder.shape:
            raise ValueError(f"mean must have shape {decoder.shape}, got {tuple(mean.shape)}")
        bias = decoder.output.bias
        bias.copy_(likelihood.bias(mean.to(bias)).flatten())

    def flatten(self, x: Tensor) -> Tensor:
        """(batch, *data_shape) -> (batch, D); ValueError for another shape, TypeError for a dtype not the model's.

        Counts and classes may be integers. Half precision is taken under ``torch.autocast`` alone.
        """
        x = self._of_data(x)
        if isinstance(self.likelihood, Likelihood) and self.likelihood.integers and not x.is_floating_point():
            x = x.to(self.origin)
        if not x.is_floating_point():
            raise TypeError(f"x must hold floating-point numbers, got {x.dtype}")
        x, wanted = upcast(x, "x"), self.origin.dtype
        if x.dtype != wanted and not torch.is_autocast_enabled(x.device.type):
            raise TypeError(f"x must be {wanted}, as the model is, got {x.dtype}: convert one to the other's dtype")
        return x.reshape(x.shape[0], math.prod(self.config.data_shape))

    def _of_data(self, x: Tensor) -> Tensor:
        if tuple(x.shape[1:]) != self.config.data_shape or x.ndim == 0:
            wanted = ", ".join(map(str, self.config.data_shape))
            raise ValueError(f"x must have shape (batch, {wanted}), got {tuple(x.shape)}")
        return x

    def check_data(self, x: Tensor, given: Given | None = None) -> Tensor:
        """x where its shape and all its values are those of data, else ValueError; for use once, where data enter.

        It reads every value, also of what is ``given`` of each row, so that on an accelerator it waits. Of a likelihood
        of one's own it knows that data are finite, no more.
        """
        self.flatten(x) if isinstance(self.encoder, Encoder) else self._of_data(x)
        parts.check_values(self.likelihood, x, parts.check_given(given, len(x)))
        return x


@torch.no_grad()
def _check_law(x: Tensor, mu: Tensor, sigma: Tensor) -> None:
    """ValueError that names the first row of x (batch, ...) whose posterior is no law, and whether x is to blame."""
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
