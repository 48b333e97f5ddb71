"""The radius of the von Mises-Fisher law on the sphere, exp(kappa cos theta) sin(theta)^(d-1); uniform at kappa = 0.

Fisher 1953; Mardia & Jupp 2000, 9.3.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, SupportsIndex

import numpy as np
from numpy import ndarray

from hyperdist import checks
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.types import ArrayLike, DTypeLike
from hyperdist.radial import calculus, quadrature
from hyperdist.radial.base import quiet
from hyperdist.radial.fisher_hats import hats
from hyperdist.radial.kernel_law import AngleLaw, by_laws
from hyperdist.radial.pieces import WORTH, of_parameter
from hyperdist.radial.quadrature import DROP, HALF_NORMAL_CENTRE
from hyperdist.radial.rejection import Hats
from hyperdist.radial.spherical import SphericalKernel

KAPPA_MAX = 1e15
"""Above it the angle of a typical draw, 1/sqrt(kappa), is lost in the rounding of a unit vector."""


def cosine_excess(y: Array) -> Array:
    """cos y - 1."""
    xp = namespace(y)
    return -2.0 * xp.square(xp.sin(0.5 * y))


@dataclass(frozen=True, eq=False)
class VonMisesFisherKernel(SphericalKernel):
    """exp(kappa (cos theta - 1)) sin(theta)^n about its mode; ``log_peak`` is without the factor e^kappa."""

    kappa: Array

    @classmethod
    def at(cls, d: int, theta: Array) -> VonMisesFisherKernel:
        """Of theta = kappa >= 0."""
        kappa, xp = theta, namespace(theta)
        n = d - 1
        if n == 0:
            centre = HALF_NORMAL_CENTRE / xp.sqrt(kappa + 0.25)
            return cls(0, centre, -kappa * xp.sin(centre), -2.0 * kappa * xp.square(xp.sin(0.5 * centre)), kappa)
        # cos(centre) solves kappa (1 - C^2) = n C; 1 - C without cancellation.
        root = xp.sqrt(4.0 * kappa * kappa + float(n) * n)
        versine = (n + n * (n / (root + 2.0 * kappa))) / (n + root)
        centre = 2.0 * xp.asin(xp.sqrt(0.5 * versine))
        residual = n / xp.tan(centre) - kappa * xp.sin(centre)
        log_peak = n * xp.log(xp.sin(centre)) - 2.0 * kappa * xp.square(xp.sin(0.5 * centre))
        return cls(n, centre, residual, log_peak, kappa)

    @staticmethod
    def log_kernel(d: int, y: Array, theta: Array) -> Array:
        """kappa (cos y - 1) + (d - 1) log sin y."""
        xp = namespace(y, theta)
        return theta * cosine_excess(y) + ((d - 1) * xp.log(xp.sin(y)) if d > 1 else 0.0)

    @staticmethod
    def log_kernel_score(d: int, y: Array, theta: Array) -> Array:
        return cosine_excess(y)

    def log_ratio(self, y: Array, t: Array) -> Array:
        xp = namespace(y, t)
        if self.n == 0:
            return self.kappa * self.score(y, t)
        pull = 2.0 * self.kappa * xp.cos(self.centre) * xp.square(xp.sin(0.5 * t))
        return self._log_sine_ratio(y, t) + self.residual * xp.sin(t) - pull

    def slope(self, y: Array, t: Array) -> Array:
        xp = namespace(y, self.kappa)
        return (self.n / xp.tan(y) if self.n else 0.0) - self.kappa * xp.sin(y)

    def curvature(self, y: Array) -> Array:
        xp = namespace(y, self.kappa)
        return self.kappa * xp.cos(y) + (self.n / xp.square(xp.sin(y)) if self.n else 0.0)

    def reach(self, y: Array, t: Array, upper: Array, drop: float = DROP) -> Array:
        """In the versine v = 1 - cos theta, where the kernel is concave for every kappa."""
        xp = namespace(y, t, self.kappa)
        kappa = self.kappa
        v, rest = 2.0 * xp.square(xp.sin(0.5 * y)), 2.0 * xp.square(xp.cos(0.5 * y))
        half = 0.5 * self.n
        # Downwards, as a share of v: the curvature (n/2)(1/v^2 + 1/rest^2) only grows.
        decay = half * (1.0 - v / rest) - kappa * v
        decay = xp.where(decay > 0.0, decay, xp.zeros_like(decay))
        share = 2.0 * drop / (decay + xp.sqrt(decay * decay + 2.0 * drop * half * (1.0 + xp.square(v / rest))))
        left = xp.where(share < 1.0, 1.0 - share, xp.zeros_like(share))
        down = y - 2.0 * xp.asin(xp.sin(0.5 * y) * xp.sqrt(left))
        # Upwards it may fall: Newton's method on the concave kernel overshoots once and stays beyond the root.
        distance = self._upward(v, rest, drop)
        inside = distance < rest
        angle = 2.0 * xp.asin(xp.sqrt(0.5 * xp.where(inside, v + distance, xp.zeros_like(v))))
        up = xp.where(inside, angle - y, math.pi - y)
        width = xp.where(upper, up, down)
        return xp.where(width > 0.0, width, xp.zeros_like(width))

    def _upward(self, v: Array, rest: Array, drop: float) -> Array:
        """A distance up from the versine v that loses ``drop`` nats, or one beyond ``rest`` = 2 - v."""
        xp = namespace(v, self.kappa)
        kappa, half = self.kappa, 0.5 * self.n
        if self.n == 0:
            return drop / xp.where(kappa > 0.0, kappa, xp.ones_like(kappa) * 1e-300)
        pull = kappa - half * (1.0 / v - 1.0 / rest)
        pull = xp.where(pull > 0.0, pull, xp.zeros_like(pull))
        bend = half * (1.0 / (v * v) + 1.0 / (rest * rest))
        distance = 2.0 * drop / (pull + xp.sqrt(pull * pull + 2.0 * drop * bend))
        for _ in range(3):
            step = xp.where(distance < 0.5 * rest, distance, 0.5 * rest)
            lost = kappa * step - half * (xp.log1p(step / v) + xp.log1p(-step / rest)) - drop
            onward = step - lost / (kappa - half * (1.0 / (v + step) - 1.0 / (rest - step)))
            distance = xp.where(onward > 0.0, onward, rest)
        return distance

    def score(self, y: Array, t: Array) -> Array:
        """d(log kernel)/d kappa = cos theta, less its value at the centre."""
        xp = namespace(y, t)
        return -2.0 * xp.sin(0.5 * (y + self.centre)) * xp.sin(0.5 * t)

    def hats(self) -> Hats:
        return hats(self.n, self.kappa, self.log_peak)


class VonMisesFisherRadius(AngleLaw):
    """Density prop. to exp(kappa cos r) sin(r)^(d-1) on 0 < r < pi: the angle to the mean direction.

    d : int >= 1, the dimension of the sphere, one less than the ambient one;  kappa : (*batch), 0 for uniform.
    dtype : of results, by default that of kappa.
    Accuracy  as ``RiemannianNormalRadius``, for d < 10,000 and kappa in [1e-6, 1e8].
    """

    _name = "kappa"

    def __init__(self, d: SupportsIndex, kappa: ArrayLike, *, dtype: DTypeLike | None = None) -> None:
        self.d = checks.dimension(d)
        kappa = checks.non_negative(kappa, "kappa")
        if (kappa > KAPPA_MAX).any():
            raise ValueError(f"kappa must be <= {KAPPA_MAX:g}, got {float(kappa.max())!r}")
        self.batch_shape, self.dtype = kappa.shape, np.dtype(dtype or kappa.dtype)
        self.kappa = kappa.astype(np.float64)

    @property
    def _kind(self) -> type[VonMisesFisherKernel]:
        return VonMisesFisherKernel

    def _of_each(self, function: Callable[[VonMisesFisherKernel], ndarray]) -> ndarray:
        """Of many laws by an interpolant in kappa."""

        def at(kappa: ndarray) -> ndarray:
            return by_laws(function, VonMisesFisherKernel.at(self.d, kappa))

        if self.kappa.size < WORTH:
            return by_laws(function, self._kernel)
        return of_parameter(at, self.kappa.ravel(), 0.5 * self.d).reshape(self.batch_shape)

    def _quantile(self, p: ndarray, upper: ndarray) -> ndarray:
        """Of many laws at one p, or at some, by interpolants too."""
        rows = p.reshape(-1, self.kappa.size) if self.kappa.size >= WORTH else np.empty((0, 0))
        if not rows.size or upper.ndim or (rows != rows[:, :1]).any():
            return super()._quantile(p, upper)

        def over_centre(kernel: VonMisesFisherKernel, p: float) -> ndarray:
            mass = quadrature.log_mass(kernel)
            edges, same = calculus.centre_tails(kernel, mass), np.full(mass.shape, p)
            return calculus.quantile(kernel, mass, edges, same, upper, self.d) / kernel.centre

        found = [self._of_each(partial(over_centre, p=row[0])) for row in rows]
        return self._kernel.centre * np.stack(found).reshape(p.shape)

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
        return self.kappa * self._mean_of(lambda y, t: np.square(np.sin(y))) / self.d

    @quiet
    def mean_versine(self) -> ndarray:
        """1 - A = E (1 - cos r), in float64."""
        return self._mean_of(lambda y, t: 2.0 * np.square(np.sin(0.5 * y)))

    @quiet
    def cosine_variance(self) -> ndarray:
        """Var cos r = dA/d kappa, in float64, without the cancellation of 1 - A^2 - d A/kappa."""
        mean, square = self._expectations(lambda kernel: (kernel.score, lambda y, t: np.square(kernel.score(y, t))))
        return square - mean * mean

    @quiet
    def cosine_moments(self) -> tuple[ndarray, ndarray, ndarray]:
        """(A, 1 - A, dA/d kappa), the three above, by one quadrature."""
        square, versine, mean, second = self._expectations(
            lambda kernel: (
                lambda y, t: np.square(np.sin(y)),
                lambda y, t: 2.0 * np.square(np.sin(0.5 * y)),
                kernel.score,
                lambda y, t: np.square(kernel.score(y, t)),
            )
        )
        return self.kappa * square / self.d, versine, second - mean * mean

    def _mean_of(self, integrand: quadrature.Integrand) -> ndarray:
        """The mean of what falls as 1/kappa does."""
        if self.kappa.size < WORTH:
            return by_laws(lambda kernel: quadrature.expectations(kernel, integrand)[0], self._kernel)
        size = 2.0 / self.d

        def scaled(kernel: VonMisesFisherKernel) -> ndarray:
            return quadrature.expectations(kernel, integrand)[0] * (1.0 + size * kernel.kappa)

        return self._of_each(scaled) / (1.0 + size * self.kappa)

    def _expectations(self, integrands: Callable[[Any], tuple[quadrature.Integrand, ...]]) -> tuple[ndarray, ...]:
        return by_laws(lambda kernel: quadrature.expectations(kernel, *integrands(kernel)), self._kernel)

    def log_normalizer_derivative(self) -> dict[str, ndarray]:
        """d log_normalizer / d kappa, the mean resultant length."""
        return {"kappa": self._cast(self.mean_resultant_length())}
