"""Ready likelihoods: against torch's own laws and SciPy, what they take of a row, what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from hyperdist_torch import vae  # noqa: E402
from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo, iwae, log_likelihood  # noqa: E402
from hyperdist_torch.vae.config import LIKELIHOODS  # noqa: E402

SHAPE = (2, 3)


@pytest.fixture(autouse=True)
def seeded(seed: int) -> None:
    torch.manual_seed(seed % 2**63)


def data(likelihood: str, n: int = 5) -> Tensor:
    """Rows that the likelihood takes."""
    if likelihood == "categorical":
        return torch.randint(0, 4, (n, *SHAPE)).float()
    if likelihood in ("poisson", "negative_binomial"):
        return torch.poisson(torch.full((n, *SHAPE), 3.0))
    return torch.rand(n, *SHAPE)


def build(likelihood: str, **changes: Any) -> PoincareVAE:
    classes = 4 if likelihood == "categorical" else 0
    return PoincareVAE(VAEConfig(2, SHAPE, hidden=8, likelihood=likelihood, classes=classes, **changes))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood_trains(likelihood: str) -> None:
    """Objectives are finite, every parameter gets a gradient, and the law has the shapes of the contract."""
    model, x = build(likelihood), data(likelihood)
    value = elbo(model, x, 2) + iwae(model, x, 2)
    value.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    law = model.decode(torch.randn(7, 5, 2))
    assert (law.batch_shape, law.event_shape) == ((7, 5), SHAPE)
    assert model.check_data(law.sample()[0]).shape == x.shape
    assert torch.isfinite(log_likelihood(model, x, 9)).all()
    assert VAEConfig.from_dict(model.config.to_dict()) == model.config


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_log_fit_is_that_of_the_decoded_law(likelihood: str) -> None:
    model, x, z = build(likelihood).double(), data(likelihood).double(), torch.randn(7, 5, 2, dtype=torch.float64)
    torch.testing.assert_close(model.log_fit(z, x), model.decode(z).log_prob(x), rtol=1e-12, atol=1e-12)


def test_counts_against_scipy() -> None:
    """Poisson's and the negative binomial's mass with library and covariates, by hand; size 0.3 and 2e7."""
    output = torch.randn(4, 3, dtype=torch.float64)
    library, covariates = torch.tensor([0.5, 1.0, 20.0, 3.0]).double(), torch.randn(4, 2).double()
    x = torch.poisson(torch.full((4, 3), 4.0, dtype=torch.float64))
    for kind in (vae.PoissonLikelihood, vae.NegativeBinomialLikelihood):
        likelihood = kind(3, covariates=2).double()
        torch.nn.init.normal_(likelihood.weight)
        mean = library[:, None] * torch.exp(output + covariates @ likelihood.weight)
        law = likelihood(output, library=library, covariates=covariates)
        torch.testing.assert_close(law.mean, mean)
        m = mean.detach().numpy()
        if kind is vae.PoissonLikelihood:
            np.testing.assert_allclose(law.log_prob(x).detach(), stats.poisson(m).logpmf(x.numpy()).sum(-1), rtol=1e-12)
            continue
        for size in (0.3, 2e7):
            torch.nn.init.constant_(likelihood.log_size, math.log(size))
            law = likelihood(output, library=library, covariates=covariates)
            expected = stats.nbinom(size, size / (size + m)).logpmf(x.numpy()).sum(-1)
            np.testing.assert_allclose(law.log_prob(x).detach(), expected, rtol=1e-7)
            np.testing.assert_allclose(law.variance.detach(), m + m * m / size, rtol=1e-12)


def test_large_sizes_in_single_precision_are_poisson() -> None:
    """lgamma(size + x) - lgamma(size) in single precision is off by 1 at a size of 10^7; the law's is not."""
    likelihood, x = vae.NegativeBinomialLikelihood(3), torch.tensor([[0.0, 3.0, 9.0]])
    torch.nn.init.constant_(likelihood.log_size, math.log(1e9))
    output = torch.tensor([[0.0, 1.0, 2.0]])
    expected = vae.PoissonLikelihood(3)(output).log_prob(x)
    torch.testing.assert_close(likelihood(output).log_prob(x), expected, rtol=1e-5, atol=1e-5)


def test_far_log_rates_are_finite() -> None:
    """exp of the output is 0 or infinite in single precision: the density is finite or -inf, never NaN."""
    output = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    law = vae.PoissonLikelihood(2)(output)
    assert law.log_prob(torch.tensor([[3.0, 3.0]])).item() == -math.inf
    law = vae.PoissonLikelihood(1)(output[:, :1])
    value = law.log_prob(torch.tensor([[3.0]]))
    assert value.item() == pytest.approx(-600.0 - math.log(6.0))
    assert torch.autograd.grad(value, output)[0][0, 0].item() == 3.0
    assert law.expand((4, 1)).log_prob(torch.tensor([[3.0]])).shape == (4, 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_continuous_bernoulli(dtype: torch.dtype) -> None:
    """The density integrates to 1 and has the mean that ``mean`` says, by quadrature, also where probabilities round.

    The trapezoid rule on 20,001 points is right to 1e-4 at |logit| = 200 and better elsewhere.
    """
    logits = torch.tensor([-200.0, -30.0, -1.0, -1e-4, 0.0, 1e-4, 2.0, 30.0, 200.0], dtype=dtype)
    x = torch.linspace(0.0, 1.0, 20_001, dtype=dtype)
    law = vae.ContinuousBernoulliLikelihood(1)(logits[:, None])
    density = law.log_prob(x[:, None, None]).exp()
    one = torch.trapezoid(density, x, dim=0)
    torch.testing.assert_close(one, torch.ones_like(one), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.trapezoid(density * x[:, None], x, dim=0), law.mean[:, 0], rtol=1e-4, atol=1e-4)
    mean = torch.tensor([0.01, 0.3, 0.5, 0.999], dtype=dtype)
    likelihood = vae.ContinuousBernoulliLikelihood(4)
    torch.testing.assert_close(likelihood(likelihood.bias(mean)).mean, mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_output_bias_has_the_mean(likelihood: str) -> None:
    model = build(likelihood)
    torch.nn.init.zeros_(model.decoder.output.weight)
    mean = torch.full(SHAPE, 0.3)
    if likelihood == "categorical":
        mean = torch.tensor([0.1, 0.2, 0.3, 0.4]).expand(*SHAPE, 4)
    model.set_output_bias(mean)
    law = model.decode(torch.zeros(1, 2)).base_dist
    torch.testing.assert_close(law.probs[0] if likelihood == "categorical" else law.mean[0], mean)
    with pytest.raises(ValueError, match=r"mean must have shape \(2, 3.* got \(6,\)"):
        model.set_output_bias(torch.full((6,), 0.3))
    with pytest.raises(ValueError, match=r"mean must .*got (-1.0|nan)"):
        model.set_output_bias(torch.full_like(mean, torch.nan if likelihood == "normal" else -1.0))


BAD_DATA = [
    ("poisson", -1.0, r"x must hold counts 0, 1, 2, ... for likelihood 'poisson', got -1.0 at index \(3, 1, 2\)"),
    ("negative_binomial", 1.5, r"x must hold counts .* got 1.5 at index \(3, 1, 2\)"),
    ("negative_binomial", math.inf, r"x must hold counts .* got inf"),
    ("poisson", math.nan, r"x must hold counts .* got nan"),
    ("categorical", 4.0, r"x must hold classes 0 to 3 .* got 4.0"),
    ("categorical", 0.5, r"x must hold classes 0 to 3 .* got 0.5"),
    ("continuous_bernoulli", 1.5, r"x must lie in \[0, 1\] .* got 1.5"),
]


@pytest.mark.parametrize(("likelihood", "value", "match"), BAD_DATA)
def test_values_that_are_no_data(likelihood: str, value: float, match: str) -> None:
    model, x = build(likelihood), data(likelihood)
    x[3, 1, 2] = value
    with pytest.raises(ValueError, match=match):
        elbo(model, x, validate_args=True)


def test_what_is_given_of_each_row() -> None:
    """It follows its rows through pieces and draws; what is missing, extra or of another length is named."""
    model, x = build("negative_binomial", covariates=2), data("negative_binomial", 9)
    torch.nn.init.normal_(model.likelihood.weight)
    given = {"library": x.sum(dim=(-2, -1)) + 1.0, "covariates": torch.randn(9, 2)}
    whole = log_likelihood(model, x, 2000, given=given, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(1)
    last = log_likelihood(model, x[8:], 2000, given={k: v[8:] for k, v in given.items()})
    torch.testing.assert_close(last, whole[8:], rtol=0.02, atol=0.1)
    assert not torch.equal(elbo(model, x, given=given), elbo(model, x, given={**given, "library": torch.ones(9)}))
    for wrong, match in (
        ({}, "covariates must have shape .*, 2 numbers a row, got none"),
        ({"covariates": torch.zeros(9, 3)}, r"covariates must have shape .* row, got shape \(9, 3\)"),
        ({**given, "library": torch.ones(8)}, r"given 'library' must be a tensor of shape \(9, ...\), .* got \(8,\)"),
        ({**given, "library": 2.0}, "given 'library' must be a tensor .* got float"),
        ({**given, "library": torch.tensor([1.0] * 8 + [0.0])}, "library must be > 0 and finite, got 0.0 in row 8"),
        ({**given, "covariates": torch.full((9, 2), math.nan)}, "covariates must be finite, got nan"),
        ({**given, "batch": torch.ones(9)}, "given must hold 'library' or 'covariates' .* got 'batch'"),
    ):
        for objective in (elbo, lambda m, x, **o: iwae(m, x, 2, **o), lambda m, x, **o: log_likelihood(m, x, 2, **o)):
            with pytest.raises(ValueError, match=match):
                objective(model, x, given=wrong)
    with pytest.raises(ValueError, match="given must hold nothing for likelihood 'bernoulli', got 'library'"):
        elbo(build("bernoulli"), torch.rand(5, *SHAPE), given={"library": torch.ones(5)})


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"likelihood": "gamma"}, "likelihood must be one of bernoulli, continuous_bernoulli, normal, categorical"),
        ({"likelihood": "categorical"}, "classes must be >= 2 for likelihood 'categorical' .* got 0"),
        ({"likelihood": "categorical", "classes": 1}, "classes must be >= 2"),
        ({"classes": 3}, "classes must be .* 0 for others, got 3 for 'bernoulli'"),
        ({"covariates": 3}, "covariates need likelihood 'poisson' or 'negative_binomial', got 'bernoulli'"),
        ({"likelihood": "poisson", "covariates": -1}, "covariates must be an integer >= 0, got -1"),
    ],
)
def test_bad_configuration(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        VAEConfig(2, SHAPE, **changes)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_no_rows(likelihood: str) -> None:
    model, x = build(likelihood), data(likelihood, 0)
    for value in (elbo(model, x), iwae(model, x, 5)):
        assert value.shape == (0,)
        value.sum().backward()
