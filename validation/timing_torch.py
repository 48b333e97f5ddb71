"""What is timed of the laws in torch: draws, densities and their gradients, over as many normals of torch."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

import hyperdist as hd
import hyperdist_torch as ht
from validation.contest import Contest

SEED = 4
NORMALS = "torch.randn"
"""As many numbers of torch.randn, float32."""
GEOOPT = "geoopt"
"""geoopt's PoincareBall, float32."""
LAWS, MANY = 128, 100_000
"""Laws of a batch with one draw each; draws of one law."""
LAWS_LIMIT = 1.0
"""Milliseconds of a batch's draws and gradients."""
MANY_TARGET = {2: 8.0, 10: 3.5, 20: 2.5}
"""Largest ratio of one law's draws and gradient to as many normals, by dimension."""

Law = Callable[[Tensor, Tensor], Any]
"""Of centre and scale or concentration."""


def _gradient(leaves: tuple[Tensor, ...], value: Callable[[], Tensor], shape: tuple[int, ...]) -> Callable[[], None]:
    """A call that works out ``value``, of ``shape``, and its gradient in ``leaves`` along a direction that stays."""
    direction = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))

    def call() -> None:
        for leaf in leaves:
            leaf.grad = None
        value().backward(direction)

    return call


def _leaf(value: Tensor) -> Tensor:
    return value.detach().clone().requires_grad_()


def _normals(n: int, d: int) -> Callable[[], Tensor]:
    return partial(torch.randn, (n, d), generator=torch.Generator().manual_seed(SEED))


def _centres(d: int, model: str) -> Tensor:
    """Centres at a distance of about 1 from the origin, on all sides."""
    u = torch.randn((LAWS, d), generator=torch.Generator().manual_seed(SEED))
    return (0.45 if model == "poincare" else 1.0) * u / u.norm(dim=-1, keepdim=True)


def _hyperbolic(law: Any, model: str) -> Law:
    """With the validation of arguments that users get."""
    return lambda mu, sigma: law(mu, sigma, 1.0, model=model)


def _scales() -> Tensor:
    return torch.linspace(0.1, 0.6, LAWS)


def _batches() -> Iterator[Contest]:
    """Batches of laws made and drawn from once, with gradients in all their parameters."""
    generator = torch.Generator().manual_seed(SEED)
    draws: list[tuple[str, Law, Tensor, Tensor, float | None]] = []
    for d, model in itertools.product((2, 10, 20), ("tangent", "poincare")):
        law = _hyperbolic(ht.RiemannianNormal, model)
        draws.append((f"RiemannianNormal d={d} {model}", law, _centres(d, model), _scales(), LAWS_LIMIT))
    for d in (2, 10, 20):
        scales = _scales()[:, None].expand(LAWS, d)
        law = _hyperbolic(ht.WrappedNormal, "tangent")
        draws.append((f"WrappedNormal d={d} tangent", law, _centres(d, "tangent"), scales, None))
    for m in (3, 20):
        mu = torch.nn.functional.normalize(_centres(m, "tangent"), dim=-1)
        draws.append((f"VonMisesFisher m={m}", ht.VonMisesFisher, mu, torch.logspace(-1, 3, LAWS), None))
    for name, law, mu, scale, limit in draws:
        leaves = _leaf(mu), _leaf(scale)
        call = _gradient(leaves, lambda law=law, leaves=leaves: law(*leaves).rsample(generator=generator), mu.shape)
        yield Contest(f"torch {name}, {LAWS} laws: rsample + backward", NORMALS, call, _normals(*mu.shape),
                      share=5.0, limit=limit)  # fmt: skip


def _one_law() -> Iterator[Contest]:
    """Many draws of one law at the origin, with the gradient in its scale; tangent coordinates hold them all."""
    generator = torch.Generator().manual_seed(SEED)
    for d in (2, 5, 10, 20):
        mu, sigma = torch.zeros(d), _leaf(torch.tensor(1.0))

        def draw(mu: Tensor = mu, sigma: Tensor = sigma) -> Tensor:
            return ht.RiemannianNormal(mu, sigma, 1.0, model="tangent").rsample((MANY,), generator=generator)

        yield Contest(f"torch RiemannianNormal d={d}, {MANY:,} draws: rsample + backward", NORMALS,
                      _gradient((sigma,), draw, (MANY, d)), _normals(MANY, d), MANY_TARGET.get(d))  # fmt: skip


def _densities() -> Iterator[Contest]:
    """``log_prob`` with gradients in points and parameters: of a batch at one point each, of one law at many points."""
    for d, n in itertools.product((2, 10, 20), (LAWS, MANY)):
        mu = _centres(d, "tangent")[: LAWS if n == LAWS else 1]
        sigma = _scales()[: len(mu)] + (0.0 if n == LAWS else 0.4)
        with torch.no_grad():
            x = ht.RiemannianNormal(mu, sigma, 1.0, model="tangent").sample(
                (n // len(mu),), generator=torch.Generator().manual_seed(SEED)
            )
        mu, sigma, x = _leaf(mu), _leaf(sigma), _leaf(x.reshape(n, d))

        def density(mu: Tensor = mu, sigma: Tensor = sigma, x: Tensor = x) -> Tensor:
            return ht.RiemannianNormal(mu, sigma, 1.0, model="tangent").log_prob(x)

        what = f"{LAWS} laws" if n == LAWS else f"{MANY:,} points"
        yield Contest(f"torch RiemannianNormal d={d} tangent, {what}: log_prob + backward", NORMALS,
                      _gradient((mu, sigma, x), density, (n,)), _normals(n, d),
                      share=5.0 if n == LAWS else 1.0)  # fmt: skip


def _geoopt() -> Iterator[Contest]:
    """Over geoopt's, where it is installed and has the function."""
    if find_spec("geoopt") is None:
        return
    generator = torch.Generator().manual_seed(SEED)
    with warnings.catch_warnings():  # it compiles by what torch calls deprecated
        warnings.simplefilter("ignore")
        theirs = import_module("geoopt").PoincareBall(c=1.0)
    ours = hd.PoincareBall(1.0)
    for d in (2, 10):
        mu, law = torch.full((d,), 0.3 / d**0.5), "WrappedNormal"
        q = ht.WrappedNormal(mu, torch.tensor([0.5]), 1.0)
        yield Contest(f"torch {law} d={d}, {MANY:,} draws", GEOOPT, partial(q.sample, (MANY,), generator=generator),
                      partial(theirs.wrapped_normal, MANY, d, mean=mu, std=0.5), share=0.5)  # fmt: skip
        x, y = (q.sample((MANY,), generator=generator) for _ in range(2))
        u = ours.log(x, y)
        for name, mine, other in (("dist", partial(ours.dist, x, y), partial(theirs.dist, x, y)),
                                  ("exp", partial(ours.exp, x, u), partial(theirs.expmap, x, u)),
                                  ("log", partial(ours.log, x, y), partial(theirs.logmap, x, y))):  # fmt: skip
            yield Contest(f"torch PoincareBall.{name} d={d}, {MANY:,} points", GEOOPT, mine, other, share=0.5)


def contests() -> list[Contest]:
    """All of them."""
    return [*_batches(), *_one_law(), *_densities(), *_geoopt()]
