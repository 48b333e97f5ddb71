"""What flows ask of flat space."""

from __future__ import annotations

from torch.distributions import constraints

import hyperdist
from hyperdist_torch import constraints as supports
from hyperdist_torch.flows.spaces.base import FlowSpace


class OnEuclidean(FlowSpace):
    """R^d.

    >>> import torch
    >>> from hyperdist_torch import flows
    >>> space = flows.Euclidean(2)
    >>> space, space.support, space.exp(torch.zeros(2), torch.tensor([3.0, 4.0]))
    (Euclidean(2), FiniteVector(), tensor([3., 4.]))
    """

    kind = hyperdist.Euclidean
    name = "euclidean"

    @property
    def support(self) -> constraints.Constraint:
        return supports.finite_vector


Euclidean = OnEuclidean
