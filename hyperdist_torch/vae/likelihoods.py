"""Laws of one observation given the decoder's output."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Normal
from torch.nn import functional

from hyperdist.arrays.namespace import constant
from hyperdist_torch._host import holds, seen
from hyperdist_torch._precision import exempt, upcast

_LEAST_MEAN = 1e-4
"""Distance from 0 and 1 to which a pixel's mean is moved before its logit is taken (the published code adds it)."""


class Likelihood(Protocol):
    """log p(x | output), (*sample, batch), for output (*sample, batch, D) and x (batch, D).

    Where gradients are switched off, ``log_prob`` may write over output.
    """

    def log_prob(self, output: Tensor, x: Tensor) -> Tensor: ...
    def distribution(self, output: Tensor) -> Distribution: ...
    def bias(self, mean: Tensor) -> Tensor: ...
    def check(self, x: Tensor, name: str) -> None: ...


class BernoulliLikelihood:
    """Independent Bernoulli laws with logits; grey levels x in [0, 1] count as fractions of an observation.

    Such a likelihood of grey levels has no normaliser of its own; it is the published one, and -inf nowhere.
    """

    @exempt
    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        """Sum of x logit - softplus(logit).

        Evaluation has many draws, on which the product with x is a product of matrices for each x, and no array but
        output's: a second one would leave the caches, and take 1.3 times as long. On the few draws of training such
        products take three times as long as one pass over all.
        """
        if torch.is_grad_enabled() or not constant(output, x):
            return torch.linalg.vecdot(output, x) - functional.softplus(output).sum(dim=-1)
        fit = torch.einsum("...bd,bd->...b", output, x)
        return fit - functional.softplus(output, out=output).sum(dim=-1)  # type: ignore[call-arg]

    def distribution(self, output: Tensor) -> Distribution:
        """The law of each number; its ``log_prob`` takes grey levels."""
        return Bernoulli(logits=upcast(output, "output"), validate_args=False)

    def bias(self, mean: Tensor) -> Tensor:
        """The output at which the law has this mean."""
        return torch.logit(mean, eps=_LEAST_MEAN)

    def check(self, x: Tensor, name: str) -> None:
        """ValueError where a value is no grey level."""
        _check(x, 0.0, 1.0, f"{name} must hold grey levels in [0, 1] for likelihood 'bernoulli'")


class NormalLikelihood:
    """Independent normal laws about the output with one fixed standard deviation."""

    def __init__(self, std: float) -> None:
        self.std = std

    @exempt
    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        """Sum of the normal log densities."""
        constant = int(x.shape[-1]) * (math.log(self.std) + 0.5 * math.log(2.0 * math.pi))
        return (-0.5 / self.std**2) * (x - output).square().sum(dim=-1) - constant

    def distribution(self, output: Tensor) -> Distribution:
        """The law of each number."""
        return Normal(upcast(output, "output"), self.std, validate_args=False)

    def bias(self, mean: Tensor) -> Tensor:
        """The output at which the law has this mean."""
        return mean

    def check(self, x: Tensor, name: str) -> None:
        """ValueError where a value is not finite."""
        largest = torch.finfo(x.dtype).max
        _check(x, -largest, largest, f"{name} must be finite")


def _check(x: Tensor, low: float, high: float, rule: str) -> None:
    """ValueError where a value is not in [low, high], which NaN never is; it shows the first."""
    if not x.numel():
        return
    # One pass, and one number to wait for; NaN where there is any.
    least, largest = x.detach().aminmax()
    if holds((least >= low) & (largest <= high)):
        return
    x = seen(x)
    bad = ~((x >= low) & (x <= high))
    index = tuple(torch.nonzero(bad)[0].tolist())
    row = f"; row {index[0]} is the first" if len(index) > 1 else ""
    raise ValueError(f"{rule}, got {x[index].item()!r} at index {index} ({int(bad.sum())} of {x.numel()} values){row}")
