"""Pictures of trees: edges are geodesics between the nodes' points, and what coordinates cannot hold is said."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from hyperdist import PoincareBall, RiemannianNormal, trees
from tests.hyperdist.test_trees import random_tree

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from hyperdist import plot  # noqa: E402


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("c", [0.25, 1.0, 4.0])
def test_edges_are_geodesics_between_the_nodes(c, rng):
    T = trees.embed([*random_tree(60, rng), (7, 60, 0.0)], c=c, scale=1.0 / np.sqrt(c))
    artist = plot.disc_tree(T)
    x, ball = T.points(), PoincareBall(c)
    above, below = T.edges()
    lines = artist.get_segments()
    assert len(lines) == len(below) == 59
    for line, a, b in zip(lines, above, below, strict=True):
        np.testing.assert_allclose(line[[0, -1]], x[[a, b]], atol=1e-9)
        if len(line) > 2:
            middle = line[len(line) // 2]
            way = ball.dist(x[a], middle) + ball.dist(middle, x[b])
            assert way == pytest.approx(float(ball.dist(x[a], x[b])), rel=1e-6)
        else:
            assert np.hypot(*(line[1] - line[0])) <= 0.004 / np.sqrt(c)
    dots = plt.gca().collections[-2].get_offsets()
    np.testing.assert_allclose(dots, x, atol=1e-12)


def test_nodes_too_far_out_are_drawn_on_the_rim_and_said(rng):
    T = trees.embed(random_tree(100, rng), distortion=1.01)
    far = int((T.radii() > 36.7).sum())
    assert far > 90
    with pytest.warns(UserWarning, match=f"{far} of 100 nodes lie further out than coordinates of the disc hold"):
        artist = plot.disc_tree(T)
    above, below = T.edges()
    lines = artist.get_segments()
    drawn = [len(line) > 0 for line in lines]
    deep = T.radii() > 36.7
    assert drawn == (~(deep[above] & deep[below])).tolist()
    for line in lines:
        assert (np.linalg.norm(np.reshape(line, (-1, 2)), axis=-1) <= 1.0).all()


def test_colours_of_nodes_are_those_of_the_edges_below_them(rng):
    T = trees.embed(random_tree(10, rng), scale=0.5)
    colours = plt.get_cmap("viridis")(np.linspace(0, 1, 10))
    artist = plot.disc_tree(T, color=colours, nodes=False, linewidths=2.5)
    np.testing.assert_allclose(artist.get_colors(), colours[T.edges()[1]])
    assert artist.get_linewidths() == [2.5]
    with pytest.raises(ValueError, match="one for each of 10 nodes, got 9"):
        plot.disc_tree(T, plt.figure().gca(), color=colours[:9])


def test_what_cannot_be_drawn_is_named(rng):
    edges = random_tree(10, rng)
    with pytest.raises(ValueError, match=r"T must be an embedded tree of dimension 2, got <TreeEmbedding .* d=3"):
        plot.disc_tree(trees.embed(edges, d=3))
    with pytest.raises(ValueError, match="T must be an embedded tree of dimension 2, got 3"):
        plot.disc_tree(3)
    ax = plot.disc(c=2.0)
    with pytest.raises(ValueError, match="c must be that of the axes"):
        plot.disc_tree(trees.embed(edges, scale=0.5), ax)


def test_one_node_is_a_dot():
    assert plot.disc_tree(trees.embed([], root="a")).get_segments() == []


def test_a_law_for_each_clade(rng):
    """One fit with a clade's nodes as weights is that of its nodes alone; its density goes under the tree."""
    T = trees.embed(random_tree(80, rng), scale=0.7, root=0)
    clades = [v for v in T.children(0) if T.clade(v).sum() >= 3]
    member = np.stack([T.clade(v) for v in clades], axis=1)
    q = RiemannianNormal.fit(T.points(), weights=member.astype(float))
    assert q.batch_shape == (len(clades),)
    for k in range(len(clades)):
        alone = RiemannianNormal.fit(T.points()[member[:, k]])
        np.testing.assert_allclose(q.mu[k], alone.mu, atol=1e-9)
        assert float(q.sigma[k]) == pytest.approx(float(alone.sigma), rel=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot.disc_density(q, pixels=40, colorbar=False)
        plot.disc_tree(T)
