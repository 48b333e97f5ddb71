"""Parts of an auto-encoder that are one's own: what they must give, and the ready likelihood of a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from hyperdist_torch._host import beside, holds
from hyperdist_torch.constraints import Angles, UnitSphere
from hyperdist_torch.distributions import Mixture, Product
from hyperdist_torch.distributions.base import ManifoldDistribution
from hyperdist_torch.distributions.product import ProductPoint
from hyperdist_torch.vae.config import VAEConfig
from hyperdist_torch.vae.counts import Counts, NegativeBinomialLikelihood, PoissonLikelihood
from hyperdist_torch.vae.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    ContinuousBernoulliLikelihood,
    Likelihood,
    NormalLikelihood,
)
from hyperdist_torch.vae.signature import Factor

Part = Callable[..., Any]
"""A module or another callable; as a type, so that own parts need no base class."""

Given = Mapping[str, Tensor]
"""What is known of each row besides its data, (batch, ...), by the names under which the likelihood takes it."""


def ready_likelihood(config: VAEConfig) -> Likelihood:
    """The likelihood of a configuration."""
    shape = config.data_shape
    if config.likelihood == "normal":
        return NormalLikelihood(shape, config.noise_std)
    if config.likelihood == "categorical":
        return CategoricalLikelihood(shape, config.classes)
    if config.likelihood in ("poisson", "negative_binomial"):
        counts = PoissonLikelihood if config.likelihood == "poisson" else NegativeBinomialLikelihood
        return counts(shape, config.covariates)
    return (BernoulliLikelihood if config.likelihood == "bernoulli" else ContinuousBernoulliLikelihood)(shape)


def encoded(found: Any, rows: int, d: int) -> tuple[Tensor, Tensor]:
    """(mean, scale) of an encoder; TypeError where it is no pair of tensors, ValueError for another shape of the mean.

    That of the scale depends on the posterior: see ``laws.build``.
    """
    pair = isinstance(found, tuple | list) and len(found) == 2 and all(isinstance(part, Tensor) for part in found)
    if not pair:
        got = [type(part).__name__ for part in found] if isinstance(found, tuple | list) else type(found).__name__
        raise TypeError(f"the encoder must return a pair of tensors (mean, scale), got {got}")
    mu, sigma = found
    if tuple(mu.shape) != (rows, d):
        raise ValueError(f"the encoder must return mu of shape {(rows, d)} for {rows} rows, got {tuple(mu.shape)}")
    return mu, sigma


def check_decoded(law: Any, batch: tuple[int, ...], event: tuple[int, ...]) -> None:
    """TypeError where a likelihood gave no law, ValueError where its shapes would broadcast or sum over others."""
    if not isinstance(law, Distribution):
        raise TypeError(f"likelihood must return a torch.distributions.Distribution, got {type(law).__name__}")
    found = tuple(law.batch_shape), tuple(law.event_shape)
    if found == (batch, event):
        return
    more = len(event) - len(found[1])
    remedy = f": wrap it in torch.distributions.Independent(law, {more})" if found == (batch + event, ()) else ""
    raise ValueError(
        f"likelihood must return a law of batch shape {batch} and event shape {event}, the latent points' and the "
        f"data's, got batch shape {found[0]} and event shape {found[1]}{remedy}"
    )


def check_given(given: Given | None, rows: int) -> dict[str, Tensor]:
    """As a dictionary; ValueError where a value has not one entry a row."""
    given = dict(given or {})
    for name, value in given.items():
        if not isinstance(value, Tensor) or value.ndim == 0 or len(value) != rows:
            got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"given {name!r} must be a tensor of shape ({rows}, ...), one entry a row, got {got}")
    return given


def check_values(likelihood: Part, x: Tensor, given: Given) -> None:
    """ValueError where a value is no data of a ready likelihood, or, with one's own, not finite."""
    if isinstance(likelihood, Likelihood):
        likelihood.check(x, "x")
        if isinstance(likelihood, Counts):
            likelihood.check_given(given)
        return
    if not holds(good := torch.isfinite(x)):
        index = tuple(torch.nonzero(~good)[0].tolist())
        raise ValueError(f"x must be finite, got {x[index].item()} at index {index}")


def own_prior(prior: Any, c: Any, config: VAEConfig) -> Distribution:
    """The law that a prior is or gives at the curvature c; ValueError where it is none on the latent space.

    Its density has to be with respect to the measure of the posterior's, Riemannian volume.
    """
    law = prior if isinstance(prior, Distribution) else prior(c)
    if not isinstance(law, Distribution):
        raise TypeError(f"prior must give a law, got {type(law).__name__}")
    if tuple(law.event_shape) != (config.width,) or tuple(law.batch_shape):
        raise ValueError(
            f"prior must have batch shape () and event shape {(config.width,)}, got {tuple(law.batch_shape)} and "
            f"{tuple(law.event_shape)}"
        )
    if not config.product:
        return _on_space(law, c, config.factor)
    product = law.component if isinstance(law, Mixture) else law
    if not isinstance(product, Product) or product.widths("tangent") != tuple(f.width for f in config.factors):
        raise ValueError(
            f"prior must be a Product of laws on the factors of latent {config.latent!r}, or a Mixture of such, got "
            f"{type(law).__name__}"
        )
    for own, curvature, factor in zip(product.laws, c, config.factors, strict=True):
        _on_space(own, curvature, factor)
    return law


def _on_space(law: Any, c: Tensor, factor: Factor) -> Any:
    """``law`` where it is one on a factor of the latent space; else ValueError."""
    if factor.compact:
        if not isinstance(law.support, UnitSphere if factor.space == "sphere" else Angles):
            raise ValueError(f"prior must be a law on the {factor.space}, got {type(law).__name__}")
    elif "tangent" in _models(law):
        law_itself: Any = law.component if isinstance(law, Mixture) else law
        # A flow has the curvature of its space.
        own = law_itself.c if hasattr(law_itself, "c") else beside(law_itself.space.c, c)
        if not holds(own == c.to(own)):
            raise ValueError(
                f"prior must have the curvature c = {c.item():g} of the model, got {own.unique().tolist()}"
            )
    elif factor.space != "flat" or isinstance(law.support, UnitSphere | Angles | ProductPoint):
        raise ValueError(
            "prior must be a law of hyperbolic space, such as hyperdist_torch.WrappedNormal(..., model='tangent'), "
            f"whose density is in Riemannian volume, got {type(law).__name__} at c = {c.item():g}"
        )
    return law


def prior_density(law: Distribution) -> Callable[[Tensor], Tensor]:
    """Its ``log_prob`` of latent points, on hyperbolic space in tangent coordinates."""
    options = {"model": "tangent"} if _models(law) else {}
    return lambda v: law.log_prob(v, **options)


def _models(law: Distribution) -> tuple[str, ...]:
    law = law.component if isinstance(law, Mixture) else law
    return law._models if isinstance(law, ManifoldDistribution) else ()
