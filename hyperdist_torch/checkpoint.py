"""Models on disc: written whole or not at all, read whole or not at all."""

from __future__ import annotations

import io
import json
import os
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeGuard, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from hyperdist.runs.files import whole
from hyperdist_torch._states import differing, digest, is_state, kept, not_finite


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
    build: Callable[..., M]
    """The model of a configuration and, by keyword, of own parts, whatever its parameters are; on the device that
    ``torch.device`` names as context."""
    kind: str
    """How messages call the model."""
    places: Mapping[str, str] = field(default_factory=dict)
    """The attribute at which a model keeps each part that may be one's own, by the keyword that ``build`` takes."""
    own: Callable[[Any], dict[str, str]] = lambda model: {}
    """Which parts of a model are one's own, and how to call them."""

    def owned(self, name: str, parts: Iterable[str]) -> bool:
        """Whether a parameter, buffer or module is of one of the parts."""
        return any(name == self.places[part] or name.startswith(f"{self.places[part]}.") for part in parts)


def save(model: nn.Module, path: str | os.PathLike[str], format: Format[Any, Any]) -> None:
    """Write the model's configuration and its parameters and buffers to ``path``.

    A reader finds the old file or the new one, never a part: the new one is written beside it, forced to the disc, and
    put in its place in one step. Of parts of one's own the file has the numbers; ``load`` is given the parts anew.
    Raises ValueError, before anything is written, for what ``load`` would refuse: a parameter or buffer that is not
    finite (a buffer of one's own part may be) or no plain tensor, a model that is not as its configuration builds it.
    """
    config: Any = model.config
    values, own = config.to_dict(), format.own(model)
    state = {name: kept(name, value) for name, value in model.state_dict().items()}
    broken = not_finite(_numbers(state, model, format, own))
    if broken:
        raise ValueError(f"{broken} must be finite to be saved")
    if not state:
        raise ValueError(f"a {format.kind} must have parameters or buffers to be saved, got none")
    _check_rebuilt(model, format, config, own, state)
    content = {
        "format": format.name,
        "version": format.version,
        "config": values,
        **({"own": own} if own else {}),
        "state": state,
        "digest": digest(format.version, values, state, own),
    }
    with whole(Path(path)) as file:
        torch.save(content, file)


def _check_rebuilt(
    model: nn.Module, format: Format[Any, Any], config: Any, own: Mapping[str, str], state: Mapping[str, Tensor]
) -> None:
    """ValueError where the configuration builds another model, own parts apart: it could not be loaded."""
    wanted = f"a {format.kind} must be as its configuration builds it to be saved"
    if own.keys() - format.places:
        raise ValueError(f"{wanted}, got {', '.join(own.values())}: save its state_dict")
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        planned = format.build(format.read(json.loads(json.dumps(config.to_dict()))))
    if planned.config != config:
        raise ValueError(f"{wanted}, got a configuration that changes where it is written and read: {config}")
    remedy = f": give parts of your own to {format.kind}({'=..., '.join(format.places)}=...)" if format.places else ""
    one, other = (
        {name: type(module) for name, module in each.named_modules() if not format.owned(name, own)}
        for each in (model, planned)
    )
    for name in {**one, **other}:
        if one.get(name) is not other.get(name):
            found, ready = (each[name].__name__ if name in each else "nothing" for each in (one, other))
            raise ValueError(f"{wanted}, got {found} for {name}, where it has {ready}{remedy}")
    parts = (
        {name: value for name, value in each.items() if not format.owned(name, own)}
        for each in (planned.state_dict(), state)
    )
    problem = differing(*parts)
    if problem:
        raise ValueError(f"{wanted}, got other parameters ('the file' is the model): {problem}{remedy}")


def load(
    path: str | os.PathLike[str], format: Format[C, M], expect: C | None = None, *,
    parts: Mapping[str, Any] | None = None, factory: Callable[[C], M] | None = None,
) -> M:  # fmt: skip
    """The model that ``save`` wrote, on the CPU, each parameter in the dtype it had.

    expect  : the configuration that the model must have, if any.
    parts   : those of one's own by their names; modules among them get the numbers of the file.
    factory : of the configuration to a model with its own parts, instead of ``parts``.
    Raises ValueError, which names the file and what is wrong, where it is truncated, damaged, no checkpoint of this
    format, of another version or of another configuration, or holds other parameters than its configuration has or
    numbers that are not finite, and where its own parts are not those that are given; FileNotFoundError where there is
    none. No code of the file is run, and names and shapes are compared before memory is taken for a model.
    """
    parts = {name: part for name, part in (parts or {}).items() if part is not None}
    if parts and factory is not None:
        raise ValueError(f"factory makes all parts: give it, or {', '.join(parts)}, not both")
    path = Path(path)
    content = _read(path)
    if not isinstance(content, dict) or not _is(content.get("format"), format.name):
        raise ValueError(f"{path} is not a checkpoint of a {format.kind}")
    if not _is(content.get("version"), format.version):
        raise ValueError(f"{path} has checkpoint version {content.get('version')!r}, this code reads {format.version}")
    config, state, own = content.get("config"), content.get("state"), content.get("own", {})
    if not (isinstance(config, dict) and is_state(state) and _is_own(own, format)) or not _signed(
        content, format.version, config, state, own
    ):
        raise ValueError(f"{path} is damaged: its digest is not that of its content")
    read = _config(path, format, config, expect)
    if factory is None:
        _check_parts(path, format, own, parts)
        return _restore(_build(path, format, read, state, own, parts), state, path)
    built = factory(read)
    found = format.own(built)
    if built.config != read or found.keys() != own.keys():
        raise ValueError(
            f"factory must give the {format.kind} of {path}, with {read} and own parts {sorted(own) or 'none'}, "
            f"got one with {built.config} and {sorted(found) or 'none'}"
        )
    _compare(path, format, own, built, state)
    return _restore(built, state, path)


def _check_parts(path: Path, format: Format[Any, Any], own: Mapping[str, str], parts: Mapping[str, Any]) -> None:
    """ValueError where other parts are given than the file has of its own."""
    if lacking := {name: called for name, called in own.items() if name not in parts}:
        told = ", ".join(f"{name} ({called})" for name, called in lacking.items())
        raise ValueError(
            f"{path} holds a {format.kind} with parts of one's own: {told}. Give "
            f"load(path, {'=..., '.join(own)}=...), or load(path, factory=...)"
        )
    if extra := [name for name in parts if name not in own]:
        raise ValueError(f"{path} holds a {format.kind} with the ready {', '.join(extra)}: leave out yours")


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


def _build(
    path: Path,
    format: Format[C, M],
    config: C,
    state: Mapping[str, Tensor],
    own: Iterable[str],
    parts: Mapping[str, Any],
) -> M:
    """The model, once its names and shapes, found without memory for the numbers, are those of the file."""
    try:
        with torch.device("meta"), _at_most(len(state)):
            planned = format.build(config, **parts)
    except Exception as error:  # sizes that no tensor can have raise one of several types
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} holds other parameters than its configuration has: {reason}") from error
    _compare(path, format, own, planned, state)
    return format.build(config, **parts)


def _compare(
    path: Path, format: Format[Any, Any], own: Iterable[str], planned: nn.Module, state: Mapping[str, Tensor]
) -> None:
    """ValueError where a file's numbers are not those of a model, or not finite."""
    problem = differing(planned.state_dict(), state)
    if problem:
        raise ValueError(f"{path} holds other parameters than its configuration has: {problem}")
    broken = not_finite(_numbers(state, planned, format, own))
    if broken:
        raise ValueError(f"{path} holds no trained model: {broken} must be finite")


def _numbers(
    state: Mapping[str, Tensor], model: nn.Module, format: Format[Any, Any], own: Iterable[str]
) -> dict[str, Tensor]:
    """The tensors that have to be finite: all but the buffers of own parts, such as masks."""
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    return {name: value for name, value in state.items() if name in parameters or not format.owned(name, own)}


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


def _restore(model: M, state: dict[str, Tensor], path: Path) -> M:
    # Buffers that are not in the file follow the parameters; those that are have dtypes of their own.
    dtype = next(
        (state[name].dtype for name, _ in model.named_parameters() if name in state), torch.get_default_dtype()
    )
    model.to(dtype)
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if name in state and not is_lazy(value):
            value.data = value.data.to(state[name].dtype)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"{path} holds other parameters than its configuration has: {error}") from error
    return model


def _is_own(own: Any, format: Format[Any, Any]) -> TypeGuard[dict[str, str]]:
    return isinstance(own, dict) and all(name in format.places and isinstance(v, str) for name, v in own.items())


def _signed(
    content: dict[str, Any], version: int, config: dict[str, Any], state: Mapping[str, Tensor], own: Mapping[str, str]
) -> bool:
    try:
        return _is(content.get("digest"), digest(version, config, state, own))
    except (TypeError, ValueError, RuntimeError):  # a configuration that JSON cannot hold, or a dtype without bytes
        return False
