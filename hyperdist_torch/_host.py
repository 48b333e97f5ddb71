"""Where numbers without a graph are worked out: in NumPy on a CPU, where small arrays cost a quarter, else in torch.

The core's functions serve both, and the memory is shared: nothing is copied. Whether a value may be looked at is asked
here too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor

from hyperdist.arrays import host
from hyperdist.arrays.host import seen, unseen
from hyperdist.arrays.namespace import transformed

__all__ = [
    "Array", "bare", "beside", "holds", "in_functorch", "known_signature", "outside", "plainly", "seen", "tensor",
    "unseen",
]  # fmt: skip

P = ParamSpec("P")
T = TypeVar("T")

Array = Any
"""A NumPy array or a torch tensor without a graph."""


def bare(x: Tensor) -> Array:
    """The values of x: a NumPy array that shares its memory, or x detached on a device, in a trace or a transform, and
    where something else follows the operations of torch."""
    x = x.detach()
    if x.device.type != "cpu" or transformed(torch) or _watched(x):
        return x
    return x.numpy()


def _watched(x: Tensor) -> bool:
    """Whether a ``TorchDispatchMode`` or the class of x sees the operations on it."""
    kind: Any = type(x)
    plain: Any = Tensor
    return torch._C._len_torch_dispatch_stack() > 0 or kind.__torch_dispatch__ is not plain.__torch_dispatch__


def tensor(x: Array) -> Tensor:
    """The tensor of a result of ``bare`` values."""
    return x if isinstance(x, Tensor) else torch.from_numpy(np.asarray(x))


def beside(value: Any, x: Tensor) -> Tensor:
    """A tensor or a number in the dtype and on the device of x; a number is filled in there, since what is copied from
    the host stops a device."""
    if type(value) in (int, float):
        return torch.full((), value, dtype=x.dtype, device=x.device)
    return torch.as_tensor(value, dtype=x.dtype, device=x.device)


def holds(mask: Tensor) -> bool:
    """Whether a mask holds everywhere, in a vmap for the whole of its batch; True where nobody can look.

    ``_is_all_true`` is what torch's own laws ask: under vmap it looks through the batch.
    """
    return unseen(mask) or bool(torch._is_all_true(mask))  # type: ignore[attr-defined]


def in_functorch() -> bool:
    """Whether a transform of ``torch.func`` is under way; the compiler has taken it apart before it asks."""
    return host.in_functorch(torch)


def outside(inside: Tensor, value: Tensor, axes: int = 1) -> tuple[int, int, Any]:
    """How many of a mask are False, of how many, and the first of ``value`` there, which has ``axes`` more."""
    value = value.expand(inside.shape + value.shape[value.ndim - axes :])
    both = seen(value + 0.0 * inside.reshape(inside.shape + (1,) * axes))  # the batch of a vmap is that of either
    mask = seen(inside).expand(both.shape[: both.ndim - axes])
    return int((~mask).sum()), mask.numel(), both[~mask][0].tolist()


def plainly(function: Callable[P, T]) -> Callable[P, T]:
    """``function`` without a graph and without NumPy's warnings: some limits come by way of infinities."""

    @wraps(function)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> T:
        with torch.no_grad(), np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return quiet


def known_signature(forward: Callable[P, T]) -> Callable[P, T]:
    """For ``forward`` of a ``torch.autograd.Function``: its ``apply`` works the signature out anew at every call, which
    takes as long as a hundred small operations."""
    forward.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    return forward
