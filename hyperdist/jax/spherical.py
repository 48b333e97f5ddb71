"""Laws on the unit sphere under JAX."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, SupportsIndex, final

import jax
import jax.numpy as jnp

from hyperdist import checks, distributions
from hyperdist.arrays.rows import dot, wide
from hyperdist.arrays.types import AnyArray
from hyperdist.distributions.area import log_sphere_area
from hyperdist.geometry import sphere
from hyperdist.jax import _arguments
from hyperdist.jax._radial import KernelRadial
from hyperdist.jax.base import CentredLaw, radii
from hyperdist.jax.radius import Radius
from hyperdist.radial import power_spherical
from hyperdist.radial.power_spherical import PowerSphericalKernel
from hyperdist.radial.quadrature import Kernel
from hyperdist.radial.spherical_normal import SphericalNormalKernel
from hyperdist.radial.von_mises_fisher import VonMisesFisherKernel
from hyperdist.spaces import Sphere

Array = jax.Array


def _unit(x: Array) -> Array:
    """x to the last bit of its dtype on the sphere; gradients are tangent to it."""
    return x / jnp.sqrt(dot(x, x))[..., None]


class OnSphere(CentredLaw):
    """A law on S^d in R^m, m = d + 1."""

    space = Sphere()
    _on_sphere = True
    _leaves = ("mu",)
    _kind: ClassVar[type[Kernel]] = VonMisesFisherKernel

    @property
    def _radial(self) -> KernelRadial:
        return KernelRadial(self._kind, self.event_shape[0] - 1)

    def _inside(self, x: Array, model: str | None) -> Array:
        return jnp.abs(checks.length(x) - 1.0) <= checks.sphere_tolerance(x)

    def _somewhere(self, model: str | None) -> Array:
        return jnp.eye(1, self.event_shape[0], dtype=self.dtype)[0]


class AboutDirection(OnSphere):
    """A law that depends on the angle to a unit vector mu and on one parameter."""

    _name: ClassVar[str]
    """The parameter's name: sigma or kappa."""

    def _set(self, mu: AnyArray, parameter: AnyArray) -> None:
        self._take({"mu": mu, self._name: parameter}, {"mu": 1})
        vars(self)["mu"] = checks.unit(self.mu)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mu={self.mu}, {self._name}={vars(self)[self._name]})"

    @property
    def _theta(self) -> Array:
        return wide(vars(self)[self._name])

    @property
    def radius(self) -> Radius:
        """The law of the angle to mu, (*batch)."""
        theta = self._theta
        return Radius(self._radial, theta, jnp.ones_like(theta), self._extra, self.dtype)

    @property
    def _extra(self) -> Array:
        """What the radius's log-normaliser is above that of the kernel in ``radial``."""
        return jnp.zeros_like(self._theta)

    @property
    def _log_z(self) -> Array:
        """Log integral over the sphere of the kernel in ``radial``."""
        return log_sphere_area(self._radial.d) + self._radial.log_normalizer(self._theta)

    def log_normalizer(self) -> Array:
        """Log integral of the kernel over the sphere, in nats, (*batch)."""
        return (self._log_z + self._extra).astype(self.dtype)

    @abstractmethod
    def _log_kernel(self, angle: Array) -> Array:
        """The log kernel at an angle, 0 at mu, in the widest floats."""

    def _draw(self, shape: tuple[int, ...], rng: Array, model: str | None) -> tuple[Array, Array]:
        angle, direction = radii(self._radial, self._theta, shape, self._radial.d, rng, self.dtype)
        x = sphere.exp_polar(_unit(self.mu), angle.astype(self.dtype), direction)
        return x, (self._log_kernel(angle) - self._log_z).astype(self.dtype)


@final
class SphericalRiemannianNormal(AboutDirection):
    """Density prop. to exp(-dist(x, mu)^2/(2 sigma^2)) on the unit sphere, under JAX.

    mu, sigma, accuracy, source : as ``hyperdist.SphericalRiemannianNormal``.
    """

    _numpy = distributions.SphericalRiemannianNormal
    _leaves = ("mu", "sigma")
    _name = "sigma"
    _kind = SphericalNormalKernel

    sigma: Array

    def __init__(self, mu: AnyArray, sigma: AnyArray) -> None:
        self._set(mu, sigma)

    def entropy(self) -> Array:
        """Differential entropy with respect to area, in nats, (*batch)."""
        second = self.radius._second_moment()
        return (self._log_z + 0.5 * second / jnp.square(self._theta)).astype(self.dtype)

    def _log_kernel(self, angle: Array) -> Array:
        return -0.5 * jnp.square(angle / self._theta)

    def _log_prob(self, x: Array, model: str | None) -> Array:
        square = sphere.dist_sq(_unit(x), _unit(self.mu))
        return -0.5 * square / (self.sigma * self.sigma) - self._log_z.astype(self.dtype)


class _Concentrated(AboutDirection):
    """A law of concentration kappa >= 0."""

    _leaves = ("mu", "kappa")
    _name = "kappa"

    kappa: Array

    def __init__(self, mu: AnyArray, kappa: AnyArray) -> None:
        self._set(mu, kappa)


@final
class VonMisesFisher(_Concentrated):
    """Density prop. to exp(kappa mu.x) on the unit sphere, under JAX.

    mu, kappa, accuracy, source : as ``hyperdist.VonMisesFisher``.
    """

    _numpy = distributions.VonMisesFisher

    @property
    def _extra(self) -> Array:
        return self._theta

    @property
    def mean_resultant_length(self) -> Array:
        """|E x| = I_(m/2)(kappa)/I_(m/2-1)(kappa), (*batch)."""
        # By parts, kappa E sin^2/d: right for small kappa too.
        measure = self._radial.measure(self._theta)
        return (self._theta * measure.mean(jnp.square(jnp.sin(measure.y))) / self._radial.d).astype(self.dtype)

    def entropy(self) -> Array:
        """Differential entropy with respect to area, in nats, (*batch)."""
        measure = self._radial.measure(self._theta)
        return (self._log_z - measure.mean(self._log_kernel(measure.y))).astype(self.dtype)

    def _log_kernel(self, angle: Array) -> Array:
        return self._theta * VonMisesFisherKernel.log_kernel_score(self._radial.d, angle, self._theta)

    def _log_prob(self, x: Array, model: str | None) -> Array:
        chord = _unit(x) - _unit(self.mu)
        # kappa (mu.x - 1) without cancellation near mu
        return -0.5 * self.kappa * dot(chord, chord) - self._log_z.astype(self.dtype)


@final
class PowerSpherical(_Concentrated):
    """Density prop. to (1 + mu.x)^kappa on the unit sphere, under JAX.

    mu, kappa, accuracy, source : as ``hyperdist.PowerSpherical``.
    """

    _numpy = distributions.PowerSpherical
    _kind = PowerSphericalKernel

    @property
    def _log_z(self) -> Array:
        """In closed form, without the factor 2^kappa."""
        d = self._radial.d
        return log_sphere_area(d) + power_spherical.log_normalizer(d, self._theta)

    def log_normalizer(self) -> Array:
        """Log integral of (1 + mu.x)^kappa over the sphere, in nats, (*batch)."""
        return (self._log_z + math.log(2.0) * self._theta).astype(self.dtype)

    @property
    def mean_resultant_length(self) -> Array:
        """|E x| = kappa/(kappa + m - 1), (*batch)."""
        return (self._theta / (self._theta + self._radial.d)).astype(self.dtype)

    def entropy(self) -> Array:
        """Differential entropy with respect to area, in nats, (*batch)."""
        surprise = self._theta * power_spherical.mean_log_share(self._radial.d, self._theta)
        return (self._log_z - surprise).astype(self.dtype)

    def _log_kernel(self, angle: Array) -> Array:
        return self._theta * power_spherical.log_share(angle)

    def _log_prob(self, x: Array, model: str | None) -> Array:
        kernel = power_spherical.log_kernel_of_points(_unit(x), _unit(self.mu), self.kappa)
        return kernel - self._log_z.astype(self.dtype)


@final
class SphericalUniform(OnSphere):
    """The uniform law on the unit sphere S^d in R^(d+1), under JAX.

    d : int >= 1;  dtype : float32 or float64, by default the widest that is switched on. ``mean`` and ``mode`` are the
    first axis.
    """

    def __init__(self, d: SupportsIndex, *, dtype: Any = None) -> None:
        d = checks.dimension(d)
        self.dtype = _arguments.default_dtype() if dtype is None else _arguments.float_dtype(dtype)
        self.event_shape = (d + 1,)
        self.mu = jnp.eye(1, d + 1, dtype=self.dtype)[0]

    def __repr__(self) -> str:
        return f"SphericalUniform({self.event_shape[0] - 1})"

    def _even(self, value: float) -> Array:
        return jnp.full(self.batch_shape, value, self.dtype)

    @property
    def radius(self) -> Radius:
        """The law of the angle to any one point."""
        zero = wide(self._even(0.0))
        return Radius(self._radial, zero, jnp.ones_like(zero), zero, self.dtype)

    def log_normalizer(self) -> Array:
        """Log area of the sphere; the kernel is 1."""
        return self._even(log_sphere_area(self.event_shape[0]))

    def entropy(self) -> Array:
        """Log area of the sphere."""
        return self.log_normalizer()

    def _log_prob(self, x: Array, model: str | None) -> Array:
        return 0.0 * x[..., 0] - self.log_normalizer()

    def _draw(self, shape: tuple[int, ...], rng: Array, model: str | None) -> tuple[Array, Array]:
        x = _arguments.directions(rng, shape, self.event_shape[0], self.dtype)
        return x, jnp.broadcast_to(-self.log_normalizer(), shape)
