"""Kolmogorov-Smirnov tests of the radius and of projections of the direction."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from hyperdist.testing.finding import Finding, bonferroni
from hyperdist.testing.views import View

AXES = 4
"""Axes the direction is projected on: the first, the last and random ones."""


def ks(u: np.ndarray) -> tuple[float, float]:
    """Two-sided KS distance to the uniform law and its exact p-value; 1 and 0 where a value is not a number."""
    u = np.sort(np.ravel(u))
    n = u.size
    if not np.all(np.isfinite(u)):
        return 1.0, 0.0
    rank = np.arange(n)
    distance = float(max(np.max((rank + 1) / n - u), np.max(u - rank / n)))
    return distance, float(stats.kstwo.sf(distance, n))


def radius(view: View) -> list[Finding]:
    """KS of the radius's probability transform; one test a batch element, smallest p-value times their number."""
    if view.pit is None:
        return []
    columns = view.pit.reshape(view.pit.shape[0], -1)
    statistic, p = bonferroni([ks(columns[:, j]) for j in range(columns.shape[1])])
    return [Finding("radius", p, statistic, view.pit.shape[0])]


def axes(m: int) -> np.ndarray:
    """(k, m) unit vectors: the first and last axes, then random ones that every run shares."""
    if m == 1:
        return np.ones((1, 1))
    random = np.random.default_rng(m).standard_normal((AXES - 2, m))
    return np.concatenate([np.eye(m)[[0, -1]], random / np.linalg.norm(random, axis=1, keepdims=True)])


def projections(view: View) -> list[Finding]:
    """KS of the direction along a few axes; (1 + t)/2 of a uniform direction is Beta((m - 1)/2, (m - 1)/2)."""
    if view.cube is not None:
        columns = view.cube.reshape(-1, view.cube.shape[-1])
        chosen = sorted({0, columns.shape[1] // 2, columns.shape[1] - 1})
        statistic, p = bonferroni([ks(columns[:, j]) for j in chosen])
        return [Finding("projections", p, statistic, columns.shape[0])]
    if view.directions is None:
        return []
    m = view.directions.shape[-1]
    unit = view.directions.reshape(-1, m)
    if m == 1:
        ups = int(np.sum(unit > 0))
        test = stats.binomtest(ups, unit.shape[0])
        return [Finding("projections", float(test.pvalue), ups / unit.shape[0], unit.shape[0])]
    half = 0.5 * (m - 1)
    along = np.clip(unit @ axes(m).T, -1.0, 1.0)
    u = special.betainc(half, half, 0.5 * (1.0 + along))
    statistic, p = bonferroni([ks(u[:, j]) for j in range(u.shape[1])])
    return [Finding("projections", p, statistic, unit.shape[0])]
