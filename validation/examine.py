"""All tests of one case; also what the planted faults are put through."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy import stats

from validation import directions, independence, laws, mmd, reference, uniformity
from validation.cases import Case, seed_of
from validation.uniformity import Finding

KEPT = 1_000
"""Probability transforms a case keeps for the plots."""


def findings(case: Case, sampler: Any, exact: Any, seed: int) -> tuple[list[Finding], np.ndarray, laws.View | None]:
    """Every analytic test of a case on draws of ``sampler``, judged by the law ``exact``."""
    x = laws.draw(case, sampler, np.random.default_rng(seed_of(seed, case.key, "draws")))
    view = laws.view(case, exact, x)
    found = independence.chain(x, view) + independence.repeats(x, case.dtype)
    if view is not None:
        found += uniformity.radius(view) + uniformity.projections(view) + directions.sectors(view)
        found += independence.batch(view)
    return found, x, view


def two_sample(case: Case, x: np.ndarray, seed: int) -> list[Finding]:
    """A mixture's draws against as many reference draws: norm and first coordinate, two-sample KS."""
    rng = np.random.default_rng(seed_of(seed, case.key, "reference"))
    x = laws.represent(case, x)
    y = reference.sample(case, x.shape[0], rng)
    found: list[Any] = [stats.ks_2samp(x[:, 0], y[:, 0]), stats.ks_2samp(x[:, 1], y[:, 1])]
    if case.hyperbolic:
        found.append(stats.ks_2samp(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1)))
    statistic, p = uniformity.bonferroni([(float(f.statistic), float(f.pvalue)) for f in found])
    return [Finding("two-sample", p, statistic, x.shape[0])]


def mmd_finding(case: Case, sampler: Any, seed: int) -> Finding:
    """MMD of the first batch element's draws against the independent sampler."""
    rng = np.random.default_rng(seed_of(seed, case.key, "mmd"))

    def draws(n: int) -> np.ndarray:
        x = laws.represent(case, laws.draw(case, sampler, rng, n))
        return x.reshape(n, -1, x.shape[-1])[:, 0]

    return mmd.test(case, draws, lambda n: reference.sample(case, n, rng), rng)


def examine(case: Case, seed: int) -> dict[str, Any]:
    """A case's findings, diagnostics and a few probability transforms, as JSON can hold them."""
    start = time.perf_counter()
    sampler, exact = laws.build(case), laws.build(case, exact=True)
    found, x, view = findings(case, sampler, exact, seed)
    if x.dtype != np.dtype(case.dtype) and "Uniform" not in case.family:
        raise TypeError(f"{case.key}: draws have dtype {x.dtype}")
    if case.mixture:
        found += two_sample(case, x, seed)
    if case.mmd:
        found.append(mmd_finding(case, sampler, seed))
    ess, rhat = independence.effective(x, view)
    pit = [] if view is None or view.pit is None else np.ravel(view.pit)[:KEPT].tolist()
    return {
        "key": case.key, "case": case.settings(), "findings": [asdict(f) for f in found],
        "ess": ess, "rhat": rhat, "pit": [round(u, 6) for u in pit], "seconds": time.perf_counter() - start,
    }  # fmt: skip
