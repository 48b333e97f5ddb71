"""The radius of the von Mises-Fisher law on the sphere; uniform at kappa = 0."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy import ndarray

from hyperdist import checks
from hyperdist.radial import quadrature, rejection, spherical_hats
from hyperdist.radial.base import KernelLaw, quiet
from hyperdist.radial.spherical import VonMisesFisherKernel

KAPPA_MAX = 1e15
"""Above it the angle of a typical draw, 1/sqrt(kappa), is lost in the rounding of a unit vector."""


class VonMisesFisherRadius(KernelLaw):
    """Density prop. to exp(kappa cos r) sin(r)^(d-1) on 0 < r < pi: the angle to the mean direction.

    d : int >= 1, the dimension of the sphere, one less than the ambient one;  kappa : (*batch), 0 for uniform.
    dtype : of results, by default that of kappa.
    Accuracy  as ``RiemannianNormalRadius``, for d < 10,000 and kappa in [1e-6, 1e8].
    """

    def __init__(self, d: Any, kappa: Any, *, dtype: Any = None) -> None:
        self.d = checks.dimension(d)
        kappa = checks.non_negative(kappa, "kappa")
        if (kappa > KAPPA_MAX).any():
            raise ValueError(f"kappa must be <= {KAPPA_MAX:g}, got {float(kappa.max())!r}")
        self.batch_shape, self.dtype = kappa.shape, np.dtype(dtype or kappa.dtype)
        self.kappa = kappa.astype(np.float64)

    def __repr__(self) -> str:
        return f"VonMisesFisherRadius(d={self.d}, kappa={self.kappa!r})"

    @property
    def _end(self) -> float:
        return math.pi

    @property
    def _scale(self) -> ndarray:
        return np.ones_like(self.kappa)

    @cached_property
    @quiet
    def _kernel(self) -> VonMisesFisherKernel:  # type: ignore[override]
        return VonMisesFisherKernel.build(self.d, self.kappa)

    def _offset(self, r: ndarray) -> ndarray:
        return r - self._kernel.centre

    def _log_normalizer(self) -> ndarray:
        return self.kappa + self.log_normalizer_excess()

    def log_normalizer_excess(self) -> ndarray:
        """``log_normalizer() - kappa`` in float64, which does not cancel where kappa is large."""
        return self._kernel.log_peak + self._log_mass

    @quiet
    def mean_resultant_length(self) -> ndarray:
        """A = E cos r = I_(m/2)(kappa)/I_(m/2-1)(kappa), m = d + 1, in float64.

        By parts A = kappa E sin(r)^2 / d, which keeps its relative accuracy for small kappa.
        """
        (square,) = quadrature.expectations(self._kernel, lambda y, t: np.square(np.sin(y)))
        return self.kappa * square / self.d

    @quiet
    def mean_versine(self) -> ndarray:
        """1 - A = E (1 - cos r), in float64."""
        return quadrature.expectations(self._kernel, lambda y, t: 2.0 * np.square(np.sin(0.5 * y)))[0]

    @quiet
    def cosine_variance(self) -> ndarray:
        """Var cos r = dA/d kappa, in float64, without the cancellation of 1 - A^2 - d A/kappa."""
        score = self._kernel.score
        mean, square = quadrature.expectations(self._kernel, score, lambda y, t: np.square(score(y, t)))
        return square - mean * mean

    def log_normalizer_derivative(self) -> dict[str, ndarray]:
        """d log_normalizer / d kappa, the mean resultant length."""
        return {"kappa": self._cast(self.mean_resultant_length())}

    @quiet
    def parameter_gradient(self, r: Any) -> dict[str, ndarray]:
        """dr/d kappa at fixed cdf."""

        def slope(x: ndarray) -> ndarray:
            return quadrature.parameter_derivative(self._kernel, x, self._offset(x), self._kernel.score)

        return {"kappa": self._on_support(r, slope, np.nan, np.nan)}

    @cached_property
    @quiet
    def _touching(self) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """The gamma hat's tangent versine and rate, the Cauchy hat's tangent angle; which of the two is lighter."""
        return spherical_hats.fisher_hats(self.d, self.kappa)

    @property
    def _arc_kappa(self) -> ndarray:
        """kappa for the hat of two arcs, which divides by it; 1e-20 is uniform to rounding."""
        return np.maximum(self.kappa, 1e-20)

    @quiet
    def _acceptance_rate(self) -> ndarray:
        point, rate, touch, by_cauchy = self._touching
        if self.d == 1:
            mass = spherical_hats.fisher_arc_log_mass(self._arc_kappa)
        else:
            gamma, cauchy = spherical_hats.fisher_log_masses(self.d, self.kappa, point, rate, touch)
            mass = np.where(by_cauchy, cauchy, gamma)
        return np.exp(self.log_normalizer_excess() - mass)

    @cached_property
    @quiet
    def _hats(self) -> rejection.Propose:  # type: ignore[override]
        """Spherical Cauchy for small kappa/d (Wood 1994), a tangent gamma law for large; on the circle two arcs."""
        d = self.d
        point, rate, touch, by_cauchy = (np.reshape(a, -1) for a in self._touching)
        kappa, arc_kappa = np.reshape(self.kappa, -1), np.reshape(self._arc_kappa, -1)

        def gamma_hat(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            w = 0.5 * chi * chi / rate[which]
            r = 2.0 * np.arcsin(np.sqrt(0.5 * np.minimum(w, 2.0)))
            return rejection.certain(r, spherical_hats.fisher_gamma_cost(d, point[which], w))

        def cauchy_hat(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            q = touch[which]
            r = spherical_hats.cauchy_radius(chi, rng.standard_normal(chi.size), np.cos(q))
            return rejection.certain(r, spherical_hats.fisher_cauchy_cost(d, kappa[which], q, r))

        def arcs(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            r = spherical_hats.fisher_arc(arc_kappa[which], rng.random(chi.size))
            return rejection.certain(r, spherical_hats.fisher_arc_cost(kappa[which], r))

        choice = np.full(kappa.shape, 2) if d == 1 else by_cauchy.astype(int)
        return rejection.one_of(choice, (gamma_hat, cauchy_hat, arcs))
