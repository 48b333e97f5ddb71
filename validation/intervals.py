"""95 % intervals for proportions and medians."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

Z = 1.959963984540054


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
