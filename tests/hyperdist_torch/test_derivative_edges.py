"""Derivatives of a draw of no length, of draws without gradient, and of what is continued at a cut or at 0."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist.arrays.stable import decayc, log_sinhc  # noqa: E402
from hyperdist.geometry import torus  # noqa: E402
from tests.support.torch import derivatives  # noqa: E402

# torch's own warning, where its forward-mode derivatives load
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


@pytest.mark.parametrize(("dtype", "sigma"), [(torch.float32, 1e-30), (torch.float64, 1e-200)], ids=str)
def test_a_draw_whose_square_underflows(dtype: torch.dtype, sigma: float) -> None:
    """At the origin, in tangent coordinates, it is sigma z to a few eps, unchecked arguments too."""
    scale = torch.tensor(sigma, dtype=dtype, requires_grad=True)
    law = ht.WrappedNormal(torch.zeros(2, dtype=dtype), scale, 1.0, model="tangent", validate_args=False)
    x = law.rsample((20,), generator=torch.Generator().manual_seed(1))
    z = torch.randn((20, 2), dtype=dtype, generator=torch.Generator().manual_seed(1))
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close((x / sigma).detach(), z, rtol=16 * eps, atol=0.0)
    (slope,) = torch.autograd.grad(x.sum(), scale)
    assert abs(float(slope - z.sum())) < 64 * eps * float(z.abs().sum())


def test_draws_without_gradient_have_no_tangent() -> None:
    at = torch.tensor([0.3, 0.7, 0.8], dtype=torch.float64)

    def radius(p: torch.Tensor) -> torch.Tensor:
        law = ht.VonMisesFisher(torch.eye(3, dtype=p.dtype)[0], p[2], validate_args=False)
        return law.radius.sample((3,), generator=torch.Generator().manual_seed(1))

    def mixture(p: torch.Tensor) -> torch.Tensor:
        law = ht.WrappedNormal(0.1 * torch.eye(2, dtype=p.dtype), p[2], p[2], validate_args=False)
        return ht.Mixture(p[:2], law, validate_args=False).sample((3,), generator=torch.Generator().manual_seed(1))

    for draw in (radius, mixture):
        assert not derivatives.dual(draw, at).any()
        assert not derivatives.forwards(draw)(at).any()


def _half_square(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * torus.wrap(x).square()


def test_the_ends_of_elementary_forms() -> None:
    """An angle's slope is 1 on the cut; (1 - e^-x)/x has -1/2 and 1/3 at 0, log(sinh(x)/x) has 0 and 1/3."""
    # A linear function has no second derivative that torch could ask for: half a square has the angle, and 1.
    cases = [(_half_square, at, -math.pi, 1.0) for at in (math.pi, -math.pi, 3.0 * math.pi)]
    cases += [(decayc, 0.0, -0.5, 1.0 / 3.0), (log_sinhc, 0.0, 0.0, 1.0 / 3.0), (log_sinhc, -0.0, 0.0, 1.0 / 3.0)]
    for f, at, first, second in cases:
        x = torch.tensor([at], dtype=torch.float64)
        derivatives.compare(derivatives.first(f, x), torch.full((1, 1), first, dtype=x.dtype), 1e-14)
        derivatives.compare(derivatives.second(f, x), torch.full((1, 1), second, dtype=x.dtype), 1e-14)
