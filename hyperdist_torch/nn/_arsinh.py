"""Scaled inverse hyperbolic sine of a matrix, fast in both directions: the elementwise part of the gyroplane layer."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from hyperdist.spaces import gyroplane as kernel

_LEAST_ROOT = 2.0**-40
"""A sqrt(rho) that stands in for a smaller one: asinh(k q)/k is q to the last bit, for q below 1e4."""
_BLOCK = 2**16
"""Elements worked on at a time on a CPU, so that intermediates stay in cache: two to three times faster."""
_NEAR = 8.0
"""Largest exponent of a column that is multiplied out: ``kernel.point_excess`` leaves room for it."""
_SERIES = 0.05
"""rho q^2 below which the derivative in rho is taken from its power series."""
# (asinh(x)/x - 1/sqrt(1 + x^2))/(2 x^2) in powers of x^2: (-1)^k (k + 1)/(2k + 3) C(2k + 2, k + 1)/4^(k + 1)
_IN_RHO = tuple((-1.0) ** k * (k + 1) / (2 * k + 3) * math.comb(2 * k + 2, k + 1) / 4.0 ** (k + 1) for k in range(12))


class _Arsinh(torch.autograd.Function):
    """``kernel.arsinh`` with rho (m) and growths of rows and columns, and its derivatives in q and rho."""

    generate_vmap_rule = True

    @staticmethod
    def forward(q: Tensor, rho: Tensor, rows: Tensor, columns: Tensor, exact: bool) -> Tensor:
        if _near(q, rows, columns):
            return _by_blocks(q, torch.sqrt(rho).clamp(min=_LEAST_ROOT), torch.exp(columns))
        return kernel.arsinh(q, rho, rows[..., None] + columns)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.exact = inputs[-1]
        ctx.save_for_backward(*inputs[:-1], output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        q, rho, rows, columns, out = ctx.saved_tensors
        slope = _Slope.apply(q, rho, rows, columns)
        in_q, in_rho = grad * slope, None
        if ctx.needs_input_grad[1]:
            if ctx.exact:
                in_rho = (grad * _slope_in_rho(q, rho, rows[..., None] + columns, out, slope)).sum_to_size(rho.shape)
            else:
                in_rho = 0.5 * (in_q * q - grad * out).sum_to_size(rho.shape) / _positive(rho)
        return in_q, in_rho, None, None, None


class _Slope(torch.autograd.Function):
    """e^growth/sqrt(1 + rho q^2 e^(2 growth)), held at e^reach; the factors of its derivative are in an order that
    overflows nowhere: with tau = k q slope = tanh(k out), they are -tau k slope^2 and -tau^2 slope/(2 rho)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(q: Tensor, rho: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        if _near(q, rows, columns):
            factor = torch.exp(columns)
            return (q * (torch.sqrt(rho) * factor)).square_().add_(1.0).rsqrt_().mul_(factor)
        least = torch.exp(-(rows[..., None] + columns)).clamp(min=math.exp(-kernel.reach(q.dtype)))
        return torch.hypot(torch.sqrt(rho) * q, least).reciprocal()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
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
        return -grad * tau * slope * slope * root, in_rho, None, None


def arsinh(q: Tensor, rho: Tensor, rows: Tensor, columns: Tensor, *, exact: bool) -> Tensor:
    """asinh(k q e^growth)/k, k = sqrt(rho), growth = rows[..., None] + columns, (*batch, m).

    q (*batch, m);  rho (m), >= 0;  rows (*batch) and columns (m), taken as constants: what they took out of q's factors
        is put back here, and in the derivative.
    exact : whether the derivative in rho is to be right where rho q^2 is small; else its error is eps q/rho, which is
        enough where rho = c/|a|^2 moves with a only. Twice differentiable.
    Range   the slope in q is held at e^reach where the true one is larger: on a plane, further out than can be held.
    """
    return _Arsinh.apply(q, rho, rows, columns, exact)


def _near(q: Tensor, rows: Tensor, columns: Tensor) -> bool:
    """Whether exponentials can be multiplied out; no where it would take waiting for a device or breaking a trace."""
    if q.device.type != "cpu" or torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    return not bool(rows.any()) and not bool((columns > _NEAR).any())


def _by_blocks(q: Tensor, root: Tensor, factor: Tensor) -> Tensor:
    """asinh(root factor q)/root for arguments below 1e18: relative error of a few eps."""
    out = torch.empty_like(q, memory_format=torch.contiguous_format)
    rows = max(1, _BLOCK // max(1, q.shape[-1]))
    flat = (t.reshape(-1, q.shape[-1]).split(rows) for t in (q, out))
    steep = root * factor
    for block, target in zip(*flat, strict=True):
        torch.div(_asinh(block * steep), root, out=target)
    return out


def _asinh(p: Tensor) -> Tensor:
    """sign(p) log1p(|p| + p^2/(1 + sqrt(1 + p^2))); torch's own asinh takes five times as long on a CPU."""
    square = p.square()
    root = square.add(1.0).sqrt_().add_(1.0)
    return square.div_(root).add_(p.abs()).log1p_().copysign_(p)


def _positive(rho: Tensor) -> Tensor:
    return torch.where(rho == 0.0, torch.ones_like(rho), rho)


def _slope_in_rho(q: Tensor, rho: Tensor, growth: Tensor, out: Tensor, slope: Tensor) -> Tensor:
    """(q slope - out)/(2 rho), without its cancellation where rho q^2 e^(2 growth) is small."""
    grown = q * torch.exp(growth.clamp(max=kernel.reach(q.dtype)))
    z = rho * grown * grown
    series = z < _SERIES
    small = torch.where(series, z, torch.zeros_like(z))
    total = torch.full_like(small, _IN_RHO[-1])
    for coefficient in _IN_RHO[-2::-1]:
        total = total * small + coefficient
    near = -(torch.where(series, grown, torch.zeros_like(q)) ** 3) * total
    return torch.where(series, near, 0.5 * (q * slope - out) / _positive(rho))
