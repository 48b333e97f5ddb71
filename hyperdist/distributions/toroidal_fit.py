"""Maximum likelihood of wrapped normals on the circle, many at once.

In mu/sigma and log sigma, and with r_n = sigma^n f^(n)/f of the density f at each point, the log likelihood has by the
heat equation df/dsigma = sigma f''

    gradient (-E r_1, E r_2) and Hessian entries E r_2 - E r_1^2, E r_1 r_2 - E r_3, 2 E r_2 + E r_4 - E r_2^2.

A step is Newton's; where that goes down, the best of its parts and of the EM algorithm's over the windings (Fisher and
Lee 1994), which never does: mu - sigma E r_1 and sigma^2 (1 + E r_2 - (E r_1)^2). Where sigma has a least value, a step
below it ends there, and one from it moves mu alone as long as less would be better.
"""

from __future__ import annotations

import numpy as np

from hyperdist.arrays.blocks import Blocks
from hyperdist.distributions.toroidal_likelihood import Likelihood
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
_FLAT = 1e-12
"""Gradient in units of sigma that counts as 0 where steps have stopped to gain what rounding shows ..."""
_IDLE = 8
"""... this many times: on two nearly opposite points the likelihood is all but constant along a ridge."""
_ROUNDING = 64.0 * float(np.finfo(np.float64).eps)


def start(blocks: Blocks, least: float, pooled: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Mean direction and sigma by moments, |E e^(i x)| = exp(-sigma^2/2), no sigma below the least.

    pooled : one sigma (batch, 1) for all coordinates.
    """
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
    square = -2.0 * np.log1p(-np.minimum(lost, 1.0 - _ROUNDING))
    sigma = np.maximum(np.sqrt(np.mean(square, axis=-1, keepdims=True) if pooled else square), least)
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
def wrapped_normal_maximum(blocks: Blocks, least: float) -> tuple[np.ndarray, np.ndarray]:
    """(mu, sigma), (*batch, d), for angles (n, d) and shares (n, *batch) of sum 1 over n; no sigma below the least.

    The gradient there, in units of sigma, is below 1e-12 for up to 1e6 points.
    Raises ValueError where no finite sigma > 0 is best.
    """
    origin, offset = offsets(blocks, least)
    mu, sigma = _climb(Likelihood(offset), *start(offset, least), least)
    shape = (*blocks.batch, blocks.width)
    return torus.wrap(origin + mu).reshape(shape), sigma.reshape(shape)


def offsets(blocks: Blocks, least: float, pooled: bool = False) -> tuple[np.ndarray, Blocks]:
    """One of the points, and the angles from it: exact where points are close, however small sigma is.

    Raises ValueError where no sigma is least and a coordinate of the points, or with a pooled sigma all, are equal.
    """
    origin = blocks.combined(_heaviest, _first_heaviest)[1]
    offset = blocks.map(lambda x: torus.wrap(x - origin))
    low, high = offset.combined(_range, _widest)
    equal = np.all(low == high, axis=-1) if pooled else low == high
    if least == 0.0 and equal.any():
        raise ValueError(
            f"the data must have a positive spread{'' if pooled else ' in each coordinate'}: where all points of "
            "positive weight are equal, sigma = 0; give min_scale, the least sigma"
        )
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


def _held(averages: np.ndarray, sigma: np.ndarray, least: float) -> np.ndarray:
    """Averages by which sigma stays at the least where less would be better: no slope in it, and none that mu makes."""
    g, h, uu, *_ = averages
    nothing = np.zeros_like(g)
    return np.where((sigma <= least) & (h <= 0.0), np.stack([g, nothing, uu, nothing, nothing - 1.0]), averages)


def _climb(likelihood: Likelihood, mu: np.ndarray, sigma: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    done, idle = np.zeros(mu.shape, bool), np.zeros(mu.shape, int)
    value, averages = likelihood.averages(mu, sigma)
    averages = _held(averages, sigma, least)
    for _ in range(_STEPS):
        step, last = _uphill(averages, sigma)
        # No more than a radian, a sigma or a factor e, in the same direction, which is uphill.
        shift, growth = step / np.maximum(1.0, np.maximum(np.maximum(1.0, sigma) * np.abs(step[0]), np.abs(step[1])))
        best = mu + sigma * shift, np.maximum(sigma * np.exp(growth), least)
        if (done | last).all():
            return np.where(done, mu, best[0]), np.where(done, sigma, best[1])
        reached, onward = likelihood.averages(*best)
        rounding = _ROUNDING * (1.0 + np.abs(value))
        taken = done | last | (reached >= value - rounding)
        if not taken.all():
            g, h = averages[:2]
            parts = [(mu + part * sigma * shift, sigma * np.exp(part * growth)) for part in (*_PARTS, *_LESS)]
            parts.insert(len(_PARTS), (mu - sigma * g, sigma * np.sqrt(1.0 + h - g * g)))
            for index, (centre, scale) in enumerate(parts):
                if index > len(_PARTS) and (taken | (reached - value > rounding)).all():
                    break
                other = centre, np.maximum(scale, least)
                by_other = likelihood.value(*other)
                better = ~taken & (by_other > reached)
                best = np.where(better, other[0], best[0]), np.where(better, other[1], best[1])
                reached = np.where(better, by_other, reached)
        gained = reached - value > rounding
        idle = np.where(gained | (np.abs(averages[:2]) > _FLAT).any(axis=0), 0, idle + 1)
        done |= idle == _IDLE
        mu, sigma = np.where(done, mu, best[0]), np.where(done, sigma, best[1])
        value, done = np.where(done, value, reached), done | last
        averages = _held(onward if taken.all() else likelihood.averages(mu, sigma)[1], sigma, least)
    raise ValueError(f"the likelihood of {int(np.sum(~done))} coordinates did not reach its maximum in {_STEPS} steps")
