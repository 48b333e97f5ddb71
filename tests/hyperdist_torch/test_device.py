"""Laws, layers, auto-encoders and flows on another device than the CPU: nothing stays behind, and values agree."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.distributions import Independent, Normal, kl_divergence  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import _law, flows  # noqa: E402
from hyperdist_torch.nn import Curvature, Gyroplane, Horosphere, Klein, MobiusLinear  # noqa: E402
from hyperdist_torch.vae import PoincareVAE, VAEConfig, elbo, iwae, log_likelihood  # noqa: E402
from hyperdist_torch.vae.config import DECODERS, LAWS  # noqa: E402
from tests.support.torch.device import DEVICE, Elsewhere, elsewhere  # noqa: E402
from tests.support.torch.flows import SPACES, base, field, points  # noqa: E402
from tests.support.torch.laws import CASES, TORUS, Case  # noqa: E402

EVERY = pytest.mark.parametrize("case", [*CASES, *TORUS], ids=str)


def same(found: Tensor, expected: Tensor) -> None:
    """On the device, and the CPU's values to the rounding of another order of operations."""
    assert isinstance(found, Elsewhere)
    torch.testing.assert_close(found.here, expected, rtol=1e-9, atol=1e-9)


def test_the_device_finds_what_is_left_behind() -> None:
    with elsewhere():
        x = torch.ones(3, device=DEVICE)
        same(x + torch.tensor(1.0), torch.full((3,), 2.0))
        assert (x.sum() > 2.0).item()
        with pytest.raises(AssertionError, match="two devices"):
            _ = x + torch.ones(3)
        with pytest.raises(AssertionError, match="leave the device"):
            torch.ones(10_000, device=DEVICE).cpu()
        with pytest.raises(RuntimeError, match="numpy"):
            x.numpy()


def on(x: Any, grad: bool = False) -> Any:
    """A leaf there with the numbers of x."""
    return x.detach().to(DEVICE).requires_grad_(grad)


def built(case: Case, parameters: list[Any]) -> Any:
    return case.of(*parameters, validate_args=False)


def moving(case: Case, grad_on: Callable[[Any], Any]) -> list[Any]:
    """Leaves; c = 0 has no neighbour on its other side and stays."""
    kept = case.label.endswith("flat")
    return [p if kept and i == 2 else p.requires_grad_() for i, p in enumerate(map(grad_on, case.tensors()))]


def told(law: Any, x: Any) -> list[Any]:
    """What a law tells at points x and at as many radii, with first derivatives in x and a second one."""
    x = x.requires_grad_()
    density = law.log_prob(x)
    (slope,) = torch.autograd.grad(density.sum(), x, create_graph=True)
    results = [density, law.entropy(), law.variance, law.log_normalizer(), slope]
    if slope.requires_grad:
        results.append(torch.autograd.grad(slope.square().sum(), x, create_graph=True)[0])
    if not isinstance(law, ht.WrappedNormal | ht.ToroidalWrappedNormal):
        radius = law.radius
        r = radius.icdf(torch.full_like(density.detach(), 0.3))
        results += [r, radius.log_prob(0.5 * r), radius.log_sf(0.5 * r), radius.entropy(), radius.mean]
    return results


@EVERY
def test_laws(case: Case) -> None:
    """What a law tells is what it tells on the CPU, in value and in the derivatives in its parameters."""
    x = case.build().sample((5,))
    here = moving(case, lambda p: p)
    expected = told(built(case, here), x)
    leaves = [p for p in here if p.requires_grad]
    total = sum(value.sum() for value in expected if value.requires_grad)
    gradients = torch.autograd.grad(total, leaves)
    with elsewhere():
        there = moving(case, on)
        found = told(built(case, there), on(x))
        leaves = [p for p in there if p.requires_grad]
        total = sum(value.sum() for value in found if value.requires_grad)
        moved = torch.autograd.grad(total, leaves)
    for a, b in zip([*found, *moved], [*expected, *gradients], strict=True):
        same(a.detach(), b.detach())


def waited(seen: elsewhere, call: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What a second call returns, and where it stopped the host: the first one makes the tables that it keeps."""
    call()
    seen.start()
    return call(), list(seen.places)


def models(case: Case) -> list[dict[str, str]]:
    """The options of a case's law: both charts of a hyperbolic centre."""
    return [{"model": "poincare"}, {"model": "tangent"}] if case.hyperbolic else [{}]


WAITS = {"inverse": 3, "rejection": 30}
"""Looks at values that draws may take: whether triangles serve and coordinates hold them; by rejection one a round and
for a hat besides."""


@EVERY
@pytest.mark.parametrize("method", WAITS)
def test_draws(case: Case, method: str) -> None:
    """Few and many, with densities and gradients; the way back never waits."""
    with elsewhere() as seen:
        for n, options in zip((3, 600), (models(case) * 2)[:2], strict=True):
            leaves = moving(case, on)

            def draw(options: Any = options, n: int = n, leaves: Any = leaves) -> Any:
                law = case.of(*leaves, **options, validate_args=False)
                return law.rsample_and_log_prob((n,), method=method)

            (x, log_prob), places = waited(seen, draw)
            assert len(places) <= WAITS[method], places
            seen.start()
            gradients = torch.autograd.grad(x.sum() + log_prob.sum(), [p for p in leaves if p.requires_grad])
            assert not seen.places
            with torch.no_grad():
                seen.start()
                draw()
                assert seen.waits <= WAITS[method], seen.places
            for result in (x, log_prob, *gradients):
                assert isinstance(result, Elsewhere)
                assert torch.isfinite(result.here).all()


@pytest.mark.parametrize(("batch", "n", "most"), [((128,), 1, 260), ((), 1000, 260), ((), 5000, 400)])
def test_draws_by_rejection_take_few_operations(batch: tuple[int, ...], n: int, most: int) -> None:
    """With their backward pass: small numbers are worked out on the host, which waits anyhow, a dozen times at most.

    On the device alone they took 900 to 1,600, each a launch of 10 microseconds.
    """
    with elsewhere() as seen:
        mu, sigma = on(torch.full((*batch, 4), 0.3), grad=True), on(torch.full(batch, 0.6), grad=True)

        def draw() -> Any:
            return ht.RiemannianNormal(mu, sigma, 1.0, model="tangent", validate_args=False).rsample((n,))

        x, places = waited(seen, draw)
        assert len(places) <= 14, places
        torch.autograd.grad(x.sum(), [mu, sigma])
        assert seen.operations <= most


@pytest.mark.parametrize("n", [1, 600])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_worked_out_on_the_host_is_the_processor_s(
    case: Case, n: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draws by rejection, densities and gradients, as if the processor were a device: bit for bit."""
    results = []
    for far in (False, True):
        monkeypatch.setattr(_law, "_far", lambda x, far=far: far)
        leaves = moving(case, lambda p: p)
        generator = torch.Generator().manual_seed(seed % 2**63)
        x, log_prob = built(case, leaves).rsample_and_log_prob((n,), generator=generator)
        gradients = torch.autograd.grad(x.sum() + log_prob.sum(), [p for p in leaves if p.requires_grad])
        results.append((x, log_prob, *gradients))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


@EVERY
def test_densities_never_wait(case: Case) -> None:
    """Without validation neither the law, nor log_prob, entropy, variance or their gradients look at a value, or carry
    a table over that was there before."""
    point = case.build().sample((3,))
    with elsewhere() as seen:
        for options in models(case):
            leaves, x = moving(case, on), on(point)

            def tell(options: Any = options, leaves: Any = leaves, x: Any = x) -> None:
                law = case.of(*leaves, **options, validate_args=False)
                total = law.log_prob(x).sum() + law.entropy().sum() + law.variance.sum()
                torch.autograd.grad(total, [p for p in leaves if p.requires_grad], allow_unused=True)

            assert waited(seen, tell)[1] == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_divergences(case: Case) -> None:
    with elsewhere():
        p, q = (built(case, moving(case, on)) for _ in range(2))
        same(kl_divergence(p, q).detach(), torch.zeros(p.batch_shape, dtype=torch.float64))


def test_laws_without_parameters_and_mixtures() -> None:
    with elsewhere():
        axes, kappa = on(torch.eye(3)), on(torch.tensor([20.0, 5.0, 1.0]), grad=True)
        mixture = ht.Mixture(on(torch.full((3,), 1.0 / 3.0)), ht.VonMisesFisher(axes, kappa))
        for law in (ht.SphericalUniform(2, device=DEVICE), ht.ToroidalUniform(2, device=DEVICE), mixture):
            x = law.sample((40,))
            density = law.log_prob(x)
            assert isinstance(x, Elsewhere)
            assert isinstance(density, Elsewhere)
        (gradient,) = torch.autograd.grad(mixture.log_prob(mixture.sample((5,))).sum(), kappa)
        assert isinstance(gradient, Elsewhere)


@pytest.mark.parametrize("c", [0.0, 0.7])
@pytest.mark.parametrize("layer", [Gyroplane, Horosphere, Klein, MobiusLinear])
@pytest.mark.parametrize("radius", [1.0, 400.0])
def test_layers(layer: Callable[..., nn.Module], c: float, radius: float) -> None:
    """Values, first and second derivatives, in c too, near and so far out that exponents are taken out."""
    curvature = Curvature(c, learnable=c > 0.0)
    made, x = layer(3, 5, curvature).double(), torch.randn(7, 3, dtype=torch.float64)
    x = (radius * nn.functional.normalize(x, dim=-1)).requires_grad_()

    def derivatives(x: Any) -> list[Any]:
        out = made(x)
        (slope,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
        return [out, slope, *torch.autograd.grad(slope.square().sum(), [x, *made.parameters()])]

    expected = derivatives(x)
    with elsewhere():
        made.to(DEVICE)
        found = derivatives(on(x, grad=True))
    for a, b in zip(found, expected, strict=True):
        same(a.detach() / radius**2, b.detach() / radius**2)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("law", LAWS)
def test_auto_encoders(law: str, decoder: str) -> None:
    """Objectives, a step of Adam and the likelihood, with everything that can be learnt."""
    model = PoincareVAE(VAEConfig(
        latent_dim=2, data_shape=(8,), hidden=6, posterior=law, prior=law, decoder=decoder, learn_prior_std=True,
        learn_c=(law, decoder) != ("normal", "wrapped"),
    ))  # fmt: skip
    with elsewhere():
        model.to(DEVICE)
        optimiser, x = torch.optim.Adam(model.parameters(), amsgrad=True), torch.rand(5, 8, device=DEVICE)
        for objective in (elbo, partial(iwae, samples=3)):
            optimiser.zero_grad()
            (-objective(model, x).mean()).backward()
            optimiser.step()
        results = [log_likelihood(model, x, 20), model.decode(model.prior().sample((2,))).mean, *model.parameters()]
    for result in results:
        assert isinstance(result.data, Elsewhere)
        assert torch.isfinite(result.data.here).all()


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_training_step_can_be_captured(decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a CUDA graph is captured nothing looks at a value, nor is carried over, after a first step as every capture
    asks for, with draws by inversion; the others are refused."""
    model = PoincareVAE(VAEConfig(latent_dim=2, data_shape=(8,), hidden=6, decoder=decoder))
    with elsewhere() as seen:
        model.to(DEVICE)
        x = torch.rand(5, 8, device=DEVICE)
        prior = model.log_prior()

        def step() -> None:
            z, log_q = model.encode(x).rsample_and_log_prob((1,), method="inverse")
            (log_q - prior(z) - model.decoder.log_prob(z, model.flatten(x))).mean().backward()

        step()
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
        seen.start()
        step()
        assert seen.places == []
        with pytest.raises(RuntimeError, match="method='inverse'"):
            model.encode(x).rsample()
        monkeypatch.undo()
    for parameter in model.parameters():
        assert torch.isfinite(parameter.grad.here).all()


def base_there(space: flows.Space) -> Any:
    law = base(space)
    if isinstance(law, Independent):
        return Independent(Normal(on(law.base_dist.loc), on(law.base_dist.scale)), 1)
    return type(law)(*(on(getattr(law, name)) for name in law.arg_constraints))


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_flows(space: flows.Space) -> None:
    """The density is the CPU's; that by noise, draws, flow matching and the adaptive solver stay there."""
    made, x, four = field(space), points(space, 6), flows.FixedGrid(4)
    expected = flows.RiemannianCNF(base(space), made, solver=four).log_prob(x, model=space.model)
    with elsewhere():
        law, x = base_there(space), on(x)
        made.to(DEVICE)
        q = flows.RiemannianCNF(law, made, solver=four)
        same(q.log_prob(x, model=space.model).detach(), expected.detach())
        others = [
            flows.RiemannianCNF(law, made, solver=four, divergence="rademacher").log_prob(x, model=space.model),
            flows.RiemannianCNF(law, made, solver=flows.Adaptive(1e-3, 1e-3)).log_prob(x, model=space.model),
            flows.flow_matching(q, x, finest=0.1),
            *q.rsample_and_log_prob((4,), model=space.model),
        ]
        gradients = torch.autograd.grad(sum(value.sum() for value in others), list(made.parameters()))
    for result in (*others, *gradients):
        assert isinstance(result, Elsewhere)
        assert torch.isfinite(result.here).all()


@pytest.mark.parametrize(
    ("kind", "space"),
    [("stereographic", "sphere"), *(("wrapped", space) for space in ("sphere", "torus", "lorentz", "poincare"))],
)
def test_flows_through_flat_space(kind: str, space: str) -> None:
    flow = flows.Flow(flows.FlowConfig(space, 2, kind=kind, hidden=6, layers=1, steps=2))
    with elsewhere():
        flow.to(DEVICE)
        x, log_prob = flow.rsample_and_log_prob(5)
        for result in (x, log_prob, flow.log_prob(x.detach())):
            assert isinstance(result, Elsewhere)
            assert torch.isfinite(result.here).all()
