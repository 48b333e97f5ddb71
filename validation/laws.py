"""Laws built from cases, and their draws turned into what is uniform if the law is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special, stats

import hyperdist as hd
from validation import geometry
from validation.cases import Case, seed_of

WEIGHTS = (0.5, 0.3, 0.2)
"""Weights of the mixtures' three components."""


@dataclass
class Parameters:
    """What a law is built from: centres in the library's coordinates, scales, and curvature."""

    mu: np.ndarray
    scale: np.ndarray
    c: float


def parameters(case: Case) -> Parameters:
    """Centres and scales of a case, rounded to its dtype; the same in every run."""
    rng = np.random.default_rng(seed_of(0, case.key, "parameters"))
    shape = (len(WEIGHTS),) if case.mixture else case.shape
    dtype = np.dtype(case.dtype)
    root = np.sqrt(case.c) if case.hyperbolic and case.c else 1.0
    scale = np.full(shape, case.scale / root) * np.exp(np.linspace(-0.35, 0.35, shape[0]) if shape else 0.0)
    if case.spread:
        scale = scale[..., None] * np.exp(np.linspace(-case.spread, case.spread, case.d))
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
    if case.hyperbolic:
        return getattr(hd, case.family)(p.mu, p.scale, p.c)
    return getattr(hd, case.family)(p.mu, p.scale)


def draw(case: Case, sampler: Any, rng: np.random.Generator, n: int | None = None) -> np.ndarray:
    """Draws of the case's sampler in the case's model and method."""
    options = {"method": case.method} | ({"model": case.model} if case.hyperbolic else {})
    return sampler.sample((case.n if n is None else n,), rng, **options)


def represent(case: Case, x: np.ndarray) -> np.ndarray:
    """Draws in float64 and one form a space: tangent vectors at the origin, unit vectors, or angles."""
    return geometry.to_tangent(x, case.model, np.asarray(case.c)) if case.hyperbolic else np.asarray(x, np.float64)


@dataclass
class View:
    """Draws as what is uniform under the law.

    pit : (n, *batch)            probability transform of the radius, uniform on (0, 1)
    directions : (n, *batch, m)  uniform on the unit sphere and independent of pit; None on the torus
    cube : (n, *batch, d)        independent uniforms, on the torus only
    """

    pit: np.ndarray | None = None
    directions: np.ndarray | None = None
    cube: np.ndarray | None = None


def _torus_view(case: Case, exact: Any, x: np.ndarray) -> View:
    if case.family == "ToroidalUniform":
        return View(cube=x / (2.0 * np.pi) + 0.5)
    p = parameters(case)
    mu, sigma = p.mu.astype(np.float64), p.scale.astype(np.float64)
    sigma = sigma if case.spread or case.batch else sigma[..., None]
    gap, turns = geometry.wrap(x - mu), 2.0 * np.pi * np.arange(-8, 9)
    lower, upper = (-np.pi + turns) / sigma[..., None], (gap[..., None] + turns) / sigma[..., None]
    cube = np.sum(special.ndtr(upper) - special.ndtr(lower), axis=-1)
    return View(pit=exact.radius.cdf(np.abs(gap)), cube=cube)


def view(case: Case, exact: Any, x: np.ndarray) -> View | None:
    """The draws ``x`` of a case as uniforms, by this package's geometry; None for a mixture."""
    if case.mixture:
        return None
    x, p = represent(case, x), parameters(case)
    if "Toroidal" in case.family:
        return _torus_view(case, exact, x)
    if case.family == "SphericalUniform":
        pole = np.zeros(case.d + 1)
        pole[0] = 1.0
        angle, unit = geometry.sphere_polar(pole, x)
        return View(pit=exact.radius.cdf(angle), directions=unit)
    if not case.hyperbolic:
        mu = p.mu.astype(np.float64)
        angle, unit = geometry.sphere_polar(mu / np.linalg.norm(mu, axis=-1, keepdims=True), x)
        return View(pit=exact.radius.cdf(angle), directions=unit)
    c = np.asarray(p.c, dtype=np.float64)
    radius, unit = geometry.polar_about(geometry.to_tangent(p.mu, "poincare", c), x, c)
    if not case.spread:
        return View(pit=exact.radius.cdf(radius), directions=unit)
    white = radius[..., None] * unit / p.scale.astype(np.float64)
    length = np.linalg.norm(white, axis=-1)
    return View(pit=stats.chi.cdf(length, case.d), directions=white / length[..., None])
