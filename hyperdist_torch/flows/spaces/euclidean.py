"""Flat space."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import constraints

from hyperdist.geometry import euclidean
from hyperdist_torch import constraints as supports
from hyperdist_torch.flows.spaces.base import Space


class Euclidean(Space):
    """R^d."""

    name = "euclidean"

    @property
    def support(self) -> constraints.Constraint:
        return supports.finite_vector

    def from_frame(self, x: Tensor, v: Tensor) -> Tensor:
        return euclidean.from_frame(x, v)

    def dist_sq(self, x: Tensor, y: Tensor) -> Tensor:
        return euclidean.dist_sq(x, y)

    def exp(self, x: Tensor, u: Tensor) -> Tensor:
        return euclidean.exp(x, u)

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        return euclidean.log(x, y)
