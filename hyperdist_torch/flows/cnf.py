"""The law of a flow: a base law carried along a vector field."""

from __future__ import annotations

import os
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from hyperdist import checks
from hyperdist.arrays.namespace import constant
from hyperdist.geometry import conversions
from hyperdist_torch import _parameters
from hyperdist_torch._host import holds
from hyperdist_torch.constraints import Angles, UnitSphere
from hyperdist_torch.distributions.base import ManifoldDistribution
from hyperdist_torch.distributions.hyperbolic import HyperbolicDistribution
from hyperdist_torch.distributions.mixture import Mixture
from hyperdist_torch.flows import saved
from hyperdist_torch.flows.fields import NOISES, VectorField, draw_noise
from hyperdist_torch.flows.solvers import FixedGrid, Solution, Solver
from hyperdist_torch.flows.spaces import FlowSpace, OnEuclidean, in_model


def read(space: FlowSpace, x: Any, dtype: torch.dtype, model: str | None = None, name: str = "value") -> Tensor:
    """Points in the coordinates of a model (by None the space's own), without what rounding put them off by.

    dtype : what integers become.
    """
    there = in_model(space, model)
    return there.retract(there.check(_parameters.real(there.widened(x, name), name, dtype), name))


def _check_base(base: Distribution, space: FlowSpace, hyperbolic: bool) -> None:
    """ValueError where the base does not live on the space."""
    flat = isinstance(space, OnEuclidean)
    if space.model or flat:
        fits = hyperbolic or (flat and not isinstance(base.support, UnitSphere | Angles))
    else:
        fits = type(base.support) is type(space.support)
    if not fits:
        raise ValueError(f"base must be a law on {space!r}, got {type(base).__name__}")
    if isinstance(base, HyperbolicDistribution) and not holds(base.c == space.c):
        raise ValueError(f"base must have the curvature c = {space.c:g} of its space, got {base.c}")


class RiemannianCNF(nn.Module, ManifoldDistribution):
    """The law at time 1 of points that have the law ``base`` at time 0 and move with dx/dt = f(t, x).

    It is a module too: ``parameters`` and ``state_dict`` are the field's (tensors of the base belong to whoever made
    it), calling it is ``log_prob``, and ``save`` and ``load`` keep it.

    base       : a law of this library on the field's space; in flat space any ``torch.distributions`` law too. Draws
                 from a mixture have gradients in the field alone.
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
        width = self.space.d if self.space.model else self.space.width
        if tuple(base.event_shape) != (width,):
            raise ValueError(f"base must have event shape ({width},) on {self.space!r}, got {tuple(base.event_shape)}")
        hyperbolic = isinstance(base, HyperbolicDistribution)
        _check_base(base, self.space, hyperbolic)
        # At c = 0 ball coordinates are half as long as the lengths of flat space.
        self._base_model = self.space.model or ("tangent" if hyperbolic else None)
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
        return self.space.support if self.space.model is None and self._base_model else self.base.support

    @property
    def _models(self) -> tuple[str, ...]:
        return self.base._models if self.space.model and isinstance(self.base, ManifoldDistribution) else ()

    @property
    def _dtype(self) -> torch.dtype:
        base = self.base.component if isinstance(self.base, Mixture) else self.base
        return base._dtype if isinstance(base, ManifoldDistribution) else base.mean.dtype

    def log_prob(self, value: Tensor, *, model: str | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Log density in nats at ``value``, sample_shape + batch_shape + event_shape; ``generator`` is of the noise."""
        model = self._check_model(model)
        x = self._read(value, model)
        solution = self._carry(x, 1.0, 0.0, generator, True)
        assert solution.integral is not None
        return self._base_log_prob(solution.x) + solution.integral

    def _read(self, value: Tensor, model: str | None) -> Tensor:
        """Points in the solver's coordinates; ValueError for rows that are none, whatever ``validate_args`` says: a
        point off the space would be moved onto it without a word."""
        x = read(self.space, value, self._dtype, model)
        if model is not None and model != self.space.model:
            x = self._convert(x, model, str(self.space.model))
        shape = checks.broadcast(value=tuple(x.shape[:-1]), batch=tuple(self.batch_shape))
        return x.expand(*shape, self.space.width)

    def _convert(self, x: Tensor, model: str, to: str) -> Tensor:
        c = self.space.curvature(x)
        return conversions.from_tangent(conversions.to_tangent(x, c, model), c, to)

    def _carry(self, x: Tensor, start: float, end: float, generator: torch.Generator | None, density: bool) -> Solution:
        context = self.context
        if context is not None:
            context = context.expand(*x.shape[:-1], context.shape[-1])
        noise = None
        if density and self.divergence != "exact":
            noise = draw_noise(self.space, x.detach(), self.divergence, generator)
        return self.solver.solve(self.field, x, start, end, context=context, noise=noise, density=density)

    def _base_log_prob(self, z: Tensor) -> Tensor:
        return self.base.log_prob(z, **({"model": self._base_model} if self._base_model else {}))

    def _start(
        self, sample_shape: torch.Size, method: str, generator: torch.Generator | None, density: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Draws of the base in the solver's coordinates, and their log density where it is wanted."""
        if isinstance(self.base, ManifoldDistribution):
            return self.base._rsample(sample_shape, self._base_model, method, generator, density)
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
        x = solution.x
        if model is not None and model != self.space.model:
            x = self._convert(x, str(self.space.model), model)
        if not density:
            return x, None
        assert log_prob is not None
        assert solution.integral is not None
        return x, log_prob - solution.integral
