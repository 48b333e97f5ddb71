"""Quasi-Newton steps for expectation-maximisation (Jamshidian and Jennrich 1997, J. R. Statist. Soc. B 59, 569).

An M-step divides the gradient of the log likelihood by the information of the complete data, so that it is the step f
of a steepest ascent in that metric. In the same metric the last steps s and what they changed of f, y = -change of f,
give the inverse Hessian as L-BFGS does (Nocedal and Wright 2006, alg. 7.4), with the M-step in place of its first
guess: the observed information differs from the complete data's in the few directions in which EM is slow. A pair
counts where the likelihood is concave along it, s.y > 0. Where it is not, EM is leaving a saddle, and the step along s
is stretched, twice as far each time.

A step goes no further from the M-step's end than a radius, in widths of the components: so it tends to the M-step as
the radius shrinks, and whoever takes it back where the likelihood has fallen loses one pass over the data. SQUAREM
(Varadhan and Roland 2008, Scand. J. Statist. 35) and Anderson's method (Henderson and Varadhan 2019) look for fixed
points, and so for saddles too, at which overfitted mixtures linger.
"""

from __future__ import annotations

import numpy as np

from hyperdist.distributions.displacement import Metric

_PAIRS = 8
"""Steps that are remembered."""
_CURVED = 1e-3
"""Least curvature along a remembered step, the complete data's being 1."""
_RADIUS = 2.0
"""Widths, a factor e or a log weight of 1, all but: the longest way from the M-step's end."""
_LESS = 0.25
"""What is left of a way that went down."""
_STRETCH = 256.0


class Acceleration:
    """What several runs remember of their steps; all arrays (runs, p)."""

    def __init__(self, runs: int, p: int) -> None:
        self.known: np.ndarray
        self.started: np.ndarray
        self.steps, self.turns = np.zeros((2, 0, runs, p))
        self.known = np.zeros((0, runs), bool)
        self.before, self.way = np.zeros((2, runs, p))
        """The M-step at the last place, and the step from there that was tried last."""
        self.along = np.zeros((runs, p))
        """The direction along which the likelihood was last seen to be convex, or 0."""
        self.radius, self.size, self.stretch = np.full(runs, _RADIUS), np.zeros(runs), np.ones(runs)
        self.started = np.zeros(runs, bool)

    def keep(self, rows: np.ndarray) -> None:
        """Of some runs."""
        self.steps, self.turns, self.known = self.steps[:, rows], self.turns[:, rows], self.known[:, rows]
        self.before, self.way, self.along = self.before[rows], self.way[rows], self.along[rows]
        self.radius, self.size, self.stretch = self.radius[rows], self.size[rows], self.stretch[rows]
        self.started = self.started[rows]

    def forget(self, rows: np.ndarray) -> None:
        """All that some runs remember."""
        self.known[:, rows], self.started[rows] = False, False
        self.radius[rows], self.stretch[rows] = _RADIUS, 1.0

    def refuse(self, rows: np.ndarray) -> None:
        """The last ways of these runs went down."""
        self.radius[rows], self.stretch[rows] = _LESS * self.size[rows], 1.0

    def beyond(self, f: np.ndarray, measure: Metric, arrived: np.ndarray, jumped: np.ndarray) -> np.ndarray:
        """How far to go beyond the end of each run's M-step f, (runs, p).

        arrived : runs that are where their last step went, the others being where they were;
        jumped  : those of them that went beyond an M-step.
        """
        weight = np.where(np.isfinite(measure.information), measure.information, 0.0)
        sound = np.asarray(np.isfinite(f).all(axis=-1))
        f = np.where(sound[:, None], f, 0.0)
        self._learn(f, weight, arrived & self.started & sound)
        self.radius = np.where(arrived & jumped, np.minimum(_RADIUS, 2.0 * self.radius), self.radius)
        on = arrived & self.started & sound
        further = np.where(on[:, None], self._direction(f, weight) - f, 0.0)
        self.size = np.max(np.abs(further) / measure.width, axis=-1)
        held = np.isfinite(self.size)
        short = np.minimum(1.0, self.radius / np.where(self.size > 0.0, self.size, 1.0))
        self.size = np.minimum(self.size, self.radius)
        self.before = np.where(arrived[:, None], f, self.before)
        self.started = np.asarray(np.where(arrived, sound, self.started))
        return np.where(held[:, None], short[:, None] * further, 0.0)

    def go(self, further: np.ndarray) -> None:
        """So far beyond the ends of M-steps the runs do go."""
        self.way = self.before + further

    def _learn(self, f: np.ndarray, weight: np.ndarray, rows: np.ndarray) -> None:
        """Take the last steps of these runs into memory."""
        step, turn = self.way, self.before - f
        length, curved = np.sum(weight * step * step, axis=-1), np.sum(weight * step * turn, axis=-1)
        known = rows & (curved > _CURVED * length)
        bent = rows & ~known & (length > 0.0)
        self.stretch = np.where(bent, np.minimum(2.0 * self.stretch, _STRETCH), np.where(known, 1.0, self.stretch))
        self.along = np.where(bent[:, None], step / np.sqrt(np.where(length > 0.0, length, 1.0))[:, None], 0.0)
        if rows.any():
            self.steps = np.concatenate([self.steps, step[None]])[-_PAIRS:]
            self.turns = np.concatenate([self.turns, turn[None]])[-_PAIRS:]
            self.known = np.concatenate([self.known, known[None]])[-_PAIRS:]

    def _direction(self, f: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """The quasi-Newton step; f where that does not go up."""

        def inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return np.sum(weight * a * b, axis=-1)

        curved = np.array([inner(s, y) for s, y in zip(self.steps, self.turns, strict=True)])
        length = np.array([inner(s, s) for s in self.steps])
        inverse = [
            np.where(known & (bend > 0.1 * _CURVED * size), 1.0 / np.where(bend > 0.0, bend, 1.0), 0.0)
            for known, bend, size in zip(self.known, curved, length, strict=True)
        ]
        found, shares = f, []
        memory = list(zip(self.steps, self.turns, inverse, strict=True))
        for step, turn, rho in reversed(memory):
            shares.append(rho * inner(step, found))
            found = found - shares[-1][:, None] * turn
        for (step, turn, rho), share in zip(memory, reversed(shares), strict=True):
            found = found + (share - rho * inner(turn, found))[:, None] * step
        found = found + ((self.stretch - 1.0) * inner(found, self.along))[:, None] * self.along
        return np.where((inner(found, f) > 0.0)[:, None], found, f)
