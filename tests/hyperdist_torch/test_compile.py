"""``torch.compile`` of every law's log_prob as one graph, forwards and backwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from tests.support.torch.laws import CASES, TORUS, Case  # noqa: E402

LABELS = ("riemannian-d5", "wrapped-d3", "vmf-m2", "spherical-d2", "torus-d3")
LAWS = [case for case in (*CASES, *TORUS) if case.label in LABELS]
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
TRACED_BACK = ("vmf-m2", "spherical-d2", "torus-d3")
"""Laws of which the graph of the gradient is traced as well, in float64: of the others that takes too long here."""
pytestmark = pytest.mark.usefixtures("fresh_compiler")


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Without what others have compiled."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def agree(function: Callable[..., torch.Tensor], backend: str, *inputs: torch.Tensor) -> None:
    """Value and gradients of the compiled function are those of the plain one, to rounding."""
    compiled = torch.compile(function, fullgraph=True, backend=backend)
    leaves = [value.requires_grad_() for value in inputs]
    pair = [call(*leaves) for call in (compiled, function)]
    close = {"rtol": 1e-12 if inputs[0].dtype == torch.float64 else 1e-5, "atol": 0.0}
    assert torch.allclose(*pair, **close)
    for got, want in zip(*(torch.autograd.grad(value.sum(), leaves) for value in pair), strict=True):
        assert torch.allclose(got, want, rtol=10.0 * close["rtol"], atol=10.0 * close["rtol"] * float(want.abs().max()))


@DTYPES
@pytest.mark.parametrize("case", LAWS, ids=str)
def test_density_is_one_graph(case: Case, dtype: torch.dtype) -> None:
    """Traced whole and run by torch's own kernels."""
    x = case.build(dtype).sample((3,), generator=torch.Generator().manual_seed(1))
    first, *others = case.tensors(dtype)

    def density(second: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return case.of(first, second, *others[1:], validate_args=False).log_prob(x)

    backend = "aot_eager" if dtype == torch.float64 and case.label in TRACED_BACK else "eager"
    agree(density, backend, others[0], x)


@pytest.mark.parametrize("law", [ht.RiemannianNormal, ht.WrappedNormal])
def test_density_about_a_centre_in_tangent_coordinates_is_one_graph(
    law: Callable[..., torch.distributions.Distribution],
) -> None:
    """Here the plain call takes the fast twins, which the compiler must pass by."""
    mu, x = torch.tensor([0.4, -0.2], dtype=torch.float64), torch.tensor([[0.3, 1.0], [-2.0, 0.1]], dtype=torch.float64)

    def density(sigma: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return law(mu, sigma, 1.0, model="tangent", validate_args=False).log_prob(x)

    agree(density, "eager", torch.tensor(0.7, dtype=torch.float64), x)


def test_mixture_is_one_graph() -> None:
    axes, x = torch.eye(3)[:2], torch.tensor([0.6, 0.0, 0.8])

    def density(weights: torch.Tensor, kappa: torch.Tensor) -> torch.Tensor:
        component = ht.VonMisesFisher(axes, kappa, validate_args=False)
        return ht.Mixture(weights, component, validate_args=False).log_prob(x)

    agree(density, "eager", torch.tensor([0.4, 0.6]), torch.tensor([2.0, 9.0]))


def test_correlated_angles_run_beside_compiled_code() -> None:
    """The terms of their sums follow from values: the compiler calls the density as it is."""
    x = torch.tensor([[0.3, 1.0], [-2.0, 0.1]], dtype=torch.float64)

    def density(tril: torch.Tensor) -> torch.Tensor:
        return ht.ToroidalWrappedNormal(torch.zeros(2).double(), scale_tril=tril, validate_args=False).log_prob(x)

    tril = torch.tensor([[0.9, 0.0], [0.7, 0.6]], dtype=torch.float64)
    assert torch.equal(torch.compile(density, backend="eager")(tril), density(tril))


# torch's own warning, where its compiler loads
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")
def test_default_backend() -> None:
    """The generated C++ of one law: to compile all takes minutes, and would test torch."""
    sigma, x = torch.tensor([0.5, 2.0]), torch.tensor([[0.3, 1.0], [-2.0, 0.1]])

    def density(sigma: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return ht.ToroidalWrappedNormal(torch.zeros(2), sigma, validate_args=False).log_prob(x)

    agree(density, "inductor", sigma, x)
