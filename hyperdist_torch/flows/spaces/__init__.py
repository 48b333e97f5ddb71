"""The spaces that flows live on, in the coordinates that the solver moves: points are rows (*batch, width)."""

from hyperdist_torch.flows.spaces.base import Space
from hyperdist_torch.flows.spaces.euclidean import Euclidean
from hyperdist_torch.flows.spaces.hyperbolic import Lorentz, PoincareBall, in_model
from hyperdist_torch.flows.spaces.sphere import Sphere
from hyperdist_torch.flows.spaces.torus import Torus

__all__ = ["Euclidean", "Lorentz", "PoincareBall", "Space", "Sphere", "Torus", "in_model"]
