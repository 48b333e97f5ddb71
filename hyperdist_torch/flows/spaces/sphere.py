"""What flows ask of the unit sphere."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

import hyperdist
from hyperdist_torch import constraints as supports
from hyperdist_torch.flows.spaces.base import FlowSpace


class OnSphere(FlowSpace):
    """The unit sphere S^d: a point is a unit vector of R^(d+1).

    >>> import torch
    >>> from hyperdist_torch import flows
    >>> space = flows.Sphere(2)
    >>> space.retract(torch.tensor([3.0, 0.0, 4.0])), space.project(torch.eye(3)[0], torch.ones(3))
    (tensor([0.6000, 0.0000, 0.8000]), tensor([0., 1., 1.]))
    >>> space.check(torch.tensor([[3.0, 0.0, 4.0]]))
    Traceback (most recent call last):
    ValueError: value must lie on Sphere(2): 1 of 1 rows do not, the first is row 0, ...; divide vectors by ...
    """

    kind = hyperdist.Sphere
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

    @property
    def noise_width(self) -> int:
        return self.width

    def project(self, x: Tensor, u: Tensor) -> Tensor:
        return u - self.inner(x, u, x)[..., None] * x

    def random_tangent(self, x: Tensor, noise: Tensor) -> Tensor:
        # No frame on the sphere is continuous; the projection of noise in the embedding is.
        return self.project(x, noise)

    def exp(self, x: Tensor, u: Tensor) -> Tensor:
        return self.retract(super().exp(x, u))


Sphere = OnSphere
