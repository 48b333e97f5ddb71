"""Laws built from cases, and their draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import hyperdist as hd
from hyperdist.testing import geometry
from validation.cases import Case, seed_of

WEIGHTS = (0.5, 0.3, 0.2)
"""Weights of the mixtures' three components."""


@dataclass
class Parameters:
    """What a law is built from: centres in the library's coordinates, scales or triangles, and curvature."""

    mu: np.ndarray
    scale: np.ndarray
    c: float


def correlation(d: int) -> np.ndarray:
    """The triangle of correlations of 0.7, negative ones between an even and an odd coordinate."""
    sign = (-1.0) ** np.arange(d)
    return np.linalg.cholesky(0.3 * np.eye(d) + 0.7 * sign[:, None] * sign)


def parameters(case: Case) -> Parameters:
    """Centres and scales of a case, rounded to its dtype; the same in every run."""
    rng = np.random.default_rng(seed_of(0, case.key, "parameters"))
    shape = (len(WEIGHTS),) if case.mixture else case.shape
    dtype = np.dtype(case.dtype)
    root = np.sqrt(case.c) if case.hyperbolic and case.c else 1.0
    scale = np.full(shape, case.scale / root) * np.exp(np.linspace(-0.35, 0.35, shape[0]) if shape else 0.0)
    if case.spread:
        scale = scale[..., None] * np.exp(np.linspace(-case.spread, case.spread, case.d))
        if case.correlated:
            scale = scale[..., None] * correlation(case.d)
    elif case.batch and case.family in ("WrappedNormal", "ToroidalWrappedNormal"):
        scale = scale[..., None]  # their scales broadcast against the coordinates
    on_sphere = not case.hyperbolic and "Toroidal" not in case.family
    mu = rng.standard_normal((*shape, case.d + 1 if on_sphere else case.d))
    mu /= np.linalg.norm(mu, axis=-1, keepdims=True)
    if case.hyperbolic:
        mu = geometry.to_ball(case.centre / root * mu, np.asarray(case.c))
    elif not on_sphere:
        mu = rng.uniform(-np.pi, np.pi, mu.shape)
    return Parameters(mu.astype(dtype), np.asarray(scale, dtype), case.c)


def build(case: Case, exact: bool = False) -> Any:
    """The case's law; ``exact`` is the float64 law of the same rounded parameters, to check float32 draws against."""
    if case.family == "Product":
        return hd.Product(*(build(factor, exact) for factor in case.factors))
    p = parameters(case)
    if exact:
        p = Parameters(p.mu.astype(np.float64), p.scale.astype(np.float64), p.c)
        if not case.hyperbolic and "Toroidal" not in case.family:
            p.mu = p.mu / np.linalg.norm(p.mu, axis=-1, keepdims=True)
    if case.family in ("SphericalUniform", "ToroidalUniform"):
        return getattr(hd, case.family)(case.d)
    if case.mixture:
        part = hd.RiemannianNormal(p.mu, p.scale, p.c) if case.hyperbolic else hd.VonMisesFisher(p.mu, p.scale)
        return hd.Mixture(np.asarray(WEIGHTS), part)
    given: dict[str, Any] = {"c": p.c} if case.hyperbolic else {}
    if case.correlated:
        return getattr(hd, case.family)(p.mu, scale_tril=p.scale, **given)
    return getattr(hd, case.family)(p.mu, p.scale, **given)


def draw(case: Case, sampler: Any, rng: np.random.Generator, n: int | None = None) -> np.ndarray:
    """Draws of the case's sampler in the case's model and method."""
    options = {"method": case.method} | ({"model": case.model} if case.hyperbolic else {})
    return sampler.sample((case.n if n is None else n,), rng, **options)
