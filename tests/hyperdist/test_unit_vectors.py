"""Unit vectors as data have them: written in float32 or with seven digits, and read in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist import checks

EPS32 = float(np.finfo(np.float32).eps)
LAWS: list[Callable[[Any], Any]] = [
    lambda mu: hd.VonMisesFisher(mu, 5.0),
    lambda mu: hd.SphericalRiemannianNormal(mu, 0.4),
    lambda mu: hd.Mixture([0.3, 0.7], hd.VonMisesFisher(np.stack([mu, mu]), [5.0, 50.0])),
    lambda mu: hd.SphericalUniform(np.shape(mu)[-1] - 1),
]


def catalogue(rng: np.random.Generator, n: int = 200, m: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of float32 in float64, and the unit vectors that they stand for."""
    x = Sphere.project(rng.standard_normal((n, m))).astype(np.float32).astype(np.float64)
    return x, x / np.linalg.norm(x, axis=-1, keepdims=True)


Sphere = hd.Sphere()


@pytest.mark.parametrize("law", LAWS)
def test_density_of_a_catalogue_is_that_of_its_directions(law: Any, rng: np.random.Generator) -> None:
    x, unit = catalogue(rng)
    assert np.abs(np.linalg.norm(x, axis=-1) - 1).max() > 1e-9
    q = law(unit[0])
    np.testing.assert_allclose(q.log_prob(x), q.log_prob(unit), rtol=0, atol=1e-13)
    rough = law(x[0])
    np.testing.assert_allclose(rough.log_prob(x), q.log_prob(unit), rtol=0, atol=1e-13)
    np.testing.assert_allclose(rough.sample(3, rng=1), q.sample(3, rng=1), rtol=1e-15, atol=1e-15)
    off = x * (1 + 1e-3)
    assert (q.log_prob(off) == -np.inf).all()


def test_a_direction_with_seven_digits() -> None:
    q = hd.VonMisesFisher([0.5773503] * 3, 5)
    np.testing.assert_allclose(q.mu, np.full(3, 3**-0.5), rtol=4e-16)
    assert q.mean.tolist() == q.mu.tolist()
    with pytest.raises(ValueError, match=r"mu must lie on the unit sphere to 1.3e-05, .*Sphere\(\).project"):
        hd.VonMisesFisher([0.5774] * 3, 5)


def test_what_rounds_to_a_unit_vector_in_its_own_dtype_stays_as_it_is(rng: np.random.Generator) -> None:
    """So that draws of a seed stay the same to the last bit."""
    for dtype in (np.float32, np.float64):
        mu = Sphere.project(rng.standard_normal((50, 4))).astype(dtype)
        assert np.array_equal(hd.VonMisesFisher(mu, 2.0).mu, mu)
        assert np.array_equal(Sphere.check_point(mu), mu)


def test_fits_of_a_catalogue(rng: np.random.Generator) -> None:
    x, unit = catalogue(rng)
    x, unit = (v * np.sign(v[:, :1]) for v in (x, unit))
    for family in (hd.VonMisesFisher, hd.SphericalRiemannianNormal):
        rough, fine = family.fit(x), family.fit(unit)
        np.testing.assert_allclose(rough.mu, fine.mu, atol=1e-12)
    hd.SphericalUniform.fit(x)
    hd.Mixture.fit(x, hd.VonMisesFisher, 2, rng=0)


def test_the_sphere_takes_a_catalogue(rng: np.random.Generator) -> None:
    """Every method is that of the directions, and what it returns is on the sphere to float64's own rounding."""
    (x, a), (y, b) = catalogue(rng), catalogue(rng)
    assert Sphere.contains(x).all()
    np.testing.assert_allclose(Sphere.dist(x, y), Sphere.dist(a, b), rtol=0, atol=1e-14)
    assert Sphere.dist(x, a).max() <= 1e-15
    u = Sphere.log(x, y)
    np.testing.assert_allclose(u, Sphere.log(a, b), atol=1e-13)
    rough = u.astype(np.float32).astype(np.float64)
    for points in (Sphere.exp(x, rough), Sphere.geodesic(x, y, 0.4), Sphere.check_point(x), Sphere.frechet_mean(x)):
        assert np.abs(np.linalg.norm(points, axis=-1) - 1).max() <= checks.rounding(points)
    assert np.abs(np.sum(a * Sphere.check_tangent(x, rough), axis=-1)).max() <= 4 * checks.rounding(x)
    with pytest.raises(ValueError, match="tangent to the space"):
        Sphere.exp(x, u + 1e-3 * x)


def test_projection() -> None:
    np.testing.assert_allclose(Sphere.project([[3.0, 4.0], [1e200, 1e200], [0.0, -1e-310]]),
                               [[0.6, 0.8], [0.5**0.5, 0.5**0.5], [0.0, -1.0]], rtol=4e-16)  # fmt: skip
    assert Sphere.project(np.float32([3.0, 4.0])).dtype == np.float32
    with pytest.raises(ValueError, match=r"x must not be 0"):
        Sphere.project([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="x must be finite"):
        Sphere.project([np.nan, 0.0])
