"""The radius of the Riemannian normal on hyperbolic space: functions, kernel, hats, law."""

from hyperdist.radial.riemannian_normal.kernel import HyperbolicKernel
from hyperdist.radial.riemannian_normal.law import (
    NARROWEST,
    SCALE_RANGE,
    RiemannianNormalRadius,
    check_scale,
    check_spread,
)

__all__ = ["NARROWEST", "SCALE_RANGE", "HyperbolicKernel", "RiemannianNormalRadius", "check_scale", "check_spread"]
