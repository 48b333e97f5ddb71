"""What a tree's embedding loses at most, and the scale at which that is as little as asked for.

A path v_0, ..., v_n of the tree with the scaled edges L_i and the turns t_i between edges is, in hyperbolic space, at
most sum L_i long from end to end. At v_i the way back to v_0 leaves the edge to v_(i - 1) by an angle f_i, so that by
the triangle v_0, v_i, v_(i + 1), in which cosh D >= sin^2(t/2) cosh(a + b) + cos^2(t/2),

    D(v_0, v_n) >= sum L_i - sum loss_i,      loss_i = -2 log sin((t_i - f_i)/2).

f_i is largest for an end infinitely far off: tan(f_i/2) <= e^(-L_i)/tan((t_(i - 1) - f_(i - 1))/2). With each node's
least angle for t, one f a node that no edge raises bounds all of them. The guarantee is then that of the path whose
losses are the largest share of its length, which one pass from the leaves finds for a given share (Dinkelbach 1967).
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.trees.graph import Tree

_SWEEPS = 400
ROUNDING = 1e-12
"""The share of a distance that is left to rounding: distances are right to a tenth of it."""
_LAST = 1e-14
"""Relative, how near to the largest share of losses the search for it ends."""
_MARGIN = 1e-9
"""Relative, what deviations are taken larger by than found to be needed, so that a few sweeps end."""
_CLOSE = 1e-3
"""Relative, how near to the least scale the search for it ends."""


def share_lost(tree: Tree, angle: np.ndarray, scale: float) -> float:
    """The share of its scaled length that any path loses at most; infinite where edges may run into one another.

    angle : (n,) the least angle between edges at each place;  scale : hyperbolic length (c = 1) over that of the tree.
    """
    deviation = _deviations(tree, angle, scale)
    return math.inf if deviation is None else _most_lost(tree, angle - deviation) / scale + ROUNDING


def least_scale(tree: Tree, angle: np.ndarray, distortion: float) -> float:
    """A scale at which no path loses more than the worst distortion allows, at most 1e-3 above the least such scale.

    0 where nothing is lost at any scale.
    """
    allowed = (distortion - 1.0) / distortion
    low = high = _most_lost(tree, angle) / (allowed - ROUNDING)
    while high > 0.0 and (share := share_lost(tree, angle, high)) > allowed:
        # Losses fall as the scale grows: what is lost here is allowed at share/allowed times the scale.
        low, high = high, high * (2.0 if share == math.inf else share / (allowed - ROUNDING))
    while high > low * (1.0 + _CLOSE):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if share_lost(tree, angle, middle) <= allowed else (middle, high)
    return high


def degrees(tree: Tree) -> np.ndarray:
    """(n,) the number of edges at each place."""
    n = len(tree.parent)
    return np.bincount(tree.parent[1:], minlength=n) + (np.arange(n) > 0)


def _deviations(tree: Tree, angle: np.ndarray, scale: float) -> np.ndarray | None:
    """(n,) how far the direction to anything may lie from that of the edge that leads to it; None where no bound is."""
    parent, inner = tree.parent[1:], degrees(tree) > 1
    decay = np.exp(-scale * tree.length[1:])
    found = np.zeros(len(angle))
    for _ in range(_SWEEPS):
        room = 0.5 * (angle - found)
        if not (room > 0.0)[inner].all():
            return None
        spread = np.where(inner, 1.0 / np.tan(np.where(inner, room, 1.0)), 0.0)
        slope = np.zeros(len(angle))
        slope[1:] = decay * spread[parent]
        np.maximum.at(slope, parent, decay * spread[1:])
        needed = 2.0 * np.arctan(np.maximum(slope, 0.0))
        if (needed <= found).all():
            return found
        found = np.maximum(found, needed * (1.0 + _MARGIN))
    return None


def _most_lost(tree: Tree, turn: np.ndarray) -> float:
    """The largest sum of losses over length (of the tree) of any path, ``turn`` the least angle at each place."""
    loss = np.maximum(-2.0 * np.log(np.sin(0.5 * turn)), 0.0).tolist()
    parent, length = tree.parent.tolist(), tree.length.tolist()
    rate = 0.0
    while True:
        excess, lost, over = _most_above(parent, length, loss, rate)
        if excess <= 0.0 or lost <= rate * over * (1.0 + _LAST):
            return rate * (1.0 + _LAST)
        rate = lost / over


_Chain = tuple[float, float, float]
"""Excess, losses and length of a chain of edges that leads down from a place."""

_NONE: _Chain = (-math.inf, 0.0, 0.0)


def _most_above(parent: list[int], length: list[float], loss: list[float], rate: float) -> _Chain:
    """The path whose losses exceed ``rate`` times its length the most: that excess, its losses and its length.

    One pass from the leaves, in plain Python, which takes as long for a path as for a star: each place keeps the two
    best chains below it; a path runs down one, or up one and down the other, with a turn between.
    """
    first, second = [_NONE] * len(parent), [_NONE] * len(parent)
    best = _NONE
    for v in range(len(parent) - 1, -1, -1):
        up, down = first[v], second[v]
        through = (loss[v] + up[0] + down[0], loss[v] + up[1] + down[1], up[2] + down[2])
        best = max(best, up, through)
        if v:
            edge, p = length[v], parent[v]
            on, lost, over = (loss[v] + up[0], loss[v] + up[1], up[2]) if loss[v] + up[0] > 0.0 else (0.0, 0.0, 0.0)
            chain = (on - rate * edge, lost, over + edge)
            if chain > first[p]:
                first[p], second[p] = chain, first[p]
            elif chain > second[p]:
                second[p] = chain
    return best
