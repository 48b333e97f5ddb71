"""Scaled distances to hyperplanes, fast in both directions.

``differentiable`` is right everywhere and differentiable twice, by a hundred operations. On a CPU the value and its
first derivative are one node of the graph instead, in half the time: rows in NumPy, matrices in torch, and no more
passes over the matrices than need be. Where an exponent must be taken out, of a point or of a plane, the row or column
is worked out apart: a few that are far out are no reason to take all by the long way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hyperdist.arrays.namespace import constant
from hyperdist.geometry import gyroplane as kernel
from hyperdist_torch._host import Array, bare, plainly, tensor
from hyperdist_torch._node import differentiated, first_derivative_only, untransformed
from hyperdist_torch.nn._arsinh import LEAST_ROOT, arsinh, asinh, slope_in_rho

_BLOCK = 2**16
"""Elements worked on at a time, so that intermediates stay in cache: two to three times faster."""


def distances(x: Tensor, weight: Tensor, bias: Tensor, c: Tensor) -> Tensor:
    """|a_j| times the signed distances of tangent coordinates x (*batch, d) to planes, (*batch, m)."""
    factors = _factors(x, weight, bias, c) if untransformed() else None
    if factors is None:
        return differentiable(x, weight, bias, c)
    if not constant(x, weight, bias, c):
        return _Distances.apply(x, weight, bias, c, factors)
    return _values(factors, None).reshape(*x.shape[:-1], weight.shape[0])


def differentiable(x: Tensor, weight: Tensor, bias: Tensor, c: Tensor) -> Tensor:
    """``distances`` for any radius, device, trace or transform."""
    points = kernel.lift_points(x, c)
    planes, rho = kernel.lift_planes(weight, bias, c)
    growth = kernel.growth(points, planes)
    return arsinh(functional.linear(points.vector, planes.vector), rho, growth, exact=not constant(c))


class _Factors(NamedTuple):
    """Of the product of points and planes; arrays."""

    points: kernel.Lifted
    planes: kernel.Lifted
    rho: Array
    root: Array
    """sqrt(rho), at least ``LEAST_ROOT``"""


@plainly
def _factors(*given: Tensor) -> _Factors | None:
    """None where ``differentiable`` must do it."""
    x, weight, bias, c = (bare(value) for value in given)
    if not all(isinstance(value, np.ndarray) for value in (x, weight, bias, c)):
        return None
    c = c.astype(x.dtype)
    points = kernel.lift_points(x.reshape(-1, x.shape[-1]), c)
    planes, rho = kernel.lift_planes(weight, bias, c, _plane_reach(points.cosh))
    return _Factors(points, planes, rho, np.maximum(np.sqrt(rho), LEAST_ROOT))


def _plane_reach(cosh: Array) -> float:
    """The distance k|r| up to which planes can be held besides points with these cosh(k R)."""
    # A row that is no number takes no room from the others.
    return max(kernel.PLANE_REACH, kernel.reach(cosh.dtype) - float(np.log(2.0 * cosh.max(initial=1.0))))


@plainly
def _values(factors: _Factors, inverse_slope: Tensor | None) -> Tensor:
    """The distances (n, m); 1/slope in the product of the factors goes to ``inverse_slope`` where that is given."""
    points, root = tensor(factors.points.vector), tensor(factors.root)
    # root times the product; it is of the size of sinh(k distance).
    out = torch.mm(points, tensor(factors.root[:, None] * factors.planes.vector).T)
    far = [(part, growth, out.numpy()[part] / factors.root[part[1]]) for part, growth in _far(factors)]
    rows = _rows(factors)
    for start in range(0, out.shape[0], rows):
        block = out[start : start + rows]
        torch.div(asinh(block, None if inverse_slope is None else inverse_slope[start : start + rows]), root, out=block)
    for part, growth, product in far:
        rho = factors.rho[part[1]]
        out.numpy()[part] = kernel.arsinh(product, rho, growth)
        if inverse_slope is not None:
            inverse_slope.numpy()[part] = kernel.inverse_slope(product, rho, growth)
    return out


def _rows(factors: _Factors) -> int:
    """How many are worked on at a time."""
    return max(1, _BLOCK // max(1, factors.rho.size))


def _far(factors: _Factors) -> list[tuple[Any, Array]]:
    """The columns and the rows (n, m) from whose factors an exponent was taken out, as an index, and that exponent.

    The rows come last: where they cross the columns, theirs is the sum of both.
    """
    found: list[tuple[Any, Array]] = []
    growth = kernel.growth(factors.points, factors.planes)
    if growth is None:
        return found
    if factors.planes.excess is not None:
        columns = np.flatnonzero(factors.planes.excess)
        found.append(((slice(None), columns), factors.planes.excess[columns]))
    if factors.points.excess is not None:
        rows, step = np.flatnonzero(factors.points.excess), _rows(factors)
        for block in (rows[start : start + step] for start in range(0, rows.size, step)):
            found.append(((block, slice(None)), growth[block]))
    return found


class _Distances(torch.autograd.Function):
    """``_values`` and its first derivative; the second is that of ``differentiable``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, c: Tensor, factors: _Factors) -> Tensor:
        inverse_slope = x.new_empty((factors.points.vector.shape[0], weight.shape[0]))
        out = _values(factors, inverse_slope).reshape(*x.shape[:-1], weight.shape[0])
        ctx.factors = factors
        ctx.save_for_backward(x, weight, bias, c, out, inverse_slope)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        *given, out, inverse_slope = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:4]
        if not first_derivative_only(grad):
            return *differentiated(differentiable, given, grad, wanted), None
        found = _pull_back(given, ctx.factors, out.reshape(inverse_slope.shape), inverse_slope, grad, wanted)
        return *(
            tensor(value).to(source.dtype).reshape(source.shape) if use else None
            for value, source, use in zip(found, given, wanted, strict=True)
        ), None


@plainly
def _pull_back(
    given: list[Tensor], factors: _Factors, out: Tensor, inverse_slope: Tensor, grad: Tensor, wanted: tuple[bool, ...]
) -> list[Array]:
    """Gradients in x, weight, bias and c, of those that are wanted."""
    x, weight, bias, c = (bare(value) for value in given)
    x, c = x.reshape(-1, x.shape[-1]), c.astype(x.dtype)
    grad = grad.reshape(inverse_slope.shape)
    in_product = grad / inverse_slope
    found: list[Array] = [0.0, 0.0, 0.0, 0.0]
    if wanted[0] or wanted[3]:
        in_points = torch.mm(in_product, tensor(factors.planes.vector))
        found[0], found[3] = kernel.pull_back_points(x, c, factors.points, bare(in_points))
    if any(wanted[1:]):
        in_planes = bare(torch.mm(in_product.T, tensor(factors.points.vector)))
        in_rho = _in_rho(factors, in_planes, out, inverse_slope, grad, exact=wanted[3])
        found[1], found[2], in_c = kernel.pull_back_planes(weight, bias, c, factors.planes, in_planes, in_rho)
        found[3] = found[3] + in_c
    return found


def _in_rho(
    factors: _Factors, in_planes: Array, out: Tensor, inverse_slope: Tensor, grad: Tensor, *, exact: bool
) -> Array:
    """The gradient in rho, (m): the sum over points of grad (q slope - out)/(2 rho), as in ``arsinh``.

    The sum of grad q slope is the planes' share of ``in_planes``: that needs no pass over the matrices.
    """
    if exact:
        q = torch.mm(tensor(factors.points.vector), tensor(factors.planes.vector).T)
        growth = kernel.growth(factors.points, factors.planes)
        growth = None if growth is None else tensor(growth)
        return bare((grad * slope_in_rho(q, tensor(factors.rho), growth, out, inverse_slope.reciprocal())).sum(dim=0))
    both = np.sum(in_planes * factors.planes.vector, axis=-1) - bare((grad * out).sum(dim=0))
    return 0.5 * both / np.where(factors.rho == 0.0, 1.0, factors.rho).astype(both.dtype)
