"""Laws of several families as the components of one mixture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.distributions.base import Distribution, Drawn
from hyperdist.distributions.quasi import of_rows
from hyperdist.spaces import ProductSpace


def _alike(a: Any, b: Any) -> bool:
    """Whether spaces are of one kind, products factor by factor; their curvatures are looked at by mixtures."""
    if isinstance(a, ProductSpace) and isinstance(b, ProductSpace):
        return a.widths == b.widths and all(map(_alike, a.spaces, b.spaces))
    return type(a) is type(b)


class Components(Distribution):
    """Laws of several families on one space, side by side along the last batch axis: what ``Mixture`` makes of a list.

    laws : each of batch shape (*batch, K_i), or without batch, one component; together (*batch, K), K the sum of K_i
    Raises ValueError for laws on spaces of different kinds, dimensions or curvatures.

    >>> import hyperdist
    >>> north = hyperdist.VonMisesFisher([0.0, 0.0, 1.0], 9.0)
    >>> q = hyperdist.Mixture([0.1, 0.9], [hyperdist.SphericalUniform(2), north])
    >>> q.component[1]
    VonMisesFisher(mu=array([0., 0., 1.]), kappa=array(9.))
    >>> q.component.batch_shape, q.component.space, q.component.n_parameters  # 0 and 2 + 1
    ((2,), Sphere(), 3)
    >>> q.component.mean.tolist(), (q.component.mode == q.component.mean).all().item()
    ([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], True)
    >>> q.component.entropy().round(3), q.component.log_normalizer().round(3), q.component.variance.round(3)
    (array([2.531, 0.641]), array([2.531, 8.641]), array([2.935, 0.231]))
    """

    laws: tuple[Any, ...]

    def __init__(self, laws: Sequence[Distribution]) -> None:
        if not laws or not all(isinstance(law, Distribution) for law in laws):
            raise TypeError(f"component must be a distribution or a list of at least one, got {laws!r}")
        first = laws[0]
        for law in laws[1:]:
            if law.event_shape != first.event_shape or not _alike(law.space, first.space):
                raise ValueError(f"component must be laws on one space, got {first!r} and {law!r}")
        self.laws = tuple(laws)
        self._counts = tuple(law.batch_shape[-1] if law.batch_shape else 1 for law in laws)
        batch = checks.broadcast(**{f"laws[{i}]": law.batch_shape[:-1] for i, law in enumerate(laws)})
        self.batch_shape, self.event_shape = (*batch, sum(self._counts)), first.event_shape
        self.dtype = np.result_type(*(law.dtype for law in laws))
        self._models = first._models
        if hasattr(first, "c"):
            self.c = self._joined([law.c for law in self.laws])

    def __repr__(self) -> str:
        return f"Components({list(self.laws)!r})"

    def _arguments(self) -> dict[str, Any]:
        return {"laws": list(self.laws)}

    @property
    def space(self) -> Any:
        """The space of the first law."""
        return self.laws[0].space

    @property
    def n_parameters(self) -> int:
        """Numbers that ``fit`` finds, of all components together."""
        return sum(law.n_parameters * count for law, count in zip(self.laws, self._counts, strict=True))

    def _joined(self, values: Sequence[Any], axes: int = 0) -> np.ndarray:
        """Values of the laws, (..., K_i, *event), one after the other: (..., K, *event)."""
        wide = []
        for law, count, value in zip(self.laws, self._counts, values, strict=True):
            array = np.asarray(value)
            batch, event = array.shape[: array.ndim - axes], array.shape[array.ndim - axes :]
            lead = batch if law.batch_shape and batch else (*batch, 1)
            wide.append(np.broadcast_to(array.reshape(lead + event), (*lead[:-1], count, *event)))
        lead = np.broadcast_shapes(*(array.shape[: array.ndim - axes - 1] for array in wide))
        return np.concatenate(
            [np.broadcast_to(array, lead + array.shape[array.ndim - axes - 1 :]) for array in wide], axis=-1 - axes
        )

    def _curvatures(self) -> list[np.ndarray]:
        return [self._joined(each) for each in zip(*(law._curvatures() for law in self.laws), strict=True)]

    def _all(self, values: Sequence[Any]) -> np.ndarray:
        return self._cast(self._joined(values))

    def log_normalizer(self) -> np.ndarray:
        """Those of the laws, (*batch, K)."""
        return self._all([law.log_normalizer() for law in self.laws])

    def entropy(self) -> np.ndarray:
        """Those of the laws, (*batch, K)."""
        return self._all([law.entropy() for law in self.laws])

    @property
    def variance(self) -> np.ndarray:
        """Those of the laws, (*batch, K)."""
        return self._all([law.variance for law in self.laws])

    @property
    def mean(self) -> np.ndarray:
        """Those of the laws, (*batch, K, k)."""
        joined = self._joined([law.mean for law in self.laws], 1)
        return np.broadcast_to(joined, self.batch_shape + self.event_shape).astype(self.dtype)

    @property
    def mode(self) -> np.ndarray:
        """Those of the laws, (*batch, K, k)."""
        joined = self._joined([law.mode for law in self.laws], 1)
        return np.broadcast_to(joined, self.batch_shape + self.event_shape).astype(self.dtype)

    def _check_model(self, model: str | None) -> str | None:
        return self.laws[0]._check_model(model)

    def _width(self, model: str | None) -> int:
        return self.laws[0]._width(model)

    def _contains(self, x: np.ndarray, model: str | None) -> np.ndarray:
        inside = self.laws[0]._contains(x, model)
        return inside[..., :1] if inside.ndim else inside

    def _somewhere(self, model: str | None) -> np.ndarray:
        point = self.laws[0]._somewhere(model)
        return point if point.ndim == 1 else point[..., :1, :]

    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        x = x if x.ndim > 1 else x[None]
        values, start = [], 0
        for law, count in zip(self.laws, self._counts, strict=True):
            part = x[..., start : start + count, :] if x.shape[-2] != 1 else x
            value = law._log_prob(part, model)
            values.append(np.broadcast_to(value, (*value.shape[:-1], count)))
            start += count
        lead = np.broadcast_shapes(*(value.shape[:-1] for value in values))
        return np.concatenate([np.broadcast_to(value, (*lead, value.shape[-1])) for value in values], axis=-1)

    def _split(self, start: int, stop: int) -> list[tuple[Any, np.ndarray]]:
        """(law with draws in their order, rows) of the flattened draws start..stop."""
        which = self._which(start, stop)
        which = np.zeros(stop - start, int) if isinstance(which, slice) else which
        element, component = np.divmod(which, self.batch_shape[-1])
        found, first = [], 0
        for law, count in zip(self.laws, self._counts, strict=True):
            rows = np.flatnonzero((component >= first) & (component < first + count))
            order = element[rows] * count + component[rows] - first
            if law.batch_shape[:-1] != self.batch_shape[:-1]:
                lead = (*law.batch_shape[:-1], count) if law.batch_shape else (1,)
                table = np.broadcast_to(np.arange(math.prod(lead)).reshape(lead), (*self.batch_shape[:-1], count))
                order = table.reshape(-1)[order]
            found.append((law._in_order(order), rows))
            first += count
        return [(law, rows) for law, rows in found if rows.size]

    def _draw(self, out: np.ndarray, start: int, rng: np.random.Generator, method: str, model: str | None) -> Drawn:
        drawn, reach = [], 0.0
        for law, rows in self._split(start, start + len(out)):
            part = np.empty((len(rows), out.shape[1]))
            drawn.append((rows, law._draw(part, 0, of_rows(rng, rows), method, model)))
            out[rows], reach = part, max(reach, drawn[-1][1].reach)

        def log_density() -> np.ndarray:
            value = np.empty(len(out))
            for rows, each in drawn:
                value[rows] = each.log_density()
            return value

        return Drawn(log_density, reach)

    def _from_tangent(self, x: np.ndarray, start: int, model: str | None) -> np.ndarray:
        out = np.empty((len(x), self._width(model)))
        for law, rows in self._split(start, start + len(x)):
            out[rows] = law._from_tangent(x[rows], 0, model)
        return out

    def _check_draws(self, points: np.ndarray, block: slice, model: str | None, reach: float) -> None:
        for law, rows in self._split(block.start, block.stop):
            law._check_draws(points[rows], slice(0, len(rows)), model, reach)

    def _select(self, which: np.ndarray) -> Any:
        """One law, or such a list again: of a part of the batch with all components, or of some components of one."""
        k = self.batch_shape[-1]
        whole = which.ndim > 0 and which.shape[-1] == k and bool(np.all(which % k == np.arange(k)))
        if whole and (which // k == which[..., :1] // k).all():
            return Components([self._part(law, count, which[..., 0] // k) for law, count in self._parts()])
        if which.ndim == 0:
            element, component = divmod(int(which), k)
            for law, count in self._parts():
                if component < count:
                    part = self._part(law, count, np.asarray(element))
                    return part if not part.batch_shape else part[component]
                component -= count
        if which.ndim == 1:
            return Components([self._select(np.asarray(each)) for each in which])
        raise IndexError("laws of several families are picked from one element of the batch, or with all components")

    def _parts(self) -> list[tuple[Any, int]]:
        return list(zip(self.laws, self._counts, strict=True))

    def _part(self, law: Any, count: int, element: np.ndarray) -> Any:
        """A law's components of elements of the flattened batch."""
        if not law.batch_shape:
            # What has no batch either way is made one, since no other law brings it.
            alone = self.batch_shape[:-1] == ()
            return law._select(np.zeros((*element.shape, 1), int)) if alone and element.ndim else law
        lead = law.batch_shape[:-1]
        table = np.arange(math.prod(lead)).reshape(lead)
        places = np.broadcast_to(table, self.batch_shape[:-1]).reshape(-1)[element]
        return law._select(places[..., None] * count + np.arange(count))
