"""Kullback-Leibler divergences for ``torch.distributions.kl_divergence``, those of ``hyperdist.kl_divergence``.

They are differentiable in every parameter, worked out in float64, and a small one keeps its relative accuracy. Pairs
that have no one-dimensional form, as those about two centres where c > 0 or on the sphere under a squared distance,
raise NotImplementedError, as torch does for a pair that it does not know. In a trace, where centres cannot be compared,
the result is NaN where they differ.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions.kl import register_kl

from hyperdist.distributions.divergence import compare
from hyperdist_torch._host import holds, unseen
from hyperdist_torch.distributions.base import ManifoldDistribution


@register_kl(ManifoldDistribution, ManifoldDistribution)
def _divergence(p: ManifoldDistribution, q: ManifoldDistribution) -> Tensor:
    value, known = compare(p, q, holds)
    if known is not None and unseen(known):
        value = torch.where(known, value, torch.nan)
    dtype = torch.promote_types(p._dtype, q._dtype)
    return value.to(dtype).expand(torch.broadcast_shapes(p.batch_shape, q.batch_shape))
