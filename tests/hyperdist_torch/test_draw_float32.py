"""Draws of the Riemannian normal in single precision on a CPU: by a table of the quantile function."""

from __future__ import annotations

import pytest
from scipy import stats

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import fast  # noqa: E402
from tests.support.statistics import ALPHA  # noqa: E402
from tests.support.torch.derivatives import dual  # noqa: E402

LAWS = 6


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed % 2**63)


def parameters(d: int, seed: int, central: bool) -> tuple[torch.Tensor, ...]:
    """mu, sigma and c of some laws, from nearly flat to far beyond the table; the centres at 0 or away from it."""
    mu = torch.randn((LAWS, d), generator=seeded(seed))
    sigma = torch.tensor([1e-3, 0.1, 0.5, 1.0, 2.0, 9.0 if d < 4 else 3.0]).requires_grad_()
    c = (0.3 + torch.rand(LAWS, generator=seeded(seed + 1))).requires_grad_()
    return (torch.zeros_like(mu) if central else mu.requires_grad_()), sigma, c


def drawn(given: tuple[torch.Tensor, ...], sample: tuple[int, ...], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    law = ht.RiemannianNormal(*given, model="tangent")
    return law.rsample_and_log_prob(sample, generator=seeded(seed))


def gradients(
    outputs: tuple[torch.Tensor, ...], given: tuple[torch.Tensor, ...], seed: int
) -> list[tuple[torch.Tensor, ...]]:
    """Of each output along a random direction."""
    leaves = [value for value in given if value.requires_grad]
    found = []
    for output in outputs:
        along = torch.randn(output.shape, generator=seeded(seed))
        found.append(torch.autograd.grad(output, leaves, along, retain_graph=True, materialize_grads=True))
    return found


@pytest.mark.parametrize("sample", [(), (3,), (20,), (3000,)])
@pytest.mark.parametrize("d", [2, 10])
@pytest.mark.parametrize("central", [False, True])
def test_derivatives_are_those_of_quadrature(d: int, sample: tuple[int, ...], central: bool, seed: int) -> None:
    """Without twins the same draws get theirs by an integral each, in float64."""
    given = parameters(d, seed, central)
    quick = drawn(given, sample, seed)
    found = gradients(quick, given, seed)
    with fast.off():
        exact = drawn(given, sample, seed)
        wanted = gradients(exact, given, seed)
    assert "_Node" in str(quick[0].grad_fn)
    assert "_Node" not in str(exact[0].grad_fn)
    for one, other in zip(quick, exact, strict=True):
        # Of points by the distance, by which an angle's rounding grows.
        torch.testing.assert_close(one, other, rtol=2e-6, atol=1e-6 * (1.0 + float(other.detach().abs().max())))
    for one, other in zip(found, wanted, strict=True):
        for a, b in zip(one, other, strict=True):
            # Sums over the draws: of float32's rounding, by the size of the largest.
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * (1.0 + float(b.abs().max())))


@pytest.mark.parametrize(("d", "sigma"), [(2, 0.05), (2, 1.6), (2, 5.0), (10, 0.3), (10, 1.0), (40, 0.15)])
def test_radii_follow_their_cdf(d: int, sigma: float, seed: int) -> None:
    """20,000 draws of one law, and of as many laws; false alarm 1e-6 each."""
    for shape, laws in (((20_000,), ()), ((), (20_000,))):
        law = ht.RiemannianNormal(torch.zeros((*laws, d)), sigma, model="tangent")
        r = law.sample(shape, generator=seeded(seed)).double().norm(dim=-1)
        cdf = ht.RiemannianNormal(torch.zeros(d).double(), sigma, model="tangent").radius.cdf(r)
        found = stats.kstest(cdf.numpy(), "uniform")
        assert found.pvalue > ALPHA, f"d = {d}, sigma = {sigma}: D = {found.statistic:.2e}, p = {found.pvalue:.1e}"


def test_a_draw_is_the_same_with_and_without_a_derivative(seed: int) -> None:
    """To the rounding of its place; the radius, which is the draw, to the last bit."""
    mu, sigma, c = parameters(3, seed, True)
    law = ht.RiemannianNormal(mu, sigma, c, model="tangent")
    for sample in ((), (20,), (3000,)):
        x = law.rsample(sample, generator=seeded(seed))
        torch.testing.assert_close(law.sample(sample, generator=seeded(seed)), x, rtol=3e-7, atol=0.0)
        assert torch.equal(law.rsample_and_log_prob(sample, generator=seeded(seed))[0], x)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own, for forward mode
def test_other_derivatives_give_way(seed: int) -> None:
    """Second derivatives and forward mode, of the same draws, by the operations written out."""
    mu, sigma, c = (value.detach()[2:4] for value in parameters(3, seed, False))
    sigma.requires_grad_()

    def place(sigma: torch.Tensor) -> torch.Tensor:
        law = ht.RiemannianNormal(mu, sigma, c, model="tangent")
        return law.rsample((5,), generator=seeded(seed)).square().sum((0, 2))

    (first,) = torch.autograd.grad(place(sigma).sum(), sigma, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), sigma)
    with fast.off():
        (other,) = torch.autograd.grad(place(sigma).sum(), sigma, create_graph=True)
        (other_second,) = torch.autograd.grad(other.sum(), sigma)
    torch.testing.assert_close(first, other, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(second, other_second, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(dual(place, sigma.detach()).sum(0), first.detach(), rtol=1e-5, atol=1e-5)
