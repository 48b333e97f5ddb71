"""Vector fields and their divergences: two ways, by noise, with gradients, in every shape and precision."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hyperdist_torch import flows  # noqa: E402
from tests.support.torch import flows as shared  # noqa: E402

# torch.func.jvp with torch 2.13
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

FIELDS = [
    (space, kind, name)
    for space in shared.SPACES
    for kind in shared.kinds(space)
    for name in shared.feature_names(space)
]
T = torch.tensor(0.3, dtype=torch.float64)


def _id(value: Any) -> str:
    return str(value).replace(" ", "")


@pytest.mark.parametrize(("space", "kind", "name"), FIELDS, ids=_id)
def test_divergence_is_that_of_automatic_differentiation(space: flows.Space, kind: str, name: str) -> None:
    made = shared.field(space, kind, features=shared.features(space, name), finest=0.1 if name == "waves" else None)
    shared.divergences_agree(made)
    velocity = made(T, x := shared.points(space, 7))
    torch.testing.assert_close(  # tangents
        space.embedded_inner(x, velocity, space.random_tangent(x, torch.ones(7, space.noise_width, dtype=x.dtype))),
        space.inner(x, velocity, space.random_tangent(x, torch.ones(7, space.noise_width, dtype=x.dtype))),
        rtol=1e-10, atol=1e-12,
    )  # fmt: skip


@pytest.mark.parametrize("activation", ["sine", "swish", "tanh", "softplus"])
def test_network_derivatives(activation: str) -> None:
    """Along any directions, of fewer numbers than the input has, against forward-mode derivatives."""
    network = flows.Network(5, 4, hidden=7, layers=3, activation=activation, scale=2.0).double()
    torch.nn.init.normal_(network.output.weight)
    h, e = torch.randn(6, 5, dtype=T.dtype), torch.randn(2, 6, 3, dtype=T.dtype)
    y, dy = network.linearised(h, e)
    torch.testing.assert_close(y, network(h))
    for direction, found in zip(e, dy, strict=True):
        full = torch.cat([direction, torch.zeros(6, 2, dtype=T.dtype)], dim=-1)
        torch.testing.assert_close(found, torch.func.jvp(network, (h,), (full,))[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("activation", ["sine", "swish", "tanh", "softplus"])
@pytest.mark.parametrize("k", [1, 2])
def test_network_gradients(activation: str, k: int) -> None:
    """First and second, by differences; the same inside a transform, where the layers are plain operations."""
    network = flows.Network(3, 2, hidden=4, layers=2, activation=activation).double()
    torch.nn.init.normal_(network.output.weight)
    h = torch.randn(2, 3, dtype=T.dtype, requires_grad=True)
    e = torch.randn(k, 2, 2, dtype=T.dtype, requires_grad=True)
    assert torch.autograd.gradcheck(network.linearised, (h, e))
    assert torch.autograd.gradgradcheck(network.linearised, (h, e))
    weight = network.hidden[0].weight

    def loss(weight: Any, h: Any, e: Any) -> Any:
        y, dy = torch.func.functional_call(_Linearised(network), {"network.hidden.0.weight": weight}, (h, e))
        return (y.sin().sum() + dy.square().sum()) / 3.0

    wanted = torch.autograd.grad(loss(weight, h, e), (weight, h, e))
    for found, want in zip(torch.func.grad(loss, (0, 1, 2))(weight, h, e), wanted, strict=True):
        torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-12)
    constant = loss(weight, h.detach(), e.detach())
    torch.testing.assert_close(torch.autograd.grad(constant, weight)[0], wanted[0])


class _Linearised(torch.nn.Module):
    def __init__(self, network: flows.Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, h: Any, e: Any) -> Any:
        return self.network.linearised(h, e)


def test_waves_fade_in_with_their_scale() -> None:
    """At the start those that are longer than the spread of the paths alone, at the end all; scales log-uniform."""
    waves = flows.Waves(flows.Sphere(2), 4000, 1e-4).double()
    k = waves.frequencies
    assert 1.0 <= k.min() < 1.1
    assert 0.9e4 < k.max() <= 1.00001e4
    shares = [float(((k >= 10.0**i) & (k < 10.0 ** (i + 1))).float().mean()) for i in range(4)]
    assert max(abs(share - 0.25) for share in shares) < 5.0 * (0.25 * 0.75 / 4000) ** 0.5
    x = torch.nn.functional.normalize(torch.randn(50, 3, dtype=T.dtype), dim=-1)
    for t in (0.0, 0.5, 1.0):
        size = waves(x, T * 0.0 + t)[:, 3:].abs().amax(dim=0)
        wide = 1e-4**-t
        assert bool((size[k > 20.0 * wide] < 1e-6).all())
        assert bool((size[k < 2.0 * wide] > 0.5).all())
    at_once = waves(x, torch.linspace(0.0, 1.0, 50, dtype=T.dtype)[:, None])
    torch.testing.assert_close(at_once[49], waves(x[49], T * 0.0 + 1.0), rtol=0, atol=1e-9)


def test_a_flow_begins_as_the_identity() -> None:
    made = flows.FrameField(flows.Sphere(2))
    x = shared.points(made.space, 3, torch.float32)
    assert torch.equal(made(T, x), torch.zeros(3, 3))


@pytest.mark.parametrize("space", shared.SPACES, ids=_id)
def test_noise_averages_out(space: flows.Space) -> None:
    for kind in shared.kinds(space):
        shared.noise_averages_out(shared.field(space, kind))
    shared.noise_averages_out(shared.function_of(shared.field(space, "local")))


@pytest.mark.parametrize("kind", ["gaussian", "rademacher"])
def test_noise_has_unit_variance(kind: str) -> None:
    """Each of z_i z_j has mean delta_ij: six standard errors of 40,000 draws."""
    z = flows.fields.draw_noise(flows.Sphere(2), torch.zeros(40_000, 3), kind, torch.Generator().manual_seed(3))
    second = z.T @ z / len(z)
    assert (second - torch.eye(3)).abs().max() < 6 * 2**0.5 / len(z) ** 0.5
    assert z.mean(dim=0).abs().max() < 6 / len(z) ** 0.5
    if kind == "rademacher":
        assert set(z.unique().tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("space", shared.SURFACES, ids=_id)
@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "noise"])
def test_gradients_of_velocity_and_divergence(space: flows.Space, noisy: bool) -> None:
    """In every parameter and in the context, by differences; learnt points and planes too."""
    for name in shared.feature_names(space)[: 1 if noisy else None]:
        made = shared.field(space, "local", features=shared.features(space, name, 2), hidden=3, context_width=2)
        x = shared.points(space, 2)
        context = torch.randn(2, 2, dtype=T.dtype, requires_grad=True)
        noise = torch.randn(2, space.noise_width, dtype=T.dtype) if noisy else None
        names, parameters = zip(*made.named_parameters(), strict=True)

        def call(
            context: Any, *values: Any, made: Any = made, names: Any = names, x: Any = x, noise: Any = noise
        ) -> Any:
            return torch.func.functional_call(
                _Divergence(made), {f"field.{k}": v for k, v in zip(names, values, strict=True)}, (x, context, noise)
            )

        assert torch.autograd.gradcheck(call, (context, *parameters), fast_mode=True)
        velocity, divergence = made.with_divergence(T, x, context, noise)
        for value in (velocity, divergence):
            gradients = torch.autograd.grad(value.sum(), parameters[:1], retain_graph=True)
            assert all(bool(gradient.abs().max() > 0) for gradient in gradients)


class _Divergence(torch.nn.Module):
    def __init__(self, made: flows.VectorField) -> None:
        super().__init__()
        self.field = made

    def forward(self, x: Any, context: Any, noise: Any) -> Any:
        return self.field.with_divergence(T, x, context, noise)


@pytest.mark.parametrize("space", shared.SPACES, ids=_id)
def test_batches_and_precision(space: flows.Space) -> None:
    """Axes of a batch do not mix; float32 stays and agrees with float64 to its rounding."""
    made = shared.field(space, "local", context_width=1)
    x, context = shared.points(space, 6), torch.randn(6, 1, dtype=T.dtype)
    flat = made.with_divergence(T, x, context)
    folded = made.with_divergence(T, x.reshape(2, 3, -1), context.reshape(2, 3, 1))
    torch.testing.assert_close(folded[0].reshape(6, -1), flat[0])
    torch.testing.assert_close(folded[1].reshape(6), flat[1])
    single = made.float().with_divergence(T.float(), x.float(), context.float())
    assert single[0].dtype == single[1].dtype == torch.float32
    for value, want in zip(single, flat, strict=True):
        torch.testing.assert_close(value.double(), want, rtol=1e-4, atol=1e-5)


def test_time_may_be_one_a_row() -> None:
    made, t = shared.field(flows.Torus(2)), torch.tensor([[0.1], [0.9]], dtype=torch.float64)
    x = shared.points(made.space, 2)
    both = made(t, x)
    for k in range(2):
        torch.testing.assert_close(both[k], made(t[k, 0], x[k : k + 1])[0])


def test_a_function_is_a_field() -> None:
    """Without parameters, with the divergence of its formula: x_0's gradient on S^2 has -2 x_0."""

    def gradient(t: Any, x: Any) -> Any:
        return torch.tensor([1.0, 0.0, 0.0], dtype=x.dtype) - x[..., :1] * x

    x = shared.points(flows.Sphere(2), 5)
    velocity, divergence = flows.FunctionField(flows.Sphere(2), gradient).with_divergence(T, x)
    torch.testing.assert_close(velocity, gradient(T, x))
    torch.testing.assert_close(divergence, -2.0 * x[:, 0])
