"""Radii on the unit sphere S^d: the Riemannian normal's and the von Mises-Fisher law's.

The radius is the geodesic distance theta from the centre, and with n = d - 1 the densities on (0, pi) are

    exp(-theta^2/(2 sigma^2)) sin(theta)^n        (Pennec 2006)
    exp(kappa cos theta) sin(theta)^n             (Fisher 1953; Mardia & Jupp 2000, 9.3.4), uniform at kappa = 0.

Pure array functions; d is a Python integer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from hyperdist.arrays.namespace import Array, namespace
from hyperdist.radial.hyperbolic import HALF_NORMAL_CENTRE
from hyperdist.radial.quadrature import DROP, Kernel, way_down

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
class _SphericalKernel(Kernel):
    """sin(theta)^n times a factor: what both laws share. ``residual`` is the slope left at the centre."""

    n: int
    centre: Array
    residual: Array
    log_peak: Array

    end: ClassVar[float] = math.pi

    def _log_sine_ratio(self, y: Array, t: Array) -> Array:
        """n log(sin y/sin centre) less its linear part n cot(centre) sin t."""
        xp = namespace(y, t)
        cot = 1.0 / xp.tan(self.centre)
        rise = cot * xp.sin(t)
        relative = rise - 2.0 * xp.square(xp.sin(0.5 * t))
        near = relative > -0.5
        beside = xp.log1p(xp.where(near, relative, xp.zeros_like(relative)))
        sine = xp.sin(y)
        away = xp.log(xp.where(sine > 0.0, sine, xp.zeros_like(sine))) - xp.log(xp.sin(self.centre))
        return self.n * (xp.where(near, beside, away) - rise)


@dataclass(frozen=True, eq=False)
class SphericalNormalKernel(_SphericalKernel):
    """exp(-theta^2/(2 sigma^2)) sin(theta)^n about its mode."""

    sigma: Array

    @classmethod
    def build(cls, d: int, sigma: Array) -> SphericalNormalKernel:
        """The kernel of one scale a batch element."""
        xp = namespace(sigma)
        n = d - 1
        if n == 0:
            centre = HALF_NORMAL_CENTRE / xp.sqrt(1.0 / (sigma * sigma) + 0.25)
            return cls(0, centre, -centre / (sigma * sigma), -0.5 * xp.square(centre / sigma), sigma)
        centre = tangency(n, sigma, 0.0)
        residual = n / xp.tan(centre) - centre / (sigma * sigma)
        log_peak = n * xp.log(xp.sin(centre)) - 0.5 * xp.square(centre / sigma)
        return cls(n, centre, residual, log_peak, sigma)

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


@dataclass(frozen=True, eq=False)
class VonMisesFisherKernel(_SphericalKernel):
    """exp(kappa (cos theta - 1)) sin(theta)^n about its mode; ``log_peak`` is without the factor e^kappa."""

    kappa: Array

    @classmethod
    def build(cls, d: int, kappa: Array) -> VonMisesFisherKernel:
        """The kernel of one concentration kappa >= 0 a batch element."""
        xp = namespace(kappa)
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


def fisher_log_kernel(n: int, y: Array, kappa: Array) -> Array:
    """Log density of the von Mises-Fisher radius up to a constant in y, kappa (cos y - 1) + n log sin y."""
    xp = namespace(y, kappa)
    return kappa * fisher_score(y) + (n * xp.log(xp.sin(y)) if n else 0.0)


def fisher_score(y: Array) -> Array:
    """d ``fisher_log_kernel``/d kappa = cos y - 1."""
    xp = namespace(y)
    return -2.0 * xp.square(xp.sin(0.5 * y))


def normal_log_kernel(n: int, y: Array, sigma: Array) -> Array:
    """Log density of the Riemannian normal's radius up to its constant."""
    xp = namespace(y, sigma)
    return -0.5 * xp.square(y / sigma) + (n * xp.log(xp.sin(y)) if n else 0.0)


def normal_score(y: Array, sigma: Array) -> Array:
    """d ``normal_log_kernel``/d sigma = y^2/sigma^3."""
    ratio = y / sigma
    return ratio * ratio / sigma
