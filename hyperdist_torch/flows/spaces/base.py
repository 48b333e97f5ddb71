"""What a vector field and a solver ask of a space, in the coordinates that the solver moves: rows (*batch, width)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import constraints

import hyperdist
from hyperdist import checks
from hyperdist.geometry import vector_fields
from hyperdist_torch._host import holds, outside, seen


class FlowSpace(ABC):
    """What a vector field and a solver ask of a space of ``hyperdist``, ``core``, beside its maps: of dimension d.

    Nothing is checked here but by ``check``: a solver's stages lie on the space, and it cannot wait for a device.

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> space = flows.on(hd.Sphere(2))  # or flows.Sphere(2)
    >>> x, y = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.6, 0.8])
    >>> space.core, space.width, space.support.check(space.check(x)), space.curvature(x)
    (Sphere(2), 3, tensor(True), tensor(0.))
    >>> u = space.log(x, y)
    >>> torch.allclose(space.exp(x, u), y, atol=1e-6), torch.allclose(space.dist_sq(x, y), space.inner(x, u, u))
    (True, True)
    >>> space.project(x, torch.ones(3)), space.embedded_inner(x, u, torch.tensor([5.0, 0.0, 0.0])), space.log_volume(x)
    (tensor([0., 1., 1.]), tensor(0.), tensor(0.))
    >>> at, speed = space.path(x, y, torch.tensor([0.5]))  # half way
    >>> torch.allclose(space.transport(x, at, u), speed, atol=1e-6), space.retract(torch.tensor([3.0, 0.0, 4.0]))
    (True, tensor([0.6000, 0.0000, 0.8000]))
    >>> space.basis(x).shape, torch.equal(space.from_frame(x, torch.eye(2)[0]), space.basis(x)[0])
    (torch.Size([2, 3]), True)
    >>> space.random_tangent(x, torch.randn(space.noise_width))[0], space.features(x).shape[-1] == space.feature_width
    (tensor(0.), True)
    >>> space.frame("generators").size, space.land(2.0 * x), space.widened(x, "x") is x
    (3, tensor([1., 0., 0.]), True)
    """

    kind: ClassVar[Any]
    """Its class in ``hyperdist``."""
    name: str
    d: int
    width: int
    """Coordinates of a point."""
    model: str | None = None
    """Those of hyperbolic space: "lorentz" or "poincare"."""
    c: float = 0.0
    _hint: str = ""
    """What an error says of points that are none."""

    def __init__(self, d: int) -> None:
        self.d = checks.dimension(d)
        self.width = self.d

    @property
    def core(self) -> hyperdist.spaces.Space:
        """The space, whose methods check their arguments."""
        return self.kind(self.d)

    def _parameters(self, x: Tensor) -> tuple[Any, ...]:
        """What a kernel takes after its arrays."""
        return ()

    def _map(self, name: str, x: Tensor, *others: Tensor) -> Tensor:
        return getattr(self.kind.kernels, name)(x, *others, *self._parameters(x))

    @property
    @abstractmethod
    def support(self) -> constraints.Constraint:
        """Where points lie."""

    def curvature(self, x: Tensor) -> Tensor:
        """c as a tensor, (), of the dtype and on the device of x."""
        return torch.full((), self.c, dtype=x.dtype, device=x.device)

    def frame(self, kind: str) -> vector_fields.Frame:
        """The vector fields "ambient", "local" or "generators"; ValueError where the space has none of the kind."""
        checks.choice(kind, "frame", vector_fields.KINDS)
        try:
            return vector_fields.frame(self.name, kind, self.d, self.c)
        except KeyError:
            raise ValueError(f"frame must be 'local' or 'generators' on {self!r}, got {kind!r}") from None

    def retract(self, x: Tensor) -> Tensor:
        """The point of the space nearest to coordinates x near it."""
        return x

    def land(self, x: Tensor) -> Tensor:
        """``retract`` where a solver's step or stage ends; NaN in rows that it carried off the space."""
        return self.retract(x)

    def from_frame(self, x: Tensor, v: Tensor) -> Tensor:
        """The tangent at x with orthonormal coordinates v (*batch, d), (*batch, width)."""
        return self._map("from_frame", x, v)

    def basis(self, x: Tensor) -> Tensor:
        """An orthonormal basis of the tangent space at x, (d, *batch, width)."""
        axes = torch.eye(self.d, dtype=x.dtype, device=x.device)
        return torch.stack([self.from_frame(x, axis.expand(*x.shape[:-1], self.d)) for axis in axes])

    @property
    def noise_width(self) -> int:
        """Numbers that ``random_tangent`` takes a point."""
        return self.d

    def random_tangent(self, x: Tensor, noise: Tensor) -> Tensor:
        """A tangent e with E e e^T the identity of the tangent space where E noise noise^T is; smooth in x."""
        return self.from_frame(x, noise)

    def project(self, x: Tensor, u: Tensor) -> Tensor:
        """The tangent at x nearest to u (*batch, width), any vector of the embedding."""
        return u

    def inner(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """<u, v> at x, (*batch)."""
        return self._map("inner", x, u, v)

    def embedded_inner(self, x: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """``inner``, for v any vector of the embedding: its part across the space does not count."""
        return self.inner(x, u, v)

    def log_volume(self, x: Tensor) -> Tensor:
        """log |G|^1/2 where the coordinates are a chart, 0 where they are an embedding's, (*batch)."""
        return self._map("log_volume", x)

    def dist_sq(self, x: Tensor, y: Tensor) -> Tensor:
        """Squared geodesic distance, (*batch)."""
        return self._map("dist_sq", x, y)

    def exp(self, x: Tensor, u: Tensor) -> Tensor:
        """Where the geodesic with velocity u at x is after time 1, (*batch, width)."""
        return self._map("exp", x, u)

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        """The velocity at x of the geodesic that reaches y at time 1, (*batch, width)."""
        return self._map("log", x, y)

    def transport(self, x: Tensor, y: Tensor, u: Tensor) -> Tensor:
        """The tangent u at x carried to y along the geodesic, (*batch, width)."""
        return self._map("transport", x, y, u)

    def path(self, x: Tensor, y: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        """(at, velocity) of the geodesic from x to y where the share ``left`` of its way, (*batch, 1), is to go.

        velocity : at the point ``at``, such that the whole way takes unit time.
        """
        along = self.log(x, y)
        at = self.retract(self.exp(x, (1.0 - left) * along))
        return at, self.transport(x, at, along)

    def features(self, x: Tensor) -> Tensor:
        """Smooth functions of a point for a network's input, (*batch, ``feature_width``)."""
        return x

    @property
    def feature_width(self) -> int:
        """Numbers that ``features`` returns a point."""
        return self.width

    def widened(self, x: Any, name: str) -> Any:
        """x, in half precision too, in a form in which ``check`` knows what its own rounding explains."""
        return x

    def check(self, x: Tensor, name: str = "value") -> Tensor:
        """x (*batch, width) where all its rows are points, else ValueError with the first that is not."""
        checks.last_axis(tuple(x.shape), name, self.width)
        inside = self.support.check(x)
        if not holds(inside):
            off, of, point = outside(inside, x)
            row = int(torch.nonzero(~seen(inside).reshape(-1))[0])
            raise ValueError(
                f"{name} must lie on {self!r}: {off} of {of} rows do not, the first is row {row}, {point}{self._hint}"
            )
        return x

    def __repr__(self) -> str:
        curved = f", c={self.c:g}" if self.model else ""
        return f"{self.kind.__name__}({self.d}{curved})"
