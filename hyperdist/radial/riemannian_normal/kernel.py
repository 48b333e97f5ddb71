"""The kernel of the Riemannian normal's radius: its log density about its mode."""

from __future__ import annotations

from dataclasses import dataclass

from hyperdist.arrays.namespace import Array, namespace, settled
from hyperdist.arrays.stable import decayc, log_sinhc, two_product
from hyperdist.radial.quadrature import DROP, HALF_NORMAL_CENTRE, DrawTable, Kernel, way_down
from hyperdist.radial.rejection import Hats
from hyperdist.radial.riemannian_normal.functions import (
    coth_excess,
    log_kernel,
    log_kernel_score,
    relative_sinh,
    tangency,
)
from hyperdist.radial.riemannian_normal.hats import hats
from hyperdist.radial.riemannian_normal.table import draw_table


@dataclass(frozen=True, eq=False)
class HyperbolicKernel(Kernel):
    """The law above, about its mode. ``residual`` is the slope that rounding of the centre leaves."""

    n: int
    s: Array
    centre: Array
    residual: Array
    log_peak: Array
    tilt: Array
    """(s centre) coth(s centre) - s centre."""

    @classmethod
    def build(cls, d: int, s: Array, s_low: Array | float = 0.0) -> HyperbolicKernel:
        """The kernel of s + s_low, a sum of two doubles."""
        n = d - 1
        if n == 0:  # half-normal; about a point inside, so that there is a lower tail
            centre = s * 0.0 + HALF_NORMAL_CENTRE
            return cls(0, s, centre, -centre, -0.5 * centre * centre, centre)
        centre = tangency(n, s, 0.0)
        product, low = two_product(s * 0.0 + float(n), s)
        # slope = n s coth(s y) - y = (n s - y) + n (s coth(s y) - s), both parts small where n s is large.
        tilt = coth_excess(s * centre)
        residual = ((product - centre) + (low + n * s_low)) + (n / centre) * tilt
        namespace_ = namespace(s)
        log_peak = n * (namespace_.log(centre) + log_sinhc(s * centre)) - 0.5 * centre * centre
        return cls(n, s, centre, residual, log_peak, tilt)

    @classmethod
    def at(cls, d: int, theta: Array) -> HyperbolicKernel:
        """Of theta = s^2 = c sigma^2; 0 is the chi law with d degrees of freedom."""
        return cls.build(d, namespace(theta).sqrt(theta))

    @staticmethod
    def log_kernel(d: int, y: Array, theta: Array) -> Array:
        return log_kernel(d - 1, y, theta)

    @staticmethod
    def log_kernel_score(d: int, y: Array, theta: Array) -> Array:
        return log_kernel_score(d - 1, y, theta)

    def log_ratio(self, y: Array, t: Array) -> Array:
        xp = namespace(y, self.s)
        if self.n == 0:
            return (self.residual - 0.5 * t) * t
        s, centre = self.s, self.centre
        near = y > 0.5 * centre
        relative = relative_sinh(s, centre, y, t)
        linear = t * (self.tilt / centre)
        if settled(near) is True:
            return (self.residual - 0.5 * t) * t + self.n * (xp.log1p(relative) - linear)
        beside = xp.log1p(xp.where(near, relative, xp.zeros_like(relative))) - linear
        # Far below the centre the logarithm itself is the stable form; sinh(x) exp(-x) = x decayc(2 x).
        away = xp.log(y / centre * decayc(2.0 * s * y) / decayc(2.0 * s * centre)) - linear
        return (self.residual - 0.5 * t) * t + self.n * xp.where(near, beside, away)

    def slope(self, y: Array, t: Array) -> Array:
        xp = namespace(y, self.s)
        if self.n == 0:
            return self.residual - t
        safe = xp.where(y > 0.0, y, self.centre)
        return self.residual - t + self.n * (coth_excess(self.s * safe) / safe - self.tilt / self.centre)

    def curvature(self, y: Array) -> Array:
        xp = namespace(y, self.s)
        if self.n == 0:
            return xp.ones_like(y)
        safe = xp.where(y > 0.0, y, self.centre)
        sinhc_inverse = xp.exp(-log_sinhc(self.s * safe))
        return 1.0 + self.n * xp.square(sinhc_inverse / safe)

    def reach(self, y: Array, t: Array, upper: Array, drop: float = DROP) -> Array:
        xp = namespace(y, t)
        slope = self.slope(y, t)
        decay = xp.where(upper, -slope, slope)
        decay = xp.where(decay > 0.0, decay, xp.zeros_like(decay))
        # h(y +- u) <= h(y) - decay u - u^2/2, since the curvature is at least 1.
        distance = way_down(decay, 1.0, drop)
        return xp.where(~upper & (distance > y), y, distance)

    def score(self, y: Array, t: Array) -> Array:
        """d(log kernel)/d(s^2), less its value at the centre."""
        xp = namespace(y, self.s)
        s, centre = self.s, self.centre
        if self.n == 0:
            return y * 0.0
        far = s * centre > 1.0
        safe = xp.where(far, s, xp.ones_like(s))
        # n (x coth x - 1)/(2 s^2), with x coth x = x + coth_excess(x): far out as a difference, near 0 by its series.
        beyond = (safe * t + (coth_excess(s * y) - self.tilt)) * (0.5 * self.n / (safe * safe))
        if settled(far) is True:
            return beyond
        w = s * s
        within = log_kernel_score(self.n, y, w) - log_kernel_score(self.n, centre, w)
        return xp.where(far, beyond, within)

    def score_at_centre(self) -> Array:
        """d(log kernel)/d(s^2) at the centre: what ``score`` leaves out."""
        return log_kernel_score(self.n, self.centre, self.s * self.s)

    def hats(self) -> Hats:
        return hats(self.n, self.s, self.centre, self.log_peak)

    @classmethod
    def table(cls, d: int) -> DrawTable | None:
        return draw_table(cls, d) if d > 1 else None
