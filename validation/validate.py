"""The main run: every law of the grid, accuracy and acceptance, judged and reported."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from hyperdist.runs import engine
from hyperdist.runs.files import out_folder
from hyperdist.runs.places import Place, add_options
from validation import acceptance, accuracy, cases, distances, report
from validation.arguments import at_least, meanwhile, problem
from validation.judge import judge
from validation.record import REPORTS, record, source_hash

SEED = 20_261


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the main run."""
    parser.add_argument("--full", action="store_true", help="the release's run: whole grid, ten times the draws")
    parser.add_argument("--seed", type=at_least(0), default=SEED, help="seed of all draws (default %(default)s)")
    parser.add_argument("--out", type=out_folder, default=REPORTS / "latest", help="folder of the report")
    add_options(parser, os.cpu_count() or 1, shard=True)
    parser.add_argument("--resume", action="store_true", help="reuse finished cases of an interrupted run")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only laws whose name contains this text, in capitals or not"
    )


def tasks_of(full: bool, seed: int, only: str = "") -> list[engine.Task]:
    """Everything a run computes, the slow parts first."""
    text = only.casefold()
    cells = [cell for cell in accuracy.grid(full) if text in cell.key.casefold()]
    laws = sorted((case for case in cases.grid(full) if text in case.key.casefold()), key=lambda case: -case.d * case.n)
    found = [engine.Task("law", case.key, "validation.examine:examine", (case, seed)) for case in laws]
    found += [
        engine.Task("accuracy", f"accuracy, {cell.key}", "validation.accuracy:evaluate", (cell,)) for cell in cells
    ]
    if not only:
        found += acceptance_tasks(full, seed)
        found += distance_tasks(seed)
    return found


def distance_tasks(seed: int) -> list[engine.Task]:
    """The distances of each model."""
    return [engine.Task("distance", f"distance, {model}", "validation.distances:evaluate", (model, seed))
            for model in distances.REACH]  # fmt: skip


def acceptance_tasks(full: bool, seed: int) -> list[engine.Task]:
    """The acceptance curve of each dimension, and the counted rates."""
    points = 4_000 if full else 400
    found = [engine.Task("acceptance", f"acceptance d={d}", "validation.acceptance:curve", (d, points))
             for d in acceptance.DIMENSIONS]  # fmt: skip
    return found + [
        engine.Task("counted", acceptance.key(d, s, host), "validation.acceptance:observed", (d, s, seed, host))
        for d, s in acceptance.COUNTED
        for host in acceptance.hosts()
    ]


def main(options: argparse.Namespace) -> int:
    """Run, write the report, print the summary; 1 where anything fails, 2 where it could not be written."""
    console, start = Console(), time.perf_counter()
    out = options.out.resolve()
    work = meanwhile(out)
    tasks = tasks_of(options.full, options.seed, options.only)
    wrong = "" if tasks else f"no law's name contains {options.only!r}"
    if not is_report(out):
        wrong = f"{display(out)} is not a report; --out must name a new folder or an old report"
    wrong = wrong or problem(work, ()) or problem(out, report.FILES)
    if wrong:
        console.print(wrong, markup=False, soft_wrap=True)
        return 2
    place = Place.of(options)
    cache = engine.Cache(work / "cases", options.resume or options.shard is not None, source_hash())
    try:
        results = engine.run(place.mine(tasks), place, cache)
    except KeyboardInterrupt:
        console.print("interrupted; the same command with --resume goes on from here")
        return 130
    if options.shard is not None:
        return shard_done(results, console)
    verdict = judge(results)
    seconds = time.perf_counter() - start
    settings = {"full": options.full, "only": options.only, "alpha": verdict.alpha, "workers": options.workers,
                "seconds": round(seconds, 1), "cases": len(results.get("law", []))}  # fmt: skip
    written = record([options.seed], settings, verdict.rows)
    report.write_report(out, written, verdict, results)
    cache.clear()
    report.summarise(console, verdict, results)
    where = f"{time.perf_counter() - start:.0f} s; report: {display(out / 'report.html')}"
    console.print(where, markup=False, soft_wrap=True)
    return 0 if verdict.passed else 1


def shard_done(results: dict[str, list[dict[str, Any]]], console: Console) -> int:
    """Say how a share of the tasks went; 1 where one has failed, which the run that makes the report will try again."""
    found = [result for group in results.values() for result in group]
    failed = [result for result in found if "error" in result]
    for result in failed:
        console.print(f"{result['key']}: {result['error']}", markup=False)
    console.print(f"{len(found) - len(failed)} of {len(found)} tasks are kept; once all shares are done, the same "
                  "command with --resume and without --shard makes the report from them", soft_wrap=True)  # fmt: skip
    return int(bool(failed))


def is_report(folder: Path) -> bool:
    """Whether the folder may be replaced: it is missing, empty, or holds nothing but a report."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(path.name in report.FILES and path.is_file() for path in folder.iterdir())


def display(path: Path) -> str:
    """The path as short as it can be said from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
