"""The latent space factor by factor: posteriors, priors and curvatures of one space, and of a product's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hyperdist_torch.nn import Curvature
from hyperdist_torch.vae import compact, laws
from hyperdist_torch.vae.config import VAEConfig

Density = Callable[[Tensor], Tensor]


class Curvatures(nn.ModuleList):
    """The curvatures of a product's factors: ``curvatures()`` is a tuple of them, each a scalar tensor."""

    def forward(self) -> tuple[Tensor, ...]:
        """c of each factor, 0 of a flat one."""
        return tuple(curvature() for curvature in self)


def curvature(config: VAEConfig) -> Curvature | Curvatures:
    """That of the configured space, learnt where it is to be."""
    if not config.product:
        return Curvature(config.c, learnable=config.learn_c)  # type: ignore[arg-type]
    pairs = zip(config.c, config.learn_c, strict=True)  # type: ignore[arg-type]
    return Curvatures([Curvature(c, learnable=learnt) for c, learnt in pairs])


def each(found: Curvature | Curvatures) -> list[Curvature]:
    """The curvature of every factor, in the order of ``config.parts``."""
    return list(found) if isinstance(found, Curvatures) else [found]  # type: ignore[arg-type]


def posterior(config: VAEConfig, mu: Tensor, sigma: Tensor, c: Tensor) -> laws.LatentLaw:
    """The law about mu, (*batch, width), on a single space."""
    factor = config.factor
    if not factor.compact:
        return laws.build(config.posterior, mu, sigma, c, config.flat)
    laws.check_sigma(config.posterior, mu, sigma, config.scales == 1)
    return compact.posterior(config.posterior, factor, mu, sigma)


def prior(config: VAEConfig, origin: Tensor, std: Tensor, c: Tensor) -> laws.LatentLaw:
    """Uniform on a compact space, else about the origin (d,), where wrapped is exp_0 of a normal."""
    if config.factor.compact:
        return compact.prior(config.factor, origin)
    kind = "riemannian" if config.prior == "riemannian" else "normal"
    return laws.build(kind, origin, std[None], c, config.flat)


def log_prior(config: VAEConfig, law: Callable[[], laws.LatentLaw], initial: float) -> Density:
    """The prior's log density as a function of latent points, with what is constant worked out once."""
    if config.factor.compact:
        return law().log_prob
    # The compiler does not keep what a function remembers.
    kept = config.prior == "riemannian" and not torch.compiler.is_compiling()
    if kept and not (config.flat or config.learn_c or config.learn_prior_std):
        return laws.fixed_about_origin(config.latent_dim, config.prior_std, initial)
    return laws.density_about_origin(law())


def sum_of(densities: Sequence[Density], widths: Sequence[int]) -> Density:
    """The log density of a product from those of its factors."""
    if len(densities) == 1:
        return densities[0]

    def total(z: Tensor) -> Tensor:
        parts = zip(densities, z.split(list(widths), dim=-1), strict=True)
        first, *rest = [density(part) for density, part in parts]
        for more in rest:
            first = first + more
        return first

    return total
