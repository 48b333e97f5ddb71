"""The absolute angle of the wrapped normal on the circle."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy import ndarray

from hyperdist import checks, rejection
from hyperdist._namespace import special
from hyperdist.radial import circular
from hyperdist.radial.base import RadialLaw, quiet
from hyperdist.spaces import torus
from hyperdist.stable import log1mexp

_STEPS = 5
"""Newton steps of a quantile: three leave a relative 3e-10, the fourth squares that, the fifth is for safety."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
# Beyond 9.5 sigma a normal has lost 45 nats, and 64 nodes integrate what is left to rounding.
_REACH = 9.5
UNIFORM = 10.0
"""From here on the density is constant to 2 exp(-sigma^2/2) = 4e-22: draws of a larger sigma are made with this one."""


def deviations(sigma: ndarray, normals: ndarray) -> ndarray:
    """Sigma times standard normals, to be wrapped; a sigma above ``UNIFORM`` would only cost digits."""
    return np.minimum(sigma, UNIFORM) * normals


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
        return self._newton(np.where(above, upper_value, lower_value), ~above)

    def _newton(self, log_p: ndarray, lower: ndarray) -> ndarray:
        """The angle whose lower or else upper tail has log probability log_p, this being the shorter tail.

        Newton's method, below on the cdf, concave because f falls, above on the log of the sf; and above in whichever
        of a and s = pi - a starts out as the smaller, so that it keeps its digits.
        """
        sigma = self.sigma
        a, s, in_a = self._start(log_p, lower)
        for _ in range(_STEPS):
            log_tail = circular.log_tail(a, s, sigma, lower)
            mills = np.exp(log_tail - circular.log_density(a, sigma))
            step = mills * np.where(lower, np.expm1(log_p - log_tail), log_tail - log_p)
            # Where an angle is too small for a double its tail is 0: it stays as it started.
            step = np.where(np.isfinite(step), step, 0.0)
            a, s = np.where(in_a, a + step, a), np.where(in_a, s, s - step)
            a, s = np.where(in_a, a, circular.beyond(s)), np.where(in_a, circular.beyond(a), s)
        return np.clip(a, 0.0, math.pi)

    def _start(self, log_p: ndarray, lower: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """(a, pi - a, whether a is the one to step in), from where Newton's method does not overshoot.

        Below, f(0) a = p. Above, a where the tail of the normal that is not wrapped, which is larger, is p; or pi - a
        the largest of this, of pi p (the sf is below the uniform law's) and of the root of f(pi) sinh(b s)/b = p,
        b = pi/sigma^2, which the two images nearest to pi give there.
        """
        sigma, shape = self.sigma, np.broadcast_shapes(log_p.shape, self.sigma.shape)
        least = np.exp(log_p - circular.log_density(np.zeros_like(sigma), sigma))
        unwrapped = np.minimum(-sigma * special(np).ndtri_exp(np.minimum(log_p, 0.0) - math.log(2.0)), math.pi)
        in_a = np.broadcast_to(lower | (unwrapped < 0.5 * math.pi) & (sigma <= circular.SWITCH), shape)
        rate = math.pi / np.square(np.minimum(sigma, circular.SWITCH))
        growth = log_p + np.log(rate) - circular.log_density(np.full_like(sigma, math.pi), sigma)
        stretched = np.where(growth > 20.0, growth + math.log(2.0), np.arcsinh(np.exp(np.minimum(growth, 20.0))))
        s = np.maximum(np.maximum(stretched / rate, math.pi * np.exp(log_p)), circular.beyond(unwrapped))
        a = np.where(in_a, np.where(lower, least, unwrapped), circular.beyond(np.minimum(s, math.pi)))
        return a, np.where(in_a, circular.beyond(a), np.minimum(s, math.pi)), in_a

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
            out[block] = np.abs(torus.wrap(deviations(sigma[which], rng.standard_normal(block.stop - block.start))))
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
