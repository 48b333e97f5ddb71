"""Effective sample size of the draws, by ArviZ; the tests of independence are those of ``hyperdist.testing``."""

from __future__ import annotations

import numpy as np

from hyperdist.testing.independence import series_of
from hyperdist.testing.views import View
from validation import _arviz

CHAINS = 4
LEAST_ESS = 0.5
"""Least effective sample size over draws. Independent draws give 1, deviation 0.02 (n = 20,000) to 0.04 (n = 5,000);
of 4,500 simulated runs at n = 5,000 the lowest gave 0.69."""


def effective(x: np.ndarray, view: View | None) -> tuple[float, float]:
    """ArviZ's smallest effective sample size over draws, and largest R-hat, of four stretches of the draws."""
    n = x.shape[0] // CHAINS * CHAINS
    shaped = [series[:n].reshape(CHAINS, -1) for series in series_of(x, view)]
    return min(_arviz.ess(s) for s in shaped) / n, max(_arviz.rhat(s) for s in shaped)
