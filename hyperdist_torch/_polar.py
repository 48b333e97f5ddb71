"""The polar exponential of a draw, fast in both directions.

``polar.exp_polar`` is right everywhere and differentiable to any order, by a few hundred small operations. The
triangle of ``hyperdist.geometry.fast.triangle`` takes a tenth of them; it serves where all centres have a direction and
no exponential overflows, for the value and the first derivative. A second derivative goes by ``polar.exp_polar``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hyperdist.geometry import conversions, polar
from hyperdist.geometry.fast import triangle
from hyperdist_torch._host import bare, plainly, tensor
from hyperdist_torch._node import differentiated, first_derivative_only, narrowed, untransformed


class _Polar(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, mu: Tensor, radius: Tensor, direction: Tensor, c: Tensor, solved: triangle.Triangle
    ) -> Tensor:
        x = tensor(triangle.point(solved))
        ctx.triangle = solved
        ctx.save_for_backward(mu, radius, direction, c, x)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        *inputs, x = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:4]
        if not first_derivative_only(grad):
            return *differentiated(_generic, inputs, grad, wanted), None
        found = _pull_back(ctx.triangle, x, grad, wanted)
        return *(
            narrowed(tensor(value), given) if use else None
            for value, given, use in zip(found, inputs, wanted, strict=True)
        ), None


def _generic(mu: Tensor, radius: Tensor, direction: Tensor, c: Tensor) -> Tensor:
    return polar.exp_polar(mu, radius, direction, c, "tangent")


@plainly
def _pull_back(solved: triangle.Triangle, x: Tensor, grad: Tensor, wanted: tuple[bool, ...]) -> triangle.Gradient:
    return triangle.pull_back(solved, bare(x), bare(grad), direction=wanted[2], c=wanted[3])


def exp_polar(mu: Tensor, radius: Tensor, direction: Tensor, c: Tensor, model: str) -> Tensor:
    """``polar.exp_polar`` for laws: (*sample, *batch, d) points of ``model`` at radii (*sample, *batch)."""
    solved = _solve(mu, radius, direction, c) if untransformed() else None
    if solved is None:
        return polar.exp_polar(mu, radius, direction, c, model)
    x: Any = _Polar.apply(mu, radius, direction, c, solved)
    return conversions.from_tangent(x, c, model)


@plainly
def _solve(mu: Tensor, radius: Tensor, direction: Tensor, c: Tensor) -> triangle.Triangle | None:
    """The triangles, or None where they do not serve."""
    return triangle.solve(bare(mu), bare(radius), bare(direction), bare(c))
