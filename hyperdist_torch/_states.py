"""The states of modules as files hold them: plain tensors by name, compared and summed up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy


def kept(name: str, value: Any) -> Tensor:
    """What a file holds of an entry of a state; ValueError where it could not be read again."""
    if is_lazy(value):
        raise ValueError(f"{name} must have been initialised to be saved: run the model once")
    if isinstance(value, Tensor) and value.device.type != "meta":
        value = value.detach().cpu()
        if value.layout == torch.strided and not plain(value):  # one number that stands for many
            value = value.clone(memory_format=torch.contiguous_format)
    if not plain(value):
        got = f"one of layout {value.layout} on {value.device}" if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name} must be a dense tensor to be saved, got {got}")
    return value


def differing(planned: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """In what the file's tensors differ from those of the model; empty where they fit."""
    for name in {**planned, **state}:
        if name not in planned or name not in state:
            return f"{name} is in {'the file' if name in state else 'the configuration'} alone"
        wanted, found = planned[name], state[name]
        if is_lazy(wanted):  # of a lazy module, which takes the file's shape
            continue
        if found.shape != wanted.shape:
            return f"{name} has shape {tuple(found.shape)} in the file, {tuple(wanted.shape)} by the configuration"
        kinds = [value.dtype if not value.is_floating_point() else "a real floating dtype" for value in (found, wanted)]
        if kinds[0] != kinds[1]:
            return f"{name} has {kinds[0]} in the file, {kinds[1]} by the configuration"
    return ""


def is_state(state: Any) -> TypeGuard[dict[str, Tensor]]:
    return isinstance(state, dict) and bool(state) and all(isinstance(k, str) and plain(v) for k, v in state.items())


def plain(value: Any) -> TypeGuard[Tensor]:
    """Whether it is a tensor whose every number is in the file: none that is a shape alone, sparse or repeated."""
    if not isinstance(value, Tensor) or value.device.type != "cpu" or value.layout != torch.strided:
        return False
    if value.is_nested or value.is_quantized:
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def not_finite(state: Mapping[str, Tensor]) -> str:
    """The name of a tensor that holds NaN or an infinity; empty where none does."""
    for name, value in state.items():
        eighth = value.is_floating_point() and value.element_size() == 1  # which torch cannot ask whether it is finite
        if not torch.isfinite(value.float() if eighth else value).all():
            return name
    return ""


def digest(
    version: int, config: dict[str, Any], state: Mapping[str, Tensor], own: Mapping[str, str] | None = None
) -> str:
    """SHA-256 of the configuration, the own parts if any, and every parameter's name, dtype, shape and bytes."""
    head = [version, config, own] if own else [version, config]
    sha = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for name, value in sorted(state.items()):
        sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        sha.update(
            value.detach().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        )
    return sha.hexdigest()
