"""Where geodesics end far out: what ball coordinates do not hold is refused in every direction, and the way inwards on
the hyperboloid is right to the rounding of the velocity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hyperdist as hd

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BEYOND: dict[str, Callable[[Any, Any, Any], Any]] = {
    "exp at 0": lambda ball, u, x: ball.exp(0 * u, 50 * u),
    "exp": lambda ball, u, x: ball.exp(x, 50 * u),
    "mobius_add": lambda ball, u, x: ball.mobius_add(ball.exp(0 * u, 7.9 * u), ball.exp(0 * u, 18 * u)),
    "mobius_scalar_mul": lambda ball, u, x: ball.mobius_scalar_mul(60.0, x),
    "mobius_matvec": lambda ball, u, x: ball.mobius_matvec(80 * np.eye(u.size, dtype=u.dtype), x),
    "geodesic": lambda ball, u, x: ball.geodesic(0 * x, x, 70.0),
    "from tangent": lambda ball, u, x: hd.Tangent(1.0).to_poincare(50 * u),
}
"""Results at a distance of more than 50 from the origin."""


@DTYPES
@pytest.mark.parametrize("what", BEYOND)
def test_no_direction_lets_a_far_point_pass(what: str, dtype: Any, rng: np.random.Generator) -> None:
    """A unit vector rounds to a length below 1 in one of 20 directions, and so would the point."""
    ball = hd.PoincareBall(1.0)
    for d in (2, 3, 5):
        for direction in rng.standard_normal((40, d)):
            u = (direction / np.linalg.norm(direction)).astype(dtype)
            with pytest.raises(ValueError, match="lie further from the origin than"):
                BEYOND[what](ball, u, dtype(0.5) * u[::-1])


def test_points_that_the_ball_holds_pass(rng: np.random.Generator) -> None:
    ball, tangent = hd.PoincareBall(1.0), hd.Tangent(1.0)
    for direction in rng.standard_normal((100, 3)):
        u = direction / np.linalg.norm(direction)
        for radius in (1.0, 20.0, 35.0):
            for x in (ball.exp(0 * u, 0.5 * radius * u), tangent.to_poincare(radius * u)):
                assert abs(tangent.dist(ball.to_tangent(x), radius * u)) <= 4 * np.finfo(float).eps * np.exp(radius)


@pytest.mark.parametrize("c", [0.3, 1.0, 5.0])
@pytest.mark.parametrize(
    ("radius", "length", "dtype"),
    [(14.0, 13.0, np.float64), (12.0, 10.8, np.float64), (16.0, 15.0, np.float64), (8.0, 7.0, np.float32),
     (6.0, 5.4, np.float32), (1.0, 1.0, np.float64), (3.0, 6.0, np.float64)],
)  # fmt: skip
def test_the_way_inwards_on_the_hyperboloid(radius: float, length: float, dtype: Any, c: float) -> None:
    """Rounding turns a velocity at a = k r by eps e^a, and its end at length b moves by half of eps e^(a + b)."""
    space, u, k = hd.Lorentz(c), np.array([0.6, 0.8]), np.sqrt(c)
    x = hd.Tangent(c).to_lorentz((radius / k * u).astype(dtype))
    y = space.exp(x, space.from_frame(x, (-length / k * u).astype(dtype)))
    off = k * (space.to_tangent(y) - (radius - length) / k * u)
    assert np.linalg.norm(off) <= 0.5 * np.finfo(dtype).eps * np.exp(radius + length) + 16 * np.finfo(dtype).eps
