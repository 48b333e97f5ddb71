"""The radius of the Riemannian normal on hyperbolic space, and at c = 0 of every isotropic normal.

With y = r/sigma, s = sqrt(c) sigma and n = d - 1 the density is

    exp(-y^2/2) (sinh(s y)/s)^n,   y > 0,

which at s = 0 is the chi law with d degrees of freedom. It is log-concave, and its curvature is never below 1.
Pure array functions; d is a Python integer.
"""

from __future__ import annotations

import math
from typing import Any

from hyperdist.arrays.namespace import Array, namespace, special
from hyperdist.arrays.stable import decayc, langevinc_sq, log_sinhc_sq, two_product

_MODE_STEPS = 4
_LEAST = 1e-30
"""An s that is 0 to rounding, and gives x coth x = 1 where 0 gives 0/0."""


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


def relative_sinh(s: Array, centre: Array, y: Array, t: Array) -> Array:
    """sinh(s y)/(sinh(s centre) exp(s t)) - 1 for y = centre + t: nothing cancels or overflows where s is large."""
    xp = namespace(s, y, t)
    low = xp.where(t < 0.0, y, centre)
    return t / centre * xp.exp(-2.0 * s * low) * decayc(2.0 * s * xp.abs(t)) / decayc(2.0 * s * centre)


def coth_excess(x: Array) -> Array:
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
