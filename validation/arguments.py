"""What the commands ask of their command lines, looked at before any work is done."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("arviz", "jinja2", "matplotlib", "mpmath", "rich", "tqdm")
"""What the extra ``validation`` installs."""


def lacking() -> str:
    """Which packages are not installed, and the remedy; empty where all are."""
    names = [name for name in PACKAGES if find_spec(name) is None]
    return f"it needs {', '.join(names)}, not installed here: pip install -e '.[validation]'" if names else ""


def spell_out() -> None:
    """Print what the terminal cannot show, as its code: a path of other bytes, a sign beside ASCII."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that is an integer with a lower bound."""

    def parse(text: str) -> int:
        with suppress(ValueError):
            if int(text) >= least:
                return int(text)
        raise argparse.ArgumentTypeError(f"must be an integer >= {least}, got {text!r}")

    return parse


def meanwhile(out: Path) -> Path:
    """Where a run keeps its lock and what it has finished until the report is written: beside ``out``."""
    return out.parent / f".{out.name}.partial"


def problem(folder: Path, names: Iterable[str] = ("record.json",)) -> str:
    """Why files of these names cannot be written into a folder, in words; empty where they can.

    It tries, and leaves everything as it was.
    """
    try:
        _try(folder)
        taken = [name for name in names if (folder / name).is_dir()]
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError of links in a circle, ValueError of a null byte
        why = getattr(error, "strerror", None) or str(error)
        return f"--out must be a folder that can be written to, got {str(folder)!r}: {why}"
    return f"--out must be a folder without folders {', '.join(taken)}, got {str(folder)!r}" if taken else ""


def _try(folder: Path) -> None:
    made: list[Path] = []
    try:
        for path in reversed([folder, *folder.parents]):
            if not path.exists():
                path.mkdir()
                made.append(path)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    finally:
        for path in reversed(made):
            with suppress(OSError):  # another process may have put something there
                path.rmdir()
