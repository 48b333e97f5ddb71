"""Fully connected networks that return derivatives along given directions beside their values.

A divergence needs du(e) for a few tangents e and, in training, its gradient in the parameters. Carried along by hand,
the directions share one pass with the values: a third of the time of ``torch.func.jvp`` under ``vmap`` is saved.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain, pairwise, repeat
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdist import checks
from hyperdist_torch._host import known_signature
from hyperdist_torch.fast.node import differentiated, first_derivative_only, untransformed


class Activation(NamedTuple):
    """A function of numbers, and its derivatives."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]
    """The first derivative at a, of (a, value)."""
    bend: Callable[[Tensor, Tensor, Tensor], tuple[float, Tensor]]
    """The second, of (a, value, slope), as a factor and a tensor."""


def _swish_slope(a: Tensor, y: Tensor) -> Tensor:
    s = a.sigmoid()
    return s + y * (1.0 - s)


def _swish_bend(a: Tensor, y: Tensor, slope: Tensor) -> tuple[float, Tensor]:
    s = a.sigmoid()
    return 1.0, s * (1.0 - s) * (2.0 + a * (1.0 - 2.0 * s))


ACTIVATIONS = {
    "sine": Activation(torch.sin, lambda a, y: a.cos(), lambda a, y, slope: (-1.0, y)),
    "swish": Activation(functional.silu, _swish_slope, _swish_bend),
    "tanh": Activation(torch.tanh, lambda a, y: 1.0 - y * y, lambda a, y, slope: (-2.0, y * slope)),
    "softplus": Activation(
        functional.softplus, lambda a, y: a.sigmoid(), lambda a, y, slope: (1.0, slope * (1.0 - slope))
    ),
}


def _activated(a: Tensor, e: Tensor, act: Activation) -> tuple[Tensor, Tensor]:
    """(act(a), act'(a) e), e (k, *a.shape)."""
    y = act.value(a)
    return y, act.slope(a, y) * e


class _Activated(torch.autograd.Function):
    """``_activated`` as one node: no sine is worked out twice, and nothing is added up that is used once."""

    @staticmethod
    @known_signature
    def forward(ctx: Any, a: Tensor, e: Tensor, act: Activation) -> tuple[Tensor, Tensor]:
        ctx.act, y = act, act.value(a)
        slope = act.slope(a, y)
        ctx.save_for_backward(a, e, y, slope)
        return y, slope * e

    @staticmethod
    def backward(ctx: Any, grad: Tensor, grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        a, e, y, slope = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:2]
        if not first_derivative_only(grad, grads):
            return *differentiated(partial(_activated, act=ctx.act), (a, e), (grad, grads), wanted), None
        along = grads[0] * e[0]
        for k in range(1, len(e)):
            along.addcmul_(grads[k], e[k])
        factor, bend = ctx.act.bend(a, y, slope)
        return torch.addcmul(grad * slope, along, bend, value=factor), grads * slope if wanted[1] else None, None


class Network(nn.Module):
    """``layers`` hidden layers of ``hidden`` units, and a linear one: (*batch, in_features) -> (*batch, out_features).

    activation : "sine", "swish", "tanh" or "softplus".
    scale      : factor of the first layer's weights: above 1 the network begins with finer structure in its input.
    The last layer begins at 0, so that a flow begins as the identity.

    >>> import torch
    >>> from hyperdist_torch.flows import Network
    >>> network = Network(3, 2, hidden=16, activation="sine")
    >>> values, along = network.linearised(torch.ones(5, 3), torch.ones(1, 5, 3))
    >>> torch.equal(network(torch.ones(5, 3)), values), along.shape  # the values and one derivative of each
    (True, torch.Size([1, 5, 2]))
    """

    def __init__(
        self, in_features: int, out_features: int, *, hidden: int = 64, layers: int = 3, activation: str = "swish",
        scale: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.activation = checks.choice(activation, "activation", tuple(ACTIVATIONS))
        hidden, layers = checks.dimension(hidden, "hidden"), checks.dimension(layers, "layers")
        widths = chain([checks.dimension(in_features, "in_features")], repeat(hidden, layers))
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(hidden, checks.dimension(out_features, "out_features"))
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        with torch.no_grad():
            self.hidden[0].get_parameter("weight").mul_(float(checks.positive(scale, "scale")))

    def forward(self, h: Tensor) -> Tensor:
        """The values, (*batch, out_features), at h (*batch, in_features)."""
        act = ACTIVATIONS[self.activation].value
        for layer in self.hidden:
            h = act(layer(h))
        return self.output(h)

    def linearised(self, h: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Values, and derivatives along ``directions`` (k, *batch, e): (*batch, out) and (k, *batch, out).

        e may be less than in_features: the inputs after the first e are constants.
        """
        act = ACTIVATIONS[self.activation]
        activated = _Activated.apply if untransformed() else _activated
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            weight, width = layer.weight, directions.shape[-1]
            if width < layer.in_features:  # the way back through a slice fills and copies a whole matrix
                weight = weight[:, :width]
            h, directions = activated(layer(h), functional.linear(directions, weight), act)
        return self.output(h), functional.linear(directions, self.output.weight)
