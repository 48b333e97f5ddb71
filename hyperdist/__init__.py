"""Probability distributions on hyperbolic space, the sphere and the torus.

>>> import hyperdist
>>> q = hyperdist.RiemannianNormal([0.1, 0.2], 0.5, c=1.0)
>>> q.sample((1000,), rng=7).shape
(1000, 2)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hyperdist import _moved, distributions
from hyperdist.distributions import *  # noqa: F403 - the laws are listed once, in their package
from hyperdist.spaces import Euclidean, Lorentz, PoincareBall, ProductSpace, Sphere, Tangent, Torus

if TYPE_CHECKING:
    from hyperdist import directional as directional
    from hyperdist import distributed as distributed
    from hyperdist import earth as earth
    from hyperdist import plot as plot
    from hyperdist import testing as testing
    from hyperdist import trees as trees

__version__ = "0.2.0"

_moved.install()

__all__ = ["Euclidean", "Lorentz", "PoincareBall", "ProductSpace", "Sphere", "Tangent", "Torus"]
__all__ += distributions.__all__

_ON_DEMAND = ("directional", "distributed", "earth", "plot", "testing", "trees")
"""Parts that are loaded when they are named: they need Matplotlib, Dask or the slow parts of SciPy."""


def __getattr__(name: str) -> Any:
    if name in _ON_DEMAND:
        return import_module(f"hyperdist.{name}")
    raise AttributeError(f"module 'hyperdist' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})
