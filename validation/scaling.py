"""The same work on one process and on several: the grid of laws, cells of a table, a fit to more than memory holds.

Each is done anew for every number of processes. Beside the time on the clock stands that of the processors, of all
processes together, which other work on the machine changes less. One after another: what is timed has the machine to
itself, and what was timed is kept where the command is interrupted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import hyperdist as hd
from hyperdist.runs import engine, pages
from hyperdist.runs.files import out_folder, to_json, write_text
from hyperdist.runs.places import Place
from validation.arguments import at_least, meanwhile
from validation.peak import peak_memory
from validation.record import REPORTS, ROOT, record, row, since, sources

SEED, CHUNK, SHARE = 0, 1_000_000, 100
"""Seed of the draws, those of a block, and the part of them that is fitted first: one in so many."""
LIMIT = "1GiB"
"""Of memory that a worker may hold before Dask steps in."""
CELLS = (
    "--cells", "nvae-std1.7", "pvae-c0.1-std1.7", "pvae-c0.3-std1.7", "pvae-c1.2-std1.7", "--seeds", "0", "1", "2", "3",
    "--epochs", "250", "--samples", "100",
)  # fmt: skip
"""Sixteen, with fewer epochs and importance samples than published."""
QUICK = {"grid": ("--only", "sphericaluniform D=2"), "cells": ("--quick", "--cells", "nvae-std1.7")}


def law() -> hd.Mixture:
    """What is drawn from and fitted: three von Mises-Fisher components, in single precision."""
    kappa = np.array([40.0, 20.0, 10.0], np.float32)
    return hd.Mixture([0.5, 0.3, 0.2], hd.VonMisesFisher(np.eye(3, dtype=np.float32), kappa))


@dataclass
class Done:
    """Seconds on the clock and of the processors, and what else there is to tell: metrics and values."""

    wall: float
    processor: float
    more: dict[str, float] = field(default_factory=dict)


def _command(*arguments: str) -> Done:
    """A command of its own, with nothing left of what it writes."""
    before, start = os.times(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", *arguments, "--out", str(Path(folder, "out"))]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)} has ended with {run.returncode}:\n{(run.stdout + run.stderr)[-2000:]}")
    wall, after = time.perf_counter() - start, os.times()
    return Done(wall, after.children_user + after.children_system - before.children_user - before.children_system)


def grid(processes: int, rows: int, quick: bool) -> Done:
    """The validation's default grid."""
    return _command("validation", "--workers", str(processes), *(QUICK["grid"] if quick else ()))


def cells(processes: int, rows: int, quick: bool) -> Done:
    """Cells of the branching diffusion's table."""
    chosen = QUICK["cells"] if quick else CELLS
    fixed = ("--no-pictures", "--accelerator", "cpu", "--workers", str(processes))
    return _command("hyperdist_torch.experiments", "branching", *chosen, *fixed)


def fit(processes: int, rows: int, quick: bool) -> Done:
    """A mixture fitted to lazy draws, which every pass draws again: to a share of them, and from there to all."""
    import distributed

    true = law()
    with distributed.LocalCluster(
        n_workers=processes, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=LIMIT
    ) as cluster, distributed.Client(cluster) as client:  # fmt: skip
        before, start = _processor(client), time.perf_counter()
        x: Any = hd.distributed.sample(true, rows, chunks=min(CHUNK, rows), seed=SEED)
        share = x[: max(min(rows, 10_000), rows // SHARE)]
        begun = hd.Mixture.fit(share, hd.VonMisesFisher, 3, starts=2, tol=1e-6, rng=SEED)
        found = hd.Mixture.fit(x, hd.VonMisesFisher, 3, init=begun)
        wall, processor = time.perf_counter() - start, _processor(client) - before
        peaks = _of_all(client, peak_memory)
    order = np.argsort(-np.asarray(found.component.kappa))
    kappa = np.asarray(found.component.kappa, np.float64)[order]
    error = np.max(np.abs(kappa / np.asarray(true.component.kappa, np.float64) - 1.0))
    return Done(wall, processor, {
        "largest peak of a worker, MiB": max(peaks), "peak of the client and scheduler, MiB": peak_memory(),
        "steps over all rows": float(len(found.record.starts[0].log_likelihood)),
        "largest relative error of kappa": float(error),
    })  # fmt: skip


def _processor(client: Any) -> float:
    """Seconds of all processes so far."""
    return time.process_time() + sum(_of_all(client, time.process_time))


def _of_all(client: Any, function: Callable[[], float]) -> list[float]:
    """What a function returns on each worker."""
    return list(client.run(function).values())


PARTS: dict[str, tuple[str, Callable[[int, int, bool], Done], str]] = {
    "grid": ("validation grid", grid, "hyperdist"),
    "cells": ("16 branching cells", cells, "lightning"),
    "fit": ("fit of a mixture", fit, "distributed"),
}
"""The name in the record, the work, and the package that it needs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``scaling``."""
    parser.add_argument(
        "--rows", type=at_least(1000), default=10**9, help="draws that are fitted (default %(default)s)"
    )
    parser.add_argument("--processes", type=at_least(1), nargs="+", default=[1, 2], help="how many (default: 1 2)")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="only these parts")
    parser.add_argument("--resume", action="store_true", help="keep what an interrupted run has timed")
    parser.add_argument("--quick", action="store_true", help="a few laws and cells, for tests")
    parser.add_argument(
        "--out", type=out_folder, default=REPORTS / "scaling", help="folder of record.json and table.md"
    )


def main(options: argparse.Namespace) -> int:
    """Say how long each takes, write the record; 2 where something that is asked for cannot be done here."""
    console = Console(highlight=False, soft_wrap=True)
    lacking = [PARTS[part][2] for part in options.only if find_spec(PARTS[part][2]) is None]
    if lacking:
        console.print(f"scaling --only {' '.join(options.only)} needs {', '.join(lacking)}, not installed here")
        return 2
    tasks = [
        engine.Task(part, f"{PARTS[part][0]} on {processes}", "validation.scaling:timed",
                    (part, processes, options.rows, options.quick))
        for part in options.only for processes in options.processes
    ]  # fmt: skip
    measured = sources("hyperdist", "hyperdist_torch")
    out = options.out.resolve()
    cache = engine.Cache(meanwhile(out), options.resume, measured["digest"])
    try:
        results = engine.run(tasks, Place(), cache)
    except KeyboardInterrupt:
        console.print("interrupted; the same command with --resume goes on from here")
        return 130
    failed = [result for found in results.values() for result in found if "error" in result]
    for result in failed:
        console.print(f"{result['key']}: {result['error']}", markup=False)
    if failed:
        return 1
    rows = [
        row(result["key"], metric, value)
        for found in results.values() for result in found for metric, value in result["metrics"].items()
    ]  # fmt: skip
    settings = {
        "rows": options.rows, "rows of a block": CHUNK, "memory limit of a worker": LIMIT,
        "processes": options.processes, "cells": list(QUICK["cells"] if options.quick else CELLS),
        "quick": options.quick, "sources": measured,
    }  # fmt: skip
    made = record([SEED], settings, rows)
    write_text(out / "record.json", to_json(made))
    write_text(out / "table.md", page(made))
    cache.clear()
    return 0


def timed(part: str, processes: int, rows: int, quick: bool) -> dict[str, Any]:
    """One part on so many processes: its metrics and their values."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    done = PARTS[part][1](processes, rows, quick)
    return {"metrics": {WALL: done.wall, PROCESSOR: done.processor, LOAD: load, **done.more}}


WALL, PROCESSOR, LOAD = "seconds", "processor seconds", "load at the start"


def page(record: dict[str, Any]) -> str:
    """The Markdown page of a record."""
    settings, machine, rows = record["settings"], record["machine"], record["rows"]
    names = dict.fromkeys(entry["name"] for entry in rows)
    told = (WALL, PROCESSOR, LOAD)
    lines = [
        [name, *(f"{entry['value']:.1f}" for metric in told for entry in rows
                 if (entry["name"], entry["metric"]) == (name, metric)), _gain(name, rows)]
        for name in names
    ]  # fmt: skip
    others = [
        [entry["name"], entry["metric"], f"{entry['value']:.4g}"] for entry in rows if entry["metric"] not in told
    ]
    text = [
        "# The same work on several processes", "",
        f"`{record['command']}` on {machine['cpus']} processors, {machine['cpu']}. Where the load at the start is "
        "above 0, the clock counts other work too. Times as fast: the processor seconds on 1 over the seconds.",
        since(record), "",
        *(words for part, words in _settings(settings).items() if any(PARTS[part][0] in name for name in names)),
        pages.table(("what", *told, "times as fast"), lines, right=1),
    ]  # fmt: skip
    if others:
        text.append(pages.table(("what", "figure", "value"), others, right=2))
    return "\n".join(text)


def _settings(settings: dict[str, Any]) -> dict[str, str]:
    """What a reader has to know of a part."""
    limit = settings["memory limit of a worker"]
    return {
        "cells": f"Cells: `{' '.join(settings['cells'])}`.\n",
        "fit": f"Fit: {settings['rows']:.0e} draws, {settings['rows of a block']:,} a block, drawn again in every "
        f"pass; a worker may hold {limit}.\n",
    }


def _gain(name: str, rows: list[dict[str, Any]]) -> str:
    """How many times as fast as on one process, by the processor's seconds there, which other work hardly changes."""
    at = {(entry["name"], entry["metric"]): float(entry["value"]) for entry in rows}
    one = f"{name.rpartition(' ')[0]} 1"
    known = name != one and (one, PROCESSOR) in at
    return f"{at[one, PROCESSOR] / at[name, WALL]:.2f}" if known else ""
