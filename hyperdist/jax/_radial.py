"""Laws of y on (0, end) with one parameter theta under JAX: values by the core's functions, derivatives of any order.

Every law is hashable, so that what it works out is compiled once for all laws of its kind and dimension. y broadcasts
to (..., *batch), theta is (*batch); both are in the widest floats that are switched on.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from hyperdist.radial import calculus, circular, following, quadrature
from hyperdist.radial.quadrature import Kernel

Array = jax.Array

_compiled: Any = partial(jax.jit, static_argnums=0)
_compiled_quantile: Any = partial(jax.jit, static_argnums=(0, 3))

_BLOCK = 2**16
"""Draws worked out at a time: each has 44 nodes, and memory stays bounded."""


def _in_blocks(function: Callable[[Array, Array], Any], y: Array, theta: Array) -> Any:
    """``function(y, theta)``, piece by piece along the axes of y before theta's where y is large."""
    if y.size <= _BLOCK or y.ndim <= theta.ndim:
        return function(y, theta)
    rows = jnp.reshape(y, (-1, *theta.shape))
    size = max(1, _BLOCK // max(1, theta.size))
    found = jax.lax.map(lambda row: function(row, theta), rows, batch_size=size)
    return jax.tree.map(lambda part: jnp.reshape(part, y.shape), found)


class Radial(ABC):
    """A law of y on (0, end) with one parameter theta, (*batch)."""

    end: float

    @abstractmethod
    def log_density(self, y: Array, theta: Array) -> Array:
        """Log density for 0 < y < end, differentiable in both."""

    @abstractmethod
    def slope(self, y: Array, theta: Array) -> Array:
        """dy/dtheta at fixed cdf, differentiable in both."""

    @abstractmethod
    def tails(self, y: Array, theta: Array) -> tuple[Array, Array]:
        """log cdf and log sf, without derivatives: see ``log_tail``."""

    @abstractmethod
    def quantile(self, p: Array, theta: Array, upper: bool) -> Array:
        """y with cdf p, or sf p where ``upper``, 0 < p < 1, without derivatives: see ``at_cdf``."""

    @abstractmethod
    def moments(self, theta: Array) -> tuple[Array, Array]:
        """Mean and variance, differentiable."""

    @abstractmethod
    def entropy(self, theta: Array) -> Array:
        """Differential entropy, differentiable."""

    @abstractmethod
    def log_normalizer(self, theta: Array) -> Array:
        """Log integral of the kernel, differentiable."""

    @abstractmethod
    def centre(self, theta: Array) -> Array:
        """A point inside, near the mode, without derivatives."""

    @abstractmethod
    def mode(self, theta: Array) -> Array:
        """The point of largest density, without derivatives."""


@dataclass(frozen=True)
class KernelRadial(Radial):
    """The radius of a log-concave law: a kernel of the core on a space of d dimensions."""

    kind: type[Kernel]
    d: int

    @property
    def end(self) -> float:  # type: ignore[override]
        """The largest y."""
        return self.kind.end

    @_compiled
    def log_density(self, y: Array, theta: Array) -> Array:
        return following.log_density(self.kind, self.d, y, theta)

    @_compiled
    def slope(self, y: Array, theta: Array) -> Array:
        return _in_blocks(lambda y, theta: following.slope(self.kind, self.d, y, theta), y, theta)

    @_compiled
    def tails(self, y: Array, theta: Array) -> tuple[Array, Array]:
        kernel = self.kind.at(self.d, theta)
        mass = quadrature.log_mass(kernel)
        return _in_blocks(lambda y, theta: calculus.tails(kernel, mass, y, y - kernel.centre), y, theta)

    @_compiled_quantile
    def quantile(self, p: Array, theta: Array, upper: bool) -> Array:
        kernel = self.kind.at(self.d, theta)
        mass = quadrature.log_mass(kernel)
        edges = calculus.centre_tails(kernel, mass)

        def solve(p: Array, theta: Array) -> Array:
            return calculus.quantile(kernel, mass, edges, p, jnp.full_like(p, upper, dtype=bool), self.d)

        return _in_blocks(solve, p, theta)

    @_compiled
    def measure(self, theta: Array) -> following.Measure:
        """Nodes and probabilities of the law, and its normaliser."""
        return following.measure(self.kind, self.d, theta)

    @_compiled
    def moments(self, theta: Array) -> tuple[Array, Array]:
        return self.measure(theta).nodes.moments()

    @_compiled
    def entropy(self, theta: Array) -> Array:
        return following.entropy(self.kind, self.d, theta)

    @_compiled
    def log_normalizer(self, theta: Array) -> Array:
        return self.measure(theta).log_normalizer

    @_compiled
    def centre(self, theta: Array) -> Array:
        return self.kind.at(self.d, jax.lax.stop_gradient(theta)).centre

    def mode(self, theta: Array) -> Array:
        return self.centre(theta) * (1.0 if self.d > 1 else 0.0)


@dataclass(frozen=True)
class CircleRadial(Radial):
    """The absolute angle of the wrapped normal on the circle; theta is sigma."""

    end = math.pi

    @_compiled
    def log_density(self, y: Array, theta: Array) -> Array:
        return circular.log_density(y, theta)

    @_compiled
    def slope(self, y: Array, theta: Array) -> Array:
        return circular.drift(y, theta)

    @_compiled
    def tails(self, y: Array, theta: Array) -> tuple[Array, Array]:
        return circular.log_tails(y, theta)[:2]

    @_compiled_quantile
    def quantile(self, p: Array, theta: Array, upper: bool) -> Array:
        return circular.quantile(p, jnp.full_like(p, upper, dtype=bool), theta)

    @_compiled
    def moments(self, theta: Array) -> tuple[Array, Array]:
        nodes, _, share = circular.shares(theta)
        mean = jnp.sum(share * nodes, axis=0)
        return mean, jnp.sum(share * jnp.square(nodes - mean), axis=0)

    @_compiled
    def entropy(self, theta: Array) -> Array:
        _, log_density, share = circular.shares(theta)
        return -jnp.sum(share * log_density, axis=0)

    def log_normalizer(self, theta: Array) -> Array:
        return jnp.log(theta) + 0.5 * math.log(0.5 * math.pi)

    def centre(self, theta: Array) -> Array:
        return 0.5 * jnp.clip(jax.lax.stop_gradient(theta), None, 1.0)

    def mode(self, theta: Array) -> Array:
        return jnp.zeros_like(theta)


def _times(factor: Callable[[], Array], step: Any) -> Array | float:
    """factor times a tangent; a tangent that is 0 for certain asks for no factor."""
    return 0.0 if isinstance(step, jax.custom_derivatives.SymbolicZero) else factor() * step


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def log_tail(radial: Radial, upper: bool, y: Array, theta: Array) -> Array:
    """log cdf at 0 < y < end, or log sf where ``upper``; dF = f (dy - (dy/dtheta) dtheta), to any order."""
    return radial.tails(y, theta)[upper]


@partial(log_tail.defjvp, symbolic_zeros=True)
def _log_tail(radial: Radial, upper: bool, at: tuple[Array, ...], steps: tuple[Any, ...]) -> tuple[Array, Array]:
    (y, theta), (dy, dtheta) = at, steps
    value = log_tail(radial, upper, y, theta)
    hazard = jnp.exp(radial.log_density(y, theta) - value) * (-1.0 if upper else 1.0)
    return value, hazard * (_times(lambda: jnp.ones_like(y), dy) - _times(lambda: radial.slope(y, theta), dtheta))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def at_cdf(radial: Radial, upper: bool, p: Array, theta: Array) -> Array:
    """y with cdf p, or sf p where ``upper``, 0 < p < 1; dy/dtheta = -(dF/dtheta)/f and dy/dp = 1/f, to any order.

    Figurnov et al. 2018, eq. 6: nothing is differentiated through the search for y.
    """
    return radial.quantile(p, theta, upper)


@partial(at_cdf.defjvp, symbolic_zeros=True)
def _at_cdf(radial: Radial, upper: bool, at: tuple[Array, ...], steps: tuple[Any, ...]) -> tuple[Array, Array]:
    (p, theta), (dp, dtheta) = at, steps
    y = at_cdf(radial, upper, p, theta)

    def stretch() -> Array:
        return jnp.exp(-radial.log_density(y, theta)) * (-1.0 if upper else 1.0)

    moved = _times(lambda: radial.slope(y, theta), dtheta) + _times(stretch, dp)
    return y, jnp.zeros_like(y) + moved
