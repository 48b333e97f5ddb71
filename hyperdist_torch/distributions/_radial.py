"""What a law of the radius can tell besides its draws: density, tails, quantiles, moments; float64 tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from hyperdist.arrays.namespace import constant
from hyperdist.arrays.stable import log1mexp
from hyperdist.geometry import torus
from hyperdist.radial import circular, quadrature
from hyperdist_torch import _random
from hyperdist_torch._law import Fixed, Law, _in_chunks, _variation
from hyperdist_torch.distributions._cdf import at_cdf
from hyperdist_torch.distributions.base import draw_radius

_HIGH_POWER = 60
"""Dimension from which on the density is so flat at the ends that its logarithm there does not matter."""
_NEGLIGIBLE = -1e4
"""Log of a density that counts as 0 in the entropy."""


class Radial(ABC):
    """A law of y on (0, end) with one parameter theta, (*batch); y broadcasts to (..., *batch)."""

    end: float

    @abstractmethod
    def log_density(self, y: Tensor, theta: Tensor) -> Tensor:
        """Log density for 0 < y < end, differentiable in both to any order."""

    @abstractmethod
    def slope(self, y: Tensor, theta: Tensor) -> Tensor:
        """dy/dtheta at fixed cdf, differentiable in both to any order."""

    @abstractmethod
    def tails(self, y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """log cdf and log sf, without gradient."""

    @abstractmethod
    def quantile(self, p: Tensor, theta: Tensor, upper: bool) -> Tensor:
        """y with cdf p, or sf p where ``upper``, 0 < p < 1; without gradient."""

    @abstractmethod
    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance, differentiable to any order."""

    @abstractmethod
    def entropy(self, theta: Tensor) -> Tensor:
        """Differential entropy, differentiable to any order."""

    @abstractmethod
    def centre(self, theta: Tensor) -> Tensor:
        """A point inside, near the mode, without gradient."""

    @abstractmethod
    def mode(self, theta: Tensor) -> Tensor:
        """The point of largest density, without gradient."""

    @abstractmethod
    def draw(self, theta: Tensor, shape: torch.Size, method: str, generator: torch.Generator | None) -> Tensor:
        """Draws of ``shape``, with their gradient in theta."""


class KernelRadial(Radial):
    """The radius of a log-concave law."""

    def __init__(self, law: Law) -> None:
        self.law, self.end = law, law.end

    def log_density(self, y: Tensor, theta: Tensor) -> Tensor:
        with torch.no_grad():
            kernel, fixed = self.law.kernel(theta.detach()), y.detach()
            value = kernel.log_ratio(fixed, fixed - kernel.centre) - quadrature.log_mass(kernel)
            inner = (fixed > 0.0) & (fixed < self.end)
        if constant(y, theta):
            return value
        # The textbook form cancels far out, its derivatives do not.
        smooth = self.law.log_kernel(torch.where(inner, y, kernel.centre), theta)
        return value + _variation(smooth - self.law.measure(theta).log_normalizer)

    def slope(self, y: Tensor, theta: Tensor) -> Tensor:
        if not constant(y, theta):
            return self.law.slope(y, theta)
        return _in_chunks(lambda part: self.law.slope(part, theta), y, theta)

    @torch.no_grad()
    def tails(self, y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        kernel = self.law.kernel(theta)
        mass = quadrature.log_mass(kernel)
        upper = y >= kernel.centre
        short = _in_chunks(lambda part: quadrature.shorter_tail(kernel, mass, part, part - kernel.centre)[0], y, theta)
        short = short.clamp_max(0.0)
        rest = log1mexp(-short)
        return torch.where(upper, rest, short), torch.where(upper, short, rest)

    @torch.no_grad()
    def quantile(self, p: Tensor, theta: Tensor, upper: bool) -> Tensor:
        kernel = self.law.kernel(theta)
        mass, zero = quadrature.log_mass(kernel), torch.zeros_like(kernel.centre)
        edge = quadrature.log_tail(kernel, mass, kernel.centre, zero, zero == 0.0 if upper else zero != 0.0)

        def solve(part: Tensor) -> Tensor:
            log_p = part.log()
            inside = log_p <= edge
            above = inside if upper else ~inside
            log_tail = torch.where(inside, log_p, torch.log1p(-part))
            y, t = quadrature.quantile(kernel, mass, log_tail, above, float(self.law.d))
            return torch.where(above, kernel.centre + t, y)

        return _in_chunks(solve, p, theta)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        measure = self.law.measure(theta)
        mean = measure.mean(measure.nodes)
        return mean, measure.mean((measure.nodes - mean).square())

    def entropy(self, theta: Tensor) -> Tensor:
        with torch.no_grad():
            kernel = self.law.kernel(theta.detach())
            centre, zero = kernel.centre, torch.zeros_like(kernel.centre)
            graded = self.law.d < _HIGH_POWER
            sides = [quadrature.nodes(kernel, centre, zero, up, graded=graded) for up in (zero == 0.0, zero != 0.0)]
            nodes, offset, mass = (torch.cat(parts) for parts in zip(*sides, strict=True))
            log_ratio = kernel.log_ratio(nodes, offset)
            present = log_ratio > _NEGLIGIBLE
            log_ratio, mass = torch.where(present, log_ratio, 0.0), torch.where(present, mass, 0.0)
            share, log_mass = mass / mass.sum(dim=0), quadrature.log_mass(kernel)
        if constant(theta):
            return log_mass - (share * log_ratio).sum(dim=0)
        change = _variation(self.law.log_kernel(torch.where(present, nodes, centre), theta))
        weights = share * change.exp()
        total = weights.sum(dim=0)
        return log_mass + total.log() - (weights * (log_ratio + change)).sum(dim=0) / total

    @torch.no_grad()
    def centre(self, theta: Tensor) -> Tensor:
        return self.law.kernel(theta).centre

    def mode(self, theta: Tensor) -> Tensor:
        return self.centre(theta) * (1.0 if self.law.d > 1 else 0.0)

    def draw(self, theta: Tensor, shape: torch.Size, method: str, generator: torch.Generator | None) -> Tensor:
        return draw_radius(Fixed(self.law, theta), shape, method, generator)[0]


class CircleRadial(Radial):
    """The absolute angle of the wrapped normal on the circle; theta is sigma."""

    end = torch.pi

    def log_density(self, y: Tensor, theta: Tensor) -> Tensor:
        return circular.log_density(y, theta)

    def slope(self, y: Tensor, theta: Tensor) -> Tensor:
        return circular.drift(y, theta)

    @torch.no_grad()
    def tails(self, y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        return circular.log_tails(y, theta)[:2]

    @torch.no_grad()
    def quantile(self, p: Tensor, theta: Tensor, upper: bool) -> Tensor:
        return circular.quantile(p, torch.full_like(p, upper, dtype=torch.bool), theta)

    def shares(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Nodes, without gradient, their log densities and probabilities."""
        with torch.no_grad():
            nodes, weights = circular.rule(theta.detach())
        log_density = circular.log_density(nodes, theta)
        share = weights * log_density.exp()
        return nodes, log_density, share / share.sum(dim=0)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        nodes, _, share = self.shares(theta)
        mean = (share * nodes).sum(dim=0)
        return mean, (share * (nodes - mean).square()).sum(dim=0)

    def entropy(self, theta: Tensor) -> Tensor:
        _, log_density, share = self.shares(theta)
        return -(share * log_density).sum(dim=0)

    @torch.no_grad()
    def centre(self, theta: Tensor) -> Tensor:
        return 0.5 * theta.clamp_max(1.0)

    def mode(self, theta: Tensor) -> Tensor:
        return torch.zeros_like(theta)

    def draw(self, theta: Tensor, shape: torch.Size, method: str, generator: torch.Generator | None) -> Tensor:
        with torch.no_grad():
            fixed = theta.detach()
            if method == "inverse":
                y = self.quantile(_random.uniform(shape, theta.device, generator), fixed, False)
            else:
                z = torch.randn(shape, generator=generator, device=theta.device, dtype=theta.dtype)
                y = torus.wrap(circular.deviations(fixed, z)).abs()
        return at_cdf(self, y, theta)
