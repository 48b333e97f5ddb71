"""Where numbers without a graph are worked out: in NumPy on a CPU, where small arrays cost a quarter, else in torch.

The core's functions serve both, and the memory is shared: nothing is copied.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor

from hyperdist._namespace import transformed

P = ParamSpec("P")
T = TypeVar("T")

Array = Any
"""A NumPy array or a torch tensor without a graph."""


def bare(x: Tensor) -> Array:
    """The values of x: a NumPy array that shares its memory, or x detached on a device, in a trace or a transform."""
    x = x.detach()
    if x.device.type != "cpu" or transformed(torch):
        return x
    return x.numpy()


def tensor(x: Array) -> Tensor:
    """The tensor of a result of ``bare`` values."""
    return x if isinstance(x, Tensor) else torch.from_numpy(np.asarray(x))


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
