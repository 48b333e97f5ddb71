"""What the linear layers of hyperbolic space share: parameters, their start, the flat case."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdist import checks
from hyperdist_torch._precision import upcast
from hyperdist_torch.nn._arguments import coordinates, model_of
from hyperdist_torch.nn.curvature import Curvature, as_curvature


class HyperbolicLayer(nn.Module, ABC):
    """``weight`` (m, d) and ``bias`` (m,), those of ``nn.Linear`` at their start, and ``nn.Linear`` itself at c = 0."""

    bias: Any
    """A parameter, or None where the layer has no bias."""

    @staticmethod
    @abstractmethod
    def _curved(x: Tensor, weight: Tensor, bias: Any, c: Tensor, model: str) -> Tensor:
        """The layer's output for points of ``model``; x weight^T + bias at c = 0."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        curvature: Curvature | float,
        *,
        bias: bool = True,
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
        if bias:
            self.bias = nn.Parameter(torch.empty(self.out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """New weights and biases, as those of ``nn.Linear``.

        >>> import torch
        >>> from hyperdist_torch import nn
        >>> layer = nn.Gyroplane(2, 3, curvature=1.0)
        >>> before = layer.weight.detach().clone()
        >>> layer.reset_parameters()
        >>> torch.equal(layer.weight, before)
        False
        """
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5.0))
        if self.bias is not None:
            bound = 1.0 / math.sqrt(self.in_features)
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """The output for points of ``model``: (*batch, d), or (*batch, d + 1) for "lorentz"."""
        coordinates(x, self.in_features, self.model)
        if self.curvature.flat and self.model == "tangent":
            return functional.linear(x, self.weight, self.bias)
        x = upcast(x, "x")
        return self._curved(x, self.weight, self.bias, self.curvature(x.dtype), self.model)

    def extra_repr(self) -> str:
        """For ``repr``."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}, model={self.model!r}"
        )


class DistanceLayer(HyperbolicLayer):
    """Rows a_j of ``weight`` and ``bias`` say where m surfaces are; the output is |a_j| times signed distances."""

    bias: Tensor

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
        super().__init__(in_features, out_features, curvature, model=model, device=device, dtype=dtype)

    def extra_repr(self) -> str:
        """For ``repr``; there always is a bias."""
        return f"in_features={self.in_features}, out_features={self.out_features}, model={self.model!r}"
