"""The one accept loop.

A proposal is a function of the norm of d standard normals, so that where a direction is wanted the same d
normals give it: radius and direction cost d + 1 random numbers, plus one exponential to accept. Every
element has its own, and elements are made in blocks of a fixed size, so that the draws depend on the
generator's state alone and the extra memory on nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

Propose = Callable[[np.random.Generator, np.ndarray, "slice | np.ndarray"], tuple[np.ndarray, np.ndarray]]
"""(rng, chi, which) -> (radius, log acceptance probability <= 0) for the elements ``which`` of the block.

A log probability of -inf or NaN rejects. ``chi`` is the norm of d standard normals.
"""

_BLOCK_SCALARS = 1 << 16
_MAX_ROUNDS = 10_000


def two_hats(by_second: np.ndarray, first: Propose, second: Propose) -> Propose:
    """One proposal of two, each element under the hat that ``by_second`` (flattened batch) names for it."""

    def propose(rng: np.random.Generator, chi: np.ndarray, which: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        choice = by_second[which]
        if choice.all():
            return second(rng, chi, which)
        radius, log_accept = first(rng, chi, which)
        if choice.any():
            index = np.flatnonzero(choice)
            elements = np.arange(by_second.size)[which][index]
            radius[index], log_accept[index] = second(rng, chi[index], elements)
        return radius, log_accept

    return propose


def blocks(n: int, d: int, batch: int = 1) -> Iterator[slice]:
    """Slices of 0..n of at most 2^16 scalars (one element of d coordinates at least), in whole batches if they fit."""
    size = max(1, _BLOCK_SCALARS // d)
    if size > batch:
        size -= size % batch
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def radii(propose: Propose, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` radii of one block."""

    def chi(size: int) -> tuple[np.ndarray, None]:
        return np.sqrt(2.0 * rng.standard_gamma(0.5 * d, size)), None

    return _accept(propose, n, chi, rng)[0]


def vectors(propose: Propose, n: int, d: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``n`` radii of one block, with d normals each whose direction is uniform, and the norms of those."""

    def chi(size: int) -> tuple[np.ndarray, np.ndarray]:
        normals = rng.standard_normal((size, d))
        return np.sqrt(np.einsum("ij,ij->i", normals, normals)), normals

    radius, norm, normals = _accept(propose, n, chi, rng)
    assert normals is not None
    return radius, norm, normals


def _accept(
    propose: Propose, n: int, draw: Callable[[int], tuple[np.ndarray, np.ndarray | None]], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    norm, normals = draw(n)
    radius, log_accept = propose(rng, norm, slice(None))
    pending = np.flatnonzero(~(rng.standard_exponential(n) + log_accept >= 0.0))
    for _ in range(_MAX_ROUNDS):
        if not pending.size:
            return radius, norm, normals
        new_norm, new_normals = draw(pending.size)
        new_radius, log_accept = propose(rng, new_norm, pending)
        accepted = rng.standard_exponential(pending.size) + log_accept >= 0.0
        index = pending[accepted]
        radius[index], norm[index] = new_radius[accepted], new_norm[accepted]
        if normals is not None and new_normals is not None:
            normals[index] = new_normals[accepted]
        pending = pending[~accepted]
    raise RuntimeError(f"{pending.size} of {n} draws were rejected {_MAX_ROUNDS} times in a row: the proposal is broken")
