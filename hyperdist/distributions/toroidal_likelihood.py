"""Log likelihoods of wrapped normals on circles and their derivatives, averaged over observations.

A coordinate of a law is a row of arrays (rows, n), so that numbers that belong together lie side by side.
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.arrays.blocks import Blocks
from hyperdist.geometry import torus
from hyperdist.radial import circular

_SECOND = 0.9
"""Sigma to which the images two turns away have less than exp(-4 pi^2/sigma^2) = 1e-21 of the density."""
_WAVES = 5
_BLOCK = 1 << 17
"""Scalars of a block of points, so that memory does not grow with their number."""

Parts = tuple[np.ndarray, list[np.ndarray]]
"""Log density of the absolute angle, and r_1, r_2, r_2 - r_1^2, r_1 r_2 - r_3, 2 r_2 + r_4 - r_2^2 of r_n = sigma^n
f^(n)/f, or none of them."""


def _by_images(delta: np.ndarray, sigma: np.ndarray, slopes: bool) -> Parts:
    """From the images' shares in the density: the r_n are Hermite polynomials of their distances y, averaged, and what
    is made of them is Var y - 1, Cov(y, y^2) - 2 E y and Var y^2 - 2 E y^2.

    With a = |delta|/sigma and a turn t = 2 pi/sigma, the images at -t and t weigh g = exp(t (a - t/2)) and g p of what
    that at 0 does, p = exp(-2 t a), and those two turns away exp(-t^2) g^2 and exp(-t^2) g^2 p^2. Moments are taken of
    e = y - a, which is 0 but for turns: no power of a is lost again, however far a point lies from mu.
    """
    turn = 2.0 * math.pi / sigma
    a = np.abs(delta) / sigma
    before = np.exp(turn * (a - 0.5 * turn))
    after = before * np.exp(-2.0 * turn * a)
    odd, even = after - before, after + before
    total = 1.0 + even
    odds, evens = [odd, odd], [even, even]
    if (sigma > _SECOND).any():
        twice = np.exp(-turn * turn)
        before, after = twice * before * before, twice * after * after
        further = after + before
        total += further
        evens = [even + 4.0 * further, even + 16.0 * further]
        further = after - before
        odds = [odd + 2.0 * further, odd + 8.0 * further]
    log_f = np.log(total)
    log_f -= 0.5 * a * a + (np.log(sigma) - 0.5 * math.log(2.0 / math.pi))
    if not slopes:
        return log_f, []
    # E e^n; a power of a turn alone would overflow.
    rate = turn / total
    e1, e2 = rate * odds[0], rate * evens[0] * turn
    e3, e4 = rate * odds[1] * turn * turn, rate * evens[1] * turn * turn * turn
    variance, covariance = e2 - e1 * e1, e3 - e1 * e2
    bent = 2.0 * a * variance + covariance
    m1, m2 = a + e1, a * a + 2.0 * a * e1 + e2
    wide = 2.0 * a * (bent + covariance) + e4 - e2 * e2
    sign = np.sign(delta)
    return log_f, [-sign * m1, m2 - 1.0, variance - 1.0, sign * (bent - 2.0 * m1), wide - 2.0 * m2]


_TURNS = np.array([[1, 0, -1, 0, 1], [0, -1, 0, 1, 0]])
"""Of cos(k delta) and sin(k delta) in the derivatives 0 ... 4 of cos(k delta), over k^n."""


def _waves(x: np.ndarray) -> np.ndarray:
    """cos(k x) and sin(k x) of angles (n,) for k = 1 ... 5, (10, n), by their recurrence."""
    cosine, sine = [np.ones_like(x), np.cos(x)], [np.zeros_like(x), np.sin(x)]
    for _ in range(1, _WAVES):
        cosine.append(2.0 * cosine[1] * cosine[-1] - cosine[-2])
        sine.append(2.0 * cosine[1] * sine[-1] - sine[-2])
    return np.stack([*cosine[1:], *sine[1:]])


def _by_waves(x: np.ndarray, mu: np.ndarray, sigma: np.ndarray, slopes: bool) -> Parts:
    """From the Fourier series, differentiated: cos k (x - mu) by cosines and sines of k x."""
    k, orders = np.arange(1.0, _WAVES + 1.0), range(5 if slopes else 1)
    size = 2.0 * np.exp(-0.5 * np.square(sigma * k))
    scaled = np.stack([(sigma * k) ** n * size for n in orders])
    cosines, sines = _TURNS[:, : len(orders), None, None] * scaled
    along, across = np.cos(mu * k), np.sin(mu * k)
    factors = np.concatenate([cosines * along - sines * across, cosines * across + sines * along], axis=-1)
    waves = factors.reshape(-1, 2 * _WAVES) @ _waves(x)
    density, *found = waves.reshape(len(orders), len(mu), -1)
    density += 1.0
    for wave in found:
        wave /= density
    log_f = np.log(density) - math.log(math.pi)
    if not found:
        return log_f, []
    r1, r2, r3, r4 = found
    return log_f, [r1, r2, r2 - r1 * r1, r1 * r2 - r3, 2.0 * r2 + r4 - r2 * r2]


def parts(x: np.ndarray, mu: np.ndarray, sigma: np.ndarray, large: bool, slopes: bool = True) -> Parts:
    """Of angles (n,) under laws mu, sigma (rows,), all at most ``circular.SWITCH`` or all larger: (rows, n)."""
    if large:
        return _by_waves(x, mu[:, None], sigma[:, None], slopes)
    return _by_images(torus.wrap(x - mu[:, None]), sigma[:, None], slopes)


class Likelihood:
    """Mean log likelihood of offsets (n, d) under shares (n, batch)."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks

    def value(self, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """The mean log likelihood, (batch, d)."""
        return self._means(mu, sigma, slopes=False)[0]

    def averages(self, mu: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(the value, means of r_1, r_2, r_2 - r_1^2, r_1 r_2 - r_3 and 2 r_2 + r_4 - r_2^2, (5, batch, d))."""
        value, *means = self._means(mu, sigma, slopes=True)
        return value, np.stack(means)

    def _means(self, mu: np.ndarray, sigma: np.ndarray, slopes: bool) -> tuple[np.ndarray, ...]:
        large = sigma > circular.SWITCH

        def means(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
            shares, found = np.ascontiguousarray(w.T), np.empty((6 if slopes else 1, *mu.shape))
            for j, angles in enumerate(np.ascontiguousarray(x.T)):
                for wide in (False, True):
                    which = np.flatnonzero(large[:, j] == wide)
                    if which.size:
                        own = shares if which.size == len(shares) else shares[which]
                        log_f, derivatives = parts(angles, mu[which, j], sigma[which, j], wide, slopes)
                        found[:, which, j] = _sums(own, log_f, derivatives)
            return tuple(np.asarray(each) for each in found)

        return self.blocks.total(means, max(1, _BLOCK // mu.size))


def _sums(shares: np.ndarray, log_f: np.ndarray, slopes: list[np.ndarray]) -> np.ndarray:
    """What ``averages`` are, summed over points: (6 or 1, rows)."""
    return np.stack([np.einsum("bn,bn->b", shares, each) for each in (log_f, *slopes)])
