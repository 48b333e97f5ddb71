"""Fitting a mixture: seeds of the starts, the climb of each, the best of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike
from hyperdist.distributions.expectation_maximisation import NEGLIGIBLE, Climb, climb, share_out
from hyperdist.distributions.families import SHARE, Families, classes_of, remedies, resolve
from hyperdist.distributions.fitting import covariance_kind, one_curvature
from hyperdist.distributions.hyperbolic import HyperbolicDistribution
from hyperdist.distributions.mixture_record import Record, Start
from hyperdist.distributions.product import Product, check_families
from hyperdist.spaces import PoincareBall, ProductSpace, Space, Sphere, Torus


def space_of(family: Any, options: dict[str, Any]) -> Space:
    """The space of a family's laws."""
    first, *others = classes_of(family)
    if issubclass(first, Product):
        check_families(options.get("families"), options.get("space"))
        return options["space"]
    if issubclass(first, HyperbolicDistribution):
        space: Space = PoincareBall(one_curvature(options.get("c", 1.0)))
    else:
        space = first.space
    for other in others:
        if issubclass(first, HyperbolicDistribution) != issubclass(other, HyperbolicDistribution) or (
            not issubclass(first, HyperbolicDistribution) and type(other.space) is not type(space)
        ):
            raise ValueError(f"family must be of laws on one space, got {first.__name__} and {other.__name__}")
    return space


def prepare(family: Any, options: dict[str, Any], x: ArrayLike) -> tuple[np.ndarray, Space]:
    """The observations in float64, on the space to its last bit."""
    space = space_of(family, options)
    return settled(space, checks.observations(x, "x", 1 + space._extra, "k")), space


def settled(space: Space, x: np.ndarray, name: str = "x") -> np.ndarray:
    """Points (n, k) in float64, on the space to its last bit; any angles are points of the torus."""
    if isinstance(space, ProductSpace):
        parts = zip(space.spaces, space.split(x), pairwise(accumulate(space.widths, initial=0)), strict=True)
        return space.join(*(settled(own, part, f"{name}[..., {a}:{b}]") for own, part, (a, b) in parts))
    angles = isinstance(space, Torus)
    points = space.wrap(checks.radians(checks.finite(x, name), name)) if angles else space.check_point(x, name)
    points = points.astype(np.float64)
    if isinstance(space, Sphere):
        points = points / np.sqrt(np.sum(np.square(points), axis=-1, keepdims=True))
    return points


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
    distances -= nearest[:, None]
    return soft_shares(distances, float(np.sum(chance)), 0.0 if plan.bounded else min(0.5, k / n))


def soft_shares(excess: np.ndarray, width: float, spread: float) -> np.ndarray:
    """Responsibilities (n, k) from squared distances less the least of each row, for a normal's mean square ``width``.

    spread : the part that is spread over all.
    """
    # Where every observation is a centre the width is 0, and each belongs to its own.
    exponent = -0.5 / width * excess if width > 0.0 else np.where(excess > 0.0, NEGLIGIBLE, 0.0)
    soft = np.exp(np.maximum(exponent, NEGLIGIBLE))
    soft /= np.sum(soft, axis=1, keepdims=True)
    return (1.0 - spread) * soft + spread / excess.shape[1]


def begin(plan: Climb, share: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """``seed`` of the components that have a place; a uniform one has a part of every observation."""
    if not isinstance(plan.family, Families) or not plan.family.uniform.any():
        return seed(plan, share, k, rng)
    uniform = plan.family.uniform
    state = np.full((len(share), k), SHARE)
    state[:, ~uniform] = (1.0 - SHARE) * seed(plan, share, k - 1, rng)
    return state


def check_init(init: Any, k: int | None) -> int:
    """The number of components of a mixture to begin with; ValueError where it is not one law of k components."""
    shape = init.component.batch_shape if hasattr(init, "component") else None
    if shape is None:
        raise TypeError(f"init must be a Mixture, got {type(init).__name__}")
    if len(shape) != 1 or (k is not None and shape[0] != k):
        wanted = "K" if k is None else str(k)
        raise ValueError(f"init must be one mixture of {wanted} components, got components of batch shape {shape}")
    return shape[0]


def shares_of(init: Any, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Responsibilities (n, K) of a mixture, and its log density (n,), at settled points (n, k)."""
    model = "poincare" if init.component._models else None
    with np.errstate(divide="ignore"):
        joint = init.component.log_prob(points[:, None, :], model=model).astype(np.float64) + np.log(
            init.weights.astype(np.float64)
        )
    out = np.empty_like(joint)
    value = share_out(joint, out)
    if not np.isfinite(value).all():
        raise ValueError("init must give every observation a density > 0")
    return out, value


def fit_mixture(
    family: Any,
    x: ArrayLike,
    n_components: int | None,
    background: bool,
    weights: ArrayLike | None,
    options: dict[str, Any],
    starts: int,
    max_iter: int,
    tol: float,
    rng: np.random.Generator,
    progress: bool,
    init: Any = None,
) -> tuple[np.ndarray, Any, Any]:
    """(mixture weights (*batch, K), component law (*batch, K), record) of the best start; see ``Mixture.fit``."""
    if init is not None and n_components is None and not isinstance(family, list | tuple):
        n_components = check_init(init, None) - bool(background)
    family, k = resolve(family, n_components, background)
    if isinstance(family, Families):
        family.check(options)
    starts = checks.dimension(starts, "starts")
    if init is not None:
        check_init(init, k)
    if init is not None or k == 1:
        starts = 1
    max_iter, tol = checks.dimension(max_iter, "max_iter"), checks.single(checks.non_negative(tol, "tol"), "tol")
    if options.get("min_scale") is not None:
        checks.one_positive(options["min_scale"], "min_scale")
    if "covariance" in options:
        covariance_kind(options["covariance"])
    if hasattr(x, "__dask_graph__"):
        plan = Climb(
            family, options, np.empty((0, 1)), space_of(family, options), _eps(getattr(x, "dtype", None)), max_iter, tol
        )
        found = _fit_blocks(plan, x, weights, k, starts, rng, progress, init)
        _warn([found[2]])
        return found
    points, space = prepare(family, options, x)
    shares = checks.shares(weights, len(points))
    batch, flat = shares.shape[1:], shares.reshape(len(points), -1)
    resolution = _eps(checks.as_float(x, "x").dtype)
    plan = Climb(family, options, points, space, resolution, max_iter, tol)
    elements = range(flat.shape[1])

    def started(e: int) -> np.ndarray:
        return begin(plan, flat[:, e], k, rng) if init is None else shares_of(init, points)[0]

    runs = ((e, started(e)) for e in elements for _ in range(starts))
    ends: list[list[Start]] = [[] for _ in elements]
    best: dict[int, tuple[float, int, np.ndarray]] = {}
    with _bar(progress, len(elements) * starts * max_iter) as tell:
        for e, end, state in climb(plan, flat, runs, tell):
            if state is not None and (e not in best or end.log_likelihood[-1] > best[e][0]):
                best[e] = (float(end.log_likelihood[-1]), len(ends[e]), state)
            ends[e].append(end)
    states, records = [], np.empty(len(elements), object)
    for e in elements:
        if e not in best:
            raise _none(plan, ends[e], f" for batch element {np.unravel_index(e, batch)}" if batch else "")
        states.append(best[e][2])
        records[e] = Record(tuple(ends[e]), best[e][1])
    _warn(list(records))
    weighted = np.stack(states, axis=1).reshape(len(points), *batch, k)
    mass = np.sum(weighted, axis=0)
    laws = plan.family.fit(x, weights=weighted, **options)
    return mass / np.sum(mass, axis=-1, keepdims=True), laws, records.reshape(batch)[()]


def _eps(dtype: Any) -> float:
    return float(np.finfo(dtype if dtype in (np.float32, np.float64) else np.float64).eps)


def _none(plan: Climb, ends: list[Start], where: str) -> ValueError:
    which = f"none of the {len(ends)} starts has a" if len(ends) > 1 else "the one start has no"
    return ValueError(f"{which} maximum{where}: {ends[0].reason}; {remedies(plan.family, plan.options)}")


def _warn(records: list[Record]) -> None:
    """Say which mixtures have not converged, to the caller of ``Mixture.fit``."""
    reasons = [record.starts[record.best].reason for record in records if not record.converged]
    if reasons:
        which = "the best start" if len(records) == 1 else f"the best start of {len(reasons)} of {len(records)} laws"
        warnings.warn(
            f"{which} has not converged: {reasons[0]}; raise max_iter, or tol where less is enough "
            "(each start's likelihoods are in record.starts)",
            RuntimeWarning,
            stacklevel=4,
        )


def _fit_blocks(
    plan: Climb, x: Any, weights: Any, k: int, starts: int, rng: np.random.Generator, progress: bool, init: Any
) -> tuple[np.ndarray, Any, Record]:
    """``fit_mixture`` of a ``dask.array``."""
    # Loaded by whoever has Dask, and so below this module in the order of layers.
    ascent = import_module("hyperdist.distributed.mixtures").Ascent(plan, x, weights, k)
    with _bar(progress, starts * plan.max_iter) as tell:
        runs = ascent.climb(starts, rng, tell, init)
    ends = [run.end for run in runs]
    able = [index for index, run in enumerate(runs) if run.state is not None]
    if not able:
        raise _none(plan, ends, "")
    best = max(able, key=lambda index: runs[index].trace[-1])
    record = Record(tuple(ends), best)
    return *ascent.law(runs[best]), record


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

        def tell(steps: int) -> None:
            bar.update(steps)

        yield tell
