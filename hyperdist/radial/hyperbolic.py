"""The radius of the Riemannian normal on hyperbolic space, and at c = 0 of every isotropic normal.

With y = r/sigma, s = sqrt(c) sigma and n = d - 1 the density is

    exp(-y^2/2) (sinh(s y)/s)^n,   y > 0,

which at s = 0 is the chi law with d degrees of freedom. It is log-concave, and its curvature is never below 1.
Pure array functions; d is a Python integer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hyperdist.arrays.namespace import Array, namespace, settled, special
from hyperdist.arrays.stable import decayc, langevinc_sq, log_sinhc, log_sinhc_sq, two_product
from hyperdist.radial.quadrature import DROP, Kernel, way_down

_MODE_STEPS = 4
_HAT_STEPS = 2
"""Newton steps for the gamma hat's point, which may lie anywhere: at 1e-5 of the best one nothing is lost."""
_LEAST = 1e-30
"""An s that is 0 to rounding, and gives x coth x = 1 where 0 gives 0/0."""

HALF_NORMAL_CENTRE = 0.7
"""Where a law on the line (d = 1), whose mode is the end 0, is cut into a lower and an upper tail."""


def nondimensional(sigma: Array, c: Array) -> tuple[Array, Array]:
    """s = sqrt(c) sigma as a sum of two doubles, since n s^2 against r decides the law's place."""
    xp = namespace(sigma, c)
    root = xp.sqrt(c)
    square, error = two_product(root, root)
    positive = root > 0.0
    root_low = xp.where(positive, ((c - square) - error) / (2.0 * xp.where(positive, root, xp.ones_like(root))), root)
    s, s_low = two_product(root, sigma)
    return s, s_low + root_low * sigma


def tangency(n: int, s: Array, extra: float, steps: int = _MODE_STEPS) -> Array:
    """The root y of y^2 = extra + n s y coth(s y): the mode for extra = 0, the gamma hat's point for 1.

    Newton's method, from the root with sqrt(1 + x^2) for x coth x, which is at most 7 % off: four steps reach the last
    digit.
    """
    xp = namespace(s)
    twice = 2.0 * extra + (n * s) * (n * s)
    y = xp.sqrt(0.5 * (twice + xp.sqrt(twice * twice + 4.0 * (n * n - extra * extra))))
    s = s + _LEAST
    for _ in range(steps):
        x = s * y
        ratio = x / xp.tanh(x)
        # d(x coth x)/d log x = x coth x - x^2/sinh^2 x, and x^2/sinh^2 x = (x coth x)^2 - x^2.
        bend = ratio - (ratio - x) * (ratio + x)
        y = y - (y * y - extra - n * ratio) / (2.0 * y - n * bend / y)
    return y


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
        tilt = _coth_excess(s * centre)
        residual = ((product - centre) + (low + n * s_low)) + (n / centre) * tilt
        namespace_ = namespace(s)
        log_peak = n * (namespace_.log(centre) + log_sinhc(s * centre)) - 0.5 * centre * centre
        return cls(n, s, centre, residual, log_peak, tilt)

    def log_ratio(self, y: Array, t: Array) -> Array:
        xp = namespace(y, self.s)
        if self.n == 0:
            return (self.residual - 0.5 * t) * t
        s, centre = self.s, self.centre
        near = y > 0.5 * centre
        relative = _relative_sinh(s, centre, y, t)
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
        return self.residual - t + self.n * (_coth_excess(self.s * safe) / safe - self.tilt / self.centre)

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
        # n (x coth x - 1)/(2 s^2), with x coth x = x + _coth_excess(x): far out as a difference, near 0 by its series.
        beyond = (safe * t + (_coth_excess(s * y) - self.tilt)) * (0.5 * self.n / (safe * safe))
        if settled(far) is True:
            return beyond
        w = s * s
        within = log_kernel_score(self.n, y, w) - log_kernel_score(self.n, centre, w)
        return xp.where(far, beyond, within)

    def score_at_centre(self) -> Array:
        """d(log kernel)/d(s^2) at the centre: what ``score`` leaves out."""
        return log_kernel_score(self.n, self.centre, self.s * self.s)


def _relative_sinh(s: Array, centre: Array, y: Array, t: Array) -> Array:
    """sinh(s y)/(sinh(s centre) exp(s t)) - 1 for y = centre + t: nothing cancels or overflows where s is large."""
    xp = namespace(s, y, t)
    low = xp.where(t < 0.0, y, centre)
    return t / centre * xp.exp(-2.0 * s * low) * decayc(2.0 * s * xp.abs(t)) / decayc(2.0 * s * centre)


def _coth_excess(x: Array) -> Array:
    """x coth x - x = x exp(-x)/sinh x: 1 at 0, 0 far out."""
    return namespace(x).exp(-2.0 * x) / decayc(2.0 * x)


def closed_form_is_safe(n: int, s: Array) -> Array:
    """Whether the erf expansion's terms decay from the first: its error is then a few eps.

    Term k over term 0 is C(n, k) exp(-2 s^2 k (n - k)); a first ratio below 1/8 bounds the sum of all by 1/3
    of the result, so that at most two bits cancel. For n = 1 there is one term.
    """
    xp = namespace(s)
    if n < 2:
        return xp.ones_like(s) == 1.0
    return 2.0 * s * s * (n - 1) > math.log(8.0 * n)


def closed_form(n: int, s: Array) -> Array:
    """log int exp(-y^2/2) (sinh(s y)/s)^n dy by the erf expansion (Mathieu et al. 2019, appendix B.3.1).

    Terms k and n - k are summed together, relative to the first; see ``closed_form_is_safe``.
    """
    xp: Any = namespace(s)
    if n == 0:
        return s * 0.0 + 0.5 * math.log(math.pi / 2.0)
    if n == 1:
        # sqrt(pi/2) exp(s^2/2) erf(s/sqrt 2)/s, whose limit at 0 is 1.
        safe = xp.where(s > 0.0, s, xp.ones_like(s))
        ratio = xp.where(s > 0.0, special(xp).erf(safe / math.sqrt(2.0)) / safe, s * 0.0 + math.sqrt(2.0 / math.pi))
        return 0.5 * math.log(math.pi / 2.0) + 0.5 * s * s + xp.log(ratio)
    erf = special(xp).erf
    safe = xp.where(closed_form_is_safe(n, s), s, s * 0.0 + 2.0)
    total = safe * 0.0
    binomial = 1.0
    for k in range(min(n // 2, 20) + 1):
        a = (n - 2 * k) * safe
        pair = 1.0 if 2 * k == n else (2.0 if n % 2 == 0 else 2.0 * erf(a / math.sqrt(2.0)))
        total = total + (-1.0) ** k * binomial * xp.exp(-2.0 * safe * safe * (k * (n - k))) * pair
        binomial *= (n - k) / (k + 1)
    scale = 0.5 * math.log(math.pi / 2.0) - n * (math.log(2.0) + xp.log(safe))
    return scale + 0.5 * (n * safe) * (n * safe) + xp.log(total)


def log_kernel(n: int, y: Array, w: Array) -> Array:
    """Log of the density above up to its constant, for y > 0, as a smooth function of w = s^2 down to w = 0."""
    xp = namespace(y, w)
    return n * (xp.log(y) + log_sinhc_sq(w * y * y)) - 0.5 * y * y


def log_kernel_score(n: int, y: Array, w: Array) -> Array:
    """d ``log_kernel``/dw, smooth in w down to w = 0."""
    return 0.5 * n * y * y * langevinc_sq(w * y * y)


def gamma_hat(d: int, s: Array) -> tuple[Array, Array]:
    """(point, log mass) of the lightest gamma hat: log(sinh x/x) is concave in x^2, its tangent is at the point.

    Under it y is ``point`` / sqrt(d) times the norm of d standard normals. The mass is infinite where the hat is of
    no use.
    """
    xp = namespace(s)
    n = d - 1
    point = tangency(n, s, 1.0, _HAT_STEPS)
    rate = 0.5 * d / (point * point)
    at_point = n * log_sinhc(s * point) - (0.5 - rate) * point * point
    mass = at_point + math.lgamma(0.5 * d) - math.log(2.0) - 0.5 * d * xp.log(rate)
    # Far out the normal hat is the law to rounding, and masses are too large to compare.
    return point, xp.where((s * point > 40.0) & (s > 0.0), mass + math.inf, mass) if n else mass


def gamma_hat_cost(d: int, s: Array, point: Array, y: Array) -> Array:
    """Minus the log acceptance probability of y under ``gamma_hat``."""
    square = point * point
    # log(sinhc(s y)/sinhc(s point)), by sinh(x) exp(-x) = x decayc(2 x)
    rise = s * (y - point) + namespace(s, y).log(decayc(2.0 * s * y) / decayc(2.0 * s * point))
    return (0.5 - 0.5 * d / square) * (y * y - square) - (d - 1) * rise


def normal_hat_log_mass(n: int) -> float:
    """Log mass, less ``log_peak``, of the hat N(mode, 1) on the line: log sinh x is concave. Infinite at d = 1."""
    return 0.5 * math.log(2.0 * math.pi) if n else math.inf


def normal_hat_cost(n: int, s: Array, mode: Array, t: Array) -> Array:
    """Minus the log acceptance probability of y = mode + t under the normal hat; infinite where y <= 0.

    Exact to rounding where s mode > 1/2, which holds wherever this hat is the lighter one.
    """
    xp = namespace(s, t)
    y = mode + t
    inside = y > 0.0
    relative = _relative_sinh(s, mode, xp.where(inside, y, mode), xp.where(inside, t, xp.zeros_like(t)))
    # log(sinh(s y)/sinh(s mode)) less its tangent s coth(s mode) t
    rise = xp.log1p(relative) - t / mode * _coth_excess(s * mode)
    return xp.where(inside, -n * rise, xp.zeros_like(rise) + math.inf)
