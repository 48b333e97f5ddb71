"""Two samples: Kolmogorov-Smirnov of coordinates, and maximum mean discrepancy with permutation p-values.

The kernel is exp(-distance / ell). Geodesic distance is of negative type on hyperbolic space (Faraut & Harzallah
1974) and on the sphere (Gangolli 1967), and a sum of circle distances is on the torus, so the kernel is positive
definite (Schoenberg 1938); ell is the median distance between draws and reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from hyperdist.testing.finding import Finding, bonferroni

SIZE, PERMUTATIONS = 400, 999
THRESHOLD, STAGES = 0.01, 5
"""A p-value up to THRESHOLD is tried again on fresh draws, by default at most STAGES times in all."""

Distances = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""All distances between the rows of two arrays."""


def two_sample(x: np.ndarray, y: np.ndarray) -> Finding:
    """Two-sample KS of each column of x (n, k) and y (m, k), smallest p-value times their number."""
    found: list[Any] = [stats.ks_2samp(x[:, j], y[:, j]) for j in range(x.shape[1])]
    statistic, p = bonferroni([(float(f.statistic), float(f.pvalue)) for f in found])
    return Finding("two-sample", p, statistic, x.shape[0])


def permutation_test(gram: np.ndarray, n: int, rng: np.random.Generator) -> tuple[float, float]:
    """MMD squared of the first n rows against the rest, and its permutation p-value, from the pooled kernel matrix."""
    total = gram.shape[0]
    signs = np.full(total, -1.0 / (total - n))
    signs[:n] = 1.0 / n
    columns = np.stack([signs] + [rng.permutation(signs) for _ in range(PERMUTATIONS)], axis=1)
    values = np.sum(columns * (gram @ columns), axis=0)
    return float(values[0]), float(np.mean(values >= values[0]))


def one_stage(distances: Distances, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """MMD squared and p-value of draws x against reference y, rows of one representation."""
    pooled = np.concatenate([x, y])
    distance = distances(pooled, pooled)
    if not np.all(np.isfinite(distance)):
        return float("inf"), 1.0 / (PERMUTATIONS + 1)
    ell = np.median(distance[: len(x), len(x) :])
    # Draws that rounding has made equal are alike, and no others.
    gram = np.exp(-distance / ell) if ell > 0.0 else (distance == 0.0).astype(np.float64)
    return permutation_test(gram, len(x), rng)


def test(
    distances: Distances,
    draws: Callable[[int], Any],
    reference: Callable[[int], Any],
    rng: np.random.Generator,
    stages: int,
) -> Finding:
    """Up to ``stages`` times on fresh draws while p <= THRESHOLD; THRESHOLD^(k - 1) p_k is then exactly a p-value.

    ``draws`` and ``reference`` return that many rows, of which ``distances`` are taken.
    """
    scale, statistic, p = 1.0, 0.0, 1.0
    for stage in range(stages):
        statistic, p = one_stage(distances, draws(SIZE), reference(SIZE), rng)
        if p > THRESHOLD or stage == stages - 1:
            break
        scale *= THRESHOLD
    return Finding("mmd", scale * p, statistic, SIZE)
