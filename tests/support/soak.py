"""Sampling and fitting for long, in threads and in a process, with the memory that they hold: ``python -m``.

Every round draws and fits the same numbers, so that memory which grows is lost. Prints a line each half minute and ends
with status 1 where the last quarter of the run holds more than the second by ``--allowed`` MiB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import hyperdist as hd


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


def once(seed: int) -> int:
    """Draws, densities and fits of every law and of a mixture; how many draws there were."""
    n = 20_000
    for law, options in laws():
        x = law.sample(n, rng=seed)
        law.log_prob(x)
        type(law).fit(x, **options).sample(n, rng=seed, method="rejection")
    mixture = hd.Mixture([0.4, 0.6], hd.VonMisesFisher([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], [30.0, 8.0]))
    x = mixture.sample(n, rng=seed)
    hd.Mixture.fit(x, hd.VonMisesFisher, 2, starts=2, max_iter=10, tol=1e-3, rng=seed)
    return n * (2 * len(laws()) + 1)


def resident(pid: int) -> float:
    """MiB of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure() -> tuple[int, float]:
    """A round in another process, and the memory that it holds then."""
    return once(0), resident(os.getpid())


def main() -> int:
    """The status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--allowed", type=float, default=16.0, help="MiB (%(default)s)")
    options = parser.parse_args()
    started, shown, draws = time.monotonic(), 0.0, 0
    series: list[tuple[float, float]] = []
    context = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(1, mp_context=context) as processes:
        while (now := time.monotonic() - started) < 60.0 * options.minutes:
            draws += sum(threads.map(once, range(4)))
            more, there = processes.submit(measure).result()
            draws += more
            series.append((resident(os.getpid()), there))
            if now - shown >= 30.0:
                shown = now
                print(
                    f"{now:6.0f} s  {draws:.3e} draws  threads {series[-1][0]:6.1f}  process {there:6.1f} MiB",
                    flush=True,
                )
    parts = np.array_split(np.array(series), 4)
    second, last = ([median(column) for column in parts[i].T] for i in (1, 3))
    print(f"medians, MiB: second quarter {second}, last quarter {last}")
    return int(any(b > a + options.allowed for a, b in zip(second, last, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
