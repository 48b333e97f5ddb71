"""What flows ask of flat space."""

from __future__ import annotations

from torch.distributions import constraints

import hyperdist
from hyperdist_torch import constraints as supports
from hyperdist_torch.flows.spaces.base import FlowSpace


class OnEuclidean(FlowSpace):
    """R^d."""

    kind = hyperdist.Euclidean
    name = "euclidean"

    @property
    def support(self) -> constraints.Constraint:
        return supports.finite_vector


Euclidean = OnEuclidean
