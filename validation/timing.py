"""Processor time of the samplers over what they cannot do without: one thread, the two sides interleaved."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

import hyperdist as hd
from validation.intervals import median
from validation.record import REPORTS, record, row, to_json, write

DIMENSIONS, SCALES = (2, 10, 50, 100), (0.1, 0.3, 1.0, 2.0)
TARGETS = {2: 2.5, 10: 1.6, 50: 1.3, 100: 1.3}
SCALARS = 1_000_000
"""Coordinates a timed call makes; n = SCALARS / d."""
NORMALS, SCIPY = "normals", "SciPy"
"""As many calls of rng.standard_normal; scipy.stats.vonmises_fisher."""
FEW = 5_000
"""Draws by inversion that a timed call makes."""
REPETITIONS = 31


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``timing``."""
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="pairs of runs (default %(default)s)")
    parser.add_argument("--out", type=Path, default=REPORTS / "timing", help="folder of record.json")


@dataclass(frozen=True)
class Contest:
    """Our call, what it is measured against, and the largest ratio allowed."""

    name: str
    against: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    target: float | None = None
    share: float = 1.0
    """Of the repetitions asked for."""


def _seconds(call: Callable[[], Any]) -> float:
    """Processor time of this thread, so that other programs on the machine do not decide."""
    start = time.thread_time()
    call()
    return time.thread_time() - start


def measure(contest: Contest, repetitions: int) -> dict[str, Any]:
    """Median of the pairwise ratios of interleaved runs, its interval, and the median times in seconds."""
    n = max(5, round(repetitions * contest.share))
    for warm_up in (contest.ours, contest.theirs):
        warm_up()
    pairs = [(_seconds(contest.ours), _seconds(contest.theirs)) for _ in range(n)]
    ratio, interval = median([ours / theirs for ours, theirs in pairs])
    times = {"ours": median([a for a, _ in pairs])[0], "theirs": median([b for _, b in pairs])[0]}
    return {"name": contest.name, "against": contest.against, "target": contest.target,
            "ratio": ratio, "interval": interval, "n": n, **times}  # fmt: skip


def _sampling() -> Iterator[Contest]:
    """sample((n,)) over n d standard normals: in the ball where it holds the draws, else in tangent coordinates."""
    rng = np.random.default_rng(1)
    for d, s in itertools.product(DIMENSIONS, SCALES):
        law, n = hd.RiemannianNormal(np.zeros(d), s), SCALARS // d
        model = "poincare" if s * s * (d - 1) + 6.0 * s < 12.0 else "tangent"
        yield Contest(f"RiemannianNormal d={d} s={s:g} {model}", NORMALS, partial(law.sample, (n,), rng, model=model),
                      partial(rng.standard_normal, (n, d)), TARGETS[d])  # fmt: skip
    for d in (2, 10):
        law, n = hd.RiemannianNormal(np.zeros(d), 0.5), SCALARS // d
        few, inverse = partial(rng.standard_normal, (FEW, d)), partial(law.sample, (FEW,), rng, method="inverse")
        yield Contest(f"RiemannianNormal d={d} s=0.5, inverse", NORMALS, inverse, few, share=0.2)
        normals, x = partial(rng.standard_normal, (n, d)), law.sample((n,), rng)
        yield Contest(f"RiemannianNormal d={d} log_prob", NORMALS, partial(law.log_prob, x), normals, share=0.5)


def _von_mises_fisher() -> Iterator[Contest]:
    """100,000 draws of one law, and 128 laws with one draw each, over SciPy's."""
    rng, scipy_law = np.random.default_rng(2), cast(Any, stats.vonmises_fisher)
    for m, kappa in itertools.product((3, 10, 50), (1.0, 100.0)):
        mu = np.eye(m)[0]
        theirs = partial(scipy_law(mu, kappa).rvs, 100_000, random_state=rng)
        yield Contest(f"VonMisesFisher m={m} kappa={kappa:g}", SCIPY,
                      partial(hd.VonMisesFisher(mu, kappa).sample, (100_000,), rng), theirs, share=0.5)  # fmt: skip
    mu = rng.standard_normal((128, 10))
    mu, kappas = mu / np.linalg.norm(mu, axis=1, keepdims=True), np.geomspace(0.1, 1e3, 128)

    def loop() -> None:
        for centre, kappa in zip(mu, kappas, strict=True):
            scipy_law(centre, kappa).rvs(1, random_state=rng)

    yield Contest("VonMisesFisher, 128 laws m=10", SCIPY, lambda: hd.VonMisesFisher(mu, kappas).sample((), rng), loop)


def _batches() -> Iterator[Contest]:
    """128 laws made and drawn from once, over as many normals: a fixed cost, so the time matters, not the ratio."""
    rng = np.random.default_rng(3)
    for d in (2, 10):
        mu, sigma = 0.3 * rng.standard_normal((128, d)) / np.sqrt(d), np.exp(0.3 * rng.standard_normal(128) - 1.0)
        yield Contest(f"RiemannianNormal, 128 laws d={d}", NORMALS,
                      lambda mu=mu, sigma=sigma: hd.RiemannianNormal(mu, sigma).sample((), rng),
                      partial(rng.standard_normal, (128, d)), share=5.0)  # fmt: skip


def contests() -> list[Contest]:
    """Everything that is timed."""
    return [*_sampling(), *_von_mises_fisher(), *_batches()]


def main(options: argparse.Namespace) -> int:
    """Print the table, write the record; 1 where a target is missed."""
    console = Console()
    found = [measure(contest, options.repetitions)
             for contest in track(contests(), "timing", console=console, transient=True)]  # fmt: skip
    table = Table("what", "over", "ratio", "95 % interval", "target", "ms", title="Processor time, one thread")
    for entry in found:
        low, high = entry["interval"]
        late = entry["target"] is not None and entry["ratio"] > entry["target"]
        text = f"{entry['ratio']:.2f}"
        table.add_row(entry["name"], entry["against"], f"[red]{text}" if late else text,
                      f"{low:.2f} to {high:.2f}", "" if entry["target"] is None else f"{entry['target']:g}",
                      f"{1e3 * entry['ours']:.2f}")  # fmt: skip
    console.print(table)
    rows, missed = _rows(found)
    write(
        options.out / "record.json",
        to_json(record([1, 2, 3], {"repetitions": options.repetitions, "scalars": SCALARS}, rows)),
    )
    if missed:
        console.print("above target: " + ", ".join(missed))
    return int(bool(missed))


def _rows(found: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of the record with the worst and the median ratio of each dimension, and the dimensions above target."""
    rows, missed = [], []
    for e in found:
        rows.append(row(e["name"], f"time over {e['against']}", e["ratio"], interval95=e["interval"], n=e["n"]))
        rows.append(row(e["name"], "milliseconds", 1e3 * e["ours"], n=e["n"]))
    for d in DIMENSIONS:
        ratios = [
            e["ratio"] for e in found if e["target"] is not None and e["name"].startswith(f"RiemannianNormal d={d} ")
        ]
        rows.append(row(f"RiemannianNormal d={d}", "worst ratio over s", max(ratios), n=len(ratios)))
        rows.append(row(f"RiemannianNormal d={d}", "median ratio over s", float(np.median(ratios)), n=len(ratios)))
        missed += [f"d={d}: {max(ratios):.2f} > {TARGETS[d]}"] if max(ratios) > TARGETS[d] else []
    return rows, missed
