"""``python -m validation [COMMAND]``: the command line; without a word, all laws."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from validation.arguments import lacking, problem, spell_out

COMMANDS = {
    "run": ("validate", "validate every law and write the report (the default)"),
    "power": ("power", "planted faults, and how often the tests reject each"),
    "timing": ("timing", "time of the samplers over the random numbers they cannot do without"),
    "accuracy": ("tables", "accuracy tables against mpmath and acceptance rates alone"),
    "device": ("device", "every law, layer and model on an accelerator: numbers, waits, times"),
    "earth": ("earth", "mixtures of von Mises-Fisher fitted to Earth-science data"),
    "trees": ("trees", "distances of embedded trees' deep nodes against mpmath"),
    "readme": ("readme", "fill the README's accuracy table from the committed record"),
}

ALONE = ("device", "readme")
"""Commands that do without the extra ``validation``."""


def main(arguments: list[str]) -> int:
    """The exit status: 0 where all passed, 1 where something failed, 2 for a wrong command line, 130 if interrupted."""
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
    try:
        return int(module.main(options) or 0)
    except OSError as error:  # a full disc, or a folder that is gone since
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
