"""The accuracy tables and acceptance rates alone, and the committed record that the README quotes."""

from __future__ import annotations

import argparse
import os

from rich.console import Console

from hyperdist.runs import engine
from hyperdist.runs.files import out_folder, to_json, write_text
from hyperdist.runs.places import Place, add_options
from validation import accuracy, report
from validation.judge import judge
from validation.record import REPORTS, record, sources
from validation.validate import SEED, acceptance_tasks, distance_tasks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``accuracy``."""
    parser.add_argument("--full", action="store_true", help="the whole grid")
    parser.add_argument("--out", type=out_folder, default=REPORTS / "accuracy", help="folder of record.json")
    add_options(parser, os.cpu_count() or 1)


def main(options: argparse.Namespace) -> int:
    """Print the tables, write the record; 1 where an error is above its target."""
    console = Console()
    tasks = [
        engine.Task("accuracy", f"accuracy, {cell.key}", "validation.accuracy:evaluate", (cell,))
        for cell in accuracy.grid(options.full)
    ]
    tasks += acceptance_tasks(options.full, SEED) + distance_tasks(SEED)
    verdict = judge(engine.run(tasks, Place.of(options)))
    settings = {"full": options.full, "cells": sum(task.kind == "accuracy" for task in tasks),
                "sources": sources("hyperdist")}  # fmt: skip
    write_text(options.out / "record.json", to_json(record([SEED], settings, verdict.rows)))
    report.print_accuracy(console, verdict)
    return 0 if verdict.passed else 1
