"""Records: how a run came about, and its rows."""

from __future__ import annotations

from typing import Any

import torch

from hyperdist.runs import record as _record
from hyperdist.runs.record import row

__all__ = ["provenance", "row"]

_SOURCES = ("hyperdist", "hyperdist_torch")
_PACKAGES = ("numpy", "scipy", "torch", "lightning", "torchdiffeq", "gpytorch", "matplotlib")


def provenance() -> dict[str, Any]:
    """Command, commit, date, machine and versions, as they are now."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    made = _record.provenance(
        "hyperdist_torch.experiments", _SOURCES, _PACKAGES, threads=torch.get_num_threads(), gpu=gpu
    )
    made["versions"]["torch"] = torch.__version__  # with its build, which the package's metadata may leave out
    return made
