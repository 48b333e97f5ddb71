"""Expectation-maximisation of observations that are read a block at a time.

The state of a run is a law, from which responsibilities are worked out again in every pass over the blocks. The starts
climb side by side, each pass serving all of them (``hyperdist.distributions.ascent`` says which laws to try); the sums
of an M-step bring the value of the laws before with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from hyperdist.distributed.blocks import Responsibilities, observed
from hyperdist.distributions import ascent
from hyperdist.distributions.ascent import Best, Run
from hyperdist.distributions.displacement import Point
from hyperdist.distributions.expectation_maximisation import Climb, share_out
from hyperdist.distributions.families import SHARE, Families
from hyperdist.distributions.mixture_fit import prepare, shares_of, soft_shares
from hyperdist.distributions.observed import nothing

State = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Of points (rows, k) to responsibilities (rows, runs, K) and log densities (rows, runs)."""


class Ascent:
    """The climb of several starts over one ``dask.array`` x (n, k), with weights (n,) or None."""

    def __init__(self, plan: Climb, x: Any, weights: Any, k: int) -> None:
        self.plan, self.x, self.weights, self.k = plan, x, weights, k
        self.read = partial(_read, plan.family, plan.options)
        self._base = observed(x, weights, self.read)
        if self._base.batch:
            raise ValueError(f"weights must have shape (n,) beside a dask.array, got shape {np.shape(weights)}")

    def climb(self, starts: int, rng: np.random.Generator, tell: Callable[[int], None], init: Any) -> list[Run]:
        """The runs, each at its end; from a mixture to begin with, or None."""
        runs = [Run() for _ in range(starts)]
        source, spread = self._begin(starts, rng) if init is None else self._given(init)
        for _ in ascent.Ascent(self.plan, _Passes(self, runs, source, spread)).climb(tell):
            pass
        return runs

    def law(self, run: Run) -> tuple[np.ndarray, Any]:
        """(weights (K,), law (K,)) of a run, in the dtype of the observations."""
        weights = self.weighted(run.state, 1)
        law = self.plan.family.fit(self.x, weights=weights, **self.plan.options)
        return self.sums(weights)[1][0], law[0]

    def weighted(self, state: State, runs: int) -> Responsibilities:
        """Responsibilities of so many runs, with the observations' weights."""
        return Responsibilities(state, self.weights, (runs, self.k))

    def fit(self, weights: Responsibilities) -> Any:
        """The M-step."""
        return self.plan.fit_of(self.x.astype(np.float64), weights)

    def sums(self, weights: Responsibilities) -> tuple[np.ndarray, np.ndarray]:
        """Values (runs,) and weights of the components (runs, K): those that came along, or by a pass of their own."""
        if not weights.sums:
            observed(self.x, weights, self.read).total(nothing)
        value, mass = weights.sums
        return value, mass / np.sum(mass, axis=-1, keepdims=True)

    def _given(self, init: Any) -> tuple[State, float]:
        """Responsibilities of a mixture, and a mean squared distance to a point."""
        return partial(_of_mixture, init), float(self._base.one(0, partial(_spread_of, self.plan.space)))

    def _begin(self, starts: int, rng: np.random.Generator) -> tuple[State, float]:
        """``mixture_fit.begin`` of every start, with the same random numbers; a mean squared distance to a point."""
        uniform = self.plan.family.uniform if isinstance(self.plan.family, Families) else np.zeros(self.k, bool)
        k = int(np.sum(~uniform))
        u, space = rng.random((starts, k)), self.plan.space
        centres = np.empty((starts, k, self._base.width))
        for j in range(k):
            sums = self._base.combined(partial(_chance, space, centres[:, :j]), np.array)
            below = np.cumsum(sums, axis=0)
            if not j and not (below[-1] > 0.0).all():
                raise ValueError("weights must have a positive sum, got 0.0")
            if not (below[-1] > 0.0).all():
                raise ValueError(f"n_components must be at most the number of distinct observations, {j}, got {self.k}")
            for start in range(starts):
                target = u[start, j] * below[-1, start]
                block = min(int(np.searchsorted(below[:, start], target, side="right")), len(below) - 1)
                within = target - (below[block - 1, start] if block else 0.0)
                centres[start, j] = self._base.one(block, partial(_pick, space, centres[start, :j], within))
        nearest, (first,) = self._base.total(partial(_near, space, centres))
        spread = 0.0 if self.plan.bounded else min(0.5, k / len(self._base))
        return partial(_about, space, centres, nearest[0], spread, uniform), float(first)


class _Passes:
    """``Passes`` of blocks: each brings the values, and the M-steps of all runs, whether they are wanted or not."""

    def __init__(self, over: Ascent, runs: list[Run], source: State, spread: float) -> None:
        self.over, self.plan, self.runs, self.spread = over, over.plan, runs, spread
        self.pending: list[Any] = [None] * len(runs)
        self._visit(source, last=False)

    def keep(self, rows: np.ndarray) -> None:
        """Go on with some of the runs."""
        self.runs, self.pending = [self.runs[row] for row in rows], [self.pending[row] for row in rows]
        if rows.size:
            self.places, self.mass = self.places[rows], self.mass[rows]

    def evaluate(self, point: Point, last: bool) -> np.ndarray:
        """Values of mixtures, (runs,), by a pass."""
        return self._visit(partial(_shared, self.plan, point), last)

    def maximise(self, rows: np.ndarray, anew: np.ndarray) -> Best:
        """M-steps that the last pass has brought; a component is not placed anew, for that would take further ones."""
        places = self.places[rows].tolist()
        failed = {
            row: self.failed[place] for row, place in zip(rows.tolist(), places, strict=True) if place in self.failed
        }
        able = [(row, place) for row, place in zip(rows.tolist(), places, strict=True) if place not in self.failed]
        for row, place in able:
            self.pending[row] = partial(_some, self.state, [place])
        if self.laws is None or not able:
            return Best(None, failed)
        there = [self.able.index(place) for _, place in able]
        return Best(Point(self.laws[np.array(there)], np.log(self.mass[[row for row, _ in able]])), failed)

    def _visit(self, state: State, last: bool) -> np.ndarray:
        """A pass at this state of all runs: their values; what M-steps have found is kept."""
        runs, over = len(self.runs), self.over
        weights, failed, laws = over.weighted(state, runs), dict[int, str](), None
        if not last:
            try:
                laws = over.fit(weights)
            except ValueError as error:
                failed = {index: why for index in range(runs) if (why := self._without_maximum(state, index))}
                if not failed:
                    raise error
        value, mass = over.sums(weights)
        for index in np.flatnonzero((mass <= ascent.NO_WEIGHT).any(axis=-1)).tolist():
            failed.setdefault(index, ascent.LOST)
        if laws is not None and not self.plan.bounded:
            narrow = np.any(laws.variance <= self.plan.resolution * self.spread, axis=-1)
            for index in np.flatnonzero(narrow).tolist():
                failed.setdefault(index, ascent.COLLAPSED)
        able = [index for index in range(runs) if index not in failed]
        if laws is not None:
            laws = laws[np.array(able)] if able else None
        elif able and not last:
            laws = over.fit(over.weighted(partial(_some, state, able), len(able)))
        self.state, self.failed, self.able, self.mass = state, failed, able, mass
        self.laws: Any = laws
        self.places = np.arange(runs)
        return value

    def _without_maximum(self, state: State, index: int) -> str:
        try:
            self.over.fit(self.over.weighted(partial(_some, state, [index]), 1))
        except ValueError as error:
            return ascent.WITHOUT_BEST.format(error)
        return ""


def _read(family: Any, options: dict[str, Any], x: np.ndarray) -> np.ndarray:
    return prepare(family, options, x)[0]


def _shared(plan: Climb, point: Point, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Responsibilities of the mixtures' components, and the mixtures' log densities."""
    joint = replace(plan, x=points).log_density(point.law, slice(None)) + point.log_weights
    out = np.empty_like(joint)
    return out, share_out(joint, out)


def _some(state: State, runs: list[int], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The state of some of the runs."""
    responsible, value = state(points)
    return responsible[:, runs], value[:, runs]


def _distances(space: Any, x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distances (rows, k) to one start's centres (k, width)."""
    return np.stack([space._apply("dist_sq", {"x": x, "y": centre}) for centre in centres], axis=-1)


def _chance(space: Any, centres: np.ndarray, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Sums of the chances of a block's observations, (starts,)."""
    if not centres.shape[1]:
        return np.full(len(centres), np.sum(w))
    return np.array([np.sum(w[:, 0] * np.min(_distances(space, x, own), axis=-1)) for own in centres])


def _pick(space: Any, centres: np.ndarray, target: float, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The observation of a block at which the sum of the chances passes the target."""
    chance = w[:, 0] * (np.min(_distances(space, x, centres), axis=-1) if len(centres) else 1.0)
    below = np.cumsum(chance)
    return x[min(int(np.searchsorted(below, target, side="right")), int(np.flatnonzero(chance > 0.0)[-1]))]


def _near(space: Any, centres: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared distances to the nearest centre of each start, and to the very first of all."""
    all_of = [_distances(space, x, own) for own in centres]
    nearest = np.array([w[:, 0] @ np.min(distances, axis=-1) for distances in all_of])
    return nearest[None], np.reshape(w[:, 0] @ all_of[0][:, 0], 1)


def _spread_of(space: Any, x: np.ndarray, w: np.ndarray) -> float:
    """Mean squared distance of a block's observations to the first."""
    return float(np.mean(_distances(space, x, x[:1])))


def _of_mixture(init: Any, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Responsibilities of a mixture, (rows, 1, K), and its log densities."""
    responsible, value = shares_of(init, points)
    return responsible[:, None], value[:, None]


def _about(
    space: Any, centres: np.ndarray, widths: np.ndarray, spread: float, uniform: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Responsibilities about the centres, (rows, starts, K), and no values."""
    out = np.full((len(points), len(centres), len(uniform)), SHARE)
    for start, (own, width) in enumerate(zip(centres, widths.tolist(), strict=True)):
        distances = _distances(space, points, own)
        soft = soft_shares(distances - np.min(distances, axis=-1, keepdims=True), width, spread)
        out[:, start, ~uniform] = (1.0 - SHARE if uniform.any() else 1.0) * soft
    return out, np.zeros(out.shape[:2])
