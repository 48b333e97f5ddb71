"""Tails and quantiles of a law of the radius with their derivatives.

Those are the derivatives of the cdf F, with the density f and the drift dy/dtheta of a point of constant cdf:
dF = f (dy - (dy/dtheta) dtheta). Both factors are differentiable themselves, so every order follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hyperdist.arrays import namespace
from hyperdist.arrays.namespace import constant
from hyperdist_torch._host import known_signature
from hyperdist_torch._implicit import written_out

if TYPE_CHECKING:
    from hyperdist_torch.distributions._radial import Radial


def _narrow(gradient: Tensor, like: Tensor) -> Tensor:
    return gradient.sum_to_size(like.shape)


class _OfCdf(torch.autograd.Function):
    """A value that is given, of y or p and of theta: a law's side of its cdf."""

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(value: Tensor, at: Tensor, theta: Tensor, radial: Radial, upper: bool) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, at, theta, ctx.radial, ctx.upper = inputs
        ctx.save_for_backward(output, at, theta)


class _LogTail(_OfCdf):
    """The log of one tail at y, whose value is given."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        value, y, theta = ctx.saved_tensors
        hazard = grad * _hazard(ctx.radial, value, y, theta, ctx.upper)
        return None, hazard, _narrow(-hazard * ctx.radial.slope(y, theta), theta), None, None


def _hazard(radial: Radial, value: Tensor, y: Tensor, theta: Tensor, upper: bool) -> Tensor:
    """d log tail/dy = f/F, or -f/(1 - F)."""
    rate = (radial.log_density(y, theta) - value).exp()
    return -rate if upper else rate


def log_tail(radial: Radial, y: Tensor, theta: Tensor, upper: bool) -> Tensor:
    """log cdf at 0 < y < end, or log sf where ``upper``, differentiable in y and theta: see ``_implicit``."""
    value = radial.tails(y.detach(), theta.detach())[upper]
    if constant(y, theta):
        return value
    if not namespace.written_out(torch):
        return _LogTail.apply(value, y, theta, radial, upper)

    def differential(value: Tensor, at: tuple[Tensor, ...], step: tuple[Tensor, ...]) -> Tensor:
        moved, parameter = at
        return _hazard(radial, value, moved, parameter, upper) * (step[0] - radial.slope(moved, parameter) * step[1])

    return written_out(value, differential, y, theta)


class _AtCdf(_OfCdf):
    """y as a function of theta at fixed p, and of p: the cdf, or the sf where ``upper``. The value of y is given."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        y, p, theta = ctx.saved_tensors
        in_p = _narrow(grad * _stretch(ctx.radial, y, theta, ctx.upper), p) if ctx.needs_input_grad[1] else None
        in_theta = _narrow(grad * ctx.radial.slope(y, theta), theta) if ctx.needs_input_grad[2] else None
        return None, in_p, in_theta, None, None


def _stretch(radial: Radial, y: Tensor, theta: Tensor, upper: bool) -> Tensor:
    """dy/dp = 1/f, or -1/f."""
    inverse = (-radial.log_density(y, theta)).exp()
    return -inverse if upper else inverse


def at_cdf(radial: Radial, y: Tensor, theta: Tensor, p: Tensor | None = None, upper: bool = False) -> Tensor:
    """y, the quantile of p, with its gradient in p and theta; without p, a draw with its gradient in theta."""
    if constant(y, theta) if p is None else constant(y, theta, p):
        return y
    if not namespace.written_out(torch):
        return _AtCdf.apply(y, theta.new_zeros(()) if p is None else p, theta, radial, upper)

    def differential(y: Tensor, at: tuple[Tensor, ...], step: tuple[Tensor, ...]) -> Tensor:
        along = radial.slope(y, at[0]) * step[0]
        return along if p is None else along + _stretch(radial, y, at[0], upper) * step[1]

    return written_out(y, differential, theta, *(() if p is None else (p,)))
