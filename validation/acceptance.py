"""The samplers' acceptance rates: the stated one over a fine grid, and the observed one where it can be counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

import hyperdist as hd

DIMENSIONS = (*range(2, 21), 25, 30, 40, 50, 64, 80, 100, 150, 200, 300, 500, 700, 1000)
TARGET = 0.90
COUNTED = ((3, 0.7), (3, 0.98), (5, 0.6), (10, 1.0), (40, 0.1))
"""(d, s) where proposals are counted; not in the plane, where directions spend uniforms too."""


def curve(d: int, points: int) -> dict[str, Any]:
    """Stated acceptance of the Riemannian normal in one dimension, s from 1e-6 to 1e3; the crossover is finer."""
    s = np.unique(np.concatenate([np.geomspace(1e-6, 1e3, points), np.geomspace(0.02, 3.0, points)]))
    rate = np.asarray(hd.RiemannianNormal(np.zeros(d), s).radius.acceptance_rate(), dtype=np.float64)
    worst = int(np.argmin(np.nan_to_num(rate, nan=-1.0)))
    thin = slice(None, None, max(1, s.size // 400))
    return {"key": f"acceptance d={d}", "d": d, "s": s[thin].tolist(), "rate": rate[thin].tolist(),
            "minimum": float(rate[worst]), "at": float(s[worst]), "points": int(s.size)}  # fmt: skip


class CountingGenerator(np.random.Generator):
    """A generator that counts its uniforms: the sampler spends one on each proposal, to accept or reject it."""

    proposals = 0

    def random(self, size: Any = None, *args: Any, **kwargs: Any) -> Any:
        drawn = super().random(size, *args, **kwargs)
        self.proposals += int(np.size(drawn))
        return drawn


def observed(d: int, s: float, seed: int, n: int = 100_000) -> dict[str, Any]:
    """Accepted over proposed in n draws, beside the stated rate, and the p-value of their agreement."""
    law = hd.RiemannianNormal(np.zeros(d), s)
    rng = CountingGenerator(np.random.PCG64([seed, d]))
    law.sample((n,), rng, model="tangent")
    stated = float(law.radius.acceptance_rate())
    result = {"key": f"counted d={d} s={s:g}", "d": d, "s": s, "stated": stated, "proposals": rng.proposals}
    if rng.proposals < n:  # another implementation may spend its randomness otherwise; then there is nothing to count
        return result | {"observed": None, "p": 1.0}
    p = stats.binomtest(n, rng.proposals, min(1.0, stated)).pvalue
    return result | {"observed": n / rng.proposals, "p": float(p)}
