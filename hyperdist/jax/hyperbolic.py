"""Laws on hyperbolic space under JAX: Riemannian normal and wrapped normal."""

from __future__ import annotations

import math
from typing import final

import jax
import jax.numpy as jnp

from hyperdist import checks, distributions
from hyperdist.arrays.host import found, hidden, kind
from hyperdist.arrays.rows import dot, root, wide
from hyperdist.arrays.stable import log_sinhc_sq
from hyperdist.arrays.types import AnyArray
from hyperdist.distributions.area import log_sphere_area
from hyperdist.distributions.wrapped_entropy import in_rows
from hyperdist.geometry import conversions, lorentz, poincare, polar, tangent
from hyperdist.jax._radial import KernelRadial
from hyperdist.jax.base import CentredLaw, radii
from hyperdist.jax.radius import Radius
from hyperdist.radial.riemannian_normal import HyperbolicKernel
from hyperdist.spaces import PoincareBall, Tangent
from hyperdist.spaces.held import check_holdable

Array = jax.Array


class OnHyperbolicSpace(CentredLaw):
    """A law with a centre mu in hyperbolic space of curvature -c."""

    _leaves = ("mu", "sigma", "c")
    _kept = ("dtype", "event_shape", "model")

    sigma: Array
    c: Array
    model: str
    """The coordinates of mu, and of points where no others are asked for: "poincare" or "tangent"."""

    _sigma_axes = 0

    def __init__(self, mu: AnyArray, sigma: AnyArray, c: AnyArray = 1.0, *, model: str = "poincare") -> None:
        self.model = model
        given = {"mu": mu, "sigma": sigma, "c": c}
        self._take(given, {"mu": 1, "sigma": self._sigma_axes}, model=model)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mu={self.mu}, sigma={self.sigma}, c={self.c}, model={self.model!r})"

    @property
    def space(self) -> PoincareBall | Tangent:
        """The space, in the coordinates of mu and, by default, of the draws."""
        return PoincareBall(self.c) if self.model == "poincare" else Tangent(self.c)

    @property
    def _models(self) -> tuple[str, ...]:
        return (self.model, *(other for other in conversions.MODELS if other != self.model))

    def _check_model(self, model: str | None) -> str | None:
        model = super()._check_model(model)
        checks.hyperboloid(model != "lorentz" or not found(~(self.c > 0.0)))
        return model

    def _width(self, model: str | None) -> int:
        return self.event_shape[0] + (model == "lorentz")

    def _inside(self, x: Array, model: str | None) -> Array:
        if model == "tangent":
            return jnp.isfinite(dot(x, x))
        return poincare.inside(x, self.c) if model == "poincare" else lorentz.off(x, self.c) <= checks.rounding(x)

    def _somewhere(self, model: str | None) -> Array:
        if model != "lorentz":
            return jnp.zeros(self.event_shape, self.dtype)
        time = 1.0 / jnp.sqrt(jax.lax.stop_gradient(self.c))
        return jnp.concatenate([time[..., None], jnp.zeros_like(self.mu)], axis=-1)

    @property
    def _tangent_mu(self) -> Array:
        """The centre in exponential coordinates at the origin."""
        return conversions.to_tangent(self.mu, self.c, self.model)

    def _dist_sq(self, x: Array, model: str | None) -> Array:
        """Squared distance of points from mu, smooth at mu."""
        if model == self.model == "poincare":
            return poincare.dist_sq(x, self.mu, self.c)
        return tangent.dist_sq(conversions.to_tangent(x, self.c, model or "tangent"), self._tangent_mu, self.c)

    def _place(self, radius: Array, direction: Array, model: str | None) -> Array:
        """Points at distance ``radius`` from mu along unit vectors of the frame at mu."""
        x = polar.exp_polar(self._tangent_mu, radius, direction, self.c, model or "poincare")
        if hidden(x):
            if model == "poincare":
                away = polar.exp_polar(self._tangent_mu, radius, direction, self.c, "tangent")
                return held(x, away, self.c)
            return jnp.where(jnp.isfinite(dot(x, x))[..., None], x, math.nan)
        if model == "poincare":
            return check_holdable(x, self.c)
        if found(~jnp.isfinite(dot(x, x))):
            raise ValueError(
                f"a draw lies further from the origin than {model} coordinates of {self.dtype} hold: "
                "ask for model='tangent' or a wider dtype"
            )
        return x


def held(x: Array, away: Array, c: Array) -> Array:
    """Points x of the ball that nobody can look at, NaN where its coordinates do not hold them.

    away : the same points in tangent coordinates, whose length tells: of a point far beyond what the ball's coordinates
           hold, rounding may leave one just inside.
    """
    near = jnp.sqrt(c) * root(dot(away, away)) <= float(conversions.ball_radius_limit(kind(x), 1.0))
    return jnp.where((near & conversions.holdable(x, c))[..., None], x, math.nan)


@final
class RiemannianNormal(OnHyperbolicSpace):
    """Density prop. to exp(-dist(x, mu)^2/(2 sigma^2)) on hyperbolic space of curvature -c, under JAX.

    mu, sigma, c, model, accuracy, source : as ``hyperdist.RiemannianNormal``.

    >>> import jax, hyperdist.jax as hj
    >>> q = hj.RiemannianNormal(jax.numpy.zeros(2), 1.0, c=1.0)
    >>> round(float(q.log_normalizer()), 4)
    2.182
    >>> draw = jax.jit(lambda key, sigma: hj.RiemannianNormal(q.mu, sigma).sample((3,), key))
    >>> jax.eval_shape(jax.jacrev(draw, argnums=1), jax.random.key(0), 1.0).shape
    (3, 2)
    """

    _numpy = distributions.RiemannianNormal

    @property
    def _radial(self) -> KernelRadial:
        return KernelRadial(HyperbolicKernel, self.event_shape[0])

    @property
    def _theta(self) -> Array:
        sigma = wide(self.sigma)
        return wide(self.c) * sigma * sigma

    @property
    def radius(self) -> Radius:
        """The law of dist(x, mu), (*batch)."""
        sigma = wide(self.sigma)
        return Radius(self._radial, self._theta, sigma, self.event_shape[0] * jnp.log(sigma), self.dtype)

    @property
    def _log_z(self) -> Array:
        d = self.event_shape[0]
        return log_sphere_area(d) + d * jnp.log(wide(self.sigma)) + self._radial.log_normalizer(self._theta)

    def log_normalizer(self) -> Array:
        """Log integral of exp(-dist^2/(2 sigma^2)) over the space, in nats, (*batch)."""
        return self._log_z.astype(self.dtype)

    def entropy(self) -> Array:
        """Differential entropy with respect to Riemannian volume, in nats, (*batch)."""
        mean, variance = self._radial.moments(self._theta)
        return (self._log_z + 0.5 * (variance + mean * mean)).astype(self.dtype)

    def _log_prob(self, x: Array, model: str | None) -> Array:
        return -0.5 * self._dist_sq(x, model) / (self.sigma * self.sigma) - self.log_normalizer()

    def _draw(self, shape: tuple[int, ...], rng: Array, model: str | None) -> tuple[Array, Array]:
        y, direction = radii(self._radial, self._theta, shape, self.event_shape[0], rng, self.dtype)
        x = self._place((wide(self.sigma) * y).astype(self.dtype), direction, model)
        return x, (-0.5 * y * y - self._log_z).astype(self.dtype)


@final
class WrappedNormal(OnHyperbolicSpace):
    """The law of exp_mu(v), v normal with standard deviations sigma in the orthonormal frame at mu, under JAX.

    mu, sigma, c, model, density, source : as ``hyperdist.WrappedNormal``. Draws are exp_mu(sigma z), z normal.
    """

    _numpy = distributions.WrappedNormal
    _sigma_axes = 1

    @property
    def radius(self) -> Radius:
        """The law of dist(x, mu), sigma times chi_d.

        Where the coordinates' scales differ there is none: an AttributeError that is a ValueError too; NaN where
        nobody can look at them.
        """
        sigma, d = wide(self.sigma), self.event_shape[0]
        checks.one_scale(not found(sigma != sigma[..., :1]))
        scale = jnp.where((sigma == sigma[..., :1]).all(axis=-1), sigma.mean(axis=-1), math.nan)
        chi = KernelRadial(HyperbolicKernel, d)
        return Radius(chi, jnp.zeros_like(scale), scale, d * jnp.log(scale), self.dtype)

    def log_normalizer(self) -> Array:
        """Log normaliser of exp(-sum (v_i/sigma_i)^2/2) (sqrt(c) r/sinh(sqrt(c) r))^(d-1), (*batch)."""
        return jnp.sum(jnp.log(self.sigma), axis=-1) + 0.5 * self.event_shape[0] * math.log(2.0 * math.pi)

    @property
    def variance(self) -> Array:
        """E dist(x, mu)^2 = sum of sigma_i^2, (*batch)."""
        return jnp.sum(jnp.square(self.sigma), axis=-1)

    def entropy(self) -> Array:
        """The normal's entropy plus (d - 1) E log(sinh(sqrt(c) r)/(sqrt(c) r)), (*batch)."""
        d = self.event_shape[0]
        excess = _mean_log_sinhc(wide(self.sigma), wide(self.c)).astype(self.dtype)
        return self.log_normalizer() + 0.5 * d + (d - 1) * excess

    def _log_density(self, z: Array, v: Array) -> Array:
        excess = (self.event_shape[0] - 1) * log_sinhc_sq(self.c * dot(v, v))
        return -0.5 * dot(z, z) - excess - self.log_normalizer()

    def _log_prob(self, x: Array, model: str | None) -> Array:
        v = tangent.log_frame(self._tangent_mu, conversions.to_tangent(x, self.c, model or "tangent"), self.c)
        return self._log_density(v / self.sigma, v)

    def _draw(self, shape: tuple[int, ...], rng: Array, model: str | None) -> tuple[Array, Array]:
        z = jax.random.normal(rng, shape + self.event_shape, self.dtype)
        v = self.sigma * z
        radius = root(dot(v, v))
        direction = v / jnp.where(radius > 0.0, radius, 1.0)[..., None]
        return self._place(radius, direction, model), self._log_density(z, v)


@jax.jit
def _mean_log_sinhc(sigma: Array, c: Array) -> Array:
    rows, per_row = sigma.reshape(-1, sigma.shape[-1]), c.reshape(-1, 1)
    fixed = jax.lax.stop_gradient(jnp.sqrt(per_row) * rows)
    return in_rows(rows, per_row, fixed, 1.0).reshape(c.shape)


__all__ = ["RiemannianNormal", "WrappedNormal"]
