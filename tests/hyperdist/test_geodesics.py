"""Geodesics at any distance, against mpmath at exactly the given coordinates, and where coordinates end.

What a point of a geodesic may be off by is what rounding of coordinates implies: eps cosh(a) on the hyperboloid and in
tangent coordinates, a the radius of the point, and eps over 1 - c|x|^2 of the ends on the ball, in units of 1/sqrt(c).
"""

from __future__ import annotations

from typing import Any

import array_api_strict
import numpy as np
import pytest

from hyperdist.geometry import conversions, lorentz, poincare, tangent
from hyperdist.spaces import Euclidean, Lorentz, PoincareBall, Sphere, Tangent, Torus
from tests.support import oracles_spaces as oracle

DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
MODELS = {"lorentz": Lorentz, "tangent": Tangent, "poincare": PoincareBall}
REACH = {"lorentz": (300.0, 80.0), "tangent": (300.0, 150.0), "poincare": (33.0, 14.0)}
"""Radii to which points are taken, in units of 1/sqrt(c), in float64 and float32."""
TIMES = (0.0, 1.0, 0.5, 0.3, 0.9, 1e-4)


def pair(i: int, reach: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tangent coordinates at c = 1: any two points, on one ray, opposite, at a small angle, nearly opposite."""
    d = 1 + i % 4
    u, w = rng.standard_normal((2, d))
    u, w = u / np.linalg.norm(u), w / np.linalg.norm(w)
    small = 10 ** rng.uniform(-12, 0) * w
    v = (w, u, -u, u + small, -u + small)[i % 5]
    a, b = reach * 10 ** rng.uniform(-6, 0, 2)
    return a * u, (a if i % 3 == 0 else b) * v / np.linalg.norm(v)


@DTYPES
@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("c", [0.3, 1.0, 7.0])
def test_points_of_geodesics_at_any_distance(model: str, dtype: Any, c: float, rng: np.random.Generator) -> None:
    """Off by twice 4 eps (1 + D) cosh(a) at most, in distance, and by as many eps of the largest radius as a tangent
    coordinate has roundings: 4; on the ball 4 eps (1/gap + D)."""
    eps, reach, c = float(np.finfo(dtype).eps), REACH[model][dtype is np.float32], dtype(c)
    for i in range(30):
        x, y = (p / np.sqrt(float(c)) for p in pair(i, reach, rng))
        x, y = (conversions.from_tangent(p, np.float64(c), model).astype(dtype) for p in (x, y))
        t = dtype(TIMES[i % 6])
        got = MODELS[model](c).geodesic(x, y, t)
        assert got.dtype == dtype
        error, radius, distance = oracle.geodesic_error(got, x, y, float(t), float(c), model)
        moved = eps * (1 + distance) * np.cosh(radius)
        if model == "tangent":
            moved += eps * np.sqrt(float(c)) * max(np.linalg.norm(x), np.linalg.norm(y))
        if model == "poincare":
            assert float(c) * np.dot(got, got) < 1
            gaps = (1 - c * np.dot(np.float64(p), np.float64(p)) for p in (x, y, got))
            moved = eps * (distance + 1 / min(gaps))
        assert np.sinh(error / 2) <= 4 * moved, (x, y, t, error)


@DTYPES
def test_midpoint_of_two_far_points(dtype: Any) -> None:
    """R and R, 1 rad apart: the midpoint is at atanh(tanh(R) cos(1/2)), 1.3651... for R beyond 12."""
    for radius in (1.0, 6.0, 10.0, 15.0, 20.0, 25.0, 40.0, 80.0, 300.0):
        x, y = radius * np.array([1.0, 0.0]), radius * np.array([np.cos(1.0), np.sin(1.0)])
        want = np.arctanh(np.tanh(radius) * np.cos(0.5))
        for model, space in MODELS.items():
            limit = {"poincare": (30.0, 12.0), "lorentz": (300.0, 80.0), "tangent": (300.0, 300.0)}[model]
            if radius > limit[dtype is np.float32]:
                continue
            ends = (conversions.from_tangent(p, 1.0, model).astype(dtype) for p in (x, y))
            middle = space(dtype(1.0)).geodesic(*ends, 0.5)
            got = float(np.linalg.norm(conversions.to_tangent(middle.astype(float), 1.0, model)))
            # The rounding of 1 rad as an angle, half a unit a rad, and of R; on the ball of 1 - |x|^2
            bound = 8 * np.finfo(dtype).eps * (radius if model != "poincare" else np.cosh(radius / 2) ** 2)
            assert abs(got - want) <= bound, (model, radius, got)


@DTYPES
@pytest.mark.parametrize(
    "space", [PoincareBall(1.0), PoincareBall([[0.0], [2.0]]), Lorentz(2.0), Tangent(2.0)], ids=repr
)
def test_ends_of_a_geodesic_come_back(space: Any, dtype: Any, rng: np.random.Generator) -> None:
    x, y = 0.05 * rng.standard_normal((2, 5, 3))
    x, y = (conversions.from_tangent(p, 2.0, space._model).astype(dtype) for p in (x, y))
    np.testing.assert_array_equal(space.geodesic(x, y, 0.0), np.broadcast_to(x, space.geodesic(x, y, 0.0).shape))
    np.testing.assert_array_equal(space.geodesic(x, y, 1.0), np.broadcast_to(y, space.geodesic(x, y, 0.0).shape))
    far = conversions.tangent_to_lorentz(np.array([30.0, 40.0]), 1.0)
    np.testing.assert_array_equal(Lorentz(1.0).geodesic(far, far, 0.3), far)


@pytest.mark.parametrize("model", list(MODELS))
def test_geodesics_go_on_beyond_their_ends(model: str, rng: np.random.Generator) -> None:
    """At t = -1 and 2, of batches that mix them with times inside: within what a rounded start grows to."""
    x, y = rng.standard_normal((2, 40, 2))
    t = np.resize([-1.0, 0.25, 2.0, 1.5], 40)
    p, q = (conversions.from_tangent(v, 1.0, model) for v in (x, y))
    space = MODELS[model](1.0)
    got = space.geodesic(p, q, t)
    np.testing.assert_allclose(space.dist(p, got), np.abs(t) * space.dist(p, q), rtol=1e-10)
    np.testing.assert_allclose(space.dist(q, got), np.abs(1 - t) * space.dist(p, q), rtol=1e-10)
    for i in range(4):
        np.testing.assert_allclose(got[i], space.geodesic(p[i], q[i], t[i]), rtol=1e-12)


@pytest.mark.parametrize(("model", "kernel"), [("poincare", poincare), ("lorentz", lorentz), ("tangent", tangent)])
def test_geodesic_kernels_on_strict_arrays(model: str, kernel: Any, rng: np.random.Generator) -> None:
    x, y = (conversions.from_tangent(v, 1.0, model) for v in 3.0 * rng.standard_normal((2, 9, 2)))
    t, asarray = np.linspace(-0.5, 1.5, 9), array_api_strict.asarray
    strict = kernel.geodesic(asarray(x), asarray(y), asarray(t), asarray(np.float64(1.0)))
    np.testing.assert_allclose(np.asarray(strict._array), kernel.geodesic(x, y, t, 1.0), rtol=1e-12)


@DTYPES
def test_nearly_antipodal_points_of_the_sphere(dtype: Any, rng: np.random.Generator) -> None:
    """Down to one rounding from -x, in one batch: the logarithm is tangent and pi long, geodesics reach their end."""
    space, eps = Sphere(), float(np.finfo(dtype).eps)
    for d in (1, 2, 3, 9):
        x, w = rng.standard_normal((2, 300, d + 1))
        x /= np.linalg.norm(x, axis=-1, keepdims=True)
        y = -x + 10 ** rng.uniform(-17, -1, (300, 1)) * w
        x, y = (v.astype(dtype) for v in (x, y / np.linalg.norm(y, axis=-1, keepdims=True)))
        y[0] = -x[0]
        u, distance = space.log(x, y), space.dist(x, y)
        space.check_tangent(x, u)
        np.testing.assert_allclose(space.norm(x, u), distance, rtol=8 * eps)
        bound = 32 * eps * np.sqrt(d + 1)
        assert np.abs(space.exp(x, u) - y).max() <= bound
        for t in (0.0, 0.3, 0.5, 1.0):
            at = space.geodesic(x, y, t)
            np.testing.assert_allclose(space.dist(x, at), t * distance, atol=bound)
            np.testing.assert_allclose(space.dist(at, y), (1 - t) * distance, atol=bound)
        moved = space.transport(x, y, u)
        space.check_tangent(y, moved)
        # Their direction at y is that of the way back, to what rounding leaves of it
        np.testing.assert_allclose(space.norm(y, moved), distance, rtol=bound)
        clear = np.pi - distance > 1e-3 if dtype is np.float32 else np.pi - distance > 1e-9
        np.testing.assert_allclose(moved[clear], -space.log(y, x)[clear], atol=bound * (1e3 if eps > 1e-10 else 1e9))


def test_nearly_antipodal_angles() -> None:
    angles = np.array([0.7, 0.7 + 3.1409])
    x, y = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    middle = 0.7 + 3.1409 / 2
    np.testing.assert_allclose(
        Sphere().geodesic(x, y, 0.5), [np.cos(middle), np.sin(middle)], atol=1e-12
    )  # eps/(pi - d)


def test_geodesics_across_the_cut_of_the_torus(rng: np.random.Generator) -> None:
    x = rng.uniform(-np.pi, np.pi, (200, 2))
    y = Torus().wrap(x + np.pi + rng.choice([0.0, 1e-15, -1e-15, 1e-3], (200, 2)))
    for t in (0.0, 0.4, 1.0):
        at = Torus().geodesic(x, y, t)
        assert Torus().contains(at).all()
        np.testing.assert_allclose(Torus().dist(x, at), t * Torus().dist(x, y), atol=1e-14)
    np.testing.assert_array_equal(Euclidean().geodesic([0.0, 1.0], [2.0, 1.0], 0.25), [0.5, 1.0])


@DTYPES
@pytest.mark.parametrize("model", ["tangent", "lorentz"])
def test_tangent_vectors_are_right_or_refused(model: str, dtype: Any, rng: np.random.Generator) -> None:
    """Norm, exp and log of unit vectors at any radius: to 1/100 where they are taken, and taken to radius 9 at least in
    float32, 28 in float64."""
    space = MODELS[model](dtype(1.0))
    refused = []
    for radius in (5.0, 9.0, 12.0, 20.0, 28.0, 32.0, 34.0, 36.0, 38.0, 40.0, 50.0, 80.0):
        x, v = rng.standard_normal((2, 30, 3))
        x, v = (w / np.linalg.norm(w, axis=-1, keepdims=True) for w in (x, v))
        x = conversions.from_tangent(radius * x, 1.0, model).astype(dtype)
        try:
            u = space.from_frame(x, v.astype(dtype))
            length = space.norm(x, u)
            end = space.exp(x, u)
        except ValueError as error:
            refused.append((radius, str(error)))
            continue
        np.testing.assert_allclose(length, 1.0, atol=0.01)
        np.testing.assert_allclose(space.dist(x, end), 1.0, atol=0.1)
    least = 9.0 if dtype is np.float32 else 28.0
    assert refused
    assert all(radius > least and "hold" in text and "geodesic" in text for radius, text in refused)
    assert [radius for radius, _ in refused][-4:] == [38.0, 40.0, 50.0, 80.0]


def test_tangent_vectors_that_coordinates_do_not_hold() -> None:
    """At (30, 40) the unit vector along an axis reads as 1151 long; on an axis nothing is lost, at any radius."""
    space, far = Tangent(1.0), np.array([30.0, 40.0])
    for call in (
        lambda: space.from_frame(far, [0.0, 1.0]),
        lambda: space.exp(far, [0.48, 0.64]),
        lambda: space.norm(far, [0.48, 0.64]),
        lambda: space.log(far, [-20.0, 45.0]),
        lambda: space.transport([1.0, 0.0], far, [0.3, 0.4]),
        lambda: Lorentz(1.0).log(*conversions.tangent_to_lorentz(np.array([[30.0, 40.0], [-20.0, 45.0]]), 1.0)),
        # across at radius 800 a chart vector is below the least number
        lambda: space.from_frame([800.0, 0.0], [0.0, 1.0]),
    ):
        with pytest.raises(ValueError, match=r"must be a tangent vector that coordinates of float64 hold: .* geodesic"):
            call()
    u = space.from_frame([50.0, 0.0], [1.0, 2.0])
    np.testing.assert_allclose(np.linalg.norm(space.exp([50.0, 0.0], u)), 51.916914511483476, rtol=1e-14)
    x, y = (conversions.tangent_to_lorentz(np.array(v), 1.0) for v in ([20.0, 0.0], [-20.0, 1e-3]))
    with pytest.raises(ValueError, match="say where it leads: their rounding moves the end"):
        Lorentz(1.0).exp(x, Lorentz(1.0).log(x, y))


def test_results_that_coordinates_do_not_hold() -> None:
    ball, x = PoincareBall(1.0), [0.9, 0.0]
    for call in (
        lambda: ball.exp([0.0, 0.0], [30.0, 0.0]),
        lambda: ball.mobius_add([1 - 1e-9, 0.0], [1 - 1e-9, 0.0]),
        lambda: ball.mobius_scalar_mul(30.0, x),
        lambda: ball.mobius_matvec(np.eye(2) * 30.0, x),
        lambda: ball.geodesic([0.0, 0.0], x, 30.0),
    ):
        with pytest.raises(ValueError, match="1 of 1 points lie further from the origin than float64 ball coordinates"):
            call()
    with pytest.raises(ValueError, match="points lie further out than coordinates of float64 hold"):
        Lorentz(1.0).exp([1.0, 0.0, 0.0], [0.0, 800.0, 0.0])
    # a long way back through the ball: 1 - |step|^2 is below what the step's coordinates hold
    far = np.tanh(10.0)
    end = ball.exp([far, 0.0], [-20.0 * np.cosh(10.0) ** -2, 0.0])
    np.testing.assert_allclose(ball.dist([0.0, 0.0], end), 20.0, rtol=1e-6)
