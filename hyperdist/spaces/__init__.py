"""Spaces: one file a space of kernels over any array namespace, and host classes that check their input.

Kernels (``poincare``, ``lorentz``, ``tangent``, ``sphere``, ``torus``, ``euclidean``, ``charts``) are pure array
functions: they take NumPy, torch or any array API arrays, give NaN for what is outside, and never raise. Of ``charts``
one function is for the hosts, and raises: ``check_holdable``.
"""

from hyperdist.spaces import charts, euclidean, lorentz, poincare, sphere, tangent, torus
from hyperdist.spaces._base import Space
from hyperdist.spaces.hosts import Lorentz, PoincareBall, Tangent
from hyperdist.spaces.hosts_fixed import Euclidean, Sphere, Torus

__all__ = [
    "Euclidean",
    "Lorentz",
    "PoincareBall",
    "Space",
    "Sphere",
    "Tangent",
    "Torus",
    "charts",
    "euclidean",
    "lorentz",
    "poincare",
    "sphere",
    "tangent",
    "torus",
]
