"""Expectation-maximisation (Dempster, Laird and Rubin 1977) of mixtures, several runs at a time.

Starts, and the batch elements of the weights, are *runs*: they climb side by side in one array (n, runs, components)
where that is small, and one after the other where it is not. The state of a run is its responsibilities, so that the
M-step is the family's own ``fit`` and no parameter is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from hyperdist.distributions.ascent import COLLAPSED, LOST, NO_WEIGHT, WITHOUT_BEST, Ascent, Best, Run
from hyperdist.distributions.base import Distribution
from hyperdist.distributions.displacement import Point
from hyperdist.distributions.mixture_record import Start
from hyperdist.distributions.product import Product
from hyperdist.distributions.spherical import VonMisesFisher
from hyperdist.spaces import ProductSpace, Space

_TOGETHER = 1 << 18
"""Responsibilities of runs that climb side by side: above it the arrays leave the cache and nothing is gained."""
_BLOCK = 1 << 16
"""Densities worked out at a time, so that the temporaries of a distance stay small."""
NEGLIGIBLE = -600.0
"""Log responsibility below which it counts as 0: numbers near the underflow take twenty times as long."""


@dataclass(frozen=True)
class Climb:
    """What does not change from step to step: the data (float64), the family and its options, when to stop."""

    family: Any
    options: dict[str, Any]
    x: np.ndarray
    space: Space
    resolution: float
    """Eps of the dtype that the observations came in."""
    max_iter: int
    tol: float

    @property
    def bounded(self) -> bool:
        """Whether the caller has bounded the scales, so that a component on one point is what was asked for."""
        return self.min_scale is not None

    @property
    def min_scale(self) -> float | None:
        """The bound, or None."""
        return self.options.get("min_scale")

    def fit(self, weights: np.ndarray) -> Any:
        """The M-step: one law for each column of weights (n, *batch)."""
        return self.fit_of(self.x, weights)

    def fit_of(self, x: Any, weights: Any) -> Any:
        """``fit`` to other observations."""
        return self.family.fit(x, weights=weights, **self.options)

    def reason(self, gain: float) -> str:
        """Why a run ends that has gained so much in its last step."""
        if gain <= -self.tol:
            return f"the M-step lost {-gain:.3g} nats an observation: fit found no maximum"
        if gain < self.tol:
            return f"gained less than tol = {self.tol:g}"
        return f"max_iter = {self.max_iter}"

    def log_density(self, law: Distribution, block: slice) -> np.ndarray:
        """Log density of every component at a block of the observations, (rows, *batch of the law)."""
        x = self.x[block]
        if isinstance(law, VonMisesFisher) and 8.0 * np.finfo(float).eps * law.kappa.max() <= self.tol:
            # A product of matrices rounds by eps kappa, which the test of convergence cannot see here.
            cosine = np.dot(x, law.mu.reshape(-1, law.mu.shape[-1]).T).reshape(-1, *law.batch_shape)
            cosine -= 1.0
            cosine *= law.kappa
            return np.subtract(cosine, law._log_z, out=cosine)
        return law.log_prob(x.reshape(len(x), *(1,) * len(law.batch_shape), -1))


def share_out(joint: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Into ``out`` the responsibilities of log joint densities (..., K), which are lost; the log of their sum."""
    peak = np.max(joint, axis=-1, keepdims=True)
    joint -= peak
    np.exp(np.maximum(joint, NEGLIGIBLE, out=joint), out=joint)
    joint -= np.exp(NEGLIGIBLE)
    total = np.sum(joint, axis=-1, keepdims=True)
    np.divide(joint, total, out=out)
    return (peak + np.log(total))[..., 0]


def climb(
    plan: Climb, shares: np.ndarray, runs: Iterator[tuple[int, np.ndarray]], tell: Callable[[int], None]
) -> Iterator[tuple[int, Start, np.ndarray | None]]:
    """(element, how it went, weighted responsibilities or None) of every run as it ends.

    shares : (n, elements) observation weights that sum to 1;  runs : (element, responsibilities (n, k));
    tell   : called with a number of steps as they are done, ``max_iter`` in all for each run.
    """
    spreads: dict[int, list[float]] = {}
    for first in runs:
        group = [first, *islice(runs, max(0, _TOGETHER // first[1].size - 1))]
        if not plan.bounded:
            for element, _ in group:
                if element not in spreads:
                    spreads[element] = _spread(plan, shares[:, element])
        for run in Ascent(plan, _Group(plan, shares, group, spreads)).climb(tell):
            assert run.end is not None
            yield run.element, run.end, run.state


def _spread(plan: Climb, share: np.ndarray) -> list[float]:
    """Mean squared distance to the Frechet mean on each factor of the space."""
    space, found = plan.space, []
    several = isinstance(space, ProductSpace)
    spaces, parts = (space.spaces, space.split(plan.x)) if several else ((space,), (plan.x,))
    for own, x in zip(spaces, parts, strict=True):
        centre = own.frechet_mean(x, share)
        found.append(float(share @ own.dist_sq(x, centre)))
    return found


class _Group:
    """``Passes`` of observations in memory for runs that climb side by side."""

    def __init__(
        self, plan: Climb, shares: np.ndarray, runs: list[tuple[int, np.ndarray]], spreads: dict[int, list[float]]
    ) -> None:
        self.plan = plan
        self.runs = [Run(element) for element, _ in runs]
        self.pending: list[Any] = [None] * len(runs)
        self.shares = shares[:, [element for element, _ in runs]]
        self.responsible = np.stack([state for _, state in runs], axis=1)
        self.top = np.zeros(self.shares.shape)
        self.spread = np.zeros((len(runs), 1)) if plan.bounded else np.array([spreads[element] for element, _ in runs])

    def keep(self, rows: np.ndarray) -> None:
        """Go on with some of the runs."""
        self.runs, self.pending = [self.runs[row] for row in rows], [self.pending[row] for row in rows]
        self.shares, self.top = self.shares[:, rows], self.top[:, rows]
        self.spread = self.spread[rows]
        self.responsible = self.responsible[:, rows]

    def maximise(self, rows: np.ndarray, anew: np.ndarray) -> Best:
        """M-steps of some of the runs, from their responsibilities."""
        failed = self._revive(rows, anew)
        rows = np.array([row for row in rows.tolist() if row not in failed], int)
        if not rows.size:
            return Best(None, failed)
        every = len(rows) == len(self.runs)
        weighted = (self.shares[:, :, None] * self.responsible)[:, slice(None) if every else rows]
        law, without = self._maximise(weighted, rows)
        failed |= {int(rows[index]): reason for index, reason in without.items()}
        able = [index for index in range(len(rows)) if index not in without]
        for index in able:
            self.pending[rows[index]] = weighted[:, index]
        if law is None:
            return Best(None, failed)
        with np.errstate(divide="ignore"):
            return Best(Point(law, np.log(np.sum(weighted[:, able], axis=0))), failed)

    def _revive(self, rows: np.ndarray, anew: np.ndarray) -> dict[int, str]:
        """Place a component that has lost all its observations at the one that the mixture explains worst."""
        mass, failed = np.einsum("na,nak->ak", self.shares[:, rows], self.responsible[:, rows]), {}
        for index, k in np.argwhere(mass <= NO_WEIGHT).tolist():
            row = int(rows[index])
            if not anew[index]:
                failed[row] = LOST
                continue
            worst = np.argmin(np.where(self.shares[:, row] > 0.0, self.top[:, row], np.inf))
            state = self.responsible[:, row]
            state *= 1.0 - 1.0 / len(state)
            state[:, k] += 1.0 / len(state)
            state[worst] = np.eye(state.shape[1])[k]
            self.runs[row].revived.append(len(self.runs[row].trace))
        return failed

    def _maximise(self, weighted: np.ndarray, rows: np.ndarray) -> tuple[Any, dict[int, str]]:
        """The law of all runs that have one, and for the others, by index, why they have none."""
        law, error = None, None
        try:
            law = self.plan.fit(weighted)
        except ValueError as raised:
            error = raised
            failed = self._without_maximum(weighted)
        else:
            failed = self._collapsed(law, rows)
        if not failed:
            if error is not None:
                raise error
            return law, failed
        keep = [index for index in range(len(rows)) if index not in failed]
        return (self.plan.fit(weighted[:, keep]) if keep else None), failed

    def _without_maximum(self, weighted: np.ndarray) -> dict[int, str]:
        failed = {}
        for index in range(weighted.shape[1]):
            try:
                self.plan.fit(weighted[:, index])
            except ValueError as error:
                failed[index] = WITHOUT_BEST.format(error)
        return failed

    def _collapsed(self, law: Distribution, rows: np.ndarray) -> dict[int, str]:
        """Runs with a component narrower than sqrt(eps) of the data's own spread: its likelihood has no bound."""
        if law.batch_shape != (len(rows), self.responsible.shape[-1]):
            name = self.plan.family.__name__
            raise ValueError(
                f"family must have parameters that weights decide, one law a component, got {name}: any mixture of "
                f"its laws is {name} itself"
            )
        if self.plan.bounded:
            return {}
        parts = law.laws if isinstance(law, Product) else [law]
        narrow = np.zeros(len(rows), bool)
        for part, spread in zip(parts, self.spread[rows].T, strict=True):
            narrow |= np.any(part.variance <= self.plan.resolution * spread[:, None], axis=-1)
        return {int(index): COLLAPSED for index in np.flatnonzero(narrow)}

    def evaluate(self, point: Point, last: bool) -> np.ndarray:
        """The E-step: new responsibilities; the log likelihoods, in nats an observation, (runs,)."""
        n = len(self.responsible)
        rows = max(1, _BLOCK // self.responsible[0].size)
        with np.errstate(divide="ignore", under="ignore"):
            for block in (slice(start, start + rows) for start in range(0, n, rows)):
                joint = self.plan.log_density(point.law, block)
                joint += point.log_weights
                self.top[block] = share_out(joint, self.responsible[block])
        return np.sum(self.shares * self.top, axis=0)
