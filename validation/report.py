"""The report: report.html, report.md and report.json in one folder, and the summary in the terminal."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Console
from rich.table import Table

from hyperdist._files import to_json
from validation import holm, independence, mmd
from validation.cases import BATCH, FAMILIES
from validation.judge import Verdict

FILES = ("report.html", "report.md", "report.json")


def law_summary(verdict: Verdict, results: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One line a law: cases, draws, tests, smallest p-value and its Holm correction, effective sample size."""
    lines = []
    for law in FAMILIES:
        cases = [item for item in results.get("law", []) if item["case"]["family"] == law]
        tests = [test for test in verdict.tests if test["law"] == law]
        if not cases or not tests:
            continue
        worst = min(tests, key=lambda test: test["p"])
        lines.append({
            "law": law, "cases": len(cases), "tests": len(tests), "p": worst["p"],
            "where": f"{worst['key']}, {worst['test']}",
            "adjusted": min(test["adjusted"] for test in tests), "ess": min(item["ess"] for item in cases),
            "rhat": max(item["rhat"] for item in cases),
            "draws": sum(item["case"]["n"] * (BATCH if item["case"]["batch"] else 1) for item in cases),
            "failed": sum(test["adjusted"] <= verdict.alpha for test in tests),
        })  # fmt: skip
    return lines


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("validation"), autoescape=lambda name: bool(name and name.endswith(".html")),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["sci"] = lambda value: "" if value is None else f"{float(value):.1e}"
    environment.filters["thousands"] = lambda value: f"{value:,}"
    return environment


def write_report(
    folder: Path, record: dict[str, Any], verdict: Verdict, results: dict[str, list[dict[str, Any]]]
) -> None:
    """Write the three files into a fresh folder; the caller puts it in place."""
    from validation import figures, pictures  # pyplot takes a second that the workers need not spend

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    context = {
        "record": record, "verdict": verdict, "laws": law_summary(verdict, results), "smallest": verdict.smallest(12),
        "accuracy": verdict.accuracy, "counted": results.get("counted", []), "lags": independence.LAGS,
        "least_ess": independence.LEAST_ESS, "permutations": mmd.PERMUTATIONS, "mmd_size": mmd.SIZE,
        "mmd_threshold": mmd.THRESHOLD, "alpha": holm.ALPHA,
    }  # fmt: skip
    environment = _environment()
    (folder / "report.json").write_text(to_json(record), encoding="utf-8")
    (folder / "report.md").write_text(environment.get_template("report.md").render(context), encoding="utf-8")
    context["figures"] = figures.draw_all(results, verdict.tests) | {"samples": pictures.samples()}
    (folder / "report.html").write_text(environment.get_template("report.html").render(context), encoding="utf-8")


def print_accuracy(console: Console, verdict: Verdict) -> None:
    """The worst error of each function over all laws, and the smallest acceptance rate."""
    table = Table("function", "allowed", "worst error", "law", "where", title="Accuracy against mpmath")
    functions = dict.fromkeys((entry["function"], entry["target"]) for entry in verdict.accuracy)
    for function, target in functions:
        entries = [e for e in verdict.accuracy if e["function"] == function]
        worst = max(entries, key=lambda e: e["error"])
        text = f"{worst['error']:.1e}"
        table.add_row(function, "" if target is None else f"{target:.1e}",
                      f"[red]{text}[/red]" if any(e["failed"] for e in entries) else text,
                      worst["law"], worst["where"])  # fmt: skip
    console.print(table)
    if verdict.acceptance:
        low = verdict.acceptance
        console.print(
            f"acceptance: smallest {low['minimum']:.4f} at d={low['d']} s={low['s']:.4g}, {low['points']:,} points"
        )


def summarise(console: Console, verdict: Verdict, results: dict[str, list[dict[str, Any]]]) -> None:
    """The run's summary in the terminal."""
    table = Table("law", "cases", "draws", "tests", "smallest p", "by Holm", "least ESS/n", "verdict", title="Laws")
    for line in law_summary(verdict, results):
        word = f"[red]{line['failed']} failed[/red]" if line["failed"] else "passed"
        table.add_row(line["law"], str(line["cases"]), f"{line['draws']:,}", str(line["tests"]), f"{line['p']:.1e}",
                      f"{line['adjusted']:.2g}", f"{line['ess']:.2f}", word)  # fmt: skip
    console.print(table)
    print_accuracy(console, verdict)
    for failure in verdict.failures:
        console.print(f"FAILED {failure}", style="red", markup=False)
    count = len(verdict.tests)
    word, style = ("PASSED", "bold green") if verdict.passed else ("FAILED", "bold red")
    console.print(f"{word}: {count} tests, family-wise false-alarm rate {verdict.alpha:g}", style=style)
