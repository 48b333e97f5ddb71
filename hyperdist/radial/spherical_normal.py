"""The radius of the Riemannian normal on the sphere, exp(-theta^2/(2 sigma^2)) sin(theta)^(d-1) (Pennec 2006)."""

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
from hyperdist.radial.kernel_law import AngleLaw
from hyperdist.radial.quadrature import DROP, HALF_NORMAL_CENTRE, way_down
from hyperdist.radial.rejection import Draw, Hat, Hats, Proposal, Source, Which, certain, flat
from hyperdist.radial.riemannian_normal import check_scale
from hyperdist.radial.spherical import (
    SphericalKernel,
    cauchy_hat_log_mass,
    cauchy_log_accept,
    cauchy_radius,
    cauchy_shrinkage,
)

_NEWTON_STEPS = 8


def tangency(weight: float, sigma: Array, extra: float) -> Array:
    """The root x in (0, pi) of x^2/sigma^2 = extra + weight x cot x, for weight > 0.

    Newton's method from above: the difference is convex and increasing, and x cot x <= 1 - x^2/3.
    """
    xp = namespace(sigma)
    precision = 1.0 / (sigma * sigma)
    x = xp.sqrt((weight + extra) / (precision + weight / 3.0))
    for _ in range(_NEWTON_STEPS):
        cot = x / xp.tan(x)
        bend = cot - cot * cot - x * x
        x = x - (precision * x * x - extra - weight * cot) / (2.0 * precision * x - weight * bend / x)
    return x


@dataclass(frozen=True, eq=False)
class SphericalNormalKernel(SphericalKernel):
    """exp(-theta^2/(2 sigma^2)) sin(theta)^n about its mode."""

    sigma: Array

    @classmethod
    def at(cls, d: int, theta: Array) -> SphericalNormalKernel:
        """Of theta = sigma."""
        sigma, xp = theta, namespace(theta)
        n = d - 1
        if n == 0:
            centre = HALF_NORMAL_CENTRE / xp.sqrt(1.0 / (sigma * sigma) + 0.25)
            return cls(0, centre, -centre / (sigma * sigma), -0.5 * xp.square(centre / sigma), sigma)
        centre = tangency(n, sigma, 0.0)
        residual = n / xp.tan(centre) - centre / (sigma * sigma)
        log_peak = n * xp.log(xp.sin(centre)) - 0.5 * xp.square(centre / sigma)
        return cls(n, centre, residual, log_peak, sigma)

    @staticmethod
    def log_kernel(d: int, y: Array, theta: Array) -> Array:
        xp = namespace(y, theta)
        return -0.5 * xp.square(y / theta) + ((d - 1) * xp.log(xp.sin(y)) if d > 1 else 0.0)

    @staticmethod
    def log_kernel_score(d: int, y: Array, theta: Array) -> Array:
        """y^2/sigma^3."""
        ratio = y / theta
        return ratio * ratio / theta

    def log_ratio(self, y: Array, t: Array) -> Array:
        xp = namespace(y, t)
        if self.n == 0:
            return (self.residual - 0.5 * t / (self.sigma * self.sigma)) * t
        # t and sin t both carry the linear part; their difference is of third order.
        sine_excess = xp.sin(t) - t
        return (
            -0.5 * xp.square(t / self.sigma)
            + self.residual * t
            + self.n / xp.tan(self.centre) * sine_excess
            + self._log_sine_ratio(y, t)
        )

    def slope(self, y: Array, t: Array) -> Array:
        if self.n == 0:
            return -y / (self.sigma * self.sigma)
        return self.n / namespace(y).tan(y) - y / (self.sigma * self.sigma)

    def curvature(self, y: Array) -> Array:
        xp = namespace(y, self.sigma)
        return 1.0 / (self.sigma * self.sigma) + (self.n / xp.square(xp.sin(y)) if self.n else xp.zeros_like(y))

    def reach(self, y: Array, t: Array, upper: Array, drop: float = DROP) -> Array:
        xp = namespace(y, t)
        slope = self.slope(y, t)
        decay = xp.where(upper, -slope, slope)
        decay = xp.where(decay > 0.0, decay, xp.zeros_like(decay))
        least = 1.0 / (self.sigma * self.sigma) + self.n
        distance = way_down(decay, least, drop)
        room = xp.where(upper, math.pi - y, y)
        return xp.where(distance < room, distance, room)

    def score(self, y: Array, t: Array) -> Array:
        """d(log kernel)/d sigma, less its value at the centre."""
        # sigma^3 may underflow
        return (t / self.sigma) * ((2.0 * self.centre + t) / self.sigma) / self.sigma

    def hats(self) -> Hats:
        return _hats(self)


_FLAT = 100.0
"""A scale from which on the law on the circle is uniform to 0.05 %, and inversion of the normal cdf loses digits."""


def _hats(kernel: SphericalNormalKernel) -> Hats:
    """Gamma hat for small scales, spherical Cauchy for large; on the circle a normal cut at pi, by inversion."""
    n, sigma, xp = kernel.n, kernel.sigma, namespace(kernel.sigma)
    d = n + 1
    # The Cauchy hat with x0 = cos q is lightest where it touches at q itself: q tan q = d sigma^2.
    touch = tangency(d, sigma, 0.0)
    cauchy_mass = cauchy_hat_log_mass(d, touch) - 0.5 * xp.square(touch / sigma)
    cauchy = Hat(cauchy_mass - kernel.log_peak, partial(_by_cauchy, d, sigma, touch))
    if n == 0:
        mass = xp.log(math.sqrt(2.0 * math.pi) * sigma * (0.5 - special(xp).ndtr(-math.pi / sigma)))
        return Hats(
            xp.where(sigma < _FLAT, 1, 0), (cauchy, Hat(mass - kernel.log_peak, partial(_by_cut_normal, sigma)))
        )
    # log(sin x/x) is concave in x^2; the tangent at ``point`` makes the hat a gamma law.
    point = tangency(n, sigma, 1.0)
    rate = 0.5 * d / (point * point)
    at_point = n * xp.log(xp.sin(point) / point) - (0.5 / (sigma * sigma) - rate) * point * point
    gamma_mass = at_point + math.lgamma(0.5 * d) - math.log(2.0) - 0.5 * d * xp.log(rate)
    gamma = Hat(gamma_mass - kernel.log_peak, partial(_by_gamma, d, sigma, point))
    return Hats(xp.where(cauchy_mass < gamma_mass, 1, 0), (gamma, cauchy))


def _by_gamma(d: int, sigma: Array, point: Array) -> Draw:
    sigma, point = flat(sigma, point)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        r = chi * (point[which] / math.sqrt(d))
        return certain(r, normal_gamma_cost(d, sigma[which], point[which], r))

    return draw


def _by_cauchy(d: int, sigma: Array, touch: Array) -> Draw:
    sigma, touch = flat(sigma, touch)
    shrunk = cauchy_shrinkage(touch)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        r = cauchy_radius(chi, source.normal(chi.shape[0]), shrunk[which])
        return certain(r, normal_cauchy_cost(d, sigma[which], touch[which], r))

    return draw


def _by_cut_normal(sigma: Array) -> Draw:
    (sigma,) = flat(sigma)
    xp = namespace(sigma)
    lowest = special(xp).ndtr(-math.pi / sigma)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        r = -sigma[which] * special(xp).ndtri(0.5 - (0.5 - lowest[which]) * source.uniform(chi.shape[0]))
        return certain(r, xp.where(r <= math.pi, 0.0 * r, math.inf))

    return draw


def normal_gamma_cost(d: int, sigma: Array, point: Array, r: Array) -> Array:
    """Minus the log acceptance probability of r under the gamma hat, r = point/sqrt(d) chi; infinite where r >= pi."""
    xp = namespace(sigma, r)
    inside = r < math.pi
    safe = xp.where(inside, r, xp.ones_like(r))
    rise = (d - 1) * xp.log(xp.sin(safe) / safe * (point / xp.sin(point))) if d > 1 else 0.0
    excess = 0.5 / (sigma * sigma) - 0.5 * d / (point * point)
    return xp.where(inside, excess * (safe - point) * (safe + point) - rise, xp.zeros_like(r) + math.inf)


def normal_cauchy_cost(d: int, sigma: Array, touch: Array, r: Array) -> Array:
    """Minus the log acceptance probability of r under the Cauchy hat that touches at ``touch``."""
    return 0.5 / (sigma * sigma) * (r - touch) * (r + touch) - cauchy_log_accept(d, r, touch)


class SphericalNormalRadius(AngleLaw):
    """Density prop. to exp(-r^2/(2 sigma^2)) sin(r)^(d-1) on 0 < r < pi.

    d : int >= 1, the dimension of the sphere;  sigma : (*batch), geodesic length.
    dtype : of results, by default that of sigma.
    Accuracy  as ``RiemannianNormalRadius``.
    """

    _name = "sigma"

    def __init__(self, d: SupportsIndex, sigma: ArrayLike, *, dtype: DTypeLike | None = None) -> None:
        self.d = checks.dimension(d)
        sigma, _ = check_scale(sigma, 0.0)
        self.batch_shape, self.dtype = sigma.shape, np.dtype(dtype or sigma.dtype)
        self.sigma = sigma.astype(np.float64)

    @property
    def _kind(self) -> type[SphericalNormalKernel]:
        return SphericalNormalKernel

    def _log_normalizer(self) -> ndarray:
        return self._kernel.log_peak + self._log_mass

    def log_normalizer_derivative(self) -> dict[str, ndarray]:
        """d log_normalizer / d sigma = E r^2 / sigma^3."""
        return {"sigma": self._cast(self._moments()[2] / self.sigma / self.sigma / self.sigma)}
