"""Where every ``ValueError`` and ``TypeError`` about an argument is built.

A message names the parameter, the offending value and the bound. Nothing here changes a value: numbers are
promoted (integers, lists and Python scalars to float64), never clipped.
"""

from hyperdist.checks.arguments import (
    Unavailable,
    Undefined,
    broadcast,
    choice,
    dimension,
    generator,
    hyperboloid,
    last_axis,
    model,
    one_scale,
    per_coordinate,
    sample_shape,
    stream_apart,
    vectors,
)
from hyperdist.checks.matrices import covariance, lower_triangle, one_spread, square
from hyperdist.checks.numbers import (
    alike,
    as_float,
    curvature,
    finite,
    floating,
    fraction,
    non_negative,
    one_positive,
    positive,
    probability,
    single,
)
from hyperdist.checks.points import (
    inside_ball,
    length,
    observations,
    on_sphere,
    points,
    radians,
    rounding,
    shares,
    sphere_tolerance,
    unit,
    vector,
    weighted_mean,
)

__all__ = [
    "Unavailable", "Undefined", "alike", "as_float", "broadcast", "choice", "covariance", "curvature", "dimension",
    "finite", "floating", "fraction", "generator", "hyperboloid", "inside_ball", "last_axis", "length",
    "lower_triangle", "model", "non_negative", "observations", "on_sphere", "one_positive", "one_scale", "one_spread",
    "per_coordinate", "points", "positive", "probability", "radians", "rounding", "sample_shape", "shares", "single",
    "sphere_tolerance", "square", "stream_apart", "unit", "vector", "vectors", "weighted_mean",
]  # fmt: skip
