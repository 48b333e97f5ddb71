"""Records: how a run came about, and its rows; where they stand."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from hyperdist._record import provenance, row

__all__ = ["REPORTS", "ROOT", "record", "row", "source_hash"]

ROOT = Path(__file__).resolve().parent.parent
REPORTS = Path(__file__).resolve().parent / "reports"
_SOURCES = ("hyperdist", "hyperdist_torch", "validation/*.py")
_PACKAGES = ("numpy", "scipy", "mpmath", "torch", "arviz", "matplotlib")


def source_hash() -> str:
    """A digest of the library's and the validation's sources: what cached results depend on."""
    digest = hashlib.sha256()
    for folder in ("hyperdist", "validation"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def record(seeds: list[int], settings: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A run's record: how it came about, and its rows."""
    threads = os.environ.get("OMP_NUM_THREADS", "default")
    made = provenance("validation", _SOURCES, _PACKAGES, threads=threads)
    return {**made, "seeds": seeds, "settings": settings, "rows": rows}
