"""Mixed precision: under autocast geometry and laws are those of float32, elsewhere half precision is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import nn, vae  # noqa: E402
from hyperdist_torch.vae.config import DECODERS, ENCODERS, LAWS  # noqa: E402
from tests.support.torch.laws import CASES, Case  # noqa: E402

HALVES = (torch.bfloat16, torch.float16)
LAYERS: dict[str, Callable[[], torch.nn.Module]] = {
    **{
        cls.__name__: lambda cls=cls: cls(3, 4, 0.7) for cls in (nn.Gyroplane, nn.Horosphere, nn.Klein, nn.MobiusLinear)
    },
    **{cls.__name__: lambda cls=cls: cls(0.7, "tangent") for cls in (nn.ExpOrigin, nn.LogOrigin)},
}
FUNCTIONS = (nn.gyroplane, nn.horosphere, nn.klein, nn.mobius_linear)


@pytest.fixture(autouse=True)
def seeded(seed: int) -> None:
    torch.manual_seed(seed % 2**63)


def mixed(half: torch.dtype = torch.bfloat16) -> torch.autocast:
    return torch.autocast("cpu", dtype=half)


@pytest.mark.parametrize("half", HALVES, ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_layers_compute_in_float32(name: str, half: torch.dtype) -> None:
    layer, x = LAYERS[name](), 20.0 * torch.randn(5, 3)
    plain, rounded = layer(x), layer(x.to(half).float())
    with mixed(half):
        assert torch.equal(layer(x), plain)
        assert torch.equal(layer(x.to(half)), rounded)
        product = torch.nn.functional.linear(x, torch.ones(1, 3))
    assert product.dtype == half  # autocast was on


def test_flat_layers_are_linear_there_too() -> None:
    layer, x = nn.Gyroplane(3, 4, 0.0), torch.randn(5, 3)
    with mixed():
        assert torch.equal(layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_functions_by_place_and_by_name(function: Callable[..., Tensor]) -> None:
    given = {"x": torch.randn(5, 3), "weight": torch.randn(4, 3), "bias": torch.randn(4), "c": torch.tensor(0.7)}
    plain = function(**given)
    with mixed():
        assert torch.equal(function(**given), plain)
        assert torch.equal(function(*given.values()), plain)
    with pytest.raises(TypeError, match=r"weight must be float32 or float64, got torch.float16"):
        function(**{**given, "weight": given["weight"].half()})


# torch's own, where its compiler meets a custom derivative
@pytest.mark.filterwarnings("ignore:.*autograd.function.Function.* should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("name", LAYERS)
def test_layers_compile_as_one_graph(name: str) -> None:
    layer, x = LAYERS[name](), torch.randn(5, 3)

    def call(x: Tensor) -> Tensor:
        with mixed():
            return layer(x.bfloat16())

    torch.compiler.reset()
    compiled = torch.compile(call, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), call(x))
    torch.compiler.reset()


@pytest.mark.parametrize("half", HALVES, ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_laws_compute_in_float32(case: Case, half: torch.dtype) -> None:
    law = case.build(torch.float32)
    x = law.sample((3,))
    plain = law.log_prob(x)
    with mixed(half):
        assert torch.equal(law.log_prob(x), plain)
        z, log_q = law.rsample_and_log_prob((3,))
    assert z.dtype == log_q.dtype == torch.float32


def test_half_precision_parameters_and_values() -> None:
    mu, x = torch.randn(4, 3).bfloat16(), torch.randn(4, 3).bfloat16()
    plain = ht.RiemannianNormal(mu.float(), 0.7, model="tangent").log_prob(x.float())
    with mixed():
        law = ht.RiemannianNormal(mu, 0.7, model="tangent")
        assert law.rsample().dtype == torch.float32
        assert torch.equal(law.log_prob(x), plain)
    with pytest.raises(TypeError, match=r"mu must be float32 or float64, got torch.bfloat16, .* torch.autocast alone"):
        ht.RiemannianNormal(mu, 0.7)
    with pytest.raises(TypeError, match=r"value must be float32 or float64, got torch.bfloat16"):
        law.log_prob(x)
    with pytest.raises(TypeError, match=r"x must be float32 or float64, got torch.bfloat16"):
        nn.Klein(3, 4, 1.0)(x)


@pytest.mark.parametrize("likelihood", ["bernoulli", "normal"])
@pytest.mark.parametrize("law", LAWS)
def test_auto_encoders_train(law: str, likelihood: str) -> None:
    """With every encoder and decoder: networks in half precision, and what is made of them in float32."""
    x = torch.rand(64, 8)
    for encoder, decoder in [("wrapped", decoder) for decoder in DECODERS] + [(encoder, "geo") for encoder in ENCODERS]:
        if encoder == "linear" and law != "normal":
            continue
        model = vae.PoincareVAE(vae.VAEConfig(
            latent_dim=2, data_shape=(8,), hidden=16, posterior=law, prior=law, encoder=encoder, decoder=decoder,
            likelihood=likelihood, learn_c=(law, decoder) != ("normal", "wrapped"),
        ))  # fmt: skip
        expected = vae.elbo(model, x, 400).mean()
        with mixed():
            value = vae.elbo(model, x, 400)
            likelihoods = vae.log_likelihood(model, x, 100)
            assert model.decode(model.prior().sample((3,))).sample().dtype == torch.float32
        assert value.dtype == likelihoods.dtype == torch.float32
        assert likelihoods.isfinite().all()
        # The draws are others, which spreads the difference by .013 at most; bfloat16 moves it by about .01.
        assert value.mean().item() == pytest.approx(expected.item(), abs=0.1)
        (-value.mean()).backward()
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in model.parameters())
