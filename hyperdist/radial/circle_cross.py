"""E_p log q of two wrapped normals on the circle, whose centres are ``apart``, and their divergence.

By Jacobi's triple product a wrapped normal is a product over r = exp(-(2n - 1) sigma^2/2) of 1 + 2 r cos x + r^2, whose
logarithms have Fourier series (DLMF 20.5.3), so that

    log q = C + sum_k (-1)^(k+1) cos(k x)/(k sinh(k sigma_q^2/2)),   C = -log 2 pi + sum_n log(1 - exp(-n sigma_q^2)),

and E_p cos(k x) = exp(-k^2 sigma_p^2/2) cos(k apart). Where p is so narrow that many terms would count it does not
wrap, and log q is a parabola with an image on either side, or smooth on the scale of p.

Pure array functions, elementwise, apart in [-pi, pi); to 1e-14 (1 + |value|), and relative to a small divergence
too where both laws are narrow, or both wide.
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.arrays.namespace import Array, Table, namespace, settled, special, values
from hyperdist.arrays.stable import expm1_excess, log_quotient
from hyperdist.geometry import torus
from hyperdist.radial import circular

NARROW = 0.1
"""Scale of p from which on 88 waves leave exp(-88^2 0.1^2/2) = 2e-17."""
STEEP = 1.0
"""Scale of q up to which the product of the images on both sides is exp(-4 pi^2) of the density, and counts as 0."""
_K = Table(np.arange(1.0, 89.0))
_ALTERNATING = Table((-1.0) ** np.arange(88.0) / np.arange(1.0, 89.0))
_TURN = 2.0 * math.pi
_HALF_LOG_TURN = 0.5 * math.log(_TURN)
_HERMITE = np.polynomial.hermite_e.hermegauss(64)
_NORMALS, _SHARES = Table(_HERMITE[0]), Table(_HERMITE[1] / math.sqrt(_TURN))
_FAR, _PARTS = 40.0, 3
"""Where log(1 + exp(-v)) has come down to 4e-18, and the parts of the way there, each with a rule of its own."""
_HALF = 0.5 * _FAR / _PARTS
_PLACES = Table((_HALF * (circular.LEGENDRE[0] + 1.0 + 2.0 * np.arange(_PARTS)[:, None])).ravel())
_WEIGHTS = Table(np.tile(_HALF * circular.LEGENDRE[1], _PARTS))
_MOST = 1e3
"""A scale whose waves are all 0: larger ones would overflow."""


def divergence(p_sigma: Array, q_sigma: Array, apart: Array) -> Array:
    """E_p log p/q."""
    xp, narrow = namespace(p_sigma, q_sigma, apart), values(p_sigma) < NARROW
    side, one = settled(narrow), xp.ones_like(p_sigma)
    if side is not None:
        return (_of_narrow if side else _of_wide)(p_sigma, q_sigma, apart)
    small, large = xp.where(narrow, p_sigma, 0.5 * NARROW * one), xp.where(narrow, one, p_sigma)
    return xp.where(narrow, _of_narrow(small, q_sigma, apart), _of_wide(large, q_sigma, apart))


def mean_log_density(p_sigma: Array, q_sigma: Array, apart: Array) -> Array:
    """E_p log q."""
    xp, narrow = namespace(p_sigma, q_sigma, apart), values(p_sigma) < NARROW
    side, one = settled(narrow), xp.ones_like(p_sigma)
    small, large = (p_sigma, p_sigma) if side is not None else (
        xp.where(narrow, p_sigma, 0.5 * NARROW * one), xp.where(narrow, one, p_sigma)
    )  # fmt: skip
    by_waves = None if side is True else _level(q_sigma) + _waves(large, q_sigma, apart) - 2.0 * _HALF_LOG_TURN
    if side is False:
        return by_waves
    by_normal = -_entropy(small) - _of_narrow(small, q_sigma, apart)
    return by_normal if side else xp.where(narrow, by_normal, by_waves)


def _of_wide(p: Array, q: Array, apart: Array) -> Array:
    return _level(p) - _level(q) + (_waves(p, p, 0.0 * apart) - _waves(p, q, apart))


def _entropy(sigma: Array) -> Array:
    """That of a normal."""
    return namespace(sigma).log(sigma) + 0.5 + _HALF_LOG_TURN


def _level(sigma: Array) -> Array:
    """The mean of log(2 pi q) over the circle, by Dedekind's eta function on either side of its symmetry."""
    xp = namespace(sigma)
    square = xp.square(xp.clip(sigma, 0.0, _MOST))
    wide = values(square) > _TURN
    large, small = xp.where(wide, square, 0.0 * square + 9.0), xp.where(wide, 0.0 * square + 4.0, square)
    by_waves = sum(xp.log1p(-xp.exp(-n * large)) for n in range(1, 7))
    by_images = small / 24.0 - math.pi**2 / 6.0 / small + 0.5 * xp.log(_TURN / small)
    by_images = by_images + sum(xp.log1p(-xp.exp(-n * _TURN * _TURN / small)) for n in range(1, 7))
    return xp.where(wide, by_waves, by_images)


def _beside(table: Table, like: Array) -> Array:
    """Constants on a new first axis."""
    return namespace(like).reshape(table.beside(like), (-1,) + (1,) * like.ndim)


def _waves(p: Array, q: Array, apart: Array) -> Array:
    """The sum over k."""
    like = p + q + apart
    xp, k, sign = namespace(like), _beside(_K, like), _beside(_ALTERNATING, like)
    of_p, of_q = (0.5 * xp.square(xp.clip(sigma, 0.0, _MOST)) for sigma in (p, q))
    decay = xp.exp(-k * k * of_p - k * of_q)
    return xp.sum(-2.0 * sign * decay * xp.cos(k * apart) / xp.expm1(-2.0 * k * of_q), axis=0)


def _of_narrow(p: Array, q: Array, apart: Array) -> Array:
    """The divergence from a p that does not wrap: that of the normals, less what the images of q add."""
    xp, steep, one = namespace(p, q, apart), values(q) <= STEEP, namespace(q).ones_like(q)
    near, far = xp.where(steep, q, STEEP * one), xp.where(steep, 2.0 * STEEP * one, q)
    normals = 0.5 * (expm1_excess(2.0 * log_quotient(p, near)) + xp.square(apart / near))
    return xp.where(steep, normals - _images(p, near, apart), -_entropy(p) - _smooth(p, far, apart))


def _smooth(p: Array, q: Array, apart: Array) -> Array:
    """E_p log q by Hermite's rule: log q has no singularity within sigma_q^2/2 > 5 p of the line."""
    like = p + q + apart
    xp = namespace(like)
    deviation = torus.wrap(apart + p * _beside(_NORMALS, like))
    # Smooth in the signed deviation; abs would lose the second derivative at 0.
    size = xp.where(deviation < 0.0, -deviation, deviation)
    return xp.sum(_beside(_SHARES, like) * circular.log_density(size, q), axis=0) - math.log(2.0)


def _images(p: Array, q: Array, apart: Array) -> Array:
    """E log(1 + e^u) of the nearest image on either side, u its log ratio, a normal."""
    spread = _TURN * (p / q) / q + 0.0 * apart
    return sum(_softplus(_TURN * ((math.pi - sign * apart) / q) / q, spread) for sign in (1.0, -1.0))


def _softplus(t: Array, s: Array) -> Array:
    """E log(1 + e^u), u normal with mean -t and standard deviation s."""
    xp, wide, one = namespace(t, s), values(s) > 1.0, namespace(s).ones_like(s)
    u = xp.where(wide, one, s) * _beside(_NORMALS, s) - t
    above = values(u) > 0.0
    soft = xp.log1p(xp.exp(xp.where(above, -u, u))) + xp.where(above, u, xp.zeros_like(u))
    smooth = xp.sum(_beside(_SHARES, s) * soft, axis=0)
    # By max(0, u), whose mean is known, and log(1 + exp(-|u|)).
    broad, v = xp.where(wide, s, one), _beside(_PLACES, s)
    a = t / broad
    mean = broad * (xp.exp(-0.5 * a * a - _HALF_LOG_TURN) - 0.5 * a * special(xp).erfc(math.sqrt(0.5) * a))
    both = sum(xp.exp(-0.5 * xp.square((sign * v + t) / broad) - _HALF_LOG_TURN) for sign in (1.0, -1.0)) / broad
    return xp.where(wide, mean + xp.sum(_beside(_WEIGHTS, s) * xp.log1p(xp.exp(-v)) * both, axis=0), smooth)
