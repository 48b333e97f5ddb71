"""Edges as a user gives them, checked, as a tree in arrays."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from hyperdist.arrays.types import ArrayLike

Label = Hashable
Edge = tuple[Label, Label, float]


class Tree(NamedTuple):
    """A rooted tree of places; nodes that edges of length 0 join are at one place.

    Places are numbered breadth first: place 0 is the root's, parents come before children, siblings stand together.
    """

    numbers: dict[Label, int]
    """Each node's number, in order of first appearance."""
    place: np.ndarray
    """(nodes,) where each node is."""
    parent: np.ndarray
    """(n,) each place's parent; the root's is itself."""
    length: np.ndarray
    """(n,) of the edge to the parent, > 0; the root's is 0."""
    depth: np.ndarray
    """(n,) edges to the root."""


def read(edges: Any, root: Any) -> Tree:
    """The tree of ``edges``: rows (u, v) of length 1, rows (u, v, length), or a NetworkX graph.

    root : a label; None takes the node nearest to the middle of a longest path.
    Raises ValueError, naming rows and labels, where the edges are no tree or a length is negative or not finite.
    """
    index: dict[Label, int] = {}
    for node in getattr(edges, "nodes", ()):
        index.setdefault(node, len(index))
    rows = [_edge(number, row) for number, row in enumerate(_rows(edges))]
    for u, v, _ in rows:
        index.setdefault(u, len(index))
        index.setdefault(v, len(index))
    if not rows and not index and root is not None:
        index[root] = 0
    if not index:
        raise ValueError("edges must have at least one row, got none: a tree of one node has it as its root")
    if root is not None and (not isinstance(root, Hashable) or root not in index):
        raise ValueError(f"root must be one of the {len(index)} nodes of the edges, got {root!r}")
    ends = np.array([(index[u], index[v]) for u, v, _ in rows], dtype=np.intp).reshape(-1, 2)
    length = np.array([length for _, _, length in rows], dtype=np.float64)
    _check_tree(rows, index, ends)
    with np.errstate(over="ignore"):
        total = float(length.sum())
    if not math.isfinite(total):
        raise ValueError(f"edges must have lengths whose sum is finite, got a longest one of {length.max():g}")
    return _rooted(index, ends, length, None if root is None else index[root])


def _rows(edges: Any) -> Iterator[Any]:
    if hasattr(edges, "nodes") and callable(getattr(edges, "edges", None)):  # of NetworkX
        for u, v, data in edges.edges(data=True):
            yield u, v, data.get("length", data.get("weight", 1.0))
        return
    if hasattr(edges, "itertuples"):  # of pandas
        edges = edges.itertuples(index=False, name=None)
    elif isinstance(edges, np.ndarray):
        edges = edges.tolist()
    if isinstance(edges, str | bytes) or not isinstance(edges, Iterable):
        raise ValueError(f"edges must be rows (u, v) or (u, v, length), or a NetworkX graph, got {edges!r}")
    yield from edges


def _edge(number: int, row: Any) -> Edge:
    """A row as (u, v, length); ValueError where it is none."""
    if isinstance(row, np.ndarray):
        row = row.tolist()
    if not isinstance(row, tuple | list) or len(row) not in (2, 3):
        raise ValueError(f"edges must be rows (u, v) or (u, v, length), got {row!r} in row {number}")
    u, v = row[:2]
    for label in (u, v):
        if not isinstance(label, Hashable) or not _hashes(label):
            raise ValueError(f"a node must be hashable, got {label!r} in row {number}")
        if label != label:
            raise ValueError(f"a node must equal itself, got {label!r} in row {number}")
    if u == v:
        raise ValueError(f"an edge must join two nodes, got {u!r} twice in row {number}")
    return u, v, _length(row[2], f"of edge {u!r}, {v!r} in row {number}") if len(row) == 3 else 1.0


def _hashes(label: Any) -> bool:
    try:
        hash(label)
    except TypeError:  # a tuple of lists says it is hashable
        return False
    return True


def _length(value: Any, where: str) -> float:
    try:
        if isinstance(value, str | bytes | bool | np.bool_):
            raise TypeError
        length = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"the length must be a number, got {value!r} {where}") from None
    if not (math.isfinite(length) and length >= 0.0):
        raise ValueError(f"the length must be finite and >= 0, got {length:g} {where}")
    return length


def _check_tree(rows: list[Edge], index: dict[Label, int], ends: np.ndarray) -> None:
    """ValueError where the edges have a cycle or more than one component."""
    seen: dict[tuple[int, int], int] = {}
    for number, (u, v) in enumerate(ends.tolist()):
        first = seen.setdefault((min(u, v), max(u, v)), number)
        if first != number:
            a, b, _ = rows[number]
            raise ValueError(f"edges must hold each edge once, got {a!r}, {b!r} in rows {first} and {number}")
    n, component = _components(ends, len(index))
    if len(ends) > len(index) - n:
        raise ValueError(f"edges must form a tree, got a cycle: {_cycle(ends, list(index))}")
    if n > 1:
        sizes = np.bincount(component)
        examples = [list(index)[int(np.argmax(component == i))] for i in range(min(n, 3))]
        parts = ", ".join(f"{label!r} and {sizes[i] - 1} more" for i, label in enumerate(examples))
        more = f", and {n - 3} more" if n > 3 else ""
        raise ValueError(f"edges must form one tree, got {n} components, of {parts}{more}")


def _components(ends: np.ndarray, n: int) -> tuple[int, np.ndarray]:
    from scipy.sparse.csgraph import connected_components

    return connected_components(_matrix(ends, np.ones(len(ends)), n), directed=False)


def _matrix(ends: np.ndarray, length: np.ndarray, n: int) -> Any:
    from scipy.sparse import coo_array

    # SciPy's graph algorithms take whole numbers of 32 bits alone before 1.14.
    both = np.concatenate([ends, ends[:, ::-1]]).astype(np.int32)
    return coo_array((np.concatenate([length, length]), both.T), shape=(n, n)).tocsr()


def _cycle(ends: np.ndarray, labels: list[Label]) -> str:
    """The nodes of a cycle, as words: leaves are cut off until none is left, and what remains is walked."""
    neighbours: dict[int, set[int]] = {}
    for u, v in ends.tolist():
        neighbours.setdefault(u, set()).add(v)
        neighbours.setdefault(v, set()).add(u)
    leaves = [v for v, near in neighbours.items() if len(near) == 1]
    while leaves:
        leaf = leaves.pop()
        for v in neighbours.pop(leaf, ()):
            neighbours[v].discard(leaf)
            if len(neighbours[v]) == 1:
                leaves.append(v)
    neighbours = {v: near for v, near in neighbours.items() if len(near) > 1}
    walk = [next(iter(neighbours))]
    while True:
        before = walk[-2] if len(walk) > 1 else -1
        after = next(v for v in neighbours[walk[-1]] if v != before)
        if after in walk:
            walk = [*walk[walk.index(after) :], after]
            break
        walk.append(after)
    names = [repr(labels[v]) for v in walk]
    return " - ".join(names if len(names) <= 8 else [*names[:4], f"({len(names) - 7} more)", *names[-3:]])


def _rooted(index: dict[Label, int], ends: np.ndarray, length: np.ndarray, root: int | None) -> Tree:
    """Places and their parents, breadth first from the root."""
    from scipy.sparse.csgraph import breadth_first_order

    joined = length == 0.0
    n, place = _components(ends[joined], len(index))
    matrix = _matrix(place[ends[~joined]], length[~joined], n)
    start = _middle(matrix) if root is None else int(place[root])
    order, above = breadth_first_order(matrix, start, directed=False)
    number = np.empty(n, dtype=np.intp)
    number[order] = np.arange(n)
    parent = number[np.where(above[order] < 0, start, above[order])]
    edge = np.zeros(n)
    child, of = np.array([number[place[ends[~joined, side]]] for side in (0, 1)]).reshape(2, -1)
    edge[np.where(parent[child] == of, child, of)] = length[~joined]
    depth = [0] * n
    for v, p in enumerate(parent.tolist()):
        depth[v] = depth[p] + (v > 0)
    return Tree(index, number[place], parent, edge, np.array(depth))


def _middle(matrix: ArrayLike) -> int:
    """The place nearest to the middle of a longest path: two sweeps find its ends."""
    from scipy.sparse.csgraph import dijkstra

    one = int(np.argmax(dijkstra(matrix, indices=0)))
    from_one = dijkstra(matrix, indices=one)
    from_other = dijkstra(matrix, indices=int(np.argmax(from_one)))
    return int(np.argmin(np.maximum(from_one, from_other)))
