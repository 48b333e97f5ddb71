"""The parts of the trees' package: spherical codes, the bound, the measures against what they are by definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special
from scipy.spatial.distance import pdist

from hyperdist import trees
from hyperdist.trees import bound, measures
from hyperdist.trees.codes import code
from hyperdist.trees.triangle import carry, gyrated, side
from tests.hyperdist.test_trees import caterpillar, random_tree


def unit_vectors(x):
    """Rows over their lengths."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.mark.parametrize("d", [2, 3, 4, 10, 50])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 7, 11, 12, 20, 21, 100, 1500])
def test_codes_have_the_angle_that_they_say(k, d):
    vectors, angle = code(k, d)
    assert vectors.shape == (k, d)
    np.testing.assert_allclose(np.einsum("ij,ij->i", vectors, vectors), 1.0, rtol=1e-14)
    assert vectors[0].tolist() == [1.0] + [0.0] * (d - 1)
    least = 2.0 * math.asin(min(1.0, 0.5 * pdist(vectors).min())) if k > 1 else math.pi
    assert least >= angle - 1e-13
    if k <= d + 1 or d == 2:
        assert least == pytest.approx(angle, rel=1e-7)  # the arcsine near 1 has half the digits
    assert not vectors.flags.writeable


@pytest.mark.parametrize("d", [3, 4, 5, 8])
def test_codes_are_as_wide_as_can_be_promised(d):
    """2 d vectors are the axes; many are as wide as any code that nothing fits into, whose caps cover the sphere.

    To d = 8; above, angles fall short of that by some percent.
    """
    assert code(2 * d, d)[1] == pytest.approx(math.pi / 2, rel=1e-10)
    for k in (100, 1000, 10_000):
        cap = 0.5 * special.betainc(0.5 * (d - 1), 0.5, math.sin(code(k, d)[1]) ** 2)
        assert k * cap > 1.0


def shares_by_definition(T):
    """The largest share of losses over all paths, one after another."""
    tree, angle = T._tree, T._angles
    neighbours = {v: [] for v in range(len(tree.parent))}
    for v in range(1, len(tree.parent)):
        neighbours[v].append(int(tree.parent[v]))
        neighbours[int(tree.parent[v])].append(v)
    loss = -2.0 * np.log(np.sin(0.5 * angle))
    best = 0.0

    def walk(v, before, lost, way):
        nonlocal best
        if way:
            best = max(best, lost / way)
        for u in neighbours[v]:
            if u != before:
                edge = float(tree.length[max(u, v)])
                walk(u, v, lost + (loss[v] if way else 0.0), way + edge)

    for v in neighbours:
        walk(v, -1, 0.0, 0.0)
    return best


def test_the_path_that_loses_most_is_found(rng):
    for _ in range(30):
        T = trees.embed(random_tree(int(rng.integers(3, 40)), rng, least=1e-2), scale=1.0)
        assert bound._most_lost(T._tree, T._angles) == pytest.approx(shares_by_definition(T), rel=1e-12)


def test_a_scale_at_which_edges_run_into_one_another_has_no_bound():
    """A short edge between two nodes of degree 4: from either, the other's edges are those of its own."""
    edges = [("a", "b", 1e-3)] + [(x, f"{x}{i}", 1.0) for x in "ab" for i in range(3)]
    T = trees.embed(edges, scale=10.0)
    assert T.bound == math.inf
    assert trees.embed(edges, distortion=100.0).scale > 1e3 * math.log(1.0)


@pytest.mark.parametrize("d", [2, 3, 7])
def test_triangles_close(d, rng):
    """A place carried up two edges lies where one step along their triangle's third side, frame turned, puts it."""
    n = 300
    a, b, r = np.exp(rng.uniform(-9, 3, (3, n)))
    m, u, x = (unit_vectors(rng.standard_normal((n, d))) for _ in range(3))
    twice = carry(a, m, *carry(b, u, r, x))
    length, direction = carry(a, m, b, u)
    once = carry(length, direction, r, gyrated(a, m, b, u, x[..., None])[..., 0])
    np.testing.assert_allclose(once[0], twice[0], rtol=1e-9)
    # A direction is told by how far it moves the place.
    np.testing.assert_allclose(once[0][:, None] * once[1], twice[0][:, None] * twice[1], atol=1e-9)
    cosine = np.einsum("ij,ij->i", m, -u)
    np.testing.assert_allclose(side(a, b, 0.5 * (1.0 - cosine)), length, rtol=1e-9)


def test_all_pairs_are_those_of_dist(rng):
    for edges in (random_tree(80, rng), caterpillar(40), [(0, v) for v in range(1, 30)]):
        T = trees.embed(edges, d=3, scale=0.7)
        i, j = np.triu_indices(len(T), 1)
        labels = np.array(T.nodes)
        ratio = T.dist(labels[i], labels[j]) / (T.scale * T.tree_dist(labels[i], labels[j]))
        found = T.distortion()
        assert found.worst == pytest.approx(ratio.max() / ratio.min(), rel=1e-12)
        assert found.average == pytest.approx(np.abs(ratio - 1).mean(), rel=1e-10)


def test_sampled_pairs_are_within_their_interval(rng):
    T = trees.embed(random_tree(300, rng), scale=1.0)
    every, some = T.distortion(), T.distortion(pairs=40_000, rng=3)
    low, high = some.interval
    half = 0.5 * (high - low)
    assert low < some.average < high
    assert abs(some.average - every.average) < 2.5 * half  # 4.9 standard errors
    assert some.worst <= every.worst
    assert T.distortion(pairs=100, rng=5) == T.distortion(pairs=100, rng=5)
    with pytest.raises(ValueError, match="pairs must be an integer >= 1, got 0"):
        T.distortion(pairs=0)


def precision_by_definition(T):
    """Sala et al. 2018, section 2."""
    nodes = np.array(T.nodes)
    of_tree, found = T.tree_dist(nodes[:, None], nodes), T.dist(nodes[:, None], nodes)
    adjacent = {frozenset((v, int(p))) for v, p in enumerate(T._tree.parent) if v}
    place = T._tree.place
    total = []
    for a in range(len(nodes)):
        near = [b for b in range(len(nodes)) if frozenset((int(place[a]), int(place[b]))) in adjacent]
        shares = []
        for b in near:
            ball = [x for x in range(len(nodes)) if x != a and found[a, x] <= found[a, b]]
            shares.append(len(set(ball) & set(near)) / len(ball))
        total.append(np.mean(shares))
    assert of_tree.shape == found.shape
    return float(np.mean(total))


@pytest.mark.parametrize("scale", [0.05, 0.5, 3.0, 200.0])
def test_precision_is_that_of_its_definition(scale, rng):
    for edges in (random_tree(60, rng), random_tree(60, rng, least=0.01), [(0, v) for v in range(1, 20)]):
        T = trees.embed(edges, scale=scale)
        assert T.mean_average_precision() == pytest.approx(precision_by_definition(T), rel=1e-12)


def test_precision_of_a_good_embedding_is_the_tree_s_own(rng):
    assert trees.embed(random_tree(300, rng, least=0.999, most=1.001), distortion=1.01).mean_average_precision() == 1.0


def test_sampled_sources(rng):
    T = trees.embed(random_tree(300, rng, least=0.01), scale=1.0)
    some = [T.mean_average_precision(sources=100, rng=seed) for seed in range(3)]
    assert len(set(some)) == 3
    assert abs(np.mean(some) - T.mean_average_precision()) < 0.1
    assert T.mean_average_precision(sources=10_000) == pytest.approx(T.mean_average_precision(), rel=1e-12)


def test_large_trees_are_sampled(monkeypatch, rng):
    monkeypatch.setattr(measures, "ALL", 50)
    monkeypatch.setattr(measures, "PAIRS", 1000)
    T = trees.embed(random_tree(100, rng))
    found = T.distortion()
    assert found.interval[0] < found.average < found.interval[1]
    assert found.worst <= 1.05


def test_equal_edges_tie_in_the_mean_average_precision():
    """At a scale where others are nearer than neighbours, equal edges tie however rounding carries them up.

    Where one place is nearer than three neighbours, all of them as far, the share is 3/4 of each; of one that rounding
    puts before the others it would be 1/2.
    """
    rng = np.random.default_rng(44)
    edges = [(i, int(rng.integers(i))) for i in range(1, 60)]
    T = trees.embed(edges, scale=0.5)
    n, near = len(T), {frozenset(edge) for edge in edges}
    at = np.array(T.nodes)
    distance = T.dist(np.repeat(at, n), np.tile(at, n)).reshape(n, n).round(9)
    shares, lost = [], 0
    for i in range(n):
        others = [j for j in range(n) if j != i]
        joined = [frozenset((T.nodes[i], T.nodes[j])) in near for j in others]
        reach = distance[i, others]
        each = [np.mean([joined[m] for m in np.flatnonzero(reach <= reach[k])]) for k in np.flatnonzero(joined)]
        shares.append(np.mean(each))
        lost += min(each) < 1.0
    assert lost > 5  # else nothing is told apart
    assert T.mean_average_precision() == pytest.approx(np.mean(shares), rel=1e-12)
