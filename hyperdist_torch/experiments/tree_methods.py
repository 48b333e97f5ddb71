"""Embeddings of trees by other ways than the construction: hyperbolic scaling, maximum likelihood, coordinates."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import eigsh
from torch import Tensor

from hyperdist.geometry import lorentz, poincare, tangent
from hyperdist.trees import Distortion, TreeEmbedding
from hyperdist.trees.measures import ALL, Tally, precisions
from hyperdist.trees.triangle import half_sine_sq, side
from hyperdist_torch.experiments.riemannian_adam import RiemannianAdam

SOURCES = 500
"""Places that are scored of a tree with more than ``ALL``."""
_ROWS = 64
_SPREADS = (1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0)
"""Scaled diameters that hyperbolic scaling is tried at: its matrix holds cosh of them in doubles."""
_MODELS = {"poincare": poincare, "tangent": tangent, "lorentz": lorentz}


class Places(NamedTuple):
    """A tree without its edges of length 0."""

    nodes: np.ndarray
    """(n,) the number of one node at each place."""
    matrix: Any
    """(n, n) sparse, the edges' lengths."""
    ends: np.ndarray
    """(n - 1, 2) the edges."""
    lengths: np.ndarray
    """(n - 1,)"""

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """Along the tree, (rows, n)."""
        return dijkstra(self.matrix, directed=False, indices=rows)


def places(T: TreeEmbedding) -> Places:
    """Those of an embedding's tree."""
    above, below = T.edges()
    root = np.flatnonzero(T.depths() == 0)[:1]
    nodes = np.concatenate([root, below])
    number = np.full(len(T), -1)
    number[nodes] = np.arange(len(nodes))
    ends = np.stack([number[above], number[below]], axis=-1)
    labels = np.empty(len(T), dtype=object)
    labels[:] = T.nodes
    lengths = np.asarray(T.tree_dist(labels[above], labels[below]))
    matrix = coo_array((lengths, ends.T.astype(np.int32)), shape=(len(nodes), len(nodes))).tocsr()
    return Places(nodes, matrix, ends, lengths)


class Scores(NamedTuple):
    """Of points for the places of a tree."""

    distortion: Distortion
    precision: float


def scores(tree: Places, x: np.ndarray | None, scale: float, seed: int = 0) -> Scores:
    """Distortion and mean average precision of tangent coordinates x, (n, d), c = 1; of the tree itself where None.

    Of every place against all, up to 10,000 places; beyond, of 500 drawn at random.
    """
    n = len(tree.nodes)
    rows = np.arange(n) if n <= ALL else np.random.default_rng(seed).choice(n, SOURCES, replace=False)
    tally, found = Tally(), []
    adjacent = (tree.matrix + tree.matrix.T).astype(bool).tolil()
    radius = None if x is None else np.linalg.norm(x, axis=-1)
    for k in range(0, len(rows), _ROWS):
        block = rows[k : k + _ROWS]
        of_tree = tree.distances(block)
        distance = of_tree if x is None or radius is None else _distances(x, radius, block)
        others = of_tree > 0.0
        tally.add(distance[others] / (scale * of_tree[others]))
        row, of = np.nonzero(others)
        near = np.zeros(of_tree.shape, dtype=bool)
        for i, v in enumerate(block):
            near[i, adjacent.rows[v]] = True
        found.append(precisions(row, distance[others], near[row, of], len(block)))
    return Scores(tally.result(sampled=len(rows) < n), float(np.mean(np.concatenate(found))))


def _distances(x: np.ndarray, radius: np.ndarray, block: np.ndarray) -> np.ndarray:
    u = x / np.where(radius > 0.0, radius, 1.0)[:, None]
    return side(radius[block, None], radius[None], half_sine_sq(u[block, None], u[None]))


def hyperbolic_scaling(tree: Places, d: int) -> tuple[np.ndarray, float]:
    """(x, scale): tangent coordinates (n, d), c = 1, by hyperbolic multidimensional scaling, and what lengths were
    multiplied by, the best on average of several.

    With Lorentz coordinates (x_0, s), cosh D_ij = x_0i x_0j - s_i.s_j has one positive eigenvalue and d negative ones;
    s is read from those, and x_0 follows (Sala et al. 2018, section 4.2; Tabaghi & Dokmanic 2020).
    """
    of_tree = tree.distances(np.arange(len(tree.nodes)))
    best: tuple[float, np.ndarray, float] | None = None
    for spread in _SPREADS:
        scale = spread / float(of_tree.max())
        values, vectors = eigsh(-np.cosh(scale * of_tree), k=d, which="LA", v0=np.ones(len(of_tree)))
        x = lorentz_to_tangent(np.sqrt(np.maximum(values, 0.0)) * vectors)
        radius = np.linalg.norm(x, axis=-1)
        some = np.random.default_rng(0).choice(len(x), min(len(x), 300), replace=False)
        apart = of_tree[some] > 0.0
        error = np.abs(_distances(x, radius, some)[apart] / (scale * of_tree[some][apart]) - 1.0).mean()
        if best is None or error < best[0]:
            best = float(error), x, scale
    assert best is not None
    return best[1], best[2]


def lorentz_to_tangent(s: np.ndarray) -> np.ndarray:
    """Tangent coordinates of points with space parts s, c = 1."""
    size = np.linalg.norm(s, axis=-1, keepdims=True)
    return s * np.where(size > 0.0, np.arcsinh(size) / np.where(size > 0.0, size, 1.0), 1.0)


class Fitted(NamedTuple):
    """Learnt tangent coordinates, (n, d), c = 1, the factor of lengths, and the spread of the errors' logarithms."""

    x: np.ndarray
    scale: float
    sigma: float


def maximum_likelihood(
    tree: Places, start: np.ndarray, scale: float, *, steps: int, batch: int = 2048, rate: float = 0.2, seed: int = 0
) -> Fitted:
    """Points whose distances make the tree's most likely: log t_ij ~ N(log(D_ij/scale), sigma^2), all learnt.

    A quarter of each batch are edges, the others pairs drawn at random. The rate of ``RiemannianAdam`` falls to 0
    along a cosine.
    """
    rng, n = np.random.default_rng(seed), len(tree.nodes)
    pool, edges = _pool(tree, rng), np.column_stack([tree.ends, tree.lengths])
    points = RiemannianAdam(torch.tensor(start))
    log_scale = torch.tensor(math.log(scale), dtype=torch.float64, requires_grad=True)
    log_sigma = torch.tensor(math.log(0.3), dtype=torch.float64, requires_grad=True)
    others = torch.optim.Adam([log_scale, log_sigma], lr=0.01)
    for step in range(1, steps + 1):
        some = np.concatenate([
            pool[rng.integers(len(pool), size=batch - batch // 4)], edges[rng.integers(len(edges), size=batch // 4)]
        ])  # fmt: skip
        i, j = (torch.from_numpy(some[:, k].astype(np.int64)) for k in (0, 1))
        x = points.x.requires_grad_(True)
        others.zero_grad()
        loss = -_log_prob(x[i], x[j], torch.from_numpy(some[:, 2]), log_scale, log_sigma).mean()
        (gradient,) = torch.autograd.grad(loss, x, retain_graph=True)
        (log_scale.grad, log_sigma.grad) = torch.autograd.grad(loss, [log_scale, log_sigma])
        others.step()
        points.step(n * gradient, 0.5 * rate * (1.0 + math.cos(math.pi * step / steps)))
    return Fitted(points.x.detach().numpy(), log_scale.exp().item(), log_sigma.exp().item())


def _log_prob(x: Tensor, y: Tensor, length: Tensor, log_scale: Tensor, log_sigma: Tensor) -> Tensor:
    square = tangent.dist_sq(x, y, torch.ones((), dtype=x.dtype))
    law = torch.distributions.LogNormal(0.5 * torch.log(square + 1e-12) - log_scale, log_sigma.exp())
    return law.log_prob(length)


def _pool(tree: Places, rng: np.random.Generator, most: int = 500_000) -> np.ndarray:
    """(m, 3): pairs and their distances along the tree, drawn at random: some places against all."""
    n = len(tree.nodes)
    parts, count = [], 0
    rows = rng.permutation(n)
    each = max(1, min(n - 1, most // max(1, min(n, 4000))))
    for k in range(0, n, _ROWS):
        if count >= most:
            break
        block = rows[k : k + _ROWS]
        of_tree = tree.distances(block)
        j = (block[:, None] + 1 + rng.integers(n - 1, size=(len(block), each))) % n
        i = np.broadcast_to(block[:, None], j.shape)
        at = np.arange(len(block))[:, None]
        parts.append(np.stack([i.ravel(), j.ravel(), of_tree[at, j].ravel()], axis=-1))
        count += j.size
    return np.concatenate(parts)


class InCoordinates(NamedTuple):
    """Distances that coordinates give, against the true ones of the same embedding."""

    lost: float
    """The share of pairs more than 1 % off, or not finite."""
    worst: float
    """The largest relative error of the others."""


def in_coordinates(T: TreeEmbedding, model: str, dtype: Any, i: np.ndarray, j: np.ndarray) -> InCoordinates:
    """Of the pairs of nodes numbered i and j, at different places."""
    x = T.points(model, dtype, strict=False)
    labels = np.empty(len(T), dtype=object)
    labels[:] = T.nodes
    true = np.asarray(T.dist(labels[i], labels[j]))
    with np.errstate(all="ignore"):
        found = _MODELS[model].dist(x[i], x[j], np.asarray(T.c, dtype)[()]).astype(np.float64)
        error = np.abs(found / true - 1.0)
    kept = error <= 0.01
    return InCoordinates(1.0 - float(kept.mean()), float(error[kept].max(initial=0.0)))
