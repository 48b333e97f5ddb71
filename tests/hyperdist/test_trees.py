"""Trees: the guarantee on the distortion, distances against mpmath at any depth, coordinates as far as they reach."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperdist import PoincareBall, trees
from tests.support.strategies import log_floats
from validation.oracles_trees import distance

DIMS = (2, 3, 10)


def random_tree(n, rng, *, reach=None, least=0.5, most=2.0):
    """n nodes, each below one of the ``reach`` before it, or of all; lengths spread evenly in their logarithm."""
    parents = [int(rng.integers(max(0, v - (reach or v)), v)) for v in range(1, n)]
    lengths = np.exp(rng.uniform(math.log(least), math.log(most), n - 1))
    return list(zip(parents, range(1, n), lengths.tolist(), strict=True))


def caterpillar(n):
    """A path of n nodes, each with a leaf of its own."""
    return [(v, v + 1) for v in range(n - 1)] + [(v, n + v) for v in range(n)]


@st.composite
def edge_lists(draw):
    """Trees of 1 to 40 nodes of any shape, with lengths over six decades, some of them 0."""
    n = draw(st.integers(1, 40))
    lengths = st.one_of(st.just(0.0), st.just(1.0), log_floats(1e-3, 1e3))
    return [(draw(st.integers(0, v - 1)), v, draw(lengths)) for v in range(1, n)]


@settings(deadline=None, max_examples=80)
@given(edge_lists(), st.sampled_from(DIMS), log_floats(1e-6, 10.0), log_floats(1e-2, 1e2))
def test_the_worst_distortion_is_no_more_than_asked_for(edges, d, excess, c):
    T = trees.embed(edges, root=0, d=d, c=c, distortion=1.0 + excess)
    found = T.distortion()
    assert found.worst <= T.bound <= 1.0 + excess
    assert 0.0 <= found.average <= excess
    assert found.interval == (found.average, found.average)


@settings(deadline=None, max_examples=80)
@given(edge_lists(), st.sampled_from(DIMS), log_floats(1e-9, 1e4))
def test_the_bound_holds_at_any_scale_and_no_distance_is_longer_than_the_way(edges, d, scale):
    T = trees.embed(edges, root=0, d=d, scale=scale)
    assert T.distortion().worst <= T.bound
    i, j = np.meshgrid(T.nodes, T.nodes)
    assert (T.dist(i, j) <= scale * T.tree_dist(i, j) * (1 + 1e-13)).all()


@pytest.mark.parametrize("d", DIMS)
@pytest.mark.parametrize("distortion", [1.001, 1.01, 1.5, 10.0])
def test_guarantee_on_larger_trees(d, distortion, rng):
    shapes = {
        "bushy": random_tree(1000, rng), "deep": random_tree(1000, rng, reach=4), "caterpillar": caterpillar(300),
        "uneven": random_tree(500, rng, least=1e-5), "star": [(0, v) for v in range(1, 1000)],
    }  # fmt: skip
    for name, edges in shapes.items():
        T = trees.embed(edges, d=d, distortion=distortion)
        assert T.distortion().worst <= T.bound <= distortion, name


def test_scale_is_no_larger_than_the_guarantee_asks(rng):
    """Of every tree some path loses almost all that is allowed, or the scale is that at which directions separate."""
    for edges in (random_tree(300, rng), caterpillar(100), [(0, v) for v in range(1, 50)]):
        T = trees.embed(edges, distortion=1.01)
        assert T.distortion().worst > 1.007
        assert T.bound > 1.01 - 2e-5


@pytest.mark.parametrize("d", [2, 3])
def test_huge_degree(d):
    T = trees.embed([(0, v) for v in range(1, 10_001)], d=d)
    assert T.distortion(pairs=200_000).worst <= 1.05
    assert float(T.dist(1, 2)) == pytest.approx(float(distance(T, 1, 2)), rel=1e-13)


@pytest.mark.parametrize("d", DIMS)
def test_paths_are_geodesics_at_any_scale(d):
    for scale in (1e-3, 1.0, 1e3):
        T = trees.embed([(v, v + 1, 1.0 + v % 3) for v in range(400)], d=d, scale=scale)
        assert T.bound <= 1 + 1e-11
        assert T.distortion().worst <= T.bound
    assert trees.embed([("a", "b", 3.0)]).scale == 1.0


@pytest.mark.parametrize("d", DIMS)
@pytest.mark.parametrize("reach", [None, 5, 2])
@pytest.mark.parametrize(
    "how", [{}, {"scale": 1.0}, {"scale": 0.01}, {"scale": 1e-7}, {"distortion": 1.001, "c": 9.0}], ids=str
)
def test_distances_are_mpmaths(d, reach, how, rng):
    """Deep trees too, whose nodes are reached by jumps: to depth 300, lengths to 1e4 in units of 1/sqrt(c)."""
    T = trees.embed(random_tree(400, rng, reach=reach), d=d, **how)
    checked = 0
    for i, j in rng.permuted(np.tile(np.arange(400), (40, 1)), axis=1)[:, :2].tolist():
        if float(T.tree_dist(i, j)) * T.scale * math.sqrt(T.c) <= 4000.0 and checked < 4:
            assert float(T.dist(i, j)) == pytest.approx(float(distance(T, i, j)), rel=2e-14)
            checked += 1


def test_long_ways_are_mpmaths():
    """Scaled edges of 2000, whose exponentials no float holds; of a deep tree, so by jumps."""
    T = trees.embed(caterpillar(200), scale=2e3, d=3)
    assert T._frames.deep
    i, j = 240, 243  # leaves, four right turns apart
    assert float(T.dist(i, j)) == pytest.approx(float(distance(T, i, j)), rel=1e-15)
    assert 0.5 < float(T.tree_dist(i, j) * T.scale - T.dist(i, j)) < 10.0


def test_distances_do_not_depend_on_the_root_nor_on_how_far_a_step_leads(rng, monkeypatch):
    from hyperdist.trees import frames

    edges = random_tree(150, rng, reach=2)
    i, j = rng.integers(150, size=(2, 400))
    T = trees.embed(edges, root=0, scale=1.0)
    monkeypatch.setattr(frames, "_DEEP", 10_000)
    stepwise = trees.embed(edges, root=0, scale=1.0)
    assert T._frames.deep
    assert not stepwise._frames.deep
    np.testing.assert_allclose(T.dist(i, j), stepwise.dist(i, j), rtol=1e-13)
    np.testing.assert_allclose(T.tree_dist(i, j), stepwise.tree_dist(i, j), rtol=1e-13)
    np.testing.assert_allclose(T.points("tangent", strict=False), stepwise.points("tangent", strict=False), atol=1e-11)


def test_tree_distances_are_dijkstras(rng):
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    edges = random_tree(200, rng, reach=3, least=1e-4)
    u, v, length = (np.array(column) for column in zip(*edges, strict=True))
    ends = np.stack([u, v]).astype(np.int32)  # as SciPy's dijkstra asks for before 1.14
    expected = dijkstra(coo_array((length, ends), shape=(200, 200)).tocsr(), directed=False)
    nodes = np.arange(200)
    np.testing.assert_allclose(trees.embed(edges).tree_dist(nodes[:, None], nodes), expected, rtol=1e-13)


def test_labels_are_whatever_hashes():
    rows = [("a", ("a", 1)), (("a", 1), None), (None, frozenset({2}), 2.5), (3.5, "a", 0)]
    T = trees.embed(rows, root="a")
    assert T.nodes == ("a", ("a", 1), None, frozenset({2}), 3.5)
    assert T.root == "a"
    assert T.dist("a", 3.5) == 0.0
    assert np.ndim(T.dist("a", ("a", 1))) == 0  # a label, though it could be two
    assert T.tree_dist(["a", None], [frozenset({2}), frozenset({2})]).tolist() == [4.5, 2.5]
    assert T.dist(np.array(["a"]), "a").shape == (1,)
    with pytest.raises(ValueError, match="j must be nodes of the tree, got 'b'"):
        T.dist("a", "b")
    with pytest.raises(ValueError, match="i must be nodes of the tree, got 7"):
        T.dist(["a", 7], "a")
    with pytest.raises(ValueError, match=r"i must be nodes of the tree, got \[2\]"):
        T.dist(["a", [2]], "a")


def test_edges_of_length_zero_are_contracted_and_said():
    T = trees.embed([(0, 1, 0), (1, 2, 1), (1, 3, 0), (3, 4, 1), (4, 5, 0.5)])
    assert (len(T), T.places) == (6, 4)
    assert "6 nodes at 4 places (2 edges of length 0)" in repr(T)
    assert T.dist(0, 3) == 0.0
    assert T.dist(0, [2, 4]).tolist() == T.dist(3, [2, 4]).tolist()
    assert T.mean_average_precision() == 1.0


def test_one_node_and_two():
    one = trees.embed([], root="a")
    assert (one.nodes, one.distortion().worst, one.mean_average_precision(), one.dist("a", "a")) == (
        ("a",),
        1.0,
        1.0,
        0,
    )
    assert one.points("lorentz").tolist() == [[1.0, 0.0, 0.0]]
    two = trees.embed([("a", "b", 2.0)], c=4.0, scale=0.25)
    assert two.dist("a", "b") == pytest.approx(0.5, rel=1e-15)


def test_the_root_is_the_middle_unless_it_is_given():
    edges = [(v, v + 1) for v in range(10)]
    assert trees.embed(edges).root == 5
    assert trees.embed(edges, root=0).root == 0


@pytest.mark.parametrize("c", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("model", ["poincare", "tangent", "lorentz"])
@pytest.mark.parametrize("d", [2, 5])
def test_coordinates_have_the_tree_s_distances(d, model, c, rng):
    """To 3 eps cosh(R)^2/sinh(D) of the largest radius R: what rounding of directions implies."""
    T = trees.embed(random_tree(60, rng), d=d, c=c, scale=0.5 / math.sqrt(c))
    x = T.points(model)
    radius = math.sqrt(c) * float(np.max(T.dist(T.root, list(T.nodes))))
    assert 1.0 < radius < 10.0
    from hyperdist import Lorentz, Tangent

    space = {"poincare": PoincareBall, "tangent": Tangent, "lorentz": Lorentz}[model](c)
    i, j = rng.integers(60, size=(2, 300))
    exact = T.dist(i, j)
    np.testing.assert_allclose(space.dist(x[i], x[j]), exact, atol=16 * np.finfo(float).eps * math.exp(radius))
    assert not x[T.nodes.index(T.root)][-d:].any()


@pytest.mark.parametrize(("dtype", "most"), [(np.float64, 709.0), (np.float32, 88.0)])
def test_rounded_coordinates_are_numbers(dtype, most):
    path = trees.embed([(0, 1, most), (1, 2, 3.0)], root=0, scale=1.0)
    for model in ("poincare", "tangent"):
        assert np.isfinite(path.points(model, dtype, strict=False)).all()
    x = path.points("lorentz", dtype, strict=False)
    assert x.dtype == dtype
    assert np.isfinite(x[:2]).all()
    assert np.isinf(x[2, 0])
    assert not np.isnan(x).any()


def test_points_say_how_deep_coordinates_reach(rng):
    T = trees.embed(random_tree(100, rng), c=4.0)
    for model in ("poincare", "tangent", "lorentz"):
        with pytest.raises(ValueError, match=r"within 18.37 of the root for float64 .* scale=") as error:
            T.points(model)
    fit = float(str(error.value).partition("scale=")[2].partition(")")[0])
    assert trees.embed(T_edges(T), root=T.root, c=4.0, scale=0.99 * fit).points().shape == (100, 2)
    with pytest.raises(ValueError, match=r"within 8.318 of the root for float32"):
        T.points(dtype=np.float32)
    assert T.points("tangent", np.float32, strict=False).dtype == np.float32
    with pytest.raises(ValueError, match="model must be one of"):
        T.points("klein")
    with pytest.raises(ValueError, match="dtype must be float64 or float32, got int64"):
        T.points(dtype=int)
    assert T.points(dtype=None, strict=False).dtype == np.float64


def T_edges(T):
    """The edges of an embedding whose places are its nodes."""
    labels = {int(T._tree.place[number]): label for label, number in T._tree.numbers.items()}
    return [(labels[int(p)], labels[v], float(T._tree.length[v])) for v, p in enumerate(T._tree.parent) if v]


def test_the_tree_can_be_asked_for():
    T = trees.embed([("a", "b"), ("b", "c", 0.0), ("c", "d"), ("b", "e", 2.0)], root="a", scale=1.5)
    assert T.children("a") == ("b",)
    assert T.children("b") == T.children("c") == ("d", "e")
    assert T.children("e") == ()
    assert T.clade("c").tolist() == [False, True, True, True, True]
    assert T.clade("d").tolist() == [False, False, False, True, False]
    assert T.depths().tolist() == [0, 1, 1, 2, 2]
    np.testing.assert_allclose(T.radii(), T.dist("a", list(T.nodes)))
    assert [ends.tolist() for ends in T.edges()] == [[0, 1, 1], [1, 3, 4]]
    with pytest.raises(ValueError, match=r"node must be one node of the tree, got \['a', 'b'\]"):
        T.clade(["a", "b"])


def test_embeddings_are_frozen_and_survive_copies():
    T = trees.embed([(0, 1), (0, 2), (0, 3)])
    with pytest.raises(AttributeError, match="cannot be set"):
        T.scale = 2.0
    for twin in (copy.deepcopy(T), pickle.loads(pickle.dumps(T))):
        assert twin.dist(1, 2) == T.dist(1, 2)
