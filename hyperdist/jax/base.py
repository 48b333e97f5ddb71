"""What every law has under JAX: draws from a key, their density, and the checks of what comes in."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, Self, final

import jax
import jax.numpy as jnp
import numpy as np

from hyperdist import checks
from hyperdist.arrays.host import hidden
from hyperdist.arrays.types import AnyArray, SampleShape
from hyperdist.distributions import Distribution
from hyperdist.jax import _arguments
from hyperdist.jax._radial import Radial, at_cdf
from hyperdist.jax._tree import Tree
from hyperdist.jax.radius import Radius

Array = jax.Array


class Law(Tree):
    """A law on a manifold under JAX: densities in nats with respect to Riemannian volume, lengths geodesic.

    Parameters and points may be traced: ``jit``, ``grad``, ``vmap`` and ``jvp`` of what a law works out, of the law
    made inside, or of the law itself, which is a pytree of its parameters, broadcast over the batch.
    dtype : float32 or float64, that of the parameters. Constants of the radius are worked out in float64 where that is
            switched on (``jax.config.update("jax_enable_x64", True)``), else in float32, to about 1e-6 (1 + |value|).
    Values are checked as NumPy's laws check theirs, with the same messages, where there are any to look at; where they
    are traced, shapes and dtypes alone, and NaN comes of what is out of bounds.
    """

    event_shape: tuple[int, ...]
    dtype: Any

    _numpy: ClassVar[type[Distribution]]
    """The same law of NumPy, which checks the parameters."""
    _on_sphere: ClassVar[bool] = False
    _kept = ("dtype", "event_shape")

    @property
    @abstractmethod
    def batch_shape(self) -> tuple[int, ...]:
        """The broadcast of the parameters' shapes."""

    @property
    @abstractmethod
    def mean(self) -> Array:
        """The Frechet mean, (*batch, k)."""

    @property
    @abstractmethod
    def variance(self) -> Array:
        """E dist(x, mean)^2, (*batch)."""

    @property
    def mode(self) -> Array:
        """A point of largest density, (*batch, k)."""
        return self.mean

    @abstractmethod
    def entropy(self) -> Array:
        """Differential entropy with respect to Riemannian volume, in nats, (*batch)."""

    @abstractmethod
    def log_normalizer(self) -> Array:
        """Log integral of the kernel that NumPy's class names over the space, in nats, (*batch)."""

    @abstractmethod
    def _inside(self, x: Array, model: str | None) -> Array:
        """Whether points lie on the space, to rounding of their dtype."""

    @abstractmethod
    def _somewhere(self, model: str | None) -> Array:
        """A point of the space, (k,) or (*batch, k), to stand in for points outside it."""

    @abstractmethod
    def _log_prob(self, x: Array, model: str | None) -> Array:
        """Log density at points on the space."""

    @abstractmethod
    def _draw(self, shape: tuple[int, ...], rng: Array, model: str | None) -> tuple[Array, Array]:
        """Draws of shape + event, and their log density."""

    @property
    def _models(self) -> tuple[str, ...]:
        return ()

    @final
    def sample(self, sample_shape: SampleShape = (), rng: Any = None, *, model: str | None = None) -> Array:
        """Draws, sample_shape + batch_shape + event_shape, with derivatives in the parameters.

        The radius is drawn by inversion, so that there is no loop of chance length: a draw moves with the parameters at
        fixed cdf. The same key gives the same draws.
        rng   : a key of ``jax.random``, or an integer seed of one
        model : on hyperbolic space "poincare", "lorentz" or "tangent" coordinates of the draws (default: the law's)
        Raises ValueError where ball coordinates of the dtype cannot hold a draw; where it is traced, it is NaN.
        """
        return self.sample_and_log_prob(sample_shape, rng, model=model)[0]

    @final
    def sample_and_log_prob(
        self, sample_shape: SampleShape = (), rng: Any = None, *, model: str | None = None
    ) -> tuple[Array, Array]:
        """Draws as ``sample`` makes them, and their log density from the radius that each was drawn with."""
        shape = checks.sample_shape(sample_shape, self.batch_shape + self.event_shape) + self.batch_shape
        return self._draw(shape, _arguments.key(rng), self._check_model(model))

    @final
    def log_prob(self, x: AnyArray, *, model: str | None = None) -> Array:
        """Log density at x, (*broadcast of x's and the batch's shape); -inf off the space, NaN where x is NaN.

        x : (*batch, k) points, in the coordinates of ``model`` on hyperbolic space.
        """
        model = self._check_model(model)
        given = _arguments.points(x, self.dtype, self._width(model), self.batch_shape)
        dtype = jnp.promote_types(given.dtype, self.dtype)
        law, points = self._as(dtype), given.astype(dtype)
        inside = law._inside(points, model)
        value = law._log_prob(jnp.where(inside[..., None], points, law._somewhere(model)), model)
        off = jnp.where(jnp.isnan(points).any(axis=-1) | law._unknown, math.nan, -math.inf)
        return jnp.where(inside, value, off).astype(dtype if given.ndim > 1 else self.dtype)

    @property
    def _unknown(self) -> Array:
        """Whether a parameter is NaN, as those are that were out of bounds where nobody could look, (*batch)."""
        rows = [jnp.isnan(leaf).reshape(*self.batch_shape, -1).any(axis=-1) for leaf in jax.tree.leaves(self)]
        return jnp.stack(rows).any(axis=0) if rows else jnp.zeros(self.batch_shape, bool)

    @final
    def prob(self, x: AnyArray, *, model: str | None = None) -> Array:
        """Density at x with respect to Riemannian volume, (*broadcast)."""
        return jnp.exp(self.log_prob(x, model=model))

    def _check_model(self, model: str | None) -> str | None:
        return checks.model(model, self._models, type(self).__name__)

    def _width(self, model: str | None) -> int:
        return self.event_shape[0]

    def _take(self, given: dict[str, AnyArray], axes: dict[str, int], **options: Any) -> None:
        """Check the parameters and keep them in one dtype, broadcast over the batch; ``axes`` are those of an event."""
        twin = _arguments.twin(self._numpy, self._on_sphere, given, **options)
        self.dtype, self.event_shape = _arguments.float_dtype(twin.dtype), twin.event_shape
        for name, value in given.items():
            event = twin.event_shape if axes.get(name) else ()
            array = jnp.asarray(value if isinstance(value, jax.Array) else np.asarray(value), dtype=self.dtype)
            setattr(self, name, jnp.broadcast_to(array, twin.batch_shape + event))
        for name, value in given.items():
            if hidden(value):
                array = vars(self)[name]
                vars(self)[name] = jnp.where(self._in_bounds(name, array), array, math.nan)

    def _in_bounds(self, name: str, value: Array) -> Array:
        """Whether a parameter that nobody could look at is what NumPy's law would have taken."""
        if name == "mu":
            return self._inside(value, getattr(self, "model", None))[..., None]
        return jnp.isfinite(value) & (value >= 0.0 if name in ("c", "kappa") else value > 0.0)

    def _as(self, dtype: Any) -> Self:
        """This law with parameters of another dtype."""
        if dtype == self.dtype:
            return self
        law = jax.tree.map(lambda leaf: leaf.astype(dtype), self)
        inner = {name: part._as(dtype) for name, part in vars(self).items() if isinstance(part, Law)}
        vars(law).update(inner, dtype=dtype)
        return law


class CentredLaw(Law):
    """A law of the radius x a uniform direction x the isometry that takes the origin to mu."""

    mu: Array

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The broadcast of the parameters' shapes."""
        return tuple(self.mu.shape[:-1])

    @property
    def mean(self) -> Array:
        """The Frechet mean mu, (*batch, k)."""
        return self.mu

    @property
    def variance(self) -> Array:
        """E dist(x, mu)^2, (*batch)."""
        return self.radius._second_moment().astype(self.dtype)

    @property
    @abstractmethod
    def radius(self) -> Radius:
        """The law of the geodesic distance from mu, (*batch)."""


def radii(radial: Radial, theta: Array, shape: tuple[int, ...], d: int, rng: Array, dtype: Any) -> tuple[Array, Array]:
    """(y, direction): draws of y by inversion in the widest floats, and uniform unit vectors shape + (d,)."""
    first, second = jax.random.split(rng)
    y = at_cdf(radial, False, _arguments.uniform(first, shape), theta)
    return y, _arguments.directions(second, shape, d, dtype)
