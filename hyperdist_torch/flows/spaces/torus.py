"""What flows ask of the flat torus."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import constraints

import hyperdist
from hyperdist.geometry import torus
from hyperdist_torch import constraints as supports
from hyperdist_torch.flows.spaces.base import FlowSpace


class OnTorus(FlowSpace):
    """The flat torus: a point is d angles in [-pi, pi).

    >>> import torch
    >>> from hyperdist_torch import flows
    >>> space = flows.Torus(1)
    >>> space.retract(torch.tensor([4.0])), space.features(torch.zeros(1))  # 4 - 2 pi; cosine and sine
    (tensor([-2.2832]), tensor([1., 0.]))
    """

    kind = hyperdist.Torus
    name = "torus"
    _hint = (
        "; angles are in radians, in [-pi, pi): torch.deg2rad takes degrees there, and "
        "hyperdist.geometry.torus.wrap(x) what is turns away"
    )

    @property
    def support(self) -> constraints.Constraint:
        return supports.angles

    def retract(self, x: Tensor) -> Tensor:
        return torus.wrap(x)

    def features(self, x: Tensor) -> Tensor:
        return torch.cat([x.cos(), x.sin()], dim=-1)

    @property
    def feature_width(self) -> int:
        return 2 * self.d


Torus = OnTorus
