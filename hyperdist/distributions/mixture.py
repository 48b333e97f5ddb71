"""Finite mixtures of laws of one family or of several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike, Seed
from hyperdist.distributions.any_mixture import AnyMixture, check_shapes, posterior, two_curvatures
from hyperdist.distributions.base import Distribution, Drawn, Which
from hyperdist.distributions.clustering import Clustering
from hyperdist.distributions.components import Components
from hyperdist.distributions.mixture_fit import fit_mixture
from hyperdist.radial.base import quiet

_SUM_TOLERANCE = 1e-6
"""How far the sum of weights may be from 1: what rounding to float32 explains, as in torch's simplex constraint."""
_BLOCK = 1 << 16
"""Component densities worked out at a time."""


class Mixture(AnyMixture, Clustering):
    """The law of a draw from a component chosen at random.

    weights   : (*batch, K)  >= 0; their sum is 1 to 1e-6, and what is left of that is divided out
    component : a distribution of batch shape (*batch, K) whose last batch axis is the mixture's, or a list of such laws
                of one space, of several families, K of them together; one without batch is one component
    record    : of a mixture that ``fit`` made, a ``Record`` (an array of them for batched weights), else None
    The density is the kernel, so that ``log_normalizer`` is 0. ``mean``, ``variance``, ``mode`` and ``entropy`` have no
    closed form and raise NotImplementedError, with what to estimate them from, the first three as attributes that it
    lacks (``hasattr`` is False).

    >>> import hyperdist
    >>> q = hyperdist.Mixture([0.3, 0.7], hyperdist.VonMisesFisher([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], [20.0, 5.0]))
    >>> q.sample((4,), rng=0).shape
    (4, 3)
    >>> q.space, q.n_parameters, float(q.log_normalizer())  # 1 weight, and 2 + 1 numbers of each component
    (Sphere(), 7, 0.0)
    """

    _estimates = {  # noqa: RUF012 - a constant
        "entropy": "-log_prob averaged over draws: -q.sample_and_log_prob(n)[1].mean(axis=0)",
        "mean": "the Frechet mean of draws: q.space.frechet_mean(q.sample(n))",
    }

    component: Any
    record: Any = None

    _event_axes: ClassVar[dict[str, int]] = {"weights": 1}

    def __init__(self, weights: ArrayLike, component: Distribution | Sequence[Distribution]) -> None:
        if isinstance(component, list | tuple):
            component = Components(component)
        if not isinstance(component, Distribution):
            raise TypeError(f"component must be a distribution, got {component!r}")
        weights = checks.non_negative(weights, "weights")
        if weights.ndim == 0 or weights.shape[-1] == 0:
            raise ValueError(f"weights must have shape (*batch, K) with K >= 1, got shape {weights.shape}")
        shape = component.batch_shape
        check_shapes(weights.shape, shape)
        total = np.sum(weights, axis=-1, dtype=np.float64, keepdims=True)
        off = np.abs(total - 1.0)
        if off.size and off.max() > _SUM_TOLERANCE:
            worst = float(total.flat[off.argmax()])
            raise ValueError(f"weights must have the sum 1 to {_SUM_TOLERANCE:g}, got {worst!r}")
        self.weights, self.component = weights, component
        self.batch_shape, self.event_shape, self.dtype = shape[:-1], component.event_shape, component.dtype
        self._shares = np.broadcast_to(weights / total, shape)
        self._models = component._models
        for each in component._curvatures():
            c = np.broadcast_to(each, shape)
            if not (c == c[..., :1]).all():
                raise two_curvatures(c)
        if hasattr(self.component, "c"):
            self.c = np.broadcast_to(self.component.c, shape)[..., 0]

    def __repr__(self) -> str:
        return f"Mixture(weights={self.weights!r}, component={self.component!r})"

    @property
    def space(self) -> Any:
        """The space of the components."""
        return self.component.space

    @property
    def n_parameters(self) -> int:
        """K - 1 for the weights, and the numbers that ``fit`` finds of every component."""
        k = self._shares.shape[-1]
        each = self.component.n_parameters
        return k - 1 + (each if isinstance(self.component, Components) else k * each)

    def _select(self, which: np.ndarray) -> Mixture:
        k = self._shares.shape[-1]
        weights = np.broadcast_to(self.weights, self._shares.shape).reshape(-1, k)[which]
        mixture = Mixture(weights, self.component._select(which[..., None] * k + np.arange(k)))
        if self.record is not None:
            vars(mixture)["record"] = np.asarray(self.record, object).reshape(-1)[which]
        return mixture

    def log_normalizer(self) -> np.ndarray:
        """0, (*batch): the density itself is the kernel."""
        return self._cast(np.asarray(0.0))

    @quiet
    def responsibilities(self, x: ArrayLike, *, model: str | None = None) -> np.ndarray:
        """Posterior probability of each component at the points x (*batch, k), (*batch, K); NaN off the space.

        >>> import hyperdist as hd
        >>> q = hd.Mixture([0.5, 0.5], hd.VonMisesFisher([[0.0, 1.0], [1.0, 0.0]], 9.0))
        >>> q.responsibilities([[0.0, 1.0], [0.5**0.5, 0.5**0.5]]).round(3)  # the second is as far from both
        array([[1. , 0. ],
               [0.5, 0.5]])
        """
        model = self._check_model(model)
        points = checks.points(x, "x", self._width(model))
        each = self.component.log_prob(points[..., None, :], model=model)
        return posterior(each, self._shares).astype(np.result_type(points.dtype, self.dtype))

    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        shape = np.broadcast_shapes(x.shape[:-1], self.batch_shape)
        if len(shape) == len(self.batch_shape):
            return self._log_sum(x, model)
        x = np.broadcast_to(x, (*shape, x.shape[-1])) if x.ndim - 1 < len(shape) else x
        rows = max(1, _BLOCK // max(1, int(np.prod(shape[1:])) * self._shares.shape[-1]))
        parts = [self._log_sum(x[start : start + rows], model) for start in range(0, len(x), rows)]
        return np.concatenate(parts) if parts else np.empty(shape)

    def _log_sum(self, x: np.ndarray, model: str | None) -> np.ndarray:
        joint = self.component._log_prob(x[..., None, :], model) + np.log(self._shares)
        peak = np.max(joint, axis=-1, keepdims=True)
        peak = np.where(np.isfinite(peak), peak, 0.0)
        return np.log(np.sum(np.exp(joint - peak), axis=-1)) + peak[..., 0]

    def _check_model(self, model: str | None) -> str | None:
        return self.component._check_model(model)

    def _width(self, model: str | None) -> int:
        return self.component._width(model)

    def _curvatures(self) -> list[np.ndarray]:
        return [np.broadcast_to(c, self._shares.shape)[..., 0] for c in self.component._curvatures()]

    def _from_tangent(self, x: np.ndarray, start: int, model: str | None) -> np.ndarray:
        first = self._elements(start, start + len(x)) * self._shares.shape[-1]
        return self.component._in_order(first)._from_tangent(x, 0, model)

    def _contains(self, x: np.ndarray, model: str | None) -> np.ndarray:
        return self.component._contains(x[..., None, :], model)[..., 0]

    def _somewhere(self, model: str | None) -> np.ndarray:
        point = self.component._somewhere(model)
        return point if point.ndim == 1 else point[..., 0, :]

    def _check_draws(self, points: np.ndarray, block: slice, model: str | None, reach: float) -> None:
        which = self._elements(block.start, block.stop) * self._shares.shape[-1]
        self.component._in_order(which)._check_draws(points, slice(0, len(points)), model, reach)

    @property
    def _coordinates(self) -> int:
        return 1 + self.component._coordinates

    def _elements(self, start: int, stop: int) -> np.ndarray:
        """Elements of the flattened batch that the flattened draws start..stop belong to, as an array."""
        which: Which = self._which(start, stop)
        return np.zeros(stop - start, int) if isinstance(which, slice) else which

    def _draw(self, out: np.ndarray, start: int, rng: np.random.Generator, method: str, model: str | None) -> Drawn:
        element = self._elements(start, start + len(out))
        chosen = element * self._shares.shape[-1] + self._choose(element, rng.random(len(out)))
        component = self.component._in_order(chosen)
        if not self._models or model == "tangent":
            component._draw(out, 0, rng, method, model)
            return Drawn(lambda: self._density(out, element, model), math.inf)
        # Tangent coordinates hold what the others lose far out, so that the density is right there.
        draws = np.empty((len(out), self._width("tangent")))
        component._draw(draws, 0, rng, method, "tangent")
        out[...] = component._from_tangent(draws, 0, model)
        return Drawn(lambda: self._density(draws, element, "tangent"), math.inf)

    def _choose(self, element: np.ndarray, u: np.ndarray) -> np.ndarray:
        """The component of each draw: how many of the element's cumulative weights are <= u, uniform on [0, 1)."""
        cumulative = np.cumsum(self._shares.reshape(-1, self._shares.shape[-1]), axis=-1)
        cumulative /= cumulative[:, -1:]
        if len(cumulative) == 1:
            return np.searchsorted(cumulative[0], u, side="right")
        count = np.zeros(len(u), int)
        for edge in cumulative.T:
            count += edge[element] <= u
        return count

    def _density(self, x: np.ndarray, element: np.ndarray, model: str | None) -> np.ndarray:
        """Log density of points x (n, k), each under its own element of the flattened batch, (n,).

        The points are laid out in rows that hold one of each element, since parameters are selected by broadcasting.
        """
        order = np.argsort(element, kind="stable")
        row = np.empty(len(x), int)
        row[order] = np.arange(len(x)) - np.searchsorted(element[order], element[order])
        table = np.broadcast_to(x[0], (int(row.max()) + 1, self._batch, x.shape[-1])).copy()
        table[row, element] = x
        value = self._log_prob(table.reshape(len(table), *self.batch_shape, -1), model)
        return value.reshape(len(table), -1)[row, element]

    @classmethod
    def fit(
        cls,
        x: ArrayLike,
        family: type[Distribution] | Sequence[type[Distribution]],
        n_components: int | None = None,
        *,
        background: bool = False,
        weights: ArrayLike | None = None,
        starts: int = 8,
        max_iter: int = 500,
        tol: float = 1e-8,
        rng: Seed = None,
        progress: bool = False,
        init: Mixture | None = None,
        **family_options: Any,
    ) -> Mixture:
        """Maximum likelihood by expectation-maximisation, the best of several starts.

        x        : (n, k) observations, as ``family.fit`` takes them
        family   : the class of the components, any that has ``fit``, or a list of one class for each
        n_components : K; with a list of classes its length, and may be left out
        background : add a uniform component, the last, for what belongs to no cluster; on spheres and tori
        weights  : (n,) or (n, *batch) observation weights; one mixture a batch element
        starts   : random starts, spread as in k-means++; of one component, which has all observations, there is one
        max_iter : steps of a start at most, each a pass over the observations
        tol      : a start has converged when a step of expectation-maximisation gains less, in nats an observation:
                   in the mean of the log likelihood, not in its sum over the n observations (1e-8 by default; 1e-3 is
                   scikit-learn's default, and enough to tell clusters apart)
        progress : show a progress bar (needs tqdm)
        init     : a mixture of K components to begin with, such as the fit of a part of many observations, in place of
                   random starts; n_components may be left out then
        family_options : passed on to ``family.fit``, such as c, or min_scale, the least scale of a component; of
                   several families to those that have it
        returns  a mixture whose ``record`` has each start's log-likelihood trace and why it ended.

        Steps go beyond expectation-maximisation's where that pays (quasi-Newton steps, Jamshidian and Jennrich 1997),
        and are taken back where the likelihood would fall, so that the trace never does; what ends a start is a step of
        expectation-maximisation itself.

        The likelihood of a mixture has no bound: a component may collapse on one point. A start where one does, its
        variance below eps times the data's, ends there, and says so in the record, unless min_scale is given: then
        narrow components are held at that scale. A component that has lost all its observations is placed anew at the
        one that the mixture explains worst.
        Raises ValueError where every start has collapsed, where x has fewer distinct points than components, or where
        the family has no parameters to fit, as a uniform law.
        Warns  RuntimeWarning where the best start has not converged, at max_iter as a rule.

        >>> import hyperdist as hd
        >>> import numpy as np
        >>> two = hd.VonMisesFisher([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], [60.0, 30.0])
        >>> x = hd.Mixture([0.3, 0.7], two).sample(200, rng=0)
        >>> fitted = hd.Mixture.fit(x, hd.VonMisesFisher, 2, starts=2, tol=1e-4, rng=0)
        >>> sorted(fitted.weights.round(1).tolist()), fitted.record.converged
        ([0.3, 0.7], True)
        >>> more = hd.Mixture.fit(two[0].sample(1000, rng=1), hd.VonMisesFisher, init=fitted, tol=1e-4)
        >>> len(more.record.starts)  # uphill from there
        1
        >>> noise = hd.SphericalUniform(2).sample(50, rng=1)
        >>> x = np.concatenate([x, noise])  # a fifth of it belongs to no cluster
        >>> hd.Mixture.fit(x, hd.VonMisesFisher, 2, background=True, starts=2, tol=1e-4, rng=0).weights[-1].round(1)
        np.float64(0.2)
        """
        shares, laws, record = fit_mixture(
            family,
            x,
            n_components,
            background,
            weights,
            family_options,
            starts,
            max_iter,
            tol,
            checks.generator(rng),
            progress,
            init,
        )
        mixture = cls(shares.astype(laws.dtype), laws)
        vars(mixture)["record"] = record
        return mixture
