"""Torch draws: the accept loop, and the uniform directions that come with it.

Every element has its own random numbers, made on its own device by the caller's ``torch.Generator``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Propose = Callable[[Tensor, Tensor | None, torch.Generator | None], tuple[Tensor, Tensor]]
"""(chi, index, generator) -> (radius, cost) for the flattened draws ``index``, all of them for None.

chi is the norm of d standard normals for each; a draw is accepted where a standard exponential exceeds its cost.
"""

_MAX_ROUNDS = 10_000
_HALF_STEP = 2.0**-54
"""Half of the step of a uniform double."""


def uniform(shape: tuple[int, ...], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Float64 uniforms on the open interval (0, 1)."""
    return torch.rand(shape, generator=generator, device=device, dtype=torch.float64).clamp_min(_HALF_STEP)


def normals(n: int, d: int, device: torch.device, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """(n, d) standard normals, float64, and their norms (n,)."""
    z = torch.randn((n, d), generator=generator, device=device, dtype=torch.float64)
    return z, torch.linalg.vector_norm(z, dim=-1)


def directions(n: int, d: int, device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Uniform unit vectors (n, d), float64."""
    z, norm = normals(n, d, device, generator)
    return _unit(z, norm)


def _unit(z: Tensor, norm: Tensor) -> Tensor:
    """Rows over their norms; a row of zeros, at odds of 2^-53 or less, becomes the first axis."""
    zero = norm == 0.0
    first = torch.zeros_like(z)
    first[:, 0] = 1.0
    return torch.where(zero[:, None], first, z / torch.where(zero, 1.0, norm)[:, None])


def accept(
    propose: Propose, n: int, d: int, device: torch.device, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Radii (n,) and uniform directions (n, d), float64, by rejection."""

    def attempt(index: Tensor | None, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        z, chi = normals(size, d, device, generator)
        radius, cost = propose(chi, index, generator)
        threshold = torch.empty_like(cost).exponential_(generator=generator)
        # A NaN cost rejects.
        return z, chi, radius, torch.nonzero(~(threshold >= cost)).squeeze(-1)

    z, chi, radius, pending = attempt(None, n)
    for _ in range(_MAX_ROUNDS):
        size = pending.shape[0]
        if not size:
            return radius, _unit(z, chi)
        new_z, new_chi, new_radius, again = attempt(pending, size)
        z[pending], chi[pending], radius[pending] = new_z, new_chi, new_radius
        pending = pending[again]
    left = f"{pending.shape[0]} of {n} draws"
    raise RuntimeError(f"{left} were rejected {_MAX_ROUNDS} times in a row: the proposal is broken")
