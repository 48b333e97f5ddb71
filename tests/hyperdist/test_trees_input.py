"""What is no tree is named: rows, labels, lengths, the root, the scale; files line by line."""

from __future__ import annotations

import gzip
import math
import re
import subprocess
import sys

import numpy as np
import pytest

from hyperdist import trees

STAR = [(0, 1), (0, 2), (0, 3)]
NAN = float("nan")

BAD_EDGES = {
    "edges must be rows (u, v) or (u, v, length), or a NetworkX graph, got 'ab'": "ab",
    "or a NetworkX graph, got 3": 3,
    "or a NetworkX graph, got None": None,
    "edges must have at least one row, got none": [],
    "got (1,) in row 1": [(0, 1), (1,)],
    "got (1, 2, 3, 4) in row 0": [(1, 2, 3, 4)],
    "got 'ab' in row 0": ["ab"],
    "a node must be hashable, got [1] in row 0": [([1], 2)],
    "a node must be hashable, got (1, [2]) in row 0": [((1, [2]), 2)],
    "a node must equal itself, got nan in row 1": [(0, 1), (NAN, 2)],
    "an edge must join two nodes, got 'a' twice in row 1": [("a", "b"), ("a", "a")],
    "edges must hold each edge once, got 'b', 'a' in rows 0 and 2": [("a", "b"), ("b", "c"), ("b", "a", 2.0)],
    "got a cycle: 1 - 2 - 3 - 1": [(0, 1), (1, 2), (2, 3), (3, 1), (3, 4), (8, 9)],
    "got 2 components, of 'a' and 2 more, 'x' and 1 more": [("a", "b"), ("b", "c"), ("x", "y")],
    "got 5 components, of 0 and 1 more, 2 and 1 more, 4 and 1 more, and 2 more": [(2 * v, 2 * v + 1) for v in range(5)],
    "the length must be finite and >= 0, got -1 of edge 'a', 'b' in row 0": [("a", "b", -1)],
    "the length must be finite and >= 0, got nan of edge 0, 1 in row 0": [(0, 1, NAN)],
    "the length must be finite and >= 0, got inf of edge 0, 1 in row 0": [(0, 1, float("inf"))],
    "the length must be a number, got '2' of edge 0, 1 in row 0": [(0, 1, "2")],
    "the length must be a number, got None of edge 0, 1 in row 0": [(0, 1, None)],
    "the length must be a number, got True of edge 0, 1 in row 0": [(0, 1, True)],
    "edges must have lengths whose sum is finite": [(0, 1, 1e308), (1, 2, 1e308)],
    "with lengths of 1e-300 to 1": [(0, 1, 1e-300), (1, 2, 1e-300), (1, 3, 1.0)],
}


@pytest.mark.parametrize("message", BAD_EDGES)
def test_what_is_no_tree_is_named(message):
    with pytest.raises(ValueError, match=re.escape(message)):
        trees.embed(BAD_EDGES[message])


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("root must be one of the 4 nodes of the edges, got 7", {"root": 7}),
        ("root must be one of the 4 nodes of the edges, got [0]", {"root": [0]}),
        ("d must be an integer >= 2, got 1", {"d": 1}),
        ("c must be > 0, got 0.0", {"c": 0.0}),
        ("c must be one number", {"c": [1.0, 2.0]}),
        ("distortion must be > 1", {"distortion": 1.0}),
        ("distortion must be finite, got nan", {"distortion": NAN}),
        ("scale must be > 0, got 0.0", {"scale": 0}),
        ("give distortion or scale, not both, got 1.05 and 2", {"distortion": 1.05, "scale": 2}),
        ("scaled sum exceeds 1e+15/sqrt(c), got 3e+20", {"scale": 1e20}),
    ],
)
def test_arguments_are_checked(message, arguments):
    with pytest.raises(ValueError, match=re.escape(message)):
        trees.embed(STAR, **arguments)


def test_a_long_cycle_is_told_in_short():
    edges = [(v, (v + 1) % 100) for v in range(100)] + [(v, 100 + v) for v in range(50)]
    with pytest.raises(ValueError, match=r"got a cycle: \d+ - \d+ - \d+ - \d+ - \(94 more\) - \d+ - \d+ - \d+$"):
        trees.embed(edges)


@pytest.mark.parametrize(
    "edges",
    [
        iter(STAR), np.array(STAR), np.array([(0, 1, 1.0), (0, 2, 1.0), (0, 3, 1.0)]), [[0, 1], [2, 0, 1], (3, 0)],
        list(np.array(STAR)),
    ],
)  # fmt: skip
def test_rows_come_in_any_form(edges):
    T = trees.embed(edges, scale=2.0)
    assert sorted(T.nodes) == [0, 1, 2, 3]
    assert T.tree_dist(1, 3) == 2.0


def test_rows_of_pandas():
    pandas = pytest.importorskip("pandas")
    T = trees.embed(pandas.DataFrame({"u": ["a", "b"], "v": ["b", "c"], "length": [1.0, 2.5]}))
    assert T.tree_dist("a", "c") == 3.5


def test_graphs_of_networkx():
    networkx = pytest.importorskip("networkx")
    graph = networkx.balanced_tree(2, 3)
    assert trees.embed(graph).tree_dist(7, 14) == 6.0
    graph = networkx.DiGraph()
    graph.add_edge("a", "b", weight=2.0)
    graph.add_edge("c", "b", weight=2.0, length=0.5)
    assert trees.embed(graph).tree_dist("a", "c") == 2.5
    graph.add_node("alone")
    with pytest.raises(ValueError, match="got 2 components, of 'a' and 2 more, 'alone' and 0 more"):
        trees.embed(graph)
    with pytest.raises(ValueError, match="got a cycle"):
        trees.embed(networkx.cycle_graph(4))


def test_the_package_loads_neither_networkx_nor_matplotlib():
    code = "import sys; from hyperdist import trees; trees.embed([(0, 1)]); "
    code += "print([name for name in ('networkx', 'matplotlib', 'pandas') if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_files_of_edges(tmp_path):
    (tmp_path / "mosses.edges").write_text("u\tv\tlength\n0\t1\t0.5\n1\t2\t1\n\n")
    assert trees.load(tmp_path, "mosses") == [("0", "1", 0.5), ("1", "2", 1.0)]
    assert trees.load(tmp_path / "mosses.edges") == trees.load(tmp_path, "mosses")
    rows = "child\tparent\trelation\nb\ta\thypernym\nc\tb\thypernym\nc\ta\thypernym\n"
    (tmp_path / "trees").mkdir()
    (tmp_path / "trees" / "wordnet-nouns.tsv.gz").write_bytes(gzip.compress(rows.encode()))
    assert trees.load(tmp_path, "wordnet-nouns") == [("a", "b", 1.0), ("b", "c", 1.0)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must name its columns"),
        ("a\tb\n0\t1\n", "must name its columns, u, v, length or child, parent, relation, got ['a', 'b']"),
        ("u\tv\tlength\n0\t1\n", "line 2: must have u, v, length, got ['0', '1']"),
        ("u\tv\tlength\n0\t1\t1\n0\t\t1\n", "line 3: must have u, v, length, got ['0', '', '1']"),
        ("u\tv\tlength\n0\t1\tx\n", "line 2: length must be a number, got 'x'"),
        ("u\tv\tlength\n0\t1\t-1\n", "line 2: length must be finite and >= 0, got -1"),
    ],
)
def test_files_are_checked_line_by_line(content, message, tmp_path):
    path = tmp_path / "x.edges"
    path.write_text(content)
    with pytest.raises(ValueError, match=re.escape(f"{path}") + ".*" + re.escape(message)):
        trees.load(path)


def test_files_that_are_not_there_or_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"lichen\.edges is neither in .*trees nor in"):
        trees.load(tmp_path, "lichen")
    with pytest.raises(FileNotFoundError, match="is no file"):
        trees.load(tmp_path / "none")
    with pytest.raises(ValueError, match="name must be one of mosses"):
        trees.load(tmp_path, "oak")
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"u\tv\tlength\n" * 100)[:-9])
    with pytest.raises(ValueError, match=r"x\.gz must be a whole gzip file"):
        trees.load(tmp_path / "x.gz")
    (tmp_path / "x.edges").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="UTF-8"):
        trees.load(tmp_path / "x.edges")


def test_scaled_edges_whose_squares_no_double_holds_are_refused():
    """At the bound a star of three is Euclid's, of distortion 2/sqrt(3); beyond it squares would be 0."""
    star = [("a", "b"), ("b", "c"), ("b", "d")]
    assert trees.embed(star, scale=1e-150).distortion().worst == pytest.approx(2.0 / math.sqrt(3.0), rel=1e-12)
    with pytest.raises(ValueError, match=r"below 1e-150/sqrt\(c\), got 1e-200, of length 1 with scale 1e-200"):
        trees.embed(star, scale=1e-200)
