"""What the layers of distances to learnt surfaces share: parameters, their start, the flat case."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdist import checks
from hyperdist_torch.nn._arguments import coordinates, model_of
from hyperdist_torch.nn.curvature import Curvature, as_curvature


class DistanceLayer(nn.Module, ABC):
    """Rows a_j of ``weight`` (m, d) and ``bias`` (m,) say where m surfaces are; the output is |a_j| times distances."""

    @staticmethod
    @abstractmethod
    def _distances(x: Tensor, weight: Tensor, bias: Tensor, c: Tensor, model: str) -> Tensor:
        """Scaled signed distances, (*batch, m); x weight^T + bias at c = 0."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        curvature: Curvature | float,
        *,
        model: str = "tangent",
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = checks.dimension(in_features, "in_features")
        self.out_features = checks.dimension(out_features, "out_features")
        self.curvature = as_curvature(curvature)
        self.model = model_of(model, self.curvature)
        self.weight = nn.Parameter(torch.empty(self.out_features, self.in_features, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(self.out_features, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """New weights and biases, as those of ``nn.Linear``."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5.0))
        bound = 1.0 / math.sqrt(self.in_features)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Scaled signed distances, (*batch, m)."""
        coordinates(x, self.in_features, self.model)
        if self.curvature.flat and self.model == "tangent":
            return functional.linear(x, self.weight, self.bias)
        return self._distances(x, self.weight, self.bias, self.curvature(x.dtype), self.model)

    def extra_repr(self) -> str:
        """For ``repr``."""
        return f"in_features={self.in_features}, out_features={self.out_features}, model={self.model!r}"
