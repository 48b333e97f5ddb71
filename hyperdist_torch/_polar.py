"""The polar exponential of a draw, fast in both directions.

``charts.exp_polar`` is right everywhere and differentiable to any order, by a few hundred small operations. The
triangle of ``hyperdist.spaces.triangle`` takes a tenth of them; it serves where all centres have a direction and no
exponential overflows, for the value and the first derivative. A second derivative goes by ``charts.exp_polar``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hyperdist.spaces import charts, triangle
from hyperdist_torch._host import bare, plainly, tensor


class _Polar(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mu: Tensor, radius: Tensor, direction: Tensor, c: Tensor) -> Tensor:
        ctx.triangle = triangle.solve(*(bare(v) for v in (mu, radius, direction, c)))
        x = tensor(triangle.point(ctx.triangle))
        ctx.save_for_backward(mu, radius, direction, c, x)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        *inputs, x = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _differentiable(inputs, grad, ctx.needs_input_grad)
        return tuple(
            tensor(value).to(given.dtype).sum_to_size(given.shape) if wanted else None
            for value, given, wanted in zip(
                _pull_back(ctx.triangle, x, grad), inputs, ctx.needs_input_grad, strict=True
            )
        )


@plainly
def _pull_back(solved: triangle.Triangle, x: Tensor, grad: Tensor) -> triangle.Gradient:
    return triangle.pull_back(solved, bare(x), bare(grad))


def _differentiable(inputs: list[Tensor], grad: Tensor, wanted: tuple[bool, ...]) -> tuple[Tensor | None, ...]:
    """The gradients as functions of inputs and ``grad``."""
    mu, radius, direction, c = inputs
    x = charts.exp_polar(mu, radius, direction, c, "tangent")
    chosen = [v for v, w in zip(inputs, wanted, strict=True) if w]
    found = iter(torch.autograd.grad(x, chosen, grad, create_graph=True, materialize_grads=True))
    return tuple(next(found) if w else None for w in wanted)


def exp_polar(mu: Tensor, radius: Tensor, direction: Tensor, c: Tensor, model: str) -> Tensor:
    """``charts.exp_polar`` for laws: (*sample, *batch, d) points of ``model`` at radii (*sample, *batch)."""
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active() or not _served(mu, radius, c):
        return charts.exp_polar(mu, radius, direction, c, model)
    return charts.from_tangent(_Polar.apply(mu, radius, direction, c), c, model)


@plainly
def _served(mu: Tensor, radius: Tensor, c: Tensor) -> bool:
    return bool(triangle.serves(bare(mu), bare(radius), bare(c)))
