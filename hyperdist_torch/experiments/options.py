"""Options that the experiments share, and the loop over an experiment's cells."""

from __future__ import annotations

import argparse
import fnmatch
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hyperdist_torch.experiments import cells
from hyperdist_torch.experiments.cells import Cell, Data, Machine
from hyperdist_torch.vae.config import DECODERS, ENCODERS

ENCODER, DECODER = "wrapped", "geo"
"""Those of hyperbolic models as published."""


def add(parser: argparse.ArgumentParser, name: str, *, data: bool) -> None:
    """The options; the published setting is their default."""
    parser.add_argument("--quick", action="store_true", help="a small setting that ends in seconds, for tests")
    parser.add_argument("--out", type=Path, default=Path("reports") / name, help="folder of results (%(default)s)")
    if data:
        parser.add_argument("--data-dir", type=Path, help="folder of the data (default: HYPERDIST_DATA)")
    parser.add_argument("--resume", action="store_true", help="keep finished cells, go on with the one cut off")
    parser.add_argument("--accelerator", default="auto", help="that of lightning.Trainer (%(default)s)")
    parser.add_argument("--devices", default=1, type=_devices, help="devices to train on (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", help="one after another")
    parser.add_argument("--cells", nargs="+", metavar="PATTERN", help="only cells with such names, as in a shell")
    parser.add_argument("--list", action="store_true", help="print the names of the cells, in order, and end")
    parser.add_argument("--epochs", type=int, help="other than published")
    parser.add_argument("--samples", type=int, help="samples of the likelihood estimate, other than published")
    parser.add_argument("--decoder", choices=DECODERS, help="of hyperbolic models, other than published")
    parser.add_argument("--encoder", choices=ENCODERS, help="of hyperbolic models, other than published")
    parser.add_argument("--riemannian-gradient", action="store_true", help="in the encoder of hyperbolic models")


def _devices(text: str) -> int | str:
    return text if text == "auto" else int(text)


def variant(options: argparse.Namespace, flat: bool, **others: Any) -> str:
    """What differs from the published setting, in words with commas between them."""
    named = {"epochs": options.epochs, "samples": options.samples, **others}
    if not flat:
        for name, published in (("decoder", DECODER), ("encoder", ENCODER)):
            given = getattr(options, name)
            named[name] = None if given == published else given
    words = [f"{name} {value}" for name, value in named.items() if value is not None]
    if options.riemannian_gradient and not flat:
        words.append("riemannian gradient")
    return ", ".join((["quick"] if options.quick else []) + words)


def chosen(table: Iterable[Cell], options: argparse.Namespace) -> list[Cell]:
    """The cells whose name fits a pattern of ``--cells``; ValueError where a pattern fits none."""
    table = list(table)
    if not options.cells:
        return table
    for pattern in options.cells:
        if not any(fnmatch.fnmatchcase(cell.name, pattern) for cell in table):
            names = ", ".join(dict.fromkeys(cell.name for cell in table))
            raise ValueError(f"--cells must fit a name of {names}, got {pattern!r}")
    return [cell for cell in table if any(fnmatch.fnmatchcase(cell.name, pattern) for pattern in options.cells)]


def run(
    table: list[Cell], data: Data, options: argparse.Namespace, say: Callable[[str], None], after: Callable[[], None]
) -> None:
    """Each cell in turn; ``after`` is called after each, so that the tables show what there is."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    machine = Machine(options.accelerator, options.devices, progress=not options.quick)
    done = {cell.key for cell in table if options.resume and cells.finished(cell, options.out) is not None}
    for number, cell in enumerate(table, 1):
        if cell.key in done:
            say(f"{number}/{len(table)} {cell.key}: kept")
            continue
        result = cells.run(cell, data, options.out, machine, options.resume)
        if result is None:
            continue
        say(f"{number}/{len(table)} {cell.key}: {result['nll']:.3f} ± {1.96 * result['standard_error']:.3f} nats")
        after()
    if len(done) == len(table):
        after()
