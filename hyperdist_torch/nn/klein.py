"""The Klein layer: geodesic hyperplanes again, with values that grow with the radius and not with the distance."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hyperdist.geometry import klein as kernel
from hyperdist_torch._precision import exempt
from hyperdist_torch.nn._layer import HyperbolicLayer
from hyperdist_torch.nn._points import to_tangent


@exempt
def klein(x: Tensor, weight: Tensor, bias: Tensor | None, c: Tensor, model: str = "tangent") -> Tensor:
    """kR coth(kR) times the affine function <g, a_j> + b_j of x's Klein coordinates g = tanh(kR)/k u, (*batch, m).

    x : points of ``model``, (*batch, d) or (*batch, d + 1), at the radius R in the direction u;  k = sqrt(c);
    weight (m, d), rows a_j;  bias (m,), or None for 0;  c : scalar >= 0. At c = 0: x weight^T + bias.

    >>> import torch
    >>> from hyperdist_torch.nn import klein
    >>> x = torch.tensor([[2.0, 0.0]])
    >>> klein(x, torch.tensor([[1.0, 0.0]]), torch.tensor([-0.5]), torch.tensor(1.0))  # 2 - 0.5 2/tanh 2
    tensor([[0.9627]])
    >>> klein(x, torch.tensor([[1.0, 0.0]]), torch.tensor([-0.5]), torch.tensor(0.0))  # flat: 2 - 0.5
    tensor([[1.5000]])
    """
    v = to_tangent(x, c, model)
    if bias is None:
        return functional.linear(v, weight)
    return functional.linear(kernel.lift(v, c), torch.cat([weight, bias[:, None]], dim=-1))


class Klein(HyperbolicLayer):
    """Linear functions of the hyperboloid's coordinates, scaled to geodesic length: at c = 0 exactly ``nn.Linear``.

    With k = sqrt(c), for a point at the radius R in the direction u, output j is

        R <u, a_j> + kR coth(kR) b_j = kR/sinh(kR) (<x, a_j> + x_0 b_j),      x_0 = cosh(kR), x = sinh(kR)/k u.

    It vanishes where affine functions of Klein coordinates do: on the geodesic hyperplane with the normal a_j/|a_j| at
    the distance r with tanh(k r) = -k b_j/|a_j|, one of a gyroplane layer's, or nowhere, where k |b_j| >= |a_j|. Near
    the origin it is the gyroplane's |a_j| times the distance, to first order.

    On a shell of radius R >> 1/k a distance to a plane is R or -R but for a strip of width e^-R about the plane: it
    does not tell directions apart. This does, as in Euclidean space: by R times a linear function of them. For the same
    reason radii are told apart by scale alone there: where points lie near the origin, the gyroplane layer has more to
    say.

    Arguments, parameters and their start, and errors as for ``Gyroplane``; bias=False leaves the planes through the
    origin. Range and accuracy: those of ``nn.Linear``, at any radius.
    Source    the Beltrami-Klein model, in which geodesics are straight; Ratcliffe 2006, section 6.1.

    >>> import torch
    >>> from hyperdist_torch.nn import Klein
    >>> layer = Klein(3, 4, 1.0)
    >>> layer(torch.zeros(5, 3)).shape
    torch.Size([5, 4])
    """

    @staticmethod
    def _curved(x: Tensor, weight: Tensor, bias: Tensor | None, c: Tensor, model: str) -> Tensor:
        return klein(x, weight, bias, c, model)
