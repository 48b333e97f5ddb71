"""The gyroplane layer: signed distances to learnt geodesic hyperplanes, times learnt scales."""

from __future__ import annotations

from torch import Tensor

from hyperdist_torch._host import beside
from hyperdist_torch._precision import exempt
from hyperdist_torch.fast.planes import distances
from hyperdist_torch.nn._layer import DistanceLayer
from hyperdist_torch.nn._points import to_tangent


@exempt
def gyroplane(x: Tensor, weight: Tensor, bias: Tensor, c: Tensor, model: str = "tangent") -> Tensor:
    """|a_j| times the signed distance of x to the plane with normal a_j/|a_j| at the distance -b_j/|a_j|, (*batch, m).

    x : points of ``model``, (*batch, d) or (*batch, d + 1);  weight (m, d), rows a_j;  bias (m,);  c : scalar >= 0.
    At c = 0: x weight^T + bias. Accuracy: that of x moved by a few eps of its length, where <x, a_j> is formed.

    >>> import torch
    >>> from hyperdist_torch.nn import gyroplane
    >>> x, c = torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor(1.0)
    >>> gyroplane(x, torch.tensor([[1.0, 0.0]]), torch.tensor([-0.5]), c)  # the plane crosses the first axis at 0.5
    tensor([[ 1.5000],
            [-1.4258]])
    """
    c = c if isinstance(c, Tensor) else beside(c, x)
    return distances(to_tangent(x, c, model), weight, bias, c)


class Gyroplane(DistanceLayer):
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

    >>> import torch
    >>> from hyperdist_torch.nn import Gyroplane
    >>> layer = Gyroplane(3, 4, 1.0)
    >>> layer(torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """

    @staticmethod
    def _curved(x: Tensor, weight: Tensor, bias: Tensor, c: Tensor, model: str) -> Tensor:
        return gyroplane(x, weight, bias, c, model)
