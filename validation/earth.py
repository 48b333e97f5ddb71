"""Mixtures of von Mises-Fisher laws fitted to four Earth-science sets: held-out likelihood on three kinds of split."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from hyperdist import earth
from hyperdist.runs import engine, pages
from hyperdist.runs.files import out_folder, to_json, write_text
from hyperdist.runs.intervals import over_seeds
from hyperdist.runs.places import Place, add_options
from validation import terminal
from validation.arguments import meanwhile, problem
from validation.record import REPORTS, record, row, source_hash

PUBLISHED = {"volcano": -0.31, "earthquake": 0.59, "flood": 1.09, "fire": -0.23}
"""Mixture of von Mises-Fisher, Mathieu and Nickel 2020 (arXiv 2006.10605); random rows."""
SEEDS = (0, 1, 2, 3, 4)
HEADER = (
    "set",
    "split",
    "test rows",
    "coincide",
    "mixture",
    "components",
    "kernel estimate",
    "variable kernel",
    "published",
)
WRAPPED = ("split", "test rows", "mixture", "kernel estimate", "variable kernel")
"""Of them those that are more than one word, in the header or below it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``earth``."""
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("HYPERDIST_DATA"),
                        help="folder that holds earth/volcano.csv and so on (default: HYPERDIST_DATA)")  # fmt: skip
    parser.add_argument("--out", type=out_folder, default=REPORTS / "earth", help="folder of record.json and table.md")
    add_options(parser, 1)
    parser.add_argument("--resume", action="store_true", help="reuse finished splits of an interrupted run")
    parser.add_argument("--quick", action="store_true", help="two splits, at most 30 components, ten steps")


def main(options: argparse.Namespace) -> int:
    """Fit, write the record and the table, print it; 2 where the data cannot be read."""
    console = Console()
    if options.data_dir is None:
        print("give --data-dir or set HYPERDIST_DATA: the folder that holds earth/volcano.csv", file=sys.stderr)
        return 2
    seeds, settings = (SEEDS[:2], earth.QUICK) if options.quick else (SEEDS, earth.FULL)
    folder = Path(options.data_dir)
    try:
        tasks = [task for name in earth.SETS for task in tasks_of(folder, name, seeds, settings)]
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    out = options.out.resolve()
    work = meanwhile(out)
    wrong = problem(work, ()) or problem(out, ("record.json", "table.md"))
    if wrong:
        print(wrong, file=sys.stderr)
        return 2
    cache = engine.Cache(work, options.resume, source_hash())
    try:
        results = engine.run(tasks, Place.of(options), cache)
    except KeyboardInterrupt:
        console.print("interrupted; the same command with --resume goes on from here")
        return 130
    failed = [result for found in results.values() for result in found if "error" in result]
    for result in failed:
        print(f"{result['key']}: {result['error']}", file=sys.stderr)
    if failed:
        return 1
    rows = rows_of(results)
    described = {**asdict(settings), "quick": options.quick, "bandwidths": earth.BANDWIDTHS.tolist(),
                 "factors": earth.FACTORS.tolist(), "floors": earth.FLOORS.tolist(),
                 "shares": earth.SHARES}  # fmt: skip
    write_text(out / "record.json", to_json(record(list(seeds), described, rows)))
    write_text(out / "table.md", markdown(rows))
    cache.clear()
    show(console, rows)
    return 0


def tasks_of(folder: Path, name: str, seeds: tuple[int, ...], settings: earth.Settings) -> list[engine.Task]:
    """A task for each split of a set, whose file is read and checked here."""
    digest = hashlib.sha256(earth.load(folder, name).tobytes()).hexdigest()[:16]
    for kind in earth.KINDS:
        for seed in seeds:
            earth.load_parts(folder, name, kind, seed)
    return [
        engine.Task(f"{name}, {kind}", f"{name}, {kind}, split {seed}", "validation.earth_fit:evaluate",
                    (str(folder), digest, name, kind, seed, settings))
        for kind in earth.KINDS for seed in seeds
    ]  # fmt: skip


def rows_of(results: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The record's rows: for each set and kind of split, the mean of each metric over the splits."""
    rows = []
    for name, found in results.items():
        splits = len(found)
        published = PUBLISHED[found[0]["set"]] if found[0]["kind"] == "random rows" else None
        for key, metric, reference in (
            ("mixture", "mixture, held-out nats", published),
            ("kernel", "kernel estimate, held-out nats", None),
            ("variable kernel", "variable kernel estimate, held-out nats", None),
            ("components", "components", None),
            ("coinciding", "share of test rows that coincide with a training row", None),
        ):
            values = [float(result[key]) for result in found]
            rows.append(row(name, metric, float(np.mean(values)), interval95=over_seeds(values)[1], n=splits,
                            published=reference))  # fmt: skip
        sizes = float(np.mean([result["sizes"][2] for result in found]))
        rows.append(row(name, "test rows", sizes, n=splits))
    return rows


def lines(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The table's cells, one line for each set and kind of split."""
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in rows:
        table.setdefault(entry["name"], {})[entry["metric"].partition(",")[0]] = entry
    found = []
    for name, cells in table.items():
        data, _, kind = name.partition(", ")
        published = cells["mixture"]["published"]
        share = cells["share of test rows that coincide with a training row"]["value"]
        found.append([
            data, kind, f"{cells['test rows']['value']:.0f}", f"{100 * share:.0f} %", _score(cells["mixture"]),
            f"{cells['components']['value']:.0f}", _score(cells["kernel estimate"]),
            _score(cells["variable kernel estimate"]), "" if published is None else f"{published:.2f}",
        ])  # fmt: skip
    return found


def _score(entry: dict[str, Any]) -> str:
    low, high = entry["interval95"]
    return f"{entry['value']:.2f} ± {0.5 * (high - low):.2f}"


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table with what its columns mean."""
    text = [
        "# Held-out negative log-likelihood on the Earth sets", "",
        "Nats with respect to area on the unit sphere, lower is better: mean over the splits ± half the 95 % interval "
        "(Student's t). `coincide` is the share of test rows whose coordinates a training row has too: there a narrow "
        "peak scores without bound, so that only the scales' lower bound (1e-4 radians, 640 m) limits the first kind "
        "of split. *Mixture*: von Mises-Fisher components by EM, the blend of at most two fits, each with at most 1000 "
        "components, whose number, least scale and share the validation part chooses. *Kernel estimate*: two "
        "bandwidths and their blend chosen likewise. *Variable kernel*: each point's two bandwidths may grow with the "
        "distance to its fifth nearest neighbour. *Published*: mixture of von Mises-Fisher of Mathieu and Nickel "
        "(2020), on random rows.", "",
        "*Random rows*: 80/10/10 % of the rows. *Distinct places*: after repeated coordinates are dropped. *Grouped by "
        "cell*: rows whose coordinates round to the same whole degrees stay together.", "",
    ]  # fmt: skip
    return "\n".join([*text, pages.table(HEADER, lines(rows), right=2)])


def show(console: Console, rows: list[dict[str, Any]]) -> None:
    """The table on the terminal."""
    headers = ["parts" if name == "components" else name for name in HEADER]  # to fit 80 columns
    table = terminal.table(*headers, title="held-out nats on the unit sphere, lower is better", wrap=WRAPPED)
    for column in table.columns[2:]:
        column.justify = "right"
    for line in lines(rows):
        table.add_row(*line)
    console.print(table)
