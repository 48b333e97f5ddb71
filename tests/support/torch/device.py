"""An accelerator played on the CPU, so that any machine finds what would fail on a CUDA device.

Tensors there are wrappers about CPU tensors that claim another device. While ``elsewhere()`` is on, every operation of
torch passes through: tensors on two devices raise, as do large arrays that leave the device (NumPy torch itself
refuses), and what is made with ``device=DEVICE`` lies there. The one thing that cannot be played is a generator: draws
are made with torch's default one.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from hyperdist.arrays import namespace as _namespace
from hyperdist.arrays.namespace import captured, transformed

DEVICE = torch.device("meta")
"""A device on which torch runs no kernels of its own, with autograd."""

MOST = 2**13
"""Numbers that may leave the device at once, for which the host waits."""

_MIXED = {"aten::copy_", "aten::index.Tensor", "aten::index_put", "aten::index_put_"}
"""Operations that take tensors of the CPU beside those of another device."""

_WAITING = {"aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero", "aten::equal", "aten::masked_select"}


class Elsewhere(Tensor):
    """A tensor that claims to be on ``DEVICE``."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> Elsewhere:
        layout = {"strides": here.stride(), "storage_offset": here.storage_offset(), "dtype": here.dtype}
        made = Tensor._make_wrapper_subclass(cls, here.shape, device=DEVICE, **layout)
        made.here = here
        return made

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"Elsewhere({self.here})"

    def tolist(self) -> Any:
        """The adaptive solver looks at its few times."""
        assert self.numel() <= 2, f"tolist: {tuple(self.shape)} numbers leave the device"
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return _run(operation, args, kwargs or {})


class elsewhere(TorchDispatchMode):
    """While this is on, ``DEVICE`` is at hand; ``waits`` counts the operations for which a CUDA device stops the host.

    Those need a value on the host, or take numbers that lie on it: what is copied there from memory that is not pinned.
    ``places`` are the lines of the package that asked for them. ``operations`` counts those that the device has to do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []
        self.operations = 0
        self._stack = ExitStack()

    @property
    def waits(self) -> int:
        """How many since ``start``."""
        return len(self.places)

    def start(self) -> None:
        """Count anew."""
        self.places.clear()
        self.operations = 0

    def __enter__(self) -> Any:
        self._stack.enter_context(_FromData())
        self._stack.enter_context(_tables_last())
        return super().__enter__()

    def __exit__(self, *reason: Any) -> None:
        super().__exit__(*reason)
        self._stack.close()

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.operations += _launches(operation, args, kwargs)
        if _waits(operation.name(), args, kwargs):
            self.places.append(_place())
        return _run(operation, args, kwargs)


def _launches(operation: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether the device has something to do: where numbers on it are made, and not only looked at in another shape."""
    there = any(isinstance(x, Elsewhere) for x in tree_leaves((args, kwargs)))
    onto = torch.device(kwargs.get("device") or "cpu") == DEVICE
    return (there or onto) and not operation.is_view


def _waits(name: str, args: Any, kwargs: dict[str, Any]) -> bool:
    if name in _WAITING:
        return isinstance(args[0], Elsewhere)
    if name == "aten::_to_copy":
        onto = torch.device(kwargs.get("device") or args[0].device) == DEVICE
        return onto != isinstance(args[0], Elsewhere)
    if name not in _MIXED or not isinstance(args[0], Elsewhere):
        return False
    return any(_is_mask(x) or _on_the_host(x) for x in tree_leaves(args[1:]))


def _is_mask(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dtype == torch.bool and x.ndim > 0


def _on_the_host(x: Any) -> bool:
    return isinstance(x, Tensor) and x.ndim > 0 and not isinstance(x, Elsewhere)


def _place() -> str:
    """The innermost lines of the packages on the stack."""
    ours = [f for f in traceback.extract_stack() if "/hyperdist" in f.filename and "/tests/" not in f.filename]
    return " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in reversed(ours[-4:]))


@contextmanager
def _tables_last() -> Iterator[None]:
    """Constant tables made on this device serve later calls, as on a true one: its tensors are as good as plain ones
    while it is on, and gone with it."""
    plain = _namespace.plain
    there = {place: table for place, table in _namespace._KEPT.items() if torch.device(place[2] or "cpu") != DEVICE}
    with (
        patch.dict(_namespace._KEPT, there, clear=True),
        patch.object(_namespace, "plain", lambda torch, array: isinstance(array, Elsewhere) or plain(torch, array)),
        patch.object(_namespace, "lasting", lambda torch: not (transformed(torch) or captured(torch))),
    ):
        yield


class _FromData(TorchFunctionMode):
    """What is made from numbers on the host is carried over: torch would lose them, as this device has none."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if function is Tensor.new_tensor and isinstance(args[0], Elsewhere):
            function, args, kwargs = torch.tensor, args[1:], {"dtype": args[0].dtype, "device": DEVICE, **kwargs}
        if function not in (torch.tensor, torch.asarray, torch.as_tensor) or isinstance(args[0], Tensor):
            return function(*args, **kwargs)
        to = kwargs.pop("device", None)
        made = function(*args, **kwargs)
        return made if to is None else made.to(to)


def _run(operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name, given = operation.name(), [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    there = [x for x in given if isinstance(x, Elsewhere)]
    to = kwargs.get("device")
    onto = bool(there) if to is None else torch.device(to) == DEVICE
    if there and not onto and args[0].numel() > MOST:
        raise AssertionError(f"{name}: {tuple(args[0].shape)} numbers leave the device")
    if there and name not in _MIXED and any(x.ndim for x in given if not isinstance(x, Elsewhere)):
        raise AssertionError(f"{name}: tensors on two devices, {[(x.device.type, tuple(x.shape)) for x in given]}")
    if to is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    results = operation(*tree_map_only(Elsewhere, lambda x: x.here, args),
                        **tree_map_only(Elsewhere, lambda x: x.here, kwargs))  # fmt: skip
    if not onto:
        return results
    known = {id(x.here): x for x in there}
    return tree_map_only(Tensor, lambda x: known[id(x)] if id(x) in known else Elsewhere(x), results)
