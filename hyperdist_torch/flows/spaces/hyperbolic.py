"""Hyperbolic space, on the hyperboloid and on the ball."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist import checks
from hyperdist.geometry import conversions, lorentz, poincare
from hyperdist_torch import constraints as supports
from hyperdist_torch.flows.spaces.base import Space
from hyperdist_torch.flows.spaces.euclidean import Euclidean

_ROUNDING = 64.0
"""Machine epsilons of the terms of a product that is 0, to which functions that return tangents may have rounded."""


class _Hyperbolic(Space):
    """What both models share."""

    @abstractmethod
    def _geodesic(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """The point at time t (*batch) of the geodesic from x to y."""

    def path(self, x: Tensor, y: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        # Coordinates of a velocity at x do not hold where it leads: the point comes from both ends, its velocity from
        # the further one.
        at = self._geodesic(x, y, 1.0 - left[..., 0])
        early = left > 0.5
        end = torch.where(early, y, x)
        return at, self.log(at, end) / torch.where(early, left, left - 1.0)


class Lorentz(_Hyperbolic):
    """Hyperbolic space of curvature -c, c > 0, on the hyperboloid: a point has d + 1 coordinates, time first."""

    name = model = "lorentz"

    def __init__(self, d: int, c: float = 1.0) -> None:
        super().__init__(d)
        self.c = float(checks.positive(c, "c"))
        self.width = self.d + 1

    @property
    def support(self) -> constraints.Constraint:
        return supports.Hyperboloid(self.c)

    def retract(self, x: Tensor) -> Tensor:
        return lorentz.lift(x[..., 1:], self.curvature(x))

    def from_frame(self, x: Tensor, v: Tensor) -> Tensor:
        return lorentz.from_frame(x, v, self.c)

    def project(self, x: Tensor, u: Tensor) -> Tensor:
        # u + c <x, u> x. Far out the product of tangents is the rounding of large numbers, which x would make larger
        # still: then its value, though not its derivatives, is left out.
        space, time = (x[..., 1:] * u[..., 1:]).sum(dim=-1), x[..., 0] * u[..., 0]
        off = space - time
        rounding = off.detach().abs() <= _ROUNDING * torch.finfo(x.dtype).eps * (space.abs() + time.abs()).detach()
        off = off - torch.where(rounding, off.detach(), 0.0)
        return u + (self.c * off)[..., None] * x

    def inner(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        return lorentz.inner(x, u, v, self.c)

    def embedded_inner(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        # lorentz.inner reads a tangent's time coordinate from its space part.
        return (u[..., 1:] * v[..., 1:]).sum(dim=-1) - u[..., 0] * v[..., 0]

    def dist_sq(self, x: Tensor, y: Tensor) -> Tensor:
        return lorentz.dist_sq(x, y, self.curvature(x))

    def exp(self, x: Tensor, u: Tensor) -> Tensor:
        return lorentz.exp(x, u, self.curvature(x))

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        return lorentz.log(x, y, self.curvature(x))

    def _geodesic(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return lorentz.geodesic(x, y, t, self.curvature(x))

    def transport(self, x: Tensor, y: Tensor, u: Tensor) -> Tensor:
        return lorentz.transport(x, y, u, self.curvature(x))

    def features(self, x: Tensor) -> Tensor:
        return conversions.lorentz_to_tangent(x, self.curvature(x))

    @property
    def feature_width(self) -> int:
        return self.d


class PoincareBall(_Hyperbolic):
    """Hyperbolic space of curvature -c, c > 0, in ball coordinates: right up to where they hold the points."""

    name = model = "poincare"

    def __init__(self, d: int, c: float = 1.0) -> None:
        super().__init__(d)
        self.c = float(checks.positive(c, "c"))

    @property
    def support(self) -> constraints.Constraint:
        return supports.PoincareBall(self.c)

    def land(self, x: Tensor) -> Tensor:
        return torch.where(self.c * x.square().sum(dim=-1, keepdim=True) < 1.0, x, torch.nan)

    def from_frame(self, x: Tensor, v: Tensor) -> Tensor:
        return poincare.from_frame(x, v, self.c)

    def inner(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        return poincare.inner(x, u, v, self.c)

    def log_volume(self, x: Tensor) -> Tensor:
        return poincare.log_volume(x, self.c)

    def dist_sq(self, x: Tensor, y: Tensor) -> Tensor:
        return poincare.dist_sq(x, y, self.c)

    def exp(self, x: Tensor, u: Tensor) -> Tensor:
        return poincare.exp(x, u, self.c)

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        return poincare.log(x, y, self.c)

    def _geodesic(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return poincare.geodesic(x, y, t, self.c)

    def transport(self, x: Tensor, y: Tensor, u: Tensor) -> Tensor:
        return poincare.transport(x, y, u, self.c)

    def features(self, x: Tensor) -> Tensor:
        return conversions.poincare_to_tangent(x, self.c)


def in_model(space: Space, model: str | None) -> Space:
    """Where points of a space lie in the coordinates of a model, by None its own."""
    if model is None or model == space.model:
        return space
    if model == "tangent":
        return Euclidean(space.d)
    return (PoincareBall if model == "poincare" else Lorentz)(space.d, space.c)
