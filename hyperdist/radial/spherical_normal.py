"""The radius of the Riemannian normal on the sphere."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy import ndarray

from hyperdist import checks, quadrature, rejection
from hyperdist._namespace import special
from hyperdist.radial.base import KernelLaw, quiet
from hyperdist.radial.riemannian_normal import check_scale
from hyperdist.radial.spherical import (
    SphericalNormalKernel,
    cauchy_hat_log_mass,
    cauchy_log_accept,
    cauchy_radius,
    tangency,
)

_FLAT = 100.0
"""A scale from which on the law on the circle is uniform to 0.05 %, and inversion of the normal cdf loses digits."""


class SphericalNormalRadius(KernelLaw):
    """Density prop. to exp(-r^2/(2 sigma^2)) sin(r)^(d-1) on 0 < r < pi.

    d : int >= 1, the dimension of the sphere;  sigma : (*batch), geodesic length.
    dtype : of results, by default that of sigma.
    Accuracy  as ``RiemannianNormalRadius``.
    """

    def __init__(self, d: Any, sigma: Any, *, dtype: Any = None) -> None:
        self.d = checks.dimension(d)
        sigma, _ = check_scale(sigma, 0.0)
        self.batch_shape, self.dtype = sigma.shape, np.dtype(dtype or sigma.dtype)
        self.sigma = sigma.astype(np.float64)

    def __repr__(self) -> str:
        return f"SphericalNormalRadius(d={self.d}, sigma={self.sigma!r})"

    @property
    def _end(self) -> float:
        return math.pi

    @property
    def _scale(self) -> ndarray:
        return np.ones_like(self.sigma)

    @cached_property
    @quiet
    def _kernel(self) -> SphericalNormalKernel:  # type: ignore[override]
        return SphericalNormalKernel.build(self.d, self.sigma)

    def _offset(self, r: ndarray) -> ndarray:
        return r - self._kernel.centre

    def _log_normalizer(self) -> ndarray:
        return self._kernel.log_peak + self._log_mass

    def log_normalizer_derivative(self) -> dict[str, ndarray]:
        """d log_normalizer / d sigma = E r^2 / sigma^3."""
        return {"sigma": self._cast(self._moments()[2] / self.sigma / self.sigma / self.sigma)}

    @quiet
    def parameter_gradient(self, r: Any) -> dict[str, ndarray]:
        """dr/d sigma at fixed cdf."""

        def slope(x: ndarray) -> ndarray:
            return quadrature.parameter_derivative(self._kernel, x, self._offset(x), self._kernel.score)

        return {"sigma": self._on_support(r, slope, np.nan, np.nan)}

    @cached_property
    @quiet
    def _tangents(self) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """Tangent points of the gamma and the Cauchy hat, and their log masses."""
        n, d, sigma = self.d - 1, self.d, self.sigma
        point = tangency(n, sigma, 1.0) if n else sigma
        rate = 0.5 * d / (point * point)
        excess = 0.5 / (sigma * sigma) - rate
        gamma = n * np.log(np.sin(point) / point) - excess * point * point if n else np.zeros_like(sigma)
        gamma = gamma + math.lgamma(0.5 * d) - math.log(2.0) - 0.5 * d * np.log(rate)
        # The Cauchy hat with parameter cos q is lightest where it touches at q itself: q tan q = d sigma^2.
        touch = tangency(d, sigma, 0.0)
        cauchy = cauchy_hat_log_mass(d, touch) - 0.5 * np.square(touch / sigma)
        return point, touch, gamma, cauchy

    @cached_property
    def _choice(self) -> ndarray:
        """The hat of each batch element: 0 gamma, 1 Cauchy, 2 the law itself, on the circle while it is not flat."""
        _, _, gamma, cauchy = self._tangents
        lighter = np.where(cauchy < gamma, 1, 0)
        return np.where((self.d == 1) & (self.sigma < _FLAT), 2, lighter)

    @quiet
    def _acceptance_rate(self) -> ndarray:
        _, _, gamma, cauchy = self._tangents
        return np.where(self._choice == 2, 1.0, np.exp(self._log_normalizer() - np.minimum(gamma, cauchy)))

    @cached_property
    @quiet
    def _hats(self) -> rejection.Propose:  # type: ignore[override]
        """Gamma hat (log(sin x / x) is concave in x^2) for small scales, spherical Cauchy for large ones.

        On the circle the law is a normal cut at pi, drawn by inversion.
        """
        n, d = self.d - 1, self.d
        point, touch, _, _ = (np.reshape(a, -1) for a in self._tangents)
        sigma = np.reshape(self.sigma, -1)
        precision = 1.0 / (sigma * sigma)
        excess = 0.5 * precision - 0.5 * d / (point * point)
        stretch = point / math.sqrt(d)

        def gamma_hat(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            r, p = chi * stretch[which], point[which]
            rise = n * np.log(np.sin(r) / r * (p / np.sin(p))) if n else 0.0
            return rejection.certain(r, np.where(r < math.pi, excess[which] * (r - p) * (r + p) - rise, np.inf))

        def cauchy_hat(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            q = touch[which]
            r = cauchy_radius(chi, rng.standard_normal(chi.size), np.cos(q))
            fall = 0.5 * precision[which] * (r - q) * (r + q)
            return rejection.certain(r, fall - cauchy_log_accept(d, r, q))

        def cut_normal(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            scale = sigma[which]
            lowest = special(np).ndtr(-math.pi / scale)
            r = -scale * special(np).ndtri(0.5 - (0.5 - lowest) * rng.random(chi.size))
            return rejection.certain(r, np.where(r <= math.pi, 0.0, np.inf))

        return rejection.one_of(np.reshape(self._choice, -1), (gamma_hat, cauchy_hat, cut_normal))
