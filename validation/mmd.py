"""Maximum mean discrepancy between draws and independent reference draws, with permutation p-values.

The kernel is exp(-distance / ell). Geodesic distance is of negative type on hyperbolic space (Faraut & Harzallah
1974) and on the sphere (Gangolli 1967), and a sum of circle distances is on the torus, so the kernel is positive
definite (Schoenberg 1938); ell is the median distance between draws and reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from validation import geometry
from validation.cases import Case
from validation.uniformity import Finding

SIZE, PERMUTATIONS = 400, 999
THRESHOLD, STAGES = 0.01, 5
"""A p-value up to THRESHOLD is tried again on fresh draws, at most STAGES times in all."""


def distances(case: Case, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """All geodesic distances (on the torus: summed over coordinates) between rows of x and y."""
    if case.hyperbolic:
        return geometry.hyperbolic_distances(x, y, case.c)
    if "Toroidal" in case.family:
        return geometry.torus_distances(x, y)
    return geometry.sphere_distances(x, y)


def permutation_test(gram: np.ndarray, n: int, rng: np.random.Generator) -> tuple[float, float]:
    """MMD squared of the first n rows against the rest, and its permutation p-value, from the pooled kernel matrix."""
    total = gram.shape[0]
    signs = np.full(total, -1.0 / (total - n))
    signs[:n] = 1.0 / n
    columns = np.stack([signs] + [rng.permutation(signs) for _ in range(PERMUTATIONS)], axis=1)
    values = np.sum(columns * (gram @ columns), axis=0)
    return float(values[0]), float(np.mean(values >= values[0]))


def one_stage(case: Case, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """MMD squared and p-value of draws x against reference y, rows of one representation."""
    pooled = np.concatenate([x, y])
    distance = distances(case, pooled, pooled)
    if not np.all(np.isfinite(distance)):
        return float("inf"), 1.0 / (PERMUTATIONS + 1)
    ell = np.median(distance[: len(x), len(x) :])
    return permutation_test(np.exp(-distance / ell), len(x), rng)


def test(case: Case, draws: Callable[[int], Any], reference: Callable[[int], Any], rng: np.random.Generator) -> Finding:
    """Repeat on fresh draws while p <= THRESHOLD; THRESHOLD^(k - 1) p_k is then exactly a p-value.

    ``draws`` and ``reference`` return that many rows in the representation of ``laws.represent``.
    """
    scale, statistic, p = 1.0, 0.0, 1.0
    for stage in range(STAGES):
        statistic, p = one_stage(case, draws(SIZE), reference(SIZE), rng)
        if p > THRESHOLD or stage == STAGES - 1:
            break
        scale *= THRESHOLD
    return Finding("mmd", scale * p, statistic, SIZE)
