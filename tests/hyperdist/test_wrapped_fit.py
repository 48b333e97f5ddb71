"""Maximum likelihood of wrapped normals: the gradient, other optimisers' maxima, data without a maximum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import hyperdist as hd
from hyperdist.arrays.blocks import Blocks
from hyperdist.distributions.wrapped_fit import KINDS
from hyperdist.geometry import conversions, tangent
from tests.hyperdist.test_fit import mean_log_prob, neighbours
from tests.support.cases import unit


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("d", "c"), [(2, 1.0), (3, 0.4), (6, 2.0)])
def test_gradient_of_the_wrapped_normal(d: int, c: float, kind: str, rng: np.random.Generator) -> None:
    """Against a central difference of step h: error h^2 times a third derivative, and eps/h."""
    x = 0.4 / c**0.5 * rng.uniform(-1, 1, (40, d)) / d**0.5
    problem = KINDS[kind](Blocks(x, np.full((40, 1), 1 / 40)), 1, np.float64(c), 0.0)
    theta, which, h = 0.5 * rng.normal(size=(1, d)), np.array([0]), 1e-5
    _, gradient, _ = problem.evaluate(theta, which)
    steps = [problem.evaluate(theta + h * e, which)[0] - problem.evaluate(theta - h * e, which)[0] for e in np.eye(d)]
    np.testing.assert_allclose(gradient[0], np.concatenate(steps) / (2 * h), atol=1e-8 * (1 + np.abs(gradient).max()))


@pytest.mark.parametrize("isotropic", [False, True])
def test_wrapped_normal_against_a_general_optimiser(isotropic: bool, rng: np.random.Generator) -> None:
    x = hd.WrappedNormal([0.5, 0.3], [0.4, 1.1], 1.0).sample(60, rng)
    fitted = hd.WrappedNormal.fit(x, isotropic=isotropic)

    def loss(p: np.ndarray) -> float:
        mu = conversions.tangent_to_poincare(p[:2], 1.0)
        return -mean_log_prob(hd.WrappedNormal(mu, np.exp(p[2:3] if isotropic else p[2:])), x)

    start = np.array([1.0, 0.5, 0.0, 0.0])
    found = optimize.minimize(
        loss, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000}
    )
    assert -mean_log_prob(fitted, x) <= found.fun + 1e-12


def test_points_on_a_geodesic_through_the_origin() -> None:
    """Across it there is no spread: no anisotropic law is best, an isotropic one is."""
    x = np.outer(np.linspace(-0.5, 0.6, 9), [0.6, 0.8])
    along_axis = np.outer(np.linspace(-0.5, 0.6, 9), [1.0, 0.0])
    with pytest.raises(ValueError, match="isotropic"):
        hd.WrappedNormal.fit(along_axis)
    held = hd.WrappedNormal.fit(along_axis, min_scale=0.1)
    assert held.sigma[1] == 0.1 < held.sigma[0]
    assert hd.WrappedNormal.fit(x, isotropic=True).sigma > 0


def on_a_hyperplane(d: int, n: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """n points of the ball on a sphere orthogonal to the boundary, and max |p_j|/rho of its centre p and radius rho.

    Its normal at x is (x - p)/rho: e_j at the point p + rho e_j or p - rho e_j, in the ball where rho < |p_j|.
    """
    rho = np.exp(rng.uniform(-2.0, 3.0))
    p = rng.standard_normal(d)
    p *= np.sqrt(1.0 + rho * rho) / np.linalg.norm(p)
    foot, points = p * (1.0 - rho / np.linalg.norm(p)), []
    while len(points) < n:
        w = foot - p + 0.4 * min(1.0, rho) * rng.standard_normal(d)
        x = p + rho * w / np.linalg.norm(w)
        if x @ x < 0.99:
            points.append(x)
    return np.array(points), float(np.abs(p).max() / rho)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_points_on_a_hyperplane_have_no_best_law_where_an_axis_is_its_normal(d: int, rng: np.random.Generator) -> None:
    """One scale for all is fitted in any case; a point off the hyperplane, of any weight but 0, changes the answer."""
    refused = 0
    for _ in range(30):
        x, ratio = on_a_hyperplane(d, int(rng.integers(d, 8)), rng)
        assert abs(ratio - 1.0) > 1e-6
        both, weights = np.concatenate([x, 0.5 * unit(d, float)[None]]), np.append(np.ones(len(x)), 0.0)
        assert hd.WrappedNormal.fit(x, isotropic=True).sigma > 0
        if ratio < 1.0:
            assert hd.WrappedNormal.fit(x).sigma.min() > 0
            assert hd.WrappedNormal.fit(both, weights).sigma.min() > 0
            continue
        refused += 1
        for points, share in ((x, None), (both, weights)):
            with pytest.raises(ValueError, match="positive spread along every axis"):
                hd.WrappedNormal.fit(points, share)
        assert hd.WrappedNormal.fit(both).sigma.min() > 0
        assert hd.WrappedNormal.fit(x, min_scale=0.01).sigma.min() >= 0.01
    assert 5 < refused < 25


@pytest.mark.parametrize("c", [1.0, 0.25])
def test_few_points(c: float, rng: np.random.Generator) -> None:
    """One point never has a best law, two or three in three dimensions where some mean makes a coordinate vanish."""
    ball = hd.PoincareBall(c)
    with pytest.raises(ValueError, match="positive spread"):
        hd.WrappedNormal.fit([[0.1, 0.3, 0.2]], c=c)
    seen = set()
    for trial in range(12):
        foot = unit(3, float) * np.tanh(0.5 * rng.choice([0.0, 0.5, 1.5])) / c**0.5
        velocity = (0.5 / c / ball.conformal_factor(foot)) * rng.standard_normal((2 + trial % 2, 3))
        x = ball.exp(foot, velocity)

        def spread(mu: np.ndarray, j: int, x: np.ndarray = x) -> np.ndarray:
            return tangent.log_frame(mu, ball.to_tangent(x), c)[:, j]

        starts = ball.to_tangent(ball.frechet_mean(x)) + np.array([0.0, 0.3, 1.0])[:, None] * rng.standard_normal(
            (3, 3)
        )
        found = [optimize.least_squares(spread, start, args=(j,), xtol=1e-15) for start in starts for j in range(3)]
        try:
            hd.WrappedNormal.fit(x, c=c)
        except ValueError:
            seen.add("none")
            assert min(end.cost for end in found) < 1e-12
        else:
            # At infinity, where no mean is, a coordinate's spread at distance r goes down as r exp(-r).
            seen.add("one")
            assert min((end.cost for end in found if c**0.5 * np.linalg.norm(end.x) < 8.0), default=1.0) > 1e-9
    assert "none" in seen


def test_points_on_a_geodesic_of_which_no_axis_is_a_normal(rng: np.random.Generator) -> None:
    """Through the origin at any angle to the axes: no mean on it or off it is more likely than the fitted one."""
    for angle in (1e-3, 0.3, 0.8):
        x = np.outer([-0.5, 0.1, 0.3, 0.7], [np.cos(angle), np.sin(angle)])
        fitted = hd.WrappedNormal.fit(x)
        best = mean_log_prob(fitted, x)
        assert all(mean_log_prob(law, x) < best for law in neighbours(fitted, 1e-2))

        def loss(mu: np.ndarray, x: np.ndarray = x) -> float:
            v = tangent.log_frame(mu, conversions.poincare_to_tangent(x, 1.0), 1.0)
            return -mean_log_prob(
                hd.WrappedNormal(mu, np.sqrt(np.mean(v * v, axis=0)), model="tangent"),
                conversions.poincare_to_tangent(x, 1.0),
            )

        start = 0.5 * rng.standard_normal(2)
        assert optimize.minimize(loss, start, method="Nelder-Mead").fun >= -best - 1e-9
