"""Maximum likelihood on the torus of a full covariance, and of one scale for all angles, several laws at a time.

From the estimate by moments (Jammalamadaka and SenGupta 2001, section 8.2: the correlation of the sines is
sinh(c_ij)/sqrt(sinh(c_ii) sinh(c_jj)) for a wrapped normal) a few steps of the EM algorithm over the windings, then
BFGS in L^-1 mu and in the triangle. The likelihood of a full covariance has no bound: a normal that is long enough
winds so densely that it passes any few points as closely as one likes. What is sought is the maximum uphill from the
moments. A least scale l is kept by the form of the covariance, l^2 + M M^T, which any M may have, a singular one too.
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.arrays import lower
from hyperdist.arrays.blocks import Blocks
from hyperdist.distributions import descent
from hyperdist.distributions.toroidal_fit import offsets, start
from hyperdist.distributions.toroidal_likelihood import Likelihood
from hyperdist.geometry import torus
from hyperdist.radial.base import quiet
from hyperdist.radial.torus_scores import averages

_WARM = 8
"""Steps of the EM algorithm before BFGS."""
_FLAT = 1e-7
"""Scale of an angle given the others, over its own, that counts as 0."""
_BESIDE = 0.5
"""Of the least variance, what the first covariance has at least beside it: at none of it the slope in M is 0."""
_NO_MAXIMUM = (
    "the data must not lie on one line or plane of angles, as d points or fewer do: the best covariance is singular "
    "and the likelihood has no maximum; give min_scale, the least scale along any axis, or covariance='isotropic'"
)


@quiet
def wrapped_normal_maximum(blocks: Blocks, covariance: str, least: float) -> tuple[np.ndarray, np.ndarray]:
    """(mu (*batch, d), sigma (*batch, 1) or for "full" a lower triangle), of angles (n, d) and shares (n, *batch).

    least : the least scale along any axis, or 0.
    Raises ValueError where no finite law is best.
    """
    batch, d = blocks.batch, blocks.width
    pooled = covariance == "isotropic"
    origin, offset = offsets(blocks, least, pooled)
    mu, sigma = start(offset, least, pooled)
    if pooled:
        problem = _OneScale(offset, mu, sigma, least)
        theta, scale = descent.minimise(problem, np.zeros((len(mu), d + 1)))
        return torus.wrap(origin + problem.centre(theta)).reshape(*batch, d), scale.reshape(*batch, 1)
    full = _Full(offset, mu, sigma, least)
    theta, tril = descent.minimise(full, np.zeros((len(mu), d + d * (d + 1) // 2)))
    centre = np.stack([full.law(one, j)[0] for j, one in enumerate(theta)])
    return torus.wrap(origin + centre).reshape(*batch, d), tril.reshape(*batch, d, d)


class _OneScale:
    """theta = ((mu - mu_0)/sigma_0, log(sigma/sigma_0)), (laws, d + 1); with a least sigma the last is m/m_0 - 1.

    There sigma^2 = least^2 + m^2.
    """

    reach = math.inf

    def __init__(self, blocks: Blocks, mu: np.ndarray, sigma: np.ndarray, least: float) -> None:
        self.blocks, self.mu, self.least = blocks, mu, least
        self.beside = np.sqrt(np.maximum(np.square(sigma) - least**2, _BESIDE * least**2))
        self.sigma = np.hypot(self.beside, least)

    def centre(self, theta: np.ndarray) -> np.ndarray:
        """mu."""
        return self.mu + self.sigma * theta[:, :-1]

    def evaluate(self, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(L, its gradient, sigma (laws, 1))."""
        base, last = self.sigma[which], theta[:, -1:]
        grown = np.exp(last) if self.least == 0.0 else 1.0 + last
        mu, sigma = self.mu[which] + base * theta[:, :-1], np.hypot(self.beside[which] * grown, self.least)
        likelihood = Likelihood(self.blocks.weighted(lambda shares: shares[:, which]))
        wide = np.broadcast_to(sigma, mu.shape)
        value, (first, second, *_) = likelihood.averages(mu, wide)
        growth = 1.0 if self.least == 0.0 else np.square(self.beside[which] / sigma) * grown
        gradient = np.concatenate([first * base / sigma, -np.sum(second, axis=-1, keepdims=True) * growth], axis=-1)
        return -np.sum(value, axis=-1), gradient, sigma

    def metric(self, others: np.ndarray) -> np.ndarray:
        """Those of the normal that does not wrap."""
        d = self.mu.shape[1]
        return np.tile(np.diag([*np.ones(d), 0.5 / d]), (len(others), 1, 1))

    def check(self, theta: np.ndarray, others: np.ndarray) -> None:
        """There is a maximum, for the data are neither all equal nor uniform."""


class _Full:
    """theta = (M_0^-1 (mu - mu_0), what takes M_0 to M, row by row), of covariances l^2 + M M^T with the least scale l.

    Of the diagonal the logarithm where there is no least scale, and M is L; what it is above 1 otherwise.
    """

    reach = math.inf

    def __init__(self, blocks: Blocks, mu: np.ndarray, sigma: np.ndarray, least: float) -> None:
        self.blocks, self.mu, self.least = blocks, mu, least
        self.rows = np.tril_indices(blocks.width)
        self.diagonal = self.rows[0] == self.rows[1]
        self.tril = self._moments(sigma)
        for _ in range(_WARM):
            self._expect()
        self.base = self.tril if least == 0.0 else np.stack([self._beside(tril) for tril in self.tril])

    def _moments(self, sigma: np.ndarray) -> np.ndarray:
        """The triangles by the correlations of the sines."""

        def seconds(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray]:
            sines = [np.sin(x - mu) for mu in self.mu]
            return (np.stack([(each * w[:, j, None]).T @ each for j, each in enumerate(sines)]),)

        found = self.blocks.total(seconds)[0]
        return np.stack([self._moment(second, scale) for second, scale in zip(found, sigma, strict=True)])

    def _moment(self, second: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        size = np.sqrt(np.diagonal(second))
        size = np.where(size > 0.0, size, 1.0)
        correlation = second / size[:, None] / size
        np.fill_diagonal(correlation, 1.0)
        root = np.sqrt(np.sinh(np.minimum(sigma * sigma, 300.0)))
        given = np.arcsinh(correlation * root[:, None] * root)
        scale = np.sqrt(np.diagonal(given))
        return self._factor(given / scale[:, None] / scale, 1e-3) * sigma[:, None]

    def _factor(self, correlation: np.ndarray, least: float) -> np.ndarray:
        """The triangle of what should be a correlation, its eigenvalues raised to at least this."""
        along, axes = np.linalg.eigh(correlation)
        return np.linalg.cholesky((axes * np.maximum(along, least)) @ axes.T)

    def _averages(self, mu: np.ndarray, tril: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, ...]:
        """Mean log likelihoods (laws,), scores (laws, d) and Hessians (laws, d, d) of laws and their shares."""

        def sums(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
            found = [averages(torus.wrap(x - mu[row]), w[:, j], tril[row]) for row, j in enumerate(which)]
            return tuple(np.stack(part) for part in zip(*found, strict=True))

        return self.blocks.total(sums)

    def _expect(self) -> None:
        """A step of the EM algorithm."""
        _, score, bend = self._averages(self.mu, self.tril, np.arange(len(self.mu)))
        for j, tril in enumerate(self.tril):
            self.mu[j] = self.mu[j] - tril @ score[j]
            along, axes = np.linalg.eigh(np.eye(len(tril)) + bend[j] - np.outer(score[j], score[j]))
            if self.least == 0.0 and not along[0] > _FLAT**2 * along[-1]:
                raise ValueError(_NO_MAXIMUM)
            self.tril[j] = self._bounded(_triangle(tril @ axes * np.sqrt(np.maximum(along, 0.0))))
            self._check(self.tril[j])

    def _bounded(self, tril: np.ndarray) -> np.ndarray:
        """The triangle with no scale below the least: what the best covariance is of all that have none."""
        if self.least == 0.0:
            return tril
        axes, along, _ = np.linalg.svd(tril)
        return _triangle(axes * np.maximum(along, self.least))

    def _beside(self, tril: np.ndarray) -> np.ndarray:
        """M of L."""
        axes, along, _ = np.linalg.svd(tril)
        square = (along - self.least) * (along + self.least)
        return _triangle(axes * np.sqrt(np.maximum(square, _BESIDE * self.least**2)))

    def _check(self, tril: np.ndarray) -> None:
        if self.least > 0.0:
            return
        with np.errstate(all="ignore"):
            left = np.diagonal(tril) / np.sqrt(np.sum(tril * tril, axis=-1))
        if not (left > _FLAT).all():
            raise ValueError(_NO_MAXIMUM)

    def law(self, theta: np.ndarray, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(mu, L, M_0^-1 M) of law j at theta (p,)."""
        d = self.blocks.width
        step = np.zeros((d, d))
        grown = np.exp(np.clip(theta[d:], -20.0, 20.0)) if self.least == 0.0 else 1.0 + theta[d:]
        step[self.rows] = np.where(self.diagonal, grown, theta[d:])
        beside = self.base[j] @ step
        tril = beside if self.least == 0.0 else _triangle(np.hstack([beside, self.least * np.eye(d)]))
        return self.mu[j] + self.base[j] @ theta[:d], tril, step

    def evaluate(self, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(L, its gradient, triangles (laws, d, d))."""
        laws = [self.law(one, int(j)) for one, j in zip(theta, which, strict=True)]
        mu, tril, steps = (np.stack(part) for part in zip(*laws, strict=True))
        value, score, bend = self._averages(mu, tril, which)
        gradient = np.empty(theta.shape)
        for row, (step, j) in enumerate(zip(steps, which, strict=True)):
            # d L is L times that of M in L's frame.
            back = (lower.inverse(tril[row]) @ self.base[j]).T
            in_step = (back @ bend[row] @ back.T @ step)[self.rows]
            if self.least == 0.0:
                in_step = in_step * np.where(self.diagonal, step[self.rows], 1.0)
            gradient[row] = np.concatenate([back @ score[row], -in_step])
        return -value, gradient, tril

    def metric(self, others: np.ndarray) -> np.ndarray:
        """Those of the normal that does not wrap."""
        return np.tile(np.diag([*np.ones(self.blocks.width), *np.where(self.diagonal, 0.5, 1.0)]), (len(others), 1, 1))

    def check(self, theta: np.ndarray, others: np.ndarray) -> None:
        """Raise where the covariance has become singular."""
        for tril in others:
            self._check(tril)


def _triangle(root: np.ndarray) -> np.ndarray:
    """The lower triangle L, of positive diagonal, with L L^T = A A^T for A (d, k)."""
    upper = np.linalg.qr(root.T)[1]
    return (upper * np.where(np.diagonal(upper) < 0.0, -1.0, 1.0)[:, None]).T
