"""Models on disc: written whole or not at all, read whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor

from hyperdist_torch._files import whole
from hyperdist_torch.vae.config import VAEConfig
from hyperdist_torch.vae.model import PoincareVAE

FORMAT = "hyperdist_torch.vae"
VERSION = 1


def save(model: PoincareVAE, path: str | os.PathLike[str]) -> None:
    """Write the model's configuration and parameters to ``path``.

    A reader finds the old file or the new one, never a part: the new one is written beside it, forced to the disc, and
    put in its place in one step.
    """
    path = Path(path)
    config = model.config.to_dict()
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    content = {
        "format": FORMAT,
        "version": VERSION,
        "config": config,
        "state": state,
        "digest": _digest(config, state),
    }
    with whole(path) as file:
        torch.save(content, file)


def load(path: str | os.PathLike[str], expect: VAEConfig | None = None) -> PoincareVAE:
    """The model that ``save`` wrote, on the CPU, in the dtype it had.

    expect : the configuration that the model must have, if any.
    Raises ValueError, which names the file and what is wrong, where it is truncated, damaged, no checkpoint of a
    PoincareVAE, of another format version or of another configuration; FileNotFoundError where there is none.
    """
    path = Path(path)
    content = _read(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a checkpoint of a PoincareVAE")
    if content.get("version") != VERSION:
        raise ValueError(f"{path} has checkpoint version {content.get('version')!r}, this code reads {VERSION}")
    config, state = content.get("config"), content.get("state")
    if not isinstance(config, dict) or not _is_state(state) or content.get("digest") != _digest(config, state):
        raise ValueError(f"{path} is damaged: its digest is not that of its content")
    return _build(path, config, state, expect)


def _read(path: Path) -> Any:
    content = io.BytesIO(path.read_bytes())
    try:
        return torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken archive or pickle raises any of half a dozen types
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path} cannot be read as a checkpoint: it is truncated or not one ({reason})") from error


def _build(path: Path, values: dict[str, Any], state: dict[str, Tensor], expect: VAEConfig | None) -> PoincareVAE:
    try:
        config = VAEConfig.from_dict(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no valid configuration: {error}") from error
    if expect is not None and config != expect:
        wanted, found = expect.to_dict(), config.to_dict()
        differing = [
            f"{name} = {found[name]!r}, not {wanted[name]!r}" for name in wanted if found[name] != wanted[name]
        ]
        raise ValueError(f"{path} holds another model: {'; '.join(differing)}")
    model = PoincareVAE(config)
    weight = state.get("decoder.output.weight", model.decoder.output.weight)
    model.to(weight.dtype)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"{path} holds other parameters than its configuration has: {error}") from error
    return model


def _is_state(state: Any) -> TypeGuard[dict[str, Tensor]]:
    return isinstance(state, dict) and bool(state) and all(isinstance(value, Tensor) for value in state.values())


def _digest(config: dict[str, Any], state: Mapping[str, Tensor]) -> str:
    """SHA-256 of the configuration and of every parameter's name, dtype, shape and bytes."""
    sha = hashlib.sha256(json.dumps([VERSION, config], sort_keys=True).encode())
    for name, value in sorted(state.items()):
        sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        sha.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
