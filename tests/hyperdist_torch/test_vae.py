"""The Poincare VAE: its parts against torch's own laws, every combination of them, what bad input gets."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.distributions import Bernoulli, Normal, kl_divergence  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist.geometry import tangent  # noqa: E402
from hyperdist_torch.nn import Gyroplane, Horosphere, Klein  # noqa: E402
from hyperdist_torch.vae import OriginNormal, PoincareVAE, VAEConfig, elbo, iwae, log_likelihood  # noqa: E402
from hyperdist_torch.vae.config import DECODERS, ENCODERS, LAWS  # noqa: E402
from hyperdist_torch.vae.laws import density_about_origin  # noqa: E402

SHAPE = (2, 3)
CURVATURES = {"flat": {"c": 0.0}, "fixed": {"c": 0.7}, "learnt": {"c": 0.7, "learn_c": True}}


def config(**changes: Any) -> VAEConfig:
    return VAEConfig(**{"latent_dim": 3, "data_shape": SHAPE, "hidden": 4, **changes})


def build(**changes: Any) -> PoincareVAE:
    return PoincareVAE(config(**changes))


@pytest.fixture(autouse=True)
def seeded(seed: int) -> None:
    torch.manual_seed(seed % 2**63)


def depends_on_c(posterior: str, prior: str, encoder: str, decoder: str) -> bool:
    """Whether some part of a model, in more than one latent dimension, works in other than tangent coordinates."""
    return not (decoder == "wrapped" and encoder != "mobius" and posterior == "normal" and prior != "riemannian")


@pytest.mark.parametrize("curvature", CURVATURES)
@pytest.mark.parametrize("posterior", LAWS)
@pytest.mark.parametrize("prior", LAWS)
def test_every_combination_trains(posterior: str, prior: str, curvature: str) -> None:
    """Finite objectives, and a finite gradient for every parameter, with every encoder and decoder."""
    x = torch.rand(5, *SHAPE)
    for encoder, decoder in itertools.product(ENCODERS, DECODERS):
        if encoder == "linear" and posterior != "normal" and curvature != "flat":
            continue
        parts = {"posterior": posterior, "prior": prior, "encoder": encoder, "decoder": decoder}
        if curvature == "learnt" and not depends_on_c(**parts):
            continue
        model = build(**parts, learn_prior_std=True, **CURVATURES[curvature])
        value = elbo(model, x, 2) + iwae(model, x, 2)
        assert value.shape == (5,)
        assert torch.isfinite(value).all()
        value.sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, f"{parts}: no gradient for {name}"
            assert torch.isfinite(parameter.grad).all(), f"{parts}: {name}"
        names = {name for name, _ in model.named_parameters()}
        assert "log_prior_std" in names
        assert any("curvature" in name for name in names) == (curvature == "learnt")


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("likelihood", ["bernoulli", "normal"])
def test_log_prob_is_that_of_the_decoded_law(likelihood: str, decoder: str) -> None:
    """The lean likelihood against torch.distributions, on grey levels; float64, to rounding."""
    model = build(decoder=decoder, likelihood=likelihood, noise_std=0.3, layers=2, c=0.7).double()
    z, x = 3.0 * torch.randn(7, 5, 3, dtype=torch.float64), torch.rand(5, *SHAPE, dtype=torch.float64)
    law = model.decode(z)
    assert (law.batch_shape, law.event_shape) == ((7, 5), SHAPE)
    got = model.decoder.log_prob(z, model.flatten(x))
    torch.testing.assert_close(got, law.log_prob(x), rtol=1e-12, atol=1e-12)
    output = model.decoder(z).unflatten(-1, SHAPE)
    own = Bernoulli(logits=output, validate_args=False) if likelihood == "bernoulli" else Normal(output, 0.3)
    torch.testing.assert_close(got, own.log_prob(x).sum(dim=(-2, -1)), rtol=1e-12, atol=1e-12)


def test_large_logits_are_finite() -> None:
    """No overflow in value or gradient, where exp of a logit is infinite or 0."""
    model = build()
    output = torch.tensor([[-500.0, 500.0, -80.0, 80.0, 0.0, 30.0]], requires_grad=True)
    value = model.decoder.likelihood.log_prob(output, torch.tensor([[0.0, 1.0, 0.0, 1.0, 0.5, 0.0]]))
    torch.testing.assert_close(value, torch.tensor([-30.0 - 0.6931472]))
    (gradient,) = torch.autograd.grad(value.sum(), output)
    torch.testing.assert_close(gradient, torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, -1.0]]))


@pytest.mark.parametrize("c", [0.0, 0.7])
def test_origin_normal(c: float) -> None:
    """About the origin it is the wrapped normal; elsewhere the normal's density over the volume factor."""
    curvature = torch.tensor(c, dtype=torch.float64)
    scale = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    v = torch.randn(9, 3, dtype=torch.float64)
    centred = OriginNormal(torch.zeros(3, dtype=torch.float64), scale, curvature)
    wrapped = ht.WrappedNormal(torch.zeros(3, dtype=torch.float64), scale, curvature, model="tangent")
    torch.testing.assert_close(centred.log_prob(v), wrapped.log_prob(v), rtol=1e-12, atol=1e-12)
    moved = OriginNormal(v, scale, curvature)
    draw, density = moved.rsample_and_log_prob((4,))
    assert draw.shape == (4, 9, 3)
    expected = Normal(v, scale).log_prob(draw).sum(dim=-1) - tangent.log_volume(draw, curvature)
    torch.testing.assert_close(density, expected, rtol=1e-12, atol=1e-12)
    ball = moved.sample((2,), model="poincare")
    if c > 0.0:
        assert ht.constraints.PoincareBall(c).check(ball).all()
    assert torch.isfinite(moved.log_prob(ball, model="poincare")).all()
    divergence = kl_divergence(moved, centred)
    expected = kl_divergence(Normal(v, scale), Normal(0.0, scale)).sum(dim=-1)
    torch.testing.assert_close(divergence, expected, rtol=1e-12, atol=1e-12)


def test_origin_normal_is_a_law_as_any_other() -> None:
    """Broadcasting, expansion, models, values and parameters that are none, laws on two spaces."""
    law = OriginNormal(torch.tensor([0.3, -25.0]), 0.5, [0.0, 0.7])
    assert (law.batch_shape, law.event_shape, law.scale.shape) == ((2,), (2,), (2, 2))
    wide = law.expand((3, 2))
    assert wide.rsample((4,)).shape == (4, 3, 2, 2)
    assert wide.log_prob(law.sample()).shape == (3, 2)
    curved = OriginNormal(torch.zeros(2), 0.5, 0.7)
    x, density = curved.rsample_and_log_prob((5,), model="lorentz")
    assert x.shape == (5, 3)
    torch.testing.assert_close(curved.log_prob(x, model="lorentz"), density)
    assert pickle.loads(pickle.dumps(curved)).log_prob(x[..., 1:]).shape == (5,)
    mixture = ht.Mixture([0.5, 0.5], OriginNormal(torch.eye(2), 0.5, 0.7))
    assert mixture.log_prob(mixture.sample((3,), model="lorentz"), model="lorentz").shape == (3,)
    for call, message in [
        (lambda: OriginNormal(torch.zeros(1), torch.ones(2)), "scale must broadcast against loc"),
        (lambda: OriginNormal(torch.zeros(2), -1.0), "scale"),
        (lambda: curved.log_prob(torch.zeros(5, 1)), "value must have 2 coordinates"),
        (lambda: curved.log_prob(torch.tensor([0.0, torch.nan])), "value must lie in the support"),
        (lambda: law.sample(model="poincare"), "ask for model='tangent'"),
        (lambda: law.sample(model="lorentz"), "needs c > 0"),
        (lambda: kl_divergence(curved, law), "laws on one space"),
        (lambda: kl_divergence(curved, OriginNormal(torch.zeros(3), 0.5, 0.7)), "laws on one space"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("prior", LAWS)
@pytest.mark.parametrize("c", [0.0, 0.7])
def test_prior_density(c: float, prior: str) -> None:
    """The short form about the origin, and the laws of the same name, on tangent coordinates."""
    model = build(prior=prior, prior_std=1.7, c=c).double()
    law, v = model.prior(), 3.0 * torch.randn(9, 3, dtype=torch.float64)
    expected = law.log_prob(v)
    torch.testing.assert_close(density_about_origin(law)(v), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model.log_prior()(v), expected, rtol=1e-12, atol=1e-12)
    public = ht.RiemannianNormal if prior == "riemannian" else ht.WrappedNormal
    own = public(torch.zeros(3, dtype=torch.float64), 1.7, c, model="tangent")
    torch.testing.assert_close(own.log_prob(v), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("posterior", LAWS)
def test_posterior_is_the_law_of_its_name(posterior: str) -> None:
    model = build(posterior=posterior, c=0.7)
    x = torch.rand(5, *SHAPE)
    law, (mu, sigma) = model.encode(x), model.encoder(model.flatten(x))
    kind = {"normal": OriginNormal, "wrapped": ht.WrappedNormal, "riemannian": ht.RiemannianNormal}[posterior]
    assert type(law) is kind
    assert law.batch_shape == (5,)
    assert sigma.shape == (5, 1 if posterior == "riemannian" else 3)
    torch.testing.assert_close(law.mean, mu)


@pytest.mark.parametrize(("decoder", "layer"), [("geo", Gyroplane), ("horosphere", Horosphere), ("klein", Klein)])
def test_first_layer(decoder: str, layer: type) -> None:
    """The layer of its name, on the model's own curvature; at c = 0 nn.Linear."""
    model = build(decoder=decoder, c=0.7, learn_c=True)
    first = model.decoder.body[0]
    assert type(first) is layer
    assert first.curvature is model.curvature
    flat, z = build(decoder=decoder, c=0.0).decoder.body[0], torch.randn(5, 3)
    torch.testing.assert_close(flat(z), torch.nn.functional.linear(z, flat.weight, flat.bias))


def test_linear_decoder_goes_to_the_flat_one() -> None:
    """As c goes to 0, to first order in c."""
    curved, flat = build(decoder="linear", c=1e-6), build(decoder="linear", c=0.0)
    flat.load_state_dict({**flat.state_dict(), **{k: v for k, v in curved.state_dict().items() if "decoder" in k}})
    z = torch.randn(5, 3)
    torch.testing.assert_close(curved.decoder(z), flat.decoder(z), rtol=1e-5, atol=1e-5)


def test_output_bias() -> None:
    mean = torch.tensor([[0.0, 0.2, 1.0], [0.5, 0.9, 0.1]])
    model = build()
    model.set_output_bias(mean)
    expected = mean.clamp(1e-4, 1.0 - 1e-4).flatten()
    torch.testing.assert_close(model.decoder.output.bias.sigmoid(), expected)
    normal = build(likelihood="normal")
    normal.set_output_bias(3.0 * mean)
    torch.testing.assert_close(normal.decoder.output.bias.detach(), 3.0 * mean.flatten())
    with pytest.raises(ValueError, match=r"mean must hold grey levels .* got 3.0 at index \(0, 2\)"):
        model.set_output_bias(3.0 * mean)
    with pytest.raises(ValueError, match=r"mean must have shape \(2, 3\), got \(6,\)"):
        model.set_output_bias(mean.flatten())


@pytest.mark.parametrize("decoder", DECODERS)
def test_float32_trains_far_out(decoder: str) -> None:
    """40 steps of Adam at d = 20, c = 1.4, where the published runs diverged: the prior's shell is 22 away."""
    model = build(latent_dim=20, c=1.4, hidden=16, decoder=decoder, learn_c=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, amsgrad=True)
    x = torch.rand(16, *SHAPE).round()
    for _ in range(40):
        optimizer.zero_grad()
        value = elbo(model, x)
        assert torch.isfinite(value).all()
        (-value.mean()).backward()
        assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
        optimizer.step()


BAD = [
    ({"latent_dim": 0}, ValueError, "latent_dim must be an integer >= 1, got 0"),
    ({"hidden": 2.5}, TypeError, "hidden must be an integer"),
    ({"data_shape": (3, 0)}, ValueError, "data_shape must be an integer >= 1, got 0"),
    ({"data_shape": ()}, ValueError, "data_shape must have at least one axis"),
    ({"c": -1.0}, ValueError, r"c must be >= 0, got .*-1.0"),
    ({"c": [1.0, 2.0]}, ValueError, r"c must be one number, got shape \(2,\)"),
    ({"c": 0.0, "learn_c": True}, ValueError, "learn_c needs c > 0"),
    ({"prior_std": 0.0}, ValueError, "prior_std must be > 0"),
    ({"noise_std": float("nan")}, ValueError, "noise_std must be finite"),
    ({"posterior": "laplace"}, ValueError, "posterior must be one of normal, wrapped, riemannian, got 'laplace'"),
    ({"learn_c": 1}, TypeError, "learn_c must be True or False, got 1"),
    ({"encoder": "linear"}, ValueError, "encoder 'linear' gives a plain vector"),
    ({"encoder": "linear", "posterior": "normal", "riemannian_gradient": True}, ValueError, "riemannian_gradient"),
]


@pytest.mark.parametrize(("changes", "error", "match"), BAD)
def test_bad_configuration(changes: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        config(**changes)


@pytest.mark.parametrize("d", [1, 2])
def test_c_is_learnt_where_the_model_depends_on_it(d: int) -> None:
    """Of two models with the same weights and draws, c = 0.4 and 0.9: exactly those that differ can learn c."""
    x = torch.rand(6, *SHAPE, dtype=torch.float64)
    for encoder, decoder, posterior, prior in itertools.product(ENCODERS, DECODERS, LAWS, LAWS):
        if encoder == "linear" and posterior != "normal":
            continue
        parts: dict[str, Any] = {"encoder": encoder, "decoder": decoder, "posterior": posterior, "prior": prior}
        # Of 4 hidden units all may be behind their ReLU, and the model then depends on nothing.
        one, other = (build(latent_dim=d, c=c, hidden=32, **parts).double() for c in (0.4, 0.9))
        weights = {k: v for k, v in one.state_dict().items() if "curvature" not in k}
        other.load_state_dict(weights, strict=False)
        values = [iwae(model, x, 2, generator=torch.Generator().manual_seed(1)) for model in (one, other)]
        if (values[0] - values[1]).abs().max() > 1e-9:
            assert config(latent_dim=d, c=0.4, learn_c=True, **parts).learn_c
        else:
            with pytest.raises(ValueError, match=rf"learn_c needs a model that depends on c, .*latent_dim {d}, enc"):
                config(latent_dim=d, c=0.4, learn_c=True, **parts)


def test_configuration_as_a_dictionary() -> None:
    one = config(c=0.3, learn_c=True, posterior="wrapped")
    assert VAEConfig.from_dict(one.to_dict()) == one
    with pytest.raises(ValueError, match="unknown fields of a VAEConfig: 'depth'"):
        VAEConfig.from_dict({**one.to_dict(), "depth": 3})
    with pytest.raises(ValueError, match="a VAEConfig needs data_shape, got latent_dim"):
        VAEConfig.from_dict({"latent_dim": 2})


@pytest.mark.parametrize("objective", [elbo, lambda m, x: iwae(m, x, 2), lambda m, x: log_likelihood(m, x, 2)])
def test_data_of_another_shape(objective: Any) -> None:
    for x in (torch.rand(5, 6), torch.rand(5, 3, 2), torch.rand(2, 3), torch.tensor(0.5)):
        with pytest.raises(ValueError, match=r"x must have shape \(batch, 2, 3\), got"):
            objective(build(), x)
    with pytest.raises(TypeError, match=r"x must hold floating-point numbers, got torch.uint8"):
        objective(build(), torch.ones(5, *SHAPE, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("likelihood", "value"), [("bernoulli", 1.5), ("bernoulli", float("nan")), ("normal", float("inf"))]
)
def test_data_of_bad_values(likelihood: str, value: float) -> None:
    model, x = build(likelihood=likelihood), torch.rand(5, *SHAPE)
    assert model.check_data(x) is x
    x[3, 1, 2] = value
    message = rf"x must .* got {value} at index \(3, 1, 2\) \(1 of 30 values\); row 3 is the first"
    for enter in (model.check_data, lambda x: log_likelihood(model, x, 2), lambda x: elbo(model, x),
                  lambda x: iwae(model, x, 2)):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            enter(x)


@pytest.mark.parametrize("posterior", LAWS)
def test_values_are_looked_at_where_arguments_are_validated(posterior: str) -> None:
    """Grey levels at both ends are data, counts are not; without validation NaN is still told from a fault of ours."""
    model, x = build(posterior=posterior), torch.tensor([0.0, 1.0]).repeat(5, 3).reshape(5, *SHAPE)
    assert torch.isfinite(elbo(model, x, validate_args=True)).all()
    counts = 3.0 * x
    for objective in (elbo, lambda m, x, **options: iwae(m, x, 2, **options)):
        with pytest.raises(ValueError, match=r"grey levels in \[0, 1\] .* got 3.0 at index \(0, 0, 1\)"):
            objective(model, counts, validate_args=True)
        assert torch.isfinite(objective(model, counts, validate_args=False)).all()
    before = torch.distributions.Distribution._validate_args
    try:
        torch.distributions.Distribution.set_default_validate_args(False)
        assert torch.isfinite(elbo(model, counts)).all()
    finally:
        torch.distributions.Distribution.set_default_validate_args(before)
    x[2:, 0, 1] = float("nan")
    with pytest.raises(ValueError, match=r"x must be finite, got nan in row 2 \(3 of 5 rows\)"):
        elbo(model, x, validate_args=False)
    with pytest.raises(ValueError, match=r"x must be finite, got nan in row 2"):
        model.encode(x)
    with torch.no_grad():
        model.encoder.sigma.bias.fill_(float("inf"))
    with pytest.raises(ValueError, match=r"encoder's mean and scale must be finite, and the scale > 0, .*inf.* row 0"):
        model.encode(torch.rand(5, *SHAPE))


class Returns(torch.nn.Module):
    """An encoder, or a decoder's network, that returns what it was given."""

    def __init__(self, values: Any) -> None:
        super().__init__()
        self.values = values

    def forward(self, x: Any) -> Any:
        return self.values


@pytest.mark.parametrize("c", [0.0, 0.7])
@pytest.mark.parametrize("posterior", LAWS)
def test_scales_of_another_shape(posterior: str, c: float) -> None:
    """One scale for all rows, a row's for each, or a coordinate's where there is one: nothing broadcasts."""
    model, x = build(latent_dim=5, posterior=posterior, prior="normal", c=c), torch.rand(5, *SHAPE)
    right = [(5, 1)] if posterior == "riemannian" else [(5, 1), (5, 5)]
    for shape in [(), (1,), (5,), (1, 5), (5, 1), (5, 5), (5, 4), (2, 5, 1), (1, 5, 5)]:
        model.encoder = Returns((torch.zeros(5, 5), torch.ones(shape)))  # type: ignore[assignment]
        if shape in right:
            assert model.encode(x).batch_shape == (5,)
            continue
        with pytest.raises(ValueError, match=r"sigma must have shape .* mu of shape \(5, 5\), got ") as found:
            elbo(model, x)
        assert str(found.value).endswith(f"got {shape}")
    model.encoder = Returns((torch.zeros(1, 5), torch.ones(1, 1)))  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"the encoder must return mu of shape \(5, 5\) for 5 rows, got \(1, 5\)"):
        model.encode(x)


def test_outputs_of_another_shape() -> None:
    """One logit for all pixels, one image for all rows, one sum for all draws."""
    model, x, z = build(), torch.rand(5, *SHAPE), torch.zeros(4, 5, 3)
    for shape in [(4, 5, 1), (4, 1, 6), (6,)]:
        model.decoder.body, model.decoder.output = torch.nn.Identity(), Returns(torch.zeros(shape))  # type: ignore
        with pytest.raises(ValueError, match=r"decoder's output must have the shape .* \(5, 6\), got ") as found:
            model.decoder.log_prob(z, model.flatten(x))
        assert str(found.value).endswith(f"got {shape}")
    model = build()
    model.decoder.log_prob = lambda z, x: torch.zeros(5)  # type: ignore[method-assign]
    for objective in (lambda: elbo(model, x, 2), lambda: iwae(model, x, 2), lambda: log_likelihood(model, x, 2)):
        with pytest.raises(ValueError, match=r"decoder.log_prob must return shape \(2, 5\) .*, got \(5,\)"):
            objective()


def test_data_of_another_dtype() -> None:
    """No bare error of a matrix product: half precision outside of autocast, double for a single-precision model."""
    model = build()
    for objective in (elbo, lambda m, x: iwae(m, x, 2), lambda m, x: log_likelihood(m, x, 2), PoincareVAE.encode):
        for dtype in (torch.bfloat16, torch.float16):
            with pytest.raises(TypeError, match=rf"x must be float32 or float64, got {dtype}, which .*autocast alone"):
                objective(model, torch.rand(5, *SHAPE).to(dtype))
        with pytest.raises(TypeError, match=r"x must be torch.float32, as the model is, got torch.float64"):
            objective(model, torch.rand(5, *SHAPE).double())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.isfinite(elbo(model, torch.rand(5, *SHAPE).bfloat16())).all()
