"""``python -m validation [COMMAND]``: the command line; without a word, all laws."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import import_module
from pathlib import Path

from validation.arguments import lacking, meanwhile, problem, spell_out

COMMANDS = {
    "run": ("validate", "validate every law and write the report (the default)"),
    "power": ("power", "planted faults, and how often the tests reject each"),
    "timing": ("timing", "time of the samplers over the random numbers they cannot do without"),
    "accuracy": ("tables", "accuracy tables against mpmath and acceptance rates alone"),
    "device": ("device", "every law, layer and model on an accelerator: numbers, waits, times"),
    "earth": ("earth", "mixtures of von Mises-Fisher fitted to Earth-science data"),
    "scaling": ("scaling", "the grid, cells of a table and a fit to 1e9 rows, on one process and on two"),
    "soak": ("soak", "sampling and fitting for an hour, and the memory that is held meanwhile"),
    "trees": ("trees", "distances of embedded trees' deep nodes against mpmath"),
    "readme": ("readme", "fill the README's accuracy table from the committed record"),
}

_Lock = AbstractContextManager[None]

ALONE = ("device", "readme")
"""Commands that do without the extra ``validation``."""


def main(arguments: list[str]) -> int:
    """The exit status: 0 where all passed, 1 where something failed, 2 for a wrong command line, 130 if interrupted."""
    try:
        return _main(arguments)
    except KeyboardInterrupt:  # while modules are loaded and reports written too
        print("interrupted; a command that takes --resume goes on with it from here", file=sys.stderr)
        return 130


def _main(arguments: list[str]) -> int:
    # One thread a process: before NumPy is imported, and inherited by the workers.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    spell_out()
    word = arguments[0] if arguments and arguments[0] in COMMANDS else "run"
    rest = arguments[1:] if arguments and arguments[0] in COMMANDS else arguments
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        print(f"unknown command {arguments[0]!r}; one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    wrong = "" if word in ALONE else lacking()
    if wrong:
        print(f"python -m validation: {wrong}", file=sys.stderr)
        return 2
    module = import_module(f"validation.{COMMANDS[word][0]}")
    commands = "\n".join(f"  {name:9} {text}" for name, (_, text) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m validation" + ("" if word == "run" else f" {word}"),
        description=COMMANDS[word][1],
        epilog=f"commands:\n{commands}" if word == "run" else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    options = parser.parse_args(rest)
    wrong = problem(options.out) if getattr(options, "out", None) is not None else ""
    if wrong:
        print(wrong, file=sys.stderr)
        return 2
    lock = import_module("hyperdist.runs.lock")  # loads NumPy, which reads the number of threads above
    try:
        with _alone(options, lock.alone):
            return int(module.main(options) or 0)
    except (OSError, ImportError, lock.Busy) as error:  # a full disc, a folder that is gone since, no scheduler
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


@contextmanager
def _alone(options: argparse.Namespace, alone: Callable[..., _Lock]) -> Iterator[None]:
    """No other run writes what this one will; the lock lies beside it, where nothing of the report's own is."""
    if getattr(options, "out", None) is None:
        yield
        return
    out: Path = options.out.resolve()
    work = meanwhile(out)
    with alone(work, f"--out {options.out}", getattr(options, "shard", None) or (1, 1)):
        yield
    with suppress(OSError):  # what holds results stays
        work.rmdir()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
