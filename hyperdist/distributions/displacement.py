"""Mixtures as numbers to extrapolate: what takes the components and weights of some to those of others.

Of a component that is, as ``uncertainty.moved`` takes it, the way of its centre in the frame there and the logarithm of
the ratio of its scales, of a triangle below the diagonal the difference; last come the differences of log weights.
Parameters that are none of these are not extrapolated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from hyperdist.distributions import uncertainty
from hyperdist.distributions.components import Components
from hyperdist.distributions.fitting import largest_kappa
from hyperdist.distributions.product import Product


class Point(NamedTuple):
    """Mixtures of several runs: the law (runs, K) of their components, and log weights (runs, K)."""

    law: Any
    log_weights: np.ndarray

    def of(self, rows: np.ndarray) -> Point:
        """Some of the runs."""
        return Point(self.law[rows], self.log_weights[rows])


class Metric(NamedTuple):
    """Of each number, (runs, p)."""

    width: np.ndarray
    """A step that changes the law as much as its own width does."""
    information: np.ndarray
    """Fisher's of the observations together with their components: what an M-step divides the gradient by."""


def leaves(law: Any) -> list[Any]:
    """The laws of one family each that components are made of."""
    return [leaf for part in law.laws for leaf in leaves(part)] if isinstance(law, Components | Product) else [law]


def _rebuilt(law: Any, made: Iterator[Any]) -> Any:
    """The components with other leaves."""
    if isinstance(law, Components):
        return Components([_rebuilt(part, made) for part in law.laws])
    if isinstance(law, Product):
        return Product(*(_rebuilt(part, made) for part in law.laws))
    return next(made)


def _fitted(law: Any) -> list[tuple[int, Any]]:
    """(numbers of a component, leaf) of those that have any."""
    sized = ((sum(size for _, size in uncertainty.layout(leaf)), leaf) for leaf in leaves(law))
    return [(size, leaf) for size, leaf in sized if size and leaf.batch_shape]


def between(here: Point, there: Point) -> np.ndarray:
    """What takes ``here`` to ``there``, (runs, p); not finite where it has no numbers, as at kappa = 0."""
    runs = len(here.log_weights)
    with np.errstate(all="ignore"):
        pairs = zip(_fitted(here.law), _fitted(there.law), strict=True)
        parts = [uncertainty.between(a, b).reshape(runs, -1) for (_, a), (_, b) in pairs]
        return np.concatenate([*parts, there.log_weights - here.log_weights], axis=-1)


def metric(point: Point) -> Metric:
    """The metric at these mixtures."""
    runs, weights = len(point.log_weights), np.exp(point.log_weights)
    width, information = [], []
    for start, leaf in _starts(point.law):
        own = uncertainty.widths(leaf)
        share = weights[:, start : start + leaf.batch_shape[-1], None]
        width.append(own.reshape(runs, -1))
        with np.errstate(all="ignore"):
            information.append((share * uncertainty.degrees(leaf) / np.square(own)).reshape(runs, -1))
    return Metric(
        np.concatenate([*width, np.ones(weights.shape)], axis=-1), np.concatenate([*information, weights], axis=-1)
    )


def _starts(law: Any) -> Iterator[tuple[int, Any]]:
    """(number of its first component, leaf) of the leaves that have parameters."""
    if isinstance(law, Components):
        first = 0
        for part, count in law._parts():
            yield from ((first + start, leaf) for start, leaf in _starts(part))
            first += count
    elif isinstance(law, Product):
        for part in law.laws:
            yield from _starts(part)
    elif _fitted(law):
        yield 0, law


def displaced(point: Point, theta: np.ndarray, min_scale: float | None) -> Point:
    """Mixtures at theta (runs, p) from those given; no scale goes below ``min_scale`` that was not there.

    Raises ValueError for parameters that a law does not take, or points that coordinates do not hold.
    """
    made, start = [], 0
    with np.errstate(all="ignore"):
        for leaf in leaves(point.law):
            size = sum(size for _, size in uncertainty.layout(leaf)) if leaf.batch_shape else 0
            count = size * leaf.batch_shape[-1] if size else 0
            part, start = theta[:, start : start + count], start + count
            moved = uncertainty.moved(leaf, part.reshape(*leaf.batch_shape, size)) if size else leaf
            made.append(moved if min_scale is None or not size else _held(moved, leaf, min_scale))
        log_weights = point.log_weights + theta[:, start:]
        total = np.log(np.sum(np.exp(log_weights), axis=-1, keepdims=True))
        return Point(_rebuilt(point.law, iter(made)), log_weights - total)


def _held(law: Any, before: Any, min_scale: float) -> Any:
    """The law with a scale below the least as it was before, or at the least."""
    given = law._arguments()
    if "sigma" in given:
        given["sigma"] = np.maximum(given["sigma"], min_scale)
    elif "kappa" in given:
        given["kappa"] = np.minimum(given["kappa"], largest_kappa(min_scale, law._kappa_of_one))
    elif "scale_tril" in given:
        least = np.linalg.svd(law.scale_tril, compute_uv=False)[..., -1]
        narrow = (least < min_scale)[..., None, None]
        given["scale_tril"] = np.where(narrow, before.scale_tril, law.scale_tril)
    return type(law)(**given)


def replaced(point: Point, rows: np.ndarray, other: Point) -> Point:
    """The mixtures with those of some runs exchanged for others."""
    if len(rows) == len(point.log_weights):
        return other
    pairs = zip(leaves(point.law), leaves(other.law), strict=True)
    log_weights = np.array(point.log_weights)
    log_weights[rows] = other.log_weights
    return Point(_rebuilt(point.law, iter([_mixed(a, rows, b) for a, b in pairs])), log_weights)


def _mixed(law: Any, rows: np.ndarray, other: Any) -> Any:
    if not law.batch_shape:
        return law
    given, ours, theirs = law._arguments(), law._expanded(), other._expanded()
    for name, value in given.items():
        if np.ndim(value) > law._event_axes.get(name, 0):
            given[name] = np.array(ours[name])
            given[name][rows] = theirs[name]
    return type(law)(**given)
