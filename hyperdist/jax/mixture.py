"""Finite mixtures of one family under JAX."""

from __future__ import annotations

import math
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np

from hyperdist import checks, distributions
from hyperdist.arrays.host import found, hidden, numbers
from hyperdist.arrays.types import AnyArray
from hyperdist.distributions.any_mixture import AnyMixture, check_shapes, log_sum, posterior, two_curvatures
from hyperdist.geometry import conversions
from hyperdist.jax import _arguments
from hyperdist.jax.base import Law
from hyperdist.jax.hyperbolic import OnHyperbolicSpace, held
from hyperdist.spaces.held import check_holdable

Array = jax.Array


@final
class Mixture(AnyMixture, Law):  # type: ignore[misc]
    """The law of a draw from a component chosen at random, under JAX.

    weights   : (*batch, K)  >= 0; their sum is 1 to 1e-6, and what is left of that is divided out
    component : a law of ``hyperdist.jax`` of batch shape (*batch, K), whose last batch axis is the mixture's
    A draw has the derivatives of the component it comes from, and none in the weights, since a choice cannot move
    continuously. ``mean``, ``variance``, ``mode`` and ``entropy`` raise, as those of ``hyperdist.Mixture``.

    >>> import jax, jax.numpy as jnp, hyperdist.jax as hj
    >>> q = hj.Mixture([0.3, 0.7], hj.VonMisesFisher(jnp.eye(3)[:2], jnp.asarray([20.0, 5.0])))
    >>> jax.eval_shape(lambda key: q.sample((4,), key), jax.random.key(0)).shape
    (4, 3)
    """

    _estimates = {  # noqa: RUF012 - a constant
        "entropy": "-log_prob averaged over draws: -q.sample_and_log_prob((n,), rng)[1].mean(0)",
        "mean": "the Frechet mean of draws: q.space.frechet_mean(q.sample((n,), rng))",
    }

    _numpy = distributions.Mixture
    _leaves = ("weights", "component")

    weights: Array
    component: Any

    def __init__(self, weights: AnyArray, component: Law) -> None:
        if not isinstance(component, Law):
            raise TypeError(f"component must be a law of hyperdist.jax, got {component!r}")
        given = checks.vector(weights, "weights", 1, checks.floating)
        shape = component.batch_shape
        check_shapes(tuple(given.shape), shape)
        self.dtype, self.event_shape, self.component = component.dtype, component.event_shape, component
        array = jnp.asarray(given, dtype=self.dtype)
        checks.non_negative(array, "weights", checks.floating)
        total = jnp.sum(array, axis=-1)
        if found(jnp.abs(total - 1.0) > 1e-6 + 4.0 * float(jnp.finfo(self.dtype).eps)):
            raise ValueError(f"weights must have the sum 1 to 1e-06, got {numbers(total)!s}")
        if hidden(array):  # as those of a law's parameters that nobody can look at
            apart = jnp.abs(total - 1.0) > 1e-6 + 4.0 * float(jnp.finfo(self.dtype).eps)
            array = jnp.where(apart[..., None] | (array < 0.0).any(axis=-1, keepdims=True), math.nan, array)
        self.weights = jnp.broadcast_to(array / total[..., None], shape)
        c = self._curvatures
        if c is not None and found(c != c[..., :1]):
            raise two_curvatures(np.asarray(c))

    def __repr__(self) -> str:
        return f"Mixture(weights={self.weights}, component={self.component})"

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The component's without its last axis."""
        return tuple(self.weights.shape[:-1])

    @property
    def space(self) -> Any:
        """The space of the components."""
        return self.component.space

    @property
    def _curvatures(self) -> Array | None:
        """c of the components, (*batch, K), on hyperbolic space."""
        return self.component.c if isinstance(self.component, OnHyperbolicSpace) else None

    @property
    def _models(self) -> tuple[str, ...]:
        return self.component._models

    def _check_model(self, model: str | None) -> str | None:
        return self.component._check_model(model)

    def _width(self, model: str | None) -> int:
        return self.component._width(model)

    def log_normalizer(self) -> Array:
        """0, (*batch): the density itself is the kernel."""
        return jnp.zeros(self.batch_shape, self.dtype)

    def responsibilities(self, x: AnyArray, *, model: str | None = None) -> Array:
        """Posterior probability of each component at the points x (*batch, k), (*batch, K); NaN off the space."""
        points = _arguments.points(x, self.dtype, self._width(self._check_model(model)), self.batch_shape)
        return posterior(self.component.log_prob(points[..., None, :], model=model), self.weights)

    def _inside(self, x: Array, model: str | None) -> Array:
        return self.component._inside(x[..., None, :], model)[..., 0]

    def _somewhere(self, model: str | None) -> Array:
        point = self.component._somewhere(model)
        return point if point.ndim == 1 else point[..., 0, :]

    def _log_prob(self, x: Array, model: str | None) -> Array:
        return log_sum(self.component._log_prob(x[..., None, :], model), self.weights)

    def _draw(self, shape: tuple[int, ...], rng: Array, model: str | None) -> tuple[Array, Array]:
        first, second = jax.random.split(rng)
        c = self._curvatures
        # Tangent coordinates hold any draw: one that is not kept must not raise.
        inner = None if c is None else "tangent"
        every = self.component._draw((*shape, self.weights.shape[-1]), second, inner)[0]
        chosen = jax.random.categorical(first, jnp.log(self.weights), shape=shape)
        x = jnp.take_along_axis(every, chosen[..., None, None], axis=-2)[..., 0, :]
        log_prob = self._log_prob(x, inner)
        if c is None or model is None or model == "tangent":
            return x, log_prob
        away, x = x, conversions.from_tangent(x, c[..., 0], model)
        if model != "poincare":
            return x, log_prob
        return held(x, away, c[..., 0]) if hidden(x) else check_holdable(x, c[..., 0]), log_prob
