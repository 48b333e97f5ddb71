"""Scaled distances to hyperplanes, fast in both directions.

``differentiable`` is right everywhere and differentiable twice, by a hundred operations. On a CPU the value and its
first derivative are one node of the graph instead, in half the time: rows in NumPy, matrices in torch, and no more
passes over the matrices than need be. Where an exponent must be taken out, of a point or of a plane, the row or column
is worked out apart: a few that are far out are no reason to take all by the long way.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hyperdist.arrays.namespace import constant
from hyperdist.geometry import gyroplane as kernel
from hyperdist_torch._host import Array, bare, tensor
from hyperdist_torch.fast.arsinh import LEAST_ROOT, arsinh, asinh, slope_in_rho
from hyperdist_torch.fast.node import Twin

_BLOCK = 2**16
"""Elements worked on at a time, so that intermediates stay in cache: two to three times faster."""


def _vectorised() -> bool:
    """Whether NumPy's arcsinh works on many numbers at once, four times faster than the formula; else it is slower."""
    configuration: Any = np.show_config(mode="dicts") or {}
    found = configuration.get("SIMD Extensions", {}).get("found", ())
    # AVX-512 under NumPy's names before and from 2.4 on; the routines are Linux's.
    return sys.platform == "linux" and not {"AVX512_SKX", "X86_V4"}.isdisjoint(found)


_VECTORISED = _vectorised()


def differentiable(x: Tensor, weight: Tensor, bias: Tensor, c: Tensor) -> Tensor:
    """``distances`` for any radius, device, trace or transform."""
    points = kernel.lift_points(x, c)
    planes, rho = kernel.lift_planes(weight, bias, c)
    growth = kernel.growth(points, planes)
    return arsinh(functional.linear(points.vector, planes.vector), rho, growth, exact=not constant(c))


@dataclass
class _Factors:
    """Of the product of points and planes; arrays."""

    points: kernel.Lifted
    planes: kernel.Lifted
    rho: Array
    root: Array
    """sqrt(rho), at least ``LEAST_ROOT``"""
    batch: tuple[int, ...]
    """The shape of the points' batch, here one axis."""
    inverse_slope: Tensor | None = None
    """1/slope in the product, (n, m), kept for the way back"""


class _Distances(Twin[_Factors]):
    def generic(self, *inputs: Tensor) -> Tensor:
        return differentiable(*inputs)

    def solve(self, *inputs: Array) -> _Factors | None:
        if not all(isinstance(value, np.ndarray) for value in inputs):
            return None
        x, weight, bias, c = inputs
        c = c.astype(x.dtype)
        points = kernel.lift_points(x.reshape(-1, x.shape[-1]), c)
        planes, rho = kernel.lift_planes(weight, bias, c, _plane_reach(points.cosh))
        return _Factors(points, planes, rho, np.maximum(np.sqrt(rho), LEAST_ROOT), x.shape[:-1])

    def value(self, state: _Factors, *, followed: bool) -> tuple[Array, ...]:
        shape = (state.points.vector.shape[0], state.rho.size)
        state.inverse_slope = tensor(state.points.vector).new_empty(shape) if followed else None
        return (_values(state).reshape(*state.batch, shape[1]),)

    def pull_back(
        self, state: _Factors, inputs: Sequence[Array], outputs: Sequence[Array], grads: Sequence[Array],
        wanted: Sequence[bool],
    ) -> Sequence[Array | None]:  # fmt: skip
        x, weight, bias, c = inputs
        c = c.astype(x.dtype)
        inverse_slope = state.inverse_slope
        assert inverse_slope is not None
        out, grad = (tensor(values[0]).reshape(inverse_slope.shape) for values in (outputs, grads))
        in_product = grad / inverse_slope
        found: list[Array] = [None, None, None, 0.0]
        if wanted[0] or wanted[3]:
            in_points = torch.mm(in_product, tensor(state.planes.vector))
            in_x, found[3] = kernel.pull_back_points(x.reshape(-1, x.shape[-1]), c, state.points, bare(in_points))
            found[0] = in_x.reshape(x.shape)
        if any(wanted[1:]):
            in_planes = bare(torch.mm(in_product.T, tensor(state.points.vector)))
            in_rho = _in_rho(state, in_planes, out, inverse_slope, grad, exact=wanted[3])
            found[1], found[2], in_c = kernel.pull_back_planes(weight, bias, c, state.planes, in_planes, in_rho)
            found[3] = found[3] + in_c
        return found


_distances = _Distances()


def distances(x: Tensor, weight: Tensor, bias: Tensor, c: Tensor) -> Tensor:
    """|a_j| times the signed distances of tangent coordinates x (*batch, d) to planes, (*batch, m)."""
    return _distances(x, weight, bias, c)


def _plane_reach(cosh: Array) -> float:
    """The distance k|r| up to which planes can be held besides points with these cosh(k R)."""
    # A row that is no number takes no room from the others.
    return max(kernel.PLANE_REACH, kernel.reach(cosh.dtype) - float(np.log(2.0 * cosh.max(initial=1.0))))


def _values(factors: _Factors) -> Tensor:
    """The distances (n, m); ``inverse_slope`` is filled where there is one."""
    inverse_slope = factors.inverse_slope
    points, root = tensor(factors.points.vector), tensor(factors.root)
    # root times the product; it is of the size of sinh(k distance).
    out = torch.mm(points, tensor(factors.root[:, None] * factors.planes.vector).T)
    far = [(part, growth, out.numpy()[part] / factors.root[part[1]]) for part, growth in _far(factors)]
    rows = _rows(factors)
    for start in range(0, out.shape[0], rows):
        block = out[start : start + rows]
        slope = None if inverse_slope is None else inverse_slope[start : start + rows]
        if _VECTORISED:
            if slope is not None:
                torch.mul(block, block, out=slope).add_(1.0).sqrt_()
            np.arcsinh(block.numpy(), out=block.numpy())
            block.div_(root)
        else:
            torch.div(asinh(block, slope), root, out=block)
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
