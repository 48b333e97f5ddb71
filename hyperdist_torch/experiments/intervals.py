"""95 % intervals of means."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


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
    half = float(stats.norm.ppf(0.975)) * standard_error
    return mean - half, mean + half
