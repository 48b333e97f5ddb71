"""What flows ask of products of spaces: each factor's answer, side by side or added up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

import hyperdist
from hyperdist.geometry import vector_fields
from hyperdist.geometry.product import join, split
from hyperdist_torch.distributions.product import ProductPoint
from hyperdist_torch.flows.spaces.base import FlowSpace


class ProductFrame(vector_fields.Frame):
    """The fields of the factors' frames, each on its own coordinates."""

    def __init__(self, frames: Sequence[vector_fields.Frame], widths: Sequence[int]) -> None:
        self.frames, self.widths = tuple(frames), tuple(widths)
        self.sizes = [frame.size for frame in frames]
        self.d, self.size = sum(frame.d for frame in frames), sum(self.sizes)

    def push(self, x: Tensor, u: Tensor) -> Tensor:
        parts = zip(self.frames, split(x, self.widths), split(u, self.sizes), strict=True)
        return join([frame.push(point, part) for frame, point, part in parts])

    def pull(self, x: Tensor, e: Tensor) -> Tensor:
        parts = zip(self.frames, split(x, self.widths), split(e, self.widths), strict=True)
        return join([frame.pull(point, part) for frame, point, part in parts])

    def divergence(self, x: Tensor, u: Tensor) -> Tensor:
        parts = zip(self.frames, split(x, self.widths), split(u, self.sizes), strict=True)
        return _total([frame.divergence(point, part) for frame, point, part in parts])


class OnProduct(FlowSpace):
    """A product of such spaces: a point is those of the factors, their coordinates one after the other."""

    kind = hyperdist.ProductSpace

    def __init__(self, *factors: FlowSpace) -> None:
        self.factors = factors
        super().__init__(sum(factor.d for factor in factors))
        self.widths = [factor.width for factor in factors]
        self.width = sum(self.widths)
        # Two products are one space where all their factors are.
        self.name = repr(self)

    @property
    def core(self) -> hyperdist.spaces.Space:
        return hyperdist.ProductSpace(*(factor.core for factor in self.factors))

    @property
    def support(self) -> ProductPoint:
        return ProductPoint([factor.support for factor in self.factors], self.widths)

    def frame(self, kind: str) -> ProductFrame:
        return ProductFrame([factor.frame(kind) for factor in self.factors], self.widths)

    def _each(self, name: str, *rows: Tensor) -> list[Any]:
        """A method of every factor, of its part of the rows."""
        parts = zip(*(split(row, self.widths) for row in rows), strict=True)
        return [getattr(factor, name)(*given) for factor, given in zip(self.factors, parts, strict=True)]

    def retract(self, x: Tensor) -> Tensor:
        return join(self._each("retract", x))

    def land(self, x: Tensor) -> Tensor:
        return join(self._each("land", x))

    def from_frame(self, x: Tensor, v: Tensor) -> Tensor:
        given = split(v, [factor.d for factor in self.factors])
        parts = zip(self.factors, split(x, self.widths), given, strict=True)
        return join([factor.from_frame(point, part) for factor, point, part in parts])

    @property
    def noise_width(self) -> int:
        return sum(factor.noise_width for factor in self.factors)

    def random_tangent(self, x: Tensor, noise: Tensor) -> Tensor:
        given = split(noise, [factor.noise_width for factor in self.factors])
        parts = zip(self.factors, split(x, self.widths), given, strict=True)
        return join([factor.random_tangent(point, part) for factor, point, part in parts])

    def project(self, x: Tensor, u: Tensor) -> Tensor:
        return join(self._each("project", x, u))

    def inner(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        return _total(self._each("inner", x, u, v))

    def embedded_inner(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        return _total(self._each("embedded_inner", x, u, v))

    def log_volume(self, x: Tensor) -> Tensor:
        return _total(self._each("log_volume", x))

    def dist_sq(self, x: Tensor, y: Tensor) -> Tensor:
        return _total(self._each("dist_sq", x, y))

    def exp(self, x: Tensor, u: Tensor) -> Tensor:
        return join(self._each("exp", x, u))

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        return join(self._each("log", x, y))

    def transport(self, x: Tensor, y: Tensor, u: Tensor) -> Tensor:
        return join(self._each("transport", x, y, u))

    def path(self, x: Tensor, y: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        given = zip(self.factors, split(x, self.widths), split(y, self.widths), strict=True)
        found = [factor.path(start, end, left) for factor, start, end in given]
        return join([at for at, _ in found]), join([velocity for _, velocity in found])

    def features(self, x: Tensor) -> Tensor:
        return join(self._each("features", x))

    @property
    def feature_width(self) -> int:
        return sum(factor.feature_width for factor in self.factors)

    def widened(self, x: Any, name: str) -> Any:
        if not isinstance(x, Tensor) or not x.ndim or x.shape[-1] != self.width:
            return x
        parts = zip(self.factors, split(x, self.widths), strict=True)
        return join([factor.widened(part, name) for factor, part in parts])

    def __repr__(self) -> str:
        return f"ProductSpace({', '.join(map(repr, self.factors))})"


def _total(values: list[Tensor]) -> Tensor:
    return reduce(torch.add, values)
