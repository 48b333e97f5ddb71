"""The radius of the Riemannian normal on hyperbolic space; its c = 0 limit is the isotropic wrapped normal's."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy import ndarray

from hyperdist import checks, quadrature, rejection
from hyperdist._namespace import special
from hyperdist.radial.base import KernelLaw, quiet
from hyperdist.radial.hyperbolic import HyperbolicKernel, closed_form, closed_form_is_safe, nondimensional, tangency
from hyperdist.stable import log_sinhc, two_product

SCALE_RANGE = (1e-150, 1e150)
"""The scales whose squares and reciprocal squares a double holds; also the bound of sqrt(c) sigma."""


def check_scale(sigma: Any, c: Any) -> tuple[ndarray, ndarray]:
    """sigma and c as arrays whose squares neither overflow nor vanish."""
    sigma, c = checks.positive(sigma, "sigma"), checks.curvature(c)
    checks.broadcast(sigma=sigma.shape, c=c.shape)
    wide = sigma.astype(np.float64)
    low, high = SCALE_RANGE
    if ((wide < low) | (wide > high)).any():
        raise ValueError(f"sigma must lie in [{low:g}, {high:g}], got {float(wide.min())!r} to {float(wide.max())!r}")
    s = np.sqrt(c.astype(np.float64)) * wide
    if (s > high).any():
        raise ValueError(f"sqrt(c) sigma must be <= {high:g}, got {float(s.max())!r}")
    return sigma, c


class RiemannianNormalRadius(KernelLaw):
    """Density prop. to exp(-r^2/(2 sigma^2)) (sinh(sqrt(c) r)/sqrt(c))^(d-1) on r > 0.

    d : int >= 1;  sigma, c : (*batch), geodesic length and size of curvature; c = 0 is sigma times chi_d.
    Accuracy  log-normaliser, cdf and moments 1e-13 (1 + |value|) for d <= 1000 and sqrt(c) sigma in
              [1e-6, 1e3]; parameter gradients 1e-10, relative.
    """

    def __init__(self, d: Any, sigma: Any, c: Any = 0.0) -> None:
        self.d = checks.dimension(d)
        sigma, c = check_scale(sigma, c)
        self.batch_shape = np.broadcast_shapes(sigma.shape, c.shape)
        self.dtype = np.result_type(sigma, c) if c.ndim else sigma.dtype
        self.sigma = np.broadcast_to(sigma.astype(np.float64), self.batch_shape)
        self.c = np.broadcast_to(c.astype(np.float64), self.batch_shape)

    def __repr__(self) -> str:
        return f"RiemannianNormalRadius(d={self.d}, sigma={self.sigma!r}, c={self.c!r})"

    @property
    def _end(self) -> float:
        return np.inf

    @property
    def _scale(self) -> ndarray:
        return self.sigma

    @cached_property
    @quiet
    def _kernel(self) -> HyperbolicKernel:  # type: ignore[override]
        s, s_low = nondimensional(self.sigma, self.c)
        return HyperbolicKernel.build(self.d, s, s_low)

    def _offset(self, r: ndarray) -> ndarray:
        centre = self._kernel.centre
        place, low = two_product(centre, self.sigma)
        offset = ((r - place) - low) / self.sigma
        return np.where(np.isfinite(low), offset, r / self.sigma - centre)

    @quiet
    def _log_normalizer(self) -> ndarray:
        kernel = self._kernel
        by_quadrature = kernel.log_peak + self._log_mass
        safe = closed_form_is_safe(kernel.n, kernel.s)
        return self.d * np.log(self.sigma) + np.where(safe, closed_form(kernel.n, kernel.s), by_quadrature)

    @quiet
    def log_normalizer_derivative(self) -> dict[str, ndarray]:
        """d log_normalizer / d sigma and d c: {"sigma": E r^2 / sigma^3, "c": ...}."""
        second = self._moments()[2]
        (score,) = quadrature.expectations(self._kernel, self._kernel.score)
        return {
            "sigma": self._cast(second / self.sigma / self.sigma / self.sigma),
            "c": self._cast(self.sigma * self.sigma * (score + self._kernel.score_at_centre())),
        }

    @quiet
    def parameter_gradient(self, r: Any) -> dict[str, ndarray]:
        """dr/d sigma and dr/d c at fixed cdf: {"sigma": ..., "c": ...}, each of r's shape broadcast with the batch."""

        def scaled(x: ndarray) -> ndarray:
            y, t = self._coordinates(x)
            return quadrature.parameter_derivative(self._kernel, y, t, self._kernel.score)

        # With y = r/sigma a function of s^2 = c sigma^2 alone: dr/d sigma = y + 2 s^2 dy/ds^2.
        slope = self._on_support(r, scaled, np.nan, np.nan)
        s, wide = self._kernel.s, np.asarray(r, np.float64)
        return {
            "sigma": (wide / self.sigma + 2.0 * s * s * slope).astype(slope.dtype)[()],
            "c": (self.sigma * self.sigma * self.sigma * slope).astype(slope.dtype)[()],
        }

    @cached_property
    @quiet
    def _tangent(self) -> tuple[ndarray, ndarray, ndarray]:
        """The gamma hat's tangent point, and the log masses of the gamma hat and of the normal one."""
        n, d, kernel = self.d - 1, self.d, self._kernel
        point = tangency(n, kernel.s, 1.0)
        rate = 0.5 * d / (point * point)
        gamma = n * log_sinhc(kernel.s * point) - (0.5 - rate) * point * point
        gamma = gamma + math.lgamma(0.5 * d) - math.log(2.0) - 0.5 * d * np.log(rate)
        normal = kernel.log_peak + 0.5 * math.log(2.0 * math.pi)
        if n == 0:  # the gamma hat is the law itself
            normal = np.full_like(gamma, np.inf)
        elif n == 1:
            normal = normal + np.log(special(np).ndtr(kernel.centre))
        return point, gamma, normal

    @quiet
    def _acceptance_rate(self) -> ndarray:
        _, gamma, normal = self._tangent
        return np.exp(self._kernel.log_peak + self._log_mass - np.minimum(gamma, normal))

    @property
    def _hats(self) -> rejection.Propose:
        """Gamma hat (log(sinh x / x) is concave in x^2) or normal hat (log sinh x is concave in x): the lighter one.

        The gamma hat's tangent point is where its own mean square lies, which makes it lightest; the normal
        hat's is the mode. At d = 2 the normal is truncated at 0 by inversion, elsewhere negative proposals
        are rejected; so is counted ``acceptance_rate``, never below 0.908 for d >= 2.
        """
        n, d, kernel = self.d - 1, self.d, self._kernel
        point, gamma, normal = (np.reshape(a, -1) for a in self._tangent)
        s, sigma = np.reshape(kernel.s, -1), np.reshape(self.sigma, -1)
        centre = np.reshape(kernel.centre, -1)
        rate = 0.5 * d / (point * point)
        stretch, at_point = point / math.sqrt(d), log_sinhc(s * point)

        def gamma_hat(rng: np.random.Generator, chi: ndarray, which: Any) -> tuple[ndarray, ndarray]:
            y = chi * stretch[which]
            p = point[which]
            rise = log_sinhc(s[which] * y) - at_point[which]
            return y * sigma[which], n * rise - (0.5 - rate[which]) * (y - p) * (y + p)

        def normal_hat(rng: np.random.Generator, chi: ndarray, which: Any) -> tuple[ndarray, ndarray]:
            m, scale = centre[which], s[which]
            if n == 1:
                t = -special(np).ndtri((1.0 - rng.random(chi.size)) * special(np).ndtr(m))
            else:
                t = rng.standard_normal(chi.size)
            y = m + t
            # log(sinh(s y)/sinh(s m)) less its tangent, exact to rounding where the hat is used, s m > 1/2.
            decay = 2.0 / np.expm1(2.0 * scale * m)
            rise = np.log1p(-np.expm1(-2.0 * scale * t) * (0.5 * decay)) - scale * t * decay
            return y * sigma[which], np.where(y > 0.0, n * rise, -np.inf)

        return rejection.two_hats(normal < gamma, gamma_hat, normal_hat)
