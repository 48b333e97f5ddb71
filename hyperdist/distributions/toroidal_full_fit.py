"""Maximum likelihood on the torus of a full covariance, and of one scale for all angles, several laws at a time.

From the estimate by moments (Jammalamadaka and SenGupta 2001, section 8.2: the correlation of the sines is
sinh(c_ij)/sqrt(sinh(c_ii) sinh(c_jj)) for a wrapped normal) a few steps of the EM algorithm over the windings, then
BFGS in L^-1 mu and in the triangle. The likelihood of a full covariance has no bound: a normal that is long enough
winds so densely that it passes any few points as closely as one likes. What is sought is the maximum uphill from the
moments.
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
_NO_MAXIMUM = (
    "the data must not lie on one line or plane of angles, as d points or fewer do: the best covariance is singular "
    "and the likelihood has no maximum; ask for covariance='isotropic', or for 'diagonal'"
)


@quiet
def wrapped_normal_maximum(blocks: Blocks, covariance: str) -> tuple[np.ndarray, np.ndarray]:
    """(mu (*batch, d), sigma (*batch, 1) or for "full" a lower triangle), of angles (n, d) and shares (n, *batch).

    Raises ValueError where no finite law is best.
    """
    batch, d = blocks.batch, blocks.width
    origin, offset = offsets(blocks)
    mu, sigma = start(offset)
    if covariance == "isotropic":
        problem = _OneScale(offset, mu, np.sqrt(np.mean(sigma * sigma, axis=-1, keepdims=True)))
        theta, scale = descent.minimise(problem, np.zeros((len(mu), d + 1)))
        return torus.wrap(origin + problem.centre(theta)).reshape(*batch, d), scale.reshape(*batch, 1)
    full = _Full(offset, mu, sigma)
    theta, tril = descent.minimise(full, np.zeros((len(mu), d + d * (d + 1) // 2)))
    centre = np.stack([full.law(one, j)[0] for j, one in enumerate(theta)])
    return torus.wrap(origin + centre).reshape(*batch, d), tril.reshape(*batch, d, d)


class _OneScale:
    """theta = ((mu - mu_0)/sigma_0, log(sigma/sigma_0)), (laws, d + 1)."""

    reach = math.inf

    def __init__(self, blocks: Blocks, mu: np.ndarray, sigma: np.ndarray) -> None:
        self.blocks, self.mu, self.sigma = blocks, mu, sigma

    def centre(self, theta: np.ndarray) -> np.ndarray:
        """mu."""
        return self.mu + self.sigma * theta[:, :-1]

    def evaluate(self, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(L, its gradient, sigma (laws, 1))."""
        base = self.sigma[which]
        mu, sigma = self.mu[which] + base * theta[:, :-1], base * np.exp(theta[:, -1:])
        likelihood = Likelihood(self.blocks.weighted(lambda shares: shares[:, which]))
        wide = np.broadcast_to(sigma, mu.shape)
        value, (first, second, *_) = likelihood.averages(mu, wide)
        gradient = np.concatenate([first * base / sigma, -np.sum(second, axis=-1, keepdims=True)], axis=-1)
        return -np.sum(value, axis=-1), gradient, sigma

    def metric(self, others: np.ndarray) -> np.ndarray:
        """Those of the normal that does not wrap."""
        d = self.mu.shape[1]
        return np.tile(np.diag([*np.ones(d), 0.5 / d]), (len(others), 1, 1))

    def check(self, theta: np.ndarray, others: np.ndarray) -> None:
        """There is a maximum, for the data are neither all equal nor uniform."""


class _Full:
    """theta = (L_0^-1 (mu - mu_0), what takes L_0 to L, row by row, of its diagonal the logarithm)."""

    reach = math.inf

    def __init__(self, blocks: Blocks, mu: np.ndarray, sigma: np.ndarray) -> None:
        self.blocks, self.mu = blocks, mu
        self.rows = np.tril_indices(blocks.width)
        self.diagonal = self.rows[0] == self.rows[1]
        self.tril = self._moments(sigma)
        for _ in range(_WARM):
            self._expect()

    def _moments(self, sigma: np.ndarray) -> np.ndarray:
        """The triangles by the correlations of the sines."""

        def seconds(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray]:
            sines = [np.sin(x - mu) for mu in self.mu]
            return (np.stack([(each * w[:, j, None]).T @ each for j, each in enumerate(sines)]),)

        found = self.blocks.total(seconds)[0]
        return np.stack([self._moment(second, scale) for second, scale in zip(found, sigma, strict=True)])

    def _moment(self, second: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        size = np.sqrt(np.diagonal(second))
        correlation = second / size[:, None] / size
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
            if not along[0] > _FLAT**2 * along[-1]:
                raise ValueError(_NO_MAXIMUM)
            upper = np.linalg.qr((tril @ axes * np.sqrt(along)).T)[1]
            self.tril[j] = (upper * np.sign(np.diagonal(upper))[:, None]).T
            self._check(self.tril[j])

    def _check(self, tril: np.ndarray) -> None:
        with np.errstate(all="ignore"):
            left = np.diagonal(tril) / np.sqrt(np.sum(tril * tril, axis=-1))
        if not (left > _FLAT).all():
            raise ValueError(_NO_MAXIMUM)

    def law(self, theta: np.ndarray, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(mu, L, L_0^-1 L) of law j at theta (p,)."""
        d = self.blocks.width
        step = np.zeros((d, d))
        step[self.rows] = np.where(self.diagonal, np.exp(np.clip(theta[d:], -20.0, 20.0)), theta[d:])
        return self.mu[j] + self.tril[j] @ theta[:d], self.tril[j] @ step, step

    def evaluate(self, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(L, its gradient, triangles (laws, d, d))."""
        laws = [self.law(one, int(j)) for one, j in zip(theta, which, strict=True)]
        mu, tril, steps = (np.stack(part) for part in zip(*laws, strict=True))
        value, score, bend = self._averages(mu, tril, which)
        gradient = np.empty(theta.shape)
        for row, step in enumerate(steps):
            back = lower.inverse(step).T
            in_step = (back @ bend[row])[self.rows] * np.where(self.diagonal, step[self.rows], 1.0)
            gradient[row] = np.concatenate([back @ score[row], -in_step])
        return -value, gradient, tril

    def metric(self, others: np.ndarray) -> np.ndarray:
        """Those of the normal that does not wrap."""
        return np.tile(np.diag([*np.ones(self.blocks.width), *np.where(self.diagonal, 0.5, 1.0)]), (len(others), 1, 1))

    def check(self, theta: np.ndarray, others: np.ndarray) -> None:
        """Raise where the covariance has become singular."""
        for tril in others:
            self._check(tril)
