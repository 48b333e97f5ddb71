"""JAX: every method of every space, and the other pure maps, under ``jit``, ``vmap`` and ``grad``, against NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.geometry import conversions, gyroplane, horosphere, klein, polar, sphere, tangent, vector_fields
from hyperdist.geometry.fast import chord, translation
from tests.support.space_methods import METHODS, Method

jax = pytest.importorskip("jax")

TOLERANCE = 1e-12
"""Rounding of two elementary functions, amplified by cosh(3)^2 = 101 at most (``contracts_spaces``): 40 eps each."""
H = 2.0**-17
"""Step of central differences: h^2 of truncation and eps/h of rounding, both 6e-11, times derivatives below 1e3."""

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""A program that runs once is not worth compiling well."""


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def direction(a: np.ndarray) -> np.ndarray:
    return np.cos(1.0 + np.arange(a.size)).reshape(a.shape)


def check(function: Callable[..., Any], given: list[np.ndarray]) -> None:
    """A program of two rows gives NumPy's values, and the gradient its differences."""
    rows = [np.stack([value, 0.7 * value]) for value in given]
    values = jax.jit(jax.vmap(function), compiler_options=QUICK)(*map(jax.numpy.asarray, rows))
    assert values.dtype == np.float64
    for i in range(2):
        np.testing.assert_allclose(values[i], function(*(row[i] for row in rows)), rtol=TOLERANCE, atol=TOLERANCE)
    slopes = jax.grad(lambda *a: function(*a).sum(), argnums=tuple(range(len(given))))(*map(jax.numpy.asarray, given))
    slope = sum(np.sum(np.asarray(g) * direction(a)) for g, a in zip(slopes, given, strict=True))
    moved = [function(*(a + side * H * direction(a) for a in given)).sum() for side in (1.0, -1.0)]
    np.testing.assert_allclose(slope, (moved[0] - moved[1]) / (2.0 * H), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_method(method: Method, rng: np.random.Generator) -> None:
    free = method.free(rng)
    names = list(free)
    check(lambda *given: method.call(dict(zip(names, given, strict=True))), list(free.values()))


def _frame(space: str, kind: str, c: float, name: str) -> Callable[..., Any]:
    return lambda x, u: getattr(vector_fields.frame(space, kind, 3, c), name)(x, u)


MAPS: dict[str, tuple[Callable[..., Any], str]] = {
    "gyroplane.dist": (gyroplane.dist, "xNrc"),
    "gyroplane.dist, ball": (lambda x, n, r, c: gyroplane.dist(x, n, r, c, "poincare"), "xNrc"),
    "horosphere.dist": (horosphere.dist, "xNrc"),
    "klein.lift": (klein.lift, "xc"),
    "polar.exp_polar, tangent": (lambda m, r, u, c: polar.exp_polar(m, r, u, c, "tangent"), "xpuc"),
    "polar.exp_polar, ball": (polar.exp_polar, "xpuc"),
    "polar.log_polar": (lambda m, x, c: polar.log_polar(m, x, c, "tangent")[0], "xyc"),
    "polar.log_polar, direction": (lambda m, x, c: polar.log_polar(m, x, c)[1], "xyc"),
    "sphere.exp_polar": (sphere.exp_polar, "spu"),
    "sphere.log_polar": (lambda m, x: sphere.log_polar(m, x)[1], "sS"),
    "sphere.stereographic": (lambda x: sphere.to_stereographic(sphere.from_stereographic(x)), "x"),
    "tangent.log_frame": (tangent.log_frame, "xyc"),
    "tangent.boost": (tangent.boost, "xyc"),
    "chord.dist_sq": (lambda x, y, c: chord.dist_sq(chord.solve(x, y, c)), "xyc"),
    "translation.translate": (translation.translate, "xyc"),
    "poincare_to_tangent_along": (lambda x, y, c: conversions.poincare_to_tangent_along(x, y, c)[1], "xyc"),
    "generators of the sphere, push": (_frame("sphere", "generators", 0.0, "push"), "s6"),
    "generators of the sphere, pull": (_frame("sphere", "generators", 0.0, "pull"), "sS"),
    "generators of the ball": (_frame("poincare", "generators", 1.4, "push"), "x6"),
}
"""Pure maps besides the methods; arguments: x, y vectors, N unit vectors, r offsets, p a radius, u a unit vector, s, S
points of the sphere, 6 coefficients, c."""


@pytest.mark.parametrize("name", MAPS)
def test_pure_map(name: str, rng: np.random.Generator) -> None:
    def unit(*shape: int) -> np.ndarray:
        v = rng.standard_normal(shape)
        return v / np.linalg.norm(v, axis=-1, keepdims=True)

    function, takes = MAPS[name]
    made = {
        "x": 0.4 * unit(3), "y": 0.5 * unit(3), "N": unit(4, 3), "r": rng.standard_normal(4), "p": np.array(0.7),
        "u": unit(3), "s": unit(4), "S": unit(4), "6": rng.standard_normal(6), "c": np.array(1.4),
    }  # fmt: skip
    check(function, [made[key] for key in takes])


@pytest.mark.parametrize("space", [hd.PoincareBall(1.3), hd.Sphere()], ids=repr)
def test_program_of_a_gradient(space: Any) -> None:
    """grad, vmap and jit in one another."""
    x = space.origin(2)
    many = np.stack([space.exp(x, space.from_frame(x, v)) for v in ([0.3, 0.2], [-0.5, 0.1])])
    program = jax.jit(jax.vmap(jax.grad(space.dist_sq), in_axes=(0, None)), compiler_options=QUICK)
    # The gradient of the squared distance in the embedding, or the ball's coordinates, along the logarithm.
    got = program(jax.numpy.asarray(many), jax.numpy.asarray(x))
    metric = np.ones(2) if isinstance(space, hd.Sphere) else space.conformal_factor(many) ** 2
    want = -2.0 * metric[:, None] * space.log(many, x)
    got = got - np.sum(got * many, axis=-1, keepdims=True) * many if isinstance(space, hd.Sphere) else got
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def test_checks_where_values_are_there_and_none_where_they_are_not() -> None:
    ball = hd.PoincareBall(1.0)
    with pytest.raises(ValueError, match=r"x must lie inside the ball, .* got sqrt\(c\) \|x\| = 1\.2"):
        ball.dist(jax.numpy.asarray([1.2, 0.0]), [0.0, 0.0])
    assert np.isnan(jax.jit(ball.dist)(jax.numpy.asarray([1.2, 0.0]), jax.numpy.zeros(2)))
    with pytest.raises(ValueError, match="y must have 2 coordinates"):
        jax.jit(ball.dist)(jax.numpy.zeros(2), jax.numpy.zeros(3))


def test_single_precision_stays_where_doubles_are_off() -> None:
    jax.config.update("jax_enable_x64", False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x, y = jax.numpy.asarray([0.1, 0.2]), jax.numpy.asarray([0, 0])
        for space in (hd.PoincareBall(1.3), hd.Tangent(1.3), hd.Euclidean(), hd.Torus()):
            got, want = space.dist(x, y), space.dist(np.asarray(x), np.zeros(2))
            assert got.dtype == np.float32
            np.testing.assert_allclose(got, want, rtol=1e-6)
            u = space.log(x, y)
            np.testing.assert_allclose(space.exp(x, u), [0.0, 0.0], atol=1e-6)


def test_means_are_worked_out_in_numpy_and_come_back() -> None:
    x = jax.numpy.asarray([[0.1, 0.2], [0.3, -0.4], [0.0, 0.5]])
    mean = hd.PoincareBall(1.0).frechet_mean(x)
    np.testing.assert_allclose(mean, hd.PoincareBall(1.0).frechet_mean(np.asarray(x)), rtol=1e-14)
