"""Records: how a run came about, and its rows."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import hyperdist

_ROOT = Path(__file__).resolve().parents[2]
_COMMAND: ContextVar[Sequence[str] | None] = ContextVar("_COMMAND", default=None)
"""The arguments of the run whose task another process is doing."""


@contextmanager
def command_of(arguments: Sequence[str]) -> Iterator[None]:
    """Records made meanwhile are of a command with these arguments, not of this process's own."""
    token = _COMMAND.set(arguments)
    try:
        yield
    finally:
        _COMMAND.reset(token)


def row(
    name: str, metric: str, value: float, *, interval95: tuple[float, float] | None = None,
    n: int | None = None, published: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One line of a record."""
    interval = None if interval95 is None else [float(interval95[0]), float(interval95[1])]
    return {"name": name, "metric": metric, "value": value, "interval95": interval, "n": n, "published": published}


def provenance(module: str, sources: Iterable[str], packages: Iterable[str], **machine: Any) -> dict[str, Any]:
    """Command, commit, date, machine and versions, as they are now.

    module   : what ``python -m`` runs.  sources : patterns of the files that its figures depend on.
    packages : those whose versions count, where they are installed.  machine : what else to say of it.
    """
    arguments = _COMMAND.get()
    command = shlex.join(["python", "-m", module, *(sys.argv[1:] if arguments is None else arguments)])
    return {
        "command": command.encode(errors="backslashreplace").decode(),  # a path's name may be of any bytes
        "commit": _commit(sources),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {"cpu": _processor(), "cpus": os.cpu_count(), **machine},
        "versions": _versions(packages),
    }


def _commit(sources: Iterable[str]) -> str | None:
    """That of the working tree, with ``+changes`` where tracked sources differ; None where the package is installed."""
    head = _git("rev-parse", "--short=12", "HEAD") if (_ROOT / ".git").exists() else ""
    changed = head and _git("status", "--porcelain", "--untracked-files=no", "--", *sources)
    return (head + ("+changes" if changed else "")) or None


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {"python": platform.python_version(), "hyperdist": hyperdist.__version__}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
