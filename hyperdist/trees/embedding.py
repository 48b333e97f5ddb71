"""Trees in hyperbolic space with a stated bound on the distortion (Sarkar 2011; Sala et al. 2018 in d > 2)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist._frozen import Frozen
from hyperdist.arrays.types import DTypeLike, Seed
from hyperdist.geometry import conversions
from hyperdist.trees import bound, measures
from hyperdist.trees.codes import code
from hyperdist.trees.frames import Frames
from hyperdist.trees.graph import Label, Tree, read
from hyperdist.trees.measures import Distortion

_DISTORTION = 1.05
_LEAST = 2.0 * bound.ROUNDING
_LONGEST = 1e15
"""The longest way, in units of 1/sqrt(c), that lengths may be scaled to: its rounding is then a fraction of a unit."""
_SHORTEST = 1e-150
"""The shortest scaled edge, whose square is still a double."""


def embed(
    edges: Any, root: Any = None, d: int = 2, c: float = 1.0, distortion: float | None = None,
    *, scale: float | None = None,
) -> TreeEmbedding:  # fmt: skip
    """A tree in hyperbolic space of dimension d and curvature -c, its distances those of the tree but for a factor.

    edges       rows (u, v) of length 1, or (u, v, length), in any order, either end first; a NetworkX graph, whose
                edges have their length in "length" or "weight", or 1. A node is any hashable label. Lengths are >= 0:
                nodes that edges of length 0 join are one place.
    root        the node that lies at the origin of coordinates; None takes the one nearest to the middle of a longest
                path. Distances do not depend on it.
    d           dimension, >= 2.
    c           size of the curvature, > 0: the plane holds no large tree.
    distortion  the most that the worst distortion may be, > 1; the scale follows from it. 1.05 where neither is given.
    scale       the length in the space of an edge of length 1, in place of ``distortion``. ``bound`` says what is
                then guaranteed.
    Method      the edges at each node lead off at equal angles, in d > 2 along a spherical code; each node is kept as
                its place in its parent's frame, so that no depth exceeds what a double holds (Sarkar 2011).
    Raises      ValueError, naming rows and nodes, where the edges have a cycle, more than one component, an edge twice,
                a length that is negative or not finite, or lengths so unlike that the scale is out of range.

    >>> from hyperdist import trees
    >>> T = trees.embed([("root", "a"), ("root", "b"), ("a", "c", 0.5), ("a", "d", 2.0)], distortion=1.01)
    >>> bool(T.distortion().worst <= 1.01)
    True
    >>> round(float(T.dist("c", "d") / T.scale), 2), float(T.tree_dist("c", "d"))
    (2.49, 2.5)
    """
    d = checks.dimension(d, least=2)
    c = checks.one_positive(c, "c")
    if distortion is not None and scale is not None:
        raise ValueError(f"give distortion or scale, not both, got {distortion!r} and {scale!r}")
    most = _most(distortion)
    tree = read(edges, root)
    direction, angle = _directions(tree, d)
    if scale is None:
        unit = bound.least_scale(tree, angle, most) or math.sqrt(c)
    else:
        unit = checks.one_positive(scale, "scale") * math.sqrt(c)
    _check_range(tree.length[1:], unit, math.sqrt(c))
    return TreeEmbedding(tree, direction, angle, unit, c, most if scale is None else math.inf)


def _check_range(length: np.ndarray, unit: float, root_c: float) -> None:
    """Raise where scaled edges are so long that sums of them, or so short that their squares, leave the doubles."""
    way, short = unit * float(length.sum()), float(np.min(length, initial=math.inf))
    if not way <= _LONGEST:
        raise ValueError(
            f"edges must not be so unlike, or scale so large, that their scaled sum exceeds {_LONGEST:g}/sqrt(c), got "
            f"{way:.3g}, with lengths of {short:g} to {np.max(length):g} and scale {unit / root_c:.3g}"
        )
    if not unit * short >= _SHORTEST:
        raise ValueError(
            f"edges must not be so short, or scale so small, that a scaled one is below {_SHORTEST:g}/sqrt(c), got "
            f"{unit * short:.3g}, of length {short:g} with scale {unit / root_c:.3g}"
        )


def _most(distortion: float | None) -> float:
    if distortion is None:
        return _DISTORTION
    most = checks.one_positive(distortion, "distortion")
    if not most - 1.0 > _LEAST:
        raise ValueError(
            f"distortion must be > 1 + {_LEAST:g}, the largest ratio of distances over the smallest, got {most!r}"
        )
    return most


def _directions(tree: Tree, d: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) the direction of each place in its parent's frame, whose first axis points to the parent's parent, and
    (n,) the least angle between the edges at each place."""
    n, degree = len(tree.parent), bound.degrees(tree)
    first = np.searchsorted(tree.parent[1:], np.arange(n)) + 1  # siblings stand together
    number = np.arange(n) - first[tree.parent] + (tree.parent > 0)
    direction, angle = np.tile(np.eye(1, d), (n, 1)), np.full(n, math.pi)
    for k in np.unique(degree[degree > 0]):
        vectors, least = code(int(k), d)
        of = np.flatnonzero(degree[tree.parent] == k)
        of = of[of > 0]
        direction[of] = vectors[number[of]]
        angle[degree == k] = least
    return direction, angle


class TreeEmbedding(Frozen):
    """What ``embed`` makes: nodes as places in their parents' frames.

    nodes  labels, in order of first appearance;  places  how many there are, nodes that edges of length 0 join being
    at one;  d, c, scale  as ``embed`` describes them;  bound  what ``distortion().worst`` cannot exceed, infinite where
    the scale is too small for any guarantee.
    Memory  8 (d + 4) bytes a node, and 8 (d + 1)^2 more in a tree deeper than 64 edges, once distances are asked for.

    >>> from hyperdist import trees
    >>> edges = [("life", "plants"), ("life", "animals"), ("animals", "cats"), ("animals", "dogs", 2.0)]
    >>> T = trees.embed(edges, root="life")
    >>> T.root, T.nodes, T.children("animals")
    ('life', ('life', 'plants', 'animals', 'cats', 'dogs'), ('cats', 'dogs'))
    >>> T.depths(), T.points()[T.clade("animals")].shape
    (array([0, 1, 1, 2, 2]), (3, 2))
    >>> [(T.nodes[u], T.nodes[v]) for u, v in zip(*T.edges())][:2]
    [('life', 'plants'), ('life', 'animals')]
    >>> T.tree_dist("plants", ["cats", "dogs"]), (T.dist("plants", ["cats", "dogs"]) / T.scale).round(2)
    (array([3., 4.]), array([2.91, 3.91]))
    >>> float(T.radii()[0]), T.distortion().worst <= T.bound
    (0.0, True)
    >>> round(T.mean_average_precision(), 4)  # plants are as far from animals as dogs are: 3/4 for these
    0.9833
    """

    def __init__(
        self, tree: Tree, direction: np.ndarray, angle: np.ndarray, unit: float, c: float, most: float
    ) -> None:
        self.nodes, self.d, self.c = tuple(tree.numbers), direction.shape[1], c
        self.places, self.scale = len(tree.parent), unit / math.sqrt(c)
        self._tree, self._angles, self._unit = tree, angle, unit
        self._frames = Frames(tree, unit * tree.length, direction)
        # ``most`` is what the scale was chosen for: the same bound, to rounding.
        self._share = bound.share_lost(tree, angle, unit)
        self.bound = min(most, 1.0 / (1.0 - self._share)) if self._share < 1.0 else most

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        contracted = len(self) - self.places
        at = f" at {self.places} places ({contracted} edges of length 0)" if contracted else ""
        return (
            f"<TreeEmbedding of {len(self)} nodes{at}, d={self.d}, c={self.c:g}, scale={self.scale:.6g}, "
            f"worst distortion <= {self.bound:.6g}>"
        )

    @property
    def root(self) -> Label:
        """The first node at the origin of coordinates."""
        return self.nodes[int(np.argmin(self._tree.place))]

    def children(self, node: Label) -> tuple[Label, ...]:
        """The nodes one edge further from the root, of each place its first; edges of length 0 do not count."""
        tree = self._tree
        below = np.flatnonzero(tree.parent == self._one(node))
        first = np.unique(tree.place, return_index=True)[1]
        return tuple(self.nodes[first[v]] for v in below if v)

    def clade(self, node: Label) -> np.ndarray:
        """(nodes,) bool, which are ``node`` or behind it from the root; ``astype(float)`` are weights of a ``fit``."""
        tree, at = self._tree, int(self._one(node))
        inside = [False] * len(tree.parent)
        for v, p in enumerate(tree.parent.tolist()):
            inside[v] = v == at or inside[p]
        return np.array(inside)[tree.place]

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """(edges,) each, the numbers in ``nodes`` of the ends of edges whose length is not 0, that next to the root
        first."""
        first = np.unique(self._tree.place, return_index=True)[1]
        return first[self._tree.parent[1:]], first[1:]

    def depths(self) -> np.ndarray:
        """(nodes,) the number of edges to the root."""
        return self._tree.depth[self._tree.place]

    def radii(self) -> np.ndarray:
        """(nodes,) distances from the root in the space."""
        return self._frames.from_root()[0][self._tree.place] / math.sqrt(self.c)

    def dist(self, i: Any, j: Any) -> np.ndarray:
        """Distances in the space of nodes i and j: labels, or lists or arrays of labels that broadcast.

        Accuracy  relative error <= 1e-13 at any depth, of the embedding as it is kept.
        Raises    ValueError for a label that is no node.
        """
        return self._pairs(i, j)[0] / math.sqrt(self.c)

    def tree_dist(self, i: Any, j: Any) -> np.ndarray:
        """Distances along the tree of nodes i and j, which are given as to ``dist``: sums of lengths."""
        return self._pairs(i, j)[1]

    def _pairs(self, i: Any, j: Any) -> tuple[np.ndarray, np.ndarray]:
        i, j = self._place(i, "i"), self._place(j, "j")
        checks.broadcast(i=i.shape, j=j.shape)
        i, j = np.broadcast_arrays(i, j)
        found = self._frames.pairs(i.reshape(-1), j.reshape(-1))
        return found[0].reshape(i.shape)[()], found[1].reshape(i.shape)[()]

    def _one(self, node: Any) -> np.ndarray:
        place = self._place(node, "node")
        if place.ndim:
            raise ValueError(f"node must be one node of the tree, got {node!r}")
        return place

    def _place(self, labels: Any, name: str) -> np.ndarray:
        """Where labels are: a hashable one that is a node is that node, whatever else it may be."""
        numbers, place = self._tree.numbers, self._tree.place
        try:
            if labels in numbers:
                return place[numbers[labels]]
        except TypeError:  # not hashable: several
            pass
        if isinstance(labels, np.ndarray):
            shape, several = labels.shape, labels.reshape(-1).tolist()
        elif isinstance(labels, Iterable) and not isinstance(labels, str | bytes):
            several = list(labels)
            shape = (len(several),)
        else:
            shape, several = (), [labels]
        try:
            return place[np.array([numbers[label] for label in several], dtype=np.intp)].reshape(shape)
        except (KeyError, TypeError):
            wrong = next(label for label in several if not isinstance(label, Hashable) or label not in numbers)
            raise ValueError(f"{name} must be nodes of the tree, got {wrong!r}") from None

    def distortion(self, pairs: int | None = None, rng: Seed = 0) -> Distortion:
        """The worst and the average distortion over pairs of places.

        pairs  how many to draw at random; None takes all up to 10,000 places, and a million beyond.
        rng    what ``numpy.random.default_rng`` takes.
        """
        if self.places < 2 or (pairs is None and self.places <= measures.ALL):
            return measures.of_all(self._frames, self._unit)
        pairs = measures.PAIRS if pairs is None else checks.dimension(pairs, "pairs")
        return measures.of_sample(self._frames, self._unit, pairs, checks.generator(rng))

    def mean_average_precision(self, sources: int | None = None, rng: Seed = 0) -> float:
        """Mean over places of the average precision of their neighbours in the tree among those that are nearest.

        sources  how many places to draw at random; None takes all up to 10,000, and 2,000 beyond.
        Source   Nickel & Kiela 2017; Sala et al. 2018, section 2. 1 for a tree of one place.
        """
        at = np.arange(self.places)
        if sources is not None or self.places > measures.ALL:
            size = measures.SOURCES if sources is None else checks.dimension(sources, "sources")
            at = checks.generator(rng).choice(at, min(size, self.places), replace=False)
        if self.places < 2:
            return 1.0
        return float(np.mean(np.concatenate(list(measures.average_precisions(self._frames, self._share, at)))))

    def points(self, model: str = "poincare", dtype: DTypeLike = np.float64, *, strict: bool = True) -> np.ndarray:
        """Coordinates of the nodes, (nodes, k), in the order of ``nodes``, the root at the origin.

        model   "poincare", "tangent" or "lorentz";  dtype  float64 or float32.
        strict  False gives rounded coordinates of whatever lies too far out as well, where nodes fall together, and
                "lorentz" ones are infinite beyond 710/sqrt(c), in float32 89/sqrt(c).
        Raises  ValueError where a node lies further out than coordinates of the dtype tell points apart in any model,
                36.7/sqrt(c) or 16.6/sqrt(c): rounding its direction then moves it by more than half of 1/sqrt(c).
                ``dist`` needs no coordinates.

        >>> from hyperdist import trees
        >>> path = trees.embed([(i, i + 1) for i in range(40)], root=0, scale=1.0)  # 40 from end to end
        >>> path.points()
        Traceback (most recent call last):
        ValueError: points must lie within 36.74 of the root ...: dist needs no coordinates; embed(..., scale=0.918)...
        >>> path.points(strict=False).shape, float(path.dist(0, 40).round(6))
        ((41, 2), 40.0)
        """
        checks.choice(model, "model", conversions.MODELS)
        dtype = np.dtype(np.float64 if dtype is None else dtype)
        if dtype not in (np.float64, np.float32):
            raise ValueError(f"dtype must be float64 or float32, got {dtype}")
        r, u = self._frames.from_root()
        limit, k = float(conversions.ball_radius_limit(dtype, 1.0)), math.sqrt(self.c)
        far = (r > limit)[self._tree.place]
        if strict and far.any():
            most = float(r.max())
            raise ValueError(
                f"points must lie within {limit / k:.4g} of the root for {dtype} coordinates to tell them "
                f"apart, got {int(far.sum())} of {len(self)} nodes beyond, the furthest at {most / k:.4g}: dist needs "
                f"no coordinates; embed(..., scale={self.scale * limit / most:.3g}) may hold all"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            x = conversions.from_tangent((r / k)[:, None] * u, np.float64(self.c), model)
            x = x[self._tree.place].astype(dtype)
        return np.where(np.isnan(x), x.dtype.type(0), x)  # of an infinite length, along axes across the direction
