"""Scaled inverse hyperbolic sine of a matrix, fast in both directions: the elementwise part of the gyroplane layer."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from hyperdist.arrays.namespace import written_out
from hyperdist.geometry import gyroplane as kernel
from hyperdist_torch._host import known_signature

LEAST_ROOT = 2.0**-40
"""A sqrt(rho) that stands in for a smaller one: asinh(k q)/k is q to the last bit, for q below 1e4."""
_SERIES = 0.05
"""rho q^2 below which the derivative in rho is taken from its power series."""
# (asinh(x)/x - 1/sqrt(1 + x^2))/(2 x^2) in powers of x^2: (-1)^k (k + 1)/(2k + 3) C(2k + 2, k + 1)/4^(k + 1)
_IN_RHO = tuple((-1.0) ** k * (k + 1) / (2 * k + 3) * math.comb(2 * k + 2, k + 1) / 4.0 ** (k + 1) for k in range(12))


class _Arsinh(torch.autograd.Function):
    """``kernel.arsinh`` with rho (m), and its derivatives in q and rho."""

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(q: Tensor, rho: Tensor, growth: Tensor | None, exact: bool) -> Tensor:
        if growth is not None:
            return kernel.arsinh(q, rho, growth)
        root = torch.sqrt(rho).clamp(min=LEAST_ROOT)
        return asinh(q * root).div_(root)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.exact = inputs[-1]
        ctx.save_for_backward(*inputs[:-1], output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        q, rho, growth, out = ctx.saved_tensors
        slope = _Slope.apply(q, rho, growth)
        in_q, in_rho = grad * slope, None
        if ctx.needs_input_grad[1]:
            if ctx.exact:
                in_rho = (grad * slope_in_rho(q, rho, growth, out, slope)).sum_to_size(rho.shape)
            else:
                in_rho = 0.5 * (in_q * q - grad * out).sum_to_size(rho.shape) / _positive(rho)
        return in_q, in_rho, None, None


class _Slope(torch.autograd.Function):
    """e^growth/sqrt(1 + rho q^2 e^(2 growth)), held at e^reach; the factors of its derivative are in an order that
    overflows nowhere: with tau = k q slope = tanh(k out), they are -tau k slope^2 and -tau^2 slope/(2 rho)."""

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(q: Tensor, rho: Tensor, growth: Tensor | None) -> Tensor:
        if growth is None:
            return (q * torch.sqrt(rho)).square_().add_(1.0).rsqrt_()
        return kernel.inverse_slope(q, rho, growth).reciprocal()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2], output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        q, rho, slope = ctx.saved_tensors
        root = torch.sqrt(_positive(rho)) * (rho > 0.0)
        tau = root * q * slope
        in_rho = None
        if ctx.needs_input_grad[1]:
            # tau^2/rho = (q slope)^2, which has a limit at rho = 0
            in_rho = (-0.5 * grad * slope * torch.square(q * slope)).sum_to_size(rho.shape)
        return -grad * tau * slope * slope * root, in_rho, None


def arsinh(q: Tensor, rho: Tensor, growth: Tensor | None, *, exact: bool) -> Tensor:
    """asinh(k q e^growth)/k, k = sqrt(rho), (*batch, m).

    q (*batch, m);  rho (m), >= 0;  growth a constant that broadcasts against q: what was taken out of q's factors is
        put back here, and in the derivative. None says that |k q| is below e^reach.
    exact : whether the derivative in rho is to be right where rho q^2 is small; else its error is eps q/rho, which is
        enough where rho = c/|a|^2 moves with a only. Twice differentiable.
    Range   the slope in q is held at e^reach where the true one is larger: on a plane, further out than can be held.
    """
    if written_out(torch):
        return kernel.arsinh(q, rho, 0.0 * q if growth is None else growth)
    return _Arsinh.apply(q, rho, growth, exact)


def asinh(p: Tensor, root: Tensor | None = None) -> Tensor:
    """sign(p) log1p(|p| + p^2/(1 + sqrt(1 + p^2))); torch's own asinh takes five times as long on a CPU.

    The square root goes to ``root`` where that is given.
    """
    square = p.square()
    root = square.add(1.0).sqrt_() if root is None else torch.add(square, 1.0, out=root).sqrt_()
    return square.div_(root + 1.0).add_(p.abs()).log1p_().copysign_(p)


def _positive(rho: Tensor) -> Tensor:
    return torch.where(rho == 0.0, torch.ones_like(rho), rho)


def slope_in_rho(q: Tensor, rho: Tensor, growth: Tensor | None, out: Tensor, slope: Tensor) -> Tensor:
    """(q slope - out)/(2 rho), without its cancellation where rho q^2 e^(2 growth) is small."""
    grown = q if growth is None else q * torch.exp(growth.clamp(max=kernel.reach(q.dtype)))
    z = rho * grown * grown
    series = z < _SERIES
    small = torch.where(series, z, torch.zeros_like(z))
    total = torch.full_like(small, _IN_RHO[-1])
    for coefficient in _IN_RHO[-2::-1]:
        total = total * small + coefficient
    near = -(torch.where(series, grown, torch.zeros_like(q)) ** 3) * total
    return torch.where(series, near, 0.5 * (q * slope - out) / _positive(rho))
