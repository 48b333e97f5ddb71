"""Parts of one's own in the VAE: the contract of each, what breaks it, and training with them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, distributions, nn  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows, vae  # noqa: E402
from hyperdist_torch.vae import OriginNormal, PoincareVAE, VAEConfig, elbo, iwae, log_likelihood  # noqa: E402

CONFIG = VAEConfig(latent_dim=2, data_shape=(4, 3), hidden=8, c=0.7)


@pytest.fixture(autouse=True)
def seeded(seed: int) -> None:
    torch.manual_seed(seed % 2**63)


class Encoder(nn.Module):
    """Two heads over a flat row."""

    def __init__(self, scales: int = 1) -> None:
        super().__init__()
        self.body, self.mean, self.scale = nn.Linear(12, 7), nn.Linear(7, 2), nn.Linear(7, scales)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.body(x.flatten(1).to(self.mean.weight)).tanh()
        return self.mean(h), nn.functional.softplus(self.scale(h)) + 1e-5


def decoder() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 9), nn.Tanh(), nn.Linear(9, 12), nn.Unflatten(-1, (4, 3)))


class StudentT(nn.Module):
    """A likelihood with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, output: Tensor) -> distributions.Distribution:
        return distributions.Independent(distributions.StudentT(5.0, output, self.log_scale.exp()), 2)


def student(output: Tensor) -> distributions.Distribution:
    return distributions.Independent(distributions.StudentT(5.0, output), 2)


def own(**parts: Any) -> PoincareVAE:
    return PoincareVAE(CONFIG, **{"encoder": Encoder(), "decoder": decoder(), "likelihood": StudentT(), **parts})


@pytest.mark.parametrize("parts", [{}, {"encoder": None}, {"decoder": None}, {"likelihood": None}], ids=str)
def test_own_parts_train(parts: dict[str, Any]) -> None:
    """Alone or together with ready ones, in every objective; own parameters learn."""
    model, x = own(**parts), torch.rand(5, 4, 3)
    value = elbo(model, x, 2) + iwae(model, x, 2)
    assert value.shape == (5,)
    value.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    z, law = torch.randn(7, 5, 2), model.decode(torch.randn(7, 5, 2))
    assert (law.batch_shape, law.event_shape) == ((7, 5), (4, 3))
    torch.testing.assert_close(model.log_fit(z, x), model.decode(z).log_prob(x))
    assert log_likelihood(model, x, 11).shape == (5,)


def test_the_same_networks_give_the_same_numbers() -> None:
    """The ready networks handed over as one's own, and a likelihood by its class instead of by its name."""
    ready = PoincareVAE(CONFIG)
    wrapped = PoincareVAE(
        CONFIG,
        encoder=nn.Sequential(nn.Flatten(1), ready.encoder),
        decoder=nn.Sequential(ready.decoder, nn.Unflatten(-1, (4, 3))),
        likelihood=vae.BernoulliLikelihood((4, 3)),
    )
    x = torch.rand(5, 4, 3)
    values = [elbo(m, x, 3, generator=torch.Generator().manual_seed(1)) for m in (ready, wrapped)]
    torch.testing.assert_close(*values)


def test_data_of_any_dtype_reach_an_own_encoder() -> None:
    model = PoincareVAE(VAEConfig(2, (4, 3), likelihood="poisson"), encoder=Encoder(), decoder=decoder())
    x = torch.randint(0, 5, (5, 4, 3))
    torch.testing.assert_close(
        elbo(model, x, generator=torch.Generator().manual_seed(1)),
        elbo(model, x.float(), generator=torch.Generator().manual_seed(1)),
    )
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 4, 3\), got \(5, 12\)"):
        elbo(model, x.flatten(1))
    with pytest.raises(ValueError, match=r"x must hold counts .* got -"):
        elbo(model, x - 1 - x.max())


def returns(value: Any) -> Any:
    return lambda *arguments: value


ENCODERS = [
    (torch.zeros(5, 2), TypeError, r"the encoder must return a pair of tensors \(mean, scale\), got Tensor"),
    ((torch.zeros(5, 2), 1.0), TypeError, r"pair of tensors \(mean, scale\), got \['Tensor', 'float'\]"),
    ((torch.zeros(5, 3), torch.ones(5, 1)), ValueError, r"must return mu of shape \(5, 2\) for 5 rows, got \(5, 3\)"),
    ((torch.zeros(1, 2), torch.ones(1, 1)), ValueError, r"must return mu of shape \(5, 2\) for 5 rows, got \(1, 2\)"),
    ((torch.zeros(5, 2), torch.ones(5)), ValueError, r"encoder's sigma must have shape \(5, 1\) .*, got \(5,\)"),
    ((torch.zeros(5, 2), torch.ones(5, 2)), ValueError, r"encoder's sigma must have shape \(5, 1\) .*, got \(5, 2\)"),
    ((torch.zeros(5, 2), -torch.ones(5, 1)), ValueError, "encoder's mean and scale must be finite, and the scale > 0"),
]


@pytest.mark.parametrize(("value", "error", "match"), ENCODERS)
def test_encoders_that_break_the_contract(value: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        elbo(own(encoder=returns(value)), torch.rand(5, 4, 3))


def normal(axes: int) -> Any:
    return lambda output: distributions.Independent(distributions.Normal(output, 1.0), axes)


LIKELIHOODS = [
    (lambda output: output, TypeError, "likelihood must return a torch.distributions.Distribution, got Tensor"),
    (lambda output: distributions.Normal(output, 1.0), ValueError,
     r"batch shape \(2, 5\) and event shape \(4, 3\), .* got batch shape \(2, 5, 4, 3\) and event shape \(\): wrap it "
     r"in torch.distributions.Independent\(law, 2\)"),
    (normal(1), ValueError, r"got batch shape \(2, 5, 4\) and event shape \(3,\)"),
    (normal(3), ValueError, r"got batch shape \(2,\) and event shape \(5, 4, 3\)"),
    (lambda output: normal(2)(output[:, :1]), ValueError, r"got batch shape \(2, 1\) and event shape \(4, 3\)"),
    (lambda output: normal(2)(output[..., :1]), ValueError, r"got batch shape \(2, 5\) and event shape \(4, 1\)"),
]  # fmt: skip


@pytest.mark.parametrize(("likelihood", "error", "match"), LIKELIHOODS)
def test_likelihoods_that_break_the_contract(likelihood: Any, error: type[Exception], match: str) -> None:
    for objective in (lambda m, x: elbo(m, x, 2), lambda m, x: iwae(m, x, 2), lambda m, x: log_likelihood(m, x, 2)):
        with pytest.raises(error, match=match):
            objective(own(likelihood=likelihood), torch.rand(5, 4, 3))


def test_decoders_that_break_the_contract() -> None:
    model = own(decoder=nn.Linear(2, 12), likelihood=None)
    with pytest.raises(ValueError, match=r"decoder must return shape \(\*, batch, 4, 3\) .* got \(1, 5, 12\)"):
        elbo(model, torch.rand(5, 4, 3))
    config = VAEConfig(2, 3, likelihood="categorical", classes=4)
    model = PoincareVAE(config, decoder=nn.Linear(2, 3))
    with pytest.raises(ValueError, match=r"decoder must return shape \(\*, batch, 3, 4\) .* got \(1, 5, 3\)"):
        elbo(model, torch.zeros(5, 3))
    for name, part in {"encoder": 3, "decoder": "geo", "likelihood": 2.0}.items():
        with pytest.raises(TypeError, match=f"{name} must be a module or another callable, got {type(part).__name__}"):
            own(**{name: part})
    with pytest.raises(ValueError, match="set_output_bias needs the ready decoder"):
        own().set_output_bias(torch.rand(4, 3))


class LearntPrior(nn.Module):
    """One that follows the curvature and learns its scale."""

    def __init__(self) -> None:
        super().__init__()
        self.log_std = nn.Parameter(torch.zeros(()))

    def forward(self, c: Tensor) -> distributions.Distribution:
        return ht.WrappedNormal(torch.zeros(2), self.log_std.exp(), c, model="tangent")


def test_own_priors() -> None:
    """A law, a mixture, a module: the ELBO is that of the ready prior where they are the same law."""
    x, z = torch.rand(5, 4, 3), 2.0 * torch.randn(6, 2)
    ready = PoincareVAE(VAEConfig(2, (4, 3), hidden=8, c=0.7, prior="wrapped"))
    learnt = LearntPrior()
    laws = [
        ht.WrappedNormal(torch.zeros(2), 1.0, 0.7),
        OriginNormal(torch.zeros(2), 1.0, 0.7),
        ht.Mixture([0.5, 0.5], ht.WrappedNormal(torch.zeros(2, 2), 1.0, 0.7, model="tangent")),
        learnt,
    ]
    for prior in laws:
        model = PoincareVAE(ready.config, prior=prior)
        model.load_state_dict({**model.state_dict(), **ready.state_dict()})
        torch.testing.assert_close(model.log_prior()(z), ready.log_prior()(z))
        values = [elbo(m, x, generator=torch.Generator().manual_seed(1)) for m in (model, ready)]
        torch.testing.assert_close(*values)
        assert torch.isfinite(log_likelihood(model, x, 5)).all()
    elbo(PoincareVAE(ready.config, prior=learnt), x).sum().backward()
    assert learnt.log_std.grad is not None
    flat = PoincareVAE(
        VAEConfig(2, (4, 3), c=0.0), prior=distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    )
    torch.testing.assert_close(flat.log_prior()(z), PoincareVAE(flat.config).log_prior()(z))


def test_flows_as_priors() -> None:
    """On every latent space; of the curvature of the model, where there is one."""
    x = torch.rand(5, 4, 3)

    def carried(base: Any, space: Any) -> Any:
        return flows.RiemannianCNF(base, flows.FrameField(space, hidden=4), solver=flows.FixedGrid(2))

    hyperbolic = carried(ht.RiemannianNormal(torch.zeros(2), 1.0), flows.Lorentz(2, 1.0))
    flat = carried(ht.WrappedNormal(torch.zeros(2), 1.0, c=0.0, model="tangent"), flows.Euclidean(2))
    sphere = carried(ht.SphericalUniform(2), flows.Sphere(2))
    for latent, prior in (
        ("h2", hyperbolic), ("e2", flat), ("s2", sphere), ("h2,s2", ht.Product(hyperbolic, ht.SphericalUniform(2))),
    ):  # fmt: skip
        model = PoincareVAE(VAEConfig(data_shape=(4, 3), hidden=8, latent=latent), prior=prior)
        z = model.encode(x).sample()
        options = {"model": "tangent"} if "h" in latent else {}
        torch.testing.assert_close(model.log_prior()(z), prior.log_prob(z, **options))
        assert torch.isfinite(elbo(model, x)).all()
    for latent, prior, match in (
        ("h2", carried(ht.RiemannianNormal(torch.zeros(2), 1.0, 2.0), flows.Lorentz(2, 2.0)), r"c = 1 .* got \[2.0\]"),
        ("e2", carried(ht.SphericalUniform(1), flows.Sphere(1)), "a law of hyperbolic space"),
    ):
        with pytest.raises(ValueError, match=match):
            elbo(PoincareVAE(VAEConfig(data_shape=(4, 3), hidden=8, latent=latent), prior=prior), x)


@pytest.mark.parametrize("likelihood", ["bernoulli", "normal", "continuous_bernoulli"])
def test_whole_numbers_reach_a_ready_likelihood_between_own_parts(likelihood: str) -> None:
    model = PoincareVAE(VAEConfig(2, (4, 3), likelihood=likelihood), encoder=Encoder(), decoder=decoder())
    x = torch.rand(5, 4, 3) < 0.5
    values = []
    for given in (x, x.long(), x.to(torch.uint8), x.float()):
        torch.manual_seed(0)
        values.append(elbo(model, given, 2))
    for value in values[:-1]:
        torch.testing.assert_close(value, values[-1])


PRIORS = [
    (ht.WrappedNormal(torch.zeros(2), 1.0, 0.5), r"prior must have the curvature c = 0.7 of the model, got \[0.5\]"),
    (ht.WrappedNormal(torch.zeros(3), 1.0, 0.7), r"event shape \(2,\), got \(\) and \(3,\)"),
    (ht.WrappedNormal(torch.zeros(5, 2), 1.0, 0.7), r"batch shape \(\) .* got \(5,\) and \(2,\)"),
    (distributions.MultivariateNormal(torch.zeros(2), torch.eye(2)), "Riemannian volume, got MultivariateNormal at c"),
    (ht.ToroidalUniform(2), "must be a law of hyperbolic space, .* got ToroidalUniform"),
]


@pytest.mark.parametrize(("prior", "match"), PRIORS)
def test_priors_that_break_the_contract(prior: Any, match: str) -> None:
    for given in (prior, lambda c: prior):
        with pytest.raises(ValueError, match=match):
            elbo(own(prior=given), torch.rand(5, 4, 3))
    with pytest.raises(TypeError, match="prior must give a law, got int"):
        own(prior=lambda c: 3).prior()
    with pytest.raises(TypeError, match="prior must be a law or a callable of the curvature to one, got str"):
        own(prior="normal")


def test_copies_keep_parts_together() -> None:
    """A copied model's decoder reads the copy's likelihood, and its parameters are counted once."""
    model = PoincareVAE(VAEConfig(2, (3,), hidden=4, likelihood="negative_binomial"))
    other = copy.deepcopy(model)
    assert other.decoder.likelihood is other.likelihood
    assert other.likelihood is not model.likelihood
    assert [name for name in other.state_dict() if "log_size" in name] == ["likelihood.log_size"]


def test_training_with_own_parts(tmp_path: Path) -> None:
    """``training.fit`` and a resumed run of it, to the same numbers."""
    pytest.importorskip("lightning")
    from hyperdist_torch import training

    def run(folder: str, epochs: int, resume: bool = False) -> tuple[Any, PoincareVAE]:
        torch.manual_seed(3)
        model = own(prior=lambda c: ht.WrappedNormal(torch.zeros(2), 1.0, c), likelihood=student)
        rows = torch.rand(20, 4, 3, generator=torch.Generator().manual_seed(1))
        schedule = training.Schedule(epochs, 5, 1e-2)
        return training.fit(model, rows, elbo, schedule, tmp_path / folder, resume=resume, accelerator="cpu"), model

    once, model = run("once", 3)
    run("twice", 1)
    twice, resumed = run("twice", 3, resume=True)
    assert twice.curve == once.curve
    for name, value in model.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning", "ignore:.*does not have many workers")
def test_a_lightning_module_of_ones_own(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = own()

        def training_step(self, batch: list[Tensor], index: int) -> Tensor:
            return -elbo(self.model, batch[0]).mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=1e-2)

    module, rows = Module(), torch.utils.data.TensorDataset(torch.rand(8, 4, 3))
    before = module.model.encoder.mean.weight.detach().clone()
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(module, torch.utils.data.DataLoader(rows, batch_size=4))
    assert not torch.equal(module.model.encoder.mean.weight, before)
