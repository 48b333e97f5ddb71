"""Squared distance of hyperbolic points in tangent coordinates, fast in both directions.

``tangent.dist_sq`` is differentiable to any order, by many small operations. The triangle of
``hyperdist.geometry.fast.chord`` takes a tenth of the time, for the value and the first derivative of every pair. A
second derivative goes by ``tangent.dist_sq``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hyperdist.geometry import tangent
from hyperdist.geometry.fast import chord
from hyperdist_torch._host import bare, known_signature, plainly, tensor
from hyperdist_torch._node import differentiated, first_derivative_only, narrowed, untransformed


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
        if not first_derivative_only(grad):
            return differentiated(tangent.dist_sq, inputs, grad, ctx.needs_input_grad)
        found = _pull_back(ctx.chord, grad, ctx.needs_input_grad)
        return tuple(
            None if value is None else narrowed(tensor(value), given)
            for value, given in zip(found, inputs, strict=True)
        )


@plainly
def _solve(x: Tensor, y: Tensor, c: Tensor) -> tuple[chord.Chord, Tensor]:
    solved = chord.solve(bare(x), bare(y), bare(c))
    return solved, tensor(chord.dist_sq(solved)).to(x.dtype)


@plainly
def _pull_back(solved: chord.Chord, grad: Tensor, wanted: Any) -> tuple[Any, ...]:
    return chord.pull_back(solved, bare(grad), wanted)


def dist_sq(x: Tensor, y: Tensor, c: Tensor) -> Tensor:
    """``tangent.dist_sq`` for laws: (*batch) of points (*batch, d) in tangent coordinates and c (*batch)."""
    one_dtype = x.dtype == y.dtype == c.dtype and x.dtype in (torch.float32, torch.float64)
    if not (one_dtype and untransformed()):
        return tangent.dist_sq(x, y, c)
    return _DistSq.apply(x, y, c)
