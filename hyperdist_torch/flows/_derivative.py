"""Derivatives of any function along given directions, by forward-mode automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.func import jvp, vmap


def along(function: Callable[[Tensor], Tensor], x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
    """(value, derivatives) of ``function`` at x (*batch, m) along each of e (k, *batch, m)."""
    x = x.contiguous()  # forward mode writes a tangent beside each number, and an expanded tensor has some only once
    return vmap(lambda direction: jvp(function, (x,), (direction,)), out_dims=(None, 0))(e)  # type: ignore[arg-type,return-value]
