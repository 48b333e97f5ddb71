"""The climb of several runs of expectation-maximisation side by side, accelerated; ``Passes`` visit the data.

A step is one visit: it gives the value of every run at the mixture that was tried, and the M-step from there. Tried is
the end of the M-step before, or a place beyond it (``acceleration``); where that is lower, the M-step's end is next, so
that a run never goes down. It ends where an M-step, not a way beyond, gains less than tol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from hyperdist.distributions.acceleration import Acceleration
from hyperdist.distributions.displacement import Point, between, displaced, metric, replaced
from hyperdist.distributions.mixture_record import Start

NO_WEIGHT = float(np.finfo(float).eps)
"""Weight of a component that has lost all its observations."""
LOST = "a component lost all its observations"
COLLAPSED = "a component collapsed on one point"
WITHOUT_BEST = "a component has no best parameters: {}"
"""Why runs end without a maximum; the last of an M-step's error."""


@dataclass
class Run:
    """A start while it climbs, of an element of the batch of weights."""

    element: int = 0
    trace: list[float] = field(default_factory=list)
    revived: list[int] = field(default_factory=list)
    state: Any = None
    """Responsibilities whose M-step gave entry number ``sure`` of the trace."""
    sure: int = 0
    end: Start | None = None

    def stop(self, converged: bool, reason: str) -> None:
        """It has come to its end."""
        self.end = Start(np.array(self.trace), converged, reason, tuple(self.revived))

    def gain(self, value: float) -> float:
        """Of a mixture of this value; without bound of the first, and after a component was placed anew."""
        return value - self.trace[-1] if self.trace and len(self.trace) not in self.revived else np.inf

    def arrive(self, value: float, state: Any) -> None:
        """At the end of the M-step of these responsibilities."""
        if self.gain(value) >= 0.0:
            self.trace.append(value)
        elif len(self.trace) > self.sure and value >= self.trace[self.sure - 1]:
            while self.trace[-1] > value:
                self.trace.pop()
            self.trace.append(value)
        else:
            del self.trace[self.sure :]
            return
        self.state, self.sure = state, len(self.trace)


class Best(NamedTuple):
    """What M-steps gave."""

    point: Point | None
    """Of the runs that are not in ``failed``, in their order."""
    failed: dict[int, str]
    """Why the others have none, by their numbers."""


class Passes(Protocol):
    """Visits of the observations for the runs that climb, by number."""

    runs: list[Run]
    pending: list[Any]
    """Of each run the responsibilities whose M-step came last."""

    def evaluate(self, point: Point, last: bool) -> np.ndarray:
        """Values of mixtures, (runs,); ``last`` where no M-step follows."""
        ...

    def maximise(self, rows: np.ndarray, anew: np.ndarray) -> Best:
        """M-steps from where some runs were evaluated last; the responsibilities become their ``pending``.

        anew : whether a component without observations may be placed anew, which the run then notes; else it fails.
        """
        ...

    def keep(self, rows: np.ndarray) -> None:
        """Go on with some of the runs."""
        ...


class Ascent:
    """The climb of the runs of some passes, of ``plan``, a ``Climb``."""

    def __init__(self, plan: Any, passes: Passes) -> None:
        self.plan, self.passes = plan, passes
        self.jumped: np.ndarray = np.zeros(len(passes.runs), bool)
        """Whether what is tried lies beyond the end of an M-step."""
        self.arrived: np.ndarray = ~self.jumped
        """Whether runs are where they have tried to go."""
        self.small: np.ndarray = self.jumped
        """Whether a way beyond has gained less than tol, so that an M-step has to tell if that is all."""
        self.tried: Any = None
        """The mixtures that are tried, a ``Point`` ..."""
        self.here: Any = None
        self.end: Any = None
        """... and those where each run's last M-step began and ended."""
        self.memory: Acceleration | None = None

    @property
    def runs(self) -> list[Run]:
        """Those that still climb."""
        return self.passes.runs

    def climb(self, tell: Callable[[int], None]) -> Iterator[Run]:
        """The runs as they end; ``tell`` is called with a number of steps as they are done."""
        steps = self.plan.max_iter
        self._maximise()
        yield from self._leave(steps, tell)
        self.tried = self.end
        for left in reversed(range(steps)):
            if not self.runs:
                return
            value = self.passes.evaluate(self.tried, left == 0)
            tell(len(self.runs))
            self._note(value, left == 0)
            yield from self._leave(left, tell)
            if self.runs:
                self._maximise()
                yield from self._leave(left, tell)
            if self.runs:
                self._onward(left)

    def _note(self, value: np.ndarray, last: bool) -> None:
        """Tell the runs what they have seen, and whether that is their end."""
        tol = self.plan.tol
        gain = np.array([run.gain(float(found)) for run, found in zip(self.runs, value, strict=True)])
        self.arrived = ~self.jumped | (gain >= 0.0)
        self.small = self.jumped & (gain < tol)
        for row, run in enumerate(self.runs):
            if not self.jumped[row]:
                run.arrive(float(value[row]), self.passes.pending[row])
                if last or not gain[row] >= tol:
                    run.stop(bool(abs(gain[row]) < tol), self.plan.reason(float(gain[row])))
            elif self.arrived[row]:
                run.trace.append(float(value[row]))

    def _maximise(self) -> None:
        """M-steps of the runs that have arrived. A way beyond that led to a place without one is taken back."""
        rows = np.flatnonzero(self.arrived)
        if not rows.size:
            return
        best = self.passes.maximise(rows, ~self.jumped[rows])
        for row, reason in best.failed.items():
            run = self.runs[row]
            if self.jumped[row]:
                run.trace.pop()
                self.arrived[row] = False
            else:
                run.state = None
                run.stop(False, reason)
        if best.point is None:
            return
        able = np.array([row for row in rows.tolist() if row not in best.failed], int)
        if self.end is None:
            # Those without one leave at once, and may have any law until then.
            near = np.searchsorted(able, np.arange(len(self.runs)))
            self.end = best.point.of(np.minimum(near, len(able) - 1)) if len(able) < len(self.runs) else best.point
            return
        self.end = replaced(self.end, able, best.point)
        self.here = self.tried if self.here is None else replaced(self.here, able, self.tried.of(able))

    def _leave(self, left: int, tell: Callable[[int], None]) -> Iterator[Run]:
        """The runs that have ended, which go."""
        ended = [run for run in self.runs if run.end is not None]
        if not ended:
            return
        rows = np.array([row for row, run in enumerate(self.runs) if run.end is None], int)
        self.passes.keep(rows)
        if rows.size:
            self.jumped, self.arrived, self.small = self.jumped[rows], self.arrived[rows], self.small[rows]
            self.tried, self.here, self.end = (
                point if point is None else point.of(rows) for point in (self.tried, self.here, self.end)
            )
            if self.memory is not None:
                self.memory.keep(rows)
        for run in ended:
            tell(left)
            yield run

    def _onward(self, left: int) -> None:
        """What to try next: the ends of M-steps, or places beyond."""
        f, measure = between(self.here, self.end), metric(self.here)
        if self.memory is None:
            self.memory = Acceleration(*f.shape)
        self.memory.refuse(self.jumped & ~self.arrived)
        self.memory.forget(np.array([bool(run.revived) and run.revived[-1] == len(run.trace) for run in self.runs]))
        further = self.memory.beyond(f, measure, self.arrived, self.jumped)
        further[~self.arrived | self.small | (left < 2)] = 0.0
        self.tried = self._beyond(further)
        self.memory.go(further)
        self.jumped = np.asarray(further.any(axis=-1))

    def _beyond(self, further: np.ndarray) -> Point:
        """Places so far beyond the ends; ``further`` becomes 0 where there is no such law."""
        rows, least = np.flatnonzero(further.any(axis=-1)), self.plan.min_scale
        if not rows.size:
            return self.end
        try:
            return replaced(self.end, rows, displaced(self.end.of(rows), further[rows], least))
        except ValueError:
            tried = self.end
        for row in rows[:, None]:
            try:
                tried = replaced(tried, row, displaced(self.end.of(row), further[row], least))
            except ValueError:
                further[row] = 0.0
        return tried
