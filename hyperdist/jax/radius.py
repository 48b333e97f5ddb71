"""The law of the radius of a draw under JAX: ``q.radius``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, final

import jax
import jax.numpy as jnp

from hyperdist import checks
from hyperdist.arrays.rows import wide
from hyperdist.arrays.types import AnyArray, SampleShape
from hyperdist.jax import _arguments
from hyperdist.jax._radial import Radial, at_cdf, log_tail
from hyperdist.jax._tree import Tree

Array = jax.Array


@final
class Radius(Tree):
    """The law of the geodesic distance r between a draw and its centre; densities are with respect to dr.

    Made by ``q.radius``. ``log_prob``, ``cdf``, ``sf`` and their logarithms are differentiable in r and in the law's
    parameters, ``icdf`` and ``isf`` in p and in the parameters, to any order. Results have the dtype of the parameters,
    the arithmetic that of float64 where it is switched on.
    Outside the support the density is 0; NaN in gives NaN out.
    Accuracy  that of the NumPy law's ``radius`` in float64; in float32 about 1e-6 (1 + |value|) with x64 off.
    """

    _leaves = ("_theta", "_scale", "_extra")
    _kept = ("_radial", "dtype")

    def __init__(self, radial: Radial, theta: Array, scale: Array, extra: Array, dtype: Any) -> None:
        """The law of scale y, y that of ``radial`` with parameter theta; extra is log_normalizer less that of y."""
        self._radial, self.dtype = radial, dtype
        self._theta, self._scale, self._extra = theta, scale, extra

    def __repr__(self) -> str:
        return f"Radius({self._radial}, theta={self._theta}, scale={self._scale})"

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the parameters."""
        return tuple(self._theta.shape)

    def log_prob(self, r: AnyArray) -> Array:
        """Log density in nats with respect to dr, (*broadcast); -inf outside the support."""

        def density(y: Array) -> Array:
            return self._radial.log_density(y, self._theta) - jnp.log(self._scale)

        return self._on_support(r, density, -math.inf, -math.inf, ends=True)

    def prob(self, r: AnyArray) -> Array:
        """Density with respect to dr, (*broadcast)."""
        return jnp.exp(self.log_prob(r))

    def log_cdf(self, r: AnyArray) -> Array:
        """Log probability of a radius <= r, (*broadcast)."""
        return self._on_support(r, lambda y: log_tail(self._radial, False, y, self._theta), -math.inf, 0.0)

    def log_sf(self, r: AnyArray) -> Array:
        """Log probability of a radius > r, (*broadcast), far below the smallest number's logarithm too."""
        return self._on_support(r, lambda y: log_tail(self._radial, True, y, self._theta), 0.0, -math.inf)

    def cdf(self, r: AnyArray) -> Array:
        """Probability of a radius <= r, (*broadcast); relative accuracy in the lower tail."""
        return self._on_support(r, lambda y: jnp.exp(log_tail(self._radial, False, y, self._theta)), 0.0, 1.0)

    def sf(self, r: AnyArray) -> Array:
        """Probability of a radius > r, (*broadcast); relative accuracy in the upper tail."""
        return self._on_support(r, lambda y: jnp.exp(log_tail(self._radial, True, y, self._theta)), 1.0, 0.0)

    def icdf(self, p: AnyArray) -> Array:
        """The radius with cdf p, 0 <= p <= 1, (*broadcast)."""
        return self._invert(p, False)

    def isf(self, p: AnyArray) -> Array:
        """The radius with sf p, (*broadcast): the form for the upper tail."""
        return self._invert(p, True)

    def sample(self, sample_shape: SampleShape = (), rng: Any = None) -> Array:
        """Radii of shape sample_shape + batch_shape by inversion, with their derivatives in the parameters.

        rng : a key of ``jax.random``, or an integer seed.
        """
        shape = checks.sample_shape(sample_shape, self.batch_shape) + self.batch_shape
        y = at_cdf(self._radial, False, _arguments.uniform(_arguments.key(rng), shape), self._theta)
        return (self._scale * y).astype(self.dtype)

    @property
    def mean(self) -> Array:
        """E r, (*batch)."""
        return (self._scale * self._radial.moments(self._theta)[0]).astype(self.dtype)

    @property
    def variance(self) -> Array:
        """Var r, (*batch); the law's own ``variance`` is E r^2."""
        return (jnp.square(self._scale) * self._radial.moments(self._theta)[1]).astype(self.dtype)

    @property
    def mode(self) -> Array:
        """The radius of largest density with respect to dr, (*batch); without derivatives."""
        return jax.lax.stop_gradient(self._scale * self._radial.mode(self._theta)).astype(self.dtype)

    def entropy(self) -> Array:
        """Differential entropy of r in nats, (*batch)."""
        return (self._radial.entropy(self._theta) + jnp.log(self._scale)).astype(self.dtype)

    def log_normalizer(self) -> Array:
        """Log integral over r of the kernel that NumPy's radial law names, in nats, (*batch)."""
        return (self._radial.log_normalizer(self._theta) + self._extra).astype(self.dtype)

    def _second_moment(self) -> Array:
        """E r^2 in the widest floats."""
        mean, variance = self._radial.moments(self._theta)
        return jnp.square(self._scale) * (jnp.square(mean) + variance)

    def _on_support(
        self, r: AnyArray, function: Callable[[Array], Array], below: float, above: float, *, ends: bool = False
    ) -> Array:
        """``function`` of y = r/scale inside the support, the mode in place of what is off it; constants outside."""
        given, dtype = _arguments.scalars(r, "r", self.dtype, self.batch_shape)
        end, fixed = self._radial.end, jax.lax.stop_gradient(self._scale)
        x = wide(given)
        # pi in the value's own dtype may exceed the wider one: a radius that rounds to the end is the end.
        x = jnp.where(given == end, end, x) + 0.0 * fixed
        inside = (x >= 0.0) & (x <= end) if ends else (x > 0.0) & (x < end)
        inside = inside & (x < _far(x) * fixed)
        stand_in = fixed * self._radial.centre(self._theta)
        value = function(jnp.where(inside, x, stand_in) / self._scale)
        off = jnp.where(jnp.isnan(x), math.nan, jnp.where(x <= 0.0, below, above))
        return jnp.where(inside, value, off).astype(dtype)

    def _invert(self, p: AnyArray, upper: bool) -> Array:
        checks.probability(p, "p", checks.floating)
        given, dtype = _arguments.scalars(p, "p", self.dtype, self.batch_shape)
        x = wide(given) + 0.0 * self._theta
        inside = (x > 0.0) & (x < 1.0)
        value = self._scale * at_cdf(self._radial, upper, jnp.where(inside, x, 0.5), self._theta)
        at_zero, at_one = (self._radial.end, 0.0) if upper else (0.0, self._radial.end)
        off = jnp.where(x == 0.0, at_zero, jnp.where(x == 1.0, at_one, math.nan))
        return jnp.where(inside, value, off).astype(dtype)


def _far(x: Array) -> float:
    """So many scales out every density has vanished, long before squares overflow."""
    return 1e100 if x.dtype == jnp.float64 else 1e15
