"""Laws that are known, as targets of flows: draws, density, entropy, and nodes for expectations.

Expectations are sums over nodes, not over draws: the entropy, which is the floor of a negative log-likelihood, has an
error below 1e-6, and what a model misses can be told to far less than the noise of draws.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from hyperdist.geometry import conversions, polar, sphere, torus
from hyperdist_torch.distributions import Mixture, ToroidalWrappedNormal, VonMisesFisher, WrappedNormal


class KnownLaw(ABC):
    """A law whose points are rows in the coordinates of a flow's space."""

    name: str

    @abstractmethod
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws, (n, width) float32."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Log density at x (*batch, width), (*batch), in nats, in the dtype of x."""

    @abstractmethod
    def nodes(self) -> tuple[Tensor, Tensor]:
        """(x, weights): E f(x) is sum_i weights_i f(x_i) for smooth f; (m, width) and (m,), float64."""

    @cached_property
    def entropy(self) -> float:
        """-E log density, in nats, to 1e-6."""
        x, weights = self.nodes()
        return -float((weights * self.log_prob(x)).sum())


def _legendre(edges: Sequence[float] | np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights of each panel between edges, one after another."""
    t, w = np.polynomial.legendre.leggauss(order)
    edges = np.asarray(edges, dtype=float)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (1.0 + t)).ravel(), (half * w).ravel()


class VonMisesFisherSphere(KnownLaw):
    """The von Mises-Fisher law on S^2 about -e_0, which no stereographic projection from there reaches."""

    def __init__(self, kappa: float) -> None:
        self.kappa, self.name = float(kappa), f"von Mises-Fisher on S^2 about -e_0, kappa = {kappa:g}"

    def law(self, dtype: torch.dtype) -> VonMisesFisher:
        """The law in a dtype."""
        return VonMisesFisher(-torch.eye(1, 3, dtype=dtype)[0], self.kappa)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        return self.law(torch.float32).sample((n,), generator=generator)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.law(x.dtype).log_prob(x)

    def nodes(self) -> tuple[Tensor, Tensor]:
        # s = kappa (1 - cos angle) has the density exp(-s)/(1 - exp(-2 kappa)) on (0, 2 kappa).
        edges = [0.0, *[2.0**k for k in range(-1, 12) if 2.0**k < 2.0 * self.kappa], 2.0 * self.kappa]
        s, w = _legendre(edges, 12)
        w = w * np.exp(-s) / -math.expm1(-2.0 * self.kappa)
        turns = 2.0 * math.pi * (np.arange(64) + 0.5) / 64
        angle = 2.0 * np.arcsin(np.sqrt(0.5 * s / self.kappa).clip(None, 1.0))
        direction = torch.as_tensor(np.stack([np.cos(turns), np.sin(turns)], axis=-1))
        mu = self.law(torch.float64).mu
        x = sphere.exp_polar(mu, torch.as_tensor(angle)[:, None], direction)
        return x.reshape(-1, 3), torch.as_tensor(np.repeat(w / 64, 64))


class Checkerboard(KnownLaw):
    """The uniform law on the even squares of an ``n`` x ``n`` board on T^2, n even."""

    def __init__(self, n: int = 4) -> None:
        self.n, self.name = n, f"checkerboard on T^2, {n} x {n}"

    def _even(self, x: Tensor) -> Tensor:
        at = torch.floor((x + math.pi) * (self.n / (2.0 * math.pi))).clamp(0, self.n - 1)
        return at.sum(dim=-1) % 2 == 0

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        column = torch.randint(0, self.n, (n,), generator=generator)
        row = 2 * torch.randint(0, self.n // 2, (n,), generator=generator) + column % 2
        within = torch.rand(n, 2, generator=generator)
        return torus.wrap((torch.stack([column, row], dim=-1) + within) * (2.0 * math.pi / self.n) - math.pi)

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.full_like(x[..., 0], -math.log(2.0 * math.pi**2)).masked_fill(~self._even(x), -torch.inf)

    def nodes(self) -> tuple[Tensor, Tensor]:
        t, w = _legendre(np.linspace(-math.pi, math.pi, self.n + 1), 24)
        x = torch.as_tensor(np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1).reshape(-1, 2))
        even = self._even(x)
        return x[even], torch.as_tensor(np.multiply.outer(w, w).ravel())[even] / (2.0 * math.pi**2)


@dataclass(frozen=True)
class _Components:
    weights: tuple[float, ...]
    centres: tuple[tuple[float, float], ...]
    sigmas: tuple[tuple[float, float], ...]


class WrappedMixture(KnownLaw):
    """A mixture of wrapped normals, of which a draw is exp_mu(sigma z) with z standard normal in the frame at mu."""

    components: _Components

    @abstractmethod
    def law(self, dtype: torch.dtype) -> Distribution:
        """The law in a dtype."""

    @abstractmethod
    def _place(self, mu: Tensor, v: Tensor) -> Tensor:
        """exp_mu of v in the frame at mu."""

    def nodes(self) -> tuple[Tensor, Tensor]:
        # The trapezoidal rule of an analytic function that decays as exp(-z^2/2) errs by exp(-2 pi^2/step^2).
        step = 0.3
        t = step * torch.arange(-24, 25, dtype=torch.float64)
        z = torch.cartesian_prod(t, t)
        weight = torch.exp(-0.5 * (z * z).sum(dim=-1)) * step * step / (2.0 * math.pi)
        parts = self.components
        x = [self._place(torch.tensor(mu, dtype=z.dtype), torch.tensor(sigma, dtype=z.dtype) * z)
             for mu, sigma in zip(parts.centres, parts.sigmas, strict=True)]  # fmt: skip
        return torch.cat(x), torch.cat([share * weight for share in parts.weights])

    def _tensors(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        parts = self.components
        weights, centres, sigmas = (
            torch.tensor(values, dtype=dtype) for values in (parts.weights, parts.centres, parts.sigmas)
        )
        return weights, centres, sigmas


class TorusMixture(WrappedMixture):
    """Five ``ToroidalWrappedNormal`` laws on T^2, two of them across the cut."""

    def __init__(self) -> None:
        self.name = "mixture of 5 wrapped normals on T^2"
        self.components = _Components(
            (0.3, 0.2, 0.2, 0.15, 0.15),
            ((0.0, 0.5), (3.0, 1.5), (-1.5, -3.0), (1.5, -1.5), (-2.0, 1.0)),
            ((0.5, 0.2), (0.4, 0.4), (0.25, 0.5), (0.15, 0.6), (0.3, 0.3)),
        )

    def law(self, dtype: torch.dtype) -> Mixture:
        weights, centres, sigmas = self._tensors(dtype)
        return Mixture(weights, ToroidalWrappedNormal(centres, sigmas))

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        return self.law(torch.float32).sample((n,), generator=generator)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.law(x.dtype).log_prob(x)

    def _place(self, mu: Tensor, v: Tensor) -> Tensor:
        return torus.wrap(mu + v)


class HyperbolicMixture(WrappedMixture):
    """``WrappedNormal`` laws on the hyperbolic plane of curvature -c: one at the origin, and ``n`` <= 6 on two circles.

    radius : geodesic radius of the outer circle; the inner one has half of it.
    Points are in ball coordinates.
    """

    def __init__(self, c: float = 1.0, radius: float = 3.0, n: int = 6) -> None:
        self.c = float(c)
        self.name = f"mixture of {n + 1} wrapped normals on H^2, c = {c:g}, out to {radius:g}"
        turns = [2.0 * math.pi * k / n for k in range(n)]
        lengths = [(radius if k % 2 else 0.5 * radius) for k in range(n)]
        around = [(r * math.cos(a), r * math.sin(a)) for r, a in zip(lengths, turns, strict=True)]
        self.components = _Components(
            (1.0 - 0.14 * n, *[0.14] * n),
            ((0.0, 0.0), *around),
            ((0.4, 0.4), *[(0.5, 0.25)] * n),
        )

    def law(self, dtype: torch.dtype) -> Mixture:
        weights, centres, sigmas = self._tensors(dtype)
        centres = conversions.tangent_to_poincare(centres, torch.tensor(self.c, dtype=dtype))
        return Mixture(weights, WrappedNormal(centres, sigmas, self.c))

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        return self.law(torch.float32).sample((n,), generator=generator)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.law(x.dtype).log_prob(x)

    def _place(self, mu: Tensor, v: Tensor) -> Tensor:
        c = torch.tensor(self.c, dtype=v.dtype)
        radius = torch.linalg.vector_norm(v, dim=-1)
        direction = torch.where(radius[:, None] > 0.0, v, v.new_tensor([1.0, 0.0]))
        direction = direction / torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
        return polar.exp_polar(mu, radius, direction, c)
