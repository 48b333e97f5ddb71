"""The independent sampler: radii by inversion of an mpmath cdf, isometries by this package's geometry."""

from __future__ import annotations

from functools import lru_cache

import mpmath as mp
import numpy as np
from scipy.interpolate import PchipInterpolator

from hyperdist.testing import geometry
from validation import oracles
from validation.cases import Case
from validation.families import SPHERICAL
from validation.laws import WEIGHTS, Parameters, parameters

CELLS, WIDTHS = 80, 9
BISECTIONS = 50


class RadiusTable:
    """A quantile function: the mpmath cdf at the ends of 80 cells over 18 widths, a monotone cubic, and bisection."""

    def __init__(self, oracle: oracles.RadialOracle) -> None:
        with mp.workdps(oracles.DIGITS):
            low = max(oracle.low, oracle.mode - WIDTHS * oracle.width)
            high = min(oracle.high, oracle.mode + WIDTHS * oracle.width)
            ends = [low + (high - low) * k / CELLS for k in range(CELLS + 1)]
            self.ends = np.array([float(r) for r in ends])
            self.cdf = np.concatenate([[0.0], np.cumsum([float(m) for m in oracle.masses(ends)])])
        self.cdf /= self.cdf[-1]
        self.curve = PchipInterpolator(self.ends, self.cdf)

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """Quantiles of the values u."""
        cell = np.clip(np.searchsorted(self.cdf, u) - 1, 0, CELLS - 1)
        low, high = self.ends[cell], self.ends[cell + 1]
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            below = self.curve(middle) < u
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return 0.5 * (low + high)


@lru_cache(maxsize=64)
def table(family: str, d: int, scale: float, c: float) -> RadiusTable:
    """The radius of a law on a space of dimension d."""
    with mp.workdps(oracles.DIGITS):
        if family == "RiemannianNormal":
            return RadiusTable(oracles.riemannian_normal(d, scale, c))
        if family == "WrappedNormal":
            return RadiusTable(oracles.riemannian_normal(d, scale, 0.0))
        return RadiusTable(SPHERICAL[family].radius(d, scale))


def _unit(rng: np.random.Generator, n: int, m: int) -> np.ndarray:
    x = rng.standard_normal((n, m))
    return x / np.sqrt(np.sum(x * x, axis=1, keepdims=True))


def _normals(rng: np.random.Generator, n: int, scale: np.ndarray) -> np.ndarray:
    """Normals (n, d) with one scale a column, or a triangle (d, d), by the table of the half normal and a sign."""
    size = table("WrappedNormal", 1, 1.0, 0.0)(rng.random((n, scale.shape[-1])))
    normals = size * rng.choice([-1.0, 1.0], size.shape)
    return scale * normals if scale.ndim == 1 else normals @ scale.T


def _hyperbolic(case: Case, p: Parameters, n: int, rng: np.random.Generator) -> np.ndarray:
    mu = geometry.to_tangent(p.mu, "poincare", np.asarray(p.c))
    if case.spread:
        v = _normals(rng, n, p.scale.astype(np.float64))
        r = np.sqrt(np.sum(v * v, axis=1))
        return geometry.move_to(mu, r, v / r[:, None], p.c)
    family = "RiemannianNormal" if case.mixture else case.family
    r = table(family, case.d, float(p.scale), p.c)(rng.random(n))
    return geometry.move_to(mu, r, _unit(rng, n, case.d), p.c)


def _spherical(case: Case, p: Parameters, n: int, rng: np.random.Generator) -> np.ndarray:
    if case.family == "SphericalUniform":
        return _unit(rng, n, case.d + 1)
    family = "VonMisesFisher" if case.mixture else case.family
    angle = table(family, case.d, float(p.scale), 0.0)(rng.random(n))
    mu = p.mu.astype(np.float64)
    return geometry.sphere_move(mu / np.sqrt(np.sum(mu * mu)), angle, _unit(rng, n, case.d))


def _component(case: Case, p: Parameters, n: int, rng: np.random.Generator) -> np.ndarray:
    return _hyperbolic(case, p, n, rng) if case.hyperbolic else _spherical(case, p, n, rng)


def sample(case: Case, n: int, rng: np.random.Generator) -> np.ndarray:
    """n draws (n, k) of a case's law, of its first batch element, in the form of ``views.represent``."""
    if case.family == "Product":
        return np.concatenate([sample(factor, n, rng) for factor in case.factors], axis=1)
    p = parameters(case)
    if case.mixture:
        label = rng.choice(len(WEIGHTS), n, p=WEIGHTS)
        parts = [_component(case, Parameters(p.mu[k], p.scale[k], p.c), n, rng) for k in range(len(WEIGHTS))]
        return np.stack(parts)[label, np.arange(n)]
    if case.batch:
        p = Parameters(p.mu[0], p.scale[0], p.c)
    if case.family == "ToroidalUniform":
        return rng.uniform(-np.pi, np.pi, (n, case.d))
    if case.family == "ToroidalWrappedNormal":
        scale = (p.scale if case.correlated else np.broadcast_to(p.scale, (case.d,))).astype(np.float64)
        return geometry.wrap(p.mu.astype(np.float64) + _normals(rng, n, scale))
    return _component(case, p, n, rng)
