"""The law of a flow: a base law carried along a vector field."""

from __future__ import annotations

import os
from functools import reduce
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from hyperdist import checks
from hyperdist.arrays.namespace import constant
from hyperdist.geometry import conversions
from hyperdist.geometry.product import join, split
from hyperdist_torch import _parameters
from hyperdist_torch._host import holds
from hyperdist_torch.constraints import Angles, UnitSphere
from hyperdist_torch.distributions.base import ManifoldDistribution
from hyperdist_torch.distributions.hyperbolic import HyperbolicDistribution
from hyperdist_torch.distributions.mixture import Mixture
from hyperdist_torch.distributions.product import Product, ProductPoint
from hyperdist_torch.flows import saved
from hyperdist_torch.flows.fields import NOISES, VectorField, draw_noise
from hyperdist_torch.flows.solvers import FixedGrid, Solution, Solver
from hyperdist_torch.flows.spaces import FlowSpace, OnEuclidean, OnProduct, in_model


def read(space: FlowSpace, x: Any, dtype: torch.dtype, model: str | None = None, name: str = "value") -> Tensor:
    """Points in the coordinates of a model (by None the space's own), without what rounding put them off by.

    dtype : what integers become.
    """
    there = in_model(space, model)
    return there.retract(there.check(_parameters.real(there.widened(x, name), name, dtype), name))


def _factors(space: FlowSpace, base: Distribution) -> list[tuple[FlowSpace, Any]]:
    """Space and base of every factor; ValueError where a product has a base of another kind."""
    if not isinstance(space, OnProduct):
        return [(space, base)]
    if not isinstance(base, Product) or len(base.laws) != len(space.factors):
        raise ValueError(
            f"base must be a Product of {len(space.factors)} laws on {space!r}, got {type(base).__name__}: of a flat "
            "factor a normal with c = 0"
        )
    pairs = zip(space.factors, base.laws, strict=True)
    return [part for factor, law in pairs for part in _factors(factor, law)]


def _check_base(base: Distribution, space: FlowSpace) -> None:
    """ValueError where the base does not live on the single space."""
    flat, hyperbolic = isinstance(space, OnEuclidean), isinstance(base, HyperbolicDistribution)
    width = space.d if space.model else space.width
    if tuple(base.event_shape) != (width,):
        raise ValueError(f"base must have event shape ({width},) on {space!r}, got {tuple(base.event_shape)}")
    if space.model or flat:
        fits = hyperbolic or (flat and not isinstance(base.support, UnitSphere | Angles))
    else:
        fits = type(base.support) is type(space.support)
    if not fits:
        raise ValueError(f"base must be a law on {space!r}, got {type(base).__name__}")
    if isinstance(base, HyperbolicDistribution) and not holds(base.c == space.c):
        raise ValueError(f"base must have the curvature c = {space.c:g} of its space, got {base.c}")


class _Factor(NamedTuple):
    """One space of a flow, the law that the flow starts from there, and the coordinates in which it meets it."""

    space: FlowSpace
    base: Any
    base_model: str | None

    @classmethod
    def of(cls, space: FlowSpace, base: Any) -> _Factor:
        hyperbolic = isinstance(base, HyperbolicDistribution)
        # At c = 0 ball coordinates are half as long as the lengths of flat space.
        return cls(space, base, space.model or ("tangent" if hyperbolic else None))

    def model(self, asked: str | None) -> str | None:
        """The coordinates of the caller's points: the base's own where no others are asked for."""
        if not self.space.model or not isinstance(self.base, ManifoldDistribution):
            return None
        return self.base._check_model(asked)

    def given(self, asked: str | None) -> int:
        """Numbers of a point in those."""
        return in_model(self.space, self.model(asked)).width

    def inwards(self, x: Tensor, asked: str | None, dtype: torch.dtype) -> Tensor:
        """The caller's points, read and in the solver's coordinates."""
        model = self.model(asked)
        x = read(self.space, x, dtype, model)
        return self._convert(x, model, self.space.model) if model else x

    def outwards(self, x: Tensor, asked: str | None) -> Tensor:
        """The solver's points in the caller's coordinates."""
        model = self.model(asked)
        return self._convert(x, self.space.model, model) if model else x

    def _convert(self, x: Tensor, model: str | None, to: str | None) -> Tensor:
        if model == to:
            return x
        c = self.space.curvature(x)
        return conversions.from_tangent(conversions.to_tangent(x, c, str(model)), c, str(to))

    def base_options(self) -> dict[str, str]:
        """What the base's ``log_prob`` is to be told."""
        return {"model": self.base_model} if self.base_model else {}


class RiemannianCNF(nn.Module, ManifoldDistribution):
    """The law at time 1 of points that have the law ``base`` at time 0 and move with dx/dt = f(t, x).

    It is a module too: ``parameters`` and ``state_dict`` are the field's (tensors of the base belong to whoever made
    it), calling it is ``log_prob``, and ``save`` and ``load`` keep it.

    base       : a law of this library on the field's space; in flat space any ``torch.distributions`` law too. Draws
                 from a mixture have gradients in the field alone. On a product a ``Product``, whose laws on flat
                 factors are normals with c = 0.
    field      : a ``VectorField``.
    context    : (*batch, k) of a conditional field; its batch broadcasts against the base's.
    solver     : ``FixedGrid`` or ``Adaptive``.
    divergence : "exact", or Hutchinson's estimate with "gaussian" or "rademacher" noise, one draw a solve: log_prob is
                 then a random number whose mean is the log density.
    Hyperbolic values are in the base's own coordinates, and ``model`` asks for others, as everywhere.
    Density    log p(x) = log base(x_0) - int_0^1 div f(t, x_t) dt, in nats with respect to Riemannian volume.
    Accuracy   the solver's; gradients are those of the discrete solve (fixed grid, or adaptive without adjoint).
    Raises     ValueError for points off the space, ``SolverError`` where a solve fails.
    Source     Mathieu & Nickel 2020 (arXiv 2006.10605), section 3; Hutchinson's estimate Grathwohl et al. 2019.

    >>> import torch, hyperdist as hd, hyperdist_torch as ht
    >>> from hyperdist_torch import flows
    >>> field = flows.FrameField(hd.Sphere(2), hidden=16)
    >>> q = flows.RiemannianCNF(ht.SphericalUniform(2), field)
    >>> x, log_prob = q.rsample_and_log_prob((5,))
    >>> x.shape, log_prob.shape
    (torch.Size([5, 3]), torch.Size([5]))
    >>> torch.equal(q(x), q.log_prob(x)), q.support.check(x).all().item(), q.config.space
    (True, True, 'sphere')
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     q.save(folder + "/q.pt")
    ...     field = flows.FrameField(hd.Sphere(2), hidden=16)  # made the same way; it gets the numbers of the file
    ...     again = flows.RiemannianCNF.load(folder + "/q.pt", ht.SphericalUniform(2), field)
    >>> torch.equal(again.log_prob(x), q.log_prob(x))
    True
    """

    _batched = ("base", "context")

    def __init__(
        self, base: Distribution, field: VectorField, *, context: Tensor | None = None, solver: Solver | None = None,
        divergence: str = "exact", validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        nn.Module.__init__(self)
        self.space = field.space
        self.divergence = checks.choice(divergence, "divergence", ("exact", *NOISES))
        self.field, self.solver = field, solver or FixedGrid()
        batch = tuple(base.batch_shape)
        if context is not None:
            batch = checks.broadcast(base=batch, context=tuple(context.shape[:-1]))
            context = context.expand(*batch, context.shape[-1])
        self.context = context
        self.base = base if tuple(base.batch_shape) == batch else base.expand(torch.Size(batch))
        for part in self._parts():
            _check_base(part.base, part.space)
        ManifoldDistribution.__init__(self, torch.Size(batch), base.event_shape, validate_args=validate_args)

    def __getattr__(self, name: str) -> Any:
        # A module asks here for what a property has not: that one's own words say why.
        known: Any = getattr(type(self), name, None)
        return known.__get__(self) if hasattr(known, "__get__") else super().__getattr__(name)

    def __repr__(self) -> str:
        return ManifoldDistribution.__repr__(self)

    @property
    def config(self) -> saved.Settings:
        """What a file says of the law."""
        return saved.settings(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the numbers of the field to ``path``, whole or not at all, as ``checkpoint.save`` does.

        Raises ValueError for what ``load`` would refuse, and where the base is learnt: its tensors are none of ours.
        """
        saved.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], base: Distribution, field: VectorField, **options: Any) -> Self:
        """The law of ``base``, ``field`` and the options of the class, with the numbers of the file in ``field``.

        Raises ValueError as ``checkpoint.load``, and where space, divergence or base are not those that were saved.
        """
        return saved.load(cls(base, field, **options), path)

    def forward(self, value: Tensor, *, model: str | None = None, generator: torch.Generator | None = None) -> Tensor:
        """``log_prob``."""
        return self.log_prob(value, model=model, generator=generator)

    @property
    def arg_constraints(self) -> dict[str, Any]:  # type: ignore[override]
        """Its parameters are modules."""
        return {}

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> Any:  # type: ignore[override]
        """That of the base, in its own coordinates; all vectors in flat space if the base is hyperbolic at c = 0."""
        found = [
            part.space.support if part.space.model is None and part.base_model else part.base.support
            for part in self._parts()
        ]
        if not isinstance(self.space, OnProduct):
            return found[0]
        return ProductPoint(found, [part.given(None) for part in self._parts()])

    def _parts(self) -> list[_Factor]:
        """The factors of the space, one unless it is a product."""
        return [_Factor.of(space, base) for space, base in _factors(self.space, self.base)]

    @property
    def _models(self) -> tuple[str, ...]:
        if isinstance(self.space, OnProduct):
            return conversions.MODELS if any(part.space.model for part in self._parts()) else ()
        return self.base._models if self.space.model and isinstance(self.base, ManifoldDistribution) else ()

    def _check_model(self, model: str | None) -> str | None:
        # Each factor of a product has coordinates of its own where none are asked for.
        return None if model is None and isinstance(self.space, OnProduct) else super()._check_model(model)

    @property
    def _start_law(self) -> Any:
        return self.base.component if isinstance(self.base, Mixture) else self.base

    @property
    def _dtype(self) -> torch.dtype:
        law = self._start_law
        return law._dtype if isinstance(law, ManifoldDistribution) else law.mean.dtype

    @property
    def _device(self) -> torch.device:
        law = self._start_law
        return law._device if isinstance(law, ManifoldDistribution) else law.mean.device

    def log_prob(self, value: Tensor, *, model: str | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Log density in nats at ``value``, sample_shape + batch_shape + event_shape; ``generator`` is of the noise."""
        model = self._check_model(model)
        # A lone point as a row: in torch.func's forward mode float32 numbers without axes have tangents of float64.
        lone = isinstance(value, Tensor) and value.ndim == 1 and not self.batch_shape
        x = self._read(value[None] if lone else value, model)
        solution = self._carry(x, 1.0, 0.0, generator, True)
        assert solution.integral is not None
        found = self._base_log_prob(solution.x) + solution.integral
        return found[0] if lone else found

    def _read(self, value: Tensor, model: str | None) -> Tensor:
        """Points in the solver's coordinates; ValueError for rows that are none, whatever ``validate_args`` says: a
        point off the space would be moved onto it without a word."""
        parts = self._parts()
        if len(parts) == 1:
            x = parts[0].inwards(value, model, self._dtype)
        else:
            widths = [part.given(model) for part in parts]
            value = _parameters.real(value, "value", self._dtype)
            checks.last_axis(tuple(value.shape), "value", sum(widths))
            given = zip(parts, split(value, widths), strict=True)
            x = join([part.inwards(own, model, self._dtype) for part, own in given])
        shape = checks.broadcast(value=tuple(x.shape[:-1]), batch=tuple(self.batch_shape))
        return x.expand(*shape, self.space.width)

    def _written(self, x: Tensor, model: str | None) -> Tensor:
        """Points in the solver's coordinates in those of the caller."""
        parts = self._parts()
        if len(parts) == 1:
            return parts[0].outwards(x, model)
        given = zip(parts, split(x, [part.space.width for part in parts]), strict=True)
        return join([part.outwards(own, model) for part, own in given])

    def _carry(self, x: Tensor, start: float, end: float, generator: torch.Generator | None, density: bool) -> Solution:
        context = self.context
        if context is not None:
            context = context.expand(*x.shape[:-1], context.shape[-1])
        noise = None
        if density and self.divergence != "exact":
            noise = draw_noise(self.space, x.detach(), self.divergence, generator)
        return self.solver.solve(self.field, x, start, end, context=context, noise=noise, density=density)

    def _base_log_prob(self, z: Tensor) -> Tensor:
        parts = self._parts()
        given = zip(parts, split(z, [part.space.width for part in parts]) if len(parts) > 1 else [z], strict=True)
        return reduce(torch.add, (part.base.log_prob(own, **part.base_options()) for part, own in given))

    def _start(
        self, sample_shape: torch.Size, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Draws of the base in the solver's coordinates, and their log density where it is wanted."""
        if isinstance(self.base, ManifoldDistribution):
            parts = self._parts()
            if len(parts) == 1:
                return self.base._rsample(sample_shape, parts[0].base_model, method, generator, density)
            drawn = [part.base._rsample(sample_shape, part.base_model, method, generator, density) for part in parts]
            return join([z for z, _ in drawn]), reduce(torch.add, (lp for _, lp in drawn)) if density else None
        ours = isinstance(self.base, Mixture)
        if not ours and (generator is not None or method != "rejection"):
            raise ValueError(f"generator and method need a base of this library, got {type(self.base).__name__}")
        if self.base.has_rsample:
            z = self.base.rsample(sample_shape)
            return z, self.base.log_prob(z) if density else None
        z = self.base.sample(sample_shape, **({"method": method, "generator": generator} if ours else {}))
        log_prob = self.base.log_prob(z)
        if not constant(log_prob):
            raise NotImplementedError(
                f"base {type(self.base).__name__} has no reparametrised draws, so a draw of the flow has no gradient "
                "in the base's parameters: detach them, or draw with sample()"
            )
        return z, log_prob if density else None

    def _draw(
        self, shape: torch.Size, model: str | None, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        z, log_prob = self._start(shape[: len(shape) - len(self.batch_shape)], method, generator, density)
        solution = self._carry(z, 0.0, 1.0, generator, density)
        x = self._written(solution.x, model)
        if not density:
            return x, None
        assert log_prob is not None
        assert solution.integral is not None
        return x, log_prob - solution.integral
