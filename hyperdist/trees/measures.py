"""How far an embedding's distances are from its tree's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hyperdist.trees.frames import Frames
from hyperdist.trees.triangle import half_sine_sq, side

ALL = 10_000
"""Places up to which every pair, and every place's neighbours, are looked at; of more a sample."""
PAIRS, SOURCES = 1_000_000, 2_000
_BLOCK = 1 << 18
_ROWS = 64
_TIE = 1e-12
"""By what part distances may differ that are one distance but for rounding."""
_NORMAL = 1.959963984540054
"""The 97.5 % quantile of the normal law."""

_Places = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Distances, directions and tree distances of places from one they are below."""


class Distortion(NamedTuple):
    """Of embedded distances D to tree distances t, over pairs of places.

    >>> from hyperdist import trees
    >>> found = trees.embed([("life", "plants"), ("life", "animals"), ("animals", "cats")], distortion=1.1).distortion()
    >>> found.worst <= 1.1, found.average < 0.05, found.interval == (found.average, found.average)  # of all pairs
    (True, True, True)
    """

    worst: float
    """The largest D/t over the smallest."""
    average: float
    """The mean of |D/(scale t) - 1|."""
    interval: tuple[float, float]
    """95 % of the average, where pairs were sampled; the average twice where all were looked at."""


class Tally:
    """Least, largest and mean of ratios that come in parts."""

    def __init__(self) -> None:
        self.least, self.most, self.sum, self.squares, self.n = math.inf, 0.0, 0.0, 0.0, 0

    def add(self, ratio: np.ndarray) -> None:
        """Ratios of scaled distances, of any shape."""
        if not ratio.size:
            return
        error = np.abs(ratio - 1.0)
        self.least, self.most = min(self.least, float(ratio.min())), max(self.most, float(ratio.max()))
        self.sum, self.squares = self.sum + float(error.sum()), self.squares + float(np.sum(error * error))
        self.n += ratio.size

    def result(self, *, sampled: bool) -> Distortion:
        """Of all ratios so far; of none, no distortion."""
        if not self.n:
            return Distortion(1.0, 0.0, (0.0, 0.0))
        mean = self.sum / self.n
        spread = math.sqrt(max(self.squares / self.n - mean * mean, 0.0) / self.n) if sampled else 0.0
        worst = self.most / self.least if self.least > 0.0 else math.inf
        return Distortion(worst, mean, (mean - _NORMAL * spread, mean + _NORMAL * spread))


def of_all(frames: Frames, scale: float) -> Distortion:
    """Over all pairs, each in the frame of its lowest common ancestor.

    The places below a place are carried to it once, from its children's lists, so that a pair costs one triangle.
    """
    tally, n = Tally(), len(frames.parent)
    below: dict[int, list[_Places]] = {}
    for v in range(n - 1, -1, -1):
        lists = below.pop(v, [])
        gathered = _together(lists)
        if gathered is not None:
            tally.add(gathered[0] / (scale * gathered[2]))
            _across(lists, gathered, scale, tally)
        if v:
            below.setdefault(int(frames.parent[v]), []).append(_up(frames, v, gathered))
    return tally.result(sampled=False)


def _together(lists: list[_Places]) -> _Places | None:
    if len(lists) < 2:
        return lists[0] if lists else None
    return tuple(np.concatenate(parts) for parts in zip(*lists, strict=True))  # type: ignore[return-value]


def _across(lists: list[_Places], places: _Places, scale: float, tally: Tally) -> None:
    """The pairs of places below different children: those of each list with all before it."""
    r, u, t = places
    end = 0
    for part in lists:
        first, end = end, end + len(part[0])
        rows = max(1, _BLOCK // max(first, 1))
        for k in range(first, end if first else first, rows):
            block = slice(k, min(k + rows, end))
            sine_sq = half_sine_sq(u[block, None], u[None, :first])
            distance = side(r[block, None], r[None, :first], sine_sq)
            tally.add(distance / (scale * (t[block, None] + t[None, :first])))


def _up(frames: Frames, v: int, below: _Places | None) -> _Places:
    """v and what is below it, from its parent."""
    at = np.zeros(1), np.eye(1, frames.direction.shape[1]), np.zeros(1)
    r, u, t = at if below is None else tuple(np.concatenate(pair) for pair in zip(below, at, strict=True))
    return *frames.up(np.array([v]), r, u), t + frames.tree_length[v]


def of_sample(frames: Frames, scale: float, pairs: int, rng: np.random.Generator) -> Distortion:
    """Over pairs of different places drawn at random."""
    n = len(frames.parent)
    i = rng.integers(n, size=pairs)
    j = (i + 1 + rng.integers(n - 1, size=pairs)) % n
    distance, of_tree = frames.pairs(i, j)
    tally = Tally()
    tally.add(distance / (scale * of_tree))
    return tally.result(sampled=True)


def average_precisions(frames: Frames, share: float, sources: np.ndarray) -> Iterator[np.ndarray]:
    """The average precision of each source's neighbours in the tree, in blocks.

    Of a place with neighbours N, the mean over b in N of the share of N among all places no further off than b. A place
    that could be as near is at most the longest edge's length over 1 - share, the share of its length that any path may
    lose; only such are compared.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    n, parent, length = len(frames.parent), frames.parent, frames.tree_length
    ends = np.stack([parent[1:], np.arange(1, n)]).astype(np.int32)  # as SciPy's dijkstra asks for before 1.14
    tree = coo_array((length[1:], ends), shape=(n, n)).tocsr()
    longest = length.copy()
    np.maximum.at(longest, parent[1:], length[1:])
    reach = longest / (1.0 - share) * (1.0 + 1e-9) if share < 1.0 else np.full(n, np.inf)
    for k in range(0, len(sources), _ROWS):
        rows = sources[k : k + _ROWS]
        near = np.isfinite(dijkstra(tree, directed=False, indices=rows, limit=float(reach[rows].max())))
        row, of = np.nonzero(near)
        row, of = row[of != rows[row]], of[of != rows[row]]
        distance, _ = frames.pairs(rows[row], of)
        yield precisions(row, distance, (parent[of] == rows[row]) | (parent[rows[row]] == of), len(rows))


def precisions(row: np.ndarray, distance: np.ndarray, neighbour: np.ndarray, n: int) -> np.ndarray:
    """Average precisions, (n,), from distances of places numbered by the row they belong to."""
    order = np.lexsort((distance, row))
    row, distance, neighbour = row[order], distance[order], neighbour[order]
    start = np.searchsorted(row, np.arange(n))
    rank, hits = np.arange(1, len(row) + 1) - start[row], np.cumsum(neighbour)
    hits = hits - np.concatenate([[0], hits])[start[row]]
    # Of places at one distance, all are no further off than each: the last one's counts are theirs.
    with np.errstate(invalid="ignore"):  # infinite ones are one distance too
        further = np.diff(distance) > _TIE * distance[:-1]
    last = np.flatnonzero(np.append((row[1:] != row[:-1]) | further, True))
    last = last[np.searchsorted(last, np.arange(len(row)))]
    share = np.where(neighbour, hits[last] / rank[last], 0.0)
    return np.bincount(row, share, n) / np.bincount(row, neighbour, n)
