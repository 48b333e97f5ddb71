"""Derivatives of the sphere's maps about a right angle, where they change form, and nearly half a turn apart."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mpmath import mp  # noqa: E402

from hyperdist.geometry import sphere  # noqa: E402
from tests.hyperdist_torch.test_derivative_kernels import agree  # noqa: E402
from tests.support import oracles_derivatives as oracle  # noqa: E402

# torch's own warning, where its forward-mode derivatives load
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def apart(theta: float) -> list[float]:
    e, f = (0.6, 0.0, 0.8), (0.48, 0.8, -0.36)
    return [*e, *(math.cos(theta) * a + math.sin(theta) * b for a, b in zip(e, f, strict=True))]


PAIRS = {
    "equal": (apart(0.0), 1e-9),
    "right": (apart(math.pi / 2), 1e-9),
    "axes": ([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], 1e-9),
    "opposite": (apart(math.pi - 1e-3), 1e-8),
}
"""Two vectors, made unit ones, and a tolerance: a direction is right to eps/sin(theta)."""


def units(v: Any) -> tuple[Any, Any]:
    x, y = (p / torch.linalg.vector_norm(p) for p in (v[:3], v[3:6]))
    return x, y


def exact_units(v: list[Any]) -> tuple[list[Any], list[Any]]:
    x, y = ([t / mp.sqrt(mp.fsum(s * s for s in p)) for t in p] for p in (v[:3], v[3:6]))
    return x, y


def dot(x: list[Any], y: list[Any]) -> Any:
    return mp.fsum(s * t for s, t in zip(x, y, strict=True))


@pytest.mark.parametrize("kind", PAIRS)
def test_logarithm_and_transport(kind: str) -> None:
    pair, tolerance = PAIRS[kind]
    agree(lambda v: sphere.log(*units(v)), lambda v: oracle.direction(v[:3], v[3:]), [pair], tolerance)

    def moved(v: Any) -> Any:
        x, y = units(v)
        return sphere.transport(x, y, v[6:] - (v[6:] @ x) * x)

    def exact(v: list[Any]) -> list[Any]:
        x, y = exact_units(v)
        u = [t - dot(x, v[6:]) * s for s, t in zip(x, v[6:], strict=True)]
        share = dot(y, u) / (1 + dot(x, y))
        return [w - share * (s + t) for s, t, w in zip(x, y, u, strict=True)]

    agree(moved, exact, [[*pair, 0.3, -0.7, 0.4]], tolerance)


@pytest.mark.parametrize("kind", PAIRS)
def test_geodesic(kind: str) -> None:
    pair, tolerance = PAIRS[kind]

    def exact(v: list[Any]) -> list[Any]:
        u = [v[6] * t for t in oracle.direction(v[:3], v[3:6])]
        angle = mp.sqrt(dot(u, u))
        share = mp.sin(angle) / angle if angle else 1
        return [mp.cos(angle) * s + share * t for s, t in zip(exact_units(v)[0], u, strict=True)]

    points = [[*pair, t] for t in (0.0, 1.0, 0.3)]
    agree(lambda v: sphere.geodesic(*units(v), v[6]), exact, points, tolerance, forward=kind == "right")
