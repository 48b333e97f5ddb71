"""Laws of counts given the decoder's output, with a size of each row and covariates beside the latent point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, NegativeBinomial, Poisson

from hyperdist import checks
from hyperdist_torch._host import holds, seen
from hyperdist_torch.vae.likelihoods import Likelihood, finite, in_range, whole

_LEAST_MEAN = 1e-4
"""Mean counts below it count as it before their logarithm is taken."""


class Counts(Likelihood):
    """Independent laws of counts whose mean is library * exp(output + weight covariates).

    library    : (batch,) > 0, the size of each row, such as its total; 1 where it is not given
    covariates : (batch, k) numbers of each row, such as its batch in one-hot form, that shift the log mean by a learnt
                 weight (k, *data_shape), which begins at 0: latent points then need not tell batches apart
    Both are handed to an objective as ``given={"library": ..., "covariates": ...}``.

    >>> import torch
    >>> from hyperdist_torch.vae import PoissonLikelihood
    >>> likelihood, counts = PoissonLikelihood((3,)), torch.tensor([[0, 4, 1], [2, 2, 0]])
    >>> library = counts.sum(-1)
    >>> likelihood.check(counts, "x"), likelihood.check_given({"library": library})
    (None, None)
    >>> likelihood.bias((counts / library[:, None]).mean(0)).exp()  # the mean at a library of 1
    tensor([0.2500, 0.6500, 0.1000])
    >>> likelihood.check_mean(torch.tensor([-1.0]), "mean")
    Traceback (most recent call last):
    ValueError: mean must be >= 0 for likelihood 'poisson', got -1.0 at index (0,) (1 of 1 values)
    """

    takes = ("library", "covariates")
    integers = True

    def __init__(self, data_shape: Any, covariates: int = 0) -> None:
        super().__init__(data_shape)
        self.covariates = checks.dimension(covariates, "covariates", 0)
        self.weight = nn.Parameter(torch.zeros(self.covariates, *self.data_shape)) if self.covariates else None

    def _log_mean(self, output: Tensor, library: Tensor | None = None, covariates: Tensor | None = None) -> Tensor:
        axes = len(self.data_shape)
        if (0 if covariates is None else covariates.shape[-1]) != self.covariates:
            got = "none" if covariates is None else f"shape {tuple(covariates.shape)}"
            raise ValueError(f"covariates must have {self.covariates} numbers a row, got {got}")
        if covariates is not None and self.weight is not None:
            output = output + torch.tensordot(covariates.to(output), self.weight.to(output), dims=1)
        if library is not None:
            output = output + library.to(output).log().reshape(*library.shape, *[1] * axes)
        return output

    def bias(self, mean: Tensor) -> Tensor:
        """The log mean; means below 1e-4 count as that."""
        return mean.clamp_min(_LEAST_MEAN).log()

    def check(self, x: Tensor, name: str) -> None:
        """ValueError where a value is no count."""
        rule = f"{name} must hold counts 0, 1, 2, ... for likelihood {self.name!r}"
        top = torch.finfo(x.dtype).max if x.is_floating_point() else torch.iinfo(x.dtype).max
        in_range(x, 0.0, top, rule)
        whole(x, rule)

    def check_mean(self, mean: Tensor, name: str) -> None:
        """ValueError where a value is negative or not finite."""
        in_range(mean, 0.0, torch.finfo(mean.dtype).max, f"{name} must be >= 0 for likelihood {self.name!r}")

    def check_given(self, given: Mapping[str, Tensor]) -> None:
        """ValueError where a size is not positive or a covariate not finite."""
        if "covariates" in given:
            finite(given["covariates"], "covariates")
        library = given.get("library")
        if library is not None and not holds(good := (library > 0.0) & (library < torch.inf)):
            row = int(torch.nonzero(~seen(good))[0])
            raise ValueError(
                f"library must be > 0 and finite, got {seen(library)[row].item()} in row {row} "
                f"({int((~seen(good)).sum())} of {len(library)} rows)"
            )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, covariates={self.covariates}"


class _Poisson(Poisson):
    """torch's law of a log rate, whose density is finite where the rate itself is 0 in its dtype."""

    def __init__(self, log_rate: Tensor, validate_args: bool | None = None) -> None:
        self.log_rate = log_rate
        super().__init__(log_rate.exp(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """That of the expanded log rate."""
        return type(self)(self.log_rate.expand(batch_shape), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """x log(rate) - rate - log(x!)."""
        if self._validate_args:
            self._validate_sample(value)
        return value * self.log_rate - self.rate - torch.lgamma(value + 1.0)


class PoissonLikelihood(Counts):
    """Independent Poisson laws of log mean output + log(library) + weight covariates; see ``Counts``.

    >>> import torch
    >>> from hyperdist_torch.vae import PoissonLikelihood
    >>> law = PoissonLikelihood((3,))(torch.zeros(5, 3), library=torch.full((5,), 2.0))
    >>> law.batch_shape, law.event_shape, law.mean[0].tolist()
    (torch.Size([5]), torch.Size([3]), [2.0, 2.0, 2.0])
    """

    name = "poisson"

    def _law(self, output: Tensor, **given: Tensor) -> Distribution:
        return _Poisson(self._log_mean(output, **given), validate_args=False)


class _NegativeBinomial(NegativeBinomial):
    """torch's law, with a density in double precision: its lgamma(size + x) - lgamma(size) cancels for large sizes."""

    def log_prob(self, value: Tensor) -> Tensor:
        """In the parameters' dtype."""
        wide = NegativeBinomial(self.total_count.double(), logits=self.logits.double(), validate_args=False)
        if self._validate_args:
            self._validate_sample(value)
        return wide.log_prob(value.double()).to(self.logits.dtype)


class NegativeBinomialLikelihood(Counts):
    """Independent negative binomial laws of mean m, its log that of ``Counts``, and variance m + m^2/size.

    size is a parameter for each number of an observation, exp(log_size), learnt from 1; as it grows the law goes to
    Poisson's. As single-cell counts are modelled (Lopez et al. 2018), with the size of each row in ``library``.

    >>> import torch
    >>> from hyperdist_torch.vae import NegativeBinomialLikelihood
    >>> likelihood = NegativeBinomialLikelihood((3,), covariates=2)
    >>> law = likelihood(torch.zeros(4, 5, 3), library=torch.ones(5), covariates=torch.zeros(5, 2))
    >>> law.batch_shape, law.event_shape, law.variance[0, 0].tolist()
    (torch.Size([4, 5]), torch.Size([3]), [2.0, 2.0, 2.0])
    """

    name = "negative_binomial"

    def __init__(self, data_shape: Any, covariates: int = 0) -> None:
        super().__init__(data_shape, covariates)
        self.log_size = nn.Parameter(torch.zeros(self.data_shape))

    def _law(self, output: Tensor, **given: Tensor) -> Distribution:
        log_mean, log_size = self._log_mean(output, **given), self.log_size.to(output)
        return _NegativeBinomial(log_size.exp(), logits=log_mean - log_size, validate_args=False)
