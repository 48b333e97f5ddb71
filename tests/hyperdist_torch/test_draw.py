"""The joined draw of a batch of Riemannian normals: value and gradients of its pieces."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import fast  # noqa: E402

BATCH = (4,)


def parameters(d: int, seed: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed % 2**63)
    mu = torch.randn((*BATCH, d), generator=generator, dtype=torch.float64)
    sigma = 0.2 + torch.rand(BATCH, generator=generator, dtype=torch.float64)
    c = 0.3 + torch.rand(BATCH, generator=generator, dtype=torch.float64)
    return tuple(v.requires_grad_() for v in (mu, sigma, c))


def drawn(given: tuple[torch.Tensor, ...], sample: tuple[int, ...], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    mu, sigma, c = given
    law = ht.RiemannianNormal(mu, sigma, c, model="tangent")
    return law.rsample_and_log_prob(sample, generator=torch.Generator().manual_seed(seed % 2**63))


@pytest.mark.parametrize("sample", [(), (3,), (600,)])
@pytest.mark.parametrize("d", [1, 2, 7])
def test_is_its_pieces(d: int, sample: tuple[int, ...], seed: int) -> None:
    """The derivative of log q is of size y dy/dtheta, of the draw in c of |x|/c: errors are measured by those."""
    given = parameters(d, seed)
    joined = drawn(given, sample, seed)
    assert all(v.grad_fn is not None for v in joined)
    assert "_Node" in str(joined[0].grad_fn)
    with fast.off():
        pieces = drawn(given, sample, seed)
    assert "_Node" not in str(pieces[0].grad_fn)
    for one, other in zip(joined, pieces, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
        grad = torch.randn(one.shape, dtype=one.dtype, generator=torch.Generator().manual_seed(1))
        for a, b in zip(
            torch.autograd.grad(one, given, grad, allow_unused=True, materialize_grads=True, retain_graph=True),
            torch.autograd.grad(other, given, grad, allow_unused=True, materialize_grads=True, retain_graph=True),
            strict=True,
        ):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9 * (1.0 + float(b.detach().abs().max())))


def test_derivatives_of_any_order(seed: int) -> None:
    given = parameters(3, seed)

    # The draws themselves must stay while parameters move a little: those of an inverse cdf do.
    def inverse(*given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        mu, sigma, c = given
        law = ht.RiemannianNormal(mu, sigma, c, model="tangent")
        return law.rsample_and_log_prob((2,), method="inverse", generator=torch.Generator().manual_seed(11))

    assert torch.autograd.gradcheck(inverse, given, atol=1e-6)
    assert torch.autograd.gradgradcheck(inverse, given, atol=1e-5)


def test_only_the_parameters_that_ask() -> None:
    mu, sigma, c = parameters(3, 5)
    for chosen in ((mu,), (sigma,), (c,)):
        given = [v if any(v is w for w in chosen) else v.detach() for v in (mu, sigma, c)]
        x, log_q = drawn(tuple(given), (2,), 3)
        (grad,) = torch.autograd.grad(x.sum() + log_q.sum(), chosen)
        assert torch.isfinite(grad).all()


def test_parameters_that_are_no_numbers_are_what_draws_complain_of() -> None:
    """Unvalidated parameters: the message names them, not the library's proposal or the coordinates' reach."""
    pole, zero, scales = torch.eye(3)[0], torch.zeros(2), torch.tensor([1.0, math.nan])
    laws = [
        ht.VonMisesFisher(pole, scales, validate_args=False),
        ht.SphericalRiemannianNormal(pole, scales, validate_args=False),
        ht.RiemannianNormal(zero, scales, model="tangent", validate_args=False),
    ]
    for law in laws:
        with pytest.raises(ValueError, match=r"parameters must be finite to draw, got nan for 1 of 2 .* is 1"):
            law.sample((3,))
    lost = math.nan * zero
    for law in (ht.WrappedNormal(zero, lost, validate_args=False), ht.RiemannianNormal(lost, 1.0, validate_args=False)):
        for model in ("poincare", "tangent", "lorentz"):
            with pytest.raises(ValueError, match="parameters must be finite to draw, got nan"):
                law.sample((4,), model=model)


def test_more_draws_than_an_array_can_hold() -> None:
    pole = torch.eye(3)[0]
    law = ht.VonMisesFisher(pole, 1.0)
    for draw in (
        law.sample,
        law.rsample,
        law.radius.sample,
        ht.Mixture([1.0], ht.VonMisesFisher(pole[None], 1.0)).sample,
    ):
        with pytest.raises(ValueError, match="sample_shape must ask for at most"):
            draw((2**32, 2**32))
