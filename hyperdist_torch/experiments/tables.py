"""From the results of cells to a record and a Markdown table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hyperdist.runs import pages
from hyperdist.runs.files import to_json, write_text
from hyperdist.runs.intervals import over_rows, over_seeds
from hyperdist_torch.experiments import record

Result = dict[str, Any]
Row = dict[str, Any]

KEPT = (
    "name", "row", "column", "variant", "seed", "published", "nll", "standard_error", "n", "samples", "diverged",
    "metrics", "published_metrics", "epochs", "last_loss", "best_epoch", "training_seconds", "evaluation_seconds",
    "starts", "commit", "date",
)  # fmt: skip
"""What a record keeps of each cell: the table can be made from it again. Curves stand in ``curves.json`` beside it."""

_POINTS = 32
"""Epochs of which ``curves.json`` keeps the loss."""

_LOST = "delete it, and it is worked out again"

ONE_SEED = "test NLL in nats, one seed, interval over test rows"
SEEDS = "test NLL in nats, mean over seeds, t interval"


def read(path: Path, keys: Sequence[str], what: str) -> Result:
    """The object of a JSON file that has all of ``keys``, else a ValueError that names the file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of JSON, and of UTF-8
        raise ValueError(f"{path} must be {what}, got what cannot be read ({error}): {_LOST}") from error
    lacking = [key for key in keys if not isinstance(found, dict) or key not in found]
    if lacking:
        raise ValueError(f"{path} must be {what}, got one without {', '.join(lacking)}: {_LOST}")
    return found


def recorded(out: Path) -> Result:
    """``record.json`` of a folder, its cells as results with the curves that are at hand; empty without one."""
    path, beside = out / "record.json", out / "curves.json"
    if not path.exists():
        return {}
    curves = read(beside, (), "the loss curves of a record") if beside.exists() else {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        # Without its name nobody could say which cell a result is of.
        cells = [{**cell, "name": cell["name"], "curve": curves.get(_curve(cell))} for cell in record["cells"]]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} must be a record of an experiment's cells, or lie elsewhere ({problem})") from error
    return {**record, "cells": cells}


def _curve(result: Result) -> str:
    return f"{label(result)}, {result['column']}, seed {result['seed']}"


def label(result: Result) -> str:
    """The model with what differs from the published setting."""
    return f"{result['row']} ({result['variant']})" if result["variant"] else result["row"]


def ordered(results: Iterable[Result], models: Sequence[str], columns: Sequence[str]) -> list[Result]:
    """By model, what differs from its published setting, column and seed; ValueError for another experiment's."""
    results = list(results)
    for result in results:
        if result["row"] not in models or result["column"] not in columns:
            raise foreign(result)
    return sorted(results, key=lambda r: (models.index(r["row"]), r["variant"], columns.index(r["column"]), r["seed"]))


def foreign(result: Result) -> ValueError:
    """The error of a result that no cell of the experiment can have."""
    at = f"{label(result)}, {result['column']}"
    return ValueError(f"--out must be a folder of this experiment, got one with another's result ({at}): give another")


def rows(results: Iterable[Result]) -> list[Row]:
    """One row a model, setting and column, over its seeds, in order of first appearance; then those of each metric."""
    results = list(results)
    return [row for metric in (None, *metrics(results)) for row in _found(results, metric).values()]


def metrics(results: Iterable[Result]) -> list[str]:
    """The names of what was measured besides the likelihood, in order of first appearance."""
    return list(dict.fromkeys(name for result in results for name in result.get("metrics", {})))


def _found(results: list[Result], metric: str | None) -> dict[tuple[str, str], Row]:
    """The rows of the likelihood or of a metric by model and column, where there are any."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((label(result), result["column"]), []).append(result)
    if metric is None:
        return {at: _likelihood(", ".join(at), group) for at, group in groups.items()}
    measured = {at: group for at, group in groups.items() if metric in metrics(group)}
    return {at: _measured(", ".join(at), metric, group) for at, group in measured.items()}


def _likelihood(name: str, group: list[Result]) -> Row:
    values = [float(result["nll"]) for result in group]
    published = group[0]["published"]
    if len(values) > 1:
        mean, interval = over_seeds(values)
        return record.row(name, SEEDS, mean, interval95=interval, n=len(values), published=published)
    interval = over_rows(values[0], float(group[0]["standard_error"]))
    return record.row(name, ONE_SEED, values[0], interval95=interval, n=group[0]["n"], published=published)


def _measured(name: str, metric: str, group: list[Result]) -> Row:
    """A seed whose training diverged counts as NaN."""
    values = [float(result.get("metrics", {}).get(metric, math.nan)) for result in group]
    published = _published(group[0], metric)
    if len(values) > 1:
        mean, interval = over_seeds(values)
        of_all = f"{metric}, mean over seeds, t interval"
        return record.row(name, of_all, mean, interval95=interval, n=len(values), published=published)
    return record.row(name, f"{metric}, one seed", values[0], published=published)


def _published(result: Result, metric: str | None) -> float | None:
    return result["published"] if metric is None else result.get("published_metrics", {}).get(metric)


def table(results: list[Result], columns: list[str], decimals: int = 2, metric: str | None = None) -> str:
    """Models in rows, settings in columns: ours, half the 95 % interval, and below them the published figures.

    decimals   of ours; the published figures have one less.
    metric     the one to show; None is the likelihood.
    """
    found = _found(results, metric)
    shown = [column for column in columns if any(at == column for _, at in found)]
    published = {(result["row"], result["column"]): _published(result, metric) for result in results}
    lines: list[list[str]] = []
    below: set[str] = set()
    for name in dict.fromkeys(name for name, _ in found):
        lines.append([name, *(_figure(found.get((name, column)), decimals) for column in shown)])
        model = next(result["row"] for result in results if label(result) == name)
        figures = [published.get((model, column)) for column in shown]
        if model not in below and any(figure is not None for figure in figures):
            lines.append([f"*{model}, published*", *(f"*{_plain(figure, decimals - 1)}*" for figure in figures)])
            below.add(model)
    return pages.table(["model", *shown], lines)


def best(results: list[Result], columns: list[str], decimals: int, group: Callable[[Result], str]) -> str:
    """The model and setting of least mean in each column, a line for each group of results; empty without a choice."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(group(result), []).append(result)
    lines, shown = [], [column for column in columns if any(result["column"] == column for result in results)]
    for name, members in groups.items():
        found = _found(members, None)
        if len({model for model, _ in found}) < 2:
            continue
        least = []
        for column in shown:
            rivals = [(row["value"], model) for (model, at), row in found.items() if at == column]
            finite = [rival for rival in rivals if math.isfinite(rival[0])]
            model = min(finite)[1] if finite else None
            words = "" if model is None else model.removeprefix(f"{name}: ")
            least.append("" if model is None else f"{_figure(found[model, column], decimals)}<br>{words}")
        lines.append([f"best of ours{f', {name}' if name else ''}", *least])
    return pages.table(["", *shown], lines) if lines else ""


def _first(results: list[Result]) -> tuple[list[Result], list[Result]]:
    """Those at a published setting, or all where no figure is published; and the others."""
    first = [result for result in results if not result["variant"] and result["published"] is not None] or results
    return first, [result for result in results if result not in first]


def _figure(row: Row | None, decimals: int) -> str:
    if row is None:
        return ""
    if row["interval95"] is None:
        return f"{row['value']:.{decimals}f}"
    low, high = row["interval95"]
    return f"{row['value']:.{decimals}f} ± {0.5 * (high - low):.{decimals}f}"


def _plain(figure: float | None, decimals: int) -> str:
    return "-" if figure is None else f"{figure:.{decimals}f}"


def details(results: list[Result]) -> str:
    """What each cell took, and where its training ended."""
    header = ("cell", "seed", "epochs", "last training loss", "training, s", "likelihoods, s", "test rows x samples")
    return pages.table(header, map(_detail, results))


def _detail(result: Result) -> list[str]:
    head = [f"{label(result)}, {result['column']}", str(result["seed"])]
    if "diverged" in result:
        return [*head, f"diverged: {result['diverged']}", "", "", "", ""]
    # Records of earlier versions do not know what came before a resumption: None.
    training = _plain(result.get("training_seconds"), 0)
    rows = f"{result['n']} x {result['samples']}" if result.get("samples") else f"{result['n']}"
    if not (found := trained(result))["epochs"]:
        return [*head, "0", "", training, "", rows]
    return [*head, _epochs(result), f"{found['last_loss']:.2f}", training, f"{result['evaluation_seconds']:.0f}", rows]


def thinned(curve: Any) -> Any:
    """The losses of at most ``_POINTS`` epochs, the first and the last among them, with their numbers from 1.

    ``curves.json`` holds these: the curve of every epoch stands in the cell's own file. What is thinned, or None, stays
    so.
    """
    if curve is None or isinstance(curve, dict):
        return curve
    n = len(curve)
    epochs = np.unique(np.geomspace(1, n, _POINTS).round().astype(int)).tolist() if n else []
    return {"epochs": epochs, "losses": [curve[epoch - 1] for epoch in epochs]}


def trained(result: Result) -> dict[str, Any]:
    """How many epochs a cell was trained, and the last loss, None where there were none."""
    if "epochs" in result:
        return {"epochs": result["epochs"], "last_loss": result["last_loss"]}
    curve = thinned(result.get("curve")) or {"epochs": [], "losses": []}
    return {"epochs": max(curve["epochs"], default=0), "last_loss": (curve["losses"] or [None])[-1]}


def _epochs(result: Result) -> str:
    """Their number, and where validation chose one, its own."""
    epochs = trained(result)["epochs"]
    return str(epochs) if result.get("best_epoch") is None else f"{epochs}, best {result['best_epoch']}"


def write(
    out: Path, title: str, results: list[Result], columns: list[str], settings: dict[str, Any],
    *, more_rows: Iterable[Row] = (), more_text: str = "", decimals: int = 2,
    group: Callable[[Result], str] = lambda result: "", **more: Any,
) -> None:  # fmt: skip
    """``record.json``, ``curves.json`` and ``table.md`` of all results; each is replaced whole.

    The page has the published settings first, then the best of each ``group`` of results that can be compared; other
    settings and metrics, each in a table of its own, follow.
    more   what else the record is to hold.
    """
    seeds = sorted({result["seed"] for result in results})
    content = {
        **record.provenance(), "seeds": seeds, "settings": settings, "rows": [*rows(results), *more_rows],
        "columns": columns, "decimals": decimals,
        "cells": [
            {name: value for name, value in {**result, **trained(result)}.items() if name in KEPT} for result in results
        ], **more,
    }  # fmt: skip
    curves = {_curve(result): thinned(curve) for result in results if (curve := result.get("curve"))}
    several = any(row["metric"] == SEEDS for row in content["rows"])
    note = (
        "Negative log-likelihood of the test rows in nats. ± is half the 95 % interval: "
        + ("Student's t over seeds; where there is one, " if several else "of one seed, ")
        + "of the mean over test rows."
    )
    first, rest = _first(results)
    tables = [table(first, columns, decimals), best(results, columns, decimals, group)]
    appendix = [f"## Other models and settings\n\n{table(rest, columns, decimals)}"] if rest else []
    appendix += [f"## {metric}\n\n{table(results, columns, decimals, metric)}" for metric in metrics(results)]
    page = "\n".join([f"# {title}\n\n{note}\n", *tables, more_text, *appendix, f"## Cells\n\n{details(results)}"])
    write_text(out / "curves.json", to_json(curves))
    write_text(out / "record.json", to_json(content))
    write_text(out / "table.md", page)
