"""Standard errors of a fitted mixture: its weights and its components together."""

from __future__ import annotations

from typing import Any

import numpy as np

from hyperdist.distributions import uncertainty
from hyperdist.distributions.any_mixture import AnyMixture
from hyperdist.distributions.components import Components
from hyperdist.distributions.families import Families
from hyperdist.distributions.product import Product

MAX_ITER, TOL = 200, 1e-6
"""M-steps of a resample's fit, which starts at the mixture itself, and the gain in nats an observation that ends it."""
BLOCK = 1 << 20
"""Responsibilities of resamples that are fitted at a time."""


def parts(component: Any) -> list[Any]:
    """Components of one family each: laws of batch shape (K_i,), or without batch."""
    return list(component.laws) if isinstance(component, Components) else [component]


def _check_factors(law: Any) -> None:
    """Raise for a product one of whose factors is a mixture."""
    for factor in uncertainty.factors(law):
        if isinstance(factor, AnyMixture):
            raise NotImplementedError(
                "standard_errors of a mixture are for products of laws that are no mixtures: fit it to resampled rows "
                "instead, x[rng.integers(n, size=n)]"
            )
        _check_factors(factor)


def moved(mixture: Any, theta: np.ndarray) -> Any:
    """The mixture with its log weight ratios to the last and its components' parameters moved by theta (p,)."""
    k = mixture.weights.shape[-1]
    log_weight = np.log(mixture.weights) + np.append(theta[: k - 1], 0.0)
    weights, start, laws = np.exp(log_weight - np.max(log_weight)), k - 1, []
    for law in parts(mixture.component):
        size = int(np.prod(law.batch_shape)) * (p := sum(size for _, size in uncertainty.layout(law)))
        part, start = theta[start : start + size], start + size
        laws.append(uncertainty.moved(law, part.reshape(*law.batch_shape, p)) if size else law)
    component = laws if isinstance(mixture.component, Components) else laws[0]
    return type(mixture)(weights / np.sum(weights), component)


def wide(mixture: Any) -> Any:
    """The mixture in float64."""
    laws = [uncertainty.wide(law) for law in parts(mixture.component)]
    component = laws if isinstance(mixture.component, Components) else laws[0]
    return type(mixture)(mixture.weights.astype(np.float64), component)


def observed(mixture: Any, x: np.ndarray) -> dict[str, Any]:
    """By the observed information, of all parameters together."""
    for law in parts(mixture.component):
        _check_factors(law)
    mixture = wide(mixture)
    weights = mixture.weights
    if not (weights > 0.0).all():
        raise ValueError(f"weights must be > 0 for standard errors, got {weights}")
    laws, k = parts(mixture.component), len(weights)
    step = np.concatenate(
        [np.full(k - 1, uncertainty.STEP), *(uncertainty.units(law).reshape(-1) for law in laws if _fitted(law))]
    )
    inverse = np.zeros((0, 0))
    if len(step):
        inverse = uncertainty.covariance(lambda theta: float(np.sum(moved(mixture, theta).log_prob(x))), step, mixture)
    # d w_i/d theta_j = w_i (1_(i = j) - w_j), of the K - 1 log ratios to the last weight.
    turn = (np.diag(weights) - np.outer(weights, weights))[:, : k - 1]
    variance = np.einsum("ij,jl,il->i", turn, inverse[: k - 1, : k - 1], turn)
    error, start, found = np.sqrt(np.diag(inverse)), k - 1, []
    for law in laws:
        size = uncertainty.units(law).size if _fitted(law) else 0
        part, start = error[start : start + size], start + size
        found.append(uncertainty.by_name(law, part.reshape(*law.batch_shape, -1)) if size else {})
    component = found if isinstance(mixture.component, Components) else found[0]
    return {"weights": np.sqrt(np.maximum(variance, 0.0)), "component": component}


def _fitted(law: Any) -> bool:
    return bool(uncertainty.layout(law))


def resampled(mixture: Any, x: np.ndarray, draws: int, rng: np.random.Generator) -> dict[str, Any]:
    """By fits to resampled rows, each from the mixture uphill, so that components keep their names."""
    if any(isinstance(law, Product) for law in parts(mixture.component)):
        raise NotImplementedError(
            "standard_errors of a mixture of products are by method='information': to resample, fit it to "
            "x[rng.integers(n, size=n)]"
        )
    mixture = wide(mixture)
    k, counts = len(mixture.weights), uncertainty.counts(len(x), draws, rng)
    width = max(1, BLOCK // (len(x) * k))
    fits = [_refit(mixture, x, counts[:, first : first + width]) for first in range(0, draws, width)]
    weights = np.concatenate([weight for weight, _ in fits])
    found = []
    for index, law in enumerate(parts(mixture.component)):
        if not _fitted(law):
            found.append({})
            continue
        others = [parts(component)[index] for _, component in fits]
        given = {
            name: np.concatenate([getattr(other, name) for other in others]) for name, _ in uncertainty.layout(law)
        }
        found.append(uncertainty.deviations(law, type(law)(**(law._arguments() | given))))
    component = found if isinstance(mixture.component, Components) else found[0]
    return {"weights": np.std(weights, axis=0, ddof=1), "component": component}


def _refit(mixture: Any, x: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, Any]:
    """Weights (draws, K) and components of the maxima uphill from a mixture, of rows counted by (n, draws)."""
    laws = parts(mixture.component)
    classes = [type(law) for law in laws for _ in range(int(np.prod(law.batch_shape)))]
    family: Any = Families(classes) if isinstance(mixture.component, Components) else classes[0]
    options: dict[str, Any] = {}
    for law in laws:
        options |= uncertainty.options_of(law) | ({"c": np.reshape(law.c, -1)[0]} if hasattr(law, "c") else {})
    n = len(x)
    share = np.repeat(mixture.responsibilities(x)[:, None], counts.shape[1], axis=1)
    last, weights, component = np.full(counts.shape[1], -np.inf), mixture.weights, mixture.component
    for _ in range(MAX_ITER):
        weighted = share * counts[..., None]
        weights = np.sum(weighted, axis=0) / n
        component = family.fit(x, weights=weighted, **options)
        now = type(mixture)(weights / np.sum(weights, axis=-1, keepdims=True), component)
        value = np.sum(counts * now.log_prob(x[:, None]), axis=0) / n
        if (value - last < TOL).all():
            break
        last, share = value, now.responsibilities(x[:, None])
    return weights, component
