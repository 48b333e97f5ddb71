"""Laws of counts given the decoder's output, with a size of each row and covariates beside the latent point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Gamma, NegativeBinomial, Poisson

from hyperdist import checks
from hyperdist_torch._host import holds, seen
from hyperdist_torch.vae.likelihoods import Likelihood, finite, in_range, whole

_LEAST_MEAN = 1e-4
"""Mean counts below it count as it before their logarithm is taken."""
_LARGEST_LOG = 80.0
"""Log size above which a negative binomial law is Poisson's to the last bit of a double, and its size has a float32."""
_SHIFT = 8
"""Stirling's series is taken at so much more than the size."""
_STIRLING = (
    1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360360.0, 1.0 / 156.0,
    -3617.0 / 122400.0,
)  # fmt: skip
"""Of 1/y, 1/y^3, ... in log Gamma(y) - (y - 1/2) log y + y - log(2 pi)/2; the next term is below 1e-16 from 8 on."""


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
        rows = output.shape[output.ndim - axes - 1]
        # Other shapes would meet draws of the latent points, which come first, where there are as many as rows.
        if library is not None and tuple(library.shape) != (rows,):
            raise ValueError(f"library must have shape ({rows},), one size a row, got shape {tuple(library.shape)}")
        found = (rows, 0) if covariates is None else tuple(covariates.shape)
        if found != (rows, self.covariates):
            got = "none" if covariates is None else f"shape {found}"
            raise ValueError(
                f"covariates must have shape {(rows, self.covariates)}, {self.covariates} numbers a row, got {got}"
            )
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
        if x.dtype == torch.bool:
            return
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


def _stirling(y: Tensor) -> Tensor:
    """What log Gamma(y) has beyond the leading terms of Stirling's series, for y >= 8."""
    inverse = 1.0 / y
    square, found = inverse * inverse, torch.zeros_like(y)
    for term in reversed(_STIRLING):
        found = found * square + term
    return found * inverse


def _log_rising(x: Tensor, size: Tensor) -> Tensor:
    """log Gamma(size + x)/(Gamma(size) size^x), which goes to 0 as size grows, without the cancellation of its terms.

    By Gamma(y) = Gamma(y + 8)/(y (y + 1) ... (y + 7)) from the ratio at size + 8, that from Stirling's series: torch's
    lgamma has second derivatives to nine digits alone.
    """
    far = size + _SHIFT
    ratio = (far + x - 0.5) * torch.log1p(x / far) - x + (_stirling(far + x) - _stirling(far))
    steps = torch.ones_like(far)
    for k in range(_SHIFT):
        steps = steps * (1.0 + x / (size + k))
    return ratio + x * torch.log1p(_SHIFT / size) - steps.log()


class _NegativeBinomial(NegativeBinomial):
    """torch's law of a log mean and a log size, right at every size: its log density cancels where that is large."""

    def __init__(self, log_mean: Tensor, log_size: Tensor, validate_args: bool | None = None) -> None:
        self.log_mean, self.log_size = torch.broadcast_tensors(log_mean, log_size.clamp_max(_LARGEST_LOG))
        super().__init__(self.log_size.exp(), logits=self.log_mean - self.log_size, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """That of the expanded parameters."""
        return type(self)(self.log_mean.expand(batch_shape), self.log_size.expand(batch_shape), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """exp(log_mean)."""
        return self.log_mean.exp()

    @property
    def variance(self) -> Tensor:
        """mean + mean^2/size."""
        return self.mean + (2.0 * self.log_mean - self.log_size).exp()

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008 - torch's own default
        """Poisson's, of means times gamma variates of mean 1."""
        rate = Gamma(self.total_count, self.total_count, validate_args=False).sample(sample_shape)
        return torch.poisson(rate * self.mean)

    def log_prob(self, value: Tensor) -> Tensor:
        """In the parameters' dtype, worked out in double precision."""
        if self._validate_args:
            self._validate_sample(value)
        x, log_mean, log_size = value.double(), self.log_mean.double(), self.log_size.double()
        # log(1 + mean/size)
        spread = torch.logaddexp(log_mean - log_size, torch.zeros_like(log_size))
        size = log_size.exp()
        found = x * log_mean - (size + x) * spread + _log_rising(x, size) - torch.lgamma(x + 1.0)
        return found.to(self.log_mean.dtype)


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
        return _NegativeBinomial(log_mean, log_size, validate_args=False)
