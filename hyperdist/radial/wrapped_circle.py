"""The absolute angle of the wrapped normal on the circle."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy import ndarray
from scipy import special

from hyperdist import checks, rejection
from hyperdist.radial import circular
from hyperdist.radial.base import RadialLaw, quiet
from hyperdist.stable import log1mexp

_STEPS = 8
"""Newton steps of a quantile, on a concave function from the side where they do not overshoot; six are enough."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
# Beyond 9.5 sigma a normal has lost 45 nats, and 64 nodes integrate what is left to rounding.
_REACH = 9.5
UNIFORM = 10.0
"""From here on the density is constant to 2 exp(-sigma^2/2) = 4e-22: draws of a larger sigma are made with this one."""


def wrapped_draws(sigma: ndarray, normals: ndarray) -> ndarray:
    """Signed angles in [-pi, pi]: sigma times standard normals, wrapped."""
    angle = np.minimum(sigma, UNIFORM) * normals
    return angle - 2.0 * math.pi * np.round(angle / (2.0 * math.pi))


class WrappedNormalAngle(RadialLaw):
    """The law of a = |delta| in [0, pi], where delta is N(0, sigma^2) wrapped to the circle.

    sigma : (*batch)  scale in radians, 1e-150 to 1e150.
    The kernel is sum_k exp(-(a + 2 pi k)^2/(2 sigma^2)), so that ``log_normalizer`` is log(sigma sqrt(pi/2)).
    Accuracy  log_prob, log_cdf, log_sf and entropy 1e-14 (1 + |value|); cdf, sf, quantiles, moments and d a/d sigma
              1e-13 relative, in both tails.
    Source    Mardia & Jupp 2000, Directional Statistics, section 3.5.7.
    """

    d = 1

    def __init__(self, sigma: Any) -> None:
        sigma = checks.positive(sigma, "sigma")
        self.batch_shape, self.dtype = sigma.shape, sigma.dtype
        self.sigma = sigma.astype(np.float64)

    def __repr__(self) -> str:
        return f"WrappedNormalAngle(sigma={self.sigma!r})"

    @property
    def _end(self) -> float:
        return math.pi

    def _log_prob(self, r: ndarray) -> ndarray:
        return circular.log_density(r, self.sigma)

    def _split(self) -> ndarray:
        """The angle up to which the lower tail is the shorter."""
        return np.minimum(circular.LOWER_END * self.sigma, 0.5 * math.pi)

    def _log_tails(self, r: ndarray) -> tuple[ndarray, ndarray]:
        lower = r <= self._split()
        short = np.minimum(circular.log_tail(r, circular.beyond(r), self.sigma, lower), 0.0)
        rest = log1mexp(-short)
        return np.where(lower, short, rest), np.where(lower, rest, short)

    @cached_property
    @quiet
    def _split_log_tails(self) -> tuple[ndarray, ndarray]:
        return self._log_tails(self._split())

    def _quantile(self, p: ndarray, upper: ndarray) -> ndarray:
        log_cdf, log_sf = self._split_log_tails
        log_p, log_q = np.log(p), np.log1p(-p)
        lower_value, upper_value = np.where(upper, log_q, log_p), np.where(upper, log_p, log_q)
        above = np.where(upper, log_p <= log_sf, log_p > log_cdf)
        return np.where(above, self._upper_quantile(upper_value), self._lower_quantile(lower_value))

    def _lower_quantile(self, log_p: ndarray) -> ndarray:
        """Newton's method on the cdf, concave because f falls: from below, where f(0) a would be p."""
        sigma = self.sigma
        log_p = np.minimum(log_p, self._split_log_tails[0])
        a = np.exp(log_p - circular.log_density(np.zeros_like(sigma), sigma))
        for _ in range(_STEPS):
            log_cdf = circular.log_tail(a, circular.beyond(a), sigma, np.full(a.shape, True))
            step = np.exp(log_cdf - circular.log_density(a, sigma)) * np.expm1(log_p - log_cdf)
            a = a + np.where(np.isfinite(step), step, 0.0)
        return a

    def _upper_quantile(self, log_q: ndarray) -> ndarray:
        """Newton's method on the log sf in whichever of a and s = pi - a is the smaller, from the right in a.

        a starts where the tail of the normal that does not wrap, which is larger, is q; s at the largest of this, pi q
        (the sf is below the uniform law's) and the root of f(pi) sinh(b s)/b = q, b = pi/sigma^2, which the nearest
        two images give close to pi.
        """
        sigma = self.sigma
        log_q = np.minimum(log_q, self._split_log_tails[1])
        a = np.minimum(-sigma * special.ndtri_exp(log_q - math.log(2.0)), math.pi)
        in_a = (a < 0.5 * math.pi) & (sigma <= circular.SWITCH)
        slope = math.pi / np.square(np.minimum(sigma, circular.SWITCH))
        growth = log_q + np.log(slope) - circular.log_density(np.full_like(sigma, math.pi), sigma)
        stretched = np.where(growth > 20.0, growth + math.log(2.0), np.arcsinh(np.exp(np.minimum(growth, 20.0))))
        s = np.maximum(np.maximum(stretched / slope, math.pi * np.exp(log_q)), circular.beyond(a))
        s = np.where(in_a, circular.beyond(a), np.minimum(s, math.pi))
        a = np.where(in_a, a, circular.beyond(s))
        for _ in range(_STEPS):
            log_sf = circular.log_tail(a, s, sigma, np.full(a.shape, False))
            step = np.exp(log_sf - circular.log_density(a, sigma)) * (log_q - log_sf)
            step = np.where(np.isfinite(step), step, 0.0)
            a = np.where(in_a, a - step, circular.beyond(s + step))
            s = np.where(in_a, circular.beyond(a), s + step)
        return np.clip(a, 0.0, math.pi)

    @cached_property
    @quiet
    def _rule(self) -> tuple[ndarray, ndarray, ndarray]:
        """Angles, log densities and probabilities of a Gauss-Legendre rule, on a new first axis."""
        width = np.minimum(_REACH * self.sigma, math.pi)
        shape = (-1,) + (1,) * self.sigma.ndim
        a = 0.5 * (_NODES.reshape(shape) + 1.0) * width
        log_density = circular.log_density(a, self.sigma)
        return a, log_density, 0.5 * _WEIGHTS.reshape(shape) * width * np.exp(log_density)

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
            out[block] = np.abs(wrapped_draws(sigma[which], rng.standard_normal(block.stop - block.start)))
        return np.minimum(out, math.pi)

    def acceptance_rate(self) -> ndarray:
        """1: draws are wrapped normals, none is rejected."""
        return self._cast(np.ones(()))

    def log_normalizer_derivative(self) -> dict[str, ndarray]:
        """d log_normalizer / d sigma."""
        return {"sigma": self._cast(1.0 / self.sigma)}

    @quiet
    def parameter_gradient(self, r: Any) -> dict[str, ndarray]:
        """dr/d sigma at fixed cdf (implicit reparametrisation); NaN off the support."""
        return {"sigma": self._on_support(r, lambda a: circular.drift(a, self.sigma), np.nan, np.nan)}
