"""Whether observations look like draws of a law, by two-sample tests against draws of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hyperdist import checks

DRAWS = 20_000
"""Draws of the law that observations are compared with."""
COLUMNS = 8
"""Coordinates that are compared, where there are more: so many spread over them."""


class GoodnessOfFit(NamedTuple):
    """A test of a law on observations.

    statistic  : the largest two-sample Kolmogorov-Smirnov distance of log density and coordinates
    pvalue     : its p-value, by Bonferroni over them
    components : of a mixture the same for each component; empty for other laws
    """

    statistic: float
    pvalue: float
    components: tuple[GoodnessOfFit, ...] = ()


def compare(law: Any, x: np.ndarray, model: str | None, rng: np.random.Generator) -> GoodnessOfFit:
    """Observations x (n, k) against draws of a law without batch; statistic NaN and pvalue 1 where there are none.

    Raises ValueError for observations that are not finite, of which no order statistic is known.
    """
    checks.finite(x, "x")
    if not len(x):
        return GoodnessOfFit(float("nan"), 1.0)
    from scipy import stats  # half a second, which is for who asks for a test

    y = law.sample(DRAWS, rng, model=model)
    chosen = np.unique(np.linspace(0, x.shape[1] - 1, COLUMNS).round().astype(int))
    ours = [law.log_prob(x, model=model), *x[:, chosen].T]
    theirs = [law.log_prob(y, model=model), *y[:, chosen].T]
    found: list[Any] = [stats.ks_2samp(a, b) for a, b in zip(ours, theirs, strict=True)]
    best = min(found, key=lambda test: test.pvalue)
    return GoodnessOfFit(float(best.statistic), min(1.0, len(found) * float(best.pvalue)))
