"""A law's own Lorentz draws lie on the hyperboloid, whatever the centre, and have the density they were drawn with."""

from __future__ import annotations

import math
from contextlib import nullcontext

import pytest

torch = pytest.importorskip("torch")

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import fast  # noqa: E402

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


@DTYPES
@pytest.mark.parametrize("c", [0.3, 1.0, 7.0])
@pytest.mark.parametrize("twins", [True, False], ids=["triangle", "written-out"])
def test_density_of_a_laws_own_lorentz_draws(c: float, dtype: torch.dtype, twins: bool) -> None:
    """Narrow across the way to the origin and wide along it: draws run back past the origin. ``log_prob`` validates."""
    k = c**0.5
    mu, near = (torch.tensor([1.0, 0.0], dtype=dtype) * length / k for length in (0.999, 4.0))
    sigma = torch.tensor([4.0, 0.01], dtype=dtype) / k
    laws = [
        ht.WrappedNormal(mu, sigma, c),
        ht.WrappedNormal(near, sigma, c, model="tangent"),
        ht.RiemannianNormal(near, 2.0 / k, c, model="tangent"),
        ht.Mixture([0.5, 0.5], ht.WrappedNormal(torch.stack([mu, -mu]), sigma, c)),
    ]
    for law in laws:
        with nullcontext() if twins else fast.off():
            x = law.sample((4000,), model="lorentz")
        assert torch.isfinite(law.log_prob(x, model="lorentz")).all()
    with nullcontext() if twins else fast.off():
        x, drawn = laws[2].rsample_and_log_prob((4000,), model="lorentz")
    # (r/sigma)^2/2 with r <= 12/k and sigma = 2/k, whose r is off by eps sinh(4) k: a centre's rounding
    error = 6 * 8 * torch.finfo(dtype).eps * math.sinh(4.0)
    torch.testing.assert_close(laws[2].log_prob(x, model="lorentz"), drawn, rtol=0.0, atol=error)
