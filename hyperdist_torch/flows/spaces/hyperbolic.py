"""What flows ask of hyperbolic space, on the hyperboloid and on the ball."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

import hyperdist
from hyperdist import checks
from hyperdist.geometry import conversions, lorentz
from hyperdist_torch import constraints as supports
from hyperdist_torch.flows.spaces.base import FlowSpace
from hyperdist_torch.flows.spaces.euclidean import OnEuclidean

_ROUNDING = 64.0
"""Machine epsilons of the terms of a product that is 0, to which functions that return tangents may have rounded."""


class _OnHyperbolic(FlowSpace):
    """What both models share."""

    def __init__(self, d: int, c: float = 1.0) -> None:
        super().__init__(d)
        self.c = float(checks.positive(c, "c"))

    @property
    def core(self) -> hyperdist.spaces.Space:
        return self.kind(self.c, self.d)

    def path(self, x: Tensor, y: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        # Coordinates of a velocity at x do not hold where it leads: the point comes from both ends, its velocity from
        # the further one.
        at = self._map("geodesic", x, y, 1.0 - left[..., 0])
        early = left > 0.5
        end = torch.where(early, y, x)
        return at, self.log(at, end) / torch.where(early, left, left - 1.0)


class OnLorentz(_OnHyperbolic):
    """Hyperbolic space of curvature -c, c > 0, on the hyperboloid: a point has d + 1 coordinates, time first.

    >>> import torch
    >>> from hyperdist_torch import flows
    >>> space = flows.Lorentz(2, c=1.0)
    >>> x = space.retract(torch.tensor([0.0, 0.75, 0.0]))  # the time coordinate from the others
    >>> x, space.project(x, torch.tensor([1.0, 0.0, 0.0])), space.features(x)  # arsinh 0.75
    (tensor([1.2500, 0.7500, 0.0000]), tensor([-0.5625, -0.9375,  0.0000]), tensor([0.6931, 0.0000]))
    """

    kind = hyperdist.Lorentz
    name = model = "lorentz"

    def __init__(self, d: int, c: float = 1.0) -> None:
        super().__init__(d, c)
        self.width = self.d + 1

    def _parameters(self, x: Tensor) -> tuple[Any, ...]:
        return (self.curvature(x),)

    @property
    def support(self) -> constraints.Constraint:
        return supports.Hyperboloid(self.c)

    def retract(self, x: Tensor) -> Tensor:
        return lorentz.lift(x[..., 1:], self.curvature(x))

    # A number for c, not a tensor, spares these two some operations at every step.
    def from_frame(self, x: Tensor, v: Tensor) -> Tensor:
        return lorentz.from_frame(x, v, self.c)

    def inner(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        return lorentz.inner(x, u, v, self.c)

    def project(self, x: Tensor, u: Tensor) -> Tensor:
        # u + c <x, u> x. Far out the product of tangents is the rounding of large numbers, which x would make larger
        # still: then its value, though not its derivatives, is left out.
        space, time = (x[..., 1:] * u[..., 1:]).sum(dim=-1), x[..., 0] * u[..., 0]
        off = space - time
        rounding = off.detach().abs() <= _ROUNDING * torch.finfo(x.dtype).eps * (space.abs() + time.abs()).detach()
        off = off - torch.where(rounding, off.detach(), 0.0)
        return u + (self.c * off)[..., None] * x

    def embedded_inner(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        # lorentz.inner reads a tangent's time coordinate from its space part.
        return (u[..., 1:] * v[..., 1:]).sum(dim=-1) - u[..., 0] * v[..., 0]

    def features(self, x: Tensor) -> Tensor:
        return conversions.lorentz_to_tangent(x, self.curvature(x))

    @property
    def feature_width(self) -> int:
        return self.d


class OnPoincareBall(_OnHyperbolic):
    """Hyperbolic space of curvature -c, c > 0, in ball coordinates: right up to where they hold the points.

    >>> import torch
    >>> from hyperdist_torch import flows
    >>> space = flows.PoincareBall(2, c=1.0)
    >>> space.features(torch.tensor([0.5, 0.0])), space.land(torch.tensor([[0.9, 0.0], [1.1, 0.0]]))  # 1.1: off it
    (tensor([1.0986, 0.0000]), tensor([[0.9000, 0.0000],
            [   nan,    nan]]))
    """

    kind = hyperdist.PoincareBall
    name = model = "poincare"

    def _parameters(self, x: Tensor) -> tuple[Any, ...]:
        return (self.c,)

    @property
    def support(self) -> constraints.Constraint:
        return supports.PoincareBall(self.c)

    def land(self, x: Tensor) -> Tensor:
        return torch.where(self.c * x.square().sum(dim=-1, keepdim=True) < 1.0, x, torch.nan)

    def features(self, x: Tensor) -> Tensor:
        return conversions.poincare_to_tangent(x, self.c)


Lorentz = OnLorentz
PoincareBall = OnPoincareBall


def in_model(space: FlowSpace, model: str | None) -> FlowSpace:
    """Where points of a space lie in the coordinates of a model, by None its own."""
    if model is None or model == space.model:
        return space
    if model == "tangent":
        return OnEuclidean(space.d)
    return (OnPoincareBall if model == "poincare" else OnLorentz)(space.d, space.c)
