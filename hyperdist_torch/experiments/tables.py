"""From the results of cells to a record and a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hyperdist_torch._files import write_text
from hyperdist_torch.experiments import record
from hyperdist_torch.experiments.intervals import over_rows, over_seeds

Result = dict[str, Any]

KEPT = (
    "row", "column", "variant", "seed", "published", "nll", "standard_error", "n", "samples", "diverged",
    "training_seconds", "evaluation_seconds", "commit", "date",
)  # fmt: skip
"""What a record keeps of each cell: the table can be made from it again."""

ONE_SEED = "test NLL in nats, one seed, interval over test rows"
SEEDS = "test NLL in nats, mean over seeds, t interval"


def label(result: Result) -> str:
    """The model with what differs from the published setting."""
    return f"{result['row']} ({result['variant']})" if result["variant"] else result["row"]


def rows(results: Iterable[Result]) -> list[dict[str, Any]]:
    """One row a model, setting and column, over its seeds; in order of first appearance."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((label(result), result["column"]), []).append(result)
    return [_row(f"{name}, {column}", group) for (name, column), group in groups.items()]


def _row(name: str, group: list[Result]) -> dict[str, Any]:
    values = [float(result["nll"]) for result in group]
    published = group[0]["published"]
    if len(values) > 1:
        mean, interval = over_seeds(values)
        return record.row(name, SEEDS, mean, interval95=interval, n=len(values), published=published)
    interval = over_rows(values[0], float(group[0]["standard_error"]))
    return record.row(name, ONE_SEED, values[0], interval95=interval, n=group[0]["n"], published=published)


def table(results: list[Result], columns: list[str]) -> str:
    """Models in rows, settings in columns: ours, half the 95 % interval, and below them the published figures."""
    found = {row["name"]: row for row in rows(results)}
    shown = [column for column in columns if any(result["column"] == column for result in results)]
    published = {(result["row"], result["column"]): result["published"] for result in results}
    lines = ["| model | " + " | ".join(shown) + " |", "| --- |" + " --- |" * len(shown)]
    below: set[str] = set()
    for name in dict.fromkeys(label(result) for result in results):
        lines.append(f"| {name} | " + " | ".join(_figure(found.get(f"{name}, {column}")) for column in shown) + " |")
        model = next(result["row"] for result in results if label(result) == name)
        figures = [published.get((model, column)) for column in shown]
        if model not in below and any(figure is not None for figure in figures):
            lines.append(f"| *{model}, published* | " + " | ".join(f"*{_plain(figure)}*" for figure in figures) + " |")
            below.add(model)
    return "\n".join(lines) + "\n"


def _figure(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    low, high = row["interval95"]
    return f"{row['value']:.2f} ± {0.5 * (high - low):.2f}"


def _plain(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.1f}"


def details(results: list[Result]) -> str:
    """What each cell took, and where its training ended."""
    lines = ["| cell | seed | epochs | last training loss | training, s | likelihoods, s | test rows x samples |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for result in results:
        head = f"| {label(result)}, {result['column']} | {result['seed']} | {result['schedule']['epochs']} |"
        if "diverged" in result:
            lines.append(f"{head} diverged: {result['diverged']} | | | |")
        else:
            lines.append(
                f"{head} {result['curve'][-1]:.2f} | {result['training_seconds']:.0f} | "
                f"{result['evaluation_seconds']:.0f} | {result['n']} x {result['samples']} |"
            )
    return "\n".join(lines) + "\n"


def write(
    out: Path, title: str, results: list[Result], columns: list[str], settings: dict[str, Any],
    *, more_rows: Iterable[dict[str, Any]] = (), more_text: str = "",
) -> None:  # fmt: skip
    """``record.json`` and ``table.md`` of all results; each is replaced whole."""
    seeds = sorted({result["seed"] for result in results})
    content = {
        **record.provenance(), "seeds": seeds, "settings": settings, "rows": [*rows(results), *more_rows],
        "columns": columns,
        "cells": [{name: result[name] for name in KEPT if name in result} for result in results],
        "curves": {f"{label(result)}, {result['column']}, seed {result['seed']}": result.get("curve")
                   for result in results},
    }  # fmt: skip
    several = any(row["metric"] == SEEDS for row in content["rows"])
    note = (
        "Negative log-likelihood of the test rows in nats. ± is half the 95 % interval: "
        + ("Student's t over seeds; where there is one seed, " if several else "")
        + "of the mean over test rows, for one seed."
    )
    page = f"# {title}\n\n{note}\n\n{table(results, columns)}\n{more_text}\n## Cells\n\n{details(results)}"
    write_text(out / "record.json", record.to_json(content))
    write_text(out / "table.md", page)
