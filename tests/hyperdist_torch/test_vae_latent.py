"""The VAE by the signature of its latent space: h, e, s, t; the hyperspherical one against closed forms."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, distributions, nn  # noqa: E402
from torch.distributions import Bernoulli, kl_divergence  # noqa: E402

import hyperdist  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo, iwae, load, log_likelihood, save  # noqa: E402
from hyperdist_torch.vae.signature import Factor, parse  # noqa: E402
from tests.support.statistics import ALPHA, mean_is  # noqa: E402

COMPACT = [
    ("s1", "von_mises_fisher"),
    ("s2", "von_mises_fisher"),
    ("s2", "power_spherical"),
    ("s2", "riemannian"),
    ("s9", "von_mises_fisher"),
    ("t2", "wrapped"),
]


@pytest.fixture(autouse=True)
def seeded(seed: int) -> None:
    torch.manual_seed(seed % 2**63)


def build(latent: str, **changes: Any) -> PoincareVAE:
    return PoincareVAE(VAEConfig(**{"latent": latent, "data_shape": (6,), "hidden": 8, **changes}))


def test_signatures() -> None:
    assert parse("s2") == (Factor("sphere", 2),)
    assert parse("h2, s3,e10") == (Factor("hyperbolic", 2), Factor("sphere", 3), Factor("flat", 10))
    assert [factor.width for factor in parse("h2,e2,s2,t2")] == [2, 2, 3, 2]
    for text in ("", "x2", "s0", "s-1", "s", "2", "s2,", "h2;s2", "S2", "s2.5"):
        with pytest.raises(ValueError, match=r"latent must name spaces by letter and dimension, .* got "):
            parse(text)
    with pytest.raises(TypeError, match=r"latent must be a string that names spaces, as 'h2,s2', got 3"):
        VAEConfig(latent=3, data_shape=(10,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("latent", "same"), [("h2", {"latent_dim": 2}), ("h3", {"latent_dim": 3}), ("e2", {"latent_dim": 2, "c": 0.0})]
)
def test_hyperbolic_and_flat_signatures_are_the_models_of_old(latent: str, same: dict[str, Any]) -> None:
    models, x = [], torch.rand(5, 6)
    for config in (VAEConfig(latent=latent, data_shape=6, hidden=8), VAEConfig(data_shape=6, hidden=8, **same)):
        torch.manual_seed(1)
        models.append(PoincareVAE(config))
    values = [elbo(m, x, generator=torch.Generator().manual_seed(1)) for m in models]
    assert torch.equal(*values)


@pytest.mark.parametrize(("latent", "posterior"), COMPACT)
def test_compact_spaces_train(tmp_path: Path, latent: str, posterior: str) -> None:
    model, x = build(latent, posterior=posterior), torch.rand(5, 6)
    assert model.config.prior == "uniform"
    value = elbo(model, x, 2) + iwae(model, x, 2)
    value.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    q = model.encode(x)
    z = q.sample((3,))
    assert z.shape == (3, 5, model.config.factor.width)
    assert model.prior().support.check(z).all()
    assert log_likelihood(model, x, 5).shape == (5,)
    save(model, tmp_path / "model.pt")
    read = load(tmp_path / "model.pt", model.config)
    assert torch.equal(read.encode(x).mean, q.mean)


def test_posterior_is_von_mises_fisher_with_the_published_scale() -> None:
    """The direction of the head, kappa = softplus + 1; Davidson et al. 2018."""
    model, x = build("s2"), torch.rand(5, 6)
    q, (mu, kappa) = model.encode(x), model.encoder(x)
    assert type(q) is ht.VonMisesFisher
    torch.testing.assert_close(q.mean, nn.functional.normalize(mu, dim=-1))
    torch.testing.assert_close(q.kappa, kappa[:, 0])
    assert (kappa > 1.0).all()


@pytest.mark.parametrize(("latent", "posterior"), COMPACT)
def test_divergence_is_the_entropy_below_the_uniform_law_s(latent: str, posterior: str) -> None:
    """KL(q | uniform) = log area - entropy of q, by the NumPy laws; the ELBO has it."""
    model, x = build(latent, posterior=posterior).double(), torch.rand(5, 6, dtype=torch.float64)
    q = model.encode(x)
    factor = model.config.factor
    core = (hyperdist.SphericalUniform if factor.space == "sphere" else hyperdist.ToroidalUniform)(factor.d)
    expected = float(core.entropy()) - q.entropy()
    torch.testing.assert_close(kl_divergence(q, model.prior()), expected, rtol=1e-9, atol=1e-9)
    z = q.rsample((3,), generator=torch.Generator().manual_seed(2))
    fit = Bernoulli(logits=model.decoder(z), validate_args=False).log_prob(x).sum(-1).mean(0)
    got = elbo(model, x, 3, 0.7, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(got, fit - 0.7 * expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("latent", "posterior"), COMPACT)
def test_likelihood_of_a_decoder_that_ignores_the_latent_point(latent: str, posterior: str) -> None:
    """p(x | z) = p(x): the estimate averages p/q, whose mean is 1; 400 repeats, false alarm 1e-6."""
    model, x = build(latent, posterior=posterior).double(), torch.rand(1, 6, dtype=torch.float64)
    nn.init.zeros_(model.decoder.output.weight)
    if latent == "t2" or posterior == "riemannian":
        nn.init.constant_(model.encoder.sigma.bias, 1.5)  # a wide posterior keeps the weights p/q bounded
    exact = Bernoulli(logits=model.decoder.output.bias, validate_args=False).log_prob(x).sum()
    repeats = torch.exp(log_likelihood(model, x.expand(400, 6), 200) - exact).detach()
    assert mean_is(repeats.numpy(), 1.0) > ALPHA


def test_angles_pass_the_seam() -> None:
    """The torus decoder is one function at pi and -pi, and the encoder reaches both sides of it."""
    model = build("t2")
    z = torch.tensor([[math.pi, 1.0], [-math.pi, 1.0]])
    torch.testing.assert_close(*model.decoder(z))


class Head(nn.Module):
    """An encoder of one's own, of directions of any length or of angles beyond a turn."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean, self.scale = nn.Linear(6, width), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return 20.0 * self.mean(x), nn.functional.softplus(self.scale(x)) + 1.0


def test_own_parts_on_compact_spaces() -> None:
    x = torch.rand(5, 6)
    sphere = PoincareVAE(
        VAEConfig(latent="s2", data_shape=6), encoder=Head(3), decoder=nn.Linear(3, 6),
        prior=ht.Mixture([0.5, 0.5], ht.VonMisesFisher(torch.eye(3)[:2], 2.0)),
    )  # fmt: skip
    torus = PoincareVAE(
        VAEConfig(latent="t2", data_shape=6), encoder=Head(2), prior=lambda c: ht.ToroidalWrappedNormal([0.0, 1.0], 2.0)
    )
    for model in (sphere, torus):
        value = elbo(model, x, 3) + log_likelihood(model, x, 7)
        assert value.shape == (5,)
        assert torch.isfinite(value).all()
    for latent, prior, match in (
        ("s2", ht.ToroidalUniform(3), "prior must be a law on the sphere, got ToroidalUniform"),
        ("s2", ht.SphericalUniform(3), r"event shape \(3,\), got \(\) and \(4,\)"),
        ("t3", ht.SphericalUniform(2), "prior must be a law on the torus, got SphericalUniform"),
        ("t2", distributions.MultivariateNormal(torch.zeros(2), torch.eye(2)), "prior must be a law on the torus"),
    ):
        with pytest.raises(ValueError, match=match):
            PoincareVAE(VAEConfig(latent=latent, data_shape=6), prior=prior).log_prior()
    for latent, encoder, match in (
        ("s2", lambda x: (torch.ones(5, 2), torch.ones(5, 1)), r"must return mu of shape \(5, 3\) for 5 rows"),
        ("s2", lambda x: (torch.ones(5, 3), torch.ones(5, 3)), r"encoder's sigma must have shape \(5, 1\)"),
        ("s2", lambda x: (torch.zeros(5, 3), torch.ones(5, 1)), r"mean and scale must be finite, .* mu = \[nan"),
        ("t2", lambda x: (torch.ones(5, 2), torch.ones(5)), r"sigma must have shape \(5, 1\) or \(5, 2\)"),
    ):
        with pytest.raises(ValueError, match=match):
            elbo(PoincareVAE(VAEConfig(latent=latent, data_shape=6), encoder=encoder), x)


BAD = [
    ({"latent": "s2", "latent_dim": 3}, "latent_dim must be left out or 2 for latent 's2', got 3"),
    ({"latent": "s2", "c": 0.5}, "c must be 1, since spheres are unit spheres, for latent 's2', got 0.5"),
    ({"latent": "h2", "c": 0.0}, "c must be > 0 for latent 'h2', got 0.0"),
    ({"latent": "e2", "c": 0.5}, "c must be left out for latent 'e2', got 0.5"),
    ({"latent": "s2", "learn_c": True}, "learn_c must be left out for latent 's2', got True"),
    ({"latent": "t2", "prior_std": 2.0}, "prior_std must be left out for latent 't2', got 2.0"),
    (
        {"latent": "s2", "posterior": "wrapped"},
        "posterior must be one of von_mises_fisher, power_spherical, riemannian, got 'wrapped'",
    ),
    ({"latent": "s2", "decoder": "geo"}, "decoder must be .*linear.*, got 'geo'"),
    ({"latent": "h2", "prior": "uniform"}, "prior must be one of normal, wrapped, riemannian, got 'uniform'"),
    ({"latent": "sphere"}, "latent must name spaces by letter and dimension"),
]


@pytest.mark.parametrize(("changes", "match"), BAD)
def test_bad_configuration(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        VAEConfig(**{"data_shape": (6,), **changes})


def test_configuration_as_a_dictionary() -> None:
    for latent in ("h2", "e2", "s2", "t2"):
        config = VAEConfig(latent=latent, data_shape=(6,))
        assert VAEConfig.from_dict(config.to_dict()) == config
    assert "latent" not in VAEConfig(2, (6,)).to_dict()
    assert VAEConfig.from_dict({"latent": "s2", "data_shape": [6]}).latent_dim == 2
