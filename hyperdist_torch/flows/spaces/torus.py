"""The flat torus."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist.geometry import torus
from hyperdist_torch import constraints as supports
from hyperdist_torch.flows.spaces.base import Space


class Torus(Space):
    """The flat torus: a point is d angles in [-pi, pi)."""

    name = "torus"
    _hint = (
        "; angles are in radians, in [-pi, pi): torch.deg2rad takes degrees there, and "
        "hyperdist.geometry.torus.wrap(x) what is turns away"
    )

    @property
    def support(self) -> constraints.Constraint:
        return supports.angles

    def from_frame(self, x: Tensor, v: Tensor) -> Tensor:
        return torus.from_frame(x, v)

    def retract(self, x: Tensor) -> Tensor:
        return torus.wrap(x)

    def dist_sq(self, x: Tensor, y: Tensor) -> Tensor:
        return torus.dist_sq(x, y)

    def exp(self, x: Tensor, u: Tensor) -> Tensor:
        return self.retract(x + u)

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        return self.retract(y - x)

    def features(self, x: Tensor) -> Tensor:
        return torch.cat([x.cos(), x.sin()], dim=-1)

    @property
    def feature_width(self) -> int:
        return 2 * self.d
