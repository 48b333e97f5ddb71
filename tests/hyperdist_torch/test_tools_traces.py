"""Traces: a graph that was recorded on one input is right, with its derivatives, on another; ``vmap`` validates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch.distributions import kl_divergence  # noqa: E402
from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402
from tests.support.torch import flows as made  # noqa: E402
from tests.support.torch.laws import CASES, TORUS, Case  # noqa: E402
from tests.support.torch.tools import DOUBLE, Subject, carried, density, layers, models, of_parameters  # noqa: E402

LAWS = [*CASES, *TORUS]
EVERY = pytest.mark.parametrize("case", LAWS, ids=str)
FEW = [case for case in LAWS if case.label in ("riemannian-d5", "wrapped-d3", "vmf-m2", "spherical-d2", "torus-d3")]
MODULES = [*layers(), *models(), *carried()]
MODES = pytest.mark.parametrize("mode", ["real", "fake", "symbolic"])
TRACER = pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning", "ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning"
)


def close(got: Tensor, want: Tensor) -> None:
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)


def slopes(function: Callable[..., Tensor], at: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    leaves = [value.detach().clone().requires_grad_() for value in at]
    total = function(*leaves).sum()
    return torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)


def graph_is_right(subject: Subject, mode: str = "real") -> None:
    """Values and first derivatives of the graph are those of the function, where it was traced and elsewhere."""
    graph = make_fx(subject.function, tracing_mode=mode)(*subject.traced)
    close(graph(*subject.traced), subject.function(*subject.traced))
    close(graph(*subject.asked), subject.function(*subject.asked))
    for got, want in zip(slopes(graph, subject.asked), slopes(subject.function, subject.asked), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-10)


@EVERY
def test_density_as_a_graph(case: Case) -> None:
    graph_is_right(density(case))


@pytest.mark.parametrize("case", FEW, ids=str)
def test_density_as_a_graph_without_checks(case: Case) -> None:
    graph_is_right(density(case, validate_args=False))


@MODES
@pytest.mark.parametrize("case", FEW, ids=str)
def test_normaliser_as_a_graph(case: Case, mode: str) -> None:
    graph_is_right(of_parameters(case, lambda law: law.log_normalizer()), mode)


@pytest.mark.parametrize("name", ["entropy", "variance"])
@pytest.mark.parametrize("case", FEW, ids=str)
def test_moments_as_a_graph(case: Case, name: str) -> None:
    def moment(law: Any) -> Tensor:
        value = getattr(law, name)
        return value() if callable(value) else value

    graph_is_right(of_parameters(case, moment))


@pytest.mark.parametrize("subject", MODULES, ids=str)
def test_modules_as_graphs(subject: Subject) -> None:
    graph_is_right(subject)


@TRACER
@pytest.mark.parametrize("subject", [*map(density, FEW), *MODULES], ids=str)
def test_jit_trace(subject: Subject) -> None:
    """As exact as the function: sizes are tensors there, of which a float multiple would be a float32 number.

    Run as it was recorded: the optimiser of long TorchScript graphs rounds some constants to float32.
    """
    with torch.jit.optimized_execution(False):
        script = torch.jit.trace(subject.function, subject.traced, check_trace=False)
        close(script(*subject.asked), subject.function(*subject.asked))


@pytest.mark.parametrize("subject", [*map(density, LAWS), *MODULES], ids=str)
def test_fake_tensors(subject: Subject) -> None:
    """Shape and dtype without any value, and nothing fake is left behind."""
    want = subject.function(*subject.traced)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        found = subject.function(*(mode.from_tensor(value) for value in subject.traced))
    assert (found.shape, found.dtype) == (want.shape, want.dtype)
    assert torch.equal(subject.function(*subject.traced), want)


@TRACER
def test_rejection_in_a_trace() -> None:
    """It has no fixed number of rounds: the error says what has. Inversion draws anew whenever its graph runs."""
    axis, kappa = torch.eye(2, dtype=DOUBLE)[0], torch.tensor(2.0, dtype=DOUBLE)

    def draw(kappa: Tensor, method: str) -> Tensor:
        return ht.VonMisesFisher(axis, kappa).sample((2,), method=method)

    for trace in (
        lambda f: make_fx(f)(kappa),
        lambda f: torch.jit.trace(f, (kappa,), check_trace=False),
    ):
        with pytest.raises(RuntimeError, match="method='inverse'"):
            trace(lambda kappa: draw(kappa, "rejection"))
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, pytest.raises(RuntimeError, match="method='inverse'"):
        draw(mode.from_tensor(kappa), "rejection")
    graph = make_fx(lambda kappa: draw(kappa, "inverse"))(kappa)
    for at in (kappa, 50.0 * kappa):
        torch.manual_seed(5)
        first, second = graph(at), graph(at)
        torch.manual_seed(5)
        close(first, draw(at, "inverse"))
        assert not torch.equal(first, second)


def test_divergence_in_a_trace() -> None:
    """Whether two centres agree is not known before the graph runs: NaN where they do not."""
    mu, other = torch.tensor([0.1, 0.2], dtype=DOUBLE), torch.tensor([0.3, 0.2], dtype=DOUBLE)

    def divergence(mu: Tensor, other: Tensor) -> Tensor:
        return kl_divergence(ht.RiemannianNormal(mu, 0.5, 1.0), ht.RiemannianNormal(other, 0.7, 1.0))

    graph = make_fx(divergence)(mu, mu.clone())
    close(graph(other, other), divergence(mu, mu))
    assert torch.isnan(graph(mu, other))


def test_adaptive_solver_in_a_trace() -> None:
    space = flows.Sphere(2)
    q = flows.RiemannianCNF(made.base(space), made.field(space), solver=flows.Adaptive())
    with pytest.raises(flows.SolverError, match="FixedGrid"):
        make_fx(lambda x: q.log_prob(x))(made.points(space, 3))


@EVERY
def test_vmap_at_default_validation(case: Case) -> None:
    """Laws made inside of vmap: densities, moments, tails; a value off the space is named, as it is outside."""
    for subject in (density(case), of_parameters(case, _all)):
        stacked = [torch.stack(pair) for pair in zip(subject.traced, subject.asked, strict=True)]
        want = torch.stack([subject.function(*subject.traced), subject.function(*subject.asked)])
        close(torch.vmap(subject.function)(*stacked), want)
    subject = density(case)
    x, *parameters = subject.traced
    with pytest.raises(ValueError, match=r"value must lie in the support .* do not, the first is .*nan"):
        torch.vmap(lambda x: subject.function(x, *parameters))(torch.stack([x, x * torch.nan]))
    scales = torch.stack([parameters[1], -1.0 - parameters[1]])
    with pytest.raises(ValueError, match=r"Expected parameter .* do not, the first is .*-"):
        torch.vmap(lambda scale: subject.function(x, parameters[0], scale, *parameters[2:]))(scales)


def _all(law: Any) -> Tensor:
    """Of the law and of its radius."""
    found = [law.entropy(), law.variance, law.log_normalizer()]
    if hasattr(law, "radius"):
        radius = law.radius
        tails = [radius.mean, radius.cdf(radius.mean), radius.log_sf(radius.mean), radius.log_prob(radius.mean)]
        found += [value.sum().expand(law.batch_shape) for value in (*tails, radius.icdf(0.3 + 0.0 * radius.mean))]
    return torch.stack(found)


@pytest.mark.parametrize("randomness", ["different", "same"])
@pytest.mark.parametrize("method", ["rejection", "inverse"])
@pytest.mark.parametrize("case", FEW, ids=str)
def test_draws_under_vmap(case: Case, method: str, randomness: str) -> None:
    """Draws of laws whose scales differ, each in its own law's support; random numbers are shared where asked for."""
    subject = of_parameters(case, lambda law: law.rsample((500,), method=method))
    first, second, *others = subject.traced
    scales = torch.stack([second, second])
    x = torch.vmap(lambda scale: subject.function(first, scale, *others), randomness=randomness)(scales)
    law = case.build()
    assert law.support.check(x).all()
    assert torch.equal(x[0], x[1]) == (randomness == "same")
    # The density of each draw is finite, and its mean is minus the entropy to 6 of its own deviations.
    log_prob = law.log_prob(x[1])
    error = (log_prob.mean(0) + law.entropy()) / (log_prob.std(0) / 500**0.5)
    assert (error.abs() < 6.0).all()


def test_tensors_without_values() -> None:
    """On the device "meta" a draw has a shape, by inversion where rejection is the default."""
    with torch.device("meta"):
        for made in (ht.WrappedNormal(torch.zeros(2), 1.0), ht.RiemannianNormal(torch.zeros(2), 1.0)):
            x = made.rsample((5,), method="inverse")
            assert (x.shape, x.device.type) == ((5, 2), "meta")
            assert made.log_prob(x).shape == (5,)
