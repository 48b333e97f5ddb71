"""Maximum likelihood of wrapped normals on the circle, many at once.

In mu/sigma and log sigma, and with r_n = sigma^n f^(n)/f of the density f at each point, the log likelihood has
gradient (-E r_1, E r_2) and Hessian entries (E r_2 - E r_1^2, E r_1 r_2 - E r_3, 2 E r_2 + E r_4 - E r_2^2), by the heat
equation df/dsigma = sigma f''. A step is Newton's, or where that is worse the EM algorithm's over the windings (Fisher
and Lee 1994), which never goes down: mu - sigma E r_1 and sigma^2 (1 + E r_2 - (E r_1)^2).
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.radial import circular
from hyperdist.radial.base import quiet
from hyperdist.spaces import torus

_STEPS = 500
_NUDGE = 0.1
_BLOCK = 1 << 17
"""Scalars of a block of points, so that memory does not grow with their number."""
_EPS = float(np.finfo(np.float64).eps)


def _scaled_derivatives(delta: np.ndarray, sigma: np.ndarray) -> list[np.ndarray]:
    """r_n = sigma^n f^(n)/f at |delta| <= pi for n = 1 ... 4."""
    large = sigma > circular.SWITCH
    near, far = np.where(large, 1.0, sigma), np.where(large, sigma, 2.0)
    moments = [np.zeros(np.broadcast_shapes(delta.shape, sigma.shape)) for _ in range(5)]
    z = delta / near
    for k in range(-3, 4):
        turn = 2.0 * math.pi * k / near
        y, term = z + turn, np.exp(-turn * (z + 0.5 * turn))
        for moment in moments:
            moment += term
            term = term * y
    m1, m2, m3, m4 = (moment / moments[0] for moment in moments[1:])
    by_images = [-m1, m2 - 1.0, 3.0 * m1 - m3, m4 - 6.0 * m2 + 3.0]
    waves = [np.ones_like(z), *(np.zeros_like(z) for _ in range(4))]
    for k in range(1, 6):
        size, cosine, sine = 2.0 * np.exp(-0.5 * np.square(k * far)), np.cos(k * delta), np.sin(k * delta)
        for n, wave in enumerate((cosine, -sine, -cosine, sine, cosine)):
            waves[n] += (k * far) ** n * size * wave
    return [np.where(large, wave / waves[0], image) for wave, image in zip(waves[1:], by_images, strict=True)]


class _Likelihood:
    """Mean log likelihood of offsets x (n, 1, d) under shares (n, batch, 1)."""

    def __init__(self, x: np.ndarray, shares: np.ndarray) -> None:
        self.x, self.shares = x[:, None, :], shares[:, :, None]
        rows = max(1, _BLOCK // (shares.shape[1] * x.shape[1]))
        self.blocks = [slice(i, i + rows) for i in range(0, len(x), rows)]

    def value(self, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """The mean log likelihood, (batch, d)."""
        total = np.zeros_like(mu)
        for block in self.blocks:
            a = np.minimum(np.abs(torus.wrap(self.x[block] - mu)), math.pi)
            total += np.sum(self.shares[block] * circular.log_density(a, sigma), axis=0)
        return total

    def averages(self, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """Means of r_1, r_2, r_2 - r_1^2, r_1 r_2 - r_3 and 2 r_2 + r_4 - r_2^2, (5, batch, d)."""
        total = np.zeros((5, *mu.shape))
        for block in self.blocks:
            r1, r2, r3, r4 = _scaled_derivatives(torus.wrap(self.x[block] - mu), sigma)
            terms = (r1, r2, r2 - r1 * r1, r1 * r2 - r3, 2.0 * r2 + r4 - r2 * r2)
            total += np.stack([np.sum(self.shares[block] * term, axis=0) for term in terms])
        return total


def _start(x: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean direction and sigma by moments: |E e^(i x)| = exp(-sigma^2/2)."""
    sine, cosine = shares.T @ np.sin(x), shares.T @ np.cos(x)
    length = np.hypot(sine, cosine)
    if not (length > 8.0 * _EPS).all():
        raise ValueError(
            "the data are as spread out as the uniform law, so that no finite sigma is best: "
            f"the mean vector of a coordinate has length {float(length.min()):.1e}"
        )
    mu = np.arctan2(sine, cosine)
    # 1 - |E e^(i x)| without cancellation.
    lost = np.stack([shares[:, b] @ (2.0 * np.square(np.sin(0.5 * (x - mu[b])))) for b in range(len(mu))])
    return mu, np.sqrt(-2.0 * np.log1p(-np.minimum(lost, 1.0 - length.min())))


@quiet
def wrapped_normal_maximum(x: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mu, sigma), (*batch, d), for angles x (n, d) and shares (n, *batch) of sum 1 over n.

    The gradient there, in units of sigma, is below 1e-12 for up to 1e6 points.
    Raises ValueError where no finite sigma > 0 is best.
    """
    batch, d = shares.shape[1:], x.shape[1]
    flat = shares.reshape(len(x), -1)
    # Offsets from one of the points are exact where points are close, however small sigma is.
    origin = x[np.argmax(flat.max(axis=1))]
    offset = torus.wrap(x - origin)
    equal = np.stack([np.ptp(offset[flat[:, b] > 0], axis=0) == 0 for b in range(flat.shape[1])])
    if equal.any():
        raise ValueError("the data must have a positive spread: with all points of positive weight equal, sigma = 0")
    mu, sigma = _climb(_Likelihood(offset, flat), *_start(offset, flat))
    return torus.wrap(origin + mu).reshape(*batch, d), sigma.reshape(*batch, d)


def _uphill(g: np.ndarray, h: np.ndarray, uu: np.ndarray, uv: np.ndarray, vv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether the likelihood is concave here, and a step (2, *batch) in (mu/sigma, log sigma): Newton's where it is.

    Where the likelihood is convex in a direction, as at the saddle between two opposite points, Newton's step goes down:
    its sign is turned, and it has a least length, since at the saddle itself the gradient is 0.
    """
    hessian = np.stack([np.stack([uu, uv], axis=-1), np.stack([uv, vv], axis=-1)], axis=-1)
    bend, axes = np.linalg.eigh(hessian)
    slope = np.einsum("...ji,...j->...i", axes, np.stack([-g, h], axis=-1))
    convex = bend >= 0.0
    step = slope / np.where(bend == 0.0, 1.0, np.abs(bend))
    step = np.where(convex, np.copysign(np.maximum(np.abs(step), _NUDGE), slope), step)
    return ~convex.any(axis=-1), np.moveaxis(np.einsum("...ij,...j->...i", axes, step), -1, 0)


def _climb(likelihood: _Likelihood, mu: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    for _ in range(_STEPS):
        g, h, *curvature = likelihood.averages(mu, sigma)
        concave, step = _uphill(g, h, *curvature)
        if concave.all() and (np.abs(step) < 1e-9).all():
            # Newton's method squares what is left.
            return mu + sigma * step[0], sigma * np.exp(step[1])
        shift, growth = np.clip(step, -1.0, 1.0)
        newton = mu + sigma * shift, sigma * np.exp(growth)
        expected = mu - sigma * g, sigma * np.sqrt(1.0 + h - g * g)
        by_newton, by_em = likelihood.value(*newton), likelihood.value(*expected)
        better = by_newton >= by_em - 64.0 * _EPS * (1.0 + np.abs(by_em))
        mu, sigma = np.where(better, newton[0], expected[0]), np.where(better, newton[1], expected[1])
    last = float(np.max(np.abs(step)))
    raise ValueError(f"the likelihood did not reach its maximum in {_STEPS} steps, the last of {last:.1e} sigma")
