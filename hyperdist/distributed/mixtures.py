"""Expectation-maximisation of observations that are read a block at a time.

The state of a run is a law, from which responsibilities are worked out again in every pass over the blocks. The starts
climb side by side, each pass serving all of them; the sums of an M-step bring the value of the laws before with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from hyperdist.distributed.blocks import Responsibilities, observed
from hyperdist.distributions.expectation_maximisation import Climb, share_out
from hyperdist.distributions.families import SHARE, Families
from hyperdist.distributions.mixture_fit import prepare, soft_shares
from hyperdist.distributions.mixture_record import Start

State = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Of points (rows, k) to responsibilities (rows, runs, K) and log densities (rows, runs)."""


@dataclass
class Run:
    """A start while it climbs: its trace, and the state that gave the law of the trace's last entry."""

    trace: list[float] = field(default_factory=list)
    state: State | None = None
    end: Start | None = None

    def stop(self, converged: bool, reason: str) -> None:
        """It has come to its end."""
        self.end = Start(np.array(self.trace), converged, reason, ())


class Ascent:
    """The climb of several starts over one ``dask.array`` x (n, k), with weights (n,) or None."""

    def __init__(self, plan: Climb, x: Any, weights: Any, k: int) -> None:
        self.plan, self.x, self.weights, self.k = plan, x, weights, k
        self._read = partial(_read, plan.family, plan.options)
        self._base = observed(x, weights, self._read)
        if self._base.batch:
            raise ValueError(f"weights must have shape (n,) beside a dask.array, got shape {np.shape(weights)}")
        self._spread = 0.0

    def climb(self, starts: int, rng: np.random.Generator, tell: Callable[[int], None]) -> list[Run]:
        """The runs, each at its end."""
        plan, runs = self.plan, [Run() for _ in range(starts)]
        source, climbing = self._begin(starts, rng), runs
        laws, failed, mass, _ = self._maximise(source, len(climbing))
        for step in range(plan.max_iter + 1):
            _stop(climbing, failed)
            keep = [index for index, run in enumerate(climbing) if run.end is None]
            if not keep:
                break
            there = [index for index in range(len(climbing)) if index not in failed]
            laws = laws[[there.index(index) for index in keep]]
            source, climbing = partial(_some, source, keep), [climbing[index] for index in keep]
            state = partial(_shared, plan, laws, np.log(mass[keep]))
            last = step + 1 == plan.max_iter
            laws, failed, mass, value = self._maximise(state, len(climbing), only_value=last)
            tell(len(climbing))
            for index, run in enumerate(climbing):
                gain = float(value[index] - run.trace[-1]) if run.trace else np.inf
                if gain >= 0.0:
                    run.trace.append(float(value[index]))
                    run.state = partial(_some, source, [index])
                if gain < plan.tol or last:
                    run.stop(abs(gain) < plan.tol, plan.reason(gain))
            source = state
        return runs

    def law(self, run: Run) -> tuple[np.ndarray, Any]:
        """(weights (K,), law (K,)) of a run, in the dtype of the observations."""
        assert run.state is not None
        weights = Responsibilities(run.state, self.weights, (1, self.k))
        law = self.plan.family.fit(self.x, weights=weights, **self.plan.options)
        return self._sums(weights)[1][0], law[0]

    def _maximise(
        self, state: State, runs: int, *, only_value: bool = False
    ) -> tuple[Any, dict[int, str], np.ndarray, np.ndarray]:
        """The M-step: laws of the runs that have one; why the others have none; weights (runs, K); values (runs,)."""
        weights, failed, laws = Responsibilities(state, self.weights, (runs, self.k)), dict[int, str](), None
        if not only_value:
            try:
                laws = self._fit(weights)
            except ValueError as error:
                failed = {index: why for index in range(runs) if (why := self._without_maximum(state, index))}
                if not failed:
                    raise error
        value, mass = self._sums(weights)
        for index in np.flatnonzero((mass <= np.finfo(float).eps).any(axis=-1)).tolist():
            failed.setdefault(index, "a component lost all its observations")
        if laws is not None and not self.plan.bounded:
            narrow = np.any(laws.variance <= self.plan.resolution * self._spread, axis=-1)
            for index in np.flatnonzero(narrow).tolist():
                failed.setdefault(index, "a component collapsed on one point")
        keep = [index for index in range(runs) if index not in failed]
        if laws is not None:
            laws = laws[keep] if keep else None
        elif keep and not only_value:
            laws = self._fit(Responsibilities(partial(_some, state, keep), self.weights, (len(keep), self.k)))
        return laws, failed, mass, value

    def _fit(self, weights: Responsibilities) -> Any:
        return self.plan.fit_of(self.x.astype(np.float64), weights)

    def _without_maximum(self, state: State, index: int) -> str:
        try:
            self._fit(Responsibilities(partial(_some, state, [index]), self.weights, (1, self.k)))
        except ValueError as error:
            return f"a component has no best parameters: {error}"
        return ""

    def _sums(self, weights: Responsibilities) -> tuple[np.ndarray, np.ndarray]:
        """Values (runs,) and weights of the components (runs, K): those that came along, or by a pass of their own."""
        if not weights.sums:
            observed(self.x, weights, self._read).total(_nothing)
        value, mass = weights.sums
        return value, mass / np.sum(mass, axis=-1, keepdims=True)

    def _begin(self, starts: int, rng: np.random.Generator) -> State:
        """``mixture_fit.begin`` of every start, with the same random numbers."""
        uniform = self.plan.family.uniform if isinstance(self.plan.family, Families) else np.zeros(self.k, bool)
        k = int(np.sum(~uniform))
        u, space = rng.random((starts, k)), self.plan.space
        centres = np.empty((starts, k, self._base.width))
        for j in range(k):
            sums = self._base.combined(partial(_chance, space, centres[:, :j]), np.array)
            below = np.cumsum(sums, axis=0)
            if not (below[-1] > 0.0).all():
                raise ValueError(f"n_components must be at most the number of distinct observations, {j}, got {self.k}")
            for start in range(starts):
                target = u[start, j] * below[-1, start]
                block = min(int(np.searchsorted(below[:, start], target, side="right")), len(below) - 1)
                within = target - (below[block - 1, start] if block else 0.0)
                centres[start, j] = self._base.one(block, partial(_pick, space, centres[start, :j], within))
        nearest, (first,) = self._base.total(partial(_near, space, centres))
        self._spread = float(first)
        spread = 0.0 if self.plan.bounded else min(0.5, k / len(self._base))
        return partial(_about, space, centres, nearest[0], spread, uniform)


def _stop(runs: Sequence[Run], failed: dict[int, str]) -> None:
    for index, why in failed.items():
        if runs[index].end is None:
            runs[index].state = None
            runs[index].stop(False, why)


def _read(family: Any, options: dict[str, Any], x: np.ndarray) -> np.ndarray:
    return prepare(family, options, x)[0]


def _nothing(points: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, ...]:
    return ()


def _shared(plan: Climb, laws: Any, log_mass: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Responsibilities of the laws' components, and the mixtures' log densities."""
    joint = replace(plan, x=points).log_density(laws, slice(None)) + log_mass
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
