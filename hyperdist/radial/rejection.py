"""The one accept loop.

A proposal is a function of the norm of d standard normals, so that where a direction is wanted the same d
normals give it (at d = 2 their norm and angle, drawn as such): radius and direction cost d random numbers or
d + 1, plus one uniform to accept. Every element has its own, and elements are made in blocks of a fixed size,
so that the draws depend on the generator's state alone and the extra memory on nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from hyperdist.arrays.namespace import Array, namespace, settled

Which = Any
"""A slice or an index array into the flattened batch of parameters."""


class Source(Protocol):
    """A host's random numbers, n independent ones as float64 arrays of its namespace."""

    def normal(self, n: int) -> Array:
        """Standard normals."""
        ...

    def uniform(self, n: int) -> Array:
        """Uniforms on the unit interval."""
        ...

    def exponential(self, n: int) -> Array:
        """Standard exponentials."""
        ...


@dataclass(frozen=True)
class GeneratorSource:
    """NumPy's random numbers."""

    rng: np.random.Generator

    def normal(self, n: int) -> np.ndarray:
        return self.rng.standard_normal(n)

    def uniform(self, n: int) -> np.ndarray:
        return self.rng.random(n)

    def exponential(self, n: int) -> np.ndarray:
        return self.rng.standard_exponential(n)


class Proposal(NamedTuple):
    """Proposed y, and their cost, minus the log probability that each is accepted with, for chosen elements.

    ``squeeze`` gives an upper bound of every cost that is cheaper than the cost. Where a uniform number exceeds it the
    element is accepted at once, since 1 - exp(-cost) <= cost <= squeeze. A cost of +inf or NaN rejects.
    Where ``exact`` the y follow the law itself: the cost is 0, and no uniform numbers are asked for.
    """

    y: Array
    squeeze: Callable[[], Array]
    cost: Callable[[Any], Array]
    exact: bool = False


def certain(y: Array, cost: Array) -> Proposal:
    """A proposal whose cost is known for every element."""
    return Proposal(y, lambda: cost, lambda index: cost[index])


def exact(y: Array) -> Proposal:
    """A proposal that is a draw."""
    return Proposal(y, lambda: 0.0 * y, lambda index: 0.0 * y[index], True)


Draw = Callable[[Array, Source, Which], Proposal]
"""(chi, source, which) -> Proposal for the elements ``which``; ``chi`` is the norm of d standard normals for each."""


class Hat(NamedTuple):
    """A function above a law's unnormalised density, and draws from the law that it is prop. to."""

    log_mass: Array
    """(*batch) Log of its integral; the density is relative to that at the kernel's centre."""
    set_up: partial[Draw]
    """Its draws, with what is the same for all of them worked out; the numbers it is made of are the arguments."""


class Hats(NamedTuple):
    """The hats of a law's family, and which of them each element of the batch takes."""

    choice: Array
    """(*batch) The places of the hats chosen."""
    hats: tuple[Hat, ...]

    @property
    def log_mass(self) -> Array:
        """(*batch) That of the hats chosen."""
        xp = namespace(self.choice)
        found = self.hats[0].log_mass
        for place, hat in enumerate(self.hats[1:], 1):
            found = xp.where(self.choice == place, hat.log_mass, found)
        return found

    def set_up(self) -> Draw:
        """Draws from the hats chosen."""
        if len(self.hats) == 1:
            return self.hats[0].set_up()
        (choice,) = flat(self.choice)
        if isinstance(choice, np.ndarray):
            if choice.size == 1:
                return self.hats[choice[0]].set_up()
            used = [choice == place for place in range(len(self.hats))]
            draws = {place: self.hats[place].set_up() for place, own in enumerate(used) if own.any()}
            return draws.popitem()[1] if len(draws) == 1 else _each_its_own(choice, draws)
        for place, hat in enumerate(self.hats):
            if settled(choice == place) is True:
                return hat.set_up()
        return _all_of_them(choice, [hat.set_up() for hat in self.hats])


def _each_its_own(choice: np.ndarray, draws: dict[int, Draw]) -> Draw:
    def draw(chi: np.ndarray, source: Source, which: Which) -> Proposal:
        elements = np.arange(choice.size)[which]
        y, cost = np.empty(chi.shape), np.empty(chi.shape)
        for place, hat in draws.items():
            index = np.flatnonzero(choice[elements] == place)
            part = hat(chi[index], source, elements[index])
            y[index], cost[index] = part.y, part.cost(slice(None))
        return certain(y, cost)

    return draw


def _all_of_them(choice: Array, draws: list[Draw]) -> Draw:
    """Every element under every hat, where nothing can be looked up."""

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        xp, own = namespace(chi), choice[which]
        first, *others = (hat(chi, source, which) for hat in draws)
        y, cost = first.y, first.cost(slice(None))
        for place, other in enumerate(others, 1):
            y = xp.where(own == place, other.y, y)
            cost = xp.where(own == place, other.cost(slice(None)), cost)
        return certain(y, cost)

    return draw


_SQUEEZED = 4096
"""Proposals from which on it pays to look for those that a squeeze decides."""

_BLOCK_SCALARS, _BLOCK_ROWS = 1 << 20, 1 << 16
_MAX_ROUNDS = 10_000


def flat(*parameters: Array) -> list[Array]:
    """Parameters (*batch) as (batch,), which ``Which`` looks into."""
    return [p if p.ndim == 1 else namespace(p).reshape(p, (-1,)) for p in parameters]


def pick(parameter: Array, which: Which, index: Any) -> Array:
    """The flattened parameter of the elements ``index`` of a proposal for ``which``."""
    return parameter if isinstance(which, slice) else parameter[which[index]]


FEW_COLUMNS = 4
"""Up to so many coordinates a loop over columns beats a reduction over rows."""


def row_squares(rows: np.ndarray) -> np.ndarray:
    """Squared lengths of the rows of (n, d)."""
    if rows.shape[1] > FEW_COLUMNS:
        return np.einsum("ij,ij->i", rows, rows)
    total = np.square(rows[:, 0])
    for j in range(1, rows.shape[1]):
        total += np.square(rows[:, j])
    return total


def scale_rows(rows: np.ndarray, factor: np.ndarray, out: np.ndarray) -> None:
    """out = rows times one factor a row; ``out`` may be ``rows``."""
    if rows.shape[1] > FEW_COLUMNS:
        np.multiply(rows, factor[:, None], out=out)
    else:
        for j in range(rows.shape[1]):
            np.multiply(rows[:, j], factor, out=out[:, j])


def add_multiples(rows: np.ndarray, factor: np.ndarray, vector: np.ndarray) -> None:
    """rows += one multiple a row of a vector."""
    if rows.shape[1] > FEW_COLUMNS:
        rows += np.einsum("i,j->ij", factor, vector)
    else:
        for j in range(rows.shape[1]):
            rows[:, j] += factor * vector[j]


_LEAST_NORM = 1e-100


def lengths(norm: np.ndarray) -> np.ndarray:
    """Norms of normals to divide by: what is 0 stands for a direction of 0."""
    return np.maximum(norm, _LEAST_NORM)


def blocks(n: int, d: int, batch: int = 1) -> Iterator[slice]:
    """Slices of 0..n rows of d scalars, at most 2^20 scalars and 2^16 rows each, in whole batches if they fit."""
    size = max(1, min(_BLOCK_ROWS, _BLOCK_SCALARS // d))
    if size > batch > 0:
        size -= size % batch
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


_CACHED_SCALARS, _CACHED_ROWS = 1 << 16, 1 << 13
"""Coordinates that are worked on at once, and numbers one for each row: what is made of them stays in a second-level
cache, and a row's share of a call's fixed cost is small."""


def in_cache(n: int, d: int) -> Iterator[slice]:
    """Slices of 0..n rows of d scalars that stay in cache."""
    size = max(1, min(_CACHED_ROWS, _CACHED_SCALARS // d))
    for start in range(0, n, size):
        yield slice(start, start + size)


def part(values: Which, rows: slice) -> Any:
    """The rows of an array or index with one entry for each, or for all of them."""
    return values if isinstance(values, slice) or len(values) == 1 else values[rows]


def radii(draw: Draw, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` accepted y of one block."""
    return _accept(draw, _norms(n, d, rng), d, rng)


def vectors(draw: Draw, rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Accepted y of one block, and the lengths of ``rows`` (n, d), which is filled: its rows have uniform directions.

    The direction of d normals is independent of their norm, so that it stays where a y is rejected.
    """
    n, d = rows.shape
    if d == 2:  # the norm of two normals and their angle are cheaper to draw than they are
        rows[:, 0], rows[:, 1] = cosine_and_sine(rng.random(n))
        return radii(draw, n, d, rng), np.ones(1)
    rng.standard_normal(out=rows)
    norm = np.abs(rows[:, 0]) if d == 1 else np.sqrt(row_squares(rows))
    return _accept(draw, norm, d, rng), norm


def cosine_and_sine(uniform: Array) -> tuple[Array, Array]:
    """Cosine and sine of uniform angles, from the tangent of half the angle, far cheaper than either.

    ``uniform`` is written over.
    """
    uniform -= 0.5
    uniform *= math.pi
    tangent = namespace(uniform).tan(uniform)
    inverse = 2.0 / (1.0 + tangent * tangent)
    tangent *= inverse
    inverse -= 1.0
    return inverse, tangent


def paired_normals(chi: Array, source: Source) -> Array:
    """As many standard normals as ``chi`` has norms of two, made of the first half of them (Box & Muller 1958)."""
    n = chi.shape[0]
    half = (n + 1) // 2
    cosine, sine = cosine_and_sine(source.uniform(half))
    cosine *= chi[:half]
    sine *= chi[:half]
    return namespace(chi).concat([cosine, sine])[:n]


def _norms(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Norms of n vectors of d standard normals."""
    half_square = rng.standard_exponential(n) if d == 2 else rng.standard_gamma(0.5 * d, n)
    return np.sqrt(2.0 * half_square)


def _accept(draw: Draw, norm: np.ndarray, d: int, rng: np.random.Generator) -> np.ndarray:
    """An accepted y for each element, of which ``norm`` makes the first proposal."""
    source = GeneratorSource(rng)
    proposal = draw(norm, source, slice(None))
    y = proposal.y
    if proposal.exact:
        return y
    pending = rejected(proposal, source.uniform(y.size))
    for _ in range(_MAX_ROUNDS):
        if not pending.size:
            return y
        proposal = draw(_norms(pending.size, d, rng), source, pending)
        y[pending] = proposal.y
        pending = pending[rejected(proposal, source.uniform(pending.size))]
    raise RuntimeError(f"{pending.size} of {norm.size} draws were rejected {_MAX_ROUNDS} times: a broken proposal")


def rejected(proposal: Proposal, uniform: np.ndarray) -> np.ndarray:
    """The elements of a NumPy proposal that a uniform number each does not accept."""
    unsure = np.flatnonzero(~(uniform >= proposal.squeeze()))
    return unsure[~(uniform[unsure] >= -np.expm1(-proposal.cost(unsure)))] if unsure.size else unsure


def accepted(proposal: Proposal, uniform: Array) -> Array:
    """Whether a uniform number each accepts the elements of a proposal."""
    if isinstance(uniform, np.ndarray) and uniform.size > _SQUEEZED:
        found = np.ones(uniform.shape, bool)
        found[rejected(proposal, uniform)] = False
        return found
    return uniform >= -namespace(uniform).expm1(-proposal.cost(slice(None)))
