"""Holm's correction (1979): which of many tests fail, at a stated family-wise rate of false alarms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ALPHA = 1e-6
"""Family-wise: the chance that a run on right laws reports any failure is at most this."""


def adjust(p: Sequence[float]) -> np.ndarray:
    """Holm-adjusted p-values, in the order given; NaN counts as 0, a failure."""
    values = np.nan_to_num(np.asarray(p, dtype=np.float64), nan=0.0)
    order = np.argsort(values, kind="stable")
    scaled = np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(scaled, 1.0)
    return adjusted
