"""Torch draws: the accept loop, and the uniform directions that come with it.

Every element has its own random numbers, made on its own device by the caller's ``torch.Generator``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hyperdist.arrays.namespace import namespace, settled, transformed
from hyperdist_torch._host import Array, bare, holds, tensor

_MAX_ROUNDS = 10_000
_HALF_STEP = 2.0**-54
"""Half of the step of a uniform double."""

_FEW, _TRIES = 2048, 4
"""Up to so many draws so many proposals are made at once for each, of which the first accepted one is taken: a second
round costs more than they do."""


@dataclass(frozen=True)
class Source:
    """Random numbers of a generator on a device, as bare values of float64.

    Normals are made in the dtype of the draws: torch takes four times as long for a double.
    """

    generator: torch.Generator | None
    device: torch.device
    dtype: torch.dtype

    def normals(self, n: int, d: int) -> tuple[Tensor, Tensor]:
        """(n, d) standard normals of ``dtype``, and their norms (n,), float64."""
        z = torch.randn((n, d), generator=self.generator, device=self.device, dtype=self.dtype)
        return z, (torch.linalg.vector_norm(z, dim=-1) if d > 1 else z[:, 0].abs()).double()

    def normal(self, n: int) -> Array:
        """Standard normals."""
        z = torch.randn(n, generator=self.generator, device=self.device, dtype=self.dtype)
        return bare(z.double())

    def uniform(self, n: int) -> Array:
        """Uniforms on the open interval (0, 1)."""
        return bare(uniform((n,), self.device, self.generator))

    def exponential(self, n: int) -> Array:
        """Standard exponentials; their own sampler takes twice as long as the logarithm of uniforms."""
        u = bare(torch.rand(n, generator=self.generator, device=self.device, dtype=torch.float64))
        return -namespace(u).log1p(-u)


Propose = Callable[[Array, Array | None, Source], tuple[Array, Array]]
"""(chi, index, source) -> (radius, cost) for the flattened draws ``index``, all of them in turn for None.

chi is the norm of d standard normals for each; a draw is accepted where a standard exponential exceeds its cost.
"""


def uniform(shape: tuple[int, ...], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Float64 uniforms on the open interval (0, 1)."""
    return torch.rand(shape, generator=generator, device=device, dtype=torch.float64).clamp_min(_HALF_STEP)


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
    radius, found = attempt(chi, None)
    for _ in range(_MAX_ROUNDS):
        if holds(found):
            return radius
        again, accepted = attempt(bare(source.normals(chi.shape[0], d)[1]), None)
        radius, found = torch.where(found, radius, again), found | accepted
    raise RuntimeError(f"draws were rejected {_MAX_ROUNDS} times in a row: the proposal is broken")


def accept(propose: Propose, n: int, d: int, source: Source) -> tuple[Tensor, Tensor]:
    """Radii (n,), float64, and uniform directions (n, d) of the source's dtype, by rejection.

    A direction is that of the first proposal's normals, whether it is accepted or not: only their norm decides.
    """

    def attempt(chi: Array, index: Array | None) -> tuple[Array, Array]:
        radius, cost = propose(chi, index, source)
        # A NaN cost rejects.
        return radius, source.exponential(cost.shape[0]) >= cost

    z, norm = source.normals(n, d)
    chi = bare(norm)
    xp = namespace(chi)
    tries = _TRIES if n <= _FEW else 1
    if transformed(torch):
        return _accept_all(attempt, chi, source, d), _unit(z, norm)
    if tries > 1:
        more = bare(source.normals((tries - 1) * n, d)[1])
        radii, accepted = (xp.reshape(part, (tries, n)) for part in attempt(xp.concat([chi, more]), None))
        radius, found = radii[-1], accepted[-1]
        for k in range(tries - 2, -1, -1):
            radius, found = xp.where(accepted[k], radii[k], radius), found | accepted[k]
    else:
        radius, found = attempt(chi, None)
    pending = xp.arange(n, device=source.device if xp is torch else None)[~found]
    for _ in range(_MAX_ROUNDS):
        size = pending.shape[0]
        if not size:
            return tensor(radius), _unit(z, norm)
        again, found = attempt(bare(source.normals(size, d)[1]), pending)
        radius[pending] = again
        pending = pending[~found]
    left = f"{pending.shape[0]} of {n} draws"
    raise RuntimeError(f"{left} were rejected {_MAX_ROUNDS} times in a row: the proposal is broken")
