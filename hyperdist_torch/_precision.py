"""Half precision: what ``torch.autocast`` rounds to it becomes float32 again where geometry or a law begins.

The 8 bits of bfloat16 and the 11 of float16 tell no directions apart beyond the radius 6 or 8, in units of 1/sqrt(c).
Outside of autocast such numbers are refused: nobody has said that wider ones may stand in for them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
T = TypeVar("T")

HALVES = (torch.float16, torch.bfloat16)


def _autocast(device: str) -> bool:
    try:
        return torch.is_autocast_enabled(device)
    except RuntimeError:  # a device that has none, such as "meta"; asking for that first breaks a graph in torch 2.8
        return False


def upcast(x: Tensor, name: str) -> Tensor:
    """x, from half precision under autocast in float32; TypeError for half precision elsewhere."""
    if x.dtype not in HALVES:
        return x
    if not _autocast(x.device.type):
        raise TypeError(f"{name} must be float32 or float64, got {x.dtype}, which is taken under torch.autocast alone")
    return x.float()


def exempt(function: Callable[P, T]) -> Callable[P, T]:
    """``function`` of tensors without autocast; it takes what autocast rounded as ``upcast`` does."""
    names = tuple(inspect.signature(function).parameters)

    @wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> T:
        given = dict(zip(names, arguments, strict=False)) | options
        tensors = {name: upcast(x, name) for name, x in given.items() if isinstance(x, Tensor)}
        device = [*(x.device.type for x in tensors.values()), "cpu"][0]  # torch 2.8 cannot compile next's default
        if not _autocast(device):
            return function(*arguments, **options)
        with torch.autocast(device, enabled=False):
            return function(**(given | tensors))  # type: ignore[call-arg]

    return run
