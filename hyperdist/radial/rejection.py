"""The one accept loop.

A proposal is a function of the norm of d standard normals, so that where a direction is wanted the same d
normals give it (at d = 2 their norm and angle, drawn as such): radius and direction cost d random numbers or
d + 1, plus one uniform to accept. Every element has its own, and elements are made in blocks of a fixed size,
so that the draws depend on the generator's state alone and the extra memory on nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

Which = Any
"""A slice or an index array into the flattened batch of parameters."""


class Proposal(NamedTuple):
    """Radii, a cheap upper bound of minus the log acceptance probability, and that cost itself for chosen elements.

    An element is accepted with probability exp(-cost), at once where a uniform number exceeds the ceiling, since
    1 - exp(-cost) <= cost <= ceiling. A cost of +inf or NaN rejects.
    """

    radius: np.ndarray
    ceiling: np.ndarray
    cost: Callable[[np.ndarray], np.ndarray]


def certain(radius: np.ndarray, cost: np.ndarray) -> Proposal:
    """A proposal whose cost is known for every element."""
    return Proposal(radius, cost, lambda index: cost[index])


Propose = Callable[[np.random.Generator, np.ndarray, Which], Proposal]
"""(rng, chi, which) -> Proposal for the elements ``which``; ``chi`` is the norm of d standard normals for each."""

_BLOCK_SCALARS, _BLOCK_ROWS = 1 << 20, 1 << 16
_MAX_ROUNDS = 10_000


def pick(parameter: np.ndarray, which: Which, index: np.ndarray) -> np.ndarray:
    """The flattened parameter of the elements ``index`` of a proposal for ``which``."""
    return parameter if isinstance(which, slice) else parameter[which[index]]


def one_of(choice: np.ndarray, hats: Sequence[Propose]) -> Propose:
    """A proposal under the hat that ``choice`` (flattened batch) names for each element."""
    used = np.unique(choice)
    if used.size == 1:
        return hats[used[0]]

    def propose(rng: np.random.Generator, chi: np.ndarray, which: Which) -> Proposal:
        elements = np.arange(choice.size)[which]
        radius, cost = np.empty(chi.shape), np.empty(chi.shape)
        for hat in used:
            index = np.flatnonzero(choice[elements] == hat)
            part = hats[hat](rng, chi[index], elements[index])
            radius[index], cost[index] = part.radius, part.cost(np.arange(index.size))
        return Proposal(radius, cost, lambda index: cost[index])

    return propose


_FEW_COLUMNS = 4
"""Up to so many coordinates a loop over columns beats a reduction over rows."""


def row_squares(rows: np.ndarray) -> np.ndarray:
    """Squared lengths of the rows of (n, d)."""
    if rows.shape[1] > _FEW_COLUMNS:
        return np.einsum("ij,ij->i", rows, rows)
    total = np.square(rows[:, 0])
    for j in range(1, rows.shape[1]):
        total += np.square(rows[:, j])
    return total


def scale_rows(rows: np.ndarray, factor: np.ndarray, out: np.ndarray) -> None:
    """out = rows times one factor a row; ``out`` may be ``rows``."""
    if rows.shape[1] > _FEW_COLUMNS:
        np.multiply(rows, factor[:, None], out=out)
    else:
        for j in range(rows.shape[1]):
            np.multiply(rows[:, j], factor, out=out[:, j])


def blocks(n: int, d: int, batch: int = 1) -> Iterator[slice]:
    """Slices of 0..n rows of d scalars, at most 2^20 scalars and 2^16 rows each, in whole batches if they fit."""
    size = max(1, min(_BLOCK_ROWS, _BLOCK_SCALARS // d))
    if size > batch > 0:
        size -= size % batch
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def radii(propose: Propose, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` radii of one block."""
    return _accept(propose, _norms(n, d, rng), d, rng)


def vectors(propose: Propose, rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Radii of one block, and the lengths of ``rows`` (n, d), which is filled: its rows have uniform directions.

    The direction of d normals is independent of their norm, so that it stays where a radius is rejected.
    """
    n, d = rows.shape
    if d == 2:  # the norm of two normals and their angle are cheaper to draw than they are
        rows[:, 0], rows[:, 1] = cosine_and_sine(rng, n)
        return radii(propose, n, d, rng), np.ones(1)
    rng.standard_normal(out=rows)
    norm = np.sqrt(row_squares(rows))
    return _accept(propose, norm, d, rng), norm


def cosine_and_sine(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosine and sine of ``n`` uniform angles, from the tangent of half the angle, far cheaper than either."""
    tangent = rng.random(n)
    tangent -= 0.5
    tangent *= np.pi
    np.tan(tangent, out=tangent)
    inverse = 2.0 / (1.0 + tangent * tangent)
    tangent *= inverse
    inverse -= 1.0
    return inverse, tangent


def paired_normals(chi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many standard normals as ``chi`` has norms of two, made of the first half of them (Box & Muller 1958)."""
    n, half = chi.size, (chi.size + 1) // 2
    normals = np.empty(2 * half)
    for part, circle in zip((normals[:half], normals[half:]), cosine_and_sine(rng, half), strict=True):
        np.multiply(chi[:half], circle, out=part)
    return normals[:n]


def _norms(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Norms of n vectors of d standard normals."""
    half_square = rng.standard_exponential(n) if d == 2 else rng.standard_gamma(0.5 * d, n)
    return np.sqrt(2.0 * half_square)


def _accept(propose: Propose, norm: np.ndarray, d: int, rng: np.random.Generator) -> np.ndarray:
    """A radius for each element, of which ``norm`` makes the first proposal."""
    proposal = propose(rng, norm, slice(None))
    radius = proposal.radius
    pending = _rejected(proposal, rng)
    for _ in range(_MAX_ROUNDS):
        if not pending.size:
            return radius
        proposal = propose(rng, _norms(pending.size, d, rng), pending)
        radius[pending] = proposal.radius
        pending = pending[_rejected(proposal, rng)]
    raise RuntimeError(f"{pending.size} of {norm.size} draws were rejected {_MAX_ROUNDS} times: a broken proposal")


def _rejected(proposal: Proposal, rng: np.random.Generator) -> np.ndarray:
    uniform = rng.random(proposal.radius.size)
    unsure = np.flatnonzero(~(uniform >= proposal.ceiling))
    return unsure[~(uniform[unsure] >= -np.expm1(-proposal.cost(unsure)))] if unsure.size else unsure
