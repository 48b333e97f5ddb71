"""Chi-square tests of directions, crossed with the radius."""

from __future__ import annotations

import numpy as np
from scipy import stats

from hyperdist.testing.finding import Finding, bonferroni
from hyperdist.testing.views import View

SECTORS, LAYERS = 32, 4


def chi_square(*coordinates: tuple[np.ndarray, int]) -> tuple[float, float]:
    """Pearson's statistic and p-value of the joint cells of uniforms on [0, 1], each cut into a number of bins."""
    cell, cells = np.zeros(coordinates[0][0].size, dtype=np.int64), 1
    for u, bins in coordinates:
        if not np.all(np.isfinite(u)):
            return float("inf"), 0.0
        cell = cell * bins + np.clip((np.ravel(u) * bins).astype(np.int64), 0, bins - 1)
        cells *= bins
    count = np.bincount(cell, minlength=cells)
    expected = cell.size / cells
    statistic = float(np.sum((count - expected) ** 2) / expected)
    return statistic, float(stats.chi2.sf(statistic, cells - 1))


def _planes(m: int) -> np.ndarray:
    """(k, 2, m) orthonormal pairs: the first two axes, the last two, and a random plane that every run shares."""
    random = np.linalg.qr(np.random.default_rng(m).standard_normal((m, 2)))[0].T
    return np.stack([np.eye(m)[:2], np.eye(m)[-2:], random])


def sectors(view: View) -> list[Finding]:
    """The angle in a plane is uniform and independent of the radius: 32 sectors by 4 shells, three planes."""
    if view.cube is not None:
        return _cells(view.cube.reshape(-1, view.cube.shape[-1]))
    if view.directions is None or view.pit is None:
        return []
    m = view.directions.shape[-1]
    unit, pit = view.directions.reshape(-1, m), np.ravel(view.pit)
    if m == 1:
        statistic, p = chi_square((0.75 * (unit[:, 0] > 0), 2), (pit, 2 * LAYERS))
        return [Finding("directions", p, statistic, pit.size)]
    found = []
    for first, second in _planes(m):
        turn = np.arctan2(unit @ second, unit @ first) / (2.0 * np.pi) + 0.5
        found.append(chi_square((turn, SECTORS), (pit, LAYERS)))
    statistic, p = bonferroni(found)
    return [Finding("directions", p, statistic, pit.size)]


def _cells(cube: np.ndarray) -> list[Finding]:
    """Pairs of torus coordinates in 8 by 8 cells."""
    d = cube.shape[1]
    if d == 1:
        statistic, p = chi_square((cube[:, 0], 64))
    else:
        pairs = sorted({(0, 1), (0, d - 1), (d - 2, d - 1)})
        statistic, p = bonferroni([chi_square((cube[:, i], 8), (cube[:, j], 8)) for i, j in pairs])
    return [Finding("directions", p, statistic, cube.shape[0])]
