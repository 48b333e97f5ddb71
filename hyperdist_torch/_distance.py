"""Squared distance of hyperbolic points in tangent coordinates, fast in both directions.

``tangent.dist_sq`` is right everywhere and differentiable to any order, by many small operations. The triangle of
``hyperdist.spaces.chord`` takes a tenth of the time; it serves where c is not all but 0 and no exponential overflows,
for the value and the first derivative. A second derivative goes by ``tangent.dist_sq``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor

from hyperdist.spaces import chord, tangent
from hyperdist_torch._host import bare, known_signature, plainly, tensor


class _DistSq(torch.autograd.Function):
    @staticmethod
    @known_signature
    def forward(ctx: Any, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        ctx.chord, value = _solve(x, y, c)
        ctx.save_for_backward(x, y, c)
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        inputs = ctx.saved_tensors
        if torch.is_grad_enabled() or _batched(grad):
            return _differentiable(inputs, grad, ctx.needs_input_grad)
        return tuple(
            None if value is None else tensor(value).sum_to_size(given.shape).to(given.dtype)
            for value, given in zip(_pull_back(ctx.chord, grad, ctx.needs_input_grad), inputs, strict=True)
        )


def _batched(grad: Tensor) -> bool:
    """Whether ``grad`` stands for a batch of gradients, as in ``torch.func.vmap`` and with ``is_grads_batched``."""
    return torch._C._are_functorch_transforms_active() or is_legacy_batchedtensor(grad)


@plainly
def _solve(x: Tensor, y: Tensor, c: Tensor) -> tuple[chord.Chord, Tensor]:
    solved = chord.solve(bare(x), bare(y), bare(c))
    return solved, tensor(chord.dist_sq(solved)).to(x.dtype)


@plainly
def _pull_back(solved: chord.Chord, grad: Tensor, wanted: Any) -> tuple[Any, ...]:
    return chord.pull_back(solved, bare(grad), wanted)


def _differentiable(inputs: tuple[Tensor, ...], grad: Tensor, wanted: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
    """The gradients as functions of inputs and ``grad``."""
    with torch.enable_grad():
        value = tangent.dist_sq(*inputs)
    chosen = [v for v, w in zip(inputs, wanted, strict=True) if w]
    found = iter(torch.autograd.grad(value, chosen, grad, create_graph=torch.is_grad_enabled()))
    return tuple(next(found) if w else None for w in wanted)


def dist_sq(x: Tensor, y: Tensor, c: Tensor) -> Tensor:
    """``tangent.dist_sq`` for laws: (*batch) of points (*batch, d) in tangent coordinates and c (*batch)."""
    if (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or torch.autograd.forward_ad._current_level >= 0
        or not x.dtype == y.dtype == c.dtype
        or x.dtype not in (torch.float32, torch.float64)
        or not _served(x, y, c)
    ):
        return tangent.dist_sq(x, y, c)
    return _DistSq.apply(x, y, c)


@plainly
def _served(x: Tensor, y: Tensor, c: Tensor) -> bool:
    return bool(chord.serves(bare(x), bare(y), bare(c)))
