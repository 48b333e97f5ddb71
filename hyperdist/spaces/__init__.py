"""Spaces: objects that check their input and call the functions of ``hyperdist.geometry``."""

from hyperdist.spaces.base import Space
from hyperdist.spaces.euclidean import Euclidean
from hyperdist.spaces.poincare_ball import PoincareBall
from hyperdist.spaces.product import ProductSpace
from hyperdist.spaces.sphere import Sphere
from hyperdist.spaces.stretched import Lorentz, Tangent
from hyperdist.spaces.torus import Torus

__all__ = ["Euclidean", "Lorentz", "PoincareBall", "ProductSpace", "Space", "Sphere", "Tangent", "Torus"]
