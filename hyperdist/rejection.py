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

_BLOCK_SCALARS = 1 << 17
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
    """Slices of 0..n of at most 2^17 scalars (one element of d coordinates at least), in whole batches if they fit."""
    size = max(1, _BLOCK_SCALARS // d)
    if size > batch > 0:
        size -= size % batch
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def radii(propose: Propose, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` radii of one block."""

    def draw(size: int, index: np.ndarray | None) -> np.ndarray:
        return np.sqrt(2.0 * rng.standard_gamma(0.5 * d, size))

    return _accept(propose, n, draw, rng)[0]


def vectors(propose: Propose, rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Radii of one block, and the lengths of ``rows`` (n, d), which is filled: its rows have uniform directions."""
    n, d = rows.shape

    def draw(size: int, index: np.ndarray | None) -> np.ndarray:
        if d == 2:  # the norm of two normals and their angle are independent, and cheaper to draw than they are
            _fill_circle(rows, index, np.tan(np.pi * (rng.random(size) - 0.5)))
            return np.sqrt(2.0 * rng.standard_exponential(size))
        if index is None:
            rng.standard_normal(out=rows)
            return np.sqrt(row_squares(rows))
        fresh = rng.standard_normal((size, d))
        rows[index] = fresh
        return np.sqrt(row_squares(fresh))

    radius, chi = _accept(propose, n, draw, rng)
    return radius, np.ones(1) if d == 2 else chi


def _fill_circle(rows: np.ndarray, index: np.ndarray | None, tangent: np.ndarray) -> None:
    """Unit vectors of the angles whose halves have these tangents."""
    square = tangent * tangent
    inverse = 1.0 / (1.0 + square)
    which = slice(None) if index is None else index
    rows[which, 0] = (1.0 - square) * inverse
    rows[which, 1] = 2.0 * tangent * inverse


def _accept(
    propose: Propose, n: int, draw: Callable[[int, np.ndarray | None], np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Radii and norms; ``draw(size, index)`` makes new norms for the elements ``index``, all of them for None."""
    norm = draw(n, None)
    proposal = propose(rng, norm, slice(None))
    radius = proposal.radius
    pending = _rejected(proposal, rng)
    for _ in range(_MAX_ROUNDS):
        if not pending.size:
            return radius, norm
        norm[pending] = fresh = draw(pending.size, pending)
        proposal = propose(rng, fresh, pending)
        radius[pending] = proposal.radius
        pending = pending[_rejected(proposal, rng)]
    raise RuntimeError(f"{pending.size} of {n} draws were rejected {_MAX_ROUNDS} times in a row: a broken proposal")


def _rejected(proposal: Proposal, rng: np.random.Generator) -> np.ndarray:
    uniform = rng.random(proposal.radius.size)
    unsure = np.flatnonzero(~(uniform >= proposal.ceiling))
    return unsure[~(uniform[unsure] >= -np.expm1(-proposal.cost(unsure)))] if unsure.size else unsure
