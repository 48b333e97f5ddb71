"""What the tests of flows share: spaces, bases, fields that move, product rules, and what every flow must keep."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

import hyperdist_torch as ht
from hyperdist_torch import flows

DOUBLE = torch.float64
SPACES = [
    flows.Sphere(1),
    flows.Sphere(2),
    flows.Sphere(3),
    flows.Torus(1),
    flows.Torus(2),
    flows.Euclidean(1),
    flows.Euclidean(3),
    flows.Lorentz(1, 0.7),
    flows.Lorentz(2, 1.3),
    flows.PoincareBall(1, 0.7),
    flows.PoincareBall(2, 1.3),
    flows.PoincareBall(3, 0.2),
]
SURFACES = [flows.Sphere(2), flows.Torus(2), flows.Lorentz(2, 1.3), flows.PoincareBall(2, 1.3), flows.Euclidean(2)]


def kinds(space: flows.Space) -> tuple[str, ...]:
    """Frames that a space has."""
    return ("ambient", "local", "generators") if space.name in ("sphere", "lorentz") else ("local", "generators")


def features(space: flows.Space, name: str, n: int = 5) -> flows.Features:
    """ "coordinates", "waves", "points" or "planes"."""
    if name == "waves":
        return flows.Waves(space, n, 0.1)
    return flows.Coordinates(space) if name == "coordinates" else flows.GeodesicDistances(space, n, to=name)


def feature_names(space: flows.Space) -> tuple[str, ...]:
    """Those that a space has."""
    names = ("coordinates", "waves", "points")
    return names if isinstance(space, flows.Torus) else (*names, "planes")


def field(space: flows.Space, kind: str = "generators", *, strength: float = 0.5, dtype: torch.dtype = DOUBLE,
          hidden: int = 8, layers: int = 2, activation: str = "tanh", **options: Any) -> flows.FrameField:  # fmt: skip
    """A field whose last layer is not 0, as ``Network`` begins with, but of velocities about ``strength``."""
    made = flows.FrameField(
        space, frame=kind, hidden=hidden, layers=layers, activation=activation, **options
    ).to(dtype)  # fmt: skip
    with torch.no_grad():
        output = made.network.output
        output.weight.normal_(std=strength / math.sqrt(output.in_features))
        output.bias.normal_(std=strength)
    return made


def centre(space: flows.Space, dtype: torch.dtype = DOUBLE) -> Tensor:
    """A point off the origin, in the coordinates that the laws take."""
    if isinstance(space, flows.Sphere):
        return torch.nn.functional.normalize(torch.linspace(1.0, 0.3, space.width, dtype=dtype), dim=0)
    return torch.linspace(0.2, -0.3, space.d, dtype=dtype)


def base(space: flows.Space, dtype: torch.dtype = DOUBLE) -> Any:
    """A law on the space that is not uniform."""
    if isinstance(space, flows.Sphere):
        return ht.VonMisesFisher(centre(space, dtype), torch.tensor(1.5, dtype=dtype))
    if isinstance(space, flows.Torus):
        return ht.ToroidalWrappedNormal(centre(space, dtype), torch.full((space.d,), 0.9, dtype=dtype))
    if isinstance(space, flows.Euclidean):
        return torch.distributions.Independent(
            torch.distributions.Normal(centre(space, dtype), torch.full((space.d,), 0.6, dtype=dtype)), 1
        )
    return ht.WrappedNormal(centre(space, dtype), torch.tensor(0.5, dtype=dtype), torch.tensor(space.c, dtype=dtype))


def points(space: flows.Space, n: int, dtype: torch.dtype = DOUBLE) -> Tensor:
    """Draws of ``base`` in the solver's coordinates."""
    law = base(space, dtype)
    return law.sample((n,), model=space.model) if space.model else law.sample((n,))


def carried(q: flows.RiemannianCNF, x: Tensor) -> Tensor:
    """log q of points in the solver's coordinates."""
    return q.log_prob(x, model=q.space.model)


def function_of(made: flows.VectorField) -> flows.FunctionField:
    """The same field with the divergence that any function gets."""
    return flows.FunctionField(made.space, lambda t, x, *context: made(t, x, *context), made.context_width)


def legendre(n: int, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Nodes and weights of Gauss and Legendre's rule on [low, high]."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    half = 0.5 * (high - low)
    return torch.as_tensor(low + half * (nodes + 1.0)), torch.as_tensor(half * weights)


def rule(space: flows.Space, n: int = 24) -> tuple[Tensor, Tensor]:
    """Points of a surface in the solver's coordinates and weights of volume: product rules."""
    turn = 2.0 * math.pi / (2 * n) * torch.arange(2 * n, dtype=DOUBLE) - math.pi
    if isinstance(space, flows.Torus):
        x = torch.cartesian_prod(turn, turn)
        return x, torch.full((len(x),), (math.pi / n) ** 2, dtype=DOUBLE)
    if isinstance(space, flows.Sphere):
        (height, weights), around = legendre(n, -1.0, 1.0), math.pi / n
        height, angle = (part.flatten() for part in torch.meshgrid(height, turn, indexing="ij"))
        radius = (1.0 - height.square()).sqrt()
        x = torch.stack([height, radius * angle.cos(), radius * angle.sin()], dim=-1)
        return x, around * weights.repeat_interleave(2 * n)
    # The base's scale is 1/2 about a point at distance 1/3 and the flow is gentle: beyond 6 there is 1e-10 of it.
    k = math.sqrt(space.c) if space.model else 1.0
    r, weights = legendre(2 * n, 0.0, 6.0)
    weights = weights * ((k * r).sinh() / k if space.model else r)
    turn = torch.arange(4 * n, dtype=DOUBLE) * (0.5 * math.pi / n)
    r, angle = (part.flatten() for part in torch.meshgrid(r, turn, indexing="ij"))
    v = r[:, None] * torch.stack([angle.cos(), angle.sin()], dim=-1)
    weights = 0.5 * math.pi / n * weights.repeat_interleave(4 * n)
    if not space.model:
        return v, weights
    from hyperdist.geometry import conversions

    return conversions.from_tangent(v, torch.tensor(space.c, dtype=DOUBLE), space.model), weights


@torch.no_grad()
def mass(q: flows.RiemannianCNF, n: int = 24) -> float:
    """The integral of q's density."""
    x, weights = rule(q.space, n)
    return float((carried(q, x).exp() * weights).sum())


def jacobian_log_det(space: flows.Space, move: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    """(move(z), log |det| of its derivative in orthonormal bases at both ends) by reverse differentiation."""
    z = z.detach().requires_grad_()
    x = move(z)
    rows = [torch.autograd.grad(x[:, k].sum(), z, retain_graph=True)[0] for k in range(x.shape[-1])]
    jacobian = torch.stack(rows, dim=1)
    at_z, at_x = space.basis(z.detach()), space.basis(x.detach())
    pushed = torch.einsum("nij,knj->kni", jacobian, at_z)
    entries = torch.stack([torch.stack([space.embedded_inner(x, e, v) for v in pushed], -1) for e in at_x], -2)
    return x.detach(), torch.linalg.slogdet(entries.detach())[1]


@torch.no_grad()
def divergences_agree(made: flows.VectorField, n: int = 7) -> None:
    """The field's own divergence and that by automatic differentiation of its velocity; so are the velocities."""
    x, t = points(made.space, n), torch.tensor(0.3, dtype=DOUBLE)
    ours, theirs = made.with_divergence(t, x), function_of(made).with_divergence(t, x)
    torch.testing.assert_close(ours[0], made(t, x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours[1], theirs[1], rtol=1e-12, atol=1e-12)


@torch.no_grad()
def noise_averages_out(made: flows.VectorField) -> None:
    """The mean of Hutchinson's estimate over all Rademacher signs is the exact divergence: E z z^T = 1 exactly."""
    x, t = points(made.space, 4), torch.tensor(0.3, dtype=DOUBLE)
    width = made.space.noise_width
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=DOUBLE)] * width).reshape(-1, width)
    estimates = [made.with_divergence(t, x, noise=row.expand(4, -1))[1] for row in signs]
    torch.testing.assert_close(sum(estimates) / len(signs), made.with_divergence(t, x)[1], rtol=1e-12, atol=1e-12)


def density_is_pushed_forward(q: flows.RiemannianCNF, tolerance: float, n: int = 5) -> None:
    """log q at the image of base draws is their log density less log |det| of the discrete map."""
    z = points(q.space, n)
    x, log_det = jacobian_log_det(q.space, lambda z: q.solver.solve(q.field, z, 0.0, 1.0, density=False).x, z)
    with torch.no_grad():
        log_base = q.base.log_prob(z, **({"model": q.space.model} if q.space.model else {}))
        torch.testing.assert_close(carried(q, x), log_base - log_det, rtol=0.0, atol=tolerance)


@torch.no_grad()
def error_falls(q: flows.RiemannianCNF, method: str, order: int) -> None:
    """The density's error in L1 falls by 2^(order - 1/2) at least from 8 steps to 16."""
    x, weights = rule(q.space, 8)
    densities = [
        carried(flows.RiemannianCNF(q.base, q.field, solver=solver), x).exp()
        for solver in (flows.FixedGrid(64), flows.FixedGrid(8, method), flows.FixedGrid(16, method))
    ]
    coarse, fine = (float(((density - densities[0]).abs() * weights).sum()) for density in densities[1:])
    assert fine * 2.0 ** (order - 0.5) <= coarse, f"{method}: {coarse:.1e} at 8 steps, {fine:.1e} at 16"
