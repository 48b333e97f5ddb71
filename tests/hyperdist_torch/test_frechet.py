"""Frechet means of tensors: NumPy's value, derivatives of two orders, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.support.space_methods import CURVED, KINDS, Method  # noqa: E402


def case(kind: str, rng: np.random.Generator) -> tuple[Any, list[Any]]:
    """(mean of free points, weights and c; those)."""
    method = Method(kind, "frechet_mean", "X")
    d = 3 if kind == "product" else 2
    free = [torch.tensor(0.5 * rng.standard_normal((5, d)).clip(-1.5, 1.5)), torch.tensor(rng.uniform(0.5, 1.5, 5))]
    if kind in CURVED:
        free.append(torch.tensor(1.4, dtype=torch.float64))

    def mean(z: Any, weights: Any, *c: Any) -> Any:
        return KINDS[kind](*c).frechet_mean(method.point(z, *(c or (None,))), weights)

    return mean, free


@pytest.mark.parametrize("kind", KINDS)
def test_value_is_that_of_numpy_in_both_dtypes(kind: str, rng: np.random.Generator) -> None:
    mean, free = case(kind, rng)
    want = mean(*(value.numpy() for value in free))
    for given in (free, [value.clone().requires_grad_() for value in free]):
        got = mean(*given)
        assert got.requires_grad == given[0].requires_grad
        np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-12, atol=1e-12)
    single = mean(*(value.float() for value in free))
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_two_derivatives(kind: str, rng: np.random.Generator) -> None:
    """In points, weights and c. The value is right to 1e-12 of the spread, as differences of 1e-6 need."""
    mean, free = case(kind, rng)
    leaves = [value.requires_grad_() for value in free]
    assert torch.autograd.gradcheck(mean, leaves, atol=1e-5, fast_mode=True)
    assert torch.autograd.gradgradcheck(mean, leaves, atol=1e-5, fast_mode=True)


@pytest.mark.parametrize("kind", ["poincare", "tangent"])
def test_batches_of_weights_and_curvatures(kind: str, rng: np.random.Generator) -> None:
    x = torch.tensor(0.2 * rng.standard_normal((5, 2)), requires_grad=True)
    w = torch.tensor(rng.uniform(0.5, 1.5, (5, 3, 2)))
    c = torch.tensor([0.5, 1.4], dtype=torch.float64, requires_grad=True)
    means, alone = KINDS[kind](c).frechet_mean(x, w), KINDS[kind](c[1]).frechet_mean(x, w[:, 2, 1])
    assert means.shape == (3, 2, 2)
    torch.testing.assert_close(means[2, 1], alone, rtol=1e-12, atol=1e-12)
    slopes, wanted = (torch.autograd.grad(mean.sum(), (x, c), retain_graph=True) for mean in (means[2, 1], alone))
    torch.testing.assert_close(slopes, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_refuses_where_no_values_are(kind: str, rng: np.random.Generator) -> None:
    mean, free = case(kind, rng)
    with pytest.raises(ValueError, match="x must have values for a Frechet mean"):
        torch.func.vmap(lambda z: mean(z, *free[1:]))(torch.stack([free[0], free[0]]))
    with pytest.raises(ValueError, match="weights must have a positive sum"):
        mean(free[0], torch.zeros(5), *free[2:])
