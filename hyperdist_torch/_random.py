"""Torch draws: the accept loop, and the uniform directions that come with it.

Every element has its own random numbers, made on its own device by the caller's ``torch.Generator``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Propose = Callable[[Tensor, Tensor | None, torch.Generator | None], tuple[Tensor, Tensor]]
"""(chi, index, generator) -> (radius, cost) for the flattened draws ``index``, all of them in turn for None.

chi is the norm of d standard normals for each; a draw is accepted where a standard exponential exceeds its cost.
"""

_MAX_ROUNDS = 10_000
_HALF_STEP = 2.0**-54
"""Half of the step of a uniform double."""

_FEW, _TRIES = 2048, 4
"""Up to so many draws so many proposals are made at once for each, of which the first accepted one is taken: a second
round costs more than they do."""


def uniform(shape: tuple[int, ...], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """Float64 uniforms on the open interval (0, 1)."""
    return torch.rand(shape, generator=generator, device=device, dtype=torch.float64).clamp_min(_HALF_STEP)


def normals(n: int, d: int, like: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """(n, d) standard normals of the dtype and device of ``like``, and their norms (n,), float64."""
    z = torch.randn((n, d), generator=generator, device=like.device, dtype=like.dtype)
    return z, (torch.linalg.vector_norm(z, dim=-1) if d > 1 else z[:, 0].abs()).double()


def directions(n: int, d: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniform unit vectors (n, d) of the dtype and device of ``like``."""
    return _unit(*normals(n, d, like, generator))


def _unit(z: Tensor, norm: Tensor) -> Tensor:
    """Rows over their norms; a row of zeros, at odds of 2^-24 or less, becomes the first axis."""
    zero = norm == 0.0
    unit = z / torch.where(zero, 1.0, norm).to(z.dtype)[:, None]
    unit[:, 0] += zero
    return unit


def accept(propose: Propose, n: int, d: int, like: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Radii (n,), float64, and uniform directions (n, d) of the dtype and device of ``like``, by rejection.

    A direction is that of the first proposal's normals, whether it is accepted or not: only their norm decides.
    """

    def attempt(chi: Tensor, index: Tensor | None) -> tuple[Tensor, Tensor]:
        radius, cost = propose(chi, index, generator)
        # A NaN cost rejects.
        return radius, torch.empty_like(cost).exponential_(generator=generator) >= cost

    z, chi = normals(n, d, like, generator)
    tries = _TRIES if n <= _FEW else 1
    if tries > 1:
        _, more = normals((tries - 1) * n, d, like, generator)
        radius, accepted = (part.reshape(tries, n) for part in attempt(torch.cat([chi, more]), None))
        first = accepted.to(torch.uint8).argmax(dim=0, keepdim=True)
        radius, accepted = radius.gather(0, first)[0], accepted.gather(0, first)[0]
    else:
        radius, accepted = attempt(chi, None)
    pending = torch.nonzero(~accepted).squeeze(-1)
    for _ in range(_MAX_ROUNDS):
        size = pending.shape[0]
        if not size:
            return radius, _unit(z, chi)
        again, accepted = attempt(normals(size, d, like, generator)[1], pending)
        radius[pending] = again
        pending = pending[~accepted]
    left = f"{pending.shape[0]} of {n} draws"
    raise RuntimeError(f"{left} were rejected {_MAX_ROUNDS} times in a row: the proposal is broken")
