"""Maximum likelihood of wrapped normals on the circle, many at once.

In mu/sigma and log sigma, and with r_n = sigma^n f^(n)/f of the density f at each point, the log likelihood has by the
heat equation df/dsigma = sigma f''

    gradient (-E r_1, E r_2) and Hessian entries E r_2 - E r_1^2, E r_1 r_2 - E r_3, 2 E r_2 + E r_4 - E r_2^2.

A step is Newton's; where that goes down, the best of its parts and of the EM algorithm's over the windings (Fisher and
Lee 1994), which never does: mu - sigma E r_1 and sigma^2 (1 + E r_2 - (E r_1)^2).
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.arrays.blocks import Blocks
from hyperdist.geometry import torus
from hyperdist.radial import circular
from hyperdist.radial.base import quiet

_STEPS = 500
_NUDGE = 0.1
_LEAST = 1e-150
"""The smallest sigma whose square a double holds with all its digits."""
_PARTS = tuple(4.0**-k for k in range(1, 4))
"""Parts of a step that are tried where all of it goes down."""
_LESS = tuple(4.0**-k for k in range(4, 12))
"""Parts that are tried where none of those goes up: next to a fork of maxima the curvature says nothing of the step."""
_BLOCK = 1 << 17
"""Scalars of a block of points, so that memory does not grow with their number."""
_FLAT = 1e-12
"""Gradient in units of sigma that counts as 0 where steps have stopped to gain what rounding shows ..."""
_IDLE = 8
"""... this many times: on two nearly opposite points the likelihood is all but constant along a ridge."""
_ROUNDING = 64.0 * float(np.finfo(np.float64).eps)


def _by_images(delta: np.ndarray, sigma: np.ndarray) -> list[np.ndarray]:
    """The r_n from the images' shares in the density: Hermite polynomials of their distances, averaged."""
    z = delta / sigma
    moments = [np.zeros_like(z) for _ in range(5)]
    for k in range(-2, 3):
        turn = 2.0 * math.pi * k / sigma
        y, term = z + turn, np.exp(-turn * (z + 0.5 * turn))
        for moment in moments:
            moment += term
            term = term * y
    m1, m2, m3, m4 = (moment / moments[0] for moment in moments[1:])
    return [-m1, m2 - 1.0, 3.0 * m1 - m3, m4 - 6.0 * m2 + 3.0]


def _by_waves(delta: np.ndarray, sigma: np.ndarray) -> list[np.ndarray]:
    """The r_n from the Fourier series, differentiated."""
    waves = [np.ones_like(delta), *(np.zeros_like(delta) for _ in range(4))]
    for k in range(1, 6):
        size, cosine, sine = 2.0 * np.exp(-0.5 * np.square(k * sigma)), np.cos(k * delta), np.sin(k * delta)
        for n, wave in enumerate((cosine, -sine, -cosine, sine, cosine)):
            waves[n] += (k * sigma) ** n * size * wave
    return [wave / waves[0] for wave in waves[1:]]


def _scaled_derivatives(delta: np.ndarray, sigma: np.ndarray) -> list[np.ndarray]:
    """r_n = sigma^n f^(n)/f at |delta| <= pi for n = 1 ... 4, by the series that serves sigma."""
    large = sigma > circular.SWITCH
    if large.all():
        return _by_waves(delta, sigma)
    images = _by_images(delta, np.where(large, 1.0, sigma))
    if not large.any():
        return images
    waves = _by_waves(delta, np.where(large, sigma, 2.0))
    return [np.where(large, wave, image) for wave, image in zip(waves, images, strict=True)]


class Likelihood:
    """Mean log likelihood of offsets (n, d) under shares (n, batch)."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks

    def value(self, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """The mean log likelihood, (batch, d)."""

        def logs(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray]:
            a = np.minimum(np.abs(torus.wrap(x[:, None, :] - mu)), math.pi)
            return (np.sum(w[:, :, None] * circular.log_density(a, sigma), axis=0),)

        return self.blocks.total(logs, self._rows(mu))[0]

    def averages(self, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """Means of r_1, r_2, r_2 - r_1^2, r_1 r_2 - r_3 and 2 r_2 + r_4 - r_2^2, (5, batch, d)."""

        def means(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
            r1, r2, r3, r4 = _scaled_derivatives(torus.wrap(x[:, None, :] - mu), sigma)
            terms = (r1, r2, r2 - r1 * r1, r1 * r2 - r3, 2.0 * r2 + r4 - r2 * r2)
            return tuple(np.sum(w[:, :, None] * term, axis=0) for term in terms)

        return np.stack(self.blocks.total(means, self._rows(mu)))

    def _rows(self, mu: np.ndarray) -> int:
        return max(1, _BLOCK // mu.size)


def start(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Mean direction and sigma by moments: |E e^(i x)| = exp(-sigma^2/2)."""
    sine, cosine = blocks.total(lambda x, w: (w.T @ np.sin(x), w.T @ np.cos(x)))
    length = np.hypot(sine, cosine)
    if not (length > _ROUNDING).all():
        raise ValueError(
            "the data are as spread out as the uniform law, so that no finite sigma is best: "
            f"the mean vector of a coordinate has length {float(length.min()):.1e}"
        )
    mu = np.arctan2(sine, cosine)

    def versines(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray]:
        """1 - |E e^(i x)| without cancellation."""
        return (np.stack([w[:, b] @ (2.0 * np.square(np.sin(0.5 * (x - mu[b])))) for b in range(len(mu))]),)

    (lost,) = blocks.total(versines)
    sigma = np.sqrt(-2.0 * np.log1p(-np.minimum(lost, 1.0 - _ROUNDING)))
    if not (sigma > _LEAST).all():
        raise ValueError(f"the data must have a spread of at least {_LEAST:g}, got {float(sigma.min())!r}")
    return mu, sigma


def _heaviest(x: np.ndarray, w: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest share of an observation, and which that is."""
    most = w.max(axis=1)
    return float(most.max()), x[np.argmax(most)]


def _range(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest angles of positive share, (batch, d)."""
    there = (w > 0)[:, :, None]
    wide = np.broadcast_to(x[:, None, :], (*w.shape, x.shape[1]))
    return (
        np.min(wide, axis=0, initial=np.inf, where=there),
        np.max(wide, axis=0, initial=-np.inf, where=there),
    )


def _widest(ranges: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    low, high = zip(*ranges, strict=True)
    return np.min(low, axis=0), np.max(high, axis=0)


def _first_heaviest(found: list[tuple[float, np.ndarray]]) -> tuple[float, np.ndarray]:
    return max(found, key=lambda each: each[0])


@quiet
def wrapped_normal_maximum(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """(mu, sigma), (*batch, d), for angles (n, d) and shares (n, *batch) of sum 1 over n.

    The gradient there, in units of sigma, is below 1e-12 for up to 1e6 points.
    Raises ValueError where no finite sigma > 0 is best.
    """
    origin, offset = offsets(blocks)
    mu, sigma = _climb(Likelihood(offset), *start(offset))
    shape = (*blocks.batch, blocks.width)
    return torus.wrap(origin + mu).reshape(shape), sigma.reshape(shape)


def offsets(blocks: Blocks) -> tuple[np.ndarray, Blocks]:
    """One of the points, and the angles from it: exact where points are close, however small sigma is."""
    origin = blocks.combined(_heaviest, _first_heaviest)[1]
    offset = blocks.map(lambda x: torus.wrap(x - origin))
    low, high = offset.combined(_range, _widest)
    if (low == high).any():
        raise ValueError("the data must have a positive spread: with all points of positive weight equal, sigma = 0")
    return origin, offset


def _uphill(averages: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A step (2, batch, d) in (mu/sigma, log sigma), and whether it is the last: Newton's where that goes up.

    Where the likelihood is convex in a direction, as at the saddle between two opposite points, Newton's step goes
    down: its sign is turned, and at the saddle itself, where the gradient is 0, it has a length. The last step is one
    whose square is nothing, or one from where the gradient is rounding: two opposite points have a flat maximum.
    """
    g, h, uu, uv, vv = averages
    # The size of a term of the sums: 1, or that of the first wave where the law is nearly uniform.
    wave = 2.0 * np.square(sigma) * np.exp(-0.5 * np.square(sigma))
    rounding = _ROUNDING * np.where(sigma > circular.SWITCH, np.minimum(wave, 1.0), 1.0)
    bend, axes = np.linalg.eigh(np.stack([np.stack([uu, uv], axis=-1), np.stack([uv, vv], axis=-1)], axis=-1))
    slope = np.einsum("...ji,...j->...i", axes, np.stack([-g, h], axis=-1))
    convex = bend > rounding[..., None]
    step = slope / np.where(bend == 0.0, 1.0, np.abs(bend))
    still = np.abs(slope) <= rounding[..., None]
    step = np.where(convex, np.copysign(np.where(still, _NUDGE, step), slope), step)
    level = (np.abs(g) <= rounding) & (np.abs(h) <= rounding)
    last = ~convex.any(axis=-1) & (level | (np.abs(step) < 1e-9).all(axis=-1))
    step = np.where(level[..., None] & ~convex, 0.0, step)
    return np.moveaxis(np.einsum("...ij,...j->...i", axes, step), -1, 0), last


def _climb(likelihood: Likelihood, mu: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value, done, idle = likelihood.value(mu, sigma), np.zeros(mu.shape, bool), np.zeros(mu.shape, int)
    for _ in range(_STEPS):
        averages = likelihood.averages(mu, sigma)
        step, last = _uphill(averages, sigma)
        # No more than a radian, a sigma or a factor e, in the same direction, which is uphill.
        shift, growth = step / np.maximum(1.0, np.maximum(np.maximum(1.0, sigma) * np.abs(step[0]), np.abs(step[1])))
        best = mu + sigma * shift, sigma * np.exp(growth)
        reached = likelihood.value(*best)
        rounding = _ROUNDING * (1.0 + np.abs(value))
        taken = done | last | (reached >= value - rounding)
        if not taken.all():
            g, h = averages[:2]
            parts = [(mu + part * sigma * shift, sigma * np.exp(part * growth)) for part in (*_PARTS, *_LESS)]
            parts.insert(len(_PARTS), (mu - sigma * g, sigma * np.sqrt(1.0 + h - g * g)))
            for index, other in enumerate(parts):
                if index > len(_PARTS) and (taken | (reached - value > rounding)).all():
                    break
                by_other = likelihood.value(*other)
                better = ~taken & (by_other > reached)
                best = np.where(better, other[0], best[0]), np.where(better, other[1], best[1])
                reached = np.where(better, by_other, reached)
        gained = reached - value > rounding
        idle = np.where(gained | (np.abs(averages[:2]) > _FLAT).any(axis=0), 0, idle + 1)
        done |= idle == _IDLE
        mu, sigma = np.where(done, mu, best[0]), np.where(done, sigma, best[1])
        value, done = np.where(done, value, reached), done | last
        if done.all():
            return mu, sigma
    raise ValueError(f"the likelihood of {int(np.sum(~done))} coordinates did not reach its maximum in {_STEPS} steps")
