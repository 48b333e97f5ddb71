"""Laws on the flat torus under JAX."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex, final

import jax
import jax.numpy as jnp

from hyperdist import checks, distributions
from hyperdist.arrays.rows import wide
from hyperdist.arrays.types import AnyArray
from hyperdist.geometry import torus
from hyperdist.jax import _arguments
from hyperdist.jax._radial import CircleRadial
from hyperdist.jax.base import Law
from hyperdist.jax.radius import Radius
from hyperdist.radial import circular
from hyperdist.spaces import Torus

Array = jax.Array

_LOG_TURN = math.log(2.0 * math.pi)


class OnTorus(Law):
    """A law on the flat torus (R / 2 pi Z)^d: a point is d angles, any finite ones modulo 2 pi; draws in [-pi, pi)."""

    space = Torus()

    def _inside(self, x: Array, model: str | None) -> Array:
        checks.radians(x, "x")
        return jnp.isfinite(x).all(axis=-1)

    def _somewhere(self, model: str | None) -> Array:
        return jnp.zeros(self.event_shape, self.dtype)


@final
class ToroidalWrappedNormal(OnTorus):
    """The law of mu + v modulo 2 pi, v normal with independent standard deviations sigma, under JAX.

    mu, sigma, accuracy, source : as ``hyperdist.ToroidalWrappedNormal``. Draws are mu + sigma z, wrapped: their
    derivatives are the normal's, and 0 in a sigma above 10, where the law is uniform to 4e-22.
    """

    _numpy = distributions.ToroidalWrappedNormal
    _leaves = ("mu", "sigma")

    mu: Array
    sigma: Array

    def __init__(self, mu: AnyArray, sigma: AnyArray) -> None:
        self._take({"mu": mu, "sigma": sigma}, {"mu": 1, "sigma": 1})

    def __repr__(self) -> str:
        return f"ToroidalWrappedNormal(mu={self.mu}, sigma={self.sigma})"

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The broadcast of the parameters' shapes."""
        return tuple(self.mu.shape[:-1])

    @property
    def radius(self) -> Radius:
        """The law of each coordinate's absolute deviation from mu, batch shape (*batch, d)."""
        sigma = wide(self.sigma)
        return Radius(CircleRadial(), sigma, jnp.ones_like(sigma), jnp.zeros_like(sigma), self.dtype)

    @property
    def mean(self) -> Array:
        """The Frechet mean mu, in [-pi, pi), (*batch, d)."""
        return torus.wrap(self.mu)

    @property
    def variance(self) -> Array:
        """E dist(x, mu)^2 = sum of E delta_i^2, (*batch); at most d pi^2/3."""
        return jnp.sum(self.radius._second_moment(), axis=-1).astype(self.dtype)

    def log_normalizer(self) -> Array:
        """Log integral of the kernel, sum of log(sigma_i sqrt(2 pi)), (*batch)."""
        return jnp.sum(jnp.log(self.sigma), axis=-1) + 0.5 * self.event_shape[0] * _LOG_TURN

    def entropy(self) -> Array:
        """Sum of the coordinates' entropies, each that of the absolute deviation and log 2 for its sign, (*batch)."""
        each = CircleRadial().entropy(wide(self.sigma)) + math.log(2.0)
        return jnp.sum(each, axis=-1).astype(self.dtype)

    def _log_prob(self, x: Array, model: str | None) -> Array:
        deviation = torus.wrap(x - self.mu)
        # The density is smooth in the signed deviation; abs would lose the second derivative at 0.
        size = jnp.where(deviation < 0.0, -deviation, deviation)
        return jnp.sum(circular.log_density(size, self.sigma) - math.log(2.0), axis=-1)

    def _draw(self, shape: tuple[int, ...], rng: Array, model: str | None) -> tuple[Array, Array]:
        z = jax.random.normal(rng, shape + self.event_shape, self.dtype)
        x = torus.wrap(torus.wrap(self.mu) + circular.deviations(self.sigma, z))
        return x, self._log_prob(x, model)


@final
class ToroidalUniform(OnTorus):
    """The uniform law on the torus, under JAX.

    d : int >= 1;  dtype : float32 or float64, by default the widest that is switched on. ``mean`` and ``mode`` are
    zeros.
    """

    _leaves = ("_zeros",)

    def __init__(self, d: SupportsIndex, *, dtype: Any = None) -> None:
        self.dtype = _arguments.default_dtype() if dtype is None else _arguments.float_dtype(dtype)
        self.event_shape = (checks.dimension(d),)
        self._zeros = jnp.zeros(self.event_shape, self.dtype)

    def __repr__(self) -> str:
        return f"ToroidalUniform({self.event_shape[0]})"

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """(), or the axes that a transformation has added."""
        return tuple(self._zeros.shape[:-1])

    def _even(self, value: float) -> Array:
        return jnp.full(self.batch_shape, value, self.dtype)

    @property
    def mean(self) -> Array:
        """A Frechet mean, zeros (*batch, d); every point is one."""
        return self._zeros

    @property
    def variance(self) -> Array:
        """E dist^2 to any point, d pi^2/3, (*batch)."""
        return self._even(self.event_shape[0] * math.pi**2 / 3.0)

    def log_normalizer(self) -> Array:
        """Log volume of the torus, d log 2 pi, (*batch); the kernel is 1."""
        return self._even(self.event_shape[0] * _LOG_TURN)

    def entropy(self) -> Array:
        """Log volume of the torus, d log 2 pi, (*batch)."""
        return self.log_normalizer()

    def _log_prob(self, x: Array, model: str | None) -> Array:
        return 0.0 * x[..., 0] - self.log_normalizer()

    def _draw(self, shape: tuple[int, ...], rng: Array, model: str | None) -> tuple[Array, Array]:
        u = jax.random.uniform(rng, shape + self.event_shape, self.dtype)
        return torus.wrap(2.0 * math.pi * u - math.pi), jnp.broadcast_to(-self.log_normalizer(), shape)
