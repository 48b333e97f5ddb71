"""Flows of flat space pushed onto a curved one: what Riemannian flows are compared with.

The law of x = phi(v) with v the Euclidean flow's has the density sum over the preimages v of x of
q(v) / |det dphi(v)|, with respect to Riemannian volume.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist import checks
from hyperdist.arrays.namespace import transformed
from hyperdist.arrays.stable import log_sinhc_sq, sinc_sq
from hyperdist.geometry import conversions, poincare, sphere
from hyperdist_torch.distributions.base import ManifoldDistribution
from hyperdist_torch.flows.cnf import RiemannianCNF, read
from hyperdist_torch.flows.spaces import AnySpace, FlowSpace, OnEuclidean, OnSphere, OnTorus, on

_TURN = 2.0 * math.pi


class PushedFlow(ManifoldDistribution):
    """The law of phi(v), v of the law ``flow`` on R^d; ``flow`` has no batch shape.

    >>> import torch, hyperdist as hd, hyperdist_torch as ht
    >>> from hyperdist_torch import flows
    >>> base = ht.WrappedNormal(torch.zeros(2), 0.5, c=0.0, model="tangent")
    >>> flow = flows.RiemannianCNF(base, flows.FrameField(hd.Euclidean(2), hidden=8))
    >>> q = flows.StereographicFlow(flow)
    >>> x = q.sample((5,))
    >>> q.log_prob(x).shape, q.support.check(x).all().item()
    (torch.Size([5]), True)
    """

    space: FlowSpace
    _one_to_one: bool
    """Whether a point has one preimage, so that the density of a draw is known from its own."""

    def __init__(self, flow: RiemannianCNF, space: FlowSpace, validate_args: bool | None = None) -> None:
        if not isinstance(flow, RiemannianCNF) or not isinstance(flow.space, OnEuclidean):
            raise TypeError(f"flow must be a RiemannianCNF on flat space, got {flow!r}")
        if flow.space.d != space.d:
            raise ValueError(f"flow must have the dimension {space.d} of {space!r}, got {flow.space.d}")
        if flow.batch_shape:
            raise ValueError(f"flow must have no batch shape, got {tuple(flow.batch_shape)}")
        self.flow, self.space = flow, space
        super().__init__(torch.Size(), torch.Size((space.width,)), validate_args=validate_args)

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """Its parameters are modules."""
        return {}

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> Any:  # type: ignore[override]
        """That of the space."""
        return self.space.support

    @property
    def _dtype(self) -> torch.dtype:
        return self.flow._dtype

    @property
    def _models(self) -> tuple[str, ...]:
        model = self.space.model
        return (model, *(other for other in conversions.MODELS if other != model)) if model else ()

    @abstractmethod
    def _push(self, v: Tensor, model: str | None) -> Tensor:
        """phi(v)."""

    @abstractmethod
    def _log_stretch(self, v: Tensor) -> Tensor:
        """log |det dphi(v)|, (*batch)."""

    @abstractmethod
    def _terms(self, x: Tensor, model: str | None) -> Tensor:
        """log q(v) - log |det dphi(v)| of each preimage v of x (*batch, width), (k, *batch)."""

    def log_prob(self, value: Tensor, *, model: str | None = None) -> Tensor:
        """Log density at ``value`` (*batch, width), in the coordinates of ``model`` on hyperbolic space."""
        model = self._check_model(model)
        value = read(self.space, value, self._dtype, model)
        shape = checks.broadcast(value=tuple(value.shape[:-1]), batch=tuple(self.batch_shape))
        return torch.logsumexp(self._terms(value, model), dim=0).expand(shape)

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        if not density or not self._one_to_one:
            x = self._push(self.flow.rsample(shape, method=method, generator=generator), model)
            return x, self.log_prob(x) if density else None
        v, log_prob = self.flow.rsample_and_log_prob(shape, method=method, generator=generator)
        return self._push(v, model), log_prob - self._log_stretch(v)


class StereographicFlow(PushedFlow):
    """The law on S^d of the inverse stereographic image of a flow on R^d; the pole that it cannot reach is -e_0.

    flow : a ``RiemannianCNF`` on flat space, without batch shape.
    Density  q(y) ((1 + |y|^2)/2)^d, y the projection of x; -inf at -e_0.
    Source   Gemici, Rezende & Mohamed 2016 (arXiv 1611.02304), section 3; the factor as in Mathieu & Nickel 2020.

    >>> import torch, hyperdist as hd, hyperdist_torch as ht
    >>> from hyperdist_torch import flows
    >>> base = ht.WrappedNormal(torch.zeros(2), 1.0, c=0.0, model="tangent")
    >>> q = flows.StereographicFlow(flows.RiemannianCNF(base, flows.FrameField(hd.Euclidean(2), hidden=8)))
    >>> q.log_prob(torch.eye(3)[0]).detach()  # -log(2 pi) - 2 log 2
    tensor(-3.2242)
    >>> q.rsample((4,)).shape
    torch.Size([4, 3])
    """

    def __init__(self, flow: RiemannianCNF, validate_args: bool | None = None) -> None:
        super().__init__(flow, OnSphere(flow.space.d), validate_args)

    _one_to_one = True

    def _push(self, v: Tensor, model: str | None) -> Tensor:
        return sphere.from_stereographic(v)

    def _log_stretch(self, v: Tensor) -> Tensor:
        # That of the ball whose curvature is 1.
        return poincare.log_volume(v, -1.0)

    def _terms(self, x: Tensor, model: str | None) -> Tensor:
        y = sphere.to_stereographic(x)
        # There, and so near to it that the dtype does not hold the projection.
        pole = ~torch.isfinite(y).all(dim=-1)
        y = torch.where(pole[..., None], 0.0, y)
        found = self.flow.log_prob(y) - self._log_stretch(y)
        return torch.where(pole, -torch.inf, found)[None]


class WrappedFlow(PushedFlow):
    """The law of exp_0(v), v of a flow on R^d in an orthonormal frame at the origin, which on the torus is v mod 2 pi.

    flow   : a ``RiemannianCNF`` on flat space, without batch shape.
    radius : preimages v with |v| <= radius count: all there are in hyperbolic space, where exp_0 is one to one, and on
             the sphere and the torus those of the part of the law of v in that ball. The density integrates to that
             part; ``lost`` bounds the rest.
    Density  sum of q(v)/J(v): J = 1 on the torus, |sin r/r|^(d-1) on the sphere, (sinh(sqrt(c) r)/(sqrt(c) r))^(d-1)
             in hyperbolic space, r = |v|. On the sphere, d >= 2, it is infinite at e_0 and -e_0, as spheres of radius
             pi, 2 pi, ... are wrapped onto one point each.
    Draws are reparametrised; ``rsample_and_log_prob`` solves once more for the density on the sphere and the torus.

    >>> import torch, hyperdist as hd, hyperdist_torch as ht
    >>> from hyperdist_torch import flows
    >>> base = ht.WrappedNormal(torch.zeros(2), 1.0, c=0.0, model="tangent")
    >>> flow = flows.RiemannianCNF(base, flows.FrameField(hd.Euclidean(2), hidden=8))
    >>> q = flows.WrappedFlow(flow, hd.Torus(2))
    >>> q.rsample((4,)).shape, q.log_prob(torch.zeros(2)).detach()  # about -log(2 pi)
    (torch.Size([4, 2]), tensor(-1.8379))
    >>> share, bound = q.lost(1000)
    >>> share <= bound < 0.01
    True
    """

    def __init__(
        self, flow: RiemannianCNF, space: AnySpace, *, radius: float = _TURN, validate_args: bool | None = None
    ) -> None:
        space = on(space)
        if isinstance(space, OnEuclidean):
            raise ValueError("space must not be flat: there the wrapped flow is the flow")
        self.radius = float(checks.positive(radius, "radius"))
        self._one_to_one = space.model is not None
        super().__init__(flow, space, validate_args)

    def _log_stretch(self, v: Tensor) -> Tensor:
        square, d = (v * v).sum(dim=-1), self.space.d
        if isinstance(self.space, OnTorus):
            return 0.0 * square
        if self.space.model is not None:
            return (d - 1) * log_sinhc_sq(self.space.c * square)
        return (d - 1) * sinc_sq(square).abs().log() if d > 1 else 0.0 * square

    def _push(self, v: Tensor, model: str | None) -> Tensor:
        if model is not None:
            return conversions.from_tangent(v, self.space.curvature(v), model)
        if isinstance(self.space, OnTorus):
            return self.space.retract(v)
        origin = self._origin(v)
        return self.space.exp(origin, self.space.from_frame(origin, v))

    def _origin(self, like: Tensor) -> Tensor:
        return torch.eye(1, self.space.width, dtype=like.dtype, device=like.device)[0]

    def _terms(self, x: Tensor, model: str | None) -> Tensor:
        if model is not None:
            v = conversions.to_tangent(x, self.space.curvature(x), model)
            return (self.flow.log_prob(v) - self._log_stretch(v))[None]
        if isinstance(self.space, OnTorus) or self.space.d == 1:
            # On the circle the angle, which is smooth at e_0, where a polar direction jumps.
            v = self._turns(x if isinstance(self.space, OnTorus) else torch.atan2(x[..., 1:], x[..., :1]))
            return self._inside(v, torch.linalg.vector_norm(v, dim=-1))
        theta, direction = sphere.log_polar(self._origin(x).expand_as(x), x)
        turns = torch.arange(-self._most(), self._most() + 1, dtype=x.dtype, device=x.device)
        r = theta + _TURN * turns.reshape(-1, *[1] * theta.ndim)
        return self._inside(r[..., None] * direction, r.abs())

    def _most(self) -> int:
        """Turns that a coordinate within the radius can have made."""
        return int((self.radius + math.pi) / _TURN)

    def _turns(self, x: Tensor) -> Tensor:
        """x + 2 pi k for all k that may come within the radius, (n, *batch, d)."""
        each = range(-self._most(), self._most() + 1)
        least = [k for k in itertools.product(each, repeat=self.space.d)
                 if math.hypot(*(max(0.0, _TURN * abs(i) - math.pi) for i in k)) <= self.radius]  # fmt: skip
        shifts = _TURN * torch.tensor(least, dtype=x.dtype, device=x.device)
        return x + shifts.reshape(len(least), *[1] * (x.ndim - 1), self.space.d)

    def _inside(self, v: Tensor, r: Tensor) -> Tensor:
        """log q(v) - log stretch where r = |v| <= radius, else -inf; the flow is solved for those alone."""
        inside = r <= self.radius
        if transformed(torch):  # where the number of those may decide nothing
            safe = torch.where(inside[..., None], v, 0.0)
            return torch.where(inside, self.flow.log_prob(safe) - self._log_stretch(safe), -torch.inf)
        kept = v[inside]
        found = self.flow.log_prob(kept) - self._log_stretch(kept)
        return torch.full_like(r, -torch.inf).masked_scatter(inside, found)

    @torch.no_grad()
    def lost(self, n: int = 10_000, *, generator: torch.Generator | None = None) -> tuple[float, float]:
        """The share of n draws of v beyond the radius, and a bound that the true share meets with odds 1 - 1e-3.

        The bound is Clopper & Pearson's (1934); 0 and 0 in hyperbolic space, where no preimage is left out.
        """
        if self.space.model is not None:
            return 0.0, 0.0
        v = self.flow.rsample((checks.dimension(n, "n"),), generator=generator)
        k = int((torch.linalg.vector_norm(v, dim=-1) > self.radius).sum())
        if k == n:
            return 1.0, 1.0
        from scipy.special import betaincinv  # a quarter of a second that no other call need spend

        return k / n, float(betaincinv(k + 1, n - k, 1.0 - 1e-3))
