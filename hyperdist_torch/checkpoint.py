"""Models on disc: written whole or not at all, read whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeGuard, TypeVar

import torch
from torch import Tensor, nn

from hyperdist.runs.files import whole


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
    """The model of a configuration, whatever its parameters are; on the device ``torch.device`` names as context."""
    kind: str
    """How messages call the model."""


def save(model: nn.Module, path: str | os.PathLike[str], format: Format[Any, Any]) -> None:
    """Write the model's configuration and its parameters and buffers to ``path``.

    A reader finds the old file or the new one, never a part: the new one is written beside it, forced to the disc, and
    put in its place in one step.
    Raises ValueError, before anything is written, where a parameter or buffer is not finite: ``load`` would refuse it.
    """
    config = model.config.to_dict()  # type: ignore[operator, union-attr]
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    broken = _not_finite(state)
    if broken:
        raise ValueError(f"{broken} must be finite to be saved")
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
    format, of another version or of another configuration, or holds other parameters than its configuration has or
    numbers that are not finite; FileNotFoundError where there is none. No code of the file is run, and names and shapes
    are compared before memory is taken for a model.
    """
    path = Path(path)
    content = _read(path)
    if not isinstance(content, dict) or not _is(content.get("format"), format.name):
        raise ValueError(f"{path} is not a checkpoint of a {format.kind}")
    if not _is(content.get("version"), format.version):
        raise ValueError(f"{path} has checkpoint version {content.get('version')!r}, this code reads {format.version}")
    config, state = content.get("config"), content.get("state")
    if not isinstance(config, dict) or not _is_state(state) or not _signed(content, format.version, config, state):
        raise ValueError(f"{path} is damaged: its digest is not that of its content")
    built = _build(path, format, _config(path, format, config, expect), state)
    return _restore(built, state, path)


def _read(path: Path) -> Any:
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("an entry is compressed, and could be of any size")
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a broken archive or pickle raises any of half a dozen types
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path} cannot be read as a checkpoint: it is truncated or not one ({reason})") from error


def _is(found: Any, wanted: str | int) -> bool:
    """Whether an entry is the one wanted; a tensor would answer with a tensor, and True is not the version 1."""
    return type(found) is type(wanted) and found == wanted


def _config(path: Path, format: Format[C, M], values: dict[str, Any], expect: C | None) -> C:
    try:
        config = format.read(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path} holds no valid configuration: {error}") from error
    if expect is not None and config != expect:
        wanted, found = expect.to_dict(), config.to_dict()
        differing = [
            f"{name} = {found.get(name)!r}, not {wanted.get(name)!r}"
            for name in {**wanted, **found}
            if found.get(name) != wanted.get(name)
        ]
        raise ValueError(f"{path} holds another model: {'; '.join(differing)}")
    return config


def _build(path: Path, format: Format[C, M], config: C, state: Mapping[str, Tensor]) -> M:
    """The model, once its names and shapes, found without memory for the numbers, are those of the file."""
    try:
        with torch.device("meta"), _at_most(len(state)):
            planned = format.build(config).state_dict()
    except Exception as error:  # sizes that no tensor can have raise one of several types
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} holds other parameters than its configuration has: {reason}") from error
    problem = _differing(planned, state)
    if problem:
        raise ValueError(f"{path} holds other parameters than its configuration has: {problem}")
    broken = _not_finite(state)
    if broken:
        raise ValueError(f"{path} holds no trained model: {broken} must be finite")
    return format.build(config)


@contextmanager
def _at_most(count: int) -> Iterator[None]:
    """No more than ``count`` parameters may be made by this thread: a billion layers would take for ever."""
    thread, made = threading.get_ident(), 0

    def counted(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal made
        if threading.get_ident() == thread:
            made += 1
            if made > count:
                raise ValueError(f"the file holds {count}, its configuration has more")

    hook = nn.modules.module.register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        hook.remove()


def _differing(planned: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """In what the file's tensors differ from those of the model; empty where they fit."""
    for name in {**planned, **state}:
        if name not in planned or name not in state:
            return f"{name} is in {'the file' if name in state else 'the configuration'} alone"
        wanted, found = planned[name], state[name]
        if found.shape != wanted.shape:
            return f"{name} has shape {tuple(found.shape)} in the file, {tuple(wanted.shape)} by the configuration"
        kinds = [value.dtype if not value.is_floating_point() else "a real floating dtype" for value in (found, wanted)]
        if kinds[0] != kinds[1]:
            return f"{name} has {kinds[0]} in the file, {kinds[1]} by the configuration"
    return ""


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
    return isinstance(state, dict) and bool(state) and all(isinstance(k, str) and _plain(v) for k, v in state.items())


def _plain(value: Any) -> bool:
    """Whether it is a tensor whose every number is in the file: none that is a shape alone, sparse or repeated."""
    if not isinstance(value, Tensor) or value.device.type != "cpu" or value.layout != torch.strided:
        return False
    if value.is_nested or value.is_quantized:
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _not_finite(state: Mapping[str, Tensor]) -> str:
    """The name of a tensor that holds NaN or an infinity; empty where none does."""
    for name, value in state.items():
        eighth = value.is_floating_point() and value.element_size() == 1  # which torch cannot ask whether it is finite
        if not torch.isfinite(value.float() if eighth else value).all():
            return name
    return ""


def _signed(content: dict[str, Any], version: int, config: dict[str, Any], state: Mapping[str, Tensor]) -> bool:
    try:
        return _is(content.get("digest"), digest(version, config, state))
    except (TypeError, ValueError, RuntimeError):  # a configuration that JSON cannot hold, or a dtype without bytes
        return False


def digest(version: int, config: dict[str, Any], state: Mapping[str, Tensor]) -> str:
    """SHA-256 of the configuration and of every parameter's name, dtype, shape and bytes."""
    sha = hashlib.sha256(json.dumps([version, config], sort_keys=True).encode())
    for name, value in sorted(state.items()):
        sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        sha.update(
            value.detach().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        )
    return sha.hexdigest()
