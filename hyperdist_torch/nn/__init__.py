"""Layers on hyperbolic space: heads, hyperplanes by distance and by Klein coordinates, horospheres, Mobius maps, a
learnable curvature.

Points are tangent coordinates at the origin by default, whose length is the geodesic distance from it: they hold any
radius in float32. At c = 0 every layer is its Euclidean counterpart. Under ``torch.autocast`` curved layers compute in
float32 as without it; half precision elsewhere is a TypeError.
"""

from hyperdist_torch.nn.curvature import Curvature
from hyperdist_torch.nn.gyroplane import Gyroplane, gyroplane
from hyperdist_torch.nn.heads import ExpOrigin, LogOrigin, riemannian_gradient
from hyperdist_torch.nn.horosphere import Horosphere, horosphere
from hyperdist_torch.nn.klein import Klein, klein
from hyperdist_torch.nn.mobius import MobiusLinear, mobius_linear

__all__ = [
    "Curvature",
    "ExpOrigin",
    "Gyroplane",
    "Horosphere",
    "Klein",
    "LogOrigin",
    "MobiusLinear",
    "gyroplane",
    "horosphere",
    "klein",
    "mobius_linear",
    "riemannian_gradient",
]
