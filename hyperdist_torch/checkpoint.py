"""Models on disc: written whole or not at all, read whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeGuard, TypeVar

import torch
from torch import Tensor, nn

from hyperdist._files import whole


class Config(Protocol):
    """The settings of a model: a value that can be compared."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as what JSON can hold."""
        ...


C = TypeVar("C", bound=Config)
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Format(Generic[C, M]):
    """A kind of model with an attribute ``config``, from which it can be built anew."""

    name: str
    """What a file says that it is, such as "hyperdist_torch.vae"."""
    version: int
    read: Callable[[Mapping[str, Any]], C]
    """The configuration of what its ``to_dict`` gave; raises TypeError or ValueError where that is none."""
    build: Callable[[C], M]
    """The model of a configuration, whatever its parameters are."""
    kind: str
    """How messages call the model."""


def save(model: nn.Module, path: str | os.PathLike[str], format: Format[Any, Any]) -> None:
    """Write the model's configuration and its parameters and buffers to ``path``.

    A reader finds the old file or the new one, never a part: the new one is written beside it, forced to the disc, and
    put in its place in one step.
    """
    config = model.config.to_dict()  # type: ignore[operator, union-attr]
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    content = {
        "format": format.name,
        "version": format.version,
        "config": config,
        "state": state,
        "digest": digest(format.version, config, state),
    }
    with whole(Path(path)) as file:
        torch.save(content, file)


def load(path: str | os.PathLike[str], format: Format[C, M], expect: C | None = None) -> M:
    """The model that ``save`` wrote, on the CPU, each parameter in the dtype it had.

    expect : the configuration that the model must have, if any.
    Raises ValueError, which names the file and what is wrong, where it is truncated, damaged, no checkpoint of this
    format, of another version or of another configuration; FileNotFoundError where there is none.
    """
    path = Path(path)
    content = _read(path)
    if not isinstance(content, dict) or content.get("format") != format.name:
        raise ValueError(f"{path} is not a checkpoint of a {format.kind}")
    if content.get("version") != format.version:
        raise ValueError(f"{path} has checkpoint version {content.get('version')!r}, this code reads {format.version}")
    config, state = content.get("config"), content.get("state")
    if (
        not isinstance(config, dict)
        or not _is_state(state)
        or content.get("digest") != digest(format.version, config, state)
    ):
        raise ValueError(f"{path} is damaged: its digest is not that of its content")
    return _restore(_build(path, format, config, expect), state, path)


def _read(path: Path) -> Any:
    content = io.BytesIO(path.read_bytes())
    try:
        return torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken archive or pickle raises any of half a dozen types
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path} cannot be read as a checkpoint: it is truncated or not one ({reason})") from error


def _build(path: Path, format: Format[C, M], values: dict[str, Any], expect: C | None) -> M:
    try:
        config = format.read(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no valid configuration: {error}") from error
    if expect is not None and config != expect:
        wanted, found = expect.to_dict(), config.to_dict()
        differing = [
            f"{name} = {found.get(name)!r}, not {wanted.get(name)!r}"
            for name in {**wanted, **found}
            if found.get(name) != wanted.get(name)
        ]
        raise ValueError(f"{path} holds another model: {'; '.join(differing)}")
    return format.build(config)


def _restore(model: M, state: dict[str, Tensor], path: Path) -> M:
    # Buffers that are not in the file follow the parameters; those that are have dtypes of their own.
    dtype = next(
        (state[name].dtype for name, _ in model.named_parameters() if name in state), torch.get_default_dtype()
    )
    model.to(dtype)
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if name in state:
            value.data = value.data.to(state[name].dtype)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"{path} holds other parameters than its configuration has: {error}") from error
    return model


def _is_state(state: Any) -> TypeGuard[dict[str, Tensor]]:
    return isinstance(state, dict) and bool(state) and all(isinstance(value, Tensor) for value in state.values())


def digest(version: int, config: dict[str, Any], state: Mapping[str, Tensor]) -> str:
    """SHA-256 of the configuration and of every parameter's name, dtype, shape and bytes."""
    sha = hashlib.sha256(json.dumps([version, config], sort_keys=True).encode())
    for name, value in sorted(state.items()):
        sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        sha.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
