"""Pictures of laws, points, geodesics and trees: the Poincaré disc, and equal-area maps of the sphere.

Needs Matplotlib, the extra ``plot``. Nothing else in hyperdist imports this package.

Every function draws on ``ax``, or on Matplotlib's current axes where ``ax`` is None, and makes them a disc or a map if
they are not one yet; so calls one after another draw on one picture. ``disc`` and ``sphere`` return the axes, the
others the artist.
"""

try:
    import matplotlib as _matplotlib
except ImportError as error:
    raise ImportError("hyperdist.plot needs Matplotlib: pip install 'hyperdist[plot]'") from error

from hyperdist.plot.disc import disc, disc_density, disc_geodesic, disc_points
from hyperdist.plot.sphere import sphere, sphere_density, sphere_points, unit_vectors
from hyperdist.plot.tree import disc_tree

del _matplotlib

__all__ = [
    "disc",
    "disc_density",
    "disc_geodesic",
    "disc_points",
    "disc_tree",
    "sphere",
    "sphere_density",
    "sphere_points",
    "unit_vectors",
]
