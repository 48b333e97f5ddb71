"""The cheap boost against the exact one."""

from __future__ import annotations

import numpy as np
import pytest

from hyperdist.geometry import tangent
from hyperdist.geometry.fast.translation import translate

EPS = float(np.finfo(np.float64).eps)
RADII = [0.0, 1e-9, 0.3, 0.999, 1.001, 4.0, 30.0, 700.0]


@pytest.mark.parametrize("c", [0.0, 1e-12, 0.6, 3.0])
@pytest.mark.parametrize("near", RADII)
def test_is_the_boost(near: float, c: float, rng: np.random.Generator) -> None:
    """Any two lengths, any angle and opposite ones: off by what rounding of v, and of the point itself, costs."""
    scale = max(c, 0.01) ** 0.5
    for far in RADII:
        b, v = rng.standard_normal((2, 20, 3))
        v[-1], v[-2] = -b[-1], b[-2]
        b, v = (t * r / scale / np.linalg.norm(t, axis=-1, keepdims=True) for t, r in ((b, near), (v, far)))
        got, expected = translate(b, v, c), tangent.boost(b, v, c)
        assert np.isfinite(got).all()
        moved, size = tangent.dist(got, expected, c), np.linalg.norm(expected, axis=-1)
        # log of sinh of the bound, which for radii of hundreds is no number
        bound = np.log(50 * EPS * (1 + near + far)) + np.maximum(scale * size, far)
        bound = np.where(bound < 0, np.arcsinh(np.exp(np.minimum(bound, 0))), 2 * bound + 2)
        assert (scale * moved <= bound).all(), f"{far}: {moved.max():.1e}"


def test_at_c_zero_is_a_sum(rng: np.random.Generator) -> None:
    b, v = rng.standard_normal((2, 9, 4))
    np.testing.assert_allclose(translate(b, v, 0.0), b + v, rtol=4 * EPS, atol=4 * EPS)


@pytest.mark.torch
def test_derivatives(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    for near, far in [(0.0, 0.0), (0.0, 0.4), (0.4, 0.0), (0.7, 0.7), (3.0, 0.5), (0.5, 3.0), (3.0, 2.0)]:
        b, v = (torch.as_tensor(rng.standard_normal((3, 2))) for _ in range(2))
        v[-1] = -b[-1]
        b, v = ((r * t / t.norm(dim=-1, keepdim=True)).requires_grad_() for t, r in ((b, near), (v, far)))
        for c in (0.0, 1.0):
            c = torch.tensor(c, dtype=torch.float64, requires_grad=c > 0)
            assert torch.autograd.gradcheck(translate, (b, v, c), fast_mode=True)
            assert torch.autograd.gradgradcheck(translate, (b, v, c), fast_mode=True)
