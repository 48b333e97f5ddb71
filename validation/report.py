"""The report: report.html, report.md and report.json in one folder, and the summary in the terminal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from rich.console import Console

from hyperdist.runs.files import to_json, whole
from hyperdist.testing import holm, mmd
from hyperdist.testing.independence import LAGS
from validation import independence, terminal
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


def _environment(name: str) -> Environment:
    """Of a page: what is put into HTML or Markdown is escaped."""
    html = name.endswith(".html")
    environment = Environment(
        loader=PackageLoader("validation"), autoescape=html, finalize=None if html else markdown,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["code"] = code
    environment.filters["sci"] = lambda value: "" if value is None else f"{float(value):.1e}"
    environment.filters["thousands"] = lambda value: f"{value:,}"
    return environment


_MARKS = re.compile(r"[\\`*\[\]<|~#&]|(?<![^\W_])_|_(?![^\W_])")


def markdown(value: Any) -> Any:
    """A text as one line in which Markdown sees no marks of its own, in a table too; what is no text as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _MARKS.sub(lambda found: "&lt;" if found[0] == "<" else f"\\{found[0]}", " ".join(value.split()))


def code(value: str) -> Markup:
    """A text as Markdown's code, whose fence is longer than any in it."""
    fence = "`" * (1 + max(map(len, re.findall("`+", value)), default=0))
    pad = " " if len(fence) > 1 else ""
    return Markup(fence + pad + " ".join(value.split()) + pad + fence)


def write_report(
    folder: Path, record: dict[str, Any], verdict: Verdict, results: dict[str, list[dict[str, Any]]]
) -> None:
    """Write the three files, each whole or not at all; what else is in the folder stays as it is."""
    from validation import figures, pictures  # pyplot takes a second that the workers need not spend

    context = {
        "record": record, "verdict": verdict, "laws": law_summary(verdict, results), "smallest": verdict.smallest(12),
        "accuracy": verdict.accuracy, "counted": results.get("counted", []), "lags": LAGS,
        "least_ess": independence.LEAST_ESS, "permutations": mmd.PERMUTATIONS, "mmd_size": mmd.SIZE,
        "mmd_threshold": mmd.THRESHOLD, "alpha": holm.ALPHA,
    }  # fmt: skip
    context["figures"] = figures.draw_all(results, verdict.tests) | {"samples": pictures.samples()}
    pages = {"report.json": to_json(record)}
    pages |= {name: _environment(name).get_template(name).render(context) for name in FILES if name not in pages}
    for name in FILES:
        with whole(folder / name) as file:
            file.write(pages[name].encode(errors="backslashreplace"))  # a path's name may be of any bytes


def print_accuracy(console: Console, verdict: Verdict) -> None:
    """The worst error of each function over all laws, and the smallest acceptance rate."""
    table = terminal.table(
        "function", "allowed", "worst error", "where", title="Accuracy against mpmath", wrap=["where"]
    )
    functions = dict.fromkeys((entry["function"], entry["target"]) for entry in verdict.accuracy)
    for function, target in functions:
        entries = [e for e in verdict.accuracy if e["function"] == function]
        worst = max(entries, key=lambda e: e["error"])
        text = f"{worst['error']:.1e}"
        table.add_row(function, "" if target is None else f"{target:.1e}",
                      f"[red]{text}[/red]" if any(e["failed"] for e in entries) else text,
                      f"{worst['law']} {worst['where']}")  # fmt: skip
    console.print(table)
    if verdict.acceptance:
        low = verdict.acceptance
        console.print(
            f"acceptance: smallest {low['minimum']:.4f} at d={low['d']} s={low['s']:.4g}, {low['points']:,} points"
        )


def summarise(console: Console, verdict: Verdict, results: dict[str, list[dict[str, Any]]]) -> None:
    """The run's summary in the terminal."""
    table = terminal.table("law", "cases", "draws", "tests", "least p", "by Holm", "ESS/n", "verdict", title="Laws")
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
