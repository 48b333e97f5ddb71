"""The one-dimensional laws of the radius: the core's kernels, with what torch adds to them.

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

import numpy as np
import torch
from torch import Tensor

from hyperdist import quadrature
from hyperdist.quadrature import Kernel
from hyperdist.radial import hyperbolic, spherical, spherical_hats
from hyperdist_torch._random import Propose

_CHUNK = 2048
"""Draws whose quadrature nodes, 44 each, stay in cache."""


_PLACES, _WEIGHTS = (torch.as_tensor(0.5 * a) for a in np.polynomial.legendre.leggauss(44))
_PLACES = _PLACES + 0.5
"""Gauss-Legendre nodes and weights on [0, 1], float64: as many as the core's rule has."""


def _nodes(kernel: Kernel, y: Tensor, t: Tensor, upper: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(u - y, u - centre, mass) on a new first axis; mass is the density at u over that at y, times the weight."""
    width = kernel.reach(y, t, upper)
    shape = (-1,) + (1,) * (t + width).ndim
    place, weight = (a.to(y.device).reshape(shape) for a in (_PLACES, _WEIGHTS))
    step = place * torch.where(upper, width, -width)
    ratio = kernel.log_ratio(y + step, t + step) - kernel.log_ratio(y, t)
    return step, t + step, weight * width * torch.exp(ratio)


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
            sides = [_nodes(kernel, centre, zero, upper) for upper in (zero == 0.0, zero != 0.0)]
            nodes = centre + torch.cat([step for step, _, _ in sides])
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
        step, offset, mass = _nodes(kernel, y, t, upper)
        return cls(upper, step, mass, kernel.score(y + step, offset) - mean)

    def total(self) -> Tensor:
        value = (self.mass * self.excess).sum(dim=0)
        return torch.where(self.upper, value, -value)


def _in_chunks(function: Callable[[Tensor], Tensor], x: Tensor, theta: Tensor) -> Tensor:
    """``function`` along the first axis of x in pieces, where that axis is not one of theta's."""
    if x.ndim <= theta.ndim or x.numel() <= _CHUNK:
        return function(x)
    rows = max(1, _CHUNK // max(1, x[0].numel()))
    return torch.cat([function(part) for part in x.split(rows)])


def _pick(parameter: Tensor, index: Tensor | None, n: int) -> Tensor:
    """The parameters (batch,) of the flattened draws ``index``, which belong to the batch in turn."""
    size = parameter.shape[0]
    if size == 1:
        return parameter
    return parameter.repeat(n // size) if index is None else parameter[index % size]


def _one_of(choice: Tensor, first: Propose, second: Propose) -> Propose:
    """``second`` for the batch elements where ``choice`` (batch,) holds, ``first`` for the others."""
    if not bool(choice.any()):
        return first
    if bool(choice.all()):
        return second

    def propose(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        by_second = _pick(choice, index, chi.shape[0])
        a, b = first(chi, index, generator), second(chi, index, generator)
        return torch.where(by_second, b[0], a[0]), torch.where(by_second, b[1], a[1])

    return propose


class HyperbolicLaw(Law):
    """y = r/sigma of the Riemannian normal; theta is w = c sigma^2, and w = 0 is the chi law with d degrees."""

    end = math.inf

    def kernel(self, theta: Tensor) -> hyperbolic.HyperbolicKernel:
        return hyperbolic.HyperbolicKernel.build(self.d, theta.sqrt())

    def log_kernel(self, y: Tensor, theta: Tensor) -> Tensor:
        return hyperbolic.log_kernel(self.d - 1, y, theta)

    def score(self, y: Tensor, theta: Tensor) -> Tensor:
        return hyperbolic.log_kernel_score(self.d - 1, y, theta)

    def proposal(self, theta: Tensor) -> Propose:
        d, s, kernel = self.d, theta.sqrt(), self.kernel(theta)
        point, gamma_mass = hyperbolic.gamma_hat(d, s)

        def gamma(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            at, scale = _pick(point, index, chi.shape[0]), _pick(s, index, chi.shape[0])
            y = chi * at / math.sqrt(d)
            return y, hyperbolic.gamma_hat_cost(d, scale, at, y)

        def normal(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            mode, scale = _pick(kernel.centre, index, chi.shape[0]), _pick(s, index, chi.shape[0])
            t = torch.randn(chi.shape, generator=generator, device=chi.device, dtype=chi.dtype)
            return mode + t, hyperbolic.normal_hat_cost(d - 1, scale, mode, t)

        return _one_of(hyperbolic.normal_hat_log_mass(kernel) < gamma_mass, gamma, normal)


class SphericalNormalLaw(Law):
    """The angle of the Riemannian normal on S^d; theta is sigma."""

    end = math.pi

    def kernel(self, theta: Tensor) -> spherical.SphericalNormalKernel:
        return spherical.SphericalNormalKernel.build(self.d, theta)

    def log_kernel(self, y: Tensor, theta: Tensor) -> Tensor:
        return spherical.normal_log_kernel(self.d - 1, y, theta)

    def score(self, y: Tensor, theta: Tensor) -> Tensor:
        return spherical.normal_score(y, theta)

    def proposal(self, theta: Tensor) -> Propose:
        d = self.d
        point, touch, by_cauchy = spherical_hats.normal_hats(d, theta)

        def gamma(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            at, sigma = _pick(point, index, chi.shape[0]), _pick(theta, index, chi.shape[0])
            r = chi * at / math.sqrt(d)
            return r, spherical_hats.normal_gamma_cost(d, sigma, at, r)

        def cauchy(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            at, sigma = _pick(touch, index, chi.shape[0]), _pick(theta, index, chi.shape[0])
            r = _cauchy_radius(chi, at, generator)
            return r, spherical_hats.normal_cauchy_cost(d, sigma, at, r)

        return _one_of(by_cauchy, gamma, cauchy)


class FisherLaw(Law):
    """The angle of the von Mises-Fisher law on S^d, exp(kappa (cos y - 1)); theta is kappa >= 0."""

    end = math.pi

    def kernel(self, theta: Tensor) -> spherical.VonMisesFisherKernel:
        return spherical.VonMisesFisherKernel.build(self.d, theta)

    def log_kernel(self, y: Tensor, theta: Tensor) -> Tensor:
        return spherical.fisher_log_kernel(self.d - 1, y, theta)

    def score(self, y: Tensor, theta: Tensor) -> Tensor:
        return spherical.fisher_score(y)

    def proposal(self, theta: Tensor) -> Propose:
        d = self.d
        point, rate, touch, by_cauchy = spherical_hats.fisher_hats(d, theta)

        def gamma(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            w = 0.5 * chi * chi / _pick(rate, index, chi.shape[0])
            r = 2.0 * torch.asin(torch.sqrt(0.5 * w.clamp_max(2.0)))
            return r, spherical_hats.fisher_gamma_cost(d, _pick(point, index, chi.shape[0]), w)

        def cauchy(chi: Tensor, index: Tensor | None, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            at, kappa = _pick(touch, index, chi.shape[0]), _pick(theta, index, chi.shape[0])
            r = _cauchy_radius(chi, at, generator)
            return r, spherical_hats.fisher_cauchy_cost(d, kappa, at, r)

        return _one_of(by_cauchy, gamma, cauchy)


def _cauchy_radius(chi: Tensor, touch: Tensor, generator: torch.Generator | None) -> Tensor:
    z = torch.randn(chi.shape, generator=generator, device=chi.device, dtype=chi.dtype)
    return spherical_hats.cauchy_radius(chi, z, torch.cos(touch))
