"""Accuracy against mpmath at exactly the same inputs, and what the models of hyperbolic space share."""

from __future__ import annotations

from typing import Any

import array_api_strict
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdist.geometry import conversions, gyroplane, lorentz, poincare, polar, sphere, tangent
from hyperdist.geometry.fast.translation import translate
from hyperdist.geometry.half_vector import half_rotate
from hyperdist.spaces import Lorentz, PoincareBall, Tangent
from hyperdist.spaces.held import check_holdable
from tests.support import oracles_spaces as oracle
from tests.support import strategies

EPS = float(np.finfo(np.float64).eps)
CURVATURES = (0.3, 1.0, 7.0)


def relative(got: float, want: Any) -> float:
    with mp.workdps(30):
        return float(abs((mp.mpf(float(got)) - want) / want)) if want else abs(float(got))


def pairs(rng: np.random.Generator, radius: float, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs in dimension 1 to 4: independent, on one ray, next to each other, opposite, one bit apart."""
    result = []
    for i in range(n):
        d = 1 + i % 4
        x = rng.standard_normal(d)
        x *= radius * 10 ** rng.uniform(-9, 0) / np.linalg.norm(x)
        kind, noise = i % 6, rng.standard_normal(d) * np.linalg.norm(x) * 10 ** rng.uniform(-15, 0)
        y = rng.standard_normal(d)
        y *= radius * 10 ** rng.uniform(-9, 0) / np.linalg.norm(y)
        on_ray, opposite = x * (1 - 10 ** rng.uniform(-15, 0)), -x * rng.uniform(0.2, 1)
        partners = [y, on_ray, x + 0.1 * noise, opposite, np.nextafter(x, 1), -x + 0.1 * noise]
        result.append((x, partners[kind]))
    return result


@pytest.mark.parametrize("c", CURVATURES)
def test_tangent_distance_to_radius_300(c: float, rng: np.random.Generator) -> None:
    for x, y in pairs(rng, 300.0 / c**0.5, 48):
        want = oracle.distance_tangent(x, y, c)
        assert relative(tangent.dist(x, y, c), want) <= 1e-13, (x, y)
        assert relative(np.linalg.norm(tangent.log_frame(x, y, c)), want) <= 1e-13, (x, y)


@pytest.mark.parametrize("c", CURVATURES)
def test_lorentz_distance_to_radius_300(c: float, rng: np.random.Generator) -> None:
    for x, y in pairs(rng, 300.0 / c**0.5, 48):
        p, q = conversions.tangent_to_lorentz(x, c), conversions.tangent_to_lorentz(y, c)
        want = oracle.distance_lorentz(p[1:], q[1:], c)
        assert relative(lorentz.dist(p, q, c), want) <= 1e-13, (x, y)
        assert relative(np.linalg.norm(lorentz.log_frame(p, q, c)), want) <= 1e-13, (x, y)


@pytest.mark.parametrize("c", [0.0, *CURVATURES])
def test_ball_distance_to_what_its_coordinates_hold(c: float, rng: np.random.Generator) -> None:
    """Relative error (d + 4) eps / gap: d + 1 roundings of 1 - c|x|^2, of size eps, and those of the quotient."""
    for x, y in pairs(rng, 15.0 / max(1.0, c**0.5), 60):
        p, q = conversions.tangent_to_poincare(x, c), conversions.tangent_to_poincare(y, c)
        gap = min(poincare.gap(p, c), poincare.gap(q, c))
        assert relative(poincare.dist(p, q, c), oracle.distance_ball(p, q, c)) <= (len(x) + 4) * EPS / gap, (p, q)


def test_sphere_angle_near_0_and_pi(rng: np.random.Generator) -> None:
    for i in range(60):
        x = rng.standard_normal(2 + i % 4)
        y = rng.standard_normal(x.shape)
        y = [y, x + y * 10 ** rng.uniform(-12, 0), -x + y * 10 ** rng.uniform(-12, 0)][i % 3]
        x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
        want = oracle.angle(x, y)
        # Rounding of the norms moves an angle by eps, whatever its size
        bound = EPS * (8 + 4 / float(want))
        assert relative(sphere.dist(x, y), want) <= bound
        assert relative(np.sqrt(sphere.dist_sq(x, y)), want) <= bound
        assert relative(sphere.log_polar(x, y)[0], want) <= bound


@pytest.mark.parametrize("model", conversions.MODELS)
@pytest.mark.parametrize("c", CURVATURES)
def test_exp_polar(model: str, c: float, rng: np.random.Generator) -> None:
    """Within 16 eps (1 + a + R) of the length of the coordinates; a rounded direction alone costs that, times sinh(a)
    where the draw passes the origin, so that directions towards it are tested in d = 1, where they are exact."""
    for i in range(60):
        d = 1 + i % 4
        u, m = rng.standard_normal(d), rng.standard_normal(d)
        u /= np.linalg.norm(u)
        m *= 0.0 if i % 5 == 0 else 10 ** rng.uniform(-8, 1) / np.linalg.norm(m)
        if d > 1 and m @ u < 0:
            u = -u
        r = 0.0 if i % 7 == 0 else 10 ** rng.uniform(-8, 1)
        got, want = polar.exp_polar(m, r, u, c, model), oracle.exp_polar(m, r, u, c, model)
        with mp.workdps(30):
            error = mp.sqrt(mp.fsum((mp.mpf(float(g)) - w) ** 2 for g, w in zip(got, want, strict=True)))
            size = mp.sqrt(mp.fsum(w**2 for w in want))
            reach = 1 + c**0.5 * (np.linalg.norm(m) + r)
            start = c**-0.5 if model == "lorentz" else np.linalg.norm(m) + r
            assert error <= 16 * EPS * reach * (size + EPS * start + (start if d == 1 else 0)), (m, r, u)


@pytest.mark.parametrize("model", conversions.MODELS)
@pytest.mark.parametrize("d", [1, 2, 10])
def test_log_polar_inverts_exp_polar(model: str, d: int, rng: np.random.Generator) -> None:
    """Radius 0 to 6 from centres at radius 0 to 2: what reads a direction back costs eps cosh(8)."""
    u = rng.standard_normal((50, d))
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    mu = u[::-1] * rng.uniform(0, 2, (50, 1))
    radius = rng.uniform(0, 6, 50)
    radius[0], mu[1] = 0.0, 0.0
    r, v = polar.log_polar(mu, polar.exp_polar(mu, radius, u, 1.0, model), 1.0, model)
    bound = 64 * EPS * np.cosh(8.0)
    assert np.abs(r - radius).max() <= bound
    assert np.abs(v - u)[1:].max() <= bound / radius[1:].min()
    np.testing.assert_allclose(np.linalg.norm(v, axis=-1), 1.0, rtol=4 * EPS)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_tangent_form_works_to_radius_1e9(dtype: Any) -> None:
    """Towards the origin, past it, sideways and away; the triangle's sides are right to eps."""
    mu = np.array([1e9, 0.0], dtype)
    u = np.array([[-1, 0], [-1, 0], [0, 1], [1, 0]], dtype)
    x = polar.exp_polar(mu, np.array([1e9, 3e9, 1e9, 1e9], dtype), u, dtype(1), "tangent")
    assert x.dtype == dtype
    eps = np.finfo(dtype).eps
    side = 2e9 - np.log(2.0)  # cosh(D) = cosh(1e9)^2
    np.testing.assert_allclose(x, [[0, 0], [-2e9, 0], [side, 0], [2e9, 0]], rtol=4 * eps)
    y = np.array([[1e9, 0], [0, 1e9], [-1e9, 0], [0, 0]], dtype)
    np.testing.assert_allclose(Tangent(1).dist(mu, y), [0, side, 2e9, 1e9], rtol=4 * eps)


CONDITION = 256
"""Rounding k|x| by eps k|x| shows beside an angle of exp(-k|x|): up to 36 eps in double precision; 7 times that."""


def far_pairs(rng: np.random.Generator, n: int, most: float, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Radii from 1e-3 to ``most``; independent directions, nearly one, one to the last bit, and opposite ones."""
    x, y, noise = rng.standard_normal((3, n, 2))
    y = np.where(np.arange(n)[:, None] % 4, x + noise * 10.0 ** rng.uniform(-9, -2, (n, 1)), y)
    x, y = (10.0 ** rng.uniform(-3, np.log10(most), (n, 1)) * v / np.linalg.norm(v, axis=-1)[:, None] for v in (x, y))
    x = x.astype(dtype)
    ray = dtype(2.0) ** np.where(rng.random((n, 1)) < 0.5, -5, 3).astype(dtype) * x
    kind = np.arange(n)[:, None] % 4
    return x, np.where(kind < 2, y.astype(dtype), np.where(kind == 2, ray, -ray))


@pytest.mark.parametrize("c", CURVATURES)
def test_logarithm_at_any_radius(c: float, rng: np.random.Generator) -> None:
    """A near point and a far one: no exponent may be rounded where the other length is to show in it."""
    for x, y in zip(*far_pairs(rng, 60, 1e14), strict=True):
        got, want = tangent.log_frame(x, y, c), oracle.log_frame(x, y, c)
        with mp.workdps(30):
            error = mp.norm([mp.mpf(float(s)) - t for s, t in zip(got, want, strict=True)]) / mp.norm(want)
        assert error <= CONDITION * EPS, (x, y)


@pytest.mark.parametrize("c", CURVATURES)
def test_maps_in_float32_at_any_radius(c: float, rng: np.random.Generator) -> None:
    """Against the same numbers in double precision."""
    x, y = far_pairs(rng, 400, 1e7, np.float32)
    radius = np.linalg.norm(y, axis=-1)
    unit = y / radius[:, None]
    cos_half = np.linalg.norm(unit + x / np.linalg.norm(x, axis=-1)[:, None], axis=-1)
    away = cos_half > 0.1  # where directions nearly cancel their rounding is multiplied
    for name, call, held in [
        ("log", lambda x, y, u, r, c: tangent.log_frame(x, y, c), radius > 0),
        ("transport", lambda x, y, u, r, c: half_rotate(tangent.half(x, y, c), c, u), radius > 0),
        ("exp_polar", lambda x, y, u, r, c: polar.exp_polar(x, r, u, c, "tangent"), away),
        ("translate", lambda x, y, u, r, c: translate(x, y, c), away),
        ("gyroplane", lambda x, y, u, r, c: gyroplane.dist(x, u, r, c)[:, None], radius > 0),
    ]:
        numbers = (x, y, unit, radius, np.float32(c))
        got, want = call(*numbers), call(*(np.asarray(v, np.float64) for v in numbers))
        scale = np.linalg.norm(want, axis=-1)
        if name == "gyroplane":
            scale = np.maximum(scale, 1.0 + np.linalg.norm(x, axis=-1) + radius)
        error = np.linalg.norm(got - want, axis=-1) / scale
        assert got.dtype == np.float32
        assert np.max(error[held]) <= CONDITION * np.finfo(np.float32).eps, (name, x[held][np.argmax(error[held])])


@pytest.mark.parametrize(("dtype", "radius"), [(np.float64, 700.0), (np.float32, 86.0)])
def test_lorentz_form_works_to_where_cosh_overflows(dtype: Any, radius: float) -> None:
    """Opposite, at right angles, on one ray, one at the origin: against the same points in tangent form."""
    x = np.array([[radius, 0.0]] * 4, dtype)
    y = np.array([[-radius, 0.0], [0.0, radius], [radius - 1.0, 0.0], [0.0, 0.0]], dtype)
    p, q = (conversions.tangent_to_lorentz(t, dtype(1)) for t in (x, y))
    # sinh(a) rounded by eps is a rounded by eps, and tangent coordinates are rounded by eps a
    np.testing.assert_allclose(Lorentz(1).dist(p, q), Tangent(1).dist(x, y), atol=8 * np.finfo(dtype).eps * radius)
    np.testing.assert_allclose(Lorentz(1).to_tangent(p), x, rtol=8 * np.finfo(dtype).eps)


def test_exp_polar_at_a_centre_and_at_radius_0(rng: np.random.Generator) -> None:
    mu, u = rng.standard_normal((5, 3)), np.eye(3)[[0, 1, 2, 0, 1]]
    for model in conversions.MODELS:
        at = polar.exp_polar(mu, np.zeros(5), u, 1.0, model)
        np.testing.assert_allclose(at, conversions.from_tangent(mu, 1.0, model), rtol=16 * EPS, atol=0)
    np.testing.assert_array_equal(
        polar.exp_polar(0 * mu, np.arange(5.0), u, 1.0, "tangent"), np.arange(5.0)[:, None] * u
    )


@pytest.mark.parametrize("c", CURVATURES)
def test_frames_are_one(c: float, rng: np.random.Generator) -> None:
    """The same frame vector at the same point reaches the same point in every model, d exp_0 of it included."""
    mu, v = rng.standard_normal((2, 20, 3)) / c**0.5
    there = tangent.boost(mu, v, c)
    r = np.linalg.norm(v, axis=-1)
    for model, kernels in (("poincare", poincare), ("lorentz", lorentz), ("tangent", tangent)):
        x = conversions.from_tangent(mu, c, model)
        y = kernels.exp(x, kernels.from_frame(x, v, c), c)
        tolerance = 64 * EPS * np.exp(2 * c**0.5 * (np.linalg.norm(mu, axis=-1) + r).max())
        np.testing.assert_allclose(conversions.to_tangent(y, c, model), there, rtol=0, atol=tolerance)
        reached = polar.exp_polar(mu, r, v / r[:, None], c, model)
        np.testing.assert_allclose(conversions.to_tangent(reached, c, model), there, rtol=0, atol=tolerance)


@given(data=st.data(), c=strategies.positive_curvatures, d=strategies.dims(1, 5))
def test_maps_between_models_are_isometric_inverses(data: Any, c: float, d: int) -> None:
    k = c**0.5
    x, y = (data.draw(strategies.tangents(d)) / k for _ in range(2))
    distance = tangent.dist(x, y, c)
    for model, kernels in (("poincare", poincare), ("lorentz", lorentz)):
        p, q = conversions.from_tangent(x, c, model), conversions.from_tangent(y, c, model)
        reach = k * max(np.linalg.norm(x), np.linalg.norm(y))
        # A coordinate rounded by eps at radius a moves a point by eps sinh(a), in either model along or across
        tolerance = 32 * EPS * (np.cosh(reach) ** 2 if model == "poincare" else np.cosh(reach)) * (d + 1)
        np.testing.assert_allclose(k * kernels.dist(p, q, c), k * distance, rtol=0, atol=tolerance * (1 + reach))
        np.testing.assert_allclose(k * conversions.to_tangent(p, c, model), k * x, rtol=0, atol=tolerance * (1 + reach))
    p = conversions.tangent_to_poincare(x, c)
    straight = conversions.tangent_to_lorentz(x, c)
    bound = {"rtol": 64 * EPS * np.cosh(k * np.linalg.norm(x)) ** 2 * (d + 1), "atol": 0.0}
    np.testing.assert_allclose(conversions.poincare_to_lorentz(p, c), straight, **bound)
    np.testing.assert_allclose(conversions.lorentz_to_poincare(straight, c), p, **bound)


def test_flat_limit_is_reached(rng: np.random.Generator) -> None:
    """At c = 0 exactly flat, lambda = 2; and c = 1e-12 is within 1e-11 of it."""
    x, y = rng.standard_normal((2, 30, 3))
    flat = np.linalg.norm(x - y, axis=-1)
    np.testing.assert_allclose(tangent.dist(x, y, 0.0), flat, rtol=4 * EPS)
    np.testing.assert_allclose(poincare.dist(x, y, 0.0), 2 * flat, rtol=4 * EPS)
    np.testing.assert_allclose(tangent.dist(x, y, 1e-12), flat, rtol=1e-11)
    np.testing.assert_allclose(polar.exp_polar(x, flat, y, 0.0, "tangent"), x + flat[:, None] * y, rtol=8 * EPS)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_points_that_the_ball_cannot_hold(dtype: Any) -> None:
    """Just inside the limit passes, outside raises and names the models that can."""
    limit = conversions.ball_radius_limit(dtype, 4.0)
    u = np.array([1.0, 0.0], dtype)
    inside, outside = (polar.exp_polar(0 * u, dtype(f * limit), u, dtype(4), "poincare") for f in (0.9, 1.1))
    assert check_holdable(inside, 4.0) is inside
    with pytest.raises(ValueError, match=r"1 of 1 points .*model='tangent'.*model='lorentz'"):
        check_holdable(outside, 4.0)
    assert conversions.ball_radius_limit(dtype, 0.0) == np.inf


def test_gyroplane_distance_is_the_least_distance(rng: np.random.Generator) -> None:
    """Against a brute-force search of the hyperplane of dimension 1: the geodesic through p across a."""
    for c in CURVATURES:
        x, p = (conversions.tangent_to_poincare(rng.standard_normal(2) / c**0.5, c) for _ in range(2))
        a = rng.standard_normal(2)
        across = np.array([-a[1], a[0]]) / np.linalg.norm(a)
        t = np.linspace(-8, 8, 4001)[:, None] / c**0.5
        along = poincare.exp(p, poincare.from_frame(p, t * across, c), c)
        distances = poincare.dist(along, x, c)
        i = int(np.argmin(distances))
        # The squared distance is smooth: three points round the least give it to the step's fourth power
        lowest = _vertex(t[i - 1 : i + 2, 0], np.square(distances[i - 1 : i + 2])) ** 0.5
        signed = poincare.dist_to_gyroplane(x, p, a, c)
        step = float(c**0.5 * (t[1, 0] - t[0, 0]))
        assert abs(abs(signed) - lowest) <= step**3
        assert np.sign(signed) == np.sign(poincare.log(p, x, c) @ a)
        np.testing.assert_allclose(poincare.dist_to_gyroplane(p, p, a, c), 0.0, atol=0)


def _vertex(t: np.ndarray, f: np.ndarray) -> float:
    """The least value of the parabola through three points."""
    a, b, c0 = np.polyfit(t - t[1], f, 2)
    return float(c0 - b * b / (4 * a))


def test_gyroplane_with_the_misprinted_logarithm_is_wrong() -> None:
    """log_x(p) for log_p(x), turned round, misses the distance: it lives in another tangent space, a gyration away."""
    x, p, a = np.array([0.5, 0.3]), np.array([-0.2, 0.6]), np.array([1.0, 0.5])
    m = poincare.mobius_add(-x, p, 1.0)
    misprint = np.arcsinh(2 * -(m @ a) / (poincare.gap(m, 1.0) * np.linalg.norm(a)))
    assert abs(misprint - poincare.dist_to_gyroplane(x, p, a, 1.0)) > 0.1


def test_gyration_is_what_associativity_lacks(rng: np.random.Generator) -> None:
    """x (+) (y (+) z) = (x (+) y) (+) gyr[x, y] z; (t + s) (x) x = t (x) x (+) s (x) x; -x (+) x = 0."""
    for c in CURVATURES:
        x, y, z = conversions.tangent_to_poincare(rng.standard_normal((3, 20, 3)) / c**0.5, c)
        left = poincare.mobius_add(x, poincare.mobius_add(y, z, c), c)
        right = poincare.mobius_add(poincare.mobius_add(x, y, c), poincare.gyration(x, y, z, c), c)
        bound = 1e-12 / c**0.5  # 3 sums at radius up to 9 of each: eps cosh(9)
        np.testing.assert_allclose(left, right, atol=bound)
        assert not poincare.mobius_add(-x, x, c).any()
        both = poincare.mobius_add(poincare.mobius_scalar_mul(0.3, x, c), poincare.mobius_scalar_mul(0.4, x, c), c)
        np.testing.assert_allclose(both, poincare.mobius_scalar_mul(0.7, x, c), atol=bound)
        doubled = poincare.mobius_matvec(2 * np.eye(3), x, c)
        np.testing.assert_allclose(doubled, poincare.mobius_add(x, x, c), atol=bound)
        geodesic = PoincareBall(c).geodesic(x, y, 0.3)
        mobius = poincare.mobius_add(x, poincare.mobius_scalar_mul(0.3, poincare.mobius_add(-x, y, c), c), c)
        np.testing.assert_allclose(geodesic, mobius, atol=bound)


@pytest.mark.parametrize("asarray", [np.asarray, array_api_strict.asarray], ids=["numpy", "strict"])
@pytest.mark.parametrize("model", conversions.MODELS)
def test_exp_polar_of_a_batch_is_that_of_its_elements(asarray: Any, model: str, rng: np.random.Generator) -> None:
    """Centres at 0, near and far in one batch against one at a time, with a c each; float32 stays."""
    mu = np.float32([0.0, 0.0, 0.3, 0.9, 1.1, 4.0])[:, None] * np.float32([0.6, 0.8])
    c, radius = np.float32([[0.5], [1.0]]), rng.uniform(0, 4, 6).astype(np.float32)
    u = np.float32([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [-0.6, -0.8], [0.8, -0.6], [-0.8, 0.6]])
    together = polar.exp_polar(*(asarray(a) for a in (mu, radius, u, c)), model)
    together = together if asarray is np.asarray else np.asarray(together._array)
    assert together.dtype == np.float32
    assert together.shape == (2, 6, 2 + (model == "lorentz"))
    for i in range(2):
        for j in range(6):
            alone = polar.exp_polar(mu[j], radius[j], u[j], c[i, 0], model)
            np.testing.assert_allclose(together[i, j], alone, rtol=1e-5, atol=1e-6)


def derivative(radius_of: Any, x: np.ndarray, e: np.ndarray) -> np.ndarray:
    """The derivative along e of radius_of(|x|)/|x| x at x, to 30 digits."""
    with mp.workdps(60):
        p, q = [mp.mpf(float(t)) for t in x], [mp.mpf(float(t)) for t in e]

        def moved(h: Any, i: int) -> Any:
            y = [a + h * b for a, b in zip(p, q, strict=True)]
            size = mp.norm(y)
            return radius_of(size) / size * y[i]

        step = mp.mpf(10) ** -25 * mp.norm(p)
        return np.array([float((moved(step, i) - moved(-step, i)) / (2 * step)) for i in range(len(x))])


@pytest.mark.parametrize("c", CURVATURES)
@pytest.mark.parametrize("model", ["poincare", "lorentz"])
def test_derivative_of_the_tangent_coordinates(model: str, c: float, rng: np.random.Generator) -> None:
    """The ball loses what rounding its coordinates implies, eps over the gap; the hyperboloid the radius times eps."""
    k = c**0.5
    for radius in (1e-9, 1e-3, 0.3, 2.0, 6.0, 12.0, 40.0, 300.0)[: 6 if model == "poincare" else 8]:
        x = rng.standard_normal(3)
        p = conversions.from_tangent(x * (radius / k / np.linalg.norm(x)), np.float64(c), model)
        e = rng.standard_normal((2, 3))
        if model == "poincare":
            v, dv = conversions.poincare_to_tangent_along(p, e, c)
            want = [derivative(lambda r: 2 * mp.atanh(mp.sqrt(c) * r) / mp.sqrt(c), p, row) for row in e]
            bound = 16 * EPS / poincare.gap(p, c)
        else:
            s = p[1:]
            time = (e @ s) / p[0]
            v, dv = conversions.lorentz_to_tangent_along(p, np.concatenate([time[:, None], e], axis=-1), c)
            want = [derivative(lambda r: mp.asinh(mp.sqrt(c) * r) / mp.sqrt(c), s, row) for row in e]
            bound = 4 * EPS * (8 + radius)
        np.testing.assert_array_equal(v, conversions.to_tangent(p, np.float64(c), model))
        np.testing.assert_allclose(dv, want, rtol=0, atol=bound * np.abs(want).max(), err_msg=f"radius {radius}")
