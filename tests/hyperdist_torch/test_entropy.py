"""The entropy of the wrapped normal whose coordinates' scales differ, and the divergences that need it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.distributions import kl_divergence  # noqa: E402

import hyperdist as hd  # noqa: E402
import hyperdist_torch as ht  # noqa: E402
from hyperdist.distributions.wrapped_entropy import in_rows  # noqa: E402
from tests.support.statistics import ALPHA, mean_is  # noqa: E402

SCALES = np.array([[0.2, 0.5, 0.9], [3.0, 1e-3, 1.0], [0.7, 0.7, 0.7]])
CENTRE = np.array([0.3, -0.2, 0.1])


def law_of(sigma: object, c: object, **options: object) -> ht.WrappedNormal:
    return ht.WrappedNormal(
        torch.tensor(CENTRE), torch.as_tensor(sigma), torch.as_tensor(c, dtype=torch.float64), **options
    )


@pytest.mark.parametrize("c", [0.0, 1e-6, 0.7, np.array([0.0, 0.5, 2.0])], ids=str)
def test_entropy_is_the_core_s(c: object) -> None:
    core = hd.WrappedNormal(CENTRE, SCALES, c)
    np.testing.assert_allclose(law_of(SCALES, c).entropy(), core.entropy(), rtol=1e-12, atol=1e-12)
    narrow = ht.WrappedNormal(torch.tensor(CENTRE).float(), torch.tensor(SCALES).float(), torch.as_tensor(c).float())
    assert narrow.entropy().dtype == torch.float32
    np.testing.assert_allclose(narrow.entropy(), core.entropy(), rtol=1e-5, atol=1e-5)


def test_one_scale_by_both_ways() -> None:
    """Given once, and given for each coordinate: the same integral with one factor, and with three."""
    once = law_of(np.array([[0.7]]), 1.3)
    each = law_of(np.array([[0.7, 0.7, 0.7]]), 1.3)
    np.testing.assert_allclose(once.entropy(), each.entropy(), rtol=1e-14)
    np.testing.assert_allclose(once.entropy(), hd.WrappedNormal(CENTRE, 0.7, 1.3).entropy(), rtol=1e-13)


def test_entropy_has_gradients() -> None:
    sigma, c = torch.tensor(SCALES[:2], requires_grad=True), torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def entropy(sigma: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return law_of(sigma, c).entropy()

    assert torch.autograd.gradcheck(entropy, (sigma, c))
    assert torch.autograd.gradgradcheck(entropy, (sigma, c))
    each = torch.func.vmap(lambda s: law_of(s, 0.7, validate_args=False).entropy())(sigma)
    assert torch.allclose(each, entropy(sigma, c), rtol=1e-13)


def test_gradient_in_c_at_zero() -> None:
    """(d - 1) E |v|^2/6 by the first term of log(sinh x/x)."""
    c = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    (got,) = torch.autograd.grad(law_of(SCALES[0], c).entropy(), c)
    assert got.item() == pytest.approx(2.0 * np.sum(SCALES[0] ** 2) / 6.0, rel=1e-12)


def test_entropy_is_the_mean_surprise(seed: int) -> None:
    """z-test at ALPHA over 50,000 draws."""
    law = law_of(SCALES[0], 1.3)
    generator = torch.Generator().manual_seed(seed % 2**63)
    _, density = law.rsample_and_log_prob((50_000,), generator=generator, model="tangent")
    assert mean_is(-density.numpy(), law.entropy().numpy()) > ALPHA


def test_rows_come_in_blocks() -> None:
    """1,000 rows of unequal scales do not fit one block; gradients go through all."""
    spread = torch.rand(1000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = in_rows(spread, 1.0, spread.detach(), 1.0)
    some = [0, 500, 999]
    few = spread.detach()[some]
    np.testing.assert_allclose(value.detach()[some], in_rows(few, 1.0, few, 1.0))
    (gradient,) = torch.autograd.grad(value.sum(), spread)
    assert (gradient > 0.0).all()


def test_divergence_that_needs_it() -> None:
    sigma = torch.tensor(SCALES[0], requires_grad=True)
    centre = torch.tensor(CENTRE)

    def divergence(sigma: torch.Tensor) -> torch.Tensor:
        return kl_divergence(law_of(sigma, 0.7), ht.RiemannianNormal(centre, 1.1, 0.7))

    expected = hd.kl_divergence(hd.WrappedNormal(CENTRE, SCALES[0], 0.7), hd.RiemannianNormal(CENTRE, 1.1, 0.7))
    assert divergence(sigma).item() == pytest.approx(float(expected), rel=1e-12)
    assert torch.autograd.gradcheck(divergence, sigma)
