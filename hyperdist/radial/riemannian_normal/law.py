"""The radius of the Riemannian normal on hyperbolic space; its c = 0 limit is the isotropic wrapped normal's."""

from __future__ import annotations

from functools import cached_property
from typing import SupportsIndex

import numpy as np
from numpy import ndarray

from hyperdist import checks
from hyperdist.arrays.stable import two_product
from hyperdist.arrays.types import ArrayLike, DTypeLike
from hyperdist.radial.base import quiet
from hyperdist.radial.kernel_law import KernelLaw
from hyperdist.radial.riemannian_normal.functions import closed_form, closed_form_is_safe, nondimensional
from hyperdist.radial.riemannian_normal.kernel import HyperbolicKernel

SCALE_RANGE = (1e-150, 1e150)
"""The scales whose squares and reciprocal squares a double holds; also the bound of sqrt(c) sigma."""

NARROWEST = 1e15
"""The largest ratio of a radius's mode, (d - 1) sqrt(c) sigma^2, to its deviation sigma."""


def check_scale(sigma: ArrayLike, c: ArrayLike, d: int = 1) -> tuple[ndarray, ndarray]:
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

    def __init__(
        self, d: SupportsIndex, sigma: ArrayLike, c: ArrayLike = 0.0, *, dtype: DTypeLike | None = None
    ) -> None:
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
        return {
            "sigma": self._cast(second / self.sigma / self.sigma / self.sigma),
            "c": self._cast(self.sigma * self.sigma * (self._mean_score + self._kernel.score_at_centre())),
        }

    @quiet
    def parameter_gradient(self, r: ArrayLike) -> dict[str, ndarray]:
        """dr/d sigma and dr/d c at fixed cdf: {"sigma": ..., "c": ...}, each of r's shape broadcast with the batch."""
        # With y = r/sigma a function of s^2 = c sigma^2 alone: dr/d sigma = y + 2 s^2 dy/ds^2.
        slope = self._slope(r)
        s, wide = self._kernel.s, np.asarray(r, np.float64)
        return {
            "sigma": (wide / self.sigma + 2.0 * s * s * slope).astype(slope.dtype)[()],
            "c": (self.sigma * self.sigma * self.sigma * slope).astype(slope.dtype)[()],
        }
