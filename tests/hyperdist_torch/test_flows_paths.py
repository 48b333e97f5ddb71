"""Paths that flow matching trains on, between points as far out as embeddings have them, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hyperdist.geometry import conversions, tangent

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

import hyperdist_torch as ht  # noqa: E402
from hyperdist_torch import flows  # noqa: E402

SPACES = [flows.Lorentz(2, 1.3), flows.PoincareBall(2, 1.3)]


def ends(radius: float, n: int) -> tuple[Tensor, Tensor]:
    """Tangent coordinates, float64, at c = 1.3: n pairs out to ``radius`` in units of 1/sqrt(c)."""
    u = torch.randn(2, n, 2, dtype=torch.float64)
    u = u / torch.linalg.vector_norm(u, dim=-1, keepdim=True)
    return tuple(u * torch.rand(2, n, 1, dtype=torch.float64) * radius / 1.3**0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("radius", [1.0, 8.0, 12.0])
@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_points_and_velocities_of_paths(space: Any, radius: float, dtype: torch.dtype) -> None:
    """Against tangent coordinates in float64, at the ends as their dtype holds them.

    Rounding of a point at radius a moves it by eps e^a/2, on the ball by eps e^a/4 (1 - c|x|^2 is about 4 e^-a), and
    each of a few operations by as much.
    """
    x, y = (conversions.from_tangent(v, 1.3, space.model).to(dtype) for v in ends(radius, 400))
    left = torch.rand(400, 1, dtype=dtype).clamp(0.01, 0.99)
    at, velocity = space.path(x, y, left)
    assert at.dtype == dtype
    assert bool(space.support.check(at).all())
    assert bool(torch.isfinite(velocity).all())
    p, q, got = (conversions.to_tangent(v.double(), 1.3, space.model).numpy() for v in (x, y, at))
    moved = 8 * torch.finfo(dtype).eps * np.exp(radius)
    want = tangent.geodesic(p, q, 1.0 - left[:, 0].double().numpy(), 1.3)
    assert float(np.max(tangent.dist(got, want, 1.3))) <= moved
    wide = type(space)(2, 1.3)
    length = tangent.dist(p, q, 1.3)
    speed = wide.inner(at.double(), velocity.double(), velocity.double()).clamp(min=0.0).sqrt().numpy()
    assert float(np.max(np.abs(speed - length))) <= moved * (1.0 + length.max())


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_flow_matching_far_out_is_never_nan(space: Any) -> None:
    """To the last radius that ball coordinates hold in float32, 16, and where both ends are one point."""
    base = ht.RiemannianNormal(torch.zeros(2), 1.0, 1.3)
    q = flows.RiemannianCNF(base, flows.FrameField(space, hidden=8, layers=2))
    x = conversions.from_tangent(ends(16.0, 2000)[0], 1.3, space.model).float()
    x = x[space.support.check(x)]
    loss = flows.flow_matching(q, x)
    assert bool(torch.isfinite(loss).all())
    loss.mean().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in q.field.parameters() if p.grad is not None)
    at, velocity = space.path(x, x, torch.linspace(0.0, 1.0, len(x))[:, None])
    assert bool(torch.isfinite(velocity).all())
    assert bool(space.support.check(at).all())
