"""Sampling and fitting for long, in threads and in a process, with the memory that they hold meanwhile.

Every round draws and fits the same numbers, so that memory which grows is lost.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import numpy as np
from rich.console import Console

import hyperdist as hd
from hyperdist.runs import pages
from hyperdist.runs.files import out_folder, to_json, write_text
from hyperdist.runs.places import processes
from validation.arguments import at_least
from validation.peak import resident
from validation.record import REPORTS, record, row, since, sources

THREADS = 2
ALLOWED = 16.0
"""MiB by which the last quarter of a run may hold more than the second."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``soak``."""
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default %(default)s)")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between looks (default %(default)s)")
    parser.add_argument("--draws", type=at_least(100), default=20_000, help="of a law in a round (default %(default)s)")
    parser.add_argument("--out", type=out_folder, default=REPORTS / "soak", help="folder of record.json and table.md")


def laws() -> list[tuple[Any, dict[str, Any]]]:
    """Laws of every space, and options of their fits."""
    return [
        (hd.RiemannianNormal([0.3, 0.1], 0.8, 1.3), {"c": 1.3}),
        (hd.WrappedNormal([0.2, 0.0, 0.1], [0.5, 0.8, 0.4]), {}),
        (hd.VonMisesFisher([0.0, 0.6, 0.8], 12.0), {}),
        (hd.PowerSpherical([0.0, 0.6, 0.8], 12.0), {}),
        (hd.SphericalRiemannianNormal([0.0, 0.6, 0.8], 0.6), {}),
        (hd.ToroidalWrappedNormal([0.4, 3.0], [0.5, 1.5]), {}),
    ]


def once(n: int, seed: int) -> tuple[int, int]:
    """Draws, densities and fits of every law and of a mixture, in memory and by blocks; how many draws and fits."""
    for law, options in laws():
        x = law.sample(n, rng=seed)
        law.log_prob(x)
        type(law).fit(x, **options).sample(n, rng=seed)
    mixture = hd.Mixture([0.4, 0.6], hd.VonMisesFisher([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], [30.0, 8.0]))
    climb = {"starts": 2, "max_iter": 200, "tol": 1e-3, "rng": seed}
    hd.Mixture.fit(mixture.sample(n, rng=seed), hd.VonMisesFisher, 2, **climb)
    if find_spec("dask") is None:
        return n * (2 * len(laws()) + 1), len(laws()) + 1
    x: Any = hd.distributed.sample(mixture, n, chunks=n // 4, seed=seed)
    hd.distributed.log_prob(mixture, x).mean().compute()
    hd.VonMisesFisher.fit(x)
    hd.Mixture.fit(x, hd.VonMisesFisher, 2, **climb)
    return n * (2 * len(laws()) + 2), len(laws()) + 3


@dataclass
class Watch:
    """What has been done, and every few seconds the memory of some processes, MiB."""

    pids: tuple[int, ...]
    rounds: int = 0
    draws: int = 0
    fits: int = 0
    series: list[tuple[float, ...]] = field(default_factory=list)

    def count(self, done: tuple[int, int]) -> None:
        """One round more."""
        self.rounds, self.draws, self.fits = self.rounds + 1, self.draws + done[0], self.fits + done[1]

    @contextmanager
    def looking(self, every: float, console: Console) -> Iterator[None]:
        """Looks meanwhile, and says about once a minute what it sees."""
        over = Event()

        def look() -> None:
            started = time.monotonic()
            while not over.wait(every):
                now = time.monotonic() - started
                self.series.append((round(now, 1), *(round(resident(pid), 1) for pid in self.pids)))
                if len(self.series) % max(1, round(60.0 / every)) == 0:
                    held = " and ".join(f"{value:.1f}" for value in self.series[-1][1:])
                    console.print(f"{now:6.0f} s: {self.draws:.3e} draws, {self.fits} fits; threads and process hold "
                                  f"{held} MiB", soft_wrap=True, highlight=False)  # fmt: skip

        thread = Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def main(options: argparse.Namespace) -> int:
    """Say what is held, write the record; 1 where memory grows, 2 where it cannot be read."""
    console = Console()
    if not Path("/proc/self/statm").exists():
        console.print("soak reads memory from /proc, which is not here")
        return 2
    if not 0.0 < 4.0 * options.every <= 60.0 * options.minutes < math.inf:
        least = f"finite and >= {options.every / 15.0:g}, time for 4 looks {options.every:g} s apart"
        console.print(f"--minutes must be {least}, got {options.minutes:g}: see --every", highlight=False)
        return 2
    with ThreadPoolExecutor(THREADS) as threads, processes(1) as other:
        work = partial(_round, options.draws, threads, other)
        watch = Watch((os.getpid(), other.submit(os.getpid).result()))
        work(watch)  # what is loaded on first use
        with watch.looking(options.every, console):
            end = time.monotonic() + 60.0 * options.minutes
            while time.monotonic() < end:
                work(watch)
    rows = list(_rows(watch))
    settings = {
        "minutes": options.minutes, "every": options.every, "draws": options.draws, "threads": THREADS,
        "allowed": ALLOWED,
        "seconds, MiB of threads, MiB of the process": watch.series, "sources": sources("hyperdist"),
    }  # fmt: skip
    made = record(list(range(THREADS)), settings, rows)
    write_text(options.out / "record.json", to_json(made))
    write_text(options.out / "table.md", page(made))
    for entry in rows:
        console.print(f"{entry['name']}: {entry['metric']} {entry['value']:.6g}")
    return int(any(entry["metric"] == GROWTH and entry["value"] > ALLOWED for entry in rows))


def _round(n: int, threads: ThreadPoolExecutor, other: ProcessPoolExecutor, watch: Watch) -> None:
    """One a thread, and one of the process."""
    there: Future[tuple[int, int]] = other.submit(once, n, 0)
    for done in threads.map(partial(once, n), range(THREADS)):
        watch.count(done)
    watch.count(there.result())


FIRST, LAST, LARGEST = "first look, MiB", "last look, MiB", "largest, MiB"
GROWTH = "growth from the second quarter to the last, medians, MiB"


def _rows(watch: Watch) -> Iterator[dict[str, Any]]:
    for name, value in (("rounds", watch.rounds), ("draws", watch.draws), ("fits", watch.fits)):
        yield row("in all", name, value)
    table = np.array(watch.series)[:, 1:]
    for name, column in zip(("threads", "process"), table.T, strict=True):
        _, second, _, last = (median(part) for part in np.array_split(column, 4))
        for metric, value in ((FIRST, column[0]), (LAST, column[-1]), (LARGEST, max(column)), (GROWTH, last - second)):
            yield row(name, metric, float(value), n=len(column))


def page(record: dict[str, Any]) -> str:
    """The Markdown page of a record."""
    settings, machine, versions = record["settings"], record["machine"], record["versions"]
    lines = ([row["name"], row["metric"], f"{row['value']:.6g}"] for row in record["rows"])
    text = [
        "# Sampling and fitting for long", "",
        f"`{record['command']}`: {settings['threads']} threads and one process on {machine['cpu']}, Python "
        f"{versions['python']}, NumPy {versions['numpy']}.", since(record), "",
        "Every round draws, fits and evaluates the same numbers, in memory and block by block. For "
        f"{settings['minutes']:g} minutes memory was looked at every {settings['every']:g} s; growth of "
        f"{settings['allowed']:g} MiB is allowed.", "",
        pages.table(("what", "figure", "value"), lines, right=2),
    ]  # fmt: skip
    return "\n".join(text)
