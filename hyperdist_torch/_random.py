"""Torch draws: the accept loop, and the uniform directions that come with it.

Every element has its own random numbers, made on its own device by the caller's ``torch.Generator``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hyperdist.arrays.namespace import namespace, settled, transformed
from hyperdist.distributions import quasi
from hyperdist.radial import rejection
from hyperdist.radial.rejection import Hat, Hats
from hyperdist_torch._host import Array, bare, holds, tensor

_MAX_ROUNDS = 10_000
_HALF_STEP = 2.0**-54
"""Half of the step of a uniform double."""

FEW, _FEW_THERE, _TRIES = 2048, 2**18, 4
"""Up to so many draws, more on an accelerator, so many proposals are made at once for each, of which the first accepted
one is taken: a second round costs more than they do."""


@dataclass(frozen=True)
class Source:
    """Random numbers of a generator on a device, as bare values of float64.

    Normals are made in the dtype of the draws: torch takes four times as long for a double.
    """

    generator: torch.Generator | None
    device: torch.device
    dtype: torch.dtype
    hosted: bool = False
    """Whether the values are wanted on the host, wherever the device is."""

    def values(self, x: Tensor) -> Array:
        """The values of random numbers."""
        return bare(x.cpu() if self.hosted else x)

    def normals(self, n: int, d: int) -> tuple[Tensor, Tensor]:
        """(n, d) standard normals of ``dtype``, and their norms (n,), float64."""
        z = torch.randn((n, d), generator=self.generator, device=self.device, dtype=self.dtype)
        return z, (torch.linalg.vector_norm(z, dim=-1) if d > 1 else z[:, 0].abs()).double()

    def normal(self, n: int) -> Array:
        """Standard normals."""
        z = torch.randn(n, generator=self.generator, device=self.device, dtype=self.dtype)
        return self.values(z.double())

    def uniform(self, n: int) -> Array:
        """Uniforms on the open interval (0, 1)."""
        return self.values(uniform((n,), self.device, self.generator))

    def exponential(self, n: int) -> Array:
        """Standard exponentials; their own sampler takes twice as long as the logarithm of uniforms."""
        u = self.values(torch.rand(n, generator=self.generator, device=self.device, dtype=torch.float64))
        return -namespace(u).log1p(-u)


def uniform(shape: tuple[int, ...], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Float64 uniforms on the open interval (0, 1)."""
    return torch.rand(shape, generator=generator, device=device, dtype=torch.float64).clamp_min(_HALF_STEP)


Points = quasi.Points
"""Points of the unit cube, a row a draw, which laws take in the place of a generator: see ``hyperdist``."""


def normals(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | Points | None) -> Tensor:
    """Standard normals (*shape, d), of the dtype and on the device of ``like``."""
    if isinstance(generator, Points):
        z = generator.standard_normal((math.prod(shape[:-1]), shape[-1]))
        return torch.from_numpy(z).reshape(shape).to(like)
    return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)


def directions(source: Source, n: int, d: int) -> Tensor:
    """Uniform unit vectors (n, d) of the source's dtype."""
    return _unit(*source.normals(n, d))


def _unit(z: Tensor, norm: Tensor) -> Tensor:
    """Rows over their norms; a row of zeros, at odds of 2^-24 or less, becomes the first axis."""
    zero = norm == 0.0
    norm = norm.to(z.dtype)
    if settled(zero) is False:
        return z / norm[:, None]
    unit = z / torch.where(zero, 1.0, norm)[:, None]
    unit[:, 0] += zero
    return unit


def _accept_all(attempt: Callable[..., tuple[Any, Any]], chi: Tensor, source: Source, d: int) -> Tensor:
    """Radii for all of chi, tried anew all together until each is accepted: under vmap none can go alone."""
    found: Any
    radius, found = attempt(chi)
    for _ in range(_MAX_ROUNDS):
        if holds(found):
            return radius
        again, accepted = attempt(bare(source.normals(chi.shape[0], d)[1]))
        radius, found = torch.where(found, radius, again), found | accepted
    raise RuntimeError(f"draws were rejected {_MAX_ROUNDS} times in a row: the proposal is broken")


def _carried(hats: Hats, device: torch.device) -> Hats:
    """Hats worked out on the host, for draws on a device: those that are taken, with the numbers they are made of."""
    choice = tensor(hats.choice)
    if choice.device == device:
        return hats

    def there(x: Any) -> Any:
        return tensor(x).to(device) if isinstance(x, Tensor | np.ndarray) else x

    used = sorted(set(choice.flatten().tolist()))
    order = sum((i * (choice == place) for i, place in enumerate(used)), 0 * choice)
    taken = [hats.hats[int(place)] for place in used]
    moved = (Hat(hat.log_mass, partial(hat.set_up.func, *map(there, hat.set_up.args))) for hat in taken)
    return Hats(there(order), tuple(moved))


def accept(hats: Hats, n: int, d: int, source: Source) -> tuple[Tensor, Tensor]:
    """Draws of y, (n,), float64, which belong to the flattened batch in turn, and uniform directions (n, d) of the
    source's dtype, by rejection.

    A direction is that of the first proposal's normals, whether it is accepted or not: only their norm decides.
    """
    z, norm = source.normals(n, d)
    chi = source.values(norm)
    xp = namespace(chi)
    if xp is not np and chi.device.type != "cpu":
        hats, few = _carried(hats, chi.device), _FEW_THERE
    else:
        few = FEW
    draw, size = hats.set_up(), math.prod(hats.choice.shape)
    tries = _TRIES if n <= few else 1
    place = {} if xp is np else {"device": chi.device}
    one = size == 1
    turns = slice(None) if one else xp.arange(n, **place) % size

    def attempt(chi: Array, which: rejection.Which) -> tuple[Array, Array]:
        proposal = draw(chi, source, which)
        return proposal.y, rejection.accepted(proposal, source.uniform(chi.shape[0]))

    if transformed(torch):
        return _accept_all(lambda chi: attempt(chi, turns), chi, source, d), _unit(z, norm)
    if tries > 1:
        more = source.values(source.normals((tries - 1) * n, d)[1])
        found = attempt(xp.concat([chi, more]), turns if one else xp.tile(turns, (tries,)))
        candidates, taken = (xp.reshape(part, (tries, n)) for part in found)
        y, done = candidates[-1], taken[-1]
        for k in range(tries - 2, -1, -1):
            y, done = xp.where(taken[k], candidates[k], y), done | taken[k]
    else:
        y, done = attempt(chi, turns)
    pending = xp.arange(n, **place)[~done]
    for _ in range(_MAX_ROUNDS):
        left = pending.shape[0]
        if not left:
            return tensor(y).to(source.device), _unit(z, norm)
        again, done = attempt(source.values(source.normals(left, d)[1]), turns if one else pending % size)
        y[pending] = again
        pending = pending[~done]
    few = f"{pending.shape[0]} of {n} draws"
    raise RuntimeError(f"{few} were rejected {_MAX_ROUNDS} times in a row: the proposal is broken")
