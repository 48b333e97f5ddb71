"""A law's own draws lie on its space, in every model, wherever its centre is, with the density they were drawn with.

Draws that run back past the origin are the hard ones: there the coordinates are what large numbers leave.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.geometry import lorentz, polar

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
CURVATURES = pytest.mark.parametrize("c", [0.3, 1.0, 7.0])
AXIS, DIAGONAL = np.array([1.0, 0.0]), np.array([0.6, 0.8])


def laws(c: float, dtype: Any, direction: np.ndarray) -> list[Any]:
    """Narrow across the way to the origin and wide along it, from a centre at the radius 4 and, on the ball, 7.6."""
    k = c**0.5
    mu, sigma = np.asarray(0.999 * direction / k, dtype), np.asarray([4.0 / k, 0.01 / k], dtype)
    near = np.asarray(4.0 * direction / k, dtype)
    weights = np.array([0.5, 0.5], dtype)
    return [
        hd.WrappedNormal(mu, sigma, dtype(c)),
        hd.WrappedNormal(near, sigma, dtype(c), model="tangent"),
        hd.RiemannianNormal(near, dtype(2.0 / k), dtype(c), model="tangent"),
        hd.Mixture(weights, hd.WrappedNormal(np.stack([mu, -mu]), sigma, dtype(c))),
        hd.Mixture(weights, hd.RiemannianNormal(np.stack([mu, 0 * mu]), dtype(2.0 / k), dtype(c))),
    ]


@DTYPES
@CURVATURES
@pytest.mark.parametrize("direction", [AXIS, DIAGONAL], ids=["axis", "diagonal"])
def test_density_of_a_laws_own_lorentz_draws(c: float, dtype: Any, direction: np.ndarray, rng: Any) -> None:
    for law in laws(c, dtype, direction):
        x, drawn = law.sample_and_log_prob(4000, rng, model="lorentz")
        read = law.log_prob(x, model="lorentz")
        assert np.isfinite(read).all(), (law, int((~np.isfinite(read)).sum()))
        if isinstance(law, hd.RiemannianNormal):
            # (r/sigma)^2/2 with r <= 12/k and sigma = 2/k, whose r is off by eps sinh(4) k: a centre's rounding
            np.testing.assert_allclose(read, drawn, rtol=0, atol=6 * 8 * np.finfo(dtype).eps * np.sinh(4.0))


@CURVATURES
def test_time_coordinate_is_that_of_the_space_part(c: float, rng: np.random.Generator) -> None:
    """To 4 eps, from any centre towards any side: what ``lorentz.cosh_radius`` itself may be off, twice."""
    k, n = c**0.5, 2000
    mu, u = rng.standard_normal((2, n, 3))
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    mu *= 10 ** rng.uniform(-3, 1.5, (n, 1)) / k / np.linalg.norm(mu, axis=-1, keepdims=True)
    back = -mu / np.linalg.norm(mu, axis=-1, keepdims=True)
    u = np.where(np.arange(n)[:, None] % 2, u, back + 1e-9 * u)
    radius = 10 ** rng.uniform(-3, 1.5, n) / k
    radius = np.where(np.arange(n) % 4 == 2, np.linalg.norm(mu, axis=-1), radius)
    x = polar.exp_polar(mu, radius, u, np.float64(c), "lorentz")
    cosh = lorentz.cosh_radius(x[:, 1:], np.float64(c))
    np.testing.assert_allclose(k * x[:, 0], cosh, rtol=4 * np.finfo(float).eps)
    assert hd.Lorentz(c).contains(x).all()
