"""What a law of the radius can tell besides its draws: density, tails, quantiles, moments; float64 tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from hyperdist.arrays.namespace import constant
from hyperdist.geometry import torus
from hyperdist.radial import circular, following
from hyperdist_torch import _random
from hyperdist_torch._law import Fixed, Law, in_chunks
from hyperdist_torch.distributions._cdf import at_cdf
from hyperdist_torch.distributions.base import draw_radius


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
        return following.log_density(self.law.kind, self.law.d, y, theta)

    def slope(self, y: Tensor, theta: Tensor) -> Tensor:
        if not constant(y, theta):
            return self.law.slope(y, theta)
        return in_chunks(lambda part: self.law.slope(part, theta), y, theta)

    def tails(self, y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        return self.law.tails(y, theta)

    def quantile(self, p: Tensor, theta: Tensor, upper: bool) -> Tensor:
        return self.law.quantile(p, theta, upper)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        return self.law.measure(theta).nodes.moments()

    def entropy(self, theta: Tensor) -> Tensor:
        return following.entropy(self.law.kind, self.law.d, theta)

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
        return circular.shares(theta)

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
