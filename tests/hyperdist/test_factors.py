"""What can be wrong by a factor and still give right draws, fits and gradients elsewhere: rates, starts, triangles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.distributions import expectation_maximisation as em
from hyperdist.distributions import mixture_fit
from hyperdist.geometry import polar
from hyperdist.geometry.fast import triangle
from hyperdist.radial import rejection
from hyperdist.radial.riemannian_normal import RiemannianNormalRadius
from hyperdist.radial.spherical_normal import SphericalNormalRadius
from hyperdist.radial.von_mises_fisher import VonMisesFisherRadius
from tests.support.statistics import ALPHA

RADII: list[Any] = [
    *(SphericalNormalRadius(d, s) for d in (1, 2, 3, 10, 100) for s in (0.2, 0.7, 3.0, 200.0)),
    *(VonMisesFisherRadius(d, k) for d in (1, 2, 3, 10, 100) for k in (0.0, 0.5, 5.0, 300.0)),
    *(RiemannianNormalRadius(d, s, 1.0) for d in (1, 2, 3, 10) for s in (0.3, 1.0, 2.5)),
]


@pytest.mark.parametrize("law", RADII, ids=repr)
def test_stated_acceptance_rate_is_that_of_the_proposals(law: Any, rng: np.random.Generator) -> None:
    """The mean acceptance probability of 40,000 proposals, by Bernstein's inequality: it finds 1 % of any rate."""
    n = 40_000
    chi = np.sqrt(rng.chisquare(law.d, n))
    proposal = law._proposal(chi, rejection.GeneratorSource(rng), slice(None))
    with np.errstate(all="ignore"):
        chance = np.exp(-proposal.cost(np.arange(n)))
    chance = np.where(np.isnan(chance), 0.0, chance)
    rate = float(law.acceptance_rate())
    assert 0.88 < rate < 1.0 + 1e-12
    # of numbers in [0, 1], whose variance is no more than rate (1 - rate)
    variance, share = max(rate * (1.0 - rate), 0.0), math.log(2.0 / ALPHA) / n
    assert abs(chance.mean() - rate) <= share / 3.0 + math.sqrt((share / 3.0) ** 2 + 2.0 * variance * share)


def test_starts_are_seeded_on_the_space_of_the_family() -> None:
    assert mixture_fit.space_of(hd.RiemannianNormal, {}).c == 1.0
    assert mixture_fit.space_of(hd.RiemannianNormal, {"c": 0.5}).c == 0.5


@pytest.mark.parametrize("bounded", [True, False])
def test_responsibilities_of_a_start(bounded: bool, rng: np.random.Generator) -> None:
    """Three points, two centres: the third's belong to a normal whose variance is its share of its squared distance."""
    x = np.array([[0.0, 0.0], [0.3, 0.0], [0.0, 0.45]])
    share, space = np.array([0.25, 0.25, 0.5]), hd.PoincareBall(1.0)
    options = {"min_scale": 0.1} if bounded else {}
    plan = em.Climb(hd.RiemannianNormal, options, x, space, 1e-16, 10, 1e-6)
    square = space.dist_sq(x[:, None], x)
    spread = 0.0 if bounded else 0.5
    for _ in range(10):
        got = mixture_fit.seed(plan, share, 2, rng)
        possible = []
        for a, b in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)):
            apart = square[:, [a, b]]
            variance = np.sum(share * apart.min(axis=1))
            soft = np.exp(-0.5 * (apart - apart.min(axis=1, keepdims=True)) / variance)
            possible.append((1.0 - spread) * soft / soft.sum(axis=1, keepdims=True) + 0.5 * spread)
        assert any(np.allclose(got, each, rtol=1e-9, atol=1e-12) for each in possible)


def test_triangles_give_the_chart_s_point_and_its_gradients(rng: np.random.Generator) -> None:
    """Against ``exp_polar`` and central differences of it: 1e-7 of the largest."""
    mu, c = rng.normal(size=(6, 3)), np.array([0.5, 1.0, 2.0, 0.7, 1.3, 1.0])
    radius, u = rng.uniform(0.2, 2.0, 6), rng.normal(size=(6, 3))
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    weight = rng.normal(size=(6, 3))

    def total(mu: Any = mu, radius: Any = radius, u: Any = u, c: Any = c) -> np.ndarray:
        u = u / np.linalg.norm(u, axis=-1, keepdims=True)
        return np.sum(weight * polar.exp_polar(mu, radius, u, c, "tangent"), axis=-1)

    solved = triangle.solve(mu, radius, u, c)
    assert solved is not None
    x = triangle.point(solved)
    np.testing.assert_allclose(x, polar.exp_polar(mu, radius, u, c, "tangent"), rtol=1e-12, atol=1e-13)
    got, h = triangle.pull_back(solved, x, weight), 1e-5
    assert got.direction is not None
    assert got.c is not None
    close: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-8}
    np.testing.assert_allclose(got.radius, (total(radius=radius + h) - total(radius=radius - h)) / (2 * h), **close)
    np.testing.assert_allclose(got.c, (total(c=c + h) - total(c=c - h)) / (2 * h), **close)
    across = got.direction - np.sum(got.direction * u, axis=-1, keepdims=True) * u
    for j, step in enumerate(h * np.eye(3)):
        np.testing.assert_allclose(got.mu[:, j], (total(mu=mu + step) - total(mu=mu - step)) / (2 * h), **close)
        np.testing.assert_allclose(across[:, j], (total(u=u + step) - total(u=u - step)) / (2 * h), **close)
