"""The first layer of a field: functions of a point that a network reads."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hyperdist import checks
from hyperdist.spaces import charts, gyroplane
from hyperdist_torch.flows._derivative import along
from hyperdist_torch.flows.spaces import Space, Sphere, Torus


class Features(nn.Module, ABC):
    """Functions of a point x (*batch, space.width) of ``space``: (*batch, width)."""

    space: Space
    width: int

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """The functions' values."""

    def linearised(self, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        """Values, and derivatives along tangents e (k, *batch, space.width): (k, *batch, width)."""
        return along(self, x, e)


class Coordinates(Features):
    """Coordinates of the point: unit vectors, cosines and sines of angles, exponential coordinates at the origin."""

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space, self.width = space, space.feature_width

    def forward(self, x: Tensor) -> Tensor:
        return self.space.features(x)

    def linearised(self, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        if self.space.model is None and not isinstance(self.space, Torus):
            return x, e
        if isinstance(self.space, Torus):
            cosine, sine = x.cos(), x.sin()
            return torch.cat([cosine, sine], dim=-1), torch.cat([-sine * e, cosine * e], dim=-1)
        charted = charts.lorentz_to_tangent_along if self.space.model == "lorentz" else charts.poincare_to_tangent_along
        return charted(x, e, torch.full((), self.space.c, dtype=x.dtype, device=x.device))


class GeodesicDistances(Features):
    """Geodesic distances to learnt points or planes.

    to : "points": half the squared distances to n learnt points, smooth but at their cut loci (on the sphere the
         antipode, on the torus half a turn away).
         "planes": signed distances to n learnt totally geodesic hypersurfaces, times learnt scales: great spheres,
         or hyperbolic planes, which in flat space is ``nn.Linear``. The torus has none.
    Source  Mathieu & Nickel 2020 (arXiv 2006.10605), section 4.
    """

    def __init__(self, space: Space, n: int, to: str = "points") -> None:
        super().__init__()
        self.space, self.width = space, checks.dimension(n, "n")
        self.target: str = checks.choice(to, "to", ("points", "planes"))
        if to == "planes" and isinstance(space, Torus):
            raise ValueError(
                "to must be 'points' on the torus, which has no embedded totally geodesic planes in general"
            )
        if to == "points":
            # Unconstrained: the points are their retractions, or images of the exponential map at the origin.
            self.points = nn.Parameter(torch.randn(self.width, space.width if isinstance(space, Sphere) else space.d))
        else:
            # As in nn.Linear, which they are in flat space: normals times scales, and distances from the origin.
            self.planes = nn.Linear(space.feature_width, self.width, bias=not isinstance(space, Sphere))

    def forward(self, x: Tensor) -> Tensor:
        if self.target == "points":
            return 0.5 * self.space.dist_sq(x[..., None, :], self._points())
        size = torch.linalg.vector_norm(self.planes.weight, dim=-1)
        normal = self.planes.weight / size[:, None]
        if isinstance(self.space, Sphere):
            sine = x @ normal.T
            return size * torch.atan2(sine, (1.0 - sine * sine).clamp_min(torch.finfo(x.dtype).tiny).sqrt())
        c = self.space.curvature(x)
        v = self.space.features(x)[..., None, :]
        return size * gyroplane.dist(v, normal, -self.planes.bias / size, c)

    def _points(self) -> Tensor:
        if self.space.model is None:
            return self.space.retract(self.points)
        c = self.space.curvature(self.points)
        return charts.from_tangent(self.points, c, self.space.model)
