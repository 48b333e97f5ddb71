"""The space classes: what they take, what they refuse, Frechet means, the edges of sphere and torus."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdist.geometry import conversions, sphere, tangent, torus
from hyperdist.spaces import Euclidean, Lorentz, PoincareBall, Space, Sphere, Tangent, Torus
from tests.support import strategies

EPS = float(np.finfo(np.float64).eps)
SPACES: list[Any] = [PoincareBall(0.0), PoincareBall(1.4), Lorentz(1.4), Tangent(1.4), Euclidean(), Sphere(), Torus()]


def some_points(space: Space, rng: np.random.Generator, n: int, d: int = 3, spread: float = 0.6) -> np.ndarray:
    o = space.origin(d)
    return space.exp(o, space.from_frame(o, spread * rng.standard_normal((n, d)).clip(-1.7, 1.7)))


@pytest.mark.parametrize("space", SPACES, ids=repr)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_methods_agree_and_keep_the_dtype(space: Any, dtype: Any, rng: np.random.Generator) -> None:
    x, y = some_points(space, rng, 6).astype(dtype), some_points(space, rng, 6).astype(dtype)
    u = space.log(x, y)
    tolerance = 1000 * float(np.finfo(dtype).eps)  # eps cosh(2)^2 x 64: distances to 2 from points at radius 2
    np.testing.assert_allclose(space.exp(x, u), y, atol=tolerance)
    np.testing.assert_allclose(space.norm(x, u), space.dist(x, y), atol=tolerance)
    np.testing.assert_allclose(space.inner(x, u, u), space.dist_sq(x, y), atol=tolerance)
    np.testing.assert_allclose(space.dist(space.geodesic(x, y, 0.25), y), 0.75 * space.dist(x, y), atol=tolerance)
    np.testing.assert_allclose(space.from_frame(x, space.to_frame(x, u)), u, atol=tolerance)
    np.testing.assert_allclose(space.transport(x, y, u), -space.log(y, x), atol=10 * tolerance)
    for result in (u, space.exp(x, u), space.dist(x, y), space.transport(x, y, u), space.geodesic(x, y, 0.5)):
        assert result.dtype == dtype
    for result in (space.inner(x, u, u), space.norm(x, u), space.to_frame(x, u), space.log_volume(x)):
        assert result.dtype == dtype
    assert space.frechet_mean(x).dtype == dtype
    assert (space.dist(x, x) == 0).all()
    assert space.contains(x).all()
    assert not space.contains(np.where(np.arange(x.shape[-1]) == 0, np.nan, x)).any()


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_lists_are_promoted_and_batches_broadcast(space: Any, rng: np.random.Generator) -> None:
    x = some_points(space, rng, 4)
    assert space.dist(x[0].tolist(), x[1].tolist()) == space.dist(x[0], x[1])
    assert space.dist(x[:, None], x).shape == (4, 4)
    assert space.geodesic(x[0], x[1], np.linspace(0, 1, 5)).shape == (5, x.shape[-1])
    assert space.dist(x[:0], x[0]).shape == (0,)


BAD: list[tuple[Any, type[Exception], str]] = [
    ([np.nan, 0.0, 0.0], ValueError, "x must be finite, got .*nan.* at index"),
    ([np.inf, 0.0, 0.0], ValueError, "x must be finite, got .*inf.* at index"),
    ([0.0 + 1j, 0.0, 0.0], TypeError, "x must hold real numbers, got dtype complex"),
    (["a", "b", "c"], TypeError, "x must hold real numbers, got dtype <U1"),
    (np.array([None, 1.0, 2.0], object), TypeError, "x must hold real numbers, got dtype object"),
    ([[1.0, 2.0], [3.0]], ValueError, "x must be rectangular"),
    ([True, False, False], TypeError, "x must hold real numbers, got dtype bool"),
    (0.5, ValueError, r"x must have shape \(\*batch, d\)"),
]


@pytest.mark.parametrize("space", SPACES, ids=repr)
@pytest.mark.parametrize(("x", "error", "message"), BAD)
def test_refuses_what_is_no_point(space: Any, x: Any, error: type[Exception], message: str) -> None:
    for method in (space.check_point, lambda x: space.dist(x, x), space.log_volume):
        with pytest.raises(error, match=message):
            method(x)


@pytest.mark.parametrize(
    ("space", "x", "message"),
    [
        (PoincareBall(4.0), [0.3, 0.4], r"x must lie inside the ball, sqrt\(c\) \|x\| < 1, got sqrt\(c\) \|x\| = 1.0 "),
        (PoincareBall(4.0), [[0.1, 0.1], [3.0, 4.0]], r"= 10.0 \(1 of 2 points outside\)"),
        (
            PoincareBall(0.0),
            [1e160, 0.0],
            r"length whose square float64 holds, \|x\| <= 1.34e\+154, got .* 1e\+160 \(1 of",
        ),
        (Tangent(1.0), np.full((2, 9), 1e19, np.float32), r"square float32 holds, \|x\| <= 1.84e\+19, .* \(2 of 2\)"),
        (Euclidean(), [1e160], "length whose square float64 holds"),
        (Lorentz(1.0), [1.0, 0.5, 0.5], r"x must lie on the hyperboloid .* off by 0.18"),
        (Lorentz(1.0), [-1.0, 0.0, 0.0], "x must lie on the hyperboloid"),
        (Sphere(), [0.6, 0.7], r"x must lie on the unit sphere to .*, got \|x\| = 0.92"),
        (Torus(), [0.0, np.pi], r"x must hold angles in \[-pi, pi\), got one of size 3.14.*Torus\(\).wrap"),
    ],
)
def test_refuses_points_off_the_space(space: Any, x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        space.check_point(x)
    assert not np.all(space.contains(x))


def test_refuses_other_arguments(rng: np.random.Generator) -> None:
    ball, x = PoincareBall(1.0), [[0.1, 0.2], [0.3, 0.1]]
    for c in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="c must be"):
            PoincareBall(c)
    with pytest.raises(TypeError, match="c must hold real numbers"):
        PoincareBall("1")
    with pytest.raises(ValueError, match=r"c must be > 0: the hyperboloid has no flat limit"):
        Lorentz([1.0, 0.0])
    with pytest.raises(ValueError, match=r"no flat limit"):
        PoincareBall(0.0).to_lorentz(x)
    with pytest.raises(ValueError, match=r"y must have 2 coordinates on its last axis, got shape \(3,\)"):
        ball.dist(x, [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="y must lie inside the ball"):
        ball.dist(x, [3.0, 0.2])
    with pytest.raises(ValueError, match="shapes do not broadcast: "):
        PoincareBall([1.0, 2.0, 3.0]).dist(x, x)
    with pytest.raises(ValueError, match="shapes do not broadcast: "):
        ball.geodesic(x, x, np.zeros(3))
    with pytest.raises(ValueError, match="u must be finite"):
        ball.exp(x, [np.nan, 0.0])
    with pytest.raises(ValueError, match="u must have a length whose square float64 holds"):
        PoincareBall(1.0).exp([0.0, 0.0], [1e160, 0.0])
    with pytest.raises(ValueError, match="v must have 2 coordinates"):
        ball.from_frame(x, np.zeros(3))
    with pytest.raises(ValueError, match="u must be tangent to the space at x"):
        Sphere().exp([1.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="u must be tangent to the space at x"):
        Lorentz(1.0).exp([1.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="d must be an integer >= 1"):
        ball.origin(0)
    with pytest.raises(ValueError, match="a must not be 0"):
        ball.dist_to_gyroplane(x, x, [0.0, 0.0])
    with pytest.raises(ValueError, match="m must have shape"):
        ball.mobius_matvec([1.0, 2.0], x)
    with pytest.raises(ValueError, match=r"x must have shape \(n, k\)"):
        ball.frechet_mean(x[0])
    with pytest.raises(ValueError, match=r"x must be finite, got .*nan.* at index \(1, "):
        ball.frechet_mean([[0.1, 0.2], [np.nan, 0.2]])
    with pytest.raises(ValueError, match="weights must have length 2"):
        ball.frechet_mean(x, [1.0])
    with pytest.raises(ValueError, match="weights must have a positive sum"):
        ball.frechet_mean(x, [0.0, 0.0])
    with pytest.raises(ValueError, match=r"model='tangent'"):
        Tangent(1.0).to_poincare([[60.0, 0.0]])
    with pytest.raises(ValueError, match="Lorentz coordinates of x must be finite"):
        Tangent(1.0).to_lorentz([[800.0, 0.0]])


def test_spaces_are_values() -> None:
    assert PoincareBall(1) == PoincareBall(1.0) != PoincareBall(2.0)
    assert PoincareBall(1.0) != Tangent(1.0)
    assert hash(PoincareBall([1.0, 2.0])) == hash(PoincareBall([1.0, 2.0]))
    assert repr(PoincareBall([1.0, 2.0])) == "PoincareBall(c=[1.0, 2.0])"
    assert Sphere() == Sphere()
    with pytest.raises(AttributeError):
        PoincareBall(1.0).c = 2.0  # type: ignore[misc]
    with pytest.raises(TypeError, match="abstract"):
        Space()  # type: ignore[abstract]


def test_mobius_operations_of_the_ball(rng: np.random.Generator) -> None:
    ball = PoincareBall([[0.5], [2.0]])
    x, y = (conversions.tangent_to_poincare(rng.standard_normal((2, 4, 3)), 2.0) for _ in range(2))
    total = ball.mobius_add(x, y)
    np.testing.assert_allclose(ball.mobius_add(-x, total), y, atol=1e4 * EPS)  # eps cosh(2 x 4)
    np.testing.assert_allclose(
        ball.dist(0 * x, x), 2 * ball.dist(0 * x, ball.mobius_scalar_mul(0.5, x)), rtol=1e3 * EPS
    )
    np.testing.assert_allclose(ball.gyration(x, y, y), ball.gyration(x, y, y))
    np.testing.assert_allclose(ball.conformal_factor(0 * x), 2.0)
    np.testing.assert_allclose(ball.mobius_matvec(np.eye(3), x), x, rtol=1e3 * EPS)
    assert ball.dist_to_gyroplane(x, y, [1.0, 0.0, 0.0]).shape == (2, 4)
    for other in (Tangent(2.0), Lorentz(2.0)):
        there = PoincareBall(2.0).to_tangent(x) if isinstance(other, Tangent) else PoincareBall(2.0).to_lorentz(x)
        np.testing.assert_allclose(other.to_poincare(there), x, rtol=1e3 * EPS)
    assert ball.origin(3).shape == (2, 1, 3)


@pytest.mark.parametrize("space", SPACES, ids=repr)
@pytest.mark.parametrize("d", [1, 2, 5])
def test_frechet_mean_has_no_gradient(space: Any, d: int, rng: np.random.Generator) -> None:
    """The weighted mean of the logarithms is 0 to 1e-12 of the spread, for a batch of weights, zeros among them."""
    x = some_points(space, rng, 60, d)
    w = rng.random((60, 2, 3)) * (rng.random((60, 1, 1)) < 0.8)
    mean = space.frechet_mean(x, w)
    assert mean.shape == (2, 3, x.shape[-1])
    logs = space.to_frame(mean, space.log(mean, x[:, None, None]))
    share = w / w.sum(axis=0)
    gradient = np.einsum("nab,nabi->abi", share, logs)
    assert np.abs(gradient).max() <= 1e-12
    np.testing.assert_allclose(mean[1, 2], space.frechet_mean(x, w[:, 1, 2]), atol=1e-12)
    for same in (x[:1], np.repeat(x[:1], 5, axis=0)):
        np.testing.assert_allclose(space.frechet_mean(same), x[0], atol=32 * EPS)
    np.testing.assert_allclose(space.frechet_mean(x, 1.0 * (np.arange(60) == 7)), x[7], atol=64 * EPS)


def test_frechet_mean_far_out() -> None:
    """Points at radius 300 and 1e9: by symmetry on the diagonal, at arsinh(1) for two at right angles."""
    for radius in (300.0, 1e9):
        mean = Tangent(1.0).frechet_mean(np.diag([radius, radius]))
        np.testing.assert_allclose(mean, np.arcsinh(1.0) / np.sqrt(2), rtol=4 * EPS * radius)
    row = np.array([[290.0, 0.0], [300.0, 0.0], [313.0, 0.0]])
    np.testing.assert_allclose(Tangent(1.0).frechet_mean(row), [301.0, 0.0], rtol=4 * EPS)


def test_frechet_mean_in_every_curvature_of_a_batch(rng: np.random.Generator) -> None:
    x, c = 0.5 * rng.standard_normal((30, 2)), np.array([0.0, 0.5, 2.0])
    together = Tangent(c).frechet_mean(x)
    assert together.shape == (3, 2)
    for i in range(3):
        np.testing.assert_allclose(together[i], Tangent(c[i]).frechet_mean(x), atol=1e-13)
    np.testing.assert_allclose(together[0], x.mean(axis=0), atol=8 * EPS)


@given(data=st.data(), n=st.integers(1, 7))
def test_torus_frechet_mean_is_the_global_minimum(data: Any, n: int) -> None:
    x = np.array([data.draw(strategies.angles(1)) for _ in range(n)])
    space = Torus()
    mean = space.frechet_mean(x)
    grid = np.linspace(-np.pi, np.pi, 720, endpoint=False)[:, None]
    cost = np.sum(space.dist_sq(mean, x))
    assert cost <= np.sum(space.dist_sq(grid[:, None], x), axis=1).min() + 64 * n * EPS * 10


@given(x=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5))
def test_wrap(x: list[float]) -> None:
    """In [-pi, pi), equal modulo a turn, and idempotent."""
    y = torus.wrap(np.array(x))
    assert (y >= -np.pi).all()
    assert (y < np.pi).all()
    assert np.array_equal(torus.wrap(y), y)
    # cos and sin of the wrapped angle, whose turns are off by eps each
    np.testing.assert_allclose(np.exp(1j * y), np.exp(1j * np.array(x)), atol=4 * EPS * max(1.0, np.abs(x).max()))


@given(data=st.data(), d=strategies.dims(1, 5))
def test_sphere_frames_near_the_poles(data: Any, d: int) -> None:
    """Orthonormal to a few eps however near mu is to e_0, -e_0 or the equator."""
    mu = data.draw(strategies.unit_vectors(d + 1)) + data.draw(st.sampled_from([0.0, 1e-17, 1e-9, 1e-4])) * np.cos(
        np.arange(d + 1)
    )
    mu /= np.linalg.norm(mu)
    axes = sphere.from_frame(mu, np.eye(d))
    np.testing.assert_allclose(axes @ axes.T, np.eye(d), atol=16 * EPS)
    np.testing.assert_allclose(axes @ mu, 0.0, atol=16 * EPS)
    np.testing.assert_allclose(sphere.to_frame(mu, axes), np.eye(d), atol=16 * EPS)


def test_sphere_antipodes() -> None:
    """log is a shortest path there, transport keeps lengths and reverses it, log_polar sees pi."""
    space, x = Sphere(), np.array([[0.6, 0.0, 0.8], [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    u = space.log(x, -x)
    np.testing.assert_allclose(space.norm(x, u), np.pi, rtol=4 * EPS)
    np.testing.assert_allclose(space.exp(x, u), -x, atol=4 * EPS)
    np.testing.assert_allclose(space.dist(x, -x), np.pi, rtol=2 * EPS)
    np.testing.assert_allclose(space.transport(x, -x, u), -u, atol=16 * EPS)
    v = space.from_frame(x, np.array([0.3, 0.4]))
    np.testing.assert_allclose(space.norm(-x, space.transport(x, -x, v)), 0.5, rtol=8 * EPS)
    np.testing.assert_allclose(sphere.log_polar(x, -x)[0], np.pi, rtol=2 * EPS)


def test_tangent_class_at_radii_where_chart_vectors_vanish() -> None:
    """Along a ray exp and log work at any radius; distances everywhere."""
    space = Tangent(1.0)
    x, y = np.array([1e6, 0.0]), np.array([1e6 + 3.0, 0.0])
    np.testing.assert_allclose(space.log(x, y), [3.0, 0.0], rtol=1e-9)
    np.testing.assert_allclose(space.exp(x, [3.0, 0.0]), y, rtol=4 * EPS)
    assert space.dist(x, y) == 3.0
    np.testing.assert_allclose(tangent.dist(x, -y, 1.0), 2e6 + 3.0, rtol=4 * EPS)
