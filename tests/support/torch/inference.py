"""What the tests of transforms and of inference share: laws on every support, and product rules on R^k."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.distributions import biject_to

import hyperdist_torch as ht
from hyperdist_torch import flows
from hyperdist_torch.vae.laws import OriginNormal
from tests.support.torch.flows import field
from tests.support.torch.laws import CASES, ball, unit

DOUBLE = torch.float64


def tensor(x: Any) -> Tensor:
    return torch.tensor(np.asarray(x), dtype=DOUBLE)


def _hyperbolic(d: int, model: str) -> dict[str, Callable[[], Any]]:
    """Laws of one curvature and of a batch of them, 0 among them, and a mixture of such."""
    c, c_column = tensor([0.0, 0.6, 1.3]), tensor([[0.0, 0.0], [0.6, 0.6], [1.3, 1.3]])
    mu, options = tensor(ball(d, 0.4)), {"model": model}
    scales = tensor(0.5 + 0.2 * np.arange(d))
    laws: dict[str, Callable[[], Any]] = {
        "riemannian": lambda: ht.RiemannianNormal(mu, 0.7, 1.0, **options),
        "riemannian-flat": lambda: ht.RiemannianNormal(mu, 0.7, 0.0, **options),
        "riemannian-batch": lambda: ht.RiemannianNormal(mu, 0.8, c, **options),
        "wrapped": lambda: ht.WrappedNormal(mu, scales, 1.0, **options),
        "wrapped-batch": lambda: ht.WrappedNormal(mu, scales, c, **options),
        "mixture-batch": lambda: ht.Mixture(
            [0.3, 0.7], ht.RiemannianNormal(torch.stack([mu, -mu]), tensor([0.6, 0.8]), c_column, **options)
        ),
    }
    if model == "tangent":
        laws["origin-normal"] = lambda: OriginNormal(mu, scales, c)
    return {f"{name}-{model}-d{d}": law for name, law in laws.items()}


def _spherical(m: int) -> dict[str, Callable[[], Any]]:
    mu = tensor(unit(m))
    laws: dict[str, Callable[[], Any]] = {
        "fisher": lambda: ht.VonMisesFisher(mu, tensor([0.5, 4.0])),
        "spherical": lambda: ht.SphericalRiemannianNormal(mu, 0.8),
        "uniform": lambda: ht.SphericalUniform(m - 1, dtype=DOUBLE),
        "mixture": lambda: ht.Mixture([0.3, 0.7], ht.VonMisesFisher(torch.stack([mu, -mu]), tensor([2.0, 5.0]))),
    }
    return {f"{name}-sphere-m{m}": law for name, law in laws.items()}


def _toroidal(d: int) -> dict[str, Callable[[], Any]]:
    mu = tensor([3.0, -0.4, 1.0][:d])
    laws: dict[str, Callable[[], Any]] = {
        "wrapped": lambda: ht.ToroidalWrappedNormal(mu, tensor([[0.7], [2.0]])),
        "uniform": lambda: ht.ToroidalUniform(d, dtype=DOUBLE),
        "mixture": lambda: ht.Mixture([0.3, 0.7], ht.ToroidalWrappedNormal(torch.stack([mu, -mu]), 0.8)),
    }
    return {f"{name}-torus-d{d}": law for name, law in laws.items()}


def _moved(base: Any, space: flows.Space) -> flows.RiemannianCNF:
    """A flow of a few steps with a field that moves."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return flows.RiemannianCNF(base, field(space, strength=0.2), solver=flows.FixedGrid(steps=8))


def _flows() -> dict[str, Callable[[], Any]]:
    flat = flows.Euclidean(2)
    zero = torch.zeros(2, dtype=DOUBLE)

    def on_plane(**options: Any) -> flows.RiemannianCNF:
        return _moved(ht.WrappedNormal(zero, 0.8, 0.0, **options), flat)

    return {
        "flow-poincare": lambda: _moved(ht.WrappedNormal(zero, 0.8, 0.7), flows.PoincareBall(2, 0.7)),
        "flow-lorentz": lambda: _moved(ht.WrappedNormal(zero, 0.8, 0.7, model="tangent"), flows.Lorentz(2, 0.7)),
        "flow-plane-ball": on_plane,
        "flow-plane-tangent": lambda: on_plane(model="tangent"),
        "flow-sphere": lambda: _moved(ht.SphericalUniform(2, dtype=DOUBLE), flows.Sphere(2)),
        "flow-torus": lambda: _moved(ht.ToroidalUniform(1, dtype=DOUBLE), flows.Torus(1)),
        "stereographic": lambda: flows.StereographicFlow(on_plane()),
        "wrapped-flow-lorentz": lambda: flows.WrappedFlow(on_plane(), flows.Lorentz(2, 0.7)),
        "wrapped-flow-poincare": lambda: flows.WrappedFlow(on_plane(), flows.PoincareBall(2, 0.7)),
    }


HYPERBOLIC = {k: v for d in (1, 2, 3) for model in ("poincare", "tangent") for k, v in _hyperbolic(d, model).items()}
SPHERICAL = {name: law for m in (2, 3, 4) for name, law in _spherical(m).items()}
_SEEN = {type(make()).__name__ for make in SPHERICAL.values()}
SPHERICAL |= {
    case.label: case.build
    for case in CASES
    if not case.hyperbolic and case.name not in _SEEN and len(case.parameters[0]) <= 4
}
TOROIDAL = {name: law for d in (1, 2, 3) for name, law in _toroidal(d).items()}
FLOWS = _flows()
LAWS = HYPERBOLIC | SPHERICAL | TOROIDAL | FLOWS


@cache
def directions(k: int, n: int) -> tuple[Tensor, Tensor]:
    """A rule of unit vectors in R^k, exact for polynomials of degree n, weights of area."""
    if k == 1:
        return tensor([[1.0], [-1.0]]), tensor([1.0, 1.0])
    if k == 2:
        angle = 2.0 * math.pi * torch.arange(n + 1, dtype=DOUBLE) / (n + 1)
        return torch.stack([angle.cos(), angle.sin()], dim=-1), torch.full_like(angle, 2.0 * math.pi / (n + 1))
    height, weight = map(tensor, special.roots_gegenbauer(n // 2 + 1, 0.5 * (k - 2)))
    rest, area = directions(k - 1, n)
    across = (1.0 - height.square()).sqrt()[:, None, None] * rest
    x = torch.cat([height[:, None, None].expand(*across.shape[:2], 1), across], dim=-1)
    return x.flatten(0, 1), (weight[:, None] * area).flatten()


def polar(k: int, n: int, radii: int, end: float) -> tuple[Tensor, Tensor]:
    """A rule for functions on R^k that have vanished at radius ``end`` and are smooth but for the origin."""
    node, weight = map(tensor, special.roots_legendre(radii))
    r = 0.5 * end * (node + 1.0)
    return _around(r, 0.5 * end * weight * r ** (k - 1), k, n)


def gaussian(k: int, n: int, radii: int) -> tuple[Tensor, Tensor]:
    """A rule for functions on R^k, exact where they are exp(-|v|^2/2) times a polynomial in |v|^2 and the direction."""
    half, weight = map(tensor, special.roots_genlaguerre(radii, 0.5 * k - 1.0))
    return _around((2.0 * half).sqrt(), 2.0 ** (0.5 * k - 1.0) * weight * half.exp(), k, n)


def _around(r: Tensor, weight: Tensor, k: int, n: int) -> tuple[Tensor, Tensor]:
    u, area = directions(k, n)
    return (r[:, None, None] * u).flatten(0, 1), (weight[:, None] * area).flatten()


def product(rule: tuple[Tensor, Tensor], times: int) -> tuple[Tensor, Tensor]:
    """The rule on the product of ``times`` spaces."""
    x, w = rule
    for _ in range(times - 1):
        x = torch.cat([x[:, None].expand(-1, len(rule[0]), -1), rule[0].expand(len(x), -1, -1)], dim=-1).flatten(0, 1)
        w = (w[:, None] * rule[1]).flatten()
    return x, w


def rule_for(law: Any) -> tuple[Tensor, Tensor]:
    """A rule on the domain of the law's transform: radii and angles enough for the laws here."""
    support = law.support
    if isinstance(support, ht.constraints.UnitSphere):
        return gaussian(law.event_shape[0], 60, 6)
    if isinstance(support, ht.constraints.Angles):
        d = law.event_shape[0]
        return product(gaussian(2, 23, 5 - d), d)
    d = law.event_shape[0] - isinstance(support, ht.constraints.Hyperboloid)
    flow = isinstance(law, flows.RiemannianCNF | flows.WrappedFlow)  # whose steps must not leave the ball
    return polar(d, 56, 48, 6.0 if flow else 12.0)


def density(law: Any, v: Tensor) -> tuple[Tensor, Tensor]:
    """Points x = T(v) and the density in v that inference works with."""
    transform = biject_to(law.support)
    x = transform(v)
    return x, (law.log_prob(x) + transform.log_abs_det_jacobian(v, x)).exp()
