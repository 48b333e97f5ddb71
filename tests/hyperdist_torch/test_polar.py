"""The polar exponential by trigonometry: values and gradients of ``polar.exp_polar``, and where it gives way to it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hyperdist.geometry import polar  # noqa: E402
from hyperdist.geometry.fast import triangle  # noqa: E402
from hyperdist_torch.fast import polar as _polar  # noqa: E402

N = 64
GEOMETRY = pytest.mark.parametrize(
    ("centre", "reach", "c"), [(0.01, 1.0, 1.0), (2.0, 3.0, 0.5), (20.0, 20.0, 1.4), (150.0, 140.0, 2.0)]
)
EPS = np.finfo(np.float64).eps


def arguments(d: int, centre: float, reach: float, c: float, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed % 2**63)

    def unit() -> torch.Tensor:
        return torch.nn.functional.normalize(torch.randn(N, d, dtype=torch.float64, generator=generator), dim=-1)

    def between(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(N, 1, dtype=torch.float64, generator=generator)

    mu = unit() * between(1.5 * triangle.NEAREST / c**0.5, centre)
    given = [mu, between(0.0, reach)[:, 0], unit(), torch.full((N,), c, dtype=torch.float64)]
    return [v.requires_grad_() for v in given]


def close(value: torch.Tensor, expected: torch.Tensor, relative: float) -> None:
    """Row by row, relative to the largest row: single components may vanish."""
    size = expected.detach().abs().amax()
    torch.testing.assert_close(value, expected, rtol=relative, atol=relative * float(size))


@GEOMETRY
@pytest.mark.parametrize("d", [1, 2, 3, 20])
def test_value_and_gradients_are_the_generic_form_s(d: int, centre: float, reach: float, c: float, seed: int) -> None:
    given = arguments(d, centre, reach, c, seed)
    x, expected = _polar.exp_polar(*given, "tangent"), polar.exp_polar(*given, "tangent")
    if d == 1:  # a line, on which the generic form's derivative is right to eps sinh of the centre's radius alone
        expected = given[0] + given[1][:, None] * given[2] + 0.0 * given[3][:, None]
    close(x, expected, 1e-13)
    grad = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
    fast, generic = (torch.autograd.grad(y, given, grad) for y in (x, expected))
    u = given[2].detach()
    for name, one, other in zip(("mu", "radius", "direction", "c"), fast, generic, strict=True):
        if name == "direction":  # off the sphere it is no direction
            other = other - (other * u).sum(dim=-1, keepdim=True) * u
        if name == "c":
            scale = (grad * x).sum(dim=-1).abs().max().item() / c + given[1].max().item() / c
            assert (one - other).abs().max() <= 1e-12 * scale
        else:
            close(one, other, 1e-11)


def test_second_derivative() -> None:
    mu, radius, direction, c = (v[:3] for v in arguments(3, 1.0, 2.0, 0.8, 5))

    def place(*given: torch.Tensor) -> torch.Tensor:
        mu, radius, c = given
        return _polar.exp_polar(mu, radius, direction.detach(), c, "tangent")

    given = tuple(v.detach().requires_grad_() for v in (mu, radius, c))
    assert torch.autograd.gradcheck(place, given)
    assert torch.autograd.gradgradcheck(place, given)


@pytest.mark.parametrize("c", [0.0, 1e-9, 1.0])
def test_gives_way_where_it_does_not_serve(c: float) -> None:
    for mu in (torch.zeros(2, 3), torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), torch.full((2, 3), 400.0)):
        mu = mu.double().requires_grad_()
        radius = torch.tensor([0.5, 500.0], dtype=torch.float64)
        direction = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
        x = _polar.exp_polar(mu, radius, direction, torch.tensor(c, dtype=torch.float64), "tangent")
        assert torch.isfinite(x).all()
        (grad,) = torch.autograd.grad(x.sum(), mu)
        assert torch.isfinite(grad).all()


def test_float32_and_broadcasting() -> None:
    given = arguments(5, 8.0, 6.0, 1.0, 3)
    mu, radius, direction, c = (v.detach().float() for v in given)
    mu.requires_grad_()
    x = _polar.exp_polar(mu, radius.expand(4, N), direction.expand(4, N, 5), c[0], "tangent")
    assert x.dtype == torch.float32
    (grad,) = torch.autograd.grad(x.sum(), mu)
    wide = mu.detach().double().requires_grad_()
    expected = polar.exp_polar(wide, radius.double(), direction.double(), c[0].double(), "tangent")
    torch.testing.assert_close(x[2].double(), expected.detach(), rtol=1e-5, atol=1e-5)
    (reference,) = torch.autograd.grad(4.0 * expected.sum(), wide)
    torch.testing.assert_close(grad.double(), reference, rtol=1e-4, atol=1e-4 * float(reference.abs().max()))
