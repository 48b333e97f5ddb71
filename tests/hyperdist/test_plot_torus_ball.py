"""Pictures of two angles, of pairs of more, and of the ball of dimension 3."""

from __future__ import annotations

import numpy as np
import pytest

import hyperdist as hd

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from hyperdist import plot  # noqa: E402

PIXELS = 120
AREA = (2 * np.pi / PIXELS) ** 2
THREE = hd.ToroidalWrappedNormal([0.0, 3.0, 1.0], [0.5, 1.0, 0.2])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def solid():
    return Figure().add_subplot(projection="3d")


@pytest.mark.parametrize("sigma", [[0.5, 2.0], [1e-3, 1e-3], [1e-6, 0.5], [0.02, 0.02]])
@pytest.mark.parametrize("mu", [[1.0, -2.0], [-np.pi, 3.1]])
def test_mass_on_the_torus_is_one(mu, sigma):
    image = plot.torus_density(hd.ToroidalWrappedNormal(mu, sigma), Figure().add_subplot(), pixels=PIXELS)
    assert image.get_array().sum() * AREA == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("axes", [(0, 1), (2, 0), (1, 2)])
def test_marginals_are_exact(axes):
    """Of independent angles; of a mixture that of its components."""
    image = plot.torus_density(THREE, Figure().add_subplot(), axes=axes, pixels=PIXELS)
    place = -np.pi + 2 * np.pi * (np.arange(PIXELS) + 0.5) / PIXELS
    first, second = (hd.ToroidalWrappedNormal(THREE.mu[[k]], THREE.sigma[[k]]).prob(place[:, None]) for k in axes)
    np.testing.assert_allclose(image.get_array(), second[:, None] * first, rtol=1e-10, atol=1e-300)
    both = hd.Mixture([0.5, 0.5], [THREE, hd.ToroidalUniform(3)])
    mixed = plot.torus_density(both, Figure().add_subplot(), axes=axes, pixels=PIXELS)
    expected = 0.5 * np.asarray(image.get_array()) + 0.5 / (4 * np.pi**2)
    np.testing.assert_allclose(mixed.get_array(), expected, rtol=1e-10)


def test_marginal_of_one_scale_for_all_angles():
    law = hd.ToroidalWrappedNormal([0.0, 3.0, 1.0], 0.5)
    image = plot.torus_density(law, Figure().add_subplot(), axes=(0, 2), pixels=20)
    known = plot.torus_density(hd.ToroidalWrappedNormal([0.0, 1.0], 0.5), Figure().add_subplot(), pixels=20)
    np.testing.assert_allclose(image.get_array(), known.get_array(), rtol=1e-12)


def test_functions_of_two_angles_are_shown():
    law = hd.ToroidalWrappedNormal([1.0, -2.0], [0.5, 1.0])
    image = plot.torus_density(law.prob, Figure().add_subplot(), pixels=30)
    known = plot.torus_density(law, Figure().add_subplot(), pixels=30)
    np.testing.assert_allclose(image.get_array(), known.get_array(), rtol=1e-12)


def test_angles_are_wrapped_and_ticked():
    ax = plot.torus(plt.figure().gca(), names=("phi", "psi"))
    artist = plot.torus_points([[7.0, -4.0, 9.0]], ax, axes=(2, 0))
    np.testing.assert_allclose(artist.get_offsets(), [[9.0 - 2 * np.pi, 7.0 - 2 * np.pi]])
    assert [tick.get_text() for tick in ax.get_xticklabels()][::2] == [r"$-\pi$", "$0$", r"$\pi$"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("phi", "psi")
    with pytest.warns(UserWarning, match="x must hold angles in radians"):
        plot.torus_points([[90.0, 180.0]], ax)


def test_geodesics_come_back_on_the_other_side():
    x, y = np.array([2.5, -3.0]), np.array([-3.0, 2.8])
    pieces = plot.torus_geodesic(x, y, Figure().add_subplot()).get_segments()
    assert len(pieces) == 3
    assert np.abs(np.concatenate(pieces)).max() <= np.pi + 1e-12
    length = sum(np.hypot(*(piece[-1] - piece[0])) for piece in pieces)
    assert length == pytest.approx(float(hd.Torus().dist(x, y)))
    (line,) = plot.torus_geodesic([0.0, 0.0, 5.0], [1.0, 0.0, 1.0], Figure().add_subplot()).get_segments()
    np.testing.assert_allclose(line, [[0.0, 0.0], [1.0, 0.0]])


def test_pairs_of_angles():
    x = THREE.sample((30,), rng=0)
    panels = plot.torus_pairs(x, THREE, names=["a", "b", "c"], pixels=20, groups=np.arange(30) % 2)
    assert panels.shape == (2, 2)
    assert panels[0, 1] is None
    ax = panels[1, 0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "c")
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), x[::2][:, [0, 2]])
    assert plot.torus_pairs(q=THREE, pixels=20)[0, 0].images
    for given, message in (
        ({}, "x and q must have the same number of angles, 2 or more, got neither"),
        ({"x": x[:, :2], "q": THREE}, r"got \[2, 3\]"),
        ({"x": x, "names": "ab"}, "names must be those of 3 angles, got 'ab'"),
    ):
        with pytest.raises(ValueError, match=message):
            plot.torus_pairs(**given)


# The ball


@pytest.mark.parametrize("model", ["poincare", "tangent", "lorentz"])
def test_points_and_geodesics_in_the_ball(model):
    space = hd.PoincareBall(2.0)
    x = hd.RiemannianNormal([0.1, 0.2, 0.3], 0.3, 2.0).sample((8,), rng=1)
    there = x if model == "poincare" else getattr(space, f"to_{model}")(x)
    ax = plot.ball(solid(), c=2.0)
    np.testing.assert_allclose(np.stack(plot.ball_points(there, ax, model=model)._offsets3d, -1), x, rtol=1e-9)
    lines = np.stack(plot.ball_geodesic(there[:4], there[4:], ax, model=model)._segments3d)
    np.testing.assert_allclose(lines[:, [0, -1]], np.stack([x[:4], x[4:]], 1), rtol=1e-9)
    way = space.dist(x[:4, None], lines) + space.dist(lines, x[4:, None])
    np.testing.assert_allclose(way, np.broadcast_to(space.dist(x[:4], x[4:])[:, None], way.shape), rtol=1e-9)


def test_groups_in_the_ball_have_colours_and_labels():
    ax = plot.ball(solid())
    x = hd.RiemannianNormal([0.1, 0.2, 0.3], 0.3).sample((8,), rng=1)
    plot.ball_points(x[:3], ax, label="one")
    plot.ball_points(x[3:], ax, groups=[0, 0, 1, 1, 1])
    assert [text.get_text() for text in plot.legend(ax).get_texts()] == ["one", "0", "1"]


@pytest.mark.parametrize("log", [True, False])
def test_density_in_the_ball_is_by_draws(log):
    law = hd.RiemannianNormal([0.5, 0.0, 0.0], 0.3)
    artist = plot.ball_density(law, solid(), points=500, log=log)
    x = np.stack(artist._offsets3d, -1)
    assert len(x) == 500
    np.testing.assert_allclose(artist.get_array(), law.log_prob(x) if log else law.prob(x), rtol=1e-8)
    assert float(law.space.dist(law.space.frechet_mean(x), law.mu)) < 0.1
    function = plot.ball_density(lambda y: 3.0 * law.prob(y), solid(), points=500)
    there = np.stack(function._offsets3d, -1)
    np.testing.assert_allclose(function.get_array(), 3.0 * law.prob(there), rtol=1e-9)
    assert float(law.space.dist(law.space.frechet_mean(there), law.mu)) < 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.torus(ticks="turns"), "ticks must be one of pi, degrees, radians"),
        (lambda: plot.torus(names="ab"), "names must be those of two angles, got 'ab'"),
        (lambda: plot.torus(plot.torus()), "ax must be free"),
        (lambda: plot.torus_points([[0.1, np.nan]]), "x must be finite"),
        (lambda: plot.torus_points([[0.1, 0.2]], axes=(0, 2)), "axes must be two of the 2 angles of x"),
        (lambda: plot.torus_points([[0.1, 0.2]], axes=(1, 1)), "axes must be two different angles"),
        (lambda: plot.torus_points([[0.1, 0.2]], axes=3), "axes must be two numbers of angles, got 3"),
        (lambda: plot.torus_density(hd.ToroidalUniform(1)), "q must be a law of two angles or more on the torus"),
        (lambda: plot.torus_density(hd.SphericalUniform(2)), "q must be a law of two angles or more on the torus"),
        (lambda: plot.torus_density(THREE, axes=(0, 3)), "axes must be two of the 3 angles of q, 0 to 2"),
        (lambda: plot.torus_geodesic([0.0, 0.0], [0.0, np.inf]), "y must be finite"),
        (lambda: plot.ball(c=0.0), "c must be > 0 for a ball, got 0"),
        (lambda: plot.ball(plt.figure().gca()), "ax must have projection 3d, got 'rectilinear'"),
        (lambda: plot.ball_points([0.8, 0.7, 0.1], solid()), r"x must lie inside the ball.*1\.06"),
        (lambda: plot.ball_points([0.1, 0.2], solid()), "x must have 3 coordinates"),
        (lambda: plot.ball_points(np.zeros(3), plot.ball(solid()), c=2.0), r"c must be that of the axes, 1\.0, got 2"),
        (lambda: plot.ball_density(hd.RiemannianNormal([0.1, 0.2], 1.0)), "q must be a hyperbolic law of dimension 3"),
        (lambda: plot.ball_density(lambda x: np.zeros(len(x)), solid()), "q must have a density above 0 somewhere"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
