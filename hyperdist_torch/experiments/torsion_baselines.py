"""Densities on the torus that the experiment ``torsion`` compares flows with, and the discrepancy of two samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.spatial import KDTree

import hyperdist as hd
from hyperdist.earth.baselines import best_blend, log_blend
from hyperdist.geometry import torus
from hyperdist.testing.geometry import torus_distances

KERNEL, VARIABLE, MIXTURE = "kernel estimate", "variable kernel estimate", "mixture of wrapped normals"
LOCAL = "kernel estimate, local covariances"
SHORT = {KERNEL: "kernel", VARIABLE: "variable", LOCAL: "local", MIXTURE: "mixture"}
BANDWIDTHS = np.geomspace(0.05, 0.4, 4)
"""Of the kernel estimate, in radians, one for all angles."""
FACTORS, FLOORS = np.geomspace(0.2, 0.8, 3), (0.02, 0.05)
"""Bandwidths of the variable kernel estimate over the distance to the fifth nearest neighbour, and the least."""
NEIGHBOURS, SHARES, LEAST = (40, 80), (0.3, 0.45, 0.6, 0.9), 0.015
"""Of local covariances: those of so many neighbours about a row times the squares of these, and the least scale."""
COMPONENTS = (10, 30)
"""Of the mixture."""
_NEIGHBOUR = 5
_BLOCK = 1 << 21
_TURN = 2.0 * np.pi

Fit = Callable[[np.ndarray, np.ndarray, np.ndarray, int, bool], np.ndarray]
"""Of training, validation and test rows (n, d), a seed, and whether to be quick: the log density of the test rows."""


def _log_density(x: np.ndarray, y: np.ndarray, bandwidth: np.ndarray) -> np.ndarray:
    """At y (m, d), that of the mean of wrapped normals about x (n, d) of bandwidth (1,) or (n,); (m,) in nats."""
    law = hd.ToroidalWrappedNormal(x, bandwidth[:, None])
    rows = max(1, _BLOCK // x.size)
    found = [law.log_prob(y[at : at + rows, None]) for at in range(0, len(y), rows)]
    return np.logaddexp.reduce(np.concatenate(found), axis=1) - np.log(len(x))


def _kernel(x: np.ndarray, y: np.ndarray, test: np.ndarray, bandwidths: list[np.ndarray]) -> np.ndarray:
    return _blend(y, test, [partial(_log_density, x, bandwidth=of) for of in bandwidths])


def _blend(y: np.ndarray, test: np.ndarray, log_densities: list[Callable[[np.ndarray], np.ndarray]]) -> np.ndarray:
    """The blend of the two of ``log_densities`` that the validation rows y like best."""
    first, second, share = best_blend(np.stack([of(y) for of in log_densities]))
    return log_blend(log_densities[first](test), log_densities[second](test), share)


def _fixed(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int, quick: bool) -> np.ndarray:
    return _kernel(x, y, test, list(BANDWIDTHS[:, None])[:: 3 if quick else 1])


def _neighbours(x: np.ndarray, y: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each row of y the distances to the n nearest of x, and their numbers, (len(y), n) each."""
    x, y = (np.where((turned := np.mod(part + np.pi, _TURN)) < _TURN, turned, 0.0) for part in (x, y))
    distance, index = map(np.asarray, KDTree(x, boxsize=_TURN).query(y, n))
    return distance.reshape(len(y), n), index.reshape(len(y), n)


def near(x: np.ndarray, y: np.ndarray, radius: float) -> float:
    """The share of rows of y with a row of x within ``radius``."""
    return float(np.mean(_neighbours(x, y, 1)[0] <= radius))


def _variable(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int, quick: bool) -> np.ndarray:
    """Breiman, Meisel & Purcell 1977 (Technometrics 19): wide where rows are sparse."""
    distance = _neighbours(x, x, _NEIGHBOUR + 1)[0][:, -1]  # the nearest is the row itself
    rules = [np.maximum(factor * distance, floor) for factor in FACTORS for floor in FLOORS]
    return _kernel(x, y, test, rules[:: 4 if quick else 1])


def _local(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int, quick: bool) -> np.ndarray:
    """Vincent & Bengio 2003 (NIPS 15): long along what the rows about a row lie on."""
    rules = []
    for n in NEIGHBOURS[: 1 if quick else None]:
        about = torus.wrap(x[_neighbours(x, x, min(n, len(x) - 1) + 1)[1][:, 1:]] - x[:, None])
        square = np.einsum("nki,nkj->nij", about, about) / about.shape[1]
        rules += [of * of * square + LEAST**2 * np.eye(x.shape[1]) for of in SHARES[:: 2 if quick else 1]]
    return _blend(y, test, [partial(_log_density_of_covariances, x, covariance=of) for of in rules])


def _log_density_of_covariances(x: np.ndarray, y: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """At y (m, d), that of the mean of normals about x (n, d) of covariances (n, d, d); (m,) in nats.

    Of each the nearest image counts alone, and what lies beyond half a turn is lost: the mass is at most 1, so that no
    likelihood is flattered. All images of so many pairs, ``ToroidalWrappedNormal``'s, would take an hour.
    """
    (n, d), found = x.shape, []
    triangle = np.linalg.cholesky(np.linalg.inv(covariance))
    constant = np.log(np.diagonal(triangle, axis1=1, axis2=2)).sum(axis=1) - 0.5 * d * np.log(_TURN) - np.log(n)
    rows = max(1, _BLOCK // (len(y) * d))
    for at in range(0, n, rows):
        apart = torus.wrap(y - x[at : at + rows, None]) @ triangle[at : at + rows]
        found.append(np.logaddexp.reduce(constant[at : at + rows, None] - 0.5 * np.square(apart).sum(axis=-1)))
    return np.logaddexp.reduce(found)


def _mixture(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int, quick: bool) -> np.ndarray:
    """Wrapped normals with one scale per angle, as many as the validation rows like best."""
    given = {"starts": 1, "tol": 1e-4, "max_iter": 3 if quick else 25}
    fitted = []
    for n in (2,) if quick else COMPONENTS:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the best start has not converged", RuntimeWarning)
            fitted.append(hd.Mixture.fit(x, hd.ToroidalWrappedNormal, n, rng=[seed, n], **given))
    return max(fitted, key=lambda law: float(np.mean(law.log_prob(y)))).log_prob(test)


MODELS: dict[str, Fit] = {KERNEL: _fixed, VARIABLE: _variable, LOCAL: _local, MIXTURE: _mixture}


def mmd_squared(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy of rows x (n, d) and y (m, d) of angles.

    The kernel is exp(-distance/ell), the distance the sum over circles and ell its median between rows of y; see
    ``hyperdist.testing.mmd``.
    """
    within = torus_distances(y, y)
    ell = np.median(within[~np.eye(len(y), dtype=bool)])

    def mean(distance: np.ndarray) -> float:  # without what a row has with itself
        n = len(distance)
        return float((np.exp(-distance / ell).sum() - n) / (n * (n - 1)))

    return mean(torus_distances(x, x)) + mean(within) - 2.0 * float(np.exp(-torus_distances(x, y) / ell).mean())
