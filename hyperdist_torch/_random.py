"""Torch draws: the accept loop, and the uniform directions that come with it.

Every element has its own random numbers, made on its own device by the caller's ``torch.Generator``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hyperdist._namespace import namespace
from hyperdist_torch._host import Array, bare, tensor

_MAX_ROUNDS = 10_000
_HALF_STEP = 2.0**-54
"""Half of the step of a uniform double."""

_FEW, _TRIES = 2048, 4
"""Up to so many draws so many proposals are made at once for each, of which the first accepted one is taken: a second
round costs more than they do."""


@dataclass(frozen=True)
class Source:
    """Random numbers of a generator on a device, as bare values of float64."""

    generator: torch.Generator | None
    device: torch.device

    def normal(self, *shape: int) -> Array:
        """Standard normals."""
        return bare(torch.randn(shape, generator=self.generator, device=self.device, dtype=torch.float64))

    def uniform(self, *shape: int) -> Array:
        """Uniforms on the open interval (0, 1)."""
        return bare(uniform(shape, self.device, self.generator))

    def exponential(self, n: int) -> Array:
        """Standard exponentials."""
        empty = torch.empty(n, device=self.device, dtype=torch.float64)
        return bare(empty.exponential_(generator=self.generator))


Propose = Callable[[Array, Array | None, Source], tuple[Array, Array]]
"""(chi, index, source) -> (radius, cost) for the flattened draws ``index``, all of them in turn for None.

chi is the norm of d standard normals for each; a draw is accepted where a standard exponential exceeds its cost.
"""


def uniform(shape: tuple[int, ...], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Float64 uniforms on the open interval (0, 1)."""
    return torch.rand(shape, generator=generator, device=device, dtype=torch.float64).clamp_min(_HALF_STEP)


def normals(n: int, d: int, device: torch.device, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """(n, d) standard normals, float64, and their norms (n,)."""
    z = torch.randn((n, d), generator=generator, device=device, dtype=torch.float64)
    return z, torch.linalg.vector_norm(z, dim=-1) if d > 1 else z[:, 0].abs()


def directions(n: int, d: int, device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Uniform unit vectors (n, d), float64."""
    return _unit(*normals(n, d, device, generator))


def _unit(z: Tensor, norm: Tensor) -> Tensor:
    """Rows over their norms; a row of zeros, at odds of 2^-53 or less, becomes the first axis."""
    zero = norm == 0.0
    unit = z / torch.where(zero, 1.0, norm)[:, None]
    unit[:, 0] += zero
    return unit


def accept(
    propose: Propose, n: int, d: int, device: torch.device, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Radii (n,) and uniform directions (n, d), float64, by rejection.

    A direction is that of the first proposal's normals, whether it is accepted or not: only their norm decides.
    """
    source = Source(generator, device)

    def attempt(chi: Array, index: Array | None) -> tuple[Array, Array]:
        radius, cost = propose(chi, index, source)
        # A NaN cost rejects.
        return radius, source.exponential(cost.shape[0]) >= cost

    z, norm = normals(n, d, device, generator)
    chi = bare(norm)
    xp = namespace(chi)
    tries = _TRIES if n <= _FEW else 1
    if tries > 1:
        more = bare(normals((tries - 1) * n, d, device, generator)[1])
        radii, accepted = (xp.reshape(part, (tries, n)) for part in attempt(xp.concat([chi, more]), None))
        radius, settled = radii[-1], accepted[-1]
        for k in range(tries - 2, -1, -1):
            radius, settled = xp.where(accepted[k], radii[k], radius), settled | accepted[k]
    else:
        radius, settled = attempt(chi, None)
    pending = xp.arange(n, device=device if xp is torch else None)[~settled]
    for _ in range(_MAX_ROUNDS):
        size = pending.shape[0]
        if not size:
            return tensor(radius), _unit(z, norm)
        again, settled = attempt(bare(normals(size, d, device, generator)[1]), pending)
        radius[pending] = again
        pending = pending[~settled]
    left = f"{pending.shape[0]} of {n} draws"
    raise RuntimeError(f"{left} were rejected {_MAX_ROUNDS} times in a row: the proposal is broken")
