"""The radius of the power spherical law, ((1 + cos theta)/2)^kappa sin(theta)^(d-1); uniform at kappa = 0.

De Cao & Aziz 2020 (arXiv 2006.04437). z = cos(theta/2)^2 has the law Beta(kappa + d/2, d/2), so that all but tails and
quantiles is closed; differences of log-gamma functions are taken so that a large kappa does not cancel.
Pure array functions; d is a Python integer, n = d - 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import SupportsIndex

import numpy as np
from numpy import ndarray

from hyperdist import checks
from hyperdist.arrays.namespace import Array, namespace, special
from hyperdist.arrays.types import ArrayLike, DTypeLike
from hyperdist.radial.base import quiet
from hyperdist.radial.kernel_law import AngleLaw
from hyperdist.radial.quadrature import DROP, HALF_NORMAL_CENTRE, way_down
from hyperdist.radial.rejection import Draw, Hat, Hats, Proposal, Source, Which, certain, flat
from hyperdist.radial.spherical import SphericalKernel
from hyperdist.radial.von_mises_fisher import KAPPA_MAX

_STIRLING = 20.0
"""From here on asymptotic series of the gamma functions are right to rounding."""

_LEAST = 1e-300
"""The curvature of a density that has none."""


def log_gamma_rise(z: Array, a: Array | float) -> Array:
    """log Gamma(z + a) - log Gamma(z) for z > 0, a >= 0, by Stirling's series where z is large."""
    xp = namespace(z, a)
    large = z > _STIRLING
    far, near = xp.where(large, z, z * 0.0 + _STIRLING), xp.where(large, z * 0.0 + 1.0, z)
    series = (far - 0.5) * xp.log1p(a / far) + a * (xp.log(far + a) - 1.0)
    series = series + _remainder(far + a) - _remainder(far)
    gammaln = special(xp).gammaln
    return xp.where(large, series, gammaln(near + a) - gammaln(near))


def _remainder(z: Array) -> Array:
    """log Gamma(z) less (z - 1/2) log z - z + log(2 pi)/2."""
    w = 1.0 / (z * z)
    return (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1260.0 - w / 1680.0))) / z


def digamma_rise(z: Array, a: float) -> Array:
    """d ``log_gamma_rise``/dz."""
    xp = namespace(z)
    large = z > _STIRLING
    far, near = xp.where(large, z, z * 0.0 + _STIRLING), xp.where(large, z * 0.0 + 1.0, z)
    series = xp.log1p(a / far) + 0.5 * a / (far * (far + a)) + _digamma_remainder(far + a) - _digamma_remainder(far)
    digamma = special(xp).digamma
    return xp.where(large, series, digamma(near + a) - digamma(near))


def _digamma_remainder(z: Array) -> Array:
    """digamma(z) less log z - 1/(2 z)."""
    w = 1.0 / (z * z)
    return -w * (1.0 / 12.0 - w * (1.0 / 120.0 - w * (1.0 / 252.0 - w / 240.0)))


def log_normalizer(d: int, kappa: Array) -> Array:
    """Log integral of ((1 + cos theta)/2)^kappa sin(theta)^(d-1): that of 2^(d-1) times a Beta function."""
    xp = namespace(kappa)
    large, half = kappa > d, 0.5 * d
    far, near = xp.where(large, kappa, kappa * 0.0 + d), xp.where(large, kappa * 0.0, kappa)
    beta = (d - 1) * math.log(2.0) + math.lgamma(half) - log_gamma_rise(far + half, half)
    # In many dimensions the terms above cancel where kappa is small; there the rise is taken in kappa.
    even = 0.5 * math.log(math.pi) + math.lgamma(half) - math.lgamma(half + 0.5)
    rise = log_gamma_rise(near * 0.0 + half, near) - log_gamma_rise(near * 0.0 + d, near)
    return xp.where(large, beta, even + rise)


def mean_log_share(d: int, kappa: Array) -> Array:
    """E log((1 + cos theta)/2), the derivative of ``log_normalizer`` in kappa."""
    return -digamma_rise(kappa + 0.5 * d, 0.5 * d)


def log_share(y: Array) -> Array:
    """log((1 + cos y)/2), to its own digits near 0 and near pi."""
    xp = namespace(y)
    near = y < 0.5 * math.pi
    beside = xp.log1p(-xp.square(xp.sin(xp.where(near, 0.5 * y, 0.0 * y))))
    return xp.where(near, beside, 2.0 * xp.log(xp.cos(xp.where(near, 0.0 * y, 0.5 * y))))


def log_kernel_of_points(x: Array, mu: Array, kappa: Array) -> Array:
    """kappa log((1 + mu.x)/2) of unit vectors, to its own digits near mu and near -mu; -inf at -mu unless kappa = 0."""
    xp = namespace(x, mu, kappa)
    apart, beside = x - mu, x + mu
    versine = 0.25 * xp.sum(apart * apart, axis=-1)
    rest = 0.25 * xp.sum(beside * beside, axis=-1)
    near, opposite = versine < 0.5, rest == 0.0
    log_near = xp.log1p(-xp.where(near, versine, 0.0 * versine))
    log_far = xp.log(xp.where(near | opposite, 0.0 * rest + 1.0, rest))
    return kappa * xp.where(near, log_near, log_far) - xp.where(opposite & (kappa > 0.0), math.inf, 0.0)


@dataclass(frozen=True, eq=False)
class PowerSphericalKernel(SphericalKernel):
    """cos(theta/2)^(2 kappa) sin(theta)^n about its mode."""

    kappa: Array

    @classmethod
    def at(cls, d: int, theta: Array) -> PowerSphericalKernel:
        """Of theta = kappa >= 0."""
        kappa, xp = theta, namespace(theta)
        n = d - 1
        if n == 0:
            centre = HALF_NORMAL_CENTRE / xp.sqrt(0.5 * kappa + 0.25)
        else:
            centre = 2.0 * xp.atan(xp.sqrt(n / (n + 2.0 * kappa)))
        tangent = xp.tan(0.5 * centre)
        residual = n / xp.tan(centre) - kappa * tangent
        log_peak = (n * xp.log(xp.sin(centre)) if n else 0.0) - kappa * xp.log1p(tangent * tangent)
        return cls(n, centre, residual, log_peak, kappa)

    @staticmethod
    def log_kernel(d: int, y: Array, theta: Array) -> Array:
        return theta * log_share(y) + ((d - 1) * namespace(y).log(namespace(y).sin(y)) if d > 1 else 0.0)

    @staticmethod
    def log_kernel_score(d: int, y: Array, theta: Array) -> Array:
        return log_share(y)

    @property
    def end_grade(self) -> Array:  # type: ignore[override]
        """The density falls to 0 at pi like the power 2 kappa + n of the distance, which need be no whole number."""
        return namespace(self.kappa).where(2.0 * self.kappa + self.n < 8.0, 5.0 + 0.0 * self.kappa, 1.0)

    def log_ratio(self, y: Array, t: Array) -> Array:
        xp = namespace(y, t)
        half, quarter = xp.sin(0.5 * t), xp.sin(0.25 * t)
        # The linear parts of both logarithms cancel but for ``residual``; what is left of them is of third order.
        linear = self.residual * 2.0 * half
        bent = self.kappa * (self.score(y, t) + 2.0 * xp.tan(0.5 * self.centre) * half)
        if self.n == 0:
            return bent + linear
        return (
            self._log_sine_ratio(y, t) + bent + linear - 4.0 * self.n / xp.tan(self.centre) * half * quarter * quarter
        )

    def slope(self, y: Array, t: Array) -> Array:
        xp = namespace(y, self.kappa)
        return (self.n / xp.tan(y) if self.n else 0.0) - self.kappa * xp.tan(0.5 * y)

    def curvature(self, y: Array) -> Array:
        xp = namespace(y, self.kappa)
        return 0.5 * self.kappa / xp.square(xp.cos(0.5 * y)) + (self.n / xp.square(xp.sin(y)) if self.n else 0.0)

    def reach(self, y: Array, t: Array, upper: Array, drop: float = DROP) -> Array:
        xp = namespace(y, t, self.kappa)
        slope = self.slope(y, t)
        decay = xp.where(upper, -slope, slope)
        decay = xp.where(decay > 0.0, decay, xp.zeros_like(decay))
        # The curvature is never less.
        distance = way_down(decay, 0.5 * self.kappa + self.n + _LEAST, drop)
        room = xp.where(upper, math.pi - y, y)
        return xp.where(distance < room, distance, room)

    def score(self, y: Array, t: Array) -> Array:
        """d(log kernel)/d kappa, less its value at the centre."""
        xp = namespace(y, t)
        relative = -2.0 * xp.square(xp.sin(0.25 * t)) - xp.tan(0.5 * self.centre) * xp.sin(0.5 * t)
        near = relative > -0.5
        beside = xp.log1p(xp.where(near, relative, xp.zeros_like(relative)))
        away = xp.log(xp.cos(0.5 * y)) - xp.log(xp.cos(0.5 * self.centre))
        return 2.0 * xp.where(near, beside, away)

    def hats(self) -> Hats:
        """The Beta variable is made of two gamma variables, chi^2/2 and one under Marsaglia & Tsang's (2000) hat."""
        d, xp = self.n + 1, namespace(self.kappa)
        shape = self.kappa + 0.5 * d
        rest = xp.where(shape < 1.0, shape + 1.0, shape) - 1.0 / 3.0
        mass = log_normalizer(d, self.kappa) - self.log_peak - _log_gamma_rate(rest)
        return Hats(xp.zeros_like(shape), (Hat(mass, partial(_by_gammas, d, shape, rest)),))


def _log_gamma_rate(rest: Array) -> Array:
    """Log acceptance rate of Marsaglia & Tsang's hat for a gamma variable of shape ``rest`` + 1/3."""
    xp = namespace(rest)
    large = rest > 100.0
    far, near = xp.where(large, rest, rest * 0.0 + 100.0), xp.where(large, rest * 0.0 + 1.0, rest)
    series = -(1.0 / 36.0 + (1.0 / 162.0 - 13.0 / 9720.0 / far) / far) / far
    closed = near + (1.0 / 6.0 - near) * xp.log(near) + special(xp).gammaln(near + 1.0 / 3.0)
    return xp.where(large, series, closed - 0.5 * math.log(2.0 * math.pi))


def _by_gammas(d: int, shape: Array, rest: Array) -> Draw:
    """tan(r/2)^2 is the ratio of gamma variables of shapes d/2, which is chi^2/2, and kappa + d/2."""
    shape, rest = flat(shape, rest)
    xp = namespace(rest)
    step = 1.0 / xp.sqrt(9.0 * rest)
    # A gamma variable of shape s < 1 is one of shape s + 1 times u^(1/s).
    power = xp.where(shape < 1.0, 1.0 / shape, xp.zeros_like(shape))

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        w = step[which] * source.normal(chi.shape[0])
        w = xp.where(w > -1.0, w, w * 0.0 - 1.0)
        gamma = rest[which] * (1.0 + w) * (1.0 + w) * (1.0 + w)
        if d == 1:
            gamma = gamma * source.uniform(chi.shape[0]) ** power[which]
        cost = rest[which] * (w * w * w - 3.0 * (xp.log1p(w) - w + 0.5 * w * w))
        return certain(2.0 * xp.atan(chi / xp.sqrt(2.0 * gamma)), cost)

    return draw


class PowerSphericalRadius(AngleLaw):
    """Density prop. to (1 + cos r)^kappa sin(r)^(d-1) on 0 < r < pi: the angle to the mean direction.

    d : int >= 1, the dimension of the sphere, one less than the ambient one;  kappa : (*batch), 0 for uniform.
    dtype : of results, by default that of kappa.
    ``log_normalizer`` is that of ((1 + cos r)/2)^kappa.
    Accuracy  as ``RiemannianNormalRadius``, for d < 1,000 and kappa <= 1e8.
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
    def _kind(self) -> type[PowerSphericalKernel]:
        return PowerSphericalKernel

    @quiet
    def _log_normalizer(self) -> ndarray:
        return log_normalizer(self.d, self.kappa)

    @quiet
    def log_normalizer_derivative(self) -> dict[str, ndarray]:
        """d log_normalizer / d kappa = E log((1 + cos r)/2)."""
        return {"kappa": self._cast(mean_log_share(self.d, self.kappa))}
