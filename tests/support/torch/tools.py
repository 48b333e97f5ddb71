"""What the tests of torch's tools run on: every law, layer, model and flow by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import hyperdist_torch as ht
from hyperdist_torch import flows, nn
from hyperdist_torch.vae import PoincareVAE, VAEConfig
from hyperdist_torch.vae.laws import OriginNormal
from tests.support.torch import flows as made
from tests.support.torch.laws import CASES, TORUS, Case

DOUBLE = torch.float64


def laws() -> dict[str, Any]:
    """Laws with parameters and without, mixtures, and those of flows, in float64."""
    found: dict[str, Any] = {case.label: case.build() for case in (*CASES, *TORUS)}
    axes = torch.eye(3, dtype=DOUBLE)[:2]
    found["mixture"] = ht.Mixture([0.3, 0.7], ht.VonMisesFisher(axes, [3.0, 5.0]))
    ball = ht.WrappedNormal(0.3 * axes, 0.5, 0.7)
    found["mixture-hyperbolic"] = ht.Mixture([0.3, 0.7], ball)
    found["sphere-uniform"] = ht.SphericalUniform(2, dtype=DOUBLE)
    found["torus-uniform"] = ht.ToroidalUniform(2, dtype=DOUBLE)
    found["origin-normal"] = OriginNormal(axes, 0.5, 0.7)
    return found


def flow_laws() -> dict[str, Any]:
    """A flow on every space, and the two that are pushed onto one."""
    solver = flows.FixedGrid(2)
    spaces = (flows.Sphere(2), flows.Torus(2), flows.Euclidean(2), flows.Lorentz(2, 1.3), flows.PoincareBall(2, 0.7))
    found: dict[str, Any] = {
        space.name: flows.RiemannianCNF(made.base(space), made.field(space), solver=solver) for space in spaces
    }
    found["stereographic"] = flows.StereographicFlow(found["euclidean"])
    found["wrapped"] = flows.WrappedFlow(found["euclidean"], flows.Sphere(2))
    return found


@dataclass(frozen=True)
class Subject:
    """A function of tensors, with one set of arguments to trace it on and another to ask it for."""

    name: str
    function: Callable[..., Tensor]
    traced: tuple[Tensor, ...]
    asked: tuple[Tensor, ...]

    def __str__(self) -> str:
        return self.name


def of_parameters(case: Case, what: Callable[[Any], Tensor], **options: Any) -> Subject:
    """``what(law)`` as a function of the parameters that may move."""
    given = case.tensors()
    moving, kept = (given[:-1], given[-1:]) if case.label.endswith("flat") else (given, [])

    def function(*parameters: Tensor) -> Tensor:
        return what(case.of(*parameters, *kept, **options))

    return Subject(case.label, function, tuple(moving), (moving[0], 1.07 * moving[1], *moving[2:]))


def density(case: Case, **options: Any) -> Subject:
    """The log density as a function of the point and of the parameters that may move."""
    generator = torch.Generator().manual_seed(3)
    x, y = (case.build().sample((3,), generator=generator) for _ in range(2))
    given = of_parameters(case, lambda law: law, **options)

    def function(x: Tensor, *parameters: Tensor) -> Tensor:
        return given.function(*parameters).log_prob(x)

    return Subject(case.label, function, (x, *given.traced), (y, *given.asked))


def layers() -> list[Subject]:
    """Layers and heads, by input and weight."""
    found, x, y = [], torch.randn(4, 3, dtype=DOUBLE), torch.randn(4, 3, dtype=DOUBLE)
    ball = 0.2
    for kind in (nn.Gyroplane, nn.Horosphere, nn.Klein, nn.MobiusLinear):
        for model, size in (("tangent", 1.0), ("poincare", ball)):
            layer = kind(3, 2, 1.0, model=model, dtype=DOUBLE)
            weight, layer = layer.weight.detach(), layer.requires_grad_(False)

            def function(x: Tensor, weight: Tensor, layer: Any = layer) -> Tensor:
                return layer._curved(x, weight, layer.bias, layer.curvature(x.dtype), layer.model)

            named = f"{kind.__name__}-{model}"
            found.append(Subject(named, _plain(function), (size * x, weight), (size * y, 1.1 * weight)))
    for head in (nn.ExpOrigin(1.0, "poincare"), nn.ExpOrigin(1.0, "lorentz", riemannian_gradient=True)):
        found.append(Subject(f"ExpOrigin-{head.model}", _plain(head.forward), (x,), (y,)))
    found.append(Subject("LogOrigin", _plain(nn.LogOrigin(1.0, "poincare").forward), (ball * x,), (ball * y,)))
    return found


def _plain(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``function`` with positional arguments alone, which ``make_fx`` counts."""
    return lambda *arguments: function(*arguments)


def models() -> list[Subject]:
    """A VAE of each law: what it says of data and of fixed latent points."""
    found = []
    for law in ("riemannian", "wrapped", "normal"):
        config = VAEConfig(latent_dim=2, data_shape=(6,), hidden=5, posterior=law, prior=law)
        model = PoincareVAE(config).to(DOUBLE).requires_grad_(False)
        z = 0.5 * torch.randn(4, 2, dtype=DOUBLE)

        def function(x: Tensor, model: PoincareVAE = model, z: Tensor = z) -> Tensor:
            q = model.encode(x)
            return model.decoder.log_prob(q.mean, x) + model.log_prior()(q.mean) - q.log_prob(z)

        found.append(Subject(law, _plain(function), *((torch.rand(4, 6, dtype=DOUBLE),) for _ in range(2))))
    return found


def carried() -> list[Subject]:
    """Densities of flows in the solver's coordinates, as functions of the point."""
    found = []
    for name, q in flow_laws().items():
        space = q.space
        inner = q.flow if hasattr(q, "flow") else q
        inner.field.requires_grad_(False)
        # torch's own laws look at values in a trace too, and say so.
        if isinstance(inner.space, flows.Euclidean):
            inner.base._validate_args = inner.base.base_dist._validate_args = False
        options = {"model": space.model} if space.model else {}

        def function(x: Tensor, q: Any = q, options: Any = options) -> Tensor:
            return q.log_prob(x, **options)

        found.append(Subject(name, _plain(function), (made.points(space, 3),), (made.points(space, 3),)))
    return found
