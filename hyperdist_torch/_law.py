"""A one-dimensional law of the radius: a kernel of the core, with what torch adds to it.

A law has one parameter theta, (*batch), float64: w = c sigma^2 of y = r/sigma on hyperbolic space, kappa or sigma of
the angle y on the sphere. Quadrature nodes are laid without gradient, where the core's kernel says; derivatives come
from the log density at fixed nodes, as terms whose value is 0. So values have the core's accuracy, and every order
of derivative is that of the integral.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hyperdist import quadrature
from hyperdist_torch._random import Propose

_CHUNK = 2048
"""Draws whose quadrature nodes, 44 each, stay in cache."""


def _variation(value: Tensor) -> Tensor:
    """0 with the derivatives of ``value``."""
    return value - value.detach()


@dataclass(frozen=True)
class Measure:
    """A law as weights on nodes, (nodes, *batch); both results are differentiable in theta, to any order."""

    nodes: Tensor
    weights: Tensor
    log_normalizer: Tensor
    """Log integral of exp(log_kernel), (*batch)."""

    def mean(self, value: Tensor) -> Tensor:
        """E f for f at ``nodes``, (*batch)."""
        return (self.weights * value).sum(dim=0)


class Law(ABC):
    """A log-concave law on (0, end) given by a kernel of the core; d is the dimension of the space."""

    d: int
    end: float

    def __init__(self, d: int) -> None:
        self.d = d

    @abstractmethod
    def kernel(self, theta: Tensor) -> Any:
        """The core's kernel, used without gradient."""

    @abstractmethod
    def log_kernel(self, y: Tensor, theta: Tensor) -> Tensor:
        """The log density up to a constant in y, differentiable in both."""

    @abstractmethod
    def score(self, y: Tensor, theta: Tensor) -> Tensor:
        """d ``log_kernel``/d theta, differentiable in both."""

    @abstractmethod
    def proposal(self, theta: Tensor) -> Propose:
        """A proposal for draws that belong to the elements of theta, (batch,), in turn."""

    def measure(self, theta: Tensor) -> Measure:
        """Quadrature nodes and weights of the law."""
        with torch.no_grad():
            # detach besides no_grad, which does not stop forward-mode derivatives
            kernel = self.kernel(theta.detach())
            centre, zero = kernel.centre, torch.zeros_like(kernel.centre)
            sides = [quadrature.nodes(kernel, centre, zero, upper) for upper in (zero == 0.0, zero != 0.0)]
            nodes = torch.cat([u for u, _, _ in sides])
            mass = torch.cat([mass for _, _, mass in sides])
            total = mass.sum(dim=0)
            share, value = mass / total, kernel.log_peak + total.log()
        if not torch.is_grad_enabled():
            return Measure(nodes, share, value)
        weights = share * torch.exp(_variation(self.log_kernel(nodes, theta)))
        norm = weights.sum(dim=0)
        return Measure(nodes, weights / norm, value + norm.log())

    def slope(self, y: Tensor, theta: Tensor) -> Tensor:
        """dy/dtheta at fixed cdf, differentiable in both: an integral over the tail that does not hold the mode."""
        with torch.no_grad():
            kernel = self.kernel(theta.detach())
            (mean,) = quadrature.expectations(kernel, kernel.score)
        if not torch.is_grad_enabled():
            return _in_chunks(lambda part: _Tail.beyond(kernel, part, mean).total(), y, theta)
        with torch.no_grad():
            tail = _Tail.beyond(kernel, y.detach(), mean)
        # The nodes follow y, so that the far end of the tail stays at 0 or at a finite end of the support.
        room = torch.ones_like(y) if self.end == math.inf else self.end - y
        stretch = torch.where(tail.upper, room / room.detach(), y / y.detach())
        u = y + tail.step * stretch
        mass = tail.mass * stretch * torch.exp(_variation(self.log_kernel(u, theta) - self.log_kernel(y, theta)))
        measure = self.measure(theta)
        centred = self.score(u, theta) - measure.mean(self.score(measure.nodes, theta))
        return _Tail(tail.upper, tail.step, mass, tail.excess + _variation(centred)).total()

    @torch.no_grad()
    def quantile(self, p: Tensor, theta: Tensor) -> Tensor:
        """y with cdf p, 0 < p < 1, by Newton's method on the log of the shorter tail; without gradient."""
        kernel = self.kernel(theta)
        mass = quadrature.log_mass(kernel)
        zero = torch.zeros_like(kernel.centre)
        below = quadrature.log_tail(kernel, mass, kernel.centre, zero, zero != 0.0)

        def solve(part: Tensor) -> Tensor:
            log_p, log_q = torch.log(part), torch.log1p(-part)
            above = log_p > below
            y, t = quadrature.quantile(kernel, mass, torch.where(above, log_q, log_p), above, float(self.d))
            return torch.where(above, kernel.centre + t, y)

        return _in_chunks(solve, p, theta)


@dataclass(frozen=True)
class _Tail:
    """The tail of y that does not hold the mode, as nodes y + step with mass and score less its mean."""

    upper: Tensor
    step: Tensor
    mass: Tensor
    excess: Tensor

    @classmethod
    def beyond(cls, kernel: Any, y: Tensor, mean: Tensor) -> _Tail:
        t = y - kernel.centre
        upper = t >= 0.0
        u, offset, mass = quadrature.nodes(kernel, y, t, upper)
        return cls(upper, u - y, mass, kernel.score(u, offset) - mean)

    def total(self) -> Tensor:
        value = (self.mass * self.excess).sum(dim=0)
        return torch.where(self.upper, value, -value)


def _in_chunks(function: Callable[[Tensor], Tensor], x: Tensor, theta: Tensor) -> Tensor:
    """``function`` along the first axis of x in pieces, where that axis is not one of theta's."""
    if x.ndim <= theta.ndim or x.numel() <= _CHUNK:
        return function(x)
    rows = max(1, _CHUNK // max(1, x[0].numel()))
    return torch.cat([function(part) for part in x.split(rows)])
