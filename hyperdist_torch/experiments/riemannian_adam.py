"""Riemannian Adam on rows of tangent coordinates about the origin."""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdist.geometry import tangent

_FIRST, _SECOND, _EPS = 0.9, 0.999, 1e-8


class RiemannianAdam:
    """Moments of the gradient in the frame at each row, one second moment per row, a step along the geodesic.

    x : (n, d) tangent coordinates of points of curvature -c; flat coordinates at c = 0.
    Source  Becigneul & Ganea 2019 (arXiv 1810.00760), with one factor of the product per row.
    """

    def __init__(self, x: Tensor, c: float = 1.0) -> None:
        self.x = x.detach().clone()
        self._c = torch.full((), c, dtype=x.dtype)
        self._first, self._second = torch.zeros_like(x), torch.zeros_like(x[:, :1])
        self._steps = 0

    @torch.no_grad()
    def step(self, gradient: Tensor, rate: float) -> None:
        """Move ``x`` against the gradient (n, d) in its coordinates."""
        self._steps += 1
        # The chart's derivative is symmetric, so what takes frame vectors to the chart takes gradients back.
        gradient = tangent.from_frame(self.x, gradient, self._c)
        self._first = _FIRST * self._first + (1.0 - _FIRST) * gradient
        squares = (gradient * gradient).sum(-1, keepdim=True)
        self._second = _SECOND * self._second + (1.0 - _SECOND) * squares
        size = torch.sqrt(self._second / (1.0 - _SECOND**self._steps)) + _EPS
        self.x = tangent.boost(self.x, -rate / (1.0 - _FIRST**self._steps) * self._first / size, self._c)
