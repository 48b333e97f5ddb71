"""Auto-encoders on disc."""

from __future__ import annotations

import os

from hyperdist_torch import checkpoint
from hyperdist_torch.vae.config import VAEConfig
from hyperdist_torch.vae.model import PoincareVAE

FORMAT = checkpoint.Format("hyperdist_torch.vae", 1, VAEConfig.from_dict, PoincareVAE, "PoincareVAE")


def save(model: PoincareVAE, path: str | os.PathLike[str]) -> None:
    """Write the model's configuration and parameters to ``path``, whole or not at all; see ``checkpoint.save``."""
    checkpoint.save(model, path, FORMAT)


def load(path: str | os.PathLike[str], expect: VAEConfig | None = None) -> PoincareVAE:
    """The model that ``save`` wrote, on the CPU, in the dtype it had; raises as ``checkpoint.load``."""
    return checkpoint.load(path, FORMAT, expect)
