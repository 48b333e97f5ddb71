"""The polar exponential of a draw, fast in both directions.

``polar.exp_polar`` is right everywhere and differentiable to any order, by a few hundred small operations. The
triangle of ``hyperdist.geometry.fast.triangle`` takes a tenth of them; it serves where all centres have a direction and
no exponential overflows, for the value and the first derivative.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from hyperdist.geometry import conversions, polar
from hyperdist.geometry.fast import triangle
from hyperdist_torch._host import Array
from hyperdist_torch.fast.node import Twin


class _Polar(Twin[triangle.Triangle]):
    def generic(self, *inputs: Tensor) -> Tensor:
        mu, radius, direction, c = inputs
        return polar.exp_polar(mu, radius, direction, c, "tangent")

    def solve(self, *inputs: Array) -> triangle.Triangle | None:
        return triangle.solve(*inputs)

    def value(self, state: triangle.Triangle, *, followed: bool) -> tuple[Array, ...]:
        return (triangle.point(state),)

    def pull_back(
        self, state: triangle.Triangle, inputs: Sequence[Array], outputs: Sequence[Array], grads: Sequence[Array],
        wanted: Sequence[bool],
    ) -> Sequence[Array | None]:  # fmt: skip
        return triangle.pull_back(state, outputs[0], grads[0], direction=wanted[2], c=wanted[3])


_polar = _Polar()


def exp_polar(mu: Tensor, radius: Tensor, direction: Tensor, c: Tensor, model: str) -> Tensor:
    """``polar.exp_polar`` for laws: (*sample, *batch, d) points of ``model`` at radii (*sample, *batch)."""
    inputs = (mu, radius, direction, c)
    solved = _polar.solved(*inputs)
    if solved is None:
        return polar.exp_polar(*inputs, model)
    return conversions.from_tangent(_polar.follow(solved, *inputs)[0], c, model)
