"""Can the validation fail? Planted faults through the same tests, and how often each is rejected."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from typing import Any

from rich.console import Console

from hyperdist.runs import engine
from hyperdist.runs.files import out_folder, to_json, write_text
from hyperdist.runs.intervals import wilson
from hyperdist.runs.places import Place, add_options
from validation import examine, faults, laws, terminal
from validation.arguments import at_least
from validation.record import REPORTS, record, row

SEED, TRIALS = 7, 20
CRITICAL = 1e-9
"""A fault counts as rejected where a p-value is below this: what Holm asks at 1e-6 among a thousand tests."""
LEAST_POWER = 0.9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``power``."""
    parser.add_argument("--trials", type=at_least(1), default=TRIALS, help="runs of each fault (default %(default)s)")
    parser.add_argument("--seed", type=at_least(0), default=SEED)
    parser.add_argument("--out", type=out_folder, default=REPORTS / "power", help="folder of record.json")
    add_options(parser, os.cpu_count() or 1)


def evaluate(name: str, trials: int, seed: int) -> dict[str, Any]:
    """How often a fault and the law it claims to be are rejected, by which tests, and how often p < 0.05."""
    fault = faults.by_name(name)
    case = fault.case
    exact, true = laws.build(case, exact=True), laws.build(case)
    result: dict[str, Any] = {"name": name, "text": fault.text, "case": case.key, "trials": trials}
    for role, sampler in (("fault", fault), ("true", true)):
        rejected, small, tests, caught = 0, 0, 0, Counter[str]()
        for trial in range(trials):
            found = _trial(case, sampler, exact, seed * 100_003 + trial)
            below = {f.test for f in found if not f.p > CRITICAL}
            rejected += bool(below)
            caught.update(below)
            tests += len(found)
            small += sum(not f.p > 0.05 for f in found)
        result[role] = {"rejected": rejected, "caught": dict(caught), "tests": tests, "below 0.05": small}
    return result


def _trial(case: Any, sampler: Any, exact: Any, seed: int) -> list[Any]:
    """All tests of one run of a case."""
    found, x, _ = examine.findings(case, sampler, exact, seed)
    if case.mixture:
        found += examine.two_sample(case, x, seed)
    if case.mmd:
        found.append(examine.mmd_finding(case, sampler, seed))
    return found


def summarise(results: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of the record, and the names of the faults that were missed."""
    rows, missed = [], []
    for result in results:
        count, trials = result["fault"]["rejected"], result["trials"]
        rows.append(row(result["name"], "power", count / trials, interval95=wilson(count, trials), n=trials))
        missed += [result["name"]] if count < LEAST_POWER * trials else []
    total = sum(result["trials"] for result in results)
    false = sum(result["true"]["rejected"] for result in results)
    rows.append(
        row("true laws", f"false alarms at p < {CRITICAL:g}", false / total, interval95=wilson(false, total), n=total)
    )
    tests = sum(result["true"]["tests"] for result in results)
    small = sum(result["true"]["below 0.05"] for result in results)
    rows.append(row("true laws", "share of p < 0.05", small / tests, interval95=wilson(small, tests), n=tests))
    return rows, missed


def _print(console: Console, results: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    table = terminal.table(
        "fault", "as", "rejected", "95 % interval", "by", title="Planted faults", wrap=["fault", "as", "by"]
    )
    for result, entry in zip(results, rows, strict=False):
        low, high = entry["interval95"]
        caught = sorted(result["fault"]["caught"].items(), key=lambda item: -item[1])
        table.add_row(result["name"], result["text"], f"{result['fault']['rejected']}/{result['trials']}",
                      f"{low:.2f} to {high:.2f}", ", ".join(f"{test} {count}" for test, count in caught))  # fmt: skip
    console.print(table)
    for entry in rows[len(results) :]:
        low, high = entry["interval95"]
        console.print(
            f"{entry['name']}: {entry['metric']} {entry['value']:.4f} ({low:.4f} to {high:.4f}), n = {entry['n']}"
        )


def _described(result: dict[str, Any]) -> dict[str, Any]:
    return {"text": result["text"], "case": result["case"], "caught by": result["fault"]["caught"]}


def main(options: argparse.Namespace) -> int:
    """Print the table, write the record; 1 where a fault is missed or a true law is rejected."""
    console = Console()
    tasks = [engine.Task("power", fault.name, "validation.power:evaluate", (fault.name, options.trials, options.seed))
             for fault in faults.FAULTS]  # fmt: skip
    results = engine.run(tasks, Place.of(options))["power"]
    for broken in (result for result in results if "error" in result):
        console.print(f"{broken['key']}: {broken['error']}", markup=False)
    complete = [result for result in results if "error" not in result]
    rows, missed = summarise(complete)
    _print(console, complete, rows)
    settings = {"trials": options.trials, "critical": CRITICAL, "faults": {r["name"]: _described(r) for r in complete}}
    write_text(options.out / "record.json", to_json(record([options.seed], settings, rows)))
    false = any(result["true"]["rejected"] for result in complete)
    if missed:
        console.print(f"missed: {', '.join(missed)}")
    return int(bool(missed) or false or len(complete) < len(results))
