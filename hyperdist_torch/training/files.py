"""Checkpoints of training on disc."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from hyperdist.runs.files import whole


class WholeCheckpoints(CheckpointIO):
    """Checkpoints that a kill at any moment leaves old or new, never part of one.

    Lightning's own writes to the system's temporary folder and moves the file over, which copies it where that is
    another file system.
    """

    def __init__(self) -> None:
        self._readable = False

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        if not self._readable:  # what a model keeps is of the same types at the end of every epoch
            _check_readable(checkpoint, path)
            self._readable = True
        with whole(Path(path)) as file:
            torch.save(checkpoint, file)

    def load_checkpoint(  # type: ignore[override]
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        try:
            checkpoint = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError, ... for damaged files
            raise ValueError(f"{path} must be a whole checkpoint, got one that cannot be read: {error}") from error
        if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("hyperdist"), dict):
            got = f"keys {sorted(map(str, checkpoint))}" if isinstance(checkpoint, dict) else type(checkpoint).__name__
            raise ValueError(f"{path} must be a checkpoint of hyperdist_torch.training, got {got}")
        return checkpoint

    def remove_checkpoint(self, path: Any) -> None:
        os.unlink(path)


def _check_readable(checkpoint: dict[str, Any], path: Any) -> None:
    """ValueError where a checkpoint could not be loaded again: a model's state holds what is code, not numbers."""
    content = io.BytesIO()
    try:
        torch.save(checkpoint, content)
        content.seek(0)
        torch.load(content, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # pickle raises AttributeError, TypeError, PicklingError, UnpicklingError
        state = checkpoint.get("state_dict", {})
        off = [name for name, value in state.items() if not isinstance(value, torch.Tensor)]
        where = f" ({', '.join(off)})" if off else ""
        raise ValueError(
            f"a model's state must hold tensors and plain values to be saved in {path}{where}: {error}"
        ) from error
