"""Fills the README's accuracy table from the committed record, or checks that it is up to date."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from hyperdist.runs import pages
from hyperdist.runs.files import write_text
from validation.accuracy import TARGETS
from validation.record import REPORTS, ROOT, since

START, STOP = "<!-- accuracy -->", "<!-- /accuracy -->"
COLUMNS = {
    "RiemannianNormal": "Riemannian normal", "WrappedNormal": "wrapped normal", "VonMisesFisher": "von Mises-Fisher",
    "SphericalRiemannianNormal": "Riemannian normal, sphere",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``readme``."""
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing; exit 1 where the table, or what it says of its age, is not right",
    )
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--record", type=Path, default=REPORTS / "accuracy" / "record.json")


def table(record: dict[str, Any]) -> str:
    """The Markdown table of a record of ``python -m validation accuracy``, and two lines under it."""
    worst: dict[str, dict[str, str]] = {}
    distances, acceptance = [], ""
    for row in record["rows"]:
        law, _, function = row["name"].partition(": ")
        if law in COLUMNS and row["metric"].startswith("worst error"):
            worst.setdefault(function, {})[law] = f"{float(row['value']):.1e}"
        elif law.startswith("distance"):
            distances.append(_distance(law.removeprefix("distance, "), float(row["value"])))
        elif function == "acceptance rate":
            place = row["metric"].removeprefix("smallest, at ")
            acceptance = f"Smallest acceptance rate of the sampler: {float(row['value']):.4f}, at {place}. "
    found = ([function, *(errors.get(law, "") for law in COLUMNS)] for function, errors in worst.items())
    lines = [pages.table(["function", *COLUMNS.values()], found, right=1)]
    lines += ["Errors are relative to 1 + |value|, of gradients and of the tail to |value| (in c: to r/c)."]
    lines += [f"Distances, relative: {', '.join(distances)}."] if distances else []
    lines.append(f"{acceptance}{record['settings']['cells']} cells: `{record['command']}`. {since(record)}")
    return "\n".join(lines)


def _distance(model: str, error: float) -> str:
    """A relative error; on the ball and the sphere rounded coordinates limit it, so there the share of that limit."""
    if model in ("poincare", "sphere"):
        return f"{model} {error / TARGETS['distance']:.1g} of what rounded coordinates imply"
    return f"{model} {error:.1e}"


def fill(text: str, content: str) -> str:
    """The text with what stands between the markers replaced; ValueError where they are missing."""
    pattern = re.compile(re.escape(START) + ".*?" + re.escape(STOP), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"README must hold the markers {START} and {STOP}")
    return pattern.sub(lambda _: f"{START}\n{content}\n{STOP}", text)


def main(options: argparse.Namespace) -> int:
    """Fill or check; 1 where a check finds a difference."""
    text = options.readme.read_text(encoding="utf-8")
    filled = fill(text, table(json.loads(options.record.read_text(encoding="utf-8"))))
    if options.check:
        print("the README's accuracy table " + ("agrees with the record" if filled == text else "is out of date"))
        return int(filled != text)
    write_text(options.readme, filled)
    return 0
