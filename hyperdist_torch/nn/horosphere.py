"""The horosphere layer: as the gyroplane layer, for points on a far shell."""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdist.geometry import horosphere as kernel
from hyperdist_torch._precision import exempt
from hyperdist_torch.nn._layer import DistanceLayer
from hyperdist_torch.nn._points import to_tangent

_LEAST = 1e-18
"""The squared length that a shorter row a_j is taken to have."""


@exempt
def horosphere(x: Tensor, weight: Tensor, bias: Tensor, c: Tensor, model: str = "tangent") -> Tensor:
    """|a_j| times the signed distance of x to the horosphere about a_j/|a_j| at the distance -b_j/|a_j|, (*batch, m).

    x : points of ``model``, (*batch, d) or (*batch, d + 1);  weight (m, d), rows a_j;  bias (m,);  c : scalar >= 0.
    At c = 0: x weight^T + bias.

    >>> import torch
    >>> from hyperdist_torch.nn import horosphere
    >>> x, c = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]]), torch.tensor(1.0)
    >>> horosphere(x, torch.tensor([[1.0, 0.0]]), torch.tensor([0.0]), c)  # -log cosh 2 across
    tensor([[ 2.0000],
            [-2.0000],
            [-1.3250]])
    """
    v = to_tangent(x, c, model)
    square = weight.square().sum(dim=-1)
    length = torch.sqrt(torch.where(square < _LEAST, torch.full_like(square, _LEAST), square))
    return length * kernel.dist(v, weight / length[:, None], torch.zeros_like(bias), c) + bias


class Horosphere(DistanceLayer):
    """Signed distances to learnt horospheres times learnt scales: at c = 0 exactly ``nn.Linear``.

    Arguments, parameters, their start, and errors as for ``Gyroplane``; a_j/|a_j| is here the horosphere's centre, at
    infinity, and -b_j/|a_j| its distance from the origin.

    On a shell of radius R >> 1/k, k = sqrt(c), a distance to a plane is R or -R but for a strip of width e^-R, so that
    directions are not told apart. A distance to a horosphere is there -R - log sin^2(theta/2)/k, theta the angle to its
    centre: its slope in theta, -cot(theta/2)/k, is the same on every shell, and R enters all outputs alike.

    >>> import torch
    >>> from hyperdist_torch import nn
    >>> head = nn.Horosphere(2, 10, curvature=1.0)  # ten logits
    >>> angle = torch.linspace(0.0, 6.0, 8)
    >>> shell = 20.0 * torch.stack([angle.cos(), angle.sin()], dim=-1)  # far out, directions are still told apart
    >>> head(shell).shape, head.weight.shape, head.bias.shape
    (torch.Size([8, 10]), torch.Size([10, 2]), torch.Size([10]))
    """

    @staticmethod
    def _curved(x: Tensor, weight: Tensor, bias: Tensor, c: Tensor, model: str) -> Tensor:
        return horosphere(x, weight, bias, c, model)
