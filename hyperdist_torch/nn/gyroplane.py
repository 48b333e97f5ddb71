"""The gyroplane layer: signed distances to learnt geodesic hyperplanes, times learnt scales."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdist import checks
from hyperdist.spaces import charts
from hyperdist.spaces import gyroplane as kernel
from hyperdist_torch.nn._arguments import coordinates, model_of
from hyperdist_torch.nn._arsinh import arsinh
from hyperdist_torch.nn.curvature import Curvature, as_curvature


def gyroplane(x: Tensor, weight: Tensor, bias: Tensor, c: Tensor, model: str = "tangent") -> Tensor:
    """|a_j| times the signed distance of x to the plane with normal a_j/|a_j| at the distance -b_j/|a_j|, (*batch, m).

    x : points of ``model``, (*batch, d) or (*batch, d + 1);  weight (m, d), rows a_j;  bias (m,);  c : scalar >= 0.
    At c = 0: x weight^T + bias. Accuracy: that of x moved by a few eps of its length, where <x, a_j> is formed.
    """
    v = charts.to_tangent(x, c, model)
    points = kernel.lift_points(v, c)
    planes, rho = kernel.lift_planes(weight, bias, c)
    growth = None if points.excess is None else points.excess[..., None]
    if planes.excess is not None:
        growth = planes.excess if growth is None else growth + planes.excess
    return arsinh(functional.linear(points.vector, planes.vector), rho, growth, exact=c.requires_grad)


class Gyroplane(nn.Module):
    """Signed geodesic distances to learnt hyperplanes times learnt scales: at c = 0 exactly ``nn.Linear``.

    in_features  : dimension d of the space.  out_features : number of hyperplanes m.
    curvature    : a ``Curvature``, or a number.  model : of the input, "tangent", "lorentz" or "poincare".
    weight (m, d), rows a_j, and bias (m,): the plane j has the normal a_j/|a_j|, lies at the distance -b_j/|a_j| from
    the origin, and its distances are scaled by |a_j|. These are the hyperplanes (p, a) of Ganea et al. 2018, with d + 1
    unconstrained numbers in place of 2d, none on the ball: plain Adam trains them. They start as ``nn.Linear``'s.
    Range     |x| to 80 (float32) and 700 (float64), planes at any distance, in units of 1/sqrt(c): values, gradients,
              second derivatives. At a_j = 0 there is no plane: the output is b_j, not differentiable in a_j, as |a_j|.
    Far out   at radius R >> 1/sqrt(c) all but a sliver of directions lie near +-R from a plane through the origin; what
              distinguishes directions there has width e^-R.
    Source    Ganea et al. 2018 (arXiv 1805.09112), theorem 5; Shimizu et al. 2021 (arXiv 2006.08210), section 3.1.
    Raises    ValueError for bad sizes, an unknown model, "lorentz" at c = 0, an input of another width.

    >>> layer = Gyroplane(3, 4, 1.0)
    >>> layer(torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """

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
        """New planes: weights and bias as those of ``nn.Linear``."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5.0))
        bound = 1.0 / math.sqrt(self.in_features)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Scaled signed distances, (*batch, m)."""
        coordinates(x, self.in_features, self.model)
        if self.curvature.flat and self.model == "tangent":
            return functional.linear(x, self.weight, self.bias)
        return gyroplane(x, self.weight, self.bias, self.curvature(x.dtype), self.model)

    def extra_repr(self) -> str:
        """For ``repr``."""
        return f"in_features={self.in_features}, out_features={self.out_features}, model={self.model!r}"
