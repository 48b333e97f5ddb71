"""The absolute angle of the wrapped normal on the circle."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy import ndarray

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike, DTypeLike
from hyperdist.geometry import torus
from hyperdist.radial import circular, rejection
from hyperdist.radial.base import RadialLaw, quiet


class WrappedNormalAngle(RadialLaw):
    """The law of a = |delta| in [0, pi], where delta is N(0, sigma^2) wrapped to the circle.

    sigma : (*batch)  scale in radians, 1e-150 to 1e150.
    The kernel is sum_k exp(-(a + 2 pi k)^2/(2 sigma^2)), so that ``log_normalizer`` is log(sigma sqrt(pi/2)).
    Accuracy  log_prob, log_cdf, log_sf and entropy 1e-14 (1 + |value|); cdf, sf, quantiles, moments and d a/d sigma
              1e-13 relative, in both tails.
    Source    Mardia & Jupp 2000, Directional Statistics, section 3.5.7.
    """

    d = 1

    def __init__(self, sigma: ArrayLike, *, dtype: DTypeLike | None = None) -> None:
        """dtype: that of the results (default: that of sigma)."""
        sigma = checks.positive(sigma, "sigma")
        self.batch_shape, self.dtype = sigma.shape, np.dtype(dtype or sigma.dtype)
        self.sigma = sigma.astype(np.float64)

    def __repr__(self) -> str:
        return f"WrappedNormalAngle(sigma={self.sigma!r})"

    @property
    def _end(self) -> float:
        return math.pi

    def _log_prob(self, r: ndarray) -> ndarray:
        return circular.log_density(r, self.sigma)

    def _log_tails(self, r: ndarray) -> tuple[ndarray, ndarray]:
        return circular.log_tails(r, self.sigma)[:2]

    def _quantile(self, p: ndarray, upper: ndarray) -> ndarray:
        return circular.quantile(p, upper, self.sigma)

    @cached_property
    @quiet
    def _rule(self) -> tuple[ndarray, ndarray, ndarray]:
        """Angles, log densities and probabilities of a Gauss-Legendre rule, on a new first axis."""
        a, weights = circular.rule(self.sigma)
        log_density = circular.log_density(a, self.sigma)
        return a, log_density, weights * np.exp(log_density)

    @quiet
    def _moments(self) -> tuple[ndarray, ndarray, ndarray]:
        a, _, share = self._rule
        total = np.sum(share, axis=0)
        mean, square = np.sum(share * a, axis=0) / total, np.sum(share * (a * a), axis=0) / total
        return mean, np.sum(share * np.square(a - mean), axis=0) / total, square

    def _entropy(self) -> ndarray:
        _, log_density, share = self._rule
        return -np.sum(share * log_density, axis=0) / np.sum(share, axis=0)

    def _log_normalizer(self) -> ndarray:
        return np.log(self.sigma) + 0.5 * math.log(0.5 * math.pi)

    def _mode(self) -> ndarray:
        return np.zeros_like(self.sigma)

    def _sample(self, n: int, rng: np.random.Generator) -> ndarray:
        out, sigma = np.empty(n), self.sigma.reshape(-1)
        for block in rejection.blocks(n, 1, sigma.size):
            which = slice(None) if sigma.size == 1 else np.arange(block.start, block.stop) % sigma.size
            normals = rng.standard_normal(block.stop - block.start)
            out[block] = np.abs(torus.wrap(circular.deviations(sigma[which], normals)))
        return np.minimum(out, math.pi)

    def acceptance_rate(self) -> ndarray:
        """1: draws are wrapped normals, none is rejected."""
        return self._cast(np.ones(()))

    def log_normalizer_derivative(self) -> dict[str, ndarray]:
        """d log_normalizer / d sigma."""
        return {"sigma": self._cast(1.0 / self.sigma)}

    @quiet
    def parameter_gradient(self, r: ArrayLike) -> dict[str, ndarray]:
        """dr/d sigma at fixed cdf (implicit reparametrisation); NaN off the support."""
        return {"sigma": self._on_support(r, lambda a: circular.drift(a, self.sigma), np.nan, np.nan)}
