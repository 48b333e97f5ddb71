"""Laws of counts: every size against mpmath, what is given of each row, booleans."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch

from hyperdist_torch.vae import NegativeBinomialLikelihood, PoincareVAE, PoissonLikelihood, VAEConfig, elbo, iwae
from hyperdist_torch.vae.counts import _LARGEST_LOG

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

LOG_SIZES = [-30.0, -3.0, 0.0, 2.0, 5.0, 15.0, 30.0, 60.0]


@pytest.mark.parametrize("log_size", LOG_SIZES)
@pytest.mark.parametrize(("count", "log_mean"), [(3.0, 0.0), (0.0, 1.0), (200.0, 5.0), (2.0, -8.0)])
def test_negative_binomial_of_every_size(log_size: float, count: float, log_mean: float) -> None:
    """The value and both derivatives in the log size, which go to 0 as the law goes to Poisson's.

    Rounding is that of terms as large as lgamma(count), count * log_mean and count * log_size.
    """
    with mpmath.workdps(80):

        def exact(t: mpmath.mpf) -> mpmath.mpf:
            size, mean = mpmath.exp(t), mpmath.exp(log_mean)
            rising = mpmath.loggamma(size + count) - mpmath.loggamma(size) - mpmath.loggamma(count + 1)
            return rising + size * mpmath.log(size / (size + mean)) + count * mpmath.log(mean / (size + mean))

        wanted = [float(mpmath.diff(exact, mpmath.mpf(log_size), n)) for n in range(3)]

    likelihood, at = NegativeBinomialLikelihood((1,)).double(), torch.tensor([log_size], dtype=torch.float64)
    output, x = (torch.full((1, 1), number, dtype=torch.float64) for number in (log_mean, count))

    def value(t: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(likelihood, {"log_size": t}, (output,)).log_prob(x).sum()

    scale = 1.0 + count * (1.0 + abs(log_mean) + max(0.0, -log_size) + math.log1p(count))
    assert value(at).item() == pytest.approx(wanted[0], abs=1e-15 * scale)
    for first in (torch.func.jacfwd, torch.func.jacrev):
        assert first(value)(at).item() == pytest.approx(wanted[1], abs=4e-15 * scale)
        for second in (torch.func.jacfwd, torch.func.jacrev):
            assert second(first(value))(at).item() == pytest.approx(wanted[2], abs=16e-15 * scale)


def test_negative_binomial_beyond_all_sizes_is_poisson() -> None:
    counts = torch.tensor([[0.0, 3.0, 50.0]])
    for log_size in (_LARGEST_LOG, 1e3, 1e30):
        likelihood = NegativeBinomialLikelihood((3,))
        torch.nn.init.constant_(likelihood.log_size, log_size)
        law, poisson = likelihood(torch.ones(1, 3)), PoissonLikelihood((3,))(torch.ones(1, 3))
        torch.testing.assert_close(law.log_prob(counts), poisson.log_prob(counts))
        torch.testing.assert_close(law.variance, poisson.variance)
        assert torch.isfinite(law.sample((100,))).all()


def test_negative_binomial_draws_have_the_mean_and_the_variance() -> None:
    """Five standard errors: a false alarm in a million for each of four numbers."""
    torch.manual_seed(0)
    likelihood, n = NegativeBinomialLikelihood((2,)), 100_000
    law = likelihood(torch.tensor([[0.5, 2.0]]))
    x = law.sample((n,))[:, 0]
    mean, variance = law.mean[0].detach(), law.variance[0].detach()
    assert ((x.mean(0) - mean).abs() < 5.0 * (variance / n).sqrt()).all()
    fourth = (x - mean).pow(4).mean(0)
    assert ((x.var(0) - variance).abs() < 5.0 * ((fourth - variance**2) / n).sqrt()).all()
    assert law.expand((4,)).batch_shape == (4,)


@pytest.mark.parametrize("kind", ["poisson", "negative_binomial"])
@pytest.mark.parametrize("samples", [1, 4, 5])
def test_what_is_given_has_one_entry_a_row(kind: str, samples: int) -> None:
    """A column of sizes would meet the draws of the latent points, of which there may be as many as rows."""
    model = PoincareVAE(VAEConfig(latent_dim=2, data_shape=(6,), hidden=8, likelihood=kind, covariates=5))
    x, sizes = torch.ones(5, 6), torch.tensor([1.0, 10.0, 100.0, 1e3, 1e4])
    covariates = torch.eye(5)
    for bound in (elbo, iwae):
        right = bound(model, x, samples, given={"library": sizes, "covariates": covariates})
        assert right.shape == (5,)
        with pytest.raises(ValueError, match=r"library must have shape \(5,\), one size a row, got shape \(5, 1\)"):
            bound(model, x, samples, given={"library": sizes[:, None], "covariates": covariates})
        for bad in (covariates[:, None], covariates[0], covariates[:, :4]):
            with pytest.raises(ValueError, match=r"covariates must have shape \(5, 5\), 5 numbers a row, got shape"):
                bound(model, x, samples, given={"covariates": bad})
    with pytest.raises(ValueError, match="got none"):
        elbo(model, x, samples, given={"library": sizes})


@pytest.mark.parametrize("kind", ["poisson", "negative_binomial"])
def test_booleans_are_counts(kind: str) -> None:
    model = PoincareVAE(VAEConfig(latent_dim=2, data_shape=(6,), hidden=8, likelihood=kind))
    x = torch.rand(5, 6) < 0.5
    values = []
    for given in (x, x.float(), x.long()):
        torch.manual_seed(0)
        values.append(elbo(model, given, 3))
    torch.testing.assert_close(values[0], values[1])
    torch.testing.assert_close(values[0], values[2])
