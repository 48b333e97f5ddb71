"""What a flow is made of, as one checked value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from hyperdist import checks
from hyperdist_torch.flows.features import Coordinates, Features, GeodesicDistances, Waves
from hyperdist_torch.flows.fields import NOISES, FrameField
from hyperdist_torch.flows.solvers import Adaptive, FixedGrid, Solver
from hyperdist_torch.flows.spaces import FlowSpace, OnEuclidean, OnLorentz, OnPoincareBall, OnSphere, OnTorus

SPACES = ("sphere", "torus", "euclidean", "lorentz", "poincare")
KINDS = ("riemannian", "stereographic", "wrapped")
FEATURES = ("coordinates", "waves", "points", "planes")
METHODS = ("rk4", "midpoint", "euler", "dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun")


@dataclass(frozen=True)
class FlowConfig:
    """The settings of a ``Flow``; ValueError that names the field, its value and the bound.

    space, d, c     : "sphere", "torus", "euclidean", "lorentz" or "poincare", its dimension, and c > 0 of the last two
    kind            : "riemannian", "stereographic" (on the sphere) or "wrapped" (not in flat space); the last two have
                      a field on flat space, and ``radius``, of ``WrappedFlow``
    frame, features : of the field, see ``FrameField``; ``n_features`` points, planes or waves
    finest          : in (0, 1), of the field and its ``Waves``, see ``FrameField``; None for none
    hidden, layers, activation, scale : of its network, see ``Network``
    context_width   : numbers a row of the context
    base            : "uniform" on a compact space, "normal" about the origin with ``base_scale`` in geodesic length
                      elsewhere, or "mixture" of ``components`` von Mises-Fisher laws, set by ``Flow.set_base``;
                      "" is the one of the first two that the space has
    method          : "rk4", "midpoint" or "euler" with ``steps`` and ``checkpoint``, else an adaptive method with
                      ``rtol``, ``atol``, ``adjoint`` and ``max_evaluations``
    divergence      : "exact", "gaussian" or "rademacher"

    >>> from hyperdist_torch.flows import FlowConfig
    >>> config = FlowConfig("lorentz", 2, c=0.5, method="euler", steps=10, hidden=8)
    >>> config.base, config.hyperbolic, config.make_space(), config.field_space, config.make_solver().steps
    ('normal', True, Lorentz(2, c=0.5), Lorentz(2, c=0.5), 10)
    >>> config.make_field().frame.size, FlowConfig.from_dict(config.to_dict()) == config
    (3, True)
    >>> FlowConfig("sphere", 2, kind="wrapped").base  # of a flow on the plane, wrapped onto the sphere
    'normal'
    """

    space: str
    d: int
    c: float = 1.0
    kind: str = "riemannian"
    frame: str = "generators"
    features: str = "coordinates"
    n_features: int = 64
    finest: float | None = None
    hidden: int = 64
    layers: int = 3
    activation: str = "swish"
    scale: float = 1.0
    context_width: int = 0
    base: str = ""
    base_scale: float = 1.0
    components: int = 0
    radius: float = 2.0 * math.pi
    method: str = "rk4"
    steps: int = 20
    checkpoint: bool = False
    rtol: float = 1e-5
    atol: float = 1e-5
    adjoint: bool = False
    max_evaluations: int = 1000
    divergence: str = "exact"

    def __post_init__(self) -> None:
        options = {"space": SPACES, "kind": KINDS, "features": FEATURES, "method": METHODS}
        for name, words in {**options, "divergence": ("exact", *NOISES)}.items():
            checks.choice(getattr(self, name), name, words)
        for name in ("d", "n_features", "hidden", "layers", "steps", "max_evaluations"):
            self._set(name, checks.dimension(getattr(self, name), name))
        for name in ("context_width", "components"):
            self._set(name, checks.dimension(getattr(self, name), name, 0))
        for name in ("c", "scale", "base_scale", "radius", "rtol", "atol"):
            self._set(name, checks.single(checks.positive(getattr(self, name), name), name))
        if self.finest is not None:
            self._set("finest", checks.fraction(self.finest, "finest"))
        for name in ("checkpoint", "adjoint"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if not self.base:
            self._set("base", "normal" if isinstance(self.field_space, OnEuclidean) or self.hyperbolic else "uniform")
        self._check_together()

    def _check_together(self) -> None:
        if self.features == "waves" and self.finest is None:
            raise ValueError("finest must be given for features 'waves', got None")
        if self.kind == "stereographic" and self.space != "sphere":
            raise ValueError(f"kind 'stereographic' needs space 'sphere', got {self.space!r}")
        if self.kind == "wrapped" and self.space == "euclidean":
            raise ValueError("kind 'wrapped' needs a space that is not flat, got 'euclidean'")
        if self.kind != "riemannian" and self.context_width:
            raise ValueError(f"context_width must be 0 for kind {self.kind!r}, got {self.context_width}")
        flat = isinstance(self.field_space, OnEuclidean) or self.hyperbolic
        compact = ("uniform", "mixture") if isinstance(self.field_space, OnSphere) else ("uniform",)
        checks.choice(self.base, "base", ("normal",) if flat else compact)
        if (self.base == "mixture") != (self.components > 0):
            raise ValueError(f"components must be > 0 for base 'mixture' alone, got {self.components}, {self.base!r}")

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def hyperbolic(self) -> bool:
        """Whether the field is one on hyperbolic space."""
        return self.kind == "riemannian" and self.space in ("lorentz", "poincare")

    def make_space(self) -> FlowSpace:
        """Where the law lives."""
        if self.space in ("lorentz", "poincare"):
            return (OnLorentz if self.space == "lorentz" else OnPoincareBall)(self.d, self.c)
        return {"sphere": OnSphere, "torus": OnTorus, "euclidean": OnEuclidean}[self.space](self.d)

    @property
    def field_space(self) -> FlowSpace:
        """Where the field lives."""
        return self.make_space() if self.kind == "riemannian" else OnEuclidean(self.d)

    def make_field(self) -> FrameField:
        """A new field, from torch's default generator."""
        space = self.field_space
        features: Features = Coordinates(space)
        if self.features == "waves":
            assert self.finest is not None
            features = Waves(space, self.n_features, self.finest)
        elif self.features != "coordinates":
            features = GeodesicDistances(space, self.n_features, self.features)
        return FrameField(
            space, frame=self.frame, features=features, finest=self.finest, context_width=self.context_width,
            hidden=self.hidden, layers=self.layers, activation=self.activation, scale=self.scale,
        )  # fmt: skip

    def make_solver(self) -> Solver:
        """The solver of the settings."""
        if self.method in ("rk4", "midpoint", "euler"):
            return FixedGrid(self.steps, self.method, self.checkpoint)
        return Adaptive(self.rtol, self.atol, self.method, self.adjoint, self.max_evaluations)

    def to_dict(self) -> dict[str, Any]:
        """The fields as what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The configuration that ``to_dict`` wrote; ValueError where a field is unknown or a needed one lacks."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"unknown fields of a FlowConfig: {', '.join(map(repr, unknown))}")
        lacking = sorted({"space", "d"} - set(values))
        if lacking:
            raise ValueError(
                f"a FlowConfig needs {' and '.join(lacking)}, got {', '.join(sorted(values)) or 'nothing'}"
            )
        return cls(**values)
