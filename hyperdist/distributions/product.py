"""Products of independent laws on products of spaces."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike
from hyperdist.distributions.any_mixture import AnyMixture
from hyperdist.distributions.base import Distribution, Drawn
from hyperdist.distributions.hyperbolic import HyperbolicDistribution
from hyperdist.distributions.observed import factors
from hyperdist.distributions.summaries import ProductSummary, side_by_side
from hyperdist.geometry import conversions
from hyperdist.geometry.product import join, split
from hyperdist.spaces import PoincareBall, ProductSpace
from hyperdist.spaces.product import sized


def factors_model(model: str | None, models: Sequence[str], laws: Sequence[Any]) -> str | None:
    """``model`` where every hyperbolic factor takes it, else its ValueError; None stays, for what each factor has."""
    if model is None:
        return None
    checks.model(model, models, "a Product without hyperbolic factors")
    for law in laws:
        if law._models:
            law._check_model(model)
    return model


class _Part(NamedTuple):
    """A factor while draws are made or looked at."""

    law: Any
    """With draws in the order that they have in the product."""
    model: str | None
    columns: slice
    start: int
    """The number of its first draw."""


class Product(Distribution):
    """Independent laws side by side: the law of a point on the product of their spaces.

    laws : laws of this package, whose batches broadcast; mixtures and products too
    A point is the factors' coordinates one after the other, (*batch, k_1 + k_2 + ...), on ``space``, a
    ``ProductSpace``, whose ``split`` and ``join`` go between a point and its parts. Log densities, entropies,
    divergences and variances add up; ``mean`` and ``mode`` are the joined ones. Each factor spends random numbers of
    its own, in turn, from the one generator. ``model`` is for the hyperbolic factors, each of which has its own where
    none is asked for. A flat factor is a normal with c = 0, with model="tangent" in its orthonormal coordinates.
    Raises TypeError for what is no law, ValueError where batches do not broadcast.
    Source   Gu et al. 2019 (ICLR); Skopek et al. 2020 (arXiv 1911.08411).

    >>> import numpy as np, hyperdist as hd
    >>> q = hd.Product(hd.RiemannianNormal([0.1, 0.2], 0.5), hd.VonMisesFisher([0.0, 0.0, 1.0], 9.0))
    >>> x, lp = q.sample_and_log_prob((4,), rng=0)
    >>> x.shape, [part.shape for part in q.space.split(x)]
    ((4, 5), [(4, 2), (4, 3)])
    >>> np.allclose(lp, q.log_prob(x))
    True
    >>> q.n_parameters, np.isclose(q.entropy(), q.laws[0].entropy() + q.laws[1].entropy())
    (6, np.True_)
    >>> q.mean.tolist(), bool((q.mode == q.mean).all()), bool(q.variance > q.laws[0].variance)
    ([0.1, 0.2, 0.0, 0.0, 1.0], True, True)
    >>> float(q.log_normalizer().round(6)) == float(sum(law.log_normalizer() for law in q.laws).round(6))
    True
    """

    laws: tuple[Any, ...]

    def __init__(self, *laws: Distribution) -> None:
        if not laws:
            raise ValueError("laws must hold at least one distribution, got none")
        for i, law in enumerate(laws):
            if not isinstance(law, Distribution):
                raise TypeError(f"laws[{i}] must be a distribution of hyperdist, got {law!r}")
        self.laws = laws
        self.batch_shape = checks.broadcast(**{f"laws[{i}]": law.batch_shape for i, law in enumerate(laws)})
        self.event_shape = (sum(law.event_shape[0] for law in laws),)
        self.dtype = np.result_type(*(law.dtype for law in laws))
        if any(law._models for law in laws):
            self._models = conversions.MODELS

    def __repr__(self) -> str:
        return f"Product({', '.join(map(repr, self.laws))})"

    def _arguments(self) -> dict[str, Any]:
        return {"laws": list(self.laws)}

    @classmethod
    def _made_of(cls, arguments: dict[str, Any]) -> Product:
        return cls(*arguments["laws"])

    def _expanded(self) -> dict[str, Any]:
        return {"laws": [law._select(self._places(law).reshape(self.batch_shape)) for law in self.laws]}

    @property
    def space(self) -> ProductSpace:  # type: ignore[override]
        """The product of the laws' spaces."""
        return ProductSpace(*(sized(law.space, law.event_shape[0]) for law in self.laws))

    @property
    def n_parameters(self) -> int:
        """Numbers that ``fit`` finds of one element of the batch, of all factors together."""
        return sum(law.n_parameters for law in self.laws)

    def log_normalizer(self) -> np.ndarray:
        """The sum of the laws', (*batch)."""
        return self._cast(_total(law.log_normalizer() for law in self.laws))

    def entropy(self) -> np.ndarray:
        """The sum of the laws', in nats, (*batch)."""
        return self._cast(_total(law.entropy() for law in self.laws))

    @property
    def variance(self) -> np.ndarray:
        """E dist(x, mean)^2, the sum of the laws', (*batch)."""
        return self._cast(_total(law.variance for law in self.laws))

    @property
    def mean(self) -> np.ndarray:
        """The Frechet mean, those of the laws joined, (*batch, k)."""
        return self._joined([law.mean for law in self.laws])

    @property
    def mode(self) -> np.ndarray:
        """A point of largest density, those of the laws joined, (*batch, k)."""
        return self._joined([law.mode for law in self.laws])

    def summary(self) -> ProductSummary:
        """What divergences ask of the law: those of its factors."""
        return ProductSummary(self.space.d, len(self.batch_shape), side_by_side(self.laws))

    def _joined(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        points = join(parts)
        return np.broadcast_to(points, self.batch_shape + points.shape[-1:]).astype(self.dtype)

    def _check_model(self, model: str | None) -> str | None:
        return factors_model(model, self._models, self.laws)

    def _model_of(self, law: Any, model: str | None) -> str | None:
        return law._check_model(model) if law._models else None

    def _widths(self, model: str | None) -> list[int]:
        return [law._width(self._model_of(law, model)) for law in self.laws]

    def _width(self, model: str | None) -> int:
        return sum(self._widths(model))

    def _each(self, x: np.ndarray, model: str | None) -> Iterator[tuple[Any, np.ndarray, str | None]]:
        """(law, its coordinates of the points x, its model)."""
        for law, part in zip(self.laws, split(x, self._widths(model)), strict=True):
            yield law, part, self._model_of(law, model)

    def _contains(self, x: np.ndarray, model: str | None) -> np.ndarray:
        return reduce(np.logical_and, (law._contains(part, own) for law, part, own in self._each(x, model)))

    def _somewhere(self, model: str | None) -> np.ndarray:
        return join([law._somewhere(self._model_of(law, model)) for law in self.laws])

    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        return _total(law._log_prob(part, own) for law, part, own in self._each(x, model))

    def _curvatures(self) -> list[np.ndarray]:
        return [c for law in self.laws for c in law._curvatures()]

    @property
    def _coordinates(self) -> int:
        return sum(law._coordinates for law in self.laws)

    def _places(self, law: Distribution) -> np.ndarray:
        """For each element of the flattened batch, the one of the law's."""
        return np.broadcast_to(np.arange(law._batch).reshape(law.batch_shape), self.batch_shape).reshape(-1)

    def _drawing(self, start: int, stop: int, model: str | None) -> Iterator[_Part]:
        """The factors for the flattened draws start..stop."""
        first = 0
        for law, width in zip(self.laws, self._widths(model), strict=True):
            columns, own, first = slice(first, first + width), self._model_of(law, model), first + width
            if law._batch == 1 or (law.batch_shape == self.batch_shape and self._order is None):
                yield _Part(law, own, columns, start)
            else:
                yield _Part(law._in_order(self._places(law)[self._which(start, stop)]), own, columns, 0)

    def _draw(self, out: np.ndarray, start: int, rng: np.random.Generator, method: str, model: str | None) -> Drawn:
        drawn: list[Drawn] = []
        for law, own, columns, first in self._drawing(start, start + len(out), model):
            part = np.empty((len(out), columns.stop - columns.start))
            drawn.append(law._draw(part, first, rng, method, own))
            out[:, columns] = part
        return Drawn(lambda: _total(each.log_density() for each in drawn), max(each.reach for each in drawn))

    def _check_draws(self, points: np.ndarray, block: slice, model: str | None, reach: float) -> None:
        for law, own, columns, first in self._drawing(block.start, block.stop, model):
            law._check_draws(points[:, columns], slice(first, first + len(points)), own, reach)

    def _from_tangent(self, x: np.ndarray, start: int, model: str | None) -> np.ndarray:
        parts = zip(self._drawing(start, start + len(x), model), split(x, self._widths("tangent")), strict=True)
        return join([law._from_tangent(part, first, own) for (law, own, _, first), part in parts])

    def _select(self, which: np.ndarray) -> Product:
        if not self.batch_shape:
            return Product(*(law._select(which) for law in self.laws))
        return Product(*(law if not law.batch_shape else law._select(self._places(law)[which]) for law in self.laws))

    def _observed(self, x: np.ndarray) -> dict[str, Any]:
        return {"laws": [law._observed(part) for law, part, _ in self._each(x, None)]}

    def _resampled(self, x: np.ndarray, draws: int, rng: np.random.Generator) -> dict[str, Any]:
        return {"laws": [law._resampled(part, draws, rng) for law, part, _ in self._each(x, None)]}

    @classmethod
    def fit(
        cls,
        x: ArrayLike,
        families: Sequence[type[Distribution]],
        space: ProductSpace,
        weights: ArrayLike | None = None,
        **options: Any,
    ) -> Product:
        """Maximum likelihood, factor by factor: the parts are independent.

        x        : (n, k) points of ``space``, hyperbolic factors in ball coordinates
        families : the class of each factor, any that has ``fit``
        space    : the ``ProductSpace`` that says which coordinates are whose, and the curvatures c
        weights  : (n,) or (n, *batch) observation weights, one product a batch element
        options  : passed on to the families whose ``fit`` has them, as min_scale
        Raises what the families' ``fit`` raises, and says of which factor's coordinates it speaks; ValueError where a
        factor's space is not its family's.

        >>> import hyperdist as hd
        >>> space = hd.ProductSpace(hd.PoincareBall(1.0, d=2), hd.Sphere(2))
        >>> q = hd.Product(hd.WrappedNormal([0.1, 0.2], 0.5), hd.VonMisesFisher([0.0, 0.0, 1.0], 9.0))
        >>> fitted = hd.Product.fit(q.sample(500, rng=0), [hd.WrappedNormal, hd.VonMisesFisher], space)
        >>> fitted.laws[1].kappa.round(1)
        np.float64(9.2)
        """
        check_families(families, space)
        parts, weights = factors(x, weights, space.widths)
        if "c" in options:
            raise TypeError("c is that of each factor of space, PoincareBall(c, d), and no option")
        taken = [inspect.signature(family.fit).parameters for family in families]  # type: ignore[attr-defined]
        for name in options:
            if not any(name in names for names in taken):
                raise TypeError(f"fit of none of the families takes {name!r}")
        ends = accumulate(space.widths)
        laws = []
        for i, (family, part, own, end) in enumerate(zip(families, parts, space.spaces, ends, strict=True)):
            given = {name: value for name, value in options.items() if name in taken[i]}
            if isinstance(own, PoincareBall):
                given["c"] = own.c
            try:
                laws.append(family.fit(part, weights=weights, **given))  # type: ignore[attr-defined]
            except ValueError as error:
                own_call = f"{family.__name__}.fit(x[:, {end - space.widths[i]}:{end}])"
                raise ValueError(f"{own_call}: {error}") from error
        return cls(*laws)


def check_families(families: Any, space: Any) -> None:
    """Raise unless there is one family, a law with ``fit``, for each factor of a space, and the factor is its space."""
    if not isinstance(space, ProductSpace):
        raise TypeError(f"space must be a ProductSpace, got {space!r}")
    if not isinstance(families, list | tuple) or len(families) != len(space.spaces):
        raise ValueError(f"families must be a list of one class for each of {len(space.spaces)} spaces, got {families}")
    for i, (family, own) in enumerate(zip(families, space.spaces, strict=True)):
        if not (isinstance(family, type) and issubclass(family, Distribution) and hasattr(family, "fit")):
            raise TypeError(f"families[{i}] must be a distribution class that has fit, got {family!r}")
        if issubclass(family, Product | AnyMixture):
            raise TypeError(
                f"families[{i}] must be a law of one space, got {family.__name__}: name the factors' own families and "
                "spaces side by side, or fit it by itself"
            )
        wanted = PoincareBall if issubclass(family, HyperbolicDistribution) else type(getattr(family, "space", None))
        if type(own) is not wanted:
            raise ValueError(f"spaces[{i}] must be a {wanted.__name__}, for {family.__name__}.fit, got {own!r}")


def _total(values: Iterable[Any]) -> Any:
    return sum(values)
