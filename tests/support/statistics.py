"""Statistical tests of the suite: one false-alarm rate, stated, and p-values that mean what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special, stats

ALPHA = 1e-6
"""False-alarm rate of every statistical test: one failure in a million runs where nothing is wrong."""


def ks_uniform(u: Any) -> float:
    """p-value of the hypothesis that the numbers u (flattened) are independent and uniform on [0, 1].

    Kolmogorov-Smirnov, exact or asymptotic as scipy.stats.kstest chooses; values outside [0, 1] give 0.
    Power at n = 20,000 and ALPHA: a shift of the cdf by 0.03 anywhere is found with probability above 0.99.
    """
    values = np.asarray(u, dtype=float).reshape(-1)
    if not np.all((values >= 0) & (values <= 1)):
        return 0.0
    return float(stats.kstest(values, "uniform").pvalue)


def ks_cdf(x: Any, cdf: Callable[[np.ndarray], np.ndarray]) -> float:
    """p-value of the hypothesis that x (flattened) are independent draws of the law with this cdf."""
    return ks_uniform(cdf(np.asarray(x, dtype=float).reshape(-1)))


def uniform_directions(u: Any) -> float:
    """p-value of the hypothesis that u, of shape (n, d), are independent uniform unit vectors.

    Chi-square on the sum of squares of the mean vector and of the second-moment matrix's departure from I/d (Rayleigh's
    and Bingham's tests; Mardia & Jupp 2000, sections 10.4.1 and 10.7.1): degrees of freedom d and (d - 1)(d + 2)/2,
    by Bonferroni. At d = 1 only the mean is tested. Needs n well above d^2 for its asymptotic law.
    """
    values = np.asarray(u, dtype=float)
    n, d = values.shape
    if not np.allclose(np.sum(values**2, axis=1), 1.0):
        return 0.0
    rayleigh = d * n * np.sum(np.mean(values, axis=0) ** 2)
    p = [special.chdtrc(d, rayleigh)]
    if d > 1:
        scatter = values.T @ values / n
        bingham = 0.5 * d * (d + 2) * n * (np.sum(scatter**2) - 1 / d)
        p.append(special.chdtrc((d - 1) * (d + 2) / 2, bingham))
    return float(min(1.0, len(p) * min(p)))


def chi_square(counts: Any, probabilities: Any) -> float:
    """p-value of Pearson's test that counts are multinomial with these probabilities; expected counts >= 5."""
    observed = np.asarray(counts, dtype=float)
    expected = observed.sum() * np.asarray(probabilities, dtype=float)
    if np.min(expected) < 5:
        raise ValueError(f"expected counts must be >= 5 for Pearson's test, got {np.min(expected):.2g}")
    return float(special.chdtrc(observed.size - 1, np.sum((observed - expected) ** 2 / expected)))


def independent(x: Any, y: Any) -> float:
    """p-value of the hypothesis that paired draws x, y (n,) are independent: Spearman's rank correlation."""
    rho = stats.spearmanr(np.asarray(x, dtype=float), np.asarray(y, dtype=float)).statistic
    return float(special.erfc(abs(rho) * np.sqrt((np.size(x) - 1) / 2)))


def mean_is(x: Any, expected: Any) -> float:
    """p-value of the hypothesis that draws x (n, ...) have this mean: z-tests with their own variance, Bonferroni."""
    values = np.asarray(x, dtype=float)
    error = np.std(values, axis=0, ddof=1) / np.sqrt(values.shape[0])
    z = np.abs(np.mean(values, axis=0) - np.asarray(expected, dtype=float)) / error
    return float(min(1.0, np.size(z) * np.min(special.erfc(z / np.sqrt(2)))))
