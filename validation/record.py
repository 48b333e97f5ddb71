"""Records: how a run came about, and its rows; where they stand."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REPORTS = Path(__file__).resolve().parent / "reports"
PACKAGES = ("hyperdist", "numpy", "scipy", "mpmath", "arviz", "matplotlib")


def row(
    name: str, metric: str, value: float, *, interval95: tuple[float, float] | None = None,
    n: int | None = None, published: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One line of a record."""
    interval = None if interval95 is None else [float(interval95[0]), float(interval95[1])]
    return {"name": name, "metric": metric, "value": value, "interval95": interval, "n": n, "published": published}


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def commit() -> str | None:
    """The commit of the working tree, with ``+changes`` where tracked sources differ from it; None outside git."""
    head = _git("rev-parse", "--short=12", "HEAD")
    sources = ("hyperdist", "hyperdist_torch", "validation/*.py")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *sources)
    return (head + ("+changes" if changed else "")) or None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """Processor, number of CPUs, and threads a process may use in linear algebra."""
    return {"cpu": _processor(), "cpus": os.cpu_count(), "threads": os.environ.get("OMP_NUM_THREADS", "default")}


def versions() -> dict[str, str]:
    """Versions of Python and of what the run depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "source"
    return found


def source_hash() -> str:
    """A digest of the library's and the validation's sources: what cached results depend on."""
    digest = hashlib.sha256()
    for folder in ("hyperdist", "validation"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def record(seeds: list[int], settings: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A run's record: how it came about, and its rows."""
    arguments = list(sys.argv[1:])
    return {
        "command": shlex.join(["python", "-m", "validation", *arguments]),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(), "versions": versions(), "seeds": seeds, "settings": settings, "rows": rows,
    }  # fmt: skip


def swap(staged: Path, target: Path) -> None:
    """Put the folder ``staged`` in the place of ``target``, both on one file system."""
    aside = target.with_name(f".{target.name}.old")
    if aside.exists():
        shutil.rmtree(aside)
    if target.exists():
        os.replace(target, aside)
    os.replace(staged, target)
    shutil.rmtree(aside, ignore_errors=True)
