"""Laws of one observation given the decoder's output: numbers and classes; those of counts are in ``counts``."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, ContinuousBernoulli, Distribution, Independent, Normal
from torch.nn import functional

from hyperdist import checks
from hyperdist.arrays.namespace import constant
from hyperdist.arrays.stable import langevinc_sq, log_sinhc
from hyperdist_torch._host import holds, seen
from hyperdist_torch._precision import exempt, upcast

_LEAST_MEAN = 1e-4
"""Distance from 0 and 1 to which a pixel's mean is moved before its logit is taken (the published code adds it)."""


class _EachNumber(Independent):
    """torch's law, for no rows too: its own sums take no empty batch."""

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum over the numbers of an observation."""
        found = self.base_dist.log_prob(value)
        axes = tuple(range(-self.reinterpreted_batch_ndims, 0))
        return found.sum(dim=axes) if axes else found


class Likelihood(nn.Module, ABC):
    """Independent laws of the numbers of one observation, of one family.

    Called with the decoder's output (*, batch, *data_shape) it gives the law of batch shape (*, batch) and event shape
    data_shape. A family has ``_law``, what its values must be, and the output at which a law has a given mean.
    data_shape : shape of one observation

    >>> import torch
    >>> from hyperdist_torch import vae
    >>> likelihood = vae.NormalLikelihood((28, 28), std=0.1)
    >>> law = likelihood(torch.zeros(5, 3, 28, 28))  # five draws of the latent points of three images
    >>> law.batch_shape, law.event_shape, law.log_prob(torch.zeros(3, 28, 28)).shape
    (torch.Size([5, 3]), torch.Size([28, 28]), torch.Size([5, 3]))
    >>> likelihood.bias(torch.tensor(0.3)), likelihood.check_mean(torch.tensor(0.3), "mean")
    (tensor(0.3000), None)
    >>> likelihood.check(torch.tensor([[0.1, float("nan")]]), "x")
    Traceback (most recent call last):
    ValueError: x must be finite, got nan at index (0, 1) (1 of 2 values); row 0 is the first
    """

    name: str
    """As ``VAEConfig`` calls it."""
    outputs: tuple[int, ...] = ()
    """Further axes of the decoder's output: (classes,) where each number needs so many of them."""
    takes: tuple[str, ...] = ()
    """What may be given of each row beside the output."""
    integers: bool = False
    """Whether the data are whole numbers."""

    def __init__(self, data_shape: Any) -> None:
        super().__init__()
        shape = data_shape if isinstance(data_shape, tuple | list | torch.Size) else (data_shape,)
        self.data_shape = tuple(checks.dimension(n, "data_shape") for n in shape)

    def forward(self, output: Tensor, **given: Tensor) -> Independent:
        """The law of the data; ValueError for an output of another shape than the data ask for."""
        wanted = self.data_shape + self.outputs
        if tuple(output.shape[output.ndim - len(wanted) :]) != wanted:
            sizes = ", ".join(map(str, wanted))
            raise ValueError(
                f"decoder must return shape (*, batch, {sizes}) for likelihood {self.name!r}, got {tuple(output.shape)}"
            )
        unknown = [key for key in given if key not in self.takes]
        if unknown:
            raise ValueError(
                f"given must hold {' or '.join(map(repr, self.takes)) or 'nothing'} for likelihood "
                f"{self.name!r}, got {', '.join(map(repr, unknown))}"
            )
        law = self._law(upcast(output, "output"), **given)
        return _EachNumber(law, len(self.data_shape), validate_args=False)

    @abstractmethod
    def _law(self, output: Tensor, **given: Tensor) -> Distribution:
        """The law of each number."""

    @abstractmethod
    def bias(self, mean: Tensor) -> Tensor:
        """The output at which the law has this mean, number by number."""

    @abstractmethod
    def check(self, x: Tensor, name: str) -> None:
        """ValueError where a value is none of the family's."""

    def check_mean(self, mean: Tensor, name: str) -> None:
        """ValueError where ``bias`` takes no such mean."""
        self.check(mean, name)

    def extra_repr(self) -> str:
        return f"data_shape={self.data_shape}"


class Lean(Likelihood):
    """A family whose density is written out: no law is made in training, and no array but the output's in evaluation.

    Where gradients are switched off, ``log_prob`` may write over output.
    """

    @abstractmethod
    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        """log p(x | output), (*sample, batch), for output (*sample, batch, D) and x (batch, D)."""


class BernoulliLikelihood(Lean):
    """Independent Bernoulli laws with logits; grey levels x in [0, 1] count as fractions of an observation.

    Such a likelihood of grey levels has no normaliser of its own; it is the published one, and -inf nowhere.

    >>> import torch
    >>> from hyperdist_torch.vae import BernoulliLikelihood
    >>> likelihood = BernoulliLikelihood((3,))
    >>> likelihood.bias(torch.tensor([0.5, 0.8]))  # log odds
    tensor([0.0000, 1.3863])
    >>> likelihood.log_prob(torch.zeros(2, 3), torch.tensor([[0.0, 1.0, 0.5], [1.0, 1.0, 1.0]]))  # 3 log 1/2
    tensor([-2.0794, -2.0794])
    >>> likelihood.check(torch.tensor([[0.0, 255.0]]), "x")  # divide by 255
    Traceback (most recent call last):
    ValueError: x must hold grey levels in [0, 1] for likelihood 'bernoulli', got 255.0 at index (0, 1)...
    """

    name = "bernoulli"

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

    def _law(self, output: Tensor, **given: Tensor) -> Distribution:
        return Bernoulli(logits=output, validate_args=False)

    def bias(self, mean: Tensor) -> Tensor:
        """The logit; means nearer 0 or 1 than 1e-4 count as that far."""
        return torch.logit(mean, eps=_LEAST_MEAN)

    def check(self, x: Tensor, name: str) -> None:
        """ValueError where a value is no grey level."""
        in_range(x, 0.0, 1.0, f"{name} must hold grey levels in [0, 1] for likelihood 'bernoulli'")


class NormalLikelihood(Lean):
    """Independent normal laws about the output with one fixed standard deviation.

    >>> import torch
    >>> from hyperdist_torch.vae import NormalLikelihood
    >>> likelihood, x = NormalLikelihood((2,), std=0.5), torch.tensor([[0.0, 0.0]])
    >>> likelihood.log_prob(x, x), likelihood(x).log_prob(x)  # -log(2 pi 0.5^2)
    (tensor([-0.4516]), tensor([-0.4516]))
    >>> likelihood.bias(torch.tensor([3.0])), likelihood.check(x, "x")
    (tensor([3.]), None)
    """

    name = "normal"

    def __init__(self, data_shape: Any, std: float = 1.0) -> None:
        super().__init__(data_shape)
        self.std = float(checks.positive(std, "std"))

    @exempt
    def log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        """Sum of the normal log densities."""
        constant = int(x.shape[-1]) * (math.log(self.std) + 0.5 * math.log(2.0 * math.pi))
        return (-0.5 / self.std**2) * (x - output).square().sum(dim=-1) - constant

    def _law(self, output: Tensor, **given: Tensor) -> Distribution:
        return Normal(output, self.std, validate_args=False)

    def bias(self, mean: Tensor) -> Tensor:
        """The mean itself."""
        return mean

    def check(self, x: Tensor, name: str) -> None:
        """ValueError where a value is not finite."""
        finite(x, name)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, std={self.std}"


class _ContinuousBernoulli(ContinuousBernoulli):
    """torch's law, with a density and a mean that stay right beyond the logits where its clamped probabilities end."""

    @property
    def mean(self) -> Tensor:
        """(1 + L(eta/2))/2 for the logit eta, L(y) = coth y - 1/y."""
        return _mean(self.logits)

    def log_prob(self, value: Tensor) -> Tensor:
        """eta (x - 1/2) - log(sinh(eta/2)/(eta/2)) for the logit eta."""
        if self._validate_args:
            self._validate_sample(value)
        return self.logits * (value - 0.5) - log_sinhc(0.5 * self.logits)


def _mean(eta: Tensor) -> Tensor:
    return 0.5 + 0.25 * eta * langevinc_sq(0.25 * eta * eta)


class ContinuousBernoulliLikelihood(Likelihood):
    """Independent laws on [0, 1] with density proportional to exp(logit x), normalised, unlike "bernoulli" there.

    Source  Loaiza-Ganem & Cunningham 2019 (arXiv 1907.06845).

    >>> import torch
    >>> from hyperdist_torch.vae import ContinuousBernoulliLikelihood
    >>> likelihood = ContinuousBernoulliLikelihood((1,))
    >>> likelihood(torch.zeros(2, 1)).log_prob(torch.rand(2, 1))  # uniform at logit 0
    tensor([0., 0.])
    >>> likelihood.bias(torch.tensor(0.9)), likelihood.check(torch.tensor([[0.2]]), "x")
    (tensor(9.9954), None)
    """

    name = "continuous_bernoulli"

    def _law(self, output: Tensor, **given: Tensor) -> Distribution:
        return _ContinuousBernoulli(logits=output, validate_args=False)

    def bias(self, mean: Tensor) -> Tensor:
        """The logit at which the mean, which rises with it, is this one, by bisection.

        Means nearer 0 or 1 than 1e-4 count as that far.
        """
        wanted = mean.double().clamp(_LEAST_MEAN, 1.0 - _LEAST_MEAN)
        low, high = torch.full_like(wanted, -2.0 / _LEAST_MEAN), torch.full_like(wanted, 2.0 / _LEAST_MEAN)
        for _ in range(64):
            middle = 0.5 * (low + high)
            below = _mean(middle) < wanted
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (0.5 * (low + high)).to(mean)

    def check(self, x: Tensor, name: str) -> None:
        """ValueError where a value is outside [0, 1]."""
        in_range(x, 0.0, 1.0, f"{name} must lie in [0, 1] for likelihood 'continuous_bernoulli'")


class CategoricalLikelihood(Likelihood):
    """Independent classes 0, 1, ..., classes - 1; the decoder's output is (*, batch, *data_shape, classes), logits.

    >>> import torch
    >>> from hyperdist_torch.vae import CategoricalLikelihood
    >>> likelihood = CategoricalLikelihood((5,), classes=4)  # five letters of DNA
    >>> likelihood(torch.zeros(2, 5, 4)).log_prob(torch.zeros(2, 5))  # -5 log 4
    tensor([-6.9315, -6.9315])
    >>> likelihood.bias(torch.tensor([0.1, 0.2, 0.3, 0.4])).softmax(-1)
    tensor([0.1000, 0.2000, 0.3000, 0.4000])
    >>> likelihood.check_mean(torch.tensor([0.5, 0.5]), "mean"), likelihood.check(torch.tensor([[0, 3]]), "x")
    (None, None)
    """

    name = "categorical"
    integers = True

    def __init__(self, data_shape: Any, classes: int) -> None:
        super().__init__(data_shape)
        self.classes = checks.dimension(classes, "classes", 2)
        self.outputs = (self.classes,)

    def _law(self, output: Tensor, **given: Tensor) -> Distribution:
        return Categorical(logits=output, validate_args=False)

    def bias(self, mean: Tensor) -> Tensor:
        """Log frequencies, of frequencies (*data_shape, classes); below 1e-4 they count as that."""
        return mean.clamp_min(_LEAST_MEAN).log()

    def check(self, x: Tensor, name: str) -> None:
        """ValueError where a value is no class."""
        rule = f"{name} must hold classes 0 to {self.classes - 1} for likelihood 'categorical'"
        in_range(x, 0.0, self.classes - 1.0, rule)
        whole(x, rule)

    def check_mean(self, mean: Tensor, name: str) -> None:
        """ValueError where a value is no frequency."""
        in_range(mean, 0.0, 1.0, f"{name} must hold frequencies in [0, 1] for likelihood 'categorical'")

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, classes={self.classes}"


def finite(x: Tensor, name: str) -> None:
    """ValueError where a value is not finite; integers are."""
    if x.is_floating_point():
        largest = torch.finfo(x.dtype).max
        in_range(x, -largest, largest, f"{name} must be finite")


def whole(x: Tensor, rule: str) -> None:
    """ValueError where a value is no whole number; it shows the first."""
    if x.is_floating_point() and not holds(good := x.detach() == x.detach().round()):
        _refuse(x, ~good, rule)


def in_range(x: Tensor, low: float, high: float, rule: str) -> None:
    """ValueError where a value is not in [low, high], which NaN never is; it shows the first."""
    if not x.numel():
        return
    # One pass, and one number to wait for; NaN where there is any.
    least, largest = x.detach().aminmax()
    if not holds((least >= low) & (largest <= high)):
        _refuse(x, ~((x >= low) & (x <= high)), rule)


def _refuse(x: Tensor, bad: Tensor, rule: str) -> None:
    x, bad = seen(x), seen(bad)
    index = tuple(torch.nonzero(bad)[0].tolist())
    row = f"; row {index[0]} is the first" if len(index) > 1 else ""
    raise ValueError(f"{rule}, got {x[index].item()!r} at index {index} ({int(bad.sum())} of {x.numel()} values){row}")
