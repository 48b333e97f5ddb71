"""Bounds of the likelihood against closed forms: the textbook ELBO, and models whose likelihood is known."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.distributions import Bernoulli, MultivariateNormal, kl_divergence  # noqa: E402

from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo, iwae, log_likelihood  # noqa: E402
from hyperdist_torch.vae.config import LAWS  # noqa: E402
from tests.support.statistics import ALPHA, mean_is  # noqa: E402


@pytest.fixture(autouse=True)
def seeded(seed: int) -> None:
    torch.manual_seed(seed % 2**63)


def build(**changes: Any) -> PoincareVAE:
    model = PoincareVAE(VAEConfig(**{"latent_dim": 2, "data_shape": (6,), "hidden": 8, "c": 0.7, **changes}))
    return model.double()


def data(n: int = 5) -> torch.Tensor:
    return torch.rand(n, 6, dtype=torch.float64)


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("beta", [1.0, 0.25])
def test_flat_elbo_is_the_textbook_one(beta: float) -> None:
    """c = 0, normal posterior and prior: Kingma & Welling's formula, written out, on the same draws."""
    model = build(c=0.0, posterior="normal", prior="normal", encoder="linear", decoder="wrapped", prior_std=1.7)
    x = data()
    got = elbo(model, x, 3, beta, generator=generator())
    mu, sigma = model.encoder(x)
    z = mu + sigma * torch.randn((3, 5, 2), generator=generator(), dtype=torch.float64)
    fit = Bernoulli(logits=model.decoder(z), validate_args=False).log_prob(x).sum(dim=-1).mean(dim=0)
    divergence = 0.5 * ((sigma / 1.7) ** 2 + (mu / 1.7) ** 2 - 1.0 - 2.0 * torch.log(sigma / 1.7)).sum(dim=-1)
    torch.testing.assert_close(got, fit - beta * divergence, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("prior", LAWS)
@pytest.mark.parametrize("posterior", ["wrapped", "riemannian"])
def test_one_draw_makes_both_bounds_one(posterior: str, prior: str) -> None:
    model, x = build(posterior=posterior, prior=prior), data()
    torch.testing.assert_close(
        iwae(model, x, 1, generator=generator()), elbo(model, x, generator=generator()), rtol=1e-12, atol=1e-12
    )


def test_exact_divergence_is_the_mean_of_the_sampled_one() -> None:
    """20,000 one-draw IWAEs about one ELBO with its exact divergence; false alarm 1e-6."""
    model, x = build(posterior="normal", prior="normal"), data(1)
    with torch.no_grad():
        q = model.encode(x)
        z, log_q = q.rsample_and_log_prob((20_000,))
        sampled = (log_q - model.prior().log_prob(z))[:, 0]
        exact = kl_divergence(q, model.prior())
    assert mean_is(sampled.numpy(), exact.item()) > ALPHA


@pytest.mark.parametrize("c", [0.0, 0.7])
def test_more_draws_raise_the_bound(c: float) -> None:
    """E IWAE_K rises with K (Burda et al. 2016, theorem 1), and a decoder that depends on z makes it rise visibly.

    2000 repeats; each difference is tested one-sided at 1e-6, where it is 20 standard errors or more.
    """
    model, x = build(c=c), data(1).expand(2000, 6)
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(5.0)
        bounds = [iwae(model, x, samples) for samples in (1, 4, 16)]
    for low, high in itertools.pairwise(bounds):
        error = ((low.var() + high.var()) / 2000).sqrt()
        assert (high.mean() - low.mean()) / error > 4.75


@pytest.mark.parametrize("posterior", LAWS)
@pytest.mark.parametrize("c", [0.0, 0.7, 1.4])
def test_likelihood_of_a_decoder_that_ignores_z(c: float, posterior: str) -> None:
    """p(x | z) = p(x): the estimate is an average of p/q, whose mean is 1; 400 repeats, false alarm 1e-6."""
    model, x = build(c=c, posterior=posterior, prior="riemannian"), data(1)
    with torch.no_grad():
        model.decoder.output.weight.zero_()
        # A posterior wider than the prior keeps the weights p/q bounded.
        model.encoder.sigma.bias.fill_(1.5)
    exact = Bernoulli(logits=model.decoder.output.bias, validate_args=False).log_prob(x).sum()
    repeats = torch.exp(log_likelihood(model, x.expand(400, 6), 200) - exact).detach()
    assert mean_is(repeats.numpy(), 1.0) > ALPHA


def test_likelihood_of_a_linear_gaussian_model() -> None:
    """c = 0, x = A z + b + noise: the marginal is N(b, s^2 A A^T + noise^2).

    400 repeats of 200 draws, each right to 0.1 or better; false alarm 1e-6.
    """
    model = build(
        c=0.0, posterior="normal", prior="normal", encoder="linear", decoder="wrapped", likelihood="normal",
        noise_std=0.8, prior_std=1.3,
    )  # fmt: skip
    weight, x = torch.randn(6, 2, dtype=torch.float64), torch.randn(1, 6, dtype=torch.float64)
    linear = next(m for m in model.decoder.body if isinstance(m, torch.nn.Linear))
    with torch.no_grad():
        # relu(v) - relu(-v) = v makes the network linear
        eye = torch.eye(2, dtype=torch.float64)
        linear.weight.copy_(torch.cat([eye, -eye, torch.zeros(4, 2, dtype=torch.float64)]))
        linear.bias.zero_()
        model.decoder.output.weight.copy_(torch.cat([weight, -weight, torch.zeros(6, 4, dtype=torch.float64)], dim=1))
        bias = model.decoder.output.bias
        covariance = 1.3**2 * weight @ weight.T + 0.64 * torch.eye(6, dtype=torch.float64)
        exact = MultivariateNormal(bias, covariance).log_prob(x[0])
        # The encoder's mean and scale, near the posterior's, keep the weights bounded.
        precision = weight.T @ weight / 0.64 + torch.eye(2, dtype=torch.float64) / 1.69
        for parameter in (*model.encoder.mu.parameters(), *model.encoder.sigma.parameters()):
            parameter.zero_()
        model.encoder.mu.bias.copy_(torch.linalg.solve(precision, weight.T @ (x[0] - bias) / 0.64))
        model.encoder.sigma.bias.fill_(
            torch.linalg.inv(precision).diagonal().max().sqrt().mul(1.2).expm1().log().item()
        )
        repeats = torch.exp(log_likelihood(model, x.expand(400, 6), 200) - exact)
    assert repeats.std() < 0.1
    assert mean_is(repeats.numpy(), 1.0) > ALPHA


@pytest.mark.parametrize(("samples", "images"), [(50, 7), (9000, 2)])
@pytest.mark.parametrize("posterior", LAWS)
def test_pieces_change_nothing(posterior: str, samples: int, images: int) -> None:
    """The same draws whatever the memory; the sums agree to rounding."""
    model, x = build(posterior=posterior), data(images)
    whole = log_likelihood(model, x, samples, 2**40, generator=generator())
    pieces = log_likelihood(model, x, samples, 2**19, generator=generator())
    torch.testing.assert_close(pieces, whole, rtol=1e-12, atol=1e-12)
    assert not torch.equal(whole, log_likelihood(model, x, samples, generator=generator(4)))


def test_evaluation_and_training_are_one_estimate() -> None:
    """One image, so that both draw in one order."""
    model, x = build(), data(1)
    torch.testing.assert_close(
        log_likelihood(model, x, 100, generator=generator()),
        iwae(model, x, 100, generator=generator()).detach(),
        rtol=1e-12,
        atol=1e-12,
    )


def test_pieces_are_no_larger_than_the_memory() -> None:
    """The rows that the decoder is given at once, at 2^20 bytes and at the smallest amount."""
    model, x, seen = build(), data(3), []
    model.decoder.register_forward_hook(lambda module, inputs, output: seen.append(output.shape.numel()))
    log_likelihood(model, x, 9000, 2**20)
    row = 8 * (3 * 6 + 12 * 8)
    assert max(seen) // 6 == 2**20 // row
    assert sum(seen) == 3 * 9000 * 6
    seen.clear()
    log_likelihood(model, x, 3, 1)
    assert max(seen) == 3 * 6


def test_no_data() -> None:
    empty = log_likelihood(build(), data(0), 3)
    assert (tuple(empty.shape), empty.dtype) == ((0,), torch.float64)
    assert tuple(elbo(build(), data(0)).shape) == (0,)


@pytest.mark.parametrize("samples", [0, -3])
def test_number_of_samples(samples: int) -> None:
    for objective in (elbo, iwae, log_likelihood):
        with pytest.raises(ValueError, match=f"samples must be an integer >= 1, got {samples}"):
            objective(build(), data(), samples)


def test_bad_beta() -> None:
    with pytest.raises(ValueError, match=r"beta must be >= 0, got .*-0.5"):
        elbo(build(), data(), beta=-0.5)


def test_gradient_of_the_elbo_is_that_of_its_expectation() -> None:
    """d/d sigma of E log q - log p by 200,000 draws, against the exact divergence's; false alarm 1e-6."""
    model, x = build(posterior="normal", prior="normal"), data(1)
    q, p = model.encode(x), model.prior()
    scale = q.scale.detach().requires_grad_()
    law = type(q)(q.loc.detach(), scale, q.c)
    (exact,) = torch.autograd.grad(kl_divergence(law, p).sum(), scale)
    parts = []
    for _ in range(400):
        z, log_q = law.rsample_and_log_prob((500,))
        parts.append(torch.autograd.grad((log_q - p.log_prob(z)).mean(), scale)[0].numpy()[0])
    assert mean_is(np.array(parts), exact.numpy()[0]) > ALPHA
