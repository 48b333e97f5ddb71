"""Layers on hyperbolic space: heads, distances to hyperplanes and horospheres, Mobius maps, a learnable curvature.

Points are tangent coordinates at the origin by default, whose length is the geodesic distance from it: they hold any
radius in float32. At c = 0 every layer is its Euclidean counterpart.
"""

from hyperdist_torch.nn.curvature import Curvature
from hyperdist_torch.nn.gyroplane import Gyroplane, gyroplane
from hyperdist_torch.nn.heads import ExpOrigin, LogOrigin, riemannian_gradient
from hyperdist_torch.nn.horosphere import Horosphere, horosphere
from hyperdist_torch.nn.mobius import MobiusLinear, mobius_linear

__all__ = [
    "Curvature",
    "ExpOrigin",
    "Gyroplane",
    "Horosphere",
    "LogOrigin",
    "MobiusLinear",
    "gyroplane",
    "horosphere",
    "mobius_linear",
    "riemannian_gradient",
]
