"""The first layer of a field: functions of a point and the time that a network reads."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hyperdist import checks
from hyperdist.geometry import conversions, gyroplane
from hyperdist_torch.flows._derivative import along
from hyperdist_torch.flows.spaces import AnySpace, FlowSpace, OnProduct, OnSphere, OnTorus, on


class Features(nn.Module, ABC):
    """Functions of a point x (*batch, space.width) of ``space`` and the time t, () or (*batch, 1): (*batch, width).

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> class Height(flows.Features):
    ...     def __init__(self, space):
    ...         super().__init__()
    ...         self.space, self.width = flows.on(space), 1
    ...     def forward(self, x, t):
    ...         return x[..., -1:]
    >>> height = Height(hd.Sphere(2))
    >>> height(torch.eye(3), torch.tensor(0.5)).tolist()
    [[0.0], [0.0], [1.0]]
    >>> field = flows.FrameField(hd.Sphere(2), features=height)  # a flow that knows the latitude alone
    """

    space: FlowSpace
    width: int

    @abstractmethod
    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The functions' values."""

    def linearised(self, x: Tensor, t: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        """Values, and derivatives along tangents e (k, *batch, space.width): (k, *batch, width).

        >>> import torch, hyperdist as hd
        >>> from hyperdist_torch import flows
        >>> circle, x, e = flows.Coordinates(hd.Torus(1)), torch.ones(1, 1), torch.ones(1, 1, 1)
        >>> circle.linearised(x, torch.tensor(0.0), e)  # cosine and sine of 1, and their derivatives
        (tensor([[0.5403, 0.8415]]), tensor([[[-0.8415,  0.5403]]]))
        """
        return along(lambda y: self(y, t), x, e)


class Coordinates(Features):
    """Coordinates of the point: unit vectors, cosines and sines of angles, exponential coordinates at the origin.

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> flows.Coordinates(hd.Torus(2))(torch.zeros(1, 2), torch.tensor(0.0))  # cosines, sines
    tensor([[1., 1., 0., 0.]])
    """

    def __init__(self, space: AnySpace) -> None:
        super().__init__()
        self.space = on(space)
        self.width = self.space.feature_width

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.space.features(x)

    def linearised(self, x: Tensor, t: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        return _charted(self.space, x, e)


def _charted(space: FlowSpace, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
    """``space.features`` at x, and their derivatives along e."""
    if isinstance(space, OnProduct):
        parts = zip(space.factors, x.split(space.widths, dim=-1), e.split(space.widths, dim=-1), strict=True)
        found = [_charted(*part) for part in parts]
        return torch.cat([value for value, _ in found], dim=-1), torch.cat([moved for _, moved in found], dim=-1)
    if space.model is None and not isinstance(space, OnTorus):
        return x, e
    if isinstance(space, OnTorus):
        cosine, sine = x.cos(), x.sin()
        return torch.cat([cosine, sine], dim=-1), torch.cat([-sine * e, cosine * e], dim=-1)
    lorentz = space.model == "lorentz"
    charted = conversions.lorentz_to_tangent_along if lorentz else conversions.poincare_to_tangent_along
    return charted(x, e, space.curvature(x))


class Waves(Features):
    """The coordinates, and sines of n learnt linear functions of them that range in scale from 1 down to ``finest``.

    finest : in (0, 1), a geodesic length. The frequencies k begin log-uniform between 1 and 1/finest.
    At time t a wave has the amplitude exp(-(0.3 k finest^t)^2/2): on the paths that ``flow_matching`` takes with the
    same ``finest``, points at time t are spread by about finest^t, and of waves that are shorter than that a network
    could learn noise alone. So a field can carry mass to places far narrower than it could from the coordinates.
    Source  random Fourier features of several scales, Tancik et al. 2020 (arXiv 2006.10739); their damping by what the
            position is uncertain, Barron et al. 2021 (arXiv 2103.13415), eq. 14.

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> waves = flows.Waves(hd.Sphere(2), 64, finest=0.01)  # for structure of a degree on the globe
    >>> waves(torch.eye(3), torch.tensor(1.0)).shape, bool(waves.frequencies.max() <= 100.0)
    (torch.Size([3, 67]), True)
    >>> field = flows.FrameField(hd.Sphere(2), features=waves, finest=0.01)
    """

    SPREAD = 0.3
    """Root mean square distance of coupled draws of a base about 1 wide from their points, roughly; not critical."""

    frequencies: Tensor

    def __init__(self, space: AnySpace, n: int, finest: float) -> None:
        super().__init__()
        self.coordinates, self.finest = Coordinates(space), checks.fraction(finest, "finest")
        self.space, n = self.coordinates.space, checks.dimension(n, "n")
        self.width = self.coordinates.width + n
        frequencies = torch.exp(-math.log(self.finest) * torch.rand(n))
        # The first frequencies, whatever is learnt: else a wave could grow finer without fading.
        self.register_buffer("frequencies", frequencies)
        self.waves = nn.Linear(self.coordinates.width, n)
        with torch.no_grad():
            directions = nn.functional.normalize(torch.randn(n, self.coordinates.width), dim=-1)
            self.waves.weight.copy_(directions * frequencies[:, None])
            self.waves.bias.uniform_(0.0, 2.0 * math.pi)

    def _amplitudes(self, t: Tensor) -> Tensor:
        return torch.exp(-0.5 * (self.SPREAD * self.frequencies * self.finest**t).square())

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        y = self.coordinates(x, t)
        return torch.cat([y, self._amplitudes(t) * self.waves(y).sin()], dim=-1)

    def linearised(self, x: Tensor, t: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        (y, dy), amplitudes = self.coordinates.linearised(x, t, e), self._amplitudes(t)
        phase = self.waves(y)
        moved = amplitudes * phase.cos() * nn.functional.linear(dy, self.waves.weight)
        return torch.cat([y, amplitudes * phase.sin()], dim=-1), torch.cat([dy, moved], dim=-1)


class GeodesicDistances(Features):
    """Geodesic distances to learnt points or planes.

    to : "points": half the squared distances to n learnt points, smooth but at their cut loci (on the sphere the
         antipode, on the torus half a turn away).
         "planes": signed distances to n learnt totally geodesic hypersurfaces, times learnt scales: great spheres,
         or hyperbolic planes, which in flat space is ``nn.Linear``. The torus has none.
    Source  Mathieu & Nickel 2020 (arXiv 2006.10605), section 4.

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> features = flows.GeodesicDistances(hd.Lorentz(1.0, 2), 16, to="planes")
    >>> features(flows.Lorentz(2).retract(torch.zeros(5, 3)), torch.tensor(0.0)).shape
    torch.Size([5, 16])
    """

    def __init__(self, space: AnySpace, n: int, to: str = "points") -> None:
        super().__init__()
        space = on(space)
        if isinstance(space, OnProduct):
            raise ValueError(f"space must be a single one for GeodesicDistances, got {space!r}: Coordinates serve all")
        self.space, self.width = space, checks.dimension(n, "n")
        self.target: str = checks.choice(to, "to", ("points", "planes"))
        if to == "planes" and isinstance(space, OnTorus):
            raise ValueError(
                "to must be 'points' on the torus, which has no embedded totally geodesic planes in general"
            )
        if to == "points":
            # Unconstrained: the points are their retractions, or images of the exponential map at the origin.
            self.points = nn.Parameter(torch.randn(self.width, space.width if isinstance(space, OnSphere) else space.d))
        else:
            # As in nn.Linear, which they are in flat space: normals times scales, and distances from the origin.
            self.planes = nn.Linear(space.feature_width, self.width, bias=not isinstance(space, OnSphere))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        if self.target == "points":
            return 0.5 * self.space.dist_sq(x[..., None, :], self._points())
        size = torch.linalg.vector_norm(self.planes.weight, dim=-1)
        normal = self.planes.weight / size[:, None]
        if isinstance(self.space, OnSphere):
            sine = x @ normal.T
            return size * torch.atan2(sine, (1.0 - sine * sine).clamp_min(torch.finfo(x.dtype).tiny).sqrt())
        c = self.space.curvature(x)
        v = self.space.features(x)[..., None, :]
        return size * gyroplane.dist(v, normal, -self.planes.bias / size, c)

    def _points(self) -> Tensor:
        if self.space.model is None:
            return self.space.retract(self.points)
        c = self.space.curvature(self.points)
        return conversions.from_tangent(self.points, c, self.space.model)
