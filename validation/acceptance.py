"""The samplers' acceptance rates: the stated one over a fine grid, and the observed one where it can be counted."""

from __future__ import annotations

from importlib.util import find_spec
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


def _torch_proposals(law: Any, seed: int, n: int) -> int:
    """How many proposals torch's sampler makes for n draws."""
    import torch

    from hyperdist_torch import _random

    class CountingSource(_random.Source):
        def uniform(self, n: int) -> Any:
            proposals.append(n)
            return super().uniform(n)

    proposals: list[int] = []
    d = law.radius.d
    source = CountingSource(torch.Generator().manual_seed(seed * 1009 + d), torch.device("cpu"), torch.float64)
    _random.accept(law.radius._kernel.hats(), n, d, source)
    return sum(proposals)


def observed(d: int, s: float, seed: int, host: str = "numpy", n: int = 100_000) -> dict[str, Any]:
    """Accepted over proposed in n draws, beside the stated rate, and the p-value of their agreement.

    host : whose random numbers and accept loop, "numpy" or "torch"; the proposals are the same.
    """
    law = hd.RiemannianNormal(np.zeros(d), s)
    stated = float(law.radius.acceptance_rate())
    if host == "torch":
        proposals = _torch_proposals(law, seed, n)
    else:
        rng = CountingGenerator(np.random.PCG64([seed, d]))
        law.sample((n,), rng, model="tangent")
        proposals = rng.proposals
    result = {"key": key(d, s, host), "d": d, "s": s, "stated": stated, "proposals": proposals}
    if proposals < n:  # another implementation may spend its randomness otherwise; then there is nothing to count
        return result | {"observed": None, "p": 1.0}
    p = stats.binomtest(n, proposals, min(1.0, stated)).pvalue
    return result | {"observed": n / proposals, "p": float(p)}


def hosts() -> list[str]:
    """Those that are installed."""
    return ["numpy", *(["torch"] if find_spec("torch") else [])]


def key(d: int, s: float, host: str) -> str:
    """A counted rate's name in records."""
    return f"counted d={d} s={s:g}" + (", torch" if host == "torch" else "")
