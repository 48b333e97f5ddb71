"""Derivatives of any function along given directions, by forward-mode automatic differentiation.

Inside a ``dual_level`` of the caller's, where torch does not nest it, by the transpose of the transpose.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jvp, vjp, vmap

from hyperdist_torch.fast.node import in_dual_level


def along(function: Callable[[Tensor], Tensor], x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
    """(value, derivatives) of ``function`` at x (*batch, m) along each of e (k, *batch, m)."""
    x = x.contiguous()  # forward mode writes a tangent beside each number, and an expanded tensor has some only once
    if in_dual_level():
        value, pull = vjp(function, x)  # type: ignore[misc]
        _, push = vjp(lambda u: pull(u)[0], torch.zeros_like(value))  # type: ignore[misc]
        return value, vmap(push)(e)[0]
    return vmap(lambda direction: jvp(function, (x,), (direction,)), out_dims=(None, 0))(e)  # type: ignore[arg-type,return-value]
