"""Parameters as tensors of one dtype and device that broadcast; errors that name what is wrong."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import Tensor

from hyperdist import checks
from hyperdist.arrays.namespace import transformed
from hyperdist_torch._precision import upcast

FLOATS = (torch.float32, torch.float64)


def tensors(**values: Any) -> dict[str, Tensor]:
    """Tensors of one floating dtype and one device; numbers and lists take those of the tensors beside them.

    Half precision is taken under ``torch.autocast`` alone, as float32. Raises TypeError for it elsewhere, and for
    complex, boolean or non-numeric values; ValueError for tensors on two devices.
    """
    values = {name: upcast(value, name) if isinstance(value, Tensor) else value for name, value in values.items()}
    given = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    # Tensors with axes decide before scalars, as in torch's own promotion.
    leading = [v for v in given.values() if v.ndim] or list(given.values())
    devices = {value.device for value in leading}
    if len(devices) > 1:
        raise ValueError(f"parameters must be on one device, got {', '.join(sorted(map(str, devices)))}")
    device = devices.pop() if devices else None
    floating = [v.dtype for v in leading if v.is_floating_point()] or [
        v.dtype for v in given.values() if v.is_floating_point()
    ]
    dtype = reduce(torch.promote_types, floating) if floating else torch.get_default_dtype()
    for name, value in given.items():
        real(value, name, dtype)
    if dtype not in FLOATS:
        raise TypeError(f"parameters must be float32 or float64, got {dtype}")
    return {name: _tensor(value, name, dtype, device) for name, value in values.items()}


def _tensor(value: Any, name: str, dtype: torch.dtype, device: torch.device | None) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(device=device, dtype=dtype)
    if type(value) in (int, float):
        return torch.full((), value, dtype=dtype, device=device)
    # A copy: the arrays of a NumPy law are read-only, which torch's tensors cannot be.
    return torch.tensor(checks.as_float(value, name), dtype=dtype, device=device)


def real(value: Any, name: str, dtype: torch.dtype) -> Tensor:
    """A tensor of real numbers; integers become ``dtype``, half precision float32 under autocast. Else a TypeError."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    if value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{name} must hold real numbers, got dtype {value.dtype}")
    return upcast(value, name) if value.is_floating_point() else value.to(dtype)


def vector(value: Tensor, name: str, least: int = 1) -> Tensor:
    """A tensor whose last axis is a vector of at least ``least`` coordinates."""
    checks.vectors(tuple(value.shape), name, least)
    return value


def radians(value: Tensor, name: str) -> Tensor:
    """``value``, with the core's warning where an angle is many turns from 0; not looked at in a trace or transform."""
    return value if transformed(torch) else checks.radians(value, name)


def per_coordinate(**tensors: Tensor) -> torch.Size:
    """The shape (*batch, d) of a centre and of a scale for each of its coordinates, or for all, named in that order."""
    return torch.Size(checks.per_coordinate(**{name: tuple(value.shape) for name, value in tensors.items()}))


def batch(**shapes: torch.Size) -> torch.Size:
    """The broadcast of named batch shapes; the message lists them all."""
    return torch.Size(checks.broadcast(**{name: tuple(shape) for name, shape in shapes.items()}))
