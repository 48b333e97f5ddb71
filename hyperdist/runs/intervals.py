"""95 % intervals of means, proportions and medians."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

Z = 1.959963984540054
"""The normal law's quantile at .975."""


def over_seeds(values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Mean of at least two independent runs, and Student's t interval.

    >>> mean, (low, high) = over_seeds([1.0, 2.0, 3.0])
    >>> round(mean, 3), round(low, 3), round(high, 3)
    (2.0, -0.484, 4.484)
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size < 2:
        raise ValueError(f"values must be at least 2, got {x.size}")
    half = float(stats.t.ppf(0.975, x.size - 1)) * float(x.std(ddof=1)) / math.sqrt(x.size)
    return float(x.mean()), (float(x.mean()) - half, float(x.mean()) + half)


def over_rows(mean: float, standard_error: float) -> tuple[float, float]:
    """The normal interval of a mean over many rows, from its standard error."""
    return mean - Z * standard_error, mean + Z * standard_error


def wilson(count: int, n: int) -> tuple[float, float]:
    """Wilson's (1927) score interval of a proportion."""
    share, spread = count / n, Z * Z / n
    centre = (share + 0.5 * spread) / (1.0 + spread)
    half = Z * math.sqrt(share * (1.0 - share) / n + 0.25 * spread / n) / (1.0 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def median(values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Median, and its distribution-free interval from order statistics (at least 95 %)."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    # The interval [x_(k), x_(n+1-k)] misses the median with chance 2 P(Binomial(n, 1/2) < k).
    k = max(1, int(stats.binom.ppf(0.025, ordered.size, 0.5)))
    return float(np.median(ordered)), (float(ordered[k - 1]), float(ordered[ordered.size - k]))
