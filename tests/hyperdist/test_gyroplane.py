"""Signed distances to hyperplanes against mpmath, the ball's formula and the symmetries of the space."""

from __future__ import annotations

from typing import Any

import array_api_strict
import mpmath as mp
import numpy as np
import pytest

from hyperdist.geometry import conversions, gyroplane, poincare, tangent
from tests.support.oracles_spaces import DIGITS

EPS = float(np.finfo(np.float64).eps)
RADII = [0.0, 1e-9, 0.1, 1.0, 30.0, 700.0]


def exact(x: Any, n: Any, r: float, c: float) -> tuple[Any, Any]:
    """(distance, condition) from the definition, n normalised.

    condition: the terms of ``gyroplane.dist`` and of (R, r), where they are small, over the slope of asinh.
    """
    with mp.workdps(DIGITS):
        p, m = [mp.mpf(float(t)) for t in x], [mp.mpf(float(t)) for t in n]
        length, norm = (mp.sqrt(mp.fsum(t * t for t in v)) for v in (p, m))
        inner, r = mp.fsum(s * t for s, t in zip(p, m, strict=True)) / norm, mp.mpf(r)
        if c == 0:
            return inner - r, length + abs(r)
        k = mp.sqrt(mp.mpf(c))
        cosine = inner / length if length else mp.mpf(0)
        a, b = k * length, k * r
        sinh = mp.sinh(a) * cosine * mp.cosh(b) - mp.cosh(a) * mp.sinh(b)
        ahead = cosine * mp.sign(r)
        terms = abs(mp.sinh(a - abs(b))) if ahead > 0 else mp.cosh(a) * abs(mp.sinh(b))
        terms += mp.sinh(a) * mp.cosh(b) * (1 - max(ahead, 0)) + min(a, 1) + min(abs(b), 1)
        return mp.asinh(sinh) / k, (1 + a + abs(b)) * terms / mp.sqrt(1 + sinh * sinh) / k


@pytest.mark.parametrize("c", [0.0, 1e-12, 0.3, 4.0])
@pytest.mark.parametrize("radius", RADII)
def test_against_mpmath(radius: float, c: float, rng: np.random.Generator) -> None:
    """Planes at all radii, at random, facing the point, behind it and through it."""
    scale = c**0.5 if c > 1e-6 else 1.0
    x = rng.standard_normal(3)
    x *= radius / scale / np.linalg.norm(x)
    across = np.cross(x, rng.standard_normal(3)) if radius else rng.standard_normal(3)
    ahead = x if radius else rng.standard_normal(3)
    for n in (rng.standard_normal(3), across, ahead, -ahead, ahead + 1e-3 * radius * rng.standard_normal(3)):
        n = n / np.linalg.norm(n)
        for r in [s * t / scale for t in RADII for s in (1.0, -1.0)]:
            got = gyroplane.dist(x, n, np.float64(r), c)
            distance, condition = exact(x, n, r, c)
            assert abs(got - distance) <= 16 * EPS * (condition + abs(distance)), f"{n} r={r}: {got} {distance}"


@pytest.mark.parametrize("c", [0.4, 1.0, 2.5])
def test_is_the_ball_s_distance(c: float, rng: np.random.Generator) -> None:
    """The plane (n, r) is the ball's through p = exp_0(r n) with the normal n there; all three models agree."""
    v, n, r = rng.standard_normal((200, 4)), rng.standard_normal((200, 4)), rng.standard_normal(200)
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    x, p = conversions.tangent_to_poincare(v, c), conversions.tangent_to_poincare(r[:, None] * n, c)
    expected = poincare.dist_to_gyroplane(x, p, n, c)
    for model in conversions.MODELS:
        got = gyroplane.dist(conversions.from_tangent(v, c, model), n, r, c, model)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)


def test_of_two_sides_and_of_the_foot(rng: np.random.Generator) -> None:
    """-(n, r) is the other side of the plane (n, r), and the point at r + s on the normal lies at s."""
    x, n, r, s = rng.standard_normal((50, 3)) * 9, rng.standard_normal((50, 3)), *(rng.standard_normal((2, 50)) * 20)
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    np.testing.assert_array_equal(gyroplane.dist(x, -n, -r, 0.7), -gyroplane.dist(x, n, r, 0.7))
    axis = np.zeros_like(n)
    axis[:, 1] = 1.0
    np.testing.assert_allclose(gyroplane.dist((r + s)[:, None] * axis, axis, r, 0.7), s, rtol=0, atol=1e-13)


def test_is_the_least_distance(rng: np.random.Generator) -> None:
    """The distance to the nearest point of the plane, found by Newton's method in coordinates of the plane."""
    c, x = 0.8, np.array([0.7, -1.1])
    n, r = np.array([0.6, 0.8]), 0.5
    t = np.linspace(-4.0, 4.0, 200_001)
    line = tangent.boost(r * n, t[:, None] * np.array([-0.8, 0.6]), c)
    nearest = np.sqrt(tangent.dist_sq(x, line, c).min())
    assert abs(gyroplane.dist(x, n, np.float64(r), c)) == pytest.approx(nearest, rel=1e-8)


@pytest.mark.parametrize("k", [0.25, 3.0])
def test_units(k: float, rng: np.random.Generator) -> None:
    """Curvature c at scale 1 is curvature c k^2 at scale 1/k."""
    x, n, r = rng.standard_normal((50, 3)) * 5, rng.standard_normal((50, 3)), rng.standard_normal(50)
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    np.testing.assert_allclose(
        gyroplane.dist(x / k, n, r / k, 0.6 * k * k), gyroplane.dist(x, n, r, 0.6) / k, rtol=1e-12, atol=1e-12
    )


def test_rotations(rng: np.random.Generator) -> None:
    turn, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    x, n, r = rng.standard_normal((50, 4)), rng.standard_normal((50, 4)), rng.standard_normal(50)
    n /= np.linalg.norm(n, axis=-1, keepdims=True)
    np.testing.assert_allclose(
        gyroplane.dist(x @ turn, n @ turn, r, 1.3), gyroplane.dist(x, n, r, 1.3), rtol=1e-12, atol=1e-12
    )


def test_float32_strict() -> None:
    """A second namespace, its dtype kept; points of radius 80 against planes as far."""
    as_array = lambda v: array_api_strict.asarray(np.asarray(v, dtype=np.float32))  # noqa: E731
    x, n = as_array([[80.0, 0.0], [0.0, 80.0], [0.0, 0.0]]), as_array([1.0, 0.0])
    got = gyroplane.dist(x, n, as_array([79.0, 80.0, -80.0]), 1.0)
    assert got.dtype == array_api_strict.float32
    np.testing.assert_allclose(np.asarray(got), [1.0, -160.0 + np.log(2.0), 80.0], rtol=1e-6)


@pytest.mark.parametrize("c", [0.0, 1e-12, 0.7])
def test_factors_give_the_scaled_distance(c: float, rng: np.random.Generator) -> None:
    """lift_points . lift_planes is |a| dist with r = -b/|a|: x a + b at c = 0, with and without exponents taken out."""
    x, a, b = rng.standard_normal((20, 3)) * 4, rng.standard_normal((5, 3)), rng.standard_normal(5) * 3
    length = np.linalg.norm(a, axis=-1)
    for stretch in (1.0, 100.0):
        points, (planes, rho) = gyroplane.lift_points(x, c), gyroplane.lift_planes(a, stretch * b, c)
        assert points.excess is None
        assert planes.excess is not None or stretch == 1.0 or c < 0.1
        growth = 0.0 if planes.excess is None else planes.excess
        got = gyroplane.arsinh(points.vector @ planes.vector.T, rho, growth)
        expected = length * gyroplane.dist(x[:, None], a / length[:, None], -stretch * b / length, c)
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)
        if c == 0.0:
            np.testing.assert_allclose(got, x @ a.T + stretch * b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lifted_points_and_planes_leave_a_product_that_can_be_squared(dtype: type) -> None:
    reach = gyroplane.reach(np.dtype(dtype))
    x = np.array([[1.0], [reach - 9], [2 * reach - 9], [1e6]], dtype=dtype)
    points = gyroplane.lift_points(x, 1.0)
    assert points.excess is not None
    assert (points.excess[:2] == 0).all()
    for far in (x[:, 0], np.full(4, 7.9, dtype)):
        planes, _ = gyroplane.lift_planes(np.ones((4, 1), dtype), far, 1.0)
        q = points.vector @ planes.vector.T
        assert q.dtype == dtype
        assert np.isfinite(np.square(q)).all()


@pytest.mark.parametrize("rho", [0.0, 1e-30, 0.5])
@pytest.mark.parametrize("growth", [0.0, 3.0, 60.0, 500.0])
def test_arsinh(growth: float, rho: float) -> None:
    """asinh(k q e^growth)/k against mpmath, from far below the bend to far above it."""
    q = np.array([0.0, 1e-300, 1e-26, 1e-9, 0.1, 7.0, 1e9, 1e100])
    if rho == 0.0:
        q = q[q < 1e-100]
    for sign in (1.0, -1.0):
        got = gyroplane.arsinh(sign * q, rho, growth)
        with mp.workdps(400):
            k, e = mp.sqrt(mp.mpf(rho)), mp.exp(mp.mpf(growth))
            expected = [float(sign * (mp.asinh(k * mp.mpf(t) * e) / k if rho else mp.mpf(t) * e)) for t in q]
        np.testing.assert_allclose(got, expected, rtol=4 * EPS * (1 + growth))


@pytest.mark.parametrize("growth", [0.0, 3.0, 60.0])
def test_inverse_slope(growth: float) -> None:
    q = np.array([0.0, 1e-30, -1e-3, 0.7, -1e3, 1e100])
    with mp.workdps(200):
        e, rho = mp.exp(mp.mpf(growth)), mp.mpf(0.5)
        expected = [float(mp.sqrt(1 + rho * mp.mpf(t) ** 2 * e * e) / e) for t in q]
    np.testing.assert_allclose(gyroplane.inverse_slope(q, 0.5, growth), expected, rtol=4 * EPS * (1 + growth))
    assert gyroplane.inverse_slope(np.zeros(1), 0.5, 1e4) == pytest.approx(np.exp(-gyroplane.reach(q.dtype)))


@pytest.mark.parametrize("c", [0.0, 0.01, 0.7])
@pytest.mark.parametrize("stretch", [1.0, 30.0])
def test_pulled_back_gradients(stretch: float, c: float, rng: np.random.Generator) -> None:
    """Against differences of the lifted vectors; far planes with the exponents taken out that they have."""
    x, a, b = rng.standard_normal((6, 3)), rng.standard_normal((5, 3)), rng.standard_normal(5) * stretch
    x[0] = 0.0
    grad, step = rng.standard_normal((6, 4)), 1e-5
    in_rho = rng.standard_normal(5)
    planes, _ = gyroplane.lift_planes(a, b, c)
    excess = planes.excess
    assert (excess is not None) == (c == 0.7 and stretch == 30.0)

    def of_points(x: Any, c: Any) -> Any:
        return np.sum(gyroplane.lift_points(x, c).vector * grad)

    def of_planes(a: Any, b: Any, c: Any) -> Any:
        lifted, rho = gyroplane.lift_planes(a, b, c)
        change = np.zeros(5) if excess is None else lifted.excess - excess
        return np.sum(np.exp(change)[..., None] * lifted.vector * grad[:5]) + np.sum(rho * in_rho)

    def differences(function: Any, given: list[Any], got: Any) -> None:
        for i, (value, slope) in enumerate(zip(given, got, strict=True)):
            for index in np.ndindex(np.shape(value)):
                move = np.zeros_like(value)
                move[index] = step if c or i + 1 < len(given) else 0.0
                ends = [function(*given[:i], value + s * move, *given[i + 1 :]) for s in (1.0, -1.0)]
                if move[index]:
                    assert np.asarray(slope)[index] == pytest.approx(
                        (ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-6
                    )

    differences(of_points, [x, c], gyroplane.pull_back_points(x, c, gyroplane.lift_points(x, c), grad))
    differences(of_planes, [a, b, c], gyroplane.pull_back_planes(a, b, c, planes, grad[:5], in_rho))
