"""Densities on the torus that the experiment ``torsion`` compares flows with, and the discrepancy of two samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.spatial import KDTree

import hyperdist as hd
from hyperdist.earth.baselines import best_blend, log_blend
from hyperdist.testing.geometry import torus_distances

KERNEL, VARIABLE, MIXTURE = "kernel estimate", "variable kernel estimate", "mixture of wrapped normals"
SHORT = {KERNEL: "kernel", VARIABLE: "variable", MIXTURE: "mixture"}
BANDWIDTHS = np.geomspace(0.05, 0.8, 7)
"""Of the kernel estimate, in radians, one for all angles."""
FACTORS, FLOORS = np.geomspace(0.2, 0.8, 5), (0.02, 0.05)
"""Bandwidths of the variable kernel estimate over the distance to the fifth nearest neighbour, and the least."""
COMPONENTS = (10, 30, 60)
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
    """The blend of the two of ``bandwidths`` that the validation rows y like best."""
    first, second, share = best_blend(np.stack([_log_density(x, y, of) for of in bandwidths]))
    return log_blend(_log_density(x, test, bandwidths[first]), _log_density(x, test, bandwidths[second]), share)


def _fixed(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int, quick: bool) -> np.ndarray:
    return _kernel(x, y, test, list(BANDWIDTHS[:, None])[:: 3 if quick else 1])


def _variable(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int, quick: bool) -> np.ndarray:
    """Breiman, Meisel & Purcell 1977 (Technometrics 19): wide where rows are sparse."""
    shifted = np.mod(x + np.pi, _TURN)
    tree = KDTree(np.where(shifted < _TURN, shifted, 0.0), boxsize=_TURN)
    distance = tree.query(tree.data, _NEIGHBOUR + 1)[0][:, -1]
    rules = [np.maximum(factor * distance, floor) for factor in FACTORS for floor in FLOORS]
    return _kernel(x, y, test, rules[:: 4 if quick else 1])


def _mixture(x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int, quick: bool) -> np.ndarray:
    """Wrapped normals with one scale per angle, as many as the validation rows like best."""
    given = {"starts": 2, "tol": 1e-4, "max_iter": 3 if quick else 60}
    fitted = []
    for n in (2,) if quick else COMPONENTS:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the best start has not converged", RuntimeWarning)
            fitted.append(hd.Mixture.fit(x, hd.ToroidalWrappedNormal, n, rng=[seed, n], **given))
    return max(fitted, key=lambda law: float(np.mean(law.log_prob(y)))).log_prob(test)


MODELS: dict[str, Fit] = {KERNEL: _fixed, VARIABLE: _variable, MIXTURE: _mixture}


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
