"""Linear maps of hyperbolic space: a matrix at the origin, then a translation."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from hyperdist.geometry.fast.translation import translate
from hyperdist_torch._precision import exempt
from hyperdist_torch.nn._layer import HyperbolicLayer
from hyperdist_torch.nn._points import from_tangent, to_tangent


@exempt
def mobius_linear(x: Tensor, weight: Tensor, bias: Tensor | None, c: Tensor, model: str = "tangent") -> Tensor:
    """b (+) (M (x) x) (Ganea et al. 2018, arXiv 1805.09112, section 3.2).

    x : points of ``model``, (*batch, d) or (*batch, d + 1);  weight : (e, d);  bias : (e,) in tangent coordinates.
    returns  points of ``model`` of dimension e.
    In tangent coordinates M (x) x is M x, and b (+) . the boost that takes the origin to b: x W^T + b at c = 0.
    A bias held on the ball (a ``geoopt.ManifoldParameter``, say) goes in as
    ``conversions.poincare_to_tangent(bias, c)``.

    >>> import torch
    >>> from hyperdist_torch.nn import mobius_linear
    >>> x, c = torch.tensor([[1.0, 0.0]]), torch.tensor(1.0)
    >>> mobius_linear(x, 2.0 * torch.eye(2), torch.tensor([0.5, 0.0]), c)  # twice as far, then moved on by 0.5
    tensor([[2.5000, 0.0000]])
    """
    moved = functional.linear(to_tangent(x, c, model), weight)
    if bias is not None:
        moved = translate(bias, moved, c)
    return from_tangent(moved, c, model)


class MobiusLinear(HyperbolicLayer):
    """Points to points, b (+) (M (x) x): at c = 0 ``nn.Linear``.

    in_features, out_features : dimensions d and e of the spaces.
    curvature : a ``Curvature``, or a number;  model : of input and output;  bias : whether there is a b.
    weight (e, d) and bias (e,), in tangent coordinates, are unconstrained: plain Adam trains them. They start as
    those of ``nn.Linear``. Stable to radius 80 (float32) and 700 (float64) of x, M x and b, in units of 1/sqrt(c).
    Raises  ValueError for bad sizes, an unknown model, "lorentz" at c = 0, an input of another width.

    >>> import torch
    >>> from hyperdist_torch.nn import MobiusLinear
    >>> layer = MobiusLinear(3, 2, 1.0)
    >>> layer(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    """

    @staticmethod
    def _curved(x: Tensor, weight: Tensor, bias: Tensor | None, c: Tensor, model: str) -> Tensor:
        return mobius_linear(x, weight, bias, c, model)
