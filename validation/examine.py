"""All tests of one case; also what the planted faults are put through."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import numpy as np

from hyperdist.testing import check, mmd, score, views
from hyperdist.testing.finding import Finding
from validation import independence, laws, reference
from validation.cases import Case, seed_of

KEPT = 1_000
"""Probability transforms a case keeps for the plots."""


def findings(case: Case, sampler: Any, exact: Any, seed: int) -> tuple[list[Finding], np.ndarray, views.View | None]:
    """Every analytic test of a case on draws of ``sampler``, judged by the law ``exact``."""
    x = laws.draw(case, sampler, np.random.default_rng(seed_of(seed, case.key, "draws")))
    found, view = check.findings(exact, x, case.model or None)
    return found, x, view


def two_sample(case: Case, x: np.ndarray, seed: int) -> list[Finding]:
    """A mixture's draws against as many reference draws, two-sample KS, and the scores of its parameters."""
    rng = np.random.default_rng(seed_of(seed, case.key, "reference"))
    law, drawn = laws.build(case, exact=True), x
    x = views.represent(law, x, case.model or None)
    y = reference.sample(case, x.shape[0], rng)
    stream = np.random.default_rng(seed_of(seed, case.key, "score"))
    scores = score.mixture_scores(law, drawn, case.model or None, stream)
    return [mmd.two_sample(check.columns(law, x), check.columns(law, y)), *scores]


def mmd_finding(case: Case, sampler: Any, seed: int) -> Finding:
    """MMD of the first batch element's draws against the independent sampler."""
    rng, law = np.random.default_rng(seed_of(seed, case.key, "mmd")), laws.build(case, exact=True)

    def draws(n: int) -> np.ndarray:
        x = views.represent(law, laws.draw(case, sampler, rng, n), case.model or None)
        return x.reshape(n, -1, x.shape[-1])[:, 0]

    def independent(n: int) -> np.ndarray:
        return reference.sample(case, n, rng)

    return mmd.test(lambda x, y: views.distances(law, x, y), draws, independent, rng, mmd.STAGES)


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
