"""Squared distance of hyperbolic points in tangent coordinates, fast in both directions.

``tangent.dist_sq`` is differentiable to any order, by many small operations. The triangle of
``hyperdist.geometry.fast.chord`` takes a tenth of the time, for the value and the first derivative of every pair.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hyperdist.geometry import tangent
from hyperdist.geometry.fast import chord
from hyperdist_torch._host import Array
from hyperdist_torch.fast.node import Twin


class _DistSq(Twin[chord.Chord]):
    def generic(self, *inputs: Tensor) -> Tensor:
        return tangent.dist_sq(*inputs)

    def serves(self, *inputs: Tensor) -> bool:
        x, y, c = inputs
        return x.dtype == y.dtype == c.dtype and x.dtype in (torch.float32, torch.float64)

    def solve(self, *inputs: Array) -> chord.Chord:
        return chord.solve(*inputs)

    def value(self, state: chord.Chord, *, followed: bool) -> tuple[Array, ...]:
        return (chord.dist_sq(state),)

    def pull_back(
        self, state: chord.Chord, inputs: Sequence[Array], outputs: Sequence[Array], grads: Sequence[Array],
        wanted: Sequence[bool],
    ) -> Sequence[Array | None]:  # fmt: skip
        return chord.pull_back(state, grads[0], wanted)


_dist_sq = _DistSq()


def dist_sq(x: Tensor, y: Tensor, c: Tensor) -> Tensor:
    """``tangent.dist_sq`` for laws: (*batch) of points (*batch, d) in tangent coordinates and c (*batch)."""
    return _dist_sq(x, y, c)
