"""VAEs on products of spaces: configurations, laws, bounds, learnt curvatures, own parts, files, the experiment."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.distributions import kl_divergence  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch.experiments import products  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402
from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo, iwae, load, log_likelihood, save  # noqa: E402
from tests.support.torch.idx import digits  # noqa: E402

SHAPE = {"data_shape": (4, 4), "hidden": 8}
MIXED = VAEConfig(latent="h2,s2,e2", learn_c=True, **SHAPE)
CONFIGS = [
    MIXED,
    VAEConfig(latent="h2,h2,h2", c=(1.0, 0.5, 2.0), learn_c=(True, False, True), posterior="wrapped,,normal",
              prior="wrapped,,normal", encoder=",mobius,linear", **SHAPE),
    VAEConfig(latent="s3", c=(4.0,), learn_c=True, **SHAPE),
    VAEConfig(latent="t2,s1", posterior=",power_spherical", **SHAPE),
    VAEConfig(latent="h2,e3,t1", learn_prior_std=True, prior_std=0.7, riemannian_gradient=True, **SHAPE),
]  # fmt: skip


@pytest.fixture
def images() -> Any:
    return torch.rand(10, 4, 4, generator=torch.Generator().manual_seed(0))


def test_a_product_is_its_factors_configured_one_by_one() -> None:
    assert (MIXED.latent_dim, MIXED.width, MIXED.scales) == (6, 7, 3)
    assert (MIXED.c, MIXED.learn_c) == ((1.0, 1.0, 0.0), (True, True, False))
    assert MIXED.posterior == "riemannian,von_mises_fisher,riemannian"
    assert [part.latent for part in MIXED.parts] == ["h2", "s2", "e2"]
    assert [part.c for part in MIXED.parts] == [1.0, 1.0, 0.0]
    for config in CONFIGS:
        assert VAEConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert not VAEConfig(latent="h2", **SHAPE).product


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.latent)
def test_bounds_and_gradients(config: VAEConfig, images: Any, tmp_path: Any) -> None:
    torch.manual_seed(1)
    model = PoincareVAE(config)
    model.set_output_bias(images.mean(0))
    q = model.encode(images)
    assert isinstance(q, ht.Product)
    assert q.mean.shape == (10, config.width)
    z, log_q = q.rsample_and_log_prob((5,))
    prior = model.prior()
    options = {"model": "tangent"} if prior._models else {}
    torch.testing.assert_close(model.log_prior()(z), prior.log_prob(z, **options), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(q.log_prob(z, **options), log_q, rtol=1e-3, atol=1e-3)
    (-elbo(model, images, 3).mean()).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    assert sum("theta" in name for name, _ in model.named_parameters()) == sum(config.learn_c)
    bounds = [f(model, images, 200).mean().item() for f in (elbo, iwae, log_likelihood)]
    assert bounds[0] < bounds[1] + 0.1
    assert abs(bounds[1] - bounds[2]) < 0.5
    save(model, tmp_path / "model.pt")
    again = load(tmp_path / "model.pt", config)
    torch.manual_seed(2)
    want = elbo(model, images)
    torch.manual_seed(2)
    assert torch.equal(elbo(again, images), want)


def test_the_divergence_is_exact_where_a_factor_has_one(images: Any) -> None:
    config = VAEConfig(latent="h2,s2", posterior="normal,", prior="normal,", learn_c=True, **SHAPE)
    model = PoincareVAE(config)
    q, p = model.encode(images), model.prior()
    exact = sum(kl_divergence(a, b) for a, b in zip(q.laws, p.laws, strict=True))
    z = q.rsample((4,), generator=torch.Generator().manual_seed(3))
    value = elbo(model, images, 4, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(value, model.log_fit(z, images).mean(0) - exact, rtol=1e-5, atol=1e-4)


def test_the_radius_of_a_sphere_decides_what_the_decoder_reads(images: Any) -> None:
    """Posterior, prior and divergence are those of the unit sphere; only vectors of another length are decoded."""
    wide = PoincareVAE(VAEConfig(latent="s2", c=(0.25,), **SHAPE))
    unit = PoincareVAE(VAEConfig(latent="s2", c=(1.0,), **SHAPE))
    unit.load_state_dict({k: v for k, v in wide.state_dict().items() if "curvature" not in k}, strict=False)
    z = wide.encode(images).mean
    assert torch.equal(z, unit.encode(images).mean)
    layer = wide.decoder.body[0].layers[0]
    assert torch.equal(layer[0](z), 2.0 * z)
    assert not torch.allclose(wide.decoder(z), unit.decoder(z))


def test_own_parts(images: Any) -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(16, 10)

        def forward(self, x: Any) -> Any:
            h = self.linear(x.flatten(1))
            return h[:, :7], nn.functional.softplus(h[:, 7:]) + 0.1

    def prior(c: Any) -> Any:
        return ht.Product(
            ht.WrappedNormal(torch.zeros(2), 1.0, c[0], model="tangent"),
            ht.VonMisesFisher(torch.tensor([0.0, 0.0, 1.0]), 1.0),
            ht.WrappedNormal(torch.zeros(2), 1.0, 0.0, model="tangent"),
        )

    model = PoincareVAE(MIXED, encoder=Encoder(), prior=prior, decoder=nn.Linear(7, 16))
    model.decoder = nn.Sequential(nn.Linear(7, 16), nn.Unflatten(-1, (4, 4)))
    elbo(model, images).mean().backward()
    assert model.curvature[0].theta.grad is not None
    wrong = {
        "a Product of laws on the factors": lambda c: ht.WrappedNormal(torch.zeros(7), 1.0),
        "batch shape": lambda c: ht.Product(prior(c).laws[0]),
        "law on the sphere": lambda c: ht.Product(prior(c).laws[0], ht.ToroidalUniform(3), prior(c).laws[2]),
        "curvature c = 1 of the model": lambda c: ht.Product(
            ht.WrappedNormal(torch.zeros(2), 1.0, 2.0, model="tangent"), *prior(c).laws[1:]
        ),
    }
    for message, law in wrong.items():
        with pytest.raises(ValueError, match=message):
            PoincareVAE(MIXED, prior=law).prior()
    mixture = ht.Mixture([0.5, 0.5], ht.Product(
        ht.WrappedNormal(torch.randn(2, 2), 1.0, model="tangent"), ht.SphericalUniform(2),
        ht.WrappedNormal(torch.zeros(2), 1.0, 0.0, model="tangent"),
    ))  # fmt: skip
    fixed = PoincareVAE(VAEConfig(latent="h2,s2,e2", **SHAPE), prior=mixture)
    assert torch.isfinite(elbo(fixed, images)).all()
    with pytest.raises(ValueError, match=r"sigma must have shape \(10, 3\)"):
        PoincareVAE(MIXED, encoder=lambda x: (torch.ones(10, 7), torch.ones(10, 7))).encode(images)


@pytest.mark.parametrize(("given", "message"), [
    ({"latent": "h2,s2", "c": (1.0,)}, "c must have an entry for each factor of latent 'h2,s2'"),
    ({"latent": "h2,e2", "c": (1.0, 1.0)}, "c must be 0, and not learnt, on the flat"),
    ({"latent": "h2,e2", "c": 0.0}, "c must be > 0 on the hyperbolic"),
    ({"latent": "h2,e2", "learn_c": (True, True)}, "not learnt, on the flat"),
    ({"latent": "h2,s2", "posterior": "wrapped"}, "posterior must have a word for each factor"),
    ({"latent": "h2,s2", "posterior": "wrapped,wrapped"}, "of 's2' in latent 'h2,s2': posterior must be one of"),
    ({"latent": "h2,s2", "latent_dim": 3}, "latent_dim must be left out or 4"),
    ({"latent": "s2,t2", "prior_std": 0.5}, "prior_std must be left out"),
    ({"latent": "h1,e1", "learn_c": True}, "of 'h1' in latent 'h1,e1': learn_c needs a model that depends on c"),
])  # fmt: skip
def test_bad_products_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VAEConfig(**SHAPE, **given)


def test_the_experiment_of_products(tmp_path: Any, rng: np.random.Generator) -> None:
    digits(tmp_path / "data", rng)
    arguments = ["products", "--quick", "--data-dir", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--cells", "e6", "h2-s2-e2", "--seeds", "0"]) == 0
    table = (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    assert "| h2,s2,e2 (quick) |" in table
    assert "curvature c, factor 2" in table
    record = json.loads((tmp_path / "out" / "record.json").read_text(encoding="utf-8"))
    assert [row["interval95"] is not None for row in record["rows"][:2]] == [True, True]
    assert main([*arguments, "--resume", "--seeds", "0"]) == 0
    with pytest.raises(SystemExit):
        main(["products", "--samples", "0"])
    assert [products.config(latent, 8).latent_dim for latent in products.LATENTS] == [6] * 5


def test_a_product_has_not_one_curvature() -> None:
    assert VAEConfig(latent_dim=2, data_shape=(4,), c=0.7).one_c == 0.7
    with pytest.raises(ValueError, match="c must be one number"):
        _ = VAEConfig(latent="h2,s2", data_shape=(4,)).one_c
