"""The radius of the Riemannian normal on the sphere."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy import ndarray

from hyperdist import checks
from hyperdist.arrays.namespace import special
from hyperdist.radial import quadrature, rejection, spherical_hats
from hyperdist.radial.base import KernelLaw, quiet
from hyperdist.radial.riemannian_normal import check_scale
from hyperdist.radial.spherical import SphericalNormalKernel

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
    def _touching(self) -> tuple[ndarray, ndarray, ndarray]:
        """Tangent points of the gamma and of the Cauchy hat; which of the two is lighter."""
        return spherical_hats.normal_hats(self.d, self.sigma)

    @cached_property
    def _choice(self) -> ndarray:
        """The hat of each batch element: 0 gamma, 1 Cauchy, 2 the law itself, on the circle while it is not flat."""
        return np.where((self.d == 1) & (self.sigma < _FLAT), 2, self._touching[2].astype(int))

    @quiet
    def _acceptance_rate(self) -> ndarray:
        point, touch, by_cauchy = self._touching
        gamma, cauchy = spherical_hats.normal_log_masses(self.d, self.sigma, point, touch)
        mass = np.where(by_cauchy, cauchy, gamma)
        return np.where(self._choice == 2, 1.0, np.exp(self._log_normalizer() - mass))

    @cached_property
    @quiet
    def _hats(self) -> rejection.Propose:  # type: ignore[override]
        """Gamma hat for small scales, spherical Cauchy for large; on the circle a normal cut at pi, by inversion."""
        d = self.d
        point, touch, _ = (np.reshape(a, -1) for a in self._touching)
        sigma = np.reshape(self.sigma, -1)

        def gamma_hat(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            r = chi * (point[which] / math.sqrt(d))
            return rejection.certain(r, spherical_hats.normal_gamma_cost(d, sigma[which], point[which], r))

        def cauchy_hat(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            q = touch[which]
            r = spherical_hats.cauchy_radius(chi, rng.standard_normal(chi.size), np.cos(q))
            return rejection.certain(r, spherical_hats.normal_cauchy_cost(d, sigma[which], q, r))

        def cut_normal(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            scale = sigma[which]
            lowest = special(np).ndtr(-math.pi / scale)
            r = -scale * special(np).ndtri(0.5 - (0.5 - lowest) * rng.random(chi.size))
            return rejection.certain(r, np.where(r <= math.pi, 0.0, np.inf))

        return rejection.one_of(np.reshape(self._choice, -1), (gamma_hat, cauchy_hat, cut_normal))
