"""Expectation-maximisation (Dempster, Laird and Rubin 1977) of mixtures, several runs at a time.

Starts, and the batch elements of the weights, are *runs*: they climb side by side in one array (n, runs, components)
where that is small, and one after the other where it is not. The state of a run is its responsibilities, so that the
M-step is the family's own ``fit`` and no parameter is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from hyperdist.distributions.base import Distribution
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


@dataclass
class _Run:
    """A start of one batch element while it climbs."""

    element: int
    trace: list[float] = field(default_factory=list)
    revived: list[int] = field(default_factory=list)
    state: np.ndarray | None = None
    """Weighted responsibilities (n, components) whose M-step gave the last entry of the trace."""

    def end(self, converged: bool, reason: str) -> Start:
        return Start(np.array(self.trace), converged, reason, tuple(self.revived))


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
        return self.options.get("min_scale") is not None

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
    for first in runs:
        others = islice(runs, max(0, _TOGETHER // first[1].size - 1))
        yield from _Group(plan, shares, [first, *others]).ascend(tell)


class _Group:
    """Runs that climb side by side."""

    def __init__(self, plan: Climb, shares: np.ndarray, runs: list[tuple[int, np.ndarray]]) -> None:
        self.plan = plan
        self.runs = [_Run(element) for element, _ in runs]
        self.shares = shares[:, [element for element, _ in runs]]
        self.responsible = np.stack([state for _, state in runs], axis=1)
        self.top = np.zeros(self.shares.shape)
        self.spread = [np.zeros(len(runs))] if plan.bounded else self._spread()

    def _spread(self) -> list[np.ndarray]:
        """Mean squared distance to the Frechet mean, (runs,), on each factor of the space."""
        space, found = self.plan.space, []
        several = isinstance(space, ProductSpace)
        spaces, parts = (space.spaces, space.split(self.plan.x)) if several else ((space,), (self.plan.x,))
        for own, x in zip(spaces, parts, strict=True):
            centre = own.frechet_mean(x, self.shares)
            found.append(np.sum(self.shares * own.dist_sq(x[:, None], centre), axis=0))
        return found

    def _keep(self, keep: np.ndarray) -> None:
        if not keep.all():
            self.runs = [run for run, stays in zip(self.runs, keep, strict=True) if stays]
            self.shares, self.top = self.shares[:, keep], self.top[:, keep]
            self.spread = [spread[keep] for spread in self.spread]
            self.responsible = self.responsible[:, keep]

    def ascend(self, tell: Callable[[int], None]) -> Iterator[tuple[int, Start, np.ndarray | None]]:
        """Steps until every run has ended."""
        plan = self.plan
        for step in range(plan.max_iter):
            self._revive(step)
            weighted = self.shares[:, :, None] * self.responsible
            law, failed = self._maximise(weighted)
            for index, reason in failed.items():
                tell(plan.max_iter - step)
                yield self.runs[index].element, self.runs[index].end(False, reason), None
            keep = np.array([index not in failed for index in range(len(self.runs))], bool)
            self._keep(keep)
            if not self.runs:
                return
            gain = self._expect(law, weighted if keep.all() else weighted[:, keep])
            tell(len(self.runs))
            done = (gain < plan.tol) | (step + 1 == plan.max_iter)
            for index in np.flatnonzero(done):
                tell(plan.max_iter - step - 1)
                run = self.runs[index]
                yield run.element, run.end(bool(abs(gain[index]) < plan.tol), plan.reason(gain[index])), run.state
            self._keep(~done)
            if not self.runs:
                return

    def _revive(self, step: int) -> None:
        """Place a component that has lost all its observations at the one that the mixture explains worst."""
        mass = np.einsum("na,nak->ak", self.shares, self.responsible)
        for run, k in np.argwhere(mass <= np.finfo(float).eps):
            worst = np.argmin(np.where(self.shares[:, run] > 0.0, self.top[:, run], np.inf))
            state = self.responsible[:, run]
            state *= 1.0 - 1.0 / len(state)
            state[:, k] += 1.0 / len(state)
            state[worst] = np.eye(state.shape[1])[k]
            self.runs[run].revived.append(step)

    def _maximise(self, weighted: np.ndarray) -> tuple[Any, dict[int, str]]:
        """The law of all runs that have one, and for the others, by index, why they have none."""
        law, error = None, None
        try:
            law = self.plan.fit(weighted)
        except ValueError as raised:
            error = raised
            failed = self._without_maximum(weighted)
        else:
            failed = self._collapsed(law)
        if not failed:
            if error is not None:
                raise error
            return law, failed
        keep = [index for index in range(len(self.runs)) if index not in failed]
        return (self.plan.fit(weighted[:, keep]) if keep else None), failed

    def _without_maximum(self, weighted: np.ndarray) -> dict[int, str]:
        failed = {}
        for index in range(len(self.runs)):
            try:
                self.plan.fit(weighted[:, index])
            except ValueError as error:
                failed[index] = f"a component has no best parameters: {error}"
        return failed

    def _collapsed(self, law: Distribution) -> dict[int, str]:
        """Runs with a component narrower than sqrt(eps) of the data's own spread: its likelihood has no bound."""
        if law.batch_shape != self.responsible.shape[1:]:
            name = self.plan.family.__name__
            raise ValueError(
                f"family must have parameters that weights decide, one law a component, got {name}: any mixture of "
                f"its laws is {name} itself"
            )
        if self.plan.bounded:
            return {}
        parts = law.laws if isinstance(law, Product) else [law]
        narrow = np.zeros(len(self.runs), bool)
        for part, spread in zip(parts, self.spread, strict=True):
            narrow |= np.any(part.variance <= self.plan.resolution * spread[:, None], axis=-1)
        return {int(index): "a component collapsed on one point" for index in np.flatnonzero(narrow)}

    def _expect(self, law: Distribution, weighted: np.ndarray) -> np.ndarray:
        """The E-step: new responsibilities; what the M-step has gained, in nats an observation, (runs,)."""
        n = len(weighted)
        rows = max(1, _BLOCK // weighted[0].size)
        with np.errstate(divide="ignore", under="ignore"):
            log_mass = np.log(np.sum(weighted, axis=0))
            for block in (slice(start, start + rows) for start in range(0, n, rows)):
                joint = self.plan.log_density(law, block)
                joint += log_mass
                self.top[block] = share_out(joint, self.responsible[block])
        value = np.sum(self.shares * self.top, axis=0)
        gain = np.full(len(self.runs), np.inf)
        for index, run in enumerate(self.runs):
            if run.trace and len(run.trace) not in run.revived:
                gain[index] = value[index] - run.trace[-1]
            if gain[index] >= 0.0:
                run.trace.append(float(value[index]))
                run.state = weighted[:, index]
        return gain
