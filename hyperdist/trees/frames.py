"""Places in the frames of their ancestors.

Each place has a frame of its own, whose first axis points to its parent (at the root, to its first child); it is
kept as its distance and direction in its parent's frame, and nothing else is stored of it. From there a place is
carried up from frame to frame, to the lowest common ancestor of two, where their directions are those of two edges but
for what the rest of the way deviates, far apart.

In a deep tree a place also knows its place in the frame of one ancestor further up, at a distance that its depth alone
decides, 2^k - 1 edges, so that any ancestor is reached in O(log depth) steps (Myers 1983, skew-binary jumps). What a
vector turns by when it goes round the triangle of three places is the gyration of the two sides (Ungar 2008).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from hyperdist.trees.graph import Tree
from hyperdist.trees.triangle import carry, gyrated, half_sine_sq, side, turned

_DEEP = 64
"""Edges from the root beyond which jumps pay: each needs a matrix, d^2 numbers a place."""
_BLOCK = 1 << 16
"""Pairs that are worked on together."""


class Frames:
    """A tree's places, lengths in units of 1/sqrt(c)."""

    def __init__(self, tree: Tree, length: np.ndarray, direction: np.ndarray) -> None:
        self.parent, self.depth = tree.parent, tree.depth
        self.tree_length, self.length, self.direction = tree.length, length, direction
        self.deep = int(tree.depth.max(initial=0)) > _DEEP

    def up(self, v: np.ndarray, r: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(r, u) in the frame of each v's parent of places (r, u) in that of v, (m) and (m, d)."""
        direction = self.direction[v]
        return carry(self.length[v], direction, r, turned(direction, u))

    @cached_property
    def jumps(self) -> Jumps:
        """Those of every place; in a shallow tree to its parent."""
        return Jumps(self)

    def pairs(self, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(distance, tree distance) of places i and j, (m,) each."""
        found = np.empty((2, len(i)))
        for k in range(0, len(i), _BLOCK):
            block = slice(k, k + _BLOCK)
            found[:, block] = self._pairs(i[block], j[block])
        return found[0], found[1]

    def _pairs(self, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        one, other = _Climb(self, i), _Climb(self, j)
        one.rise_to(self.depth[other.at])
        other.rise_to(self.depth[one.at])
        target = self.jumps.target
        while (left := np.flatnonzero(one.at != other.at)).size:
            apart = target[one.at[left]] != target[other.at[left]]
            for climb in (one, other):
                climb.step(left[apart], far=True)
                climb.step(left[~apart], far=False)
        return side(one.r, other.r, half_sine_sq(one.u, other.u)), one.walked + other.walked

    def from_root(self) -> tuple[np.ndarray, np.ndarray]:
        """(r, u) of every place in the root's frame, (n,) and (n, d)."""
        climb = _Climb(self, np.arange(len(self.parent)))
        climb.rise_to(np.zeros(len(self.parent), dtype=np.intp))
        return climb.r, climb.u


class _Climb:
    """Places on their way up: in the frame of ``at`` they are at (r, u), ``walked`` along the tree."""

    def __init__(self, frames: Frames, at: np.ndarray) -> None:
        self.frames, self.at = frames, at.copy()
        self.r, self.walked = np.zeros(len(at)), np.zeros(len(at))
        self.u = np.tile(np.eye(1, frames.direction.shape[1]), (len(at), 1))

    def rise_to(self, depth: np.ndarray) -> None:
        """To ancestors of these depths, where they are above."""
        frames = self.frames
        while (left := np.flatnonzero(frames.depth[self.at] > depth)).size:
            far = frames.depth[frames.jumps.target[self.at[left]]] >= depth[left]
            self.step(left[far], far=True)
            self.step(left[~far], far=False)

    def step(self, which: np.ndarray, *, far: bool) -> None:
        """Those numbered ``which`` one edge or one jump up."""
        if not which.size:
            return
        frames, v = self.frames, self.at[which]
        r, u = self.r[which], self.u[which]
        if far and frames.deep:
            jumps = frames.jumps
            self.r[which], self.u[which] = jumps.carry(v, r, u)
            self.walked[which] += jumps.tree_length[v]
            self.at[which] = jumps.target[v]
        else:
            self.r[which], self.u[which] = frames.up(v, r, u)
            self.walked[which] += frames.tree_length[v]
            self.at[which] = frames.parent[v]


class Jumps:
    """Each place's jump: where to, and its place in the frame there, with how its own frame is turned.

    ``turn`` (n, d, d) takes vectors of a place's own frame to the target's, carried along the geodesic between them.
    """

    def __init__(self, frames: Frames) -> None:
        self.target = frames.parent
        if not frames.deep:
            return
        n, d = frames.direction.shape
        self.target, self.length = frames.parent.copy(), frames.length.copy()
        self.tree_length, self.direction = frames.tree_length.copy(), frames.direction.copy()
        self.turn = turned(self.direction[:, None], np.broadcast_to(np.eye(d), (n, d, d))).swapaxes(-1, -2)
        span = _spans(int(frames.depth.max()))[frames.depth]
        for long in np.unique(span[span > 1]):
            # An edge and two jumps of half the span: shorter ones are there before longer ones.
            v = np.flatnonzero(span == long)
            for _ in range(2):
                self._extend(v, self.target[v])

    def carry(self, v: np.ndarray, r: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``Frames.up`` for jumps."""
        return carry(self.length[v], self.direction[v], r, (self.turn[v] @ u[..., None])[..., 0])

    def _extend(self, v: np.ndarray, middle: np.ndarray) -> None:
        """Jumps from v to ``middle`` become jumps to where that jumps to."""
        upper = self.turn[middle]
        direction = (upper @ self.direction[v][..., None])[..., 0]
        lengths, first = (self.length[middle], self.length[v]), self.direction[middle]
        self.turn[v] = gyrated(lengths[0], first, lengths[1], direction, upper @ self.turn[v])
        self.length[v], self.direction[v] = carry(lengths[0], first, lengths[1], direction)
        self.tree_length[v] += self.tree_length[middle]
        self.target[v] = self.target[middle]


def _spans(deepest: int) -> np.ndarray:
    """The edges that a jump from each depth spans: twice the span before and one, where the last two are equal."""
    span = [0] * (deepest + 1)
    for depth in range(1, deepest + 1):
        last = span[depth - 1]
        span[depth] = 1 + 2 * last if last == span[depth - 1 - last] else 1
    return np.array(span)
