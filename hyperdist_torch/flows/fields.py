"""Vector fields on a space, f(t, x), and their divergences."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from hyperdist import checks
from hyperdist_torch._host import holds, seen
from hyperdist_torch.flows._derivative import along
from hyperdist_torch.flows.features import Coordinates, Features
from hyperdist_torch.flows.networks import Network
from hyperdist_torch.flows.spaces import AnySpace, FlowSpace, OnProduct, OnTorus, on

NOISES = ("gaussian", "rademacher")


class VectorField(nn.Module, ABC):
    """A tangent at every point x (*batch, width) and time t (), in the coordinates of ``space``.

    A new field gives ``forward``; what solvers and objectives take of it is its tangent part, see ``velocity``.
    context_width : numbers a row of the context, on which a conditional field depends.

    >>> import torch
    >>> from torch import nn
    >>> from hyperdist_torch import flows
    >>> class Own(flows.VectorField):
    ...     def __init__(self, space):
    ...         super().__init__()
    ...         self.space, self.net = space, nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    ...     def forward(self, t, x, context=None):
    ...         f = self.net(torch.cat([x, t.expand(*x.shape[:-1], 1)], dim=-1))
    ...         return self.space.project(x, f)  # tangent to the sphere
    >>> field = Own(flows.Sphere(2))
    >>> field(torch.tensor(0.5), torch.eye(3)).shape, flows.check_tangent(field, torch.eye(3))
    (torch.Size([3, 3]), None)
    """

    space: FlowSpace
    context_width: int = 0

    @abstractmethod
    def forward(self, t: Tensor, x: Tensor, context: Tensor | None = None) -> Tensor:
        """The velocity at points x of the space, (*batch, width)."""

    def with_divergence(
        self, t: Tensor, x: Tensor, context: Tensor | None = None, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(velocity, divergence (*batch)): exact for ``noise`` None, else Hutchinson's estimate from it.

        noise : (*batch, space.noise_width), independent numbers of mean 0 and variance 1.

        >>> import torch, hyperdist as hd
        >>> from hyperdist_torch import flows
        >>> field = flows.FrameField(hd.Sphere(2), frame="generators", hidden=4)
        >>> _ = torch.nn.init.ones_(field.network.output.bias)  # now the field is a rotation
        >>> velocity, divergence = field.with_divergence(torch.tensor(0.5), torch.eye(3))
        >>> bool(velocity.abs().max() > 0.5), divergence.abs().max().item()  # which keeps volume
        (True, 0.0)
        """
        e = self.space.basis(x) if noise is None else self.space.random_tangent(x, noise)[None]

        f, change = along(lambda y: velocity(self, t, self.space.retract(y), context), x, e)
        trace = self.space.embedded_inner(x, e, change).sum(dim=0)
        # In a chart the derivatives of the components are not yet the covariant ones.
        return f, trace + along(self.space.log_volume, x, f[None])[1][0]


class FunctionField(VectorField):
    """Any function f(t, x) or f(t, x, context) of points (*batch, width) to vectors of that shape, or to one for all.

    The field is the function's part in the tangent space, on the sphere f - (x.f) x and on the hyperboloid
    f + c <x, f> x; the divergence is that field's, by automatic differentiation. The function has to be continuous on
    the space: on the torus periodic, which a solve checks. Tensors in the function's closure get their gradients from
    every solver.
    Raises  ValueError where the function returns another shape, which would broadcast.

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> to_e0 = flows.FunctionField(hd.Sphere(2), lambda t, x: torch.tensor([1.0, 0.0, 0.0]))
    >>> to_e0(torch.tensor(0.0), torch.tensor([[0.6, 0.8, 0.0], [1.0, 0.0, 0.0]]))  # its tangent part, e_0 - x_0 x
    tensor([[ 0.6400, -0.4800,  0.0000],
            [ 0.0000,  0.0000,  0.0000]])
    """

    def __init__(self, space: AnySpace, function: Callable[..., Tensor], context_width: int = 0) -> None:
        super().__init__()
        self.space, self.function, self.context_width = on(space), function, context_width

    def forward(self, t: Tensor, x: Tensor, context: Tensor | None = None) -> Tensor:
        f = self.function(t, x) if context is None else self.function(t, x, context)
        if f.shape != x.shape and f.shape != x.shape[-1:]:
            raise ValueError(
                f"function must return the shape of its points, {tuple(x.shape)}, or {tuple(x.shape[-1:])}, "
                f"got {tuple(f.shape)}"
            )
        return self.space.project(x, f.expand(x.shape).to(x.dtype))


class FrameField(VectorField):
    """f(t, x) = sum_a u_a(t, x) A_a(x): a network's coefficients times the fields of a frame.

    frame    : "ambient" (constant vectors of the embedding, projected; on the hyperboloid over cosh r), "local"
               (orthonormal fields of a chart; on the sphere, d >= 2, which no chart covers, those of the stereographic
               one times (1 + x_0)/2: smooth, and 0 at -e_0, which no flow of them moves) or "generators" (isometries'
               velocities, without divergence); see ``hyperdist.geometry.vector_fields``.
    features : of a point, for the network: coordinates, waves of many scales, or geodesic distances to learnt points or
               planes.
    finest   : in (0, 1): velocities are finest^t times the network's, which then all are of one size on the paths that
               ``flow_matching`` takes with the same ``finest``; None leaves them.
    The other arguments are those of ``Network``. The network is at hand to replace: ``field.network``.
    Source     Mathieu & Nickel 2020 (arXiv 2006.10605), sections 3.2 and 4; Falorsi & Forre 2020 (arXiv 2006.06663).

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> field = flows.FrameField(hd.Torus(2), hidden=16, layers=2)
    >>> torch.equal(field(torch.tensor(0.0), torch.ones(1, 2)), torch.zeros(1, 2))  # a flow begins as the identity
    True
    """

    def __init__(
        self, space: AnySpace, *, frame: str = "generators", features: Features | None = None,
        finest: float | None = None, context_width: int = 0, **network: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        space = on(space)
        self.space, self.kind, self.frame = space, frame, space.frame(frame)
        self.features = features or Coordinates(space)
        self.finest = None if finest is None else checks.fraction(finest, "finest")
        given = self.features.space
        if (given.name, given.d, given.c) != (space.name, space.d, space.c):
            raise ValueError(f"features must be of {space!r}, got those of {given!r}")
        self.context_width = int(context_width)
        if self.context_width < 0:
            raise ValueError(f"context_width must be >= 0, got {context_width}")
        self.network = Network(self.features.width + 1 + self.context_width, self.frame.size, **network)

    def _time(self, t: Tensor, x: Tensor) -> Tensor:
        """t beside x; TypeError where x has not the field's dtype, which the error of a matrix product does not say."""
        wanted = [*(parameter.dtype for parameter in self.parameters()), x.dtype][0]  # torch 2.8 compiles no next
        if wanted != x.dtype and not torch.is_autocast_enabled(x.device.type):
            raise TypeError(
                f"points must be {wanted}, as the field is, got {x.dtype}: convert one to the other's dtype"
            )
        return t.to(x)

    def _inputs(self, features: Tensor, t: Tensor, context: Tensor | None) -> Tensor:
        if (context.shape[-1] if context is not None else 0) != self.context_width:
            shape = None if context is None else tuple(context.shape)
            raise ValueError(f"context must have {self.context_width} numbers a row, got shape {shape}")
        time = t.expand(*features.shape[:-1], 1)
        more = [] if context is None else [context.to(features).expand(*features.shape[:-1], self.context_width)]
        return torch.cat([features, time, *more], dim=-1)

    def _scaled(self, t: Tensor, u: Tensor) -> Tensor:
        return u if self.finest is None else self.finest**t * u

    def forward(self, t: Tensor, x: Tensor, context: Tensor | None = None) -> Tensor:
        t = self._time(t, x)
        u = self.network(self._inputs(self.features(x, t), t, context))
        return self.frame.push(x, self._scaled(t, u))

    def with_divergence(
        self, t: Tensor, x: Tensor, context: Tensor | None = None, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        t = self._time(t, x)
        e = self.space.basis(x) if noise is None else self.space.random_tangent(x, noise)[None]
        features, moved = self.features.linearised(x, t, e)
        u, du = self.network.linearised(self._inputs(features, t, context), moved)
        u, du = self._scaled(t, u), self._scaled(t, du)
        trace = (self.frame.pull(x, e) * du).sum(dim=(0, -1))
        return self.frame.push(x, u), trace + self.frame.divergence(x, u)

    def extra_repr(self) -> str:
        return f"{self.space!r}, frame={self.kind!r}"


def velocity(field: VectorField, t: Tensor, x: Tensor, context: Tensor | None = None) -> Tensor:
    """The field at x: what moves a point off the space is left out, and its divergence with it."""
    f = field(t, x, context)
    return f if isinstance(field, FrameField | FunctionField) else field.space.project(x, f)


@torch.no_grad()
def check_tangent(field: VectorField, x: Tensor, t: float = 0.5, context: Tensor | None = None) -> None:
    """ValueError where a field gives at points x (*batch, width) other than tangents of its space.

    Solvers leave out what moves points off the space: a network whose output has such a part is trained on the rest
    alone, mostly by mistake. Its remedy is ``space.project(x, f)`` at its end. To rounding: 2^10 eps of the vectors.
    Raises  ValueError too for another shape, and for values that are not finite.

    >>> import torch
    >>> from hyperdist_torch import flows
    >>> space = flows.Sphere(2)
    >>> flows.check_tangent(flows.FrameField(space, hidden=4), torch.eye(3))
    """
    f = field(torch.as_tensor(t, dtype=x.dtype, device=x.device), x, context)
    if f.shape != x.shape:
        raise ValueError(f"field must return the shape of its points, {tuple(x.shape)}, got {tuple(f.shape)}")
    if not holds(torch.isfinite(f)):
        raise ValueError(f"field must return finite numbers, got {seen(f)[~torch.isfinite(seen(f))][0].item()}")
    off = torch.linalg.vector_norm(f - field.space.project(x, f), dim=-1)
    size = torch.linalg.vector_norm(f, dim=-1) * (1.0 + torch.linalg.vector_norm(x, dim=-1) ** 2)
    bad = seen(off > 2.0**10 * torch.finfo(x.dtype).eps * size)
    if bool(bad.any()):
        worst = (seen(off) / torch.linalg.vector_norm(seen(f), dim=-1)).nan_to_num(0.0).amax().item()
        raise ValueError(
            f"field must return tangents of {field.space!r}, got vectors of whose length up to {worst:.3g} lies off "
            f"the tangent space ({int(bad.sum())} of {bad.numel()} points): return space.project(x, f)"
        )


@torch.no_grad()
def check_continuous(field: VectorField, t: Tensor, x: Tensor, context: Tensor | None = None) -> None:
    """ValueError where a field jumps as an angle of a torus passes from pi to -pi: what crosses has no density.

    Between neighbours a periodic field changes by less than the bound, unless it has waves shorter than 2^-15. Those of
    frames are periodic.
    """
    angles = _angles(field.space)
    if not angles or isinstance(field, FrameField) or not x.numel():
        return
    pi = x.new_full((), math.pi)
    ends = -pi, torch.nextafter(pi, torch.zeros_like(pi))
    for axis in angles:
        at = torch.arange(axis, axis + 1, device=x.device)
        start, end = (velocity(field, t, x.index_fill(-1, at, side), context) for side in ends)
        jump, size = (start - end).abs().amax(), torch.maximum(start.abs(), end.abs()).amax()
        if not holds(jump <= 2.0**16 * torch.finfo(x.dtype).eps * size):
            most = seen(jump).max().item()
            raise ValueError(
                f"a field on {field.space!r} must be periodic, got one that jumps by {most:.3g} where angle "
                f"{axis} passes from pi to -pi: let it read cosines and sines of the angles"
            )


def _angles(space: FlowSpace) -> list[int]:
    """The coordinates that are angles."""
    if not isinstance(space, OnProduct):
        return list(range(space.d)) if isinstance(space, OnTorus) else []
    starts = accumulate(space.widths, initial=0)
    return [start + axis for start, factor in zip(starts, space.factors, strict=False) for axis in _angles(factor)]


def draw_noise(space: FlowSpace, x: Tensor, kind: str, generator: torch.Generator | None = None) -> Tensor:
    """Noise for Hutchinson's estimate at x: "gaussian", or "rademacher" signs, whose variance is least."""
    checks.choice(kind, "divergence", ("exact", *NOISES))
    shape = (*x.shape[:-1], space.noise_width)
    if kind == "gaussian":
        return torch.randn(shape, generator=generator, dtype=x.dtype, device=x.device)
    bits = torch.randint(0, 2, shape, generator=generator, device=x.device)
    return (2 * bits - 1).to(x.dtype)
