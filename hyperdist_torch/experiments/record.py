"""Records: how a run came about, and its rows."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import hyperdist

_PACKAGES = ("numpy", "scipy", "torch", "lightning", "torchdiffeq", "gpytorch", "scikit-learn", "matplotlib")


def row(
    name: str, metric: str, value: float, *, interval95: tuple[float, float] | None = None,
    n: int | None = None, published: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One line of a record."""
    return {
        "name": name, "metric": metric, "value": value, "interval95": None if interval95 is None else list(interval95),
        "n": n, "published": published,
    }  # fmt: skip


def provenance() -> dict[str, Any]:
    """Command, commit, date, machine and versions, as they are now."""
    return {
        "command": shlex.join(["python", "-m", "hyperdist_torch.experiments", *sys.argv[1:]]),
        "commit": _commit(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": _machine(),
        "versions": _versions(),
    }


def _commit() -> str | None:
    """The commit of the package's working tree, with ``+changes`` where it differs; None where it is installed."""
    root = Path(__file__).resolve().parents[2]
    head = _git(root, "rev-parse", "--short=12", "HEAD") if (root / ".git").exists() else ""
    changed = head and _git(root, "status", "--porcelain", "--untracked-files=no", "--", "hyperdist", "hyperdist_torch")
    return (head + ("+changes" if changed else "")) or None


def _git(root: Path, *arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _machine() -> dict[str, Any]:
    """Processor, number of CPUs, torch's threads, and the accelerator where there is one."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cpu": _processor(), "cpus": os.cpu_count(), "threads": torch.get_num_threads(), "gpu": gpu}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "hyperdist": hyperdist.__version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
