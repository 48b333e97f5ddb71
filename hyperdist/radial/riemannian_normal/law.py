"""The radius of the Riemannian normal on hyperbolic space; its c = 0 limit is the isotropic wrapped normal's."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy import ndarray

from hyperdist import checks
from hyperdist.arrays.namespace import special
from hyperdist.arrays.stable import two_product
from hyperdist.radial import quadrature, rejection
from hyperdist.radial.base import KernelLaw, quiet
from hyperdist.radial.riemannian_normal.functions import closed_form, closed_form_is_safe, nondimensional
from hyperdist.radial.riemannian_normal.hats import gamma_hat, gamma_hat_cost, normal_hat_cost, normal_hat_log_mass
from hyperdist.radial.riemannian_normal.kernel import HyperbolicKernel

SCALE_RANGE = (1e-150, 1e150)
"""The scales whose squares and reciprocal squares a double holds; also the bound of sqrt(c) sigma."""

NARROWEST = 1e15
"""The largest ratio of a radius's mode, (d - 1) sqrt(c) sigma^2, to its deviation sigma."""

_ENOUGH = 0.91
"""The acceptance rate that the plane's gamma and normal hats must have, or else the normal is drawn truncated."""


def check_scale(sigma: Any, c: Any, d: int = 1) -> tuple[ndarray, ndarray]:
    """sigma and c as arrays whose squares neither overflow nor vanish; for d see ``check_spread``."""
    sigma, c = checks.positive(sigma, "sigma"), checks.curvature(c)
    checks.broadcast(sigma=sigma.shape, c=c.shape)
    wide = sigma.astype(np.float64)
    low, high = SCALE_RANGE
    if ((wide < low) | (wide > high)).any():
        raise ValueError(f"sigma must lie in [{low:g}, {high:g}], got {float(wide.min())!r} to {float(wide.max())!r}")
    check_spread(float(np.max(np.sqrt(c.astype(np.float64)) * wide, initial=0.0)), d)
    return sigma, c


def check_spread(s: float, d: int = 1) -> None:
    """Raise where s, the largest sqrt(c) sigma of a batch, is too large for the radius of a law in d dimensions."""
    if s > SCALE_RANGE[1]:
        raise ValueError(f"sqrt(c) sigma must be <= {SCALE_RANGE[1]:g}, got {s!r}")
    if (d - 1) * s > NARROWEST:
        raise ValueError(
            f"(d - 1) sqrt(c) sigma must be <= {NARROWEST:g}, got {(d - 1) * s!r}: "
            "beyond it the radius varies by less than a double can tell from its mean"
        )


class RiemannianNormalRadius(KernelLaw):
    """Density prop. to exp(-r^2/(2 sigma^2)) (sinh(sqrt(c) r)/sqrt(c))^(d-1) on r > 0.

    d : int >= 1;  sigma, c : (*batch), geodesic length and size of curvature; c = 0 is sigma times chi_d.
    dtype : of results, by default that of the parameters.
    Accuracy  log-normaliser, cdf and moments 1e-13 (1 + |value|) for d <= 1000 and sqrt(c) sigma in
              [1e-6, 1e3]; parameter gradients 1e-10, relative.
    """

    def __init__(self, d: Any, sigma: Any, c: Any = 0.0, *, dtype: Any = None) -> None:
        self.d = checks.dimension(d)
        sigma, c = check_scale(sigma, c, self.d)
        self.batch_shape = np.broadcast_shapes(sigma.shape, c.shape)
        self.dtype = np.dtype(dtype) if dtype else np.result_type(sigma, c) if c.ndim else sigma.dtype
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
    def _envelopes(self) -> tuple[ndarray, ndarray]:
        """The gamma hat's tangent point; acceptance rates (3, *batch) of gamma, normal and truncated normal hat."""
        kernel = self._kernel
        point, gamma = gamma_hat(self.d, kernel.s)
        normal = normal_hat_log_mass(kernel.n)
        truncated = normal + np.log(special(np).ndtr(kernel.centre))
        masses = np.stack(np.broadcast_arrays(gamma - kernel.log_peak, normal, truncated))
        return point, np.exp(self._log_mass - masses)

    @cached_property
    def _choice(self) -> ndarray:
        """The hat of each batch element: 0 gamma, 1 normal, 2 truncated normal, whose inversion costs more time."""
        rates = self._envelopes[1]
        best = np.where(rates[1] > rates[0], 1, 0)
        return np.where((self.d == 2) & (rates[:2].max(axis=0) < _ENOUGH), 2, best)

    @quiet
    def _acceptance_rate(self) -> ndarray:
        return np.take_along_axis(self._envelopes[1], self._choice[None], axis=0)[0]

    @cached_property
    @quiet
    def _hats(self) -> rejection.Propose:  # type: ignore[override]
        """Gamma hat (log(sinh x / x) is concave in x^2) or normal hat (log sinh x is concave in x): the lighter one.

        The gamma hat's tangent point is where its own mean square lies, which makes it lightest; the normal hat's
        is the mode. Negative normal proposals are rejected, and so counted by ``acceptance_rate``; at d = 2, where
        these are many, the normal is drawn truncated, by inversion.
        """
        n, d, kernel = self.d - 1, self.d, self._kernel
        point, s, sigma, centre = (np.reshape(a, -1) for a in (self._envelopes[0], kernel.s, self.sigma, kernel.centre))
        # Second derivatives bound what a tangent misses: log(sinh x / x) in x^2 has at most 1/90, and log sinh x has
        # 1/sinh^2, above the mode no more than there, above the mode less ``cut`` no more than there.
        gamma_bend = n * s**4 / 180.0
        cut = np.minimum(0.5 * centre, 3.0)
        bend_above, bend_below = (
            0.5 * n * np.square(s / np.sinh(np.minimum(s * low, 300.0))) for low in (centre, centre - cut)
        )

        def by_gamma(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            y = chi * (point[which] / math.sqrt(d))
            ceiling = y * y
            ceiling -= point[which] ** 2
            np.square(ceiling, out=ceiling)
            ceiling *= gamma_bend[which]

            def cost(index: ndarray) -> ndarray:
                return gamma_hat_cost(d, rejection.pick(s, which, index), rejection.pick(point, which, index), y[index])

            return rejection.Proposal(y * sigma[which], ceiling, cost)

        def about_mode(t: ndarray, which: Any) -> rejection.Proposal:
            mode = centre[which]
            ceiling = np.where(t > 0.0, bend_above[which], bend_below[which]) * t
            ceiling *= t
            ceiling[t <= -cut[which]] = np.inf

            def cost(index: ndarray) -> ndarray:
                scale = rejection.pick(s, which, index)
                return normal_hat_cost(n, scale, rejection.pick(centre, which, index), t[index])

            return rejection.Proposal((mode + t) * sigma[which], ceiling, cost)

        def by_normal(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            if d == 2:
                return about_mode(rejection.paired_normals(chi, rng), which)
            return about_mode(rng.standard_normal(chi.size), which)

        def by_truncated(rng: np.random.Generator, chi: ndarray, which: Any) -> rejection.Proposal:
            uniform = np.exp(-0.5 * chi * chi)  # of two normals
            return about_mode(-special(np).ndtri(uniform * special(np).ndtr(centre)[which]), which)

        return rejection.one_of(np.reshape(self._choice, -1), (by_gamma, by_normal, by_truncated))
