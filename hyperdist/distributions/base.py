"""What every distribution has, from a handful of private methods.

A distribution is a space, a law and a centre. Draws are made in blocks of a fixed number of scalars, in float64,
and written into the result as they come: the extra memory does not grow with the number of draws, and the same
generator state gives the same draws.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, Self, final

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike, SampleShape, Seed, Which
from hyperdist.distributions import density, quasi
from hyperdist.distributions.criteria import Judged
from hyperdist.distributions.summaries import Summary
from hyperdist.radial import rejection
from hyperdist.radial.base import METHODS, quiet


class Drawn(NamedTuple):
    """What is known of a block of draws besides their coordinates."""

    log_density: Callable[[], np.ndarray]
    """Their log density, from the radius each was drawn with."""
    reach: float
    """A bound of their distance from the origin in units of 1/sqrt(c), or inf where a check must look at each."""


class Distribution(Judged):
    """A law on a manifold: densities in nats with respect to Riemannian volume, lengths geodesic.

    batch_shape : the broadcast of the parameters' shapes;  event_shape : (k,), the shape of a point.
    dtype       : float32 or float64, that of the parameters; results have it, the arithmetic is float64.
    A law owns its parameters: it copies what it is given, its arrays are read-only, and setting one raises
    AttributeError. It can be pickled and copied, compared with ``==``, indexed along its batch, ``law[j]``, and
    written as plain numbers, ``to_dict``.

    A new law sets these three and its parameters, under the names that ``__init__`` takes, and gives what is abstract
    here: ``_draw`` and ``_log_prob``; of its space ``_contains`` and ``_somewhere``; its log-normaliser, entropy, mean,
    variance and mode. Samples, densities and their checks follow; with ``summary`` divergences, with ``fit`` mixtures.
    One that depends on the distance from a centre derives from ``RadialDistribution``, which asks for less.

    >>> import hyperdist as hd
    >>> globe = hd.SphericalUniform(2)
    >>> float(globe.entropy().round(6)), float(globe.log_normalizer().round(6))  # log of the area 4 pi
    (2.531024, 2.531024)
    >>> float(globe.variance.round(6)), globe.mean, bool((globe.mode == globe.mean).all())  # (pi^2 - 4)/2
    (2.934802, array([1., 0., 0.]), True)
    """

    batch_shape: tuple[int, ...]
    event_shape: tuple[int, ...]
    dtype: np.dtype
    space: Any

    @abstractmethod
    def _draw(self, out: np.ndarray, start: int, rng: np.random.Generator, method: str, model: str | None) -> Drawn:
        """Fill ``out`` (n, k), float64, with the flattened draws start, start + 1, ..."""

    @abstractmethod
    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        """Log density at float64 points on the space, (*broadcast)."""

    @abstractmethod
    def _contains(self, x: np.ndarray, model: str | None) -> np.ndarray:
        """Whether a point lies on the space, to rounding of its dtype."""

    @abstractmethod
    def _somewhere(self, model: str | None) -> np.ndarray:
        """A point of the space, to stand in for points outside it."""

    @abstractmethod
    def log_normalizer(self) -> np.ndarray:
        """Log integral of the kernel that the class names over the space, in nats, (*batch)."""

    @abstractmethod
    def entropy(self) -> np.ndarray:
        """Differential entropy with respect to Riemannian volume, in nats, (*batch)."""

    @property
    @abstractmethod
    def mean(self) -> np.ndarray:
        """The Frechet mean, (*batch, k)."""

    @property
    @abstractmethod
    def variance(self) -> np.ndarray:
        """E dist(x, mean)^2, (*batch)."""

    @property
    @abstractmethod
    def mode(self) -> np.ndarray:
        """A point of largest density, (*batch, k)."""

    def summary(self) -> Summary | None:
        """What divergences ask of the law, in float64; None where it has none."""
        return None

    _models: tuple[str, ...] = ()
    _order: np.ndarray | None = None

    @final
    def sample(
        self,
        sample_shape: SampleShape = (),
        rng: Seed | quasi.Engine = None,
        *,
        method: str = "rejection",
        model: str | None = None,
    ) -> np.ndarray:
        """Independent draws, sample_shape + batch_shape + event_shape.

        sample_shape : an integer or a tuple of integers >= 0; () adds no axis.
        rng    : what ``numpy.random.default_rng`` takes, or a quasi-Monte Carlo engine, as those of
                 ``scipy.stats.qmc``, whose points are drawn from by inversion whatever the method. Its d must be the
                 dimension of the space, a mixture needs one more: radius first, then d - 1 of the direction; wrapped
                 normals take one for each coordinate. A batch takes one point a draw for all its laws, or one for each
                 law from an engine of as many times d.
        method : "rejection" (default; exact) or "inverse" (one uniform a radius; many of one law by a table of its
                 quantiles, right to 1e-13, which it keeps).
        model  : on hyperbolic space "poincare", "lorentz" or "tangent" coordinates of the draws (default: the law's).
        Raises ValueError where ball coordinates of the dtype cannot hold a draw; the message says which model can.

        >>> import hyperdist as hd
        >>> law = hd.RiemannianNormal([[0.0, 0.0], [0.5, 0.0]], 0.7)  # a batch of two
        >>> law.sample(1000, rng=7).shape, law.sample((10, 50), rng=7, model="lorentz").shape
        ((1000, 2, 2), (10, 50, 2, 3))
        >>> wide = hd.RiemannianNormal([0.0, 0.0], 20.0)  # draws about sigma^2 = 400 away
        >>> wide.sample(5, rng=0)
        Traceback (most recent call last):
        ValueError: ... ask for model='tangent'...
        >>> wide.sample(5, rng=0, model="tangent").shape
        (5, 2)
        """
        return self._sample(sample_shape, rng, method, model, density=False)[0]

    @final
    def sample_and_log_prob(
        self,
        sample_shape: SampleShape = (),
        rng: Seed | quasi.Engine = None,
        *,
        method: str = "rejection",
        model: str | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws as ``sample`` makes them, and their log density from the radius that each was drawn with.

        The density is right beyond what coordinates hold, since no point is read back.

        >>> import hyperdist as hd
        >>> law = hd.RiemannianNormal([0.1, 0.2], 0.5)
        >>> x, log_p = law.sample_and_log_prob(1000, rng=0)
        >>> bool(abs(log_p - law.log_prob(x)).max() < 1e-12)
        True
        """
        return self._sample(sample_shape, rng, method, model, density=True)

    def _sample(
        self, sample_shape: SampleShape, rng: Seed | quasi.Engine, method: str, model: str | None, *, density: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        model = self._check_model(model)
        width = self._width(model)
        shape = checks.sample_shape(sample_shape, (*self.batch_shape, width)) + self.batch_shape
        checks.choice(method, "method", METHODS)
        n = math.prod(shape)
        method, source = self._source(rng, method, n)
        points = np.empty((n, width), self.dtype)
        log_prob = np.empty(n if density else 0, self.dtype)
        with np.errstate(all="ignore"):
            for block in rejection.blocks(n, width, self._batch):
                view = points[block]
                out = view if self.dtype == np.float64 else np.empty(view.shape)
                drawn = self._draw(out, block.start, source(block), method, model)
                if out is not view:
                    view[...] = out
                self._check_draws(view, block, model, drawn.reach)
                if density:
                    log_prob[block] = drawn.log_density()
        return points.reshape((*shape, width)), log_prob.reshape(shape)[()] if density else log_prob

    def _source(self, rng: Seed | quasi.Engine, method: str, n: int) -> tuple[str, Callable[[slice], Any]]:
        """(method, the random numbers of a block) of n flattened draws."""
        if isinstance(rng, np.random.Generator) or not isinstance(rng, quasi.Engine):
            generator = checks.generator(rng)
            return method, lambda block: generator
        draws = n // self._batch if self._batch else 0
        u = quasi.points(rng, draws, self._batch, self._coordinates, type(self).__name__)
        return "inverse", lambda block: quasi.Points(u[block])

    @final
    @quiet
    def log_prob(self, x: ArrayLike, *, model: str | None = None) -> np.ndarray:
        """Log density at x, (*broadcast of x's and the batch's shape); -inf off the space, NaN where x is NaN.

        x : (*batch, k) points, in the coordinates of ``model`` on hyperbolic space.

        >>> import hyperdist as hd
        >>> hd.SphericalUniform(2).log_prob([[0.0, 0.6, 0.8], [0.0, 0.6, 0.9]]).round(6)  # the second is off the sphere
        array([-2.531024,      -inf])
        >>> laws = hd.VonMisesFisher([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], 5.0)
        >>> x = hd.SphericalUniform(2).sample(100, rng=0)
        >>> laws.log_prob(x[:, None]).shape  # all points under both laws
        (100, 2)
        """
        model = self._check_model(model)
        points = checks.points(x, "x", self._width(model))
        shape = checks.broadcast(x=points.shape[:-1], batch=self.batch_shape)
        value = np.empty(shape, np.result_type(points.dtype, self.dtype) if points.ndim > 1 else self.dtype)
        if self.batch_shape:
            free = points.ndim - 1 > len(self.batch_shape)
            rows = density.block_rows(math.prod(shape[1:]) * points.shape[-1]) if free else len(value)
            for block in density.blocks(len(value), rows) if free else [...]:
                value[block] = self._log_prob_anywhere(points[block], model)
            return value
        flat, out = points.reshape(-1, points.shape[-1]), value.reshape(-1)
        rows = min(max(1, len(flat)), density.block_rows(points.shape[-1]))
        fast = self._fast_density(rows, model)
        for block in density.blocks(len(flat), rows):
            out[block] = self._log_prob_by(fast, flat[block], model)
        return value[()]

    def _log_prob_by(self, fast: density.LogDensity | None, points: np.ndarray, model: str | None) -> np.ndarray:
        """Log density of any rows of points (n, k): by ``fast``, and the general way where that has none."""
        if fast is None:
            return self._log_prob_anywhere(points, model)
        value = fast(points)
        unsure = np.isnan(value)
        if unsure.any():
            value[unsure] = self._log_prob_anywhere(points[unsure], model)
        return value

    def _log_prob_anywhere(self, points: np.ndarray, model: str | None) -> np.ndarray:
        """Log density of any rows: -inf off the space, NaN where one is NaN."""
        outside = ~self._contains(points, model)
        missing = np.isnan(points).any(axis=-1)
        wide = points.astype(np.float64)
        if outside.any():
            wide = np.where(outside[..., None], self._somewhere(model), wide)
        return np.where(missing, np.nan, np.where(outside, -np.inf, self._log_prob(wide, model)))

    def _fast_density(self, rows: int, model: str | None) -> density.LogDensity | None:
        """``_log_prob`` of a law without batch, of at most so many rows at a time, where there is a faster form."""
        return None

    @final
    def prob(self, x: ArrayLike, *, model: str | None = None) -> np.ndarray:
        """Density at x with respect to Riemannian volume, (*broadcast), as of ``log_prob``.

        >>> import hyperdist as hd
        >>> hd.SphericalUniform(1).prob([1.0, 0.0]).round(6)  # 1/(2 pi)
        np.float64(0.159155)
        """
        with np.errstate(under="ignore", over="ignore"):
            return np.exp(self.log_prob(x, model=model))[()]

    def _curvatures(self) -> list[np.ndarray]:
        """The curvatures c of the space, where it has any, each of a shape that broadcasts against the batch."""
        return []

    def _from_tangent(self, x: np.ndarray, start: int, model: str | None) -> np.ndarray:
        """The draws start, start + 1, ... in the coordinates of ``model``, from tangent ones x (n, d), where there are
        models."""
        return x

    @property
    def _coordinates(self) -> int:
        """Uniform numbers that a draw by inversion takes."""
        return self.event_shape[0] - self.space._extra

    @property
    def _batch(self) -> int:
        return int(np.prod(self.batch_shape))

    def _width(self, model: str | None) -> int:
        return self.event_shape[0]

    def _check_model(self, model: str | None) -> str | None:
        return checks.model(model, self._models, type(self).__name__)

    def _check_draws(self, points: np.ndarray, block: slice, model: str | None, reach: float) -> None:
        """Raise where coordinates of the dtype cannot hold a draw; see ``Drawn.reach``. Compact spaces hold any."""

    def _which(self, start: int, stop: int) -> Which:
        """Indices of the flattened batch that the flattened draws start..stop belong to."""
        if self._order is not None:
            return self._order[start:stop]
        return slice(None) if self._batch == 1 else np.arange(start, stop) % self._batch

    def _in_order(self, order: np.ndarray) -> Self:
        """This law with draws that belong to the elements ``order`` of the flattened batch, not to each in turn."""
        law = object.__new__(type(self))
        vars(law).update(vars(self), _order=order)
        return law

    def _flat(self, value: np.ndarray, *event: int) -> np.ndarray:
        """A parameter broadcast over the batch and flattened to (batch, *event), float64."""
        return np.broadcast_to(value, self.batch_shape + event).reshape((self._batch, *event)).astype(np.float64)

    def _cast(self, value: np.ndarray) -> np.ndarray:
        return np.broadcast_to(value, self.batch_shape).astype(self.dtype)[()]
