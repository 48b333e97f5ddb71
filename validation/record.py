"""Records: how a run came about, and its rows; where they stand."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hyperdist.runs.record import provenance, row

__all__ = ["REPORTS", "ROOT", "record", "row", "since", "source_hash", "sources"]

ROOT = Path(__file__).resolve().parent.parent
REPORTS = Path(__file__).resolve().parent / "reports"
_SOURCES = ("hyperdist", "hyperdist_torch", "validation/*.py")
_PACKAGES = ("numpy", "scipy", "mpmath", "torch", "arviz", "matplotlib", "dask")


_ASIDE = {"plot", "earth", "testing", "trees", "experiments", "training", "datasets"}
"""Parts of the packages that no figure of accuracy or time depends on."""


def source_hash() -> str:
    """A digest of both packages' and the validation's sources: what cached results depend on.

    PyTorch's accept loop is counted beside NumPy's.
    """
    folders = ("hyperdist", "hyperdist_torch", "validation")
    return _digest(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def sources(*packages: str, root: Path = ROOT) -> dict[str, Any]:
    """For a record's settings: which packages its figures measure, and the digest of their sources."""
    paths = [path for package in packages for path in (root / package).rglob("*.py")]
    kept = [path for path in paths if not _ASIDE & set(path.relative_to(root).parts)]
    return {"packages": list(packages), "digest": _digest(kept, root)}


def since(record: dict[str, Any]) -> str:
    """A sentence: when a record was made, and whether the sources that it measures are still those."""
    made, kept = f"Measured at commit {record['commit']}, {record['date'][:10]}", record["settings"].get("sources")
    if kept is None:
        return f"{made}."
    changed = "no" if sources(*kept["packages"]) == kept else "yes"
    return f"{made}; the sources of {' and '.join(kept['packages'])} have changed since: {changed}."


def _digest(paths: Iterable[Path], root: Path = ROOT) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def record(seeds: list[int], settings: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A run's record: how it came about, and its rows."""
    threads = os.environ.get("OMP_NUM_THREADS", "default")
    made = provenance("validation", _SOURCES, _PACKAGES, threads=threads)
    return {**made, "seeds": seeds, "settings": settings, "rows": rows}
