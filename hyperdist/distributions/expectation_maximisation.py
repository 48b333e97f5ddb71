"""Maximum likelihood of a mixture by expectation-maximisation (Dempster, Laird and Rubin 1977), from several starts.

Starts, and the batch elements of the weights, are *runs*: they climb side by side in one array (n, runs, components)
where that is small, and one after the other where it is not. The state of a run is its responsibilities, so that the
M-step is the family's own ``fit`` and no parameter is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.distributions.base import Distribution
from hyperdist.distributions.hyperbolic import HyperbolicDistribution
from hyperdist.distributions.spherical import SphericalDistribution, VonMisesFisher
from hyperdist.spaces import PoincareBall, Space, Torus

_TOGETHER = 1 << 18
"""Responsibilities of runs that climb side by side: above it the arrays leave the cache and nothing is gained."""
_BLOCK = 1 << 16
"""Densities worked out at a time, so that the temporaries of a distance stay small."""
_NEGLIGIBLE = -600.0
"""Log responsibility below which it counts as 0: numbers near the underflow take twenty times as long."""


@dataclass(frozen=True)
class Start:
    """How one start went.

    log_likelihood : (steps,) mean log-likelihood an observation, in nats, after each M-step; it does not fall, but for
                     the steps in ``revived``
    converged      : whether the last step gained less than tol
    reason         : why it ended
    revived        : steps before which a component that had lost all its observations was placed anew
    """

    log_likelihood: np.ndarray
    converged: bool
    reason: str
    revived: tuple[int, ...]


@dataclass(frozen=True)
class Record:
    """Every start of a fit, and which of them was the best."""

    starts: tuple[Start, ...]
    best: int

    @property
    def log_likelihood(self) -> float:
        """Mean log-likelihood an observation of the fitted mixture, in nats."""
        return float(self.starts[self.best].log_likelihood[-1])

    @property
    def converged(self) -> bool:
        """Whether the best start converged."""
        return self.starts[self.best].converged

    @property
    def iterations(self) -> int:
        """M-steps of the best start."""
        return len(self.starts[self.best].log_likelihood)


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
        return self.family.fit(self.x, weights=weights, **self.options)

    def log_density(self, law: Any, block: slice) -> np.ndarray:
        """Log density of every component at a block of the observations, (rows, *batch of the law)."""
        x = self.x[block]
        if isinstance(law, VonMisesFisher) and 8.0 * np.finfo(float).eps * law.kappa.max() <= self.tol:
            # A product of matrices rounds by eps kappa, which the test of convergence cannot see here.
            cosine = np.dot(x, law.mu.reshape(-1, law.mu.shape[-1]).T).reshape(-1, *law.batch_shape)
            cosine -= 1.0
            cosine *= law.kappa
            return np.subtract(cosine, law._log_excess, out=cosine)
        return law.log_prob(x.reshape(len(x), *(1,) * len(law.batch_shape), -1))


def space_of(family: Any, options: dict[str, Any]) -> Space:
    """The space of a family's laws."""
    if issubclass(family, HyperbolicDistribution):
        return PoincareBall(options.get("c", 1.0))
    return family.space


def prepare(family: Any, options: dict[str, Any], x: Any) -> tuple[np.ndarray, Space]:
    """The observations in float64, on the space to its last bit."""
    space = space_of(family, options)
    points = (space.wrap(x) if isinstance(space, Torus) else space.check_point(x)).astype(np.float64)
    if points.ndim != 2:
        raise ValueError(f"x must have shape (n, k), got shape {points.shape}")
    if issubclass(family, SphericalDistribution):
        points = points / np.sqrt(np.sum(np.square(points), axis=-1, keepdims=True))
    return points, space


def seed(plan: Climb, share: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Responsibilities (n, k) about centres spread as in k-means++ (Arthur and Vassilvitskii 2007).

    Each centre is an observation drawn with probability prop. to its share times the squared distance to the nearest
    centre so far. Responsibilities fall off as a normal's with that mean square. Where the scales have no lower bound,
    one observation's worth for each component is spread over all, so that none begins on a single point.
    """
    x, n = plan.x, len(plan.x)
    nearest, chance, distances = np.full(n, np.inf), share, np.empty((n, k))
    for j in range(k):
        total = np.sum(chance)
        if not total > 0:
            raise ValueError(f"n_components must be at most the number of distinct observations, {j}, got {k}")
        centre = rng.choice(n, p=chance / total)
        distances[:, j] = plan.space._apply("dist_sq", {"x": x, "y": x[centre]})
        nearest = np.minimum(nearest, distances[:, j])
        chance = share * nearest
    width = float(np.sum(chance))
    distances -= nearest[:, None]
    soft = np.exp(np.maximum(-0.5 / width * distances, _NEGLIGIBLE)) if width > 0.0 else (distances == 0.0).astype(float)
    soft /= np.sum(soft, axis=1, keepdims=True)
    spread = 0.0 if plan.bounded else min(0.5, k / n)
    return (1.0 - spread) * soft + spread / k


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
        self.spread = np.zeros(len(runs)) if plan.bounded else self._spread()

    def _spread(self) -> np.ndarray:
        """Mean squared distance to the Frechet mean, (runs,)."""
        space, x = self.plan.space, self.plan.x
        centre = space.frechet_mean(x, self.shares)
        return np.sum(self.shares * space.dist_sq(x[:, None], centre), axis=0)

    def _keep(self, keep: np.ndarray) -> None:
        if not keep.all():
            self.runs = [run for run, stays in zip(self.runs, keep, strict=True) if stays]
            self.shares, self.top, self.spread = self.shares[:, keep], self.top[:, keep], self.spread[keep]
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
                yield run.element, run.end(bool(abs(gain[index]) < plan.tol), self._reason(gain[index])), run.state
            self._keep(~done)
            if not self.runs:
                return

    def _reason(self, gain: float) -> str:
        if gain <= -self.plan.tol:
            return f"the M-step lost {-gain:.3g} nats an observation: fit found no maximum"
        return f"gained less than tol = {self.plan.tol:g}" if gain < self.plan.tol else f"max_iter = {self.plan.max_iter}"

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
            failed = self._collapsed(law)
        except ValueError as raised:
            error = raised
            failed = self._without_maximum(weighted)
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

    def _collapsed(self, law: Any) -> dict[int, str]:
        """Runs with a component narrower than sqrt(eps) of the data's own spread: its likelihood has no bound."""
        if self.plan.bounded:
            return {}
        narrow = np.any(law.variance <= self.plan.resolution * self.spread[:, None], axis=-1)
        return {int(index): "a component collapsed on one point" for index in np.flatnonzero(narrow)}

    def _expect(self, law: Any, weighted: np.ndarray) -> np.ndarray:
        """The E-step: new responsibilities; what the M-step has gained, in nats an observation, (runs,)."""
        n = len(weighted)
        rows = max(1, _BLOCK // weighted[0].size)
        with np.errstate(divide="ignore", under="ignore"):
            log_mass = np.log(np.sum(weighted, axis=0))
            for block in (slice(start, start + rows) for start in range(0, n, rows)):
                joint = self.plan.log_density(law, block)
                joint += log_mass
                peak = np.max(joint, axis=-1, keepdims=True)
                joint -= peak
                np.exp(np.maximum(joint, _NEGLIGIBLE, out=joint), out=joint)
                joint -= np.exp(_NEGLIGIBLE)
                total = np.sum(joint, axis=-1, keepdims=True)
                np.divide(joint, total, out=self.responsible[block])
                self.top[block] = (peak + np.log(total))[..., 0]
        value = np.sum(self.shares * self.top, axis=0)
        gain = np.full(len(self.runs), np.inf)
        for index, run in enumerate(self.runs):
            if run.trace and len(run.trace) not in run.revived:
                gain[index] = value[index] - run.trace[-1]
            if gain[index] >= 0.0:
                run.trace.append(float(value[index]))
                run.state = weighted[:, index]
        return gain


def fit_mixture(
    family: Any,
    x: Any,
    n_components: Any,
    weights: Any,
    options: dict[str, Any],
    starts: Any,
    max_iter: Any,
    tol: Any,
    rng: np.random.Generator,
    progress: bool,
) -> tuple[np.ndarray, Any, Any]:
    """(mixture weights (*batch, K), component law (*batch, K), record) of the best start; see ``Mixture.fit``."""
    if not (isinstance(family, type) and issubclass(family, Distribution) and hasattr(family, "fit")):
        raise TypeError(f"family must be a distribution class that has fit, got {family!r}")
    k, starts = checks.dimension(n_components, "n_components"), checks.dimension(starts, "starts")
    max_iter, tol = checks.dimension(max_iter, "max_iter"), float(checks.non_negative(tol, "tol"))
    points, space = prepare(family, options, x)
    shares = checks.shares(weights, len(points))
    batch, flat = shares.shape[1:], shares.reshape(len(points), -1)
    resolution = float(np.finfo(checks.as_float(x, "x").dtype).eps)
    plan = Climb(family, options, points, space, resolution, max_iter, tol)
    elements = range(flat.shape[1])
    runs = ((e, seed(plan, flat[:, e], k, rng)) for e in elements for _ in range(starts))
    ends: list[list[Start]] = [[] for _ in elements]
    best: list[tuple[float, int, np.ndarray] | None] = [None for _ in elements]
    with _bar(progress, len(elements) * starts * max_iter) as tell:
        for e, end, state in climb(plan, flat, runs, tell):
            if state is not None and (best[e] is None or end.log_likelihood[-1] > best[e][0]):
                best[e] = (float(end.log_likelihood[-1]), len(ends[e]), state)
            ends[e].append(end)
    states, records = [], np.empty(len(elements), object)
    for e in elements:
        winner = best[e]
        if winner is None:
            where = f" for batch element {np.unravel_index(e, batch)}" if batch else ""
            raise ValueError(
                f"none of the {starts} starts has a maximum{where}: {ends[e][0].reason}; "
                "give min_scale, fewer components, or more starts"
            )
        states.append(winner[2])
        records[e] = Record(tuple(ends[e]), winner[1])
    weighted = np.stack(states, axis=1).reshape(len(points), *batch, k)
    return np.sum(weighted, axis=0), family.fit(x, weights=weighted, **options), records.reshape(batch)[()]


@contextmanager
def _bar(progress: bool, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar's ``update``, or nothing's."""
    if not progress:
        yield lambda steps: None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("progress=True needs tqdm: pip install tqdm") from None
    with tqdm(total=total, unit="step", desc="EM") as bar:
        yield lambda steps: bar.update(steps) and None
