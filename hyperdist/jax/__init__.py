"""The laws of ``hyperdist`` under JAX: parameters, points and keys may be traced, everything has derivatives.

``import hyperdist.jax as hj`` and ``hj.RiemannianNormal(mu, sigma, c)``; names, units and conventions are those of
``hyperdist``, whose spaces take JAX's arrays as they are. A law is a pytree of its parameters, broadcast over its
batch: what makes one, or takes one, can be compiled, mapped and differentiated, to any order. Draws are made by
inversion from a key of ``jax.random``. Constants are worked out in float64 where that is switched on:

>>> import jax, hyperdist.jax as hj
>>> laws = hj.VonMisesFisher(jax.numpy.eye(3), jax.numpy.asarray([1.0, 5.0, 20.0]))
>>> jax.vmap(lambda law, x: law.log_prob(x), in_axes=(0, None))(laws, jax.numpy.eye(3)[0]).shape
(3,)
"""

from __future__ import annotations

try:
    import jax as _jax  # noqa: F401 - to say what is missing
except ModuleNotFoundError as error:
    raise ImportError("hyperdist.jax needs JAX: pip install 'hyperdist[jax]'") from error

from hyperdist.jax.base import Law
from hyperdist.jax.hyperbolic import RiemannianNormal, WrappedNormal
from hyperdist.jax.mixture import Mixture
from hyperdist.jax.radius import Radius
from hyperdist.jax.spherical import PowerSpherical, SphericalRiemannianNormal, SphericalUniform, VonMisesFisher
from hyperdist.jax.toroidal import ToroidalUniform, ToroidalWrappedNormal

__all__ = [
    "Law",
    "Mixture",
    "PowerSpherical",
    "Radius",
    "RiemannianNormal",
    "SphericalRiemannianNormal",
    "SphericalUniform",
    "ToroidalUniform",
    "ToroidalWrappedNormal",
    "VonMisesFisher",
    "WrappedNormal",
]
