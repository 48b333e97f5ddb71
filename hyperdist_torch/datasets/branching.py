"""The branching diffusion process of Mathieu et al. 2019 (arXiv 1901.06033), section 5.1: data with a known tree."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class BranchingDiffusion:
    """Nodes of a random tree in R^dimension, and noisy observations of each; all float32.

    A child lies at its parent plus N(0, variance), the root at 0; each node, inner or leaf, has ``siblings``
    observations at the node plus N(0, variance/factor). Rows are standardised, every column to mean 0 and standard
    deviation 1 over all rows; the nodes go through the same map.

    rows      (siblings * nodes, dimension)  the observations, those of one node side by side.
    nodes     (nodes, dimension)             the noise-free nodes, level by level, the root first.
    depth     (nodes,)                       the root has depth 0.
    parent    (nodes,)                       each node's parent; the root's is -1.
    training, test                           rows of the two parts, as indices; 70 and 30 per cent.

    >>> import torch
    >>> from hyperdist_torch.datasets import BranchingDiffusion
    >>> data = BranchingDiffusion.make(0, depth=2)
    >>> data.edges.tolist()  # parent and child
    [[0, 1], [0, 2], [1, 3], [1, 4], [2, 5], [2, 6]]
    >>> data.node_of_row[data.training].shape, torch.bincount(data.node_of_row).tolist()
    (torch.Size([24]), [5, 5, 5, 5, 5, 5, 5])
    """

    rows: Tensor
    nodes: Tensor
    depth: Tensor
    parent: Tensor
    training: Tensor
    test: Tensor

    @classmethod
    def make(
        cls, seed: int, *, dimension: int = 50, depth: int = 6, children: int = 2, variance: float = 1.0,
        siblings: int = 5, factor: float = 5.0,
    ) -> BranchingDiffusion:  # fmt: skip
        """The process as published: 127 nodes, 635 rows, sigma_0 = 1, and 444 rows for training.

        ``factor`` divides the variance, not the standard deviation, as in the authors' code; the split is drawn anew
        with the seed.

        >>> from hyperdist_torch.datasets import BranchingDiffusion
        >>> data = BranchingDiffusion.make(0)
        >>> data.rows.shape, data.nodes.shape, len(data.training), len(data.test)
        (torch.Size([635, 50]), torch.Size([127, 50]), 444, 191)
        """
        counts = {"dimension": dimension, "children": children, "siblings": siblings}
        for name, value in {**counts, "variance": variance, "factor": factor}.items():
            if not value > 0:
                raise ValueError(f"{name} must be > 0, got {value!r}")
        if depth < 1:
            raise ValueError(f"depth must be >= 1, got {depth!r}")
        generator = torch.Generator().manual_seed(seed)
        levels, parents = [torch.zeros(1, dimension, dtype=torch.float64)], [torch.tensor([-1])]
        first = 0
        for _ in range(depth):
            above = levels[-1].repeat_interleave(children, dim=0)
            noise = torch.randn(above.shape, generator=generator, dtype=torch.float64)
            levels.append(above + variance**0.5 * noise)
            parents.append(first + torch.arange(len(levels[-2])).repeat_interleave(children))
            first += len(levels[-2])
        nodes = torch.cat(levels)
        clean = nodes.repeat_interleave(siblings, dim=0)
        rows = clean + (variance / factor) ** 0.5 * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
        mean, scale = rows.mean(dim=0), rows.std(dim=0, correction=0)
        order = torch.randperm(len(rows), generator=generator)
        cut = int(0.7 * len(rows))
        return cls(
            rows=((rows - mean) / scale).float(),
            nodes=((nodes - mean) / scale).float(),
            depth=torch.cat([torch.full((len(level),), i) for i, level in enumerate(levels)]),
            parent=torch.cat(parents),
            training=order[:cut].sort().values,
            test=order[cut:].sort().values,
        )

    @property
    def edges(self) -> Tensor:
        """(nodes - 1, 2), parent and child."""
        child = torch.arange(1, len(self.nodes))
        return torch.stack([self.parent[1:], child], dim=-1)

    @property
    def node_of_row(self) -> Tensor:
        """(rows,), the node that a row observes."""
        return torch.arange(len(self.nodes)).repeat_interleave(len(self.rows) // len(self.nodes))
