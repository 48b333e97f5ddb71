"""Pictures of laws, points, curves and trees: the Poincaré disc and ball, maps of the sphere, the globe, the torus.

Needs Matplotlib, the extra ``plot``; coastlines the extra ``maps``. Nothing else in hyperdist imports this package.

Every function draws on ``ax``, or on Matplotlib's current axes where ``ax`` is None, and makes them a disc or a map if
they are not one yet; so calls one after another draw on one picture. ``disc``, ``sphere``, ``torus`` and ``ball``
return the axes, the others the artist.
"""

try:
    import matplotlib as _matplotlib
except ImportError as error:
    raise ImportError("hyperdist.plot needs Matplotlib: pip install 'hyperdist[plot]'") from error

from hyperdist.plot._style import legend
from hyperdist.plot.ball import ball, ball_density, ball_geodesic, ball_points
from hyperdist.plot.disc import disc, disc_density, disc_geodesic, disc_points
from hyperdist.plot.sphere import (
    sphere,
    sphere_coastlines,
    sphere_curve,
    sphere_density,
    sphere_geodesic,
    sphere_points,
    unit_vectors,
)
from hyperdist.plot.torus import torus, torus_density, torus_geodesic, torus_pairs, torus_points
from hyperdist.plot.tree import disc_tree

del _matplotlib

__all__ = [
    "ball",
    "ball_density",
    "ball_geodesic",
    "ball_points",
    "disc",
    "disc_density",
    "disc_geodesic",
    "disc_points",
    "disc_tree",
    "legend",
    "sphere",
    "sphere_coastlines",
    "sphere_curve",
    "sphere_density",
    "sphere_geodesic",
    "sphere_points",
    "torus",
    "torus_density",
    "torus_geodesic",
    "torus_pairs",
    "torus_points",
    "unit_vectors",
]
