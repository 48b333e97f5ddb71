"""Points and densities on the sphere S^2, on a map that keeps areas: an area of paper is an area of the sphere."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.image import AxesImage
from matplotlib.projections.geo import GeoAxes

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike
from hyperdist.geometry.sphere import from_angles
from hyperdist.plot import _density, _style
from hyperdist.spaces import Sphere

_PROJECTIONS = ("mollweide", "hammer")


def sphere(ax: Axes | None = None, *, projection: str = "mollweide", grid: bool = True) -> GeoAxes:
    """An empty map of the sphere; (1, 0, 0) is its centre, (0, 0, 1) its top and (0, 1, 0) lies to the right.

    ax          axes of that projection, as ``plt.subplot(projection=...)`` makes them; None takes the current ones
                where they are a map, and makes new ones where they are not.
    projection  "mollweide" or "hammer", both of which keep areas.
    grid        whether to draw meridians and parallels, 30 degrees apart, faintly.
    returns     the axes.
    Raises      ValueError where ax is no such map.
    """
    checks.choice(projection, "projection", _PROJECTIONS)
    if ax is None:
        ax = plt.gca() if plt.gcf().axes and isinstance(plt.gca(), GeoAxes) else plt.subplot(projection=projection)
    if not isinstance(ax, GeoAxes) or ax.name not in _PROJECTIONS:
        raise ValueError(f"ax must have projection {' or '.join(_PROJECTIONS)}, got {ax.name}")
    ax.set_longitude_grid(30)
    ax.set_latitude_grid(30)
    ax.tick_params(labelbottom=False, labelleft=False)
    ax.grid(grid, color="0.25", linewidth=0.5, alpha=0.16)
    ax.set_axisbelow(False)
    ax.spines["geo"].set(edgecolor="0.25", linewidth=1.0)
    return ax


def sphere_points(x: ArrayLike, ax: Axes | None = None, **style: Any) -> PathCollection:
    """Points on the map.

    x       (*batch, 3)  unit vectors; ``unit_vectors`` makes them from latitude and longitude.
    style   what ``Axes.scatter`` takes.
    returns the artist.
    Raises  ValueError where a vector is not a unit vector, or ax is not a map that keeps areas.
    """
    ax = sphere(ax)
    x = checks.on_sphere(checks.points(x, "x", 3), "x").reshape(-1, 3)
    latitude = np.arctan2(x[:, 2], np.hypot(x[:, 0], x[:, 1]))
    longitude = np.arctan2(x[:, 1], x[:, 0])
    return ax.scatter(longitude, latitude, **_style.points(len(x), style))


def sphere_density(
    q: Any,
    ax: Axes | None = None,
    *,
    log: bool = False,
    pixels: int = 400,
    colorbar: bool = True,
    **style: Any,
) -> AxesImage:
    """The density of a law on the sphere S^2 with respect to area (4 pi in all).

    q         a law of event shape (3,) on the sphere; a batch of laws is shown as its average.
    log       whether to show the log density, in nats, down to 12 below its peak.
    pixels    pixels from pole to pole; the map is twice as wide.
    colorbar  whether to add one.
    style     what ``matplotlib.image.AxesImage`` takes, and ``vmin``, ``vmax``.
    returns   the artist.
    Raises    ValueError where q is not such a law, or ax is not a map that keeps areas.
    """
    if tuple(q.event_shape) != (3,) or not isinstance(q.space, Sphere):
        raise ValueError(f"q must be a law on the sphere in R^3, got {q!r} with event shape {tuple(q.event_shape)}")
    pixels = _density.resolution(pixels)
    ax = sphere(ax)
    # In the axes' own coordinates, where the map fills the unit square, it is a circle of radius 1/2.
    map_points = 0.5 + 0.5 * _density.inside_circle(_density.centres(2 * pixels), _density.centres(pixels))
    longitude, latitude = (ax.transAxes - ax.transData).transform(map_points.reshape(-1, 2)).T
    points = from_angles(latitude, longitude).reshape(*map_points.shape[:2], 3)
    log_prob = _density.mean_log_prob(q, points)
    image = _density.show(ax, log_prob, (0, 1, 0, 1), log=log, colorbar=colorbar, style=style)
    image.set_transform(ax.transAxes)
    image.set_clip_path(ax.patch)
    return image


def unit_vectors(latitude: ArrayLike, longitude: ArrayLike) -> np.ndarray:
    """Unit vectors (*batch, 3) of places given in degrees.

    latitude   (*batch)  in [-90, 90].
    longitude  (*batch)  in [-360, 360]; batch axes broadcast.
    Raises     ValueError where one is out of range.

    >>> unit_vectors(90, 0).round(6)
    array([0., 0., 1.])
    """
    angles = []
    for name, value, bound in (("latitude", latitude, 90.0), ("longitude", longitude, 360.0)):
        degrees = checks.finite(checks.as_float(value, name), name)
        if np.any(np.abs(degrees) > bound):
            worst = float(degrees.flat[np.argmax(np.abs(degrees))])
            raise ValueError(f"{name} must lie in [-{bound:g}, {bound:g}] degrees, got {worst!r}")
        angles.append(np.deg2rad(degrees))
    checks.broadcast(latitude=angles[0].shape, longitude=angles[1].shape)
    return from_angles(*angles)
