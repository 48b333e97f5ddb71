"""The main run: every law of the grid, accuracy and acceptance, judged and reported."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path

from rich.console import Console

from validation import acceptance, accuracy, cases, distances, report, runner
from validation.judge import judge
from validation.record import REPORTS, record, swap

SEED = 20_261


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the main run."""
    parser.add_argument("--full", action="store_true", help="the release's run: whole grid, ten times the draws")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of all draws (default %(default)s)")
    parser.add_argument("--out", type=Path, default=REPORTS / "latest", help="folder of the report")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; 0 runs in this one")
    parser.add_argument("--resume", action="store_true", help="reuse finished cases of an interrupted run")
    parser.add_argument("--only", default="", metavar="TEXT", help="only laws whose name contains this text")


def tasks_of(full: bool, seed: int, only: str = "") -> list[runner.Task]:
    """Everything a run computes, the slow parts first."""
    cells = [cell for cell in accuracy.grid(full) if only in cell.key]
    laws = sorted((case for case in cases.grid(full) if only in case.key), key=lambda case: -case.d * case.n)
    found = [runner.Task("law", case.key, "validation.examine:examine", (case, seed)) for case in laws]
    found += [
        runner.Task("accuracy", f"accuracy, {cell.key}", "validation.accuracy:evaluate", (cell,)) for cell in cells
    ]
    if not only:
        found += acceptance_tasks(full, seed)
        found += distance_tasks(seed)
    return found


def distance_tasks(seed: int) -> list[runner.Task]:
    """The distances of each model."""
    return [runner.Task("distance", f"distance, {model}", "validation.distances:evaluate", (model, seed))
            for model in distances.REACH]  # fmt: skip


def acceptance_tasks(full: bool, seed: int) -> list[runner.Task]:
    """The acceptance curve of each dimension, and the counted rates."""
    points = 4_000 if full else 400
    found = [runner.Task("acceptance", f"acceptance d={d}", "validation.acceptance:curve", (d, points))
             for d in acceptance.DIMENSIONS]  # fmt: skip
    return found + [runner.Task("counted", f"counted d={d} s={s:g}", "validation.acceptance:observed", (d, s, seed))
                    for d, s in acceptance.COUNTED]  # fmt: skip


def main(options: argparse.Namespace) -> int:
    """Run, write the report, print the summary; 1 where anything fails."""
    console, start = Console(), time.perf_counter()
    work = options.out.parent / f".{options.out.name}.partial"
    tasks = tasks_of(options.full, options.seed, options.only)
    if not tasks:
        console.print(f"no law's name contains {options.only!r}")
        return 2
    if not is_report(options.out):
        console.print(f"{display(options.out)} is not a report; --out must name a new folder or an old report")
        return 2
    cache = runner.Cache(work / "cases", options.resume)
    try:
        results = runner.run(tasks, options.workers, cache, console)
    except KeyboardInterrupt:
        console.print("interrupted; the same command with --resume goes on from here")
        return 130
    verdict = judge(results)
    seconds = time.perf_counter() - start
    settings = {"full": options.full, "only": options.only, "alpha": verdict.alpha, "workers": options.workers,
                "seconds": round(seconds, 1), "cases": len(results.get("law", []))}  # fmt: skip
    written = record([options.seed], settings, verdict.rows)
    staged = work / "report"
    report.write_report(staged, written, verdict, results)
    swap(staged, options.out)
    shutil.rmtree(work)
    report.summarise(console, verdict, results)
    console.print(f"{time.perf_counter() - start:.0f} s; report: {display(options.out / 'report.html')}")
    return 0 if verdict.passed else 1


def is_report(folder: Path) -> bool:
    """Whether the folder may be replaced: it is missing, empty, or holds nothing but a report."""
    if not folder.exists():
        return True
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= set(report.FILES)


def display(path: Path) -> str:
    """The path as short as it can be said from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
