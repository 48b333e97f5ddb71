"""A flow as a module: its field, built from a configuration, and the law that this makes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from hyperdist import checks
from hyperdist_torch import checkpoint
from hyperdist_torch.distributions import (
    Mixture,
    SphericalUniform,
    ToroidalUniform,
    VonMisesFisher,
    WrappedNormal,
)
from hyperdist_torch.flows.baselines import StereographicFlow, WrappedFlow
from hyperdist_torch.flows.cnf import RiemannianCNF
from hyperdist_torch.flows.config import FlowConfig
from hyperdist_torch.flows.fields import VectorField, check_tangent
from hyperdist_torch.flows.solvers import Solver

Law = RiemannianCNF | StereographicFlow | WrappedFlow


class Flow(nn.Module):
    """A flow with learnt field; calling it gives its law. Points are in the coordinates of ``space``.

    field : a ``VectorField`` of one's own on ``config.field_space``; None is the configured one. On a curved space its
            output is looked at once, at draws of the base: ValueError where it is not tangent, see ``check_tangent``.

    >>> import torch
    >>> from hyperdist_torch import flows
    >>> flow = flows.Flow(flows.FlowConfig("sphere", 2, hidden=16))
    >>> x = flow().rsample((5,))
    >>> flow.log_prob(x).shape
    torch.Size([5])
    >>> x, log_prob = flow.rsample_and_log_prob(10)  # the uniform law, before it is trained
    >>> round(log_prob[0].item(), 4)  # -log(4 pi)
    -2.531
    """

    base_weights: Tensor
    base_mu: Tensor
    base_kappa: Tensor

    def __init__(self, config: FlowConfig, *, field: VectorField | None = None) -> None:
        super().__init__()
        self.config, self.space = config, config.make_space()
        self.own_field = field is not None
        self.field: VectorField = config.make_field() if field is None else field
        k = config.components
        self.register_buffer("base_weights", torch.full((k,), 1.0 / max(1, k)))
        self.register_buffer("base_mu", torch.eye(1, self.space.width).expand(k, -1).clone())
        self.register_buffer("base_kappa", torch.ones(k))
        if field is not None:
            self._check_field(field)

    def _check_field(self, field: VectorField) -> None:
        wanted, found = self.config.field_space, field.space
        if (found.name, found.d, found.c) != (wanted.name, wanted.d, wanted.c):
            raise ValueError(f"field must be on {wanted!r}, got one on {found!r}")
        if field.context_width != self.config.context_width:
            raise ValueError(f"field must have context_width {self.config.context_width}, got {field.context_width}")
        if self.config.kind == "riemannian" and self.base_mu.device.type != "meta":
            with torch.random.fork_rng(devices=[]):
                x = self._base().sample((16,), **self._model)
                context = torch.randn(16, field.context_width).to(x) if field.context_width else None
            check_tangent(field, x, context=context)

    def set_base(self, weights: Any, mu: Any, kappa: Any) -> None:
        """The von Mises-Fisher laws of a "mixture" base: weights (K,), mu (K, d + 1), kappa (K,).

        >>> from hyperdist_torch import flows
        >>> config = flows.FlowConfig("sphere", 2, base="mixture", components=2, hidden=8)
        >>> flow = flows.Flow(config)  # from a mixture that was fitted to the data: hyperdist.Mixture.fit
        >>> flow.set_base([0.3, 0.7], [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], [20.0, 5.0])
        >>> flow().base.weights
        tensor([0.3000, 0.7000])
        """
        if not self.config.components:
            raise ValueError(f"base must be 'mixture' to be set, got {self.config.base!r}")
        for name, given in {"base_weights": weights, "base_mu": mu, "base_kappa": kappa}.items():
            buffer = getattr(self, name)
            value = (given if isinstance(given, Tensor) else torch.tensor(checks.as_float(given, name))).to(buffer)
            if value.shape != buffer.shape:
                raise ValueError(f"{name} must have shape {tuple(buffer.shape)}, got {tuple(value.shape)}")
            buffer.copy_(value)

    def _base(self) -> Any:
        config = self.config
        like = next(self.parameters(), self.base_kappa)
        options: dict[str, Any] = {"dtype": like.dtype, "device": like.device}
        if config.base == "mixture":
            return Mixture(self.base_weights, VonMisesFisher(self.base_mu, self.base_kappa))
        if config.base == "uniform":
            return (SphericalUniform if config.space == "sphere" else ToroidalUniform)(config.d, **options)
        c = config.c if config.hyperbolic else 0.0
        return WrappedNormal(torch.zeros(config.d, **options), config.base_scale, c, model="tangent")

    def forward(
        self, context: Tensor | None = None, *, solver: Solver | None = None, divergence: str | None = None
    ) -> Law:
        """The law; ``solver`` and ``divergence`` are others than the configuration's."""
        config = self.config
        flow = RiemannianCNF(
            self._base(), self.field, context=context, solver=solver or config.make_solver(),
            divergence=divergence or config.divergence,
        )  # fmt: skip
        if config.kind == "stereographic":
            return StereographicFlow(flow)
        return WrappedFlow(flow, self.space, radius=config.radius) if config.kind == "wrapped" else flow

    @property
    def _model(self) -> dict[str, Any]:
        return {"model": self.space.model} if self.space.model else {}

    def log_prob(
        self, x: Tensor, context: Tensor | None = None, *, solver: Solver | None = None, divergence: str | None = None
    ) -> Tensor:
        """Log density at points x (*batch, space.width), in nats, (*batch)."""
        return self(context, solver=solver, divergence=divergence).log_prob(x, **self._model)

    def rsample_and_log_prob(
        self, n: int, *, solver: Solver | None = None, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """n reparametrised draws of an unconditional flow, (n, space.width), and their log density."""
        return self(solver=solver).rsample_and_log_prob((n,), **self._model, generator=generator)

    def extra_repr(self) -> str:
        return repr(self.config)


def _own(model: Flow) -> dict[str, str]:
    return {"field": type(model.field).__name__} if model.own_field else {}


FORMAT = checkpoint.Format("hyperdist_torch.flows", 1, FlowConfig.from_dict, Flow, "Flow", {"field": "field"}, _own)


def save(model: Flow, path: str | os.PathLike[str]) -> None:
    """Write the flow's configuration and parameters to ``path``, whole or not at all; see ``checkpoint.save``.

    >>> import tempfile
    >>> from hyperdist_torch.flows import Flow, FlowConfig, load, save
    >>> config = FlowConfig("torus", 2, hidden=8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Flow(config), folder + "/flow.pt")
    ...     load(folder + "/flow.pt").config == config
    True
    """
    checkpoint.save(model, path, FORMAT)


def load(
    path: str | os.PathLike[str], expect: FlowConfig | None = None, *, field: VectorField | None = None,
    factory: Callable[[FlowConfig], Flow] | None = None,
) -> Flow:  # fmt: skip
    """The flow that ``save`` wrote, on the CPU, in the dtype it had; raises as ``checkpoint.load``.

    field   : the one of one's own that it has, as ``Flow`` was given it; it gets the numbers of the file. Or
    factory : of the configuration to such a flow.

    >>> import tempfile
    >>> import hyperdist as hd
    >>> from hyperdist_torch.flows import Flow, FlowConfig, FrameField, load, save
    >>> config = FlowConfig("sphere", 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Flow(config, field=FrameField(hd.Sphere(2), hidden=4)), folder + "/flow.pt")
    ...     flow = load(folder + "/flow.pt", expect=config, field=FrameField(hd.Sphere(2), hidden=4))
    >>> flow.own_field
    True
    """
    return checkpoint.load(path, FORMAT, expect, parts={"field": field}, factory=factory)
