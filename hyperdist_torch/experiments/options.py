"""Options that the experiments share, and the loop over an experiment's cells."""

from __future__ import annotations

import argparse
import fnmatch
import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from hyperdist.runs import engine, intervals, lock
from hyperdist.runs.files import out_folder
from hyperdist.runs.places import Place, add_options
from hyperdist.runs.progress import Bar
from hyperdist_torch.experiments import cells
from hyperdist_torch.experiments.cells import Cell, Machine
from hyperdist_torch.experiments.tasks import Task
from hyperdist_torch.training import ACCELERATORS, leads

T = TypeVar("T", bound=Task)

_BEGUN = uuid.uuid4().hex
"""The name of this run of an experiment."""


def add(parser: argparse.ArgumentParser, name: str, *, data: bool) -> None:
    """The options; the published setting is their default."""
    parser.add_argument("--quick", action="store_true", help="a small setting that ends in seconds, for tests")
    parser.add_argument(
        "--out", type=out_folder, default=Path("reports") / name, help="folder of results (%(default)s)"
    )
    if data:
        parser.add_argument("--data-dir", type=Path, help="folder of the data (default: HYPERDIST_DATA)")
    parser.add_argument("--resume", action="store_true", help="keep finished cells, go on with the one cut off")
    parser.add_argument("--accelerator", default="auto", choices=ACCELERATORS, help="to train on (%(default)s)")
    add_devices(parser)
    add_options(parser, 0, shard=True)
    parser.add_argument("--seeds", type=int, nargs="+", help="one after another")
    parser.add_argument(
        "--cells",
        nargs="+",
        metavar="PATTERN",
        help="only cells with such names, as in a shell; with or without what --list prints after them",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the cells, in order, and end")
    parser.add_argument("--epochs", type=count, help="other than published")


def alone(args: argparse.Namespace) -> AbstractContextManager[None]:
    """Nobody else runs in the folder of results meanwhile but other shards; ValueError at once where somebody does.

    The lock is ``.lock`` in the folder, and nothing of it stays. A training's further processes are of this run.
    """
    together = getattr(args, "devices", 1), getattr(args, "num_nodes", 1)
    if args.list or not leads(*together):
        return nullcontext()
    return lock.alone(args.out, f"--out {args.out}", getattr(args, "shard", None) or (1, 1))


def count(text: str) -> int:
    """The value of an option that counts something: an integer >= 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer >= 1, got {text!r}")
    return int(text)


def add_devices(parser: argparse.ArgumentParser) -> None:
    """What Lightning's ``Trainer`` spreads one training over."""
    parser.add_argument("--devices", default=1, type=_devices, help="devices to train on, of each node (%(default)s)")
    parser.add_argument("--num-nodes", default=1, type=count, help="machines to train on together (%(default)s)")
    parser.add_argument("--strategy", default="auto", help="Lightning's, such as ddp (%(default)s)")


def _devices(text: str) -> int | str:
    return text if text == "auto" else count(text)


def variant(options: argparse.Namespace, **others: Any) -> str:
    """What differs from the published setting, in words with commas between them.

    others   further settings by name; None as published, True where the name says all.
    """
    named = {"epochs": options.epochs, **others}
    words = [name if value is True else f"{name} {value}" for name, value in named.items() if value is not None]
    return ", ".join((["quick"] if options.quick else []) + words)


def chosen(table: Iterable[Cell[T]], options: argparse.Namespace) -> list[Cell[T]]:
    """The cells, each once, whose name or key fits a pattern of ``--cells``; ValueError where a pattern fits none."""
    table = list({cell.key: cell for cell in table}.values())
    if not options.cells:
        return table
    for pattern in options.cells:
        if not any(_fits(cell, pattern) for cell in table):
            names = ", ".join(dict.fromkeys(cell.name for cell in table))
            raise ValueError(f"--cells must fit a name of {names}, got {pattern!r}")
    return [cell for cell in table if any(_fits(cell, pattern) for pattern in options.cells)]


def _fits(cell: Cell[Any], pattern: str) -> bool:
    """As a name, for all seeds, or as one of the keys that ``--list`` prints."""
    return any(fnmatch.fnmatchcase(word, pattern) for word in (cell.name, cell.key))


def run(
    table: Sequence[Cell[Task]], options: argparse.Namespace, say: Callable[[str], None], after: Callable[[], None]
) -> None:
    """Each cell, one after another or side by side; ``after`` is called after each, so that the tables show what there
    is.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    place = place_of(options)
    table = place.mine(table)
    kept = cells.results(options.out)
    done = {cell.key for cell in table if options.resume and cell.key in kept}
    numbers = {cell.key: f"{number}/{len(table)} {cell.key}" for number, cell in enumerate(table, 1)}
    for cell in table:
        if cell.key in done:
            say(f"{numbers[cell.key]}: kept{'' if cells.at_hand(cell, options.out) else ', figures only'}")
    tasks = [_task(cell, options, place) for cell in table if cell.key not in done]
    for task, result in carried_out(tasks, place):
        if result is None:
            continue
        figures = [f"{result['nll']:.3f} ± {intervals.Z * result['standard_error']:.3f} nats"]
        figures += [f"{name} {value:.4g}" for name, value in result.get("metrics", {}).items()]
        say(f"{numbers[task.key]}: {', '.join(figures)}")
        after()
    if not leads(options.devices, options.num_nodes):
        raise SystemExit(0)  # what follows is for the first process, which alone has results
    if len(done) == len(table):
        after()


def place_of(options: argparse.Namespace) -> Place:
    """Where the cells are done; ValueError where each would want devices of its own."""
    place = Place.of(options)
    if not place.here and (options.devices, options.num_nodes) != (1, 1):
        got = f"{options.devices} on {options.num_nodes} nodes"
        raise ValueError(f"--devices must be 1 with --workers or --scheduler, got {got}")
    return place


def _task(cell: Cell[Task], options: argparse.Namespace, place: Place) -> engine.Task:
    machine = Machine(
        options.accelerator, options.devices, place.here and not options.quick, options.num_nodes, options.strategy
    )
    function = f"{cells.__name__}:{'work' if place.here else 'work_elsewhere'}"
    arguments = (cell, options.out.resolve(), machine, options.resume, _BEGUN)
    return engine.Task("cell", cell.key, function, arguments, cell.after)


def carried_out(tasks: Sequence[engine.Task], place: Place) -> Iterator[tuple[engine.Task, Any]]:
    """Tasks with what their functions return, as they come; the first error ends it."""
    with Bar(len(tasks), shown=not place.here) as bar:
        for task, result in engine.finished(tasks, place, engine.call):
            bar.step(task.key)
            with bar.aside():
                yield task, result
