"""Values of a law with known derivatives in its parameter: draws, by implicit reparametrisation, and log-normalisers.

A draw y of a law with density f(y; theta) and cdf F keeps its cdf while theta moves, so that

    dy/dtheta = -(dF/dtheta)/f = g(y, theta)        (Figurnov et al. 2018, eq. 6).

The first derivative is a number, worked out without a graph together with the value. Where a derivative of it may be
asked for, g is written once more as a differentiable function of y and theta: a second derivative then follows from
the chain rule, and so on.

In forward mode torch takes what a node's own rule returns for a constant, so that a derivative of it is lost without a
word; a trace has not even the rule. There the value is written out in operations that torch knows: it is the solution
of dy = g dtheta, and one step of a Runge-Kutta method of order 4 from the fixed value, along the way
theta - theta.detach() of length 0, has its derivatives up to the fourth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hyperdist.arrays import namespace
from hyperdist.arrays.namespace import constant
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

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        value, theta, slope = ctx.saved_tensors
        if not constant(value, theta):
            slope = ctx.derivative(value, theta)
        return (grad * slope).sum_to_size(theta.shape), None, None, None


def attach(theta: Tensor, value: Tensor, slope: Tensor, derivative: Derivative) -> Tensor:
    """``value``, (*sample, *batch), with its derivatives in theta, (*batch); ``slope`` is the first one's value."""
    if namespace.written_out(torch):
        return written_out(value, lambda y, at, step: derivative(y, *at) * step[0], theta)
    return _Implicit.apply(theta, value, slope, derivative)


Differential = Callable[[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]], Tensor]
"""(value, arguments, their differentials) -> the value's differential, differentiable."""


def written_out(value: Tensor, differential: Differential, *arguments: Tensor) -> Tensor:
    """``value``, a function's at the given arguments, with its derivatives to order 4 from its differential."""
    steps = tuple(x - x.detach() for x in arguments)

    def rate(share: float, moved: Tensor) -> Tensor:
        at = tuple(x.detach() + share * step for x, step in zip(arguments, steps, strict=True))
        return differential(value + moved, at, steps)

    first = rate(0.0, torch.zeros_like(value))
    second = rate(0.5, 0.5 * first)
    third = rate(0.5, 0.5 * second)
    return value + (first + 2.0 * (second + third) + rate(1.0, third)) / 6.0
