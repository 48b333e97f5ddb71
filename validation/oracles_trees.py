"""Distances of embedded nodes in mpmath: the product of the Lorentz maps along the path, from what an embedding keeps.

An embedding keeps, of each place, its length L and direction w in its parent's frame, whose first axis points to the
parent's parent; the place's own frame is the parent's, carried along the edge, turned so that its first axis points
back. The turn is any orthogonal map that does so; which of them follows ``hyperdist.trees.triangle.turned``.
"""

from __future__ import annotations

import mpmath as mp


def distance(embedding, i, j):
    """The distance of the nodes labelled i and j, with as many digits as the way between them asks."""
    tree, frames = embedding._tree, embedding._frames
    a, b = (int(tree.place[tree.numbers[node]]) for node in (i, j))
    up, down = [], []
    while a != b:
        if tree.depth[a] >= tree.depth[b]:
            up.append(a)
            a = int(tree.parent[a])
        else:
            down.append(b)
            b = int(tree.parent[b])
    way = sum(float(frames.length[v]) for v in up + down)
    with mp.workdps(40 + int(2.0 * way / 2.3)):
        x, y = (_place(frames, path) for path in (up, down))
        product = x[0] * y[0] - sum(p * q for p, q in zip(x[1:], y[1:], strict=True))
        return +mp.acosh(product) / mp.sqrt(embedding.c)


def _place(frames, path):
    """Lorentz coordinates of the first place of a path upwards, in the frame where the path ends."""
    d = frames.direction.shape[1]
    x = [mp.mpf(1)] + [mp.mpf(0)] * d
    for v in path:
        length = mp.mpf(float(frames.length[v]))
        w = [mp.mpf(float(entry)) for entry in frames.direction[v]]
        size = mp.sqrt(sum(entry**2 for entry in w))
        w = [entry / size for entry in w]
        x = _boost(length, w, [x[0], *_turn(w, x[1:])])
    return x


def _turn(w, u):
    """u after the reflection that takes the first axis to -w; where w_1 < 0, minus the one that takes it to w."""
    sign = -1 if w[0] < 0 else 1
    normal = [sign * entry for entry in w]
    normal[0] += 1
    factor = 2 * sum(p * q for p, q in zip(normal, u, strict=True)) / sum(p * p for p in normal)
    return [sign * (q - factor * p) for p, q in zip(normal, u, strict=True)]


def _boost(length, w, x):
    """The boost by ``length`` along w."""
    cosh, sinh = mp.cosh(length), mp.sinh(length)
    along = sum(p * q for p, q in zip(w, x[1:], strict=True))
    more = sinh * x[0] + (cosh - 1) * along
    return [cosh * x[0] + sinh * along, *(q + more * p for p, q in zip(w, x[1:], strict=True))]
