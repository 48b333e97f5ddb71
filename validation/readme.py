"""Fills the README's accuracy table from the committed record, or checks that it is up to date."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from validation.record import REPORTS, ROOT, write

START, STOP = "<!-- accuracy -->", "<!-- /accuracy -->"
COLUMNS = {
    "RiemannianNormal": "Riemannian normal", "WrappedNormal": "wrapped normal", "VonMisesFisher": "von Mises-Fisher",
    "SphericalRiemannianNormal": "Riemannian normal, sphere",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``readme``."""
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the table is out of date")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--record", type=Path, default=REPORTS / "accuracy" / "record.json")


def table(record: dict[str, Any]) -> str:
    """The Markdown table of a record of ``python -m validation accuracy``."""
    worst: dict[str, dict[str, str]] = {}
    notes = []
    for row in record["rows"]:
        law, _, function = row["name"].partition(": ")
        if law in COLUMNS and row["metric"].startswith("worst error"):
            worst.setdefault(function, {})[law] = f"{float(row['value']):.1e}"
        elif law.startswith("distance"):
            notes.append(f"{law.removeprefix('distance, ')} {float(row['value']):.1e}")
        elif function == "acceptance rate":
            acceptance = (
                f"Smallest acceptance rate {float(row['value']):.4f} ({row['metric'].removeprefix('smallest, ')})."
            )
            notes.append(acceptance)
    lines = ["| function | " + " | ".join(COLUMNS.values()) + " |", "| --- |" + " --: |" * len(COLUMNS)]
    for function, errors in worst.items():
        lines.append(f"| {function} | " + " | ".join(errors.get(law, "") for law in COLUMNS) + " |")
    distances = ", ".join(note for note in notes if not note.startswith("Smallest"))
    closing = [f"Distances: {distances}."] if distances else []
    closing += [note for note in notes if note.startswith("Smallest")]
    grid = (
        f"{record['settings']['cells']} laws, commit {record['commit']}, {record['date'][:10]}; `{record['command']}`."
    )
    return "\n".join([*lines, "", *closing, grid])


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
    write(options.readme, filled)
    return 0
