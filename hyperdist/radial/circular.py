"""The angle of the wrapped normal on the circle, a = |delta| in [0, pi].

A normal of mean 0 and scale sigma, wrapped, has the density of its absolute angle in two forms

    f(a) = 2 sum_k N(a + 2 pi k; sigma) = (1 + 2 sum_{k>=1} exp(-k^2 sigma^2/2) cos(k a))/pi

(Mardia & Jupp 2000, section 3.5.7): images up to sigma = ``SWITCH``, waves above it. All sums keep their relative
accuracy at both ends: near 0 they are laid about the images 0, +-2 pi, +-4 pi, in y = a; near pi, where f' and the
upper tail vanish, about +-pi, +-3 pi, +-5 pi, in y = pi - a. Exponentials are relative to exp(-a^2/(2 sigma^2)).

Pure array functions; both branches of every ``where`` are finite.
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.arrays.namespace import Array, Table, namespace, repeated, special, values
from hyperdist.arrays.stable import erfcx, log1mexp

SWITCH = 1.75
# Images: three of each kind leave exp(-12 pi^2/sigma^2) = 2e-17 of the density at pi, the worst place, at SWITCH.
_IMAGES = 3
# Waves: five leave exp(-18 sigma^2) = 1e-24 at SWITCH, and 36 times that in the second derivative.
_WAVES = 5
PI_LOW = 1.2246467991473532e-16
"""pi less its double, so that pi - a keeps its digits where a is near pi."""
LOWER_END = 0.6744897501960817
"""The median of |N(0, 1)|: the tail below min(this times sigma, pi/2) has a probability in [0.35, 0.6]."""
_TERMS = 22
"""The last power of y: for m y < 1 and m >= pi/SWITCH the next term is |He_24(m)| y^24/25! < 1e-19."""
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
LEGENDRE = np.polynomial.legendre.leggauss(64)
_PLACES, _WEIGHTS = Table(0.5 * (LEGENDRE[0] + 1.0)), Table(0.5 * LEGENDRE[1])
# Beyond 9.5 sigma a normal has lost 45 nats, and 64 nodes integrate what is left to rounding.
_REACH = 9.5
_STEPS = 5
"""Newton steps of a quantile: three leave a relative 3e-10, the fourth squares that, the fifth is for safety."""
_LEAST_LOG = -744.0
"""Just above the logarithm of the least double, so that its exponential is not 0."""
UNIFORM = 10.0
"""From here on the density is constant to 2 exp(-sigma^2/2) = 4e-22: draws of a larger sigma are made with this one."""


def beyond(a: Array) -> Array:
    """pi - a without the rounding of pi."""
    return (math.pi - a) + PI_LOW


def _by_size(sigma: Array, images: float = 1.0, waves: float = 2.0) -> tuple[Array, Array, Array]:
    """Whether sigma is large, sigma or a stand-in for the images, sigma or a stand-in for the waves."""
    xp = namespace(sigma)
    large = sigma > SWITCH
    return large, xp.where(large, sigma * 0.0 + images, sigma), xp.where(large, sigma, sigma * 0.0 + waves)


def _decay(k: int, sigma: Array) -> Array:
    return namespace(sigma).exp(-0.5 * (k * sigma) * (k * sigma))


def log_density(a: Array, sigma: Array) -> Array:
    """log f(a) for 0 <= a <= pi."""
    xp = namespace(a, sigma)
    large, near, far = _by_size(sigma)
    y = a / near
    images = 1.0 + 0.0 * y
    for j in range(1, _IMAGES):
        m = 2.0 * math.pi * j / near
        images = images + xp.exp(-0.5 * m * (m - 2.0 * y)) * (1.0 + xp.exp(-2.0 * m * y))
    by_images = math.log(2.0) - _HALF_LOG_TWO_PI - xp.log(near) - 0.5 * y * y + xp.log(images)
    waves = _add_waves(1.0 + 0.0 * a, a, far)
    return xp.where(large, xp.log(waves) - math.log(math.pi), by_images)


def _add_waves(total: Array, a: Array, sigma: Array) -> Array:
    """``total`` plus what the density times pi differs from 1 by."""
    for k in range(1, _WAVES + 1):
        total = total + 2.0 * _decay(k, sigma) * namespace(a).cos(k * a)
    return total


def log_uniform_ratio(a: Array, sigma: Array) -> Array:
    """log(pi f(a)), the log ratio to the uniform law, to its own digits where sigma is large."""
    xp = namespace(a, sigma)
    large, _, far = _by_size(sigma)
    near_one = xp.log1p(_add_waves(0.0 * a, a, far))
    return xp.where(large, near_one, log_density(a, sigma) + math.log(math.pi))


def _image(j: int, about_zero: Array, a: Array, y: Array, sigma: Array) -> tuple[Array, Array, Array]:
    """The j-th image M about 0 where said, else about pi; M - Y; E with exp(-E) = N(M - Y)/N(a). In units of sigma."""
    xp = namespace(a, sigma)
    turns = 2.0 * math.pi * j / sigma
    nearest = xp.where(about_zero, turns - y / sigma, turns + a / sigma)
    excess = 0.5 * turns * xp.where(about_zero, turns - 2.0 * (y / sigma), turns + 2.0 * (a / sigma))
    return xp.where(about_zero, turns, math.pi * (2 * j + 1) / sigma), nearest, excess


def drift(a: Array, sigma: Array) -> Array:
    """da/dsigma at fixed cdf, -sigma f'(a)/f(a), by the heat equation df/dsigma = sigma f''."""
    xp = namespace(a, sigma)
    large, near, far = _by_size(sigma)
    lower = a <= 0.5 * math.pi
    y = xp.where(lower, a, beyond(a))
    even, odd = 0.0 * y, 0.0 * y
    for j in range(_IMAGES):
        m, _, excess = _image(j, lower, a, y, near)
        size = xp.exp(-excess) * (xp.where(lower, excess * 0.0 + 0.5, excess * 0.0 + 1.0) if j == 0 else 1.0)
        ratio = 2.0 * m * (y / near)
        even = even + size * (1.0 + xp.exp(-ratio))
        odd = odd - size * (y / near * (1.0 + xp.exp(-ratio)) + m * xp.expm1(-ratio))
    by_images = xp.where(lower, 0.0 - odd, odd) / even
    even, odd = 1.0 + 0.0 * y, 0.0 * y
    for k in range(1, _WAVES + 1):
        sign = xp.where(lower, y * 0.0 + 1.0, y * 0.0 + (-1.0) ** k)
        even = even + 2.0 * sign * _decay(k, far) * xp.cos(k * y)
        odd = odd + 2.0 * k * sign * (far * _decay(k, far)) * xp.sin(k * y)
    return xp.where(large, xp.where(lower, odd, 0.0 - odd) / even, by_images)


def _mass(m: Array, nearest: Array, excess: Array, a: Array, y: Array) -> Array:
    """Probability of the two intervals of half-width y about +-m, over exp(-a^2/2); nearest = m - y, units of sigma.

    A difference of scaled erfc's where m y >= 1, and there the second is below exp(-2) of the first; else Taylor's
    series 4 N(m) y sum_k He_2k(m) y^2k/(2k + 1)!. There m >= pi/SWITCH.
    """
    xp = namespace(m, y)
    wide = m * y >= 1.0
    root = math.sqrt(0.5)
    low, high = xp.where(wide, nearest, m * 0.0 + 1.0), xp.where(wide, m + y, m * 0.0 + 1.0)
    apart = xp.exp(-excess) * (erfcx(root * low) - erfcx(root * high) * xp.exp(-2.0 * m * y))
    short = xp.where(wide, y * 0.0, y)
    product, square = xp.where(wide, y * 0.0, m) * short, short * short
    previous, current, series = 0.0 * short, 1.0 + 0.0 * short, 1.0 + 0.0 * short
    for k in range(_TERMS):
        previous, current = current, product * current - k * square * previous
        if k % 2 == 1:
            series = series + current / float(math.factorial(k + 2))
    together = 4.0 * xp.exp(-0.5 * (m - a) * (m + a) - _HALF_LOG_TWO_PI) * short * series
    return xp.where(wide, apart, together)


def log_tail(a: Array, s: Array, sigma: Array, lower: Array) -> Array:
    """Log probability of [0, a] where ``lower`` says so, else of [a, pi]; s = pi - a to its own digits.

    For the shorter of the two tails: ``lower`` where a <= min(``LOWER_END`` sigma, pi/2).
    """
    xp = namespace(a, sigma)
    large, near, far = _by_size(sigma)
    y = xp.where(lower, a, s)
    x = a / near
    total = 0.0 * y
    for j in range(_IMAGES):
        m, nearest, excess = _image(j, lower, a, y, near)
        mass = _mass(m, nearest, excess, x, y / near)
        if j == 0:
            inside = xp.where(lower & ~large, x, 0.0 * x)
            centre = special(xp).erf(math.sqrt(0.5) * inside) * xp.exp(0.5 * inside * inside)
            mass = xp.where(lower, centre, mass)
        total = total + mass
    waves = y
    for k in range(1, _WAVES + 1):
        sign = xp.where(lower, y * 0.0 + 1.0, y * 0.0 + (-1.0) ** k)
        waves = waves + 2.0 * sign * _decay(k, far) * xp.sin(k * y) / k
    return xp.where(large, xp.log(waves) - math.log(math.pi), xp.log(total) - 0.5 * x * x)


def deviations(sigma: Array, normals: Array) -> Array:
    """Sigma times standard normals, to be wrapped; a sigma above ``UNIFORM`` would only cost digits."""
    return namespace(sigma).clip(sigma, 0.0, UNIFORM) * normals


def split(sigma: Array) -> Array:
    """The angle up to which the lower tail is the shorter."""
    return namespace(sigma).clip(LOWER_END * sigma, 0.0, 0.5 * math.pi)


def log_tails(a: Array, sigma: Array) -> tuple[Array, Array, Array]:
    """(log cdf, log sf, whether the cdf is the one that was worked out and the sf what it leaves)."""
    xp = namespace(a, sigma)
    lower = a <= split(sigma)
    short = log_tail(a, beyond(a), sigma, lower)
    short = xp.where(short < 0.0, short, xp.zeros_like(short))
    rest = log1mexp(-short)
    return xp.where(lower, short, rest), xp.where(lower, rest, short), lower


def quantile(p: Array, upper: Array, sigma: Array) -> Array:
    """The angle with cdf p, or where ``upper`` with sf p, 0 < p < 1.

    Newton's method on the shorter tail, below on the cdf, concave because f falls, above on the log of the sf; and
    above in whichever of a and s = pi - a starts out as the smaller, so that it keeps its digits.
    """
    xp = namespace(p, sigma)
    log_cdf, log_sf, _ = log_tails(split(sigma), sigma)
    log_p, log_q = xp.log(p), xp.log1p(-p)
    lower = ~xp.where(upper, log_p <= log_sf, log_p > log_cdf)
    log_p = xp.where(lower ^ upper, log_p, log_q)
    a, s, in_a = _start(log_p, lower, sigma)

    def step(a: Array, s: Array) -> tuple[Array, Array]:
        tail = log_tail(a, s, sigma, lower)
        mills = xp.exp(tail - log_density(a, sigma))
        change = mills * xp.where(lower, xp.expm1(log_p - tail), tail - log_p)
        # Where an angle is too small for a double its tail is 0: it stays as it started.
        change = xp.where(xp.isfinite(change), change, xp.zeros_like(change))
        a, s = xp.where(in_a, a + change, a), xp.where(in_a, s, s - change)
        return xp.where(in_a, a, beyond(s)), xp.where(in_a, beyond(a), s)

    return xp.clip(repeated(step, _STEPS, a, s)[0], 0.0, math.pi)


def _start(log_p: Array, lower: Array, sigma: Array) -> tuple[Array, Array, Array]:
    """(a, pi - a, whether a is the one to step in), from where Newton's method does not overshoot.

    Below, f(0) a = p. Above, a where the tail of the normal that is not wrapped, which is larger, is p; or pi - a
    the largest of this, of pi p (the sf is below the uniform law's) and of the root of f(pi) sinh(b s)/b = p,
    b = pi/sigma^2, which the two images nearest to pi give there.
    """
    xp = namespace(log_p, sigma)
    least = xp.exp(log_p - log_density(xp.zeros_like(sigma), sigma))
    half = xp.exp(xp.clip(log_p - math.log(2.0), _LEAST_LOG, 0.0))
    unwrapped = xp.clip(-sigma * special(xp).ndtri(half), 0.0, math.pi)
    in_a = lower | (unwrapped < 0.5 * math.pi) & (sigma <= SWITCH)
    rate = math.pi / xp.square(xp.clip(sigma, 0.0, SWITCH))
    growth = log_p + xp.log(rate) - log_density(xp.zeros_like(sigma) + math.pi, sigma)
    stretched = xp.where(growth > 20.0, growth + math.log(2.0), xp.asinh(xp.exp(xp.clip(growth, _LEAST_LOG, 20.0))))
    s = stretched / rate
    for bound in (math.pi * xp.exp(log_p), beyond(unwrapped)):
        s = xp.where(s > bound, s, bound)
    s = xp.clip(s, 0.0, math.pi)
    a = xp.where(in_a, xp.where(lower, least, unwrapped), beyond(s))
    return a, xp.where(in_a, beyond(a), s), in_a


def rule(sigma: Array) -> tuple[Array, Array]:
    """Angles and weights of a Gauss-Legendre rule that integrates against the density, on a new first axis."""
    xp = namespace(sigma)
    shape = (-1,) + (1,) * sigma.ndim
    places, weights = (xp.reshape(part.beside(sigma), shape) for part in (_PLACES, _WEIGHTS))
    width = xp.clip(_REACH * sigma, 0.0, math.pi)
    return places * width, weights * width


def shares(sigma: Array) -> tuple[Array, Array, Array]:
    """Angles, without derivatives, their log densities and probabilities, which sum to 1; (nodes, *batch)."""
    xp = namespace(sigma)
    a, weights = rule(values(sigma))
    log_f = log_density(a, sigma)
    share = weights * xp.exp(log_f)
    return a, log_f, share / xp.sum(share, axis=0)
