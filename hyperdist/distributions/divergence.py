"""Kullback-Leibler divergences of the laws of this package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Protocol

import numpy as np

from hyperdist import checks
from hyperdist.arrays.namespace import Array
from hyperdist.distributions.base import Distribution
from hyperdist.distributions.divergence_forms import Divergence, find, settle
from hyperdist.distributions.spherical import SphericalUniform
from hyperdist.distributions.summaries import HyperbolicSummary, ProductSummary, Summary
from hyperdist.distributions.toroidal_uniform import ToroidalUniform
from hyperdist.radial.base import quiet

_ADVICE = "average p.log_prob(x) - q.log_prob(x) over draws of p"


@quiet
def kl_divergence(p: Distribution, q: Distribution) -> np.ndarray:
    """KL(p || q) = E_p[log p - log q] in nats, (*batch), batch axes broadcast.

    Forms: von Mises-Fisher and uniform laws in any pair and with any centres; Riemannian and wrapped normals, also
    of each other, about one centre, and about two where c = 0; torus laws in any pair and with any centres; products
    factor by factor. A subclass has the form of the law that it derives from.
    Angles of which q's are independent have a closed form, for a correlated p with its entropy. Of a correlated q the
    directions count in which its density wraps about p and is not uniform: none is the normals' closed form, one has
    a form too, two or three are integrated, and refined until they promise 1e-10 (1 + |value|).
    Raises NotImplementedError for other pairs and centres, where the integral has more than one dimension:
    average ``p.log_prob(x) - q.log_prob(x)`` over ``x = p.sample(n)``; so too where torus laws wrap in more than
    three directions, or q is so narrow that its density has creases within p's reach. ValueError where the spaces
    differ.
    Accuracy  worked out in float64 and rounded to the dtype: 1e-13 (1 + |log-normalisers|), and relative to a small
              divergence too, since laws that are close are compared by their log ratio.

    >>> import hyperdist as hd
    >>> p, q = hd.WrappedNormal([0.1, 0.0], 0.5, c=0.0), hd.WrappedNormal([0.1, 0.0], 1.0, c=0.0)
    >>> hd.kl_divergence(p, q).round(6)  # 2 log 2 - 2 (1 - 1/4)/2
    np.float64(0.636294)
    >>> p, q = hd.RiemannianNormal([0.1, 0.0], 0.5), hd.RiemannianNormal([0.3, 0.0], 0.5)  # two centres, c = 1
    >>> hd.kl_divergence(p, q)
    Traceback (most recent call last):
    NotImplementedError: this divergence about two centres has no one-dimensional form: average p.log_prob(x) - ...
    >>> x, log_p = p.sample_and_log_prob(1000, rng=0)
    >>> bool((log_p - q.log_prob(x)).mean() > 0.0)
    True
    """
    value = compare(p, q, np.all).value
    return np.broadcast_to(value, np.broadcast_shapes(p.batch_shape, q.batch_shape)).astype(_dtype(p, q))[()]


def _dtype(p: Distribution, q: Distribution) -> np.dtype:
    """That of the laws' parameters; a uniform law has none."""
    dtypes = [law.dtype for law in (p, q) if not isinstance(law, (SphericalUniform, ToroidalUniform))]
    return np.result_type(*dtypes) if dtypes else np.dtype(np.float64)


class Comparable(Protocol):
    """A law of either package, as far as its divergences look at it."""

    @property
    def batch_shape(self) -> tuple[int, ...]: ...
    @property
    def event_shape(self) -> tuple[int, ...]: ...
    def summary(self) -> Summary | None: ...


def compare(p: Comparable, q: Comparable, holds: Callable[[Array], object]) -> Divergence:
    """The divergence of two laws of any namespace; errors as of ``kl_divergence``.

    holds : whether a mask holds everywhere; where it cannot look at values it says so, and ``known`` tells.
    """
    summaries = p.summary(), q.summary()
    if isinstance(summaries[0], ProductSummary) and isinstance(summaries[1], ProductSummary):
        return _of_products(summaries[0].laws, summaries[1].laws, holds)
    one_space(p, q)
    if any(isinstance(summary, ProductSummary) for summary in summaries) and None not in summaries:
        raise ValueError(
            f"p and q must be laws on one space, got {type(p).__name__} and {type(q).__name__}, of which one alone is "
            "on a product"
        )
    form = find(*summaries)
    if form is None:
        raise NotImplementedError(
            f"KL({type(p).__name__} || {type(q).__name__}) has no closed or one-dimensional form here; {_ADVICE}"
        )
    checks.broadcast(p=tuple(p.batch_shape), q=tuple(q.batch_shape))
    if isinstance(summaries[0], HyperbolicSummary):
        one_curvature(summaries[0].c, summaries[1].c, holds)  # type: ignore[union-attr]
    value, known = form(*summaries)
    if known is not None and not holds(known):
        raise NotImplementedError(f"this divergence about two centres has no one-dimensional form: {_ADVICE}")
    return Divergence(settle(value), known)


def _of_products(p: Sequence[Comparable], q: Sequence[Comparable], holds: Callable[[Array], object]) -> Divergence:
    """The sum of the factors' divergences."""
    if len(p) != len(q):
        raise ValueError(f"p and q must be laws on one space, got products of {len(p)} and {len(q)} laws")
    for ours, theirs in zip(p, q, strict=True):
        one_space(ours, theirs)
    parts = [compare(ours, theirs, holds) for ours, theirs in zip(p, q, strict=True)]
    known = [part.known for part in parts if part.known is not None]
    value = reduce(lambda a, b: a + b, (part.value for part in parts))
    return Divergence(value, reduce(lambda a, b: a & b, known) if known else None)


def one_space(p: Comparable, q: Comparable) -> None:
    """ValueError for laws of points of two shapes."""
    if p.event_shape != q.event_shape:
        shapes = f"{tuple(p.event_shape)} and {tuple(q.event_shape)}"
        raise ValueError(f"p and q must be laws on one space, got points of shape {shapes}")


def one_curvature(p: Array, q: Array, holds: Callable[[Array], object]) -> None:
    """ValueError for spaces of two curvatures."""
    if not holds(p == q):
        raise ValueError(f"p and q must be laws on one space, got curvatures c = {p} and {q}")
