"""Values of a law with known derivatives in its parameter: draws, by implicit reparametrisation, and log-normalisers.

A draw y of a law with density f(y; theta) and cdf F keeps its cdf while theta moves, so that

    dy/dtheta = -(dF/dtheta)/f = g(y, theta)        (Figurnov et al. 2018, eq. 6).

The first derivative is a number, worked out without a graph together with the value. Where a derivative of it may be
asked for, g is written once more as a differentiable function of y and theta: a second derivative then follows from
the chain rule, and so on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hyperdist_torch._host import known_signature

Derivative = Callable[[Tensor, Tensor], Tensor]
"""(value, theta) -> d value/d theta, differentiable in both."""


class _Implicit(torch.autograd.Function):
    """A value as a function of theta, which its ``slope`` is the derivative in."""

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(theta: Tensor, value: Tensor, slope: Tensor, derivative: Derivative) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, Derivative], output: Tensor) -> None:
        theta, _, slope, ctx.derivative = inputs
        ctx.save_for_backward(output, theta, slope)
        ctx.save_for_forward(slope)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        value, theta, slope = ctx.saved_tensors
        if torch.is_grad_enabled():
            slope = ctx.derivative(value, theta)
        return (grad * slope).sum_to_size(theta.shape), None, None, None

    @staticmethod
    def jvp(ctx: Any, theta: Tensor, *others: Any) -> Tensor:  # type: ignore[override]
        (slope,) = ctx.saved_tensors
        return theta * slope


def attach(theta: Tensor, value: Tensor, slope: Tensor, derivative: Derivative) -> Tensor:
    """``value``, (*sample, *batch), with its derivatives in theta, (*batch); ``slope`` is the first one's value."""
    return _Implicit.apply(theta, value, slope, derivative)
