"""The unit sphere."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist.geometry import sphere
from hyperdist_torch import constraints as supports
from hyperdist_torch.flows.spaces.base import Space


class Sphere(Space):
    """The unit sphere S^d: a point is a unit vector of R^(d+1)."""

    name = "sphere"
    _hint = "; divide vectors by their lengths"

    def __init__(self, d: int) -> None:
        super().__init__(d)
        self.width = self.d + 1

    @property
    def support(self) -> constraints.Constraint:
        return supports.unit_sphere

    def widened(self, x: Any, name: str) -> Any:
        return supports.widened(x, name)

    def retract(self, x: Tensor) -> Tensor:
        return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)

    def from_frame(self, x: Tensor, v: Tensor) -> Tensor:
        return sphere.from_frame(x, v)

    @property
    def noise_width(self) -> int:
        return self.width

    def project(self, x: Tensor, u: Tensor) -> Tensor:
        return u - sphere.inner(x, u, x)[..., None] * x

    def random_tangent(self, x: Tensor, noise: Tensor) -> Tensor:
        # No frame on the sphere is continuous; the projection of noise in the embedding is.
        return self.project(x, noise)

    def dist_sq(self, x: Tensor, y: Tensor) -> Tensor:
        return sphere.dist_sq(x, y)

    def exp(self, x: Tensor, u: Tensor) -> Tensor:
        return self.retract(sphere.exp(x, u))

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        return sphere.log(x, y)

    def transport(self, x: Tensor, y: Tensor, u: Tensor) -> Tensor:
        return sphere.transport(x, y, u)
