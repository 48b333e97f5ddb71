"""The laws of ``hyperdist.jax`` as NumPyro distributions: in ``numpyro.sample``, plates, ``to_event``, ``mask``.

``import hyperdist.numpyro as hn`` and ``hn.RiemannianNormal(mu, sigma, c)``: the arguments are those of
``hyperdist.jax``, and ``.law`` is that law, with its radius and all else.

Inference works on ``biject_to(law.support)``, whose volume is Riemannian, the one that ``log_prob`` speaks of: of
hyperbolic laws the exponential coordinates at the origin, of spheres and circles two or more reals without a seam. So
NUTS and the automatic guides need nothing of their own here. What to know:

- Ball coordinates hold radii to 14/sqrt(c) in float32, 34/sqrt(c) in float64; ``model="tangent"`` holds any.
- A curvature that is itself latent must not decide a latent site's support, as in ``hyperdist_torch.pyro``.
- Draws of a ``Mixture`` have no derivatives in its weights: its ``has_rsample`` is False.

>>> import jax, jax.numpy as jnp, numpyro
>>> import hyperdist.numpyro as hn
>>> def model(x):
...     mu = numpyro.sample("mu", hn.RiemannianNormal(jnp.zeros(2), 1.0))
...     with numpyro.plate("data", len(x)):
...         numpyro.sample("x", hn.WrappedNormal(mu, 0.3), obs=x)
>>> with numpyro.handlers.seed(rng_seed=0):
...     numpyro.handlers.trace(model).get_trace(jnp.zeros((5, 2)))["mu"]["value"].shape
(2,)
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

try:
    import numpyro as _numpyro  # noqa: F401 - to say what is missing
except ModuleNotFoundError as error:
    raise ImportError("hyperdist.numpyro needs NumPyro: pip install 'hyperdist[jax]'") from error

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution, biject_to, constraints
from numpyro.distributions.transforms import Transform
from numpyro.distributions.util import validate_sample

from hyperdist import checks
from hyperdist import jax as laws
from hyperdist.arrays.rows import dot, largest_coordinate
from hyperdist.arrays.stable import log_sinhc_sq
from hyperdist.geometry import conversions, poincare, torus

Array = jax.Array

_LAWS = tuple(name for name in laws.__all__ if name not in ("Law", "Radius"))

__all__ = [
    "Angles",
    "BallTransform",
    "CircleTransform",
    "PoincareBall",
    "SphereTransform",
    "TangentTransform",
    "TangentVector",
    "UnitSphere",
]
__all__ += _LAWS


class _Curved(constraints.Constraint):  # type: ignore[type-arg]
    """Points of hyperbolic space of curvature -c."""

    event_dim = 1

    def __init__(self, c: Any = 1.0) -> None:
        self.c = c

    def __repr__(self) -> str:
        return f"{type(self).__name__}(c={self.c})"

    def tree_flatten(self) -> Any:
        return (self.c,), (("c",), {})

    def feasible_like(self, prototype: Any) -> Array:
        """The origin."""
        return jnp.zeros_like(prototype)

    def eq(self, other: object, static: bool = False) -> Any:
        """Whether both are of one kind and of one curvature."""
        if type(other) is not type(self):
            return False
        same = jnp.array_equal(self.c, other.c)  # type: ignore[attr-defined]
        return bool(same) if static else same


class PoincareBall(_Curved):
    """Points x with sqrt(c) |x| < 1."""

    def __call__(self, x: Any) -> Array:
        """Whether each point lies inside, (*batch)."""
        return poincare.inside(jnp.asarray(x), self.c)


class TangentVector(_Curved):
    """Exponential coordinates at the origin: vectors whose squared length their dtype holds."""

    def __call__(self, x: Any) -> Array:
        """Whether the square of each vector's length is finite, (*batch)."""
        return jnp.isfinite(dot(jnp.asarray(x), jnp.asarray(x)))


class UnitSphere(constraints.ParameterFreeConstraint):  # type: ignore[type-arg]
    """Unit vectors, to rounding of float32."""

    event_dim = 1

    def __call__(self, x: Any) -> Array:
        """Whether each vector has length 1, (*batch)."""
        x = jnp.asarray(x)
        return jnp.abs(checks.length(x) - 1.0) <= checks.sphere_tolerance(x)

    def feasible_like(self, prototype: Any) -> Array:
        """The first axis."""
        return _first_axis(jnp.asarray(prototype))


class Angles(constraints.ParameterFreeConstraint):  # type: ignore[type-arg]
    """Vectors of angles in [-pi, pi)."""

    event_dim = 1

    def __call__(self, x: Any) -> Array:
        """Whether all angles lie there, (*batch)."""
        x = jnp.asarray(x)
        return ((x >= -math.pi) & (x < math.pi)).all(axis=-1)

    def feasible_like(self, prototype: Any) -> Array:
        """Zeros."""
        return jnp.zeros_like(prototype)


def _first_axis(x: Array) -> Array:
    return jnp.broadcast_to(jnp.eye(1, x.shape[-1], dtype=x.dtype)[0], x.shape)


def _direction(x: Array) -> Array:
    """x/|x| where squares under- or overflow too, 0 to the first axis."""
    size = largest_coordinate(x)
    y = jnp.where(size > 0.0, x / jnp.where(size > 0.0, size, 1.0), _first_axis(x))
    return y / jnp.sqrt(dot(y, y))[..., None]


def _square(x: Array) -> Array:
    """|x|^2, or the largest number."""
    return jnp.clip(dot(x, x), None, float(jnp.finfo(x.dtype).max))


class _Exponential(Transform):  # type: ignore[type-arg]
    """From R^d to hyperbolic space of curvature -c, v -> exp_0(v): v are the exponential coordinates at the origin.

    The determinant is that with respect to Riemannian volume, (d - 1) log(sinh(kr)/(kr)), k = sqrt(c), r = |v|.
    """

    domain = constraints.real_vector  # type: ignore[assignment]

    def __init__(self, c: Any = 1.0) -> None:
        self.c = c

    def tree_flatten(self) -> Any:
        return (self.c,), (("c",), {})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and bool(jnp.array_equal(self.c, other.c))  # type: ignore[attr-defined]

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """That of T(v), v of ``shape``: c's batch broadcasts against v's."""
        return (*jnp.broadcast_shapes(shape[:-1], jnp.shape(self.c)), shape[-1])

    inverse_shape = forward_shape

    def log_abs_det_jacobian(self, x: Array, y: Array, intermediates: Any = None) -> Array:
        """Log of Riemannian volume at T(x) over dx, (*batch): (d - 1) log(sinh(kr)/(kr)), r = |x|."""
        return (x.shape[-1] - 1) * log_sinhc_sq(self.c * _square(x))


class BallTransform(_Exponential):
    """v -> exp_0(v) in ball coordinates; beyond the last sphere that these hold all v of a direction have one point."""

    @property
    def codomain(self) -> PoincareBall:  # type: ignore[override]
        """The ball."""
        return PoincareBall(self.c)

    def __call__(self, x: Any) -> Array:
        """exp_0(x), (*batch, d)."""
        x, c = jnp.asarray(x), jax.lax.stop_gradient(jnp.asarray(self.c))
        info, curved = jnp.finfo(x.dtype), c > 0.0
        # The last sphere leaves room for what rounding does to a norm.
        gap, longest = 8.0 * float(info.eps), 0.5 * math.sqrt(float(info.max))
        limit = jnp.where(curved, math.log((2.0 - gap) / gap) / jnp.sqrt(jnp.where(curved, c, 1.0)), longest)
        limit = jnp.clip(limit, None, longest).astype(x.dtype)
        far = (_square(x) > limit * limit)[..., None]
        last = _direction(jnp.where(far, x, 1.0)) * limit[..., None]
        return conversions.tangent_to_poincare(jnp.where(far, last, x), jnp.asarray(self.c, x.dtype))

    def _inverse(self, y: Array) -> Array:
        return conversions.poincare_to_tangent(y, jnp.asarray(self.c, y.dtype))


class TangentTransform(_Exponential):
    """v -> v, exponential coordinates themselves, with the volume of the space that they are of."""

    @property
    def codomain(self) -> TangentVector:  # type: ignore[override]
        """Tangent vectors."""
        return TangentVector(self.c)

    def __call__(self, x: Any) -> Array:
        """x, with the batch axes of c."""
        return jnp.broadcast_to(x, self.forward_shape(jnp.shape(x)))

    def _inverse(self, y: Array) -> Array:
        return y


class SphereTransform(Transform):  # type: ignore[type-arg]
    """From R^n to the unit sphere in it, v -> v/|v|, 0 to the first axis: many to one, without a seam.

    The determinant makes |v| a chi variable with n degrees whatever the direction: -|v|^2/2 - log(2^(n/2 - 1)
    Gamma(n/2)). So a law's ``log_prob(T(v))`` plus it has mass 1 over R^n, and the law's own marginal of v/|v|.
    The inverse of x is x itself. Source: Stan Reference Manual, "Unit vector"; Marsaglia 1972.
    """

    domain = constraints.real_vector  # type: ignore[assignment]
    codomain = UnitSphere()  # type: ignore[assignment]

    def tree_flatten(self) -> Any:
        return (), ((), {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SphereTransform)

    def __call__(self, x: Any) -> Array:
        """x/|x|."""
        return _direction(jnp.asarray(x))

    def _inverse(self, y: Array) -> Array:
        return y

    def log_abs_det_jacobian(self, x: Array, y: Array, intermediates: Any = None) -> Array:
        """-|x|^2/2 - log(2^(n/2 - 1) Gamma(n/2)), (*batch)."""
        half = 0.5 * int(x.shape[-1])
        return -0.5 * _square(x) - ((half - 1.0) * math.log(2.0) + math.lgamma(half))


class CircleTransform(Transform):  # type: ignore[type-arg]
    """From R^2d to d angles in [-pi, pi), two reals an angle: (v_1, v_2, ...) to (atan2(v_2, v_1), ...), without a cut.

    As ``SphereTransform`` on each circle: the determinant is -|v|^2/2, the inverse of an angle a is (cos a, sin a).
    """

    domain = constraints.real_vector  # type: ignore[assignment]
    codomain = Angles()  # type: ignore[assignment]

    def tree_flatten(self) -> Any:
        return (), ((), {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CircleTransform)

    def forward_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(*batch, 2d) to (*batch, d); ValueError for an odd last axis."""
        if shape[-1] % 2:
            raise ValueError(f"x must have two coordinates an angle on its last axis, got shape {tuple(shape)}")
        return (*shape[:-1], shape[-1] // 2)

    def inverse_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(*batch, d) to (*batch, 2d)."""
        return (*shape[:-1], 2 * shape[-1])

    def __call__(self, x: Any) -> Array:
        """The angles, (*batch, d)."""
        pairs = _direction(jnp.reshape(x, (*self.forward_shape(jnp.shape(x)), 2)))
        return torus.wrap(jnp.atan2(pairs[..., 1], pairs[..., 0]))

    def _inverse(self, y: Array) -> Array:
        return jnp.reshape(jnp.stack([jnp.cos(y), jnp.sin(y)], axis=-1), self.inverse_shape(jnp.shape(y)))

    def log_abs_det_jacobian(self, x: Array, y: Array, intermediates: Any = None) -> Array:
        """-|x|^2/2, (*batch)."""
        return -0.5 * _square(x)


biject_to.register(PoincareBall, lambda constraint: BallTransform(constraint.c))
biject_to.register(TangentVector, lambda constraint: TangentTransform(constraint.c))
biject_to.register(UnitSphere, lambda constraint: SphereTransform())
biject_to.register(Angles, lambda constraint: CircleTransform())


class _ForNumPyro(Distribution):
    """A law of ``hyperdist.jax``, ``law``, as NumPyro asks for one; the law has checked its parameters."""

    pytree_data_fields = ("law",)

    _kind: ClassVar[type[laws.Law]]
    law: Any

    def __init__(self, *args: Any, validate_args: bool | None = None, **options: Any) -> None:
        """The arguments are the law's own; a law of ``hyperdist.numpyro`` among them counts as its law."""
        self.law = self._kind(*(part.law if isinstance(part, _ForNumPyro) else part for part in args), **options)
        super().__init__(self.law.batch_shape, self.law.event_shape, validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:
        """Whether draws have the derivatives of an expectation in all parameters."""
        return True

    @property
    def support(self) -> constraints.Constraint:  # type: ignore[override, type-arg]
        """Where draws lie: ``biject_to`` of it speaks of Riemannian volume."""
        return _support(self.law)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:  # type: ignore[override]
        """Draws, sample_shape + batch_shape + event_shape."""
        return self.law.sample(sample_shape, key)

    @validate_sample
    def log_prob(self, value: Any) -> Array:  # type: ignore[override]
        """Log density at points, (*broadcast), in nats with respect to Riemannian volume."""
        return self.law.log_prob(value)

    @property
    def mean(self) -> Array:  # type: ignore[override]
        """The Frechet mean, (*batch, k)."""
        return self.law.mean

    @property
    def variance(self) -> Array:  # type: ignore[override]
        """E dist(x, mean)^2: one number a law, (*batch)."""
        return self.law.variance

    def entropy(self) -> Array:  # type: ignore[override]
        """Differential entropy with respect to Riemannian volume, in nats, (*batch)."""
        return self.law.entropy()


def _support(law: Any) -> constraints.Constraint:  # type: ignore[type-arg]
    if isinstance(law, laws.Mixture):
        found = _support(law.component)
        return type(found)(found.c[..., 0]) if isinstance(found, _Curved) else found
    if hasattr(law, "model"):
        return PoincareBall(law.c) if law.model == "poincare" else TangentVector(law.c)
    return Angles() if law.space == laws.ToroidalUniform.space else UnitSphere()


def _for_numpyro(name: str) -> type[_ForNumPyro]:
    members: dict[str, Any] = {
        "__module__": __name__, "__doc__": f"``hyperdist.jax.{name}`` for NumPyro.", "_kind": getattr(laws, name),
    }  # fmt: skip
    if name == "Mixture":
        members["has_rsample"] = False
    return type(_ForNumPyro)(name, (_ForNumPyro,), members)


globals().update({name: _for_numpyro(name) for name in _LAWS})
