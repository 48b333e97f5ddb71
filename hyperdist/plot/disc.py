"""Points, densities and geodesics on the Poincaré disc of curvature -c, radius 1/sqrt(c).

Where c = 0 it is the plane, in the same coordinates: at the origin of any disc, lengths are twice those on paper.
"""

from __future__ import annotations

import math
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.image import AxesImage
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from hyperdist import checks
from hyperdist.arrays.types import AnyArray
from hyperdist.plot import _density, _read, _style, _tiling
from hyperdist.plot._cells import Chart
from hyperdist.spaces import PoincareBall

_PLANE = 2.0
"""Half-width of the window on the plane, c = 0, where none is asked for: 4 units of length either way."""

_STEPS = 257
"""Points along one geodesic, in equal steps: to length 40 a chord leaves its arc by under 1/1000 of the disc."""


class _Disc(PathPatch):
    """The drawn space: an outline that artists are clipped to and that knows its curvature and its window."""

    def __init__(self, c: float, window: float) -> None:
        self.c, self.window = c, window
        if c > 0:
            path = Path.circle(radius=1 / math.sqrt(c))
        else:
            path = Path(window * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]), closed=True)
        super().__init__(path, facecolor="none", edgecolor="0.25", linewidth=1.0, zorder=4, label="_nolegend_")


def disc(ax: Axes | None = None, c: float = 1.0, *, extent: float | None = None, grid: bool = True) -> Axes:
    """An empty disc.

    ax      axes to draw on; None takes the current ones.
    c       size of the curvature, a number >= 0; the disc has radius 1/sqrt(c), and c = 0 is the plane.
    extent  half-width of the window in coordinates; None shows the whole disc, or 2 either way where c = 0.
    grid    whether to draw a faint grid of geodesics: the tiling by right-angled pentagons, each of area pi/(2c), or
            by unit squares where c = 0.
    returns the axes.
    Raises  ValueError where c is negative or not one number, extent is not positive, or the axes are a disc already.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> ax = plot.disc(Figure().add_subplot(), c=0.25)
    >>> ax.get_xlim()
    (np.float64(-2.04), np.float64(2.04))
    """
    c = _read.one_curvature(c)
    ax = plt.gca() if ax is None else ax
    if _find(ax) is not None:
        raise ValueError("ax must be free, got axes that are a disc already")
    edge = 1 / math.sqrt(c) if c > 0 else math.inf
    window = min(edge, _PLANE) if extent is None and c == 0 else edge
    if extent is not None:
        window = min(edge, float(checks.positive(extent, "extent")))
    outline = _Disc(c, window)
    ax.add_patch(outline)
    if grid:
        lines = _tiling.lines() * edge if c > 0 else _plane_grid(window)
        _clip(ax.add_collection(LineCollection(list(lines), **_style.GRID)), outline)
    margin = 1.02 * window
    ax.set(xlim=(-margin, margin), ylim=(-margin, margin), aspect="equal")
    ax.set_axis_off()
    return ax


def disc_points(
    x: AnyArray, ax: Axes | None = None, c: float | None = None, *, model: str = "poincare", label: str | None = None,
    groups: Any = None, values: Any = None, colorbar: bool = True, **style: Any,
) -> Any:  # fmt: skip
    """Points on the disc.

    x         (*batch, 2)  points with sqrt(c) |x| < 1, or (*batch, 3) Lorentz coordinates; arrays or tensors.
    c         size of the curvature; None takes that of the axes, and 1 where they are not a disc yet.
    model     the coordinates of x: "poincare", "lorentz" or "tangent". Points further out than coordinates of the ball
              hold are drawn on the rim.
    label     the name of the points in a legend; every call draws in a colour of its own.
    groups    (*batch)  integers or strings: points of a group have one colour, and the group's name as their label.
    values    (*batch)  numbers that are shown as colours, ``cmap=`` which; ``label`` then names the colour bar.
    colorbar  whether values get one.
    style     what ``Axes.scatter`` takes.
    returns   the artist; with groups a list, one each, in the order of their names.
    Raises    ValueError where a point lies outside the disc, the axes show another curvature, or there is not one
              group or value for each point.

    >>> import hyperdist as hd
    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> x = hd.RiemannianNormal([0.3, 0.1], 0.4).sample((100,), rng=0)
    >>> artist = plot.disc_points(x, Figure().add_subplot(), label="draws")
    >>> len(artist.get_offsets())
    100
    """
    ax, outline = _prepare(ax, c)
    x = _read.ball_points(x, "x", 2, outline.c, model).reshape(-1, 2)
    return _style.points(
        ax, (x[:, 0], x[:, 1]), np.ones(len(x), bool), style, label=label, groups=groups, values=values,
        colorbar=colorbar, clip=outline,
    )  # fmt: skip


def disc_geodesic(
    x: AnyArray, y: AnyArray, ax: Axes | None = None, c: float | None = None, *, model: str = "poincare", **style: Any
) -> LineCollection:
    """The geodesic segments between pairs of points.

    x, y    (*batch, 2)  their ends, as ``disc_points`` takes them; batch axes broadcast.
    c       size of the curvature; None takes that of the axes, and 1 where they are not a disc yet.
    model   the coordinates of x and y: "poincare", "lorentz" or "tangent".
    style   what ``matplotlib.collections.LineCollection`` takes, ``label`` too.
    returns the artist, one line a pair.
    Raises  ValueError where a point lies outside the disc, the shapes do not broadcast or the axes show another
            curvature.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> artist = plot.disc_geodesic([0.0, 0.0], [[0.5, 0.5], [-0.5, 0.5]], Figure().add_subplot())
    >>> len(artist.get_segments())
    2
    """
    ax, outline = _prepare(ax, c)
    x, y = (_read.ball_points(end, name, 2, outline.c, model) for name, end in (("x", x), ("y", y)))
    shape = checks.broadcast(x=x.shape, y=y.shape)
    x, y = (np.broadcast_to(end, shape).reshape(-1, 1, 2) for end in (x, y))
    lines = PoincareBall(outline.c).geodesic(x, y, np.linspace(0.0, 1.0, _STEPS))
    defaults = {"colors": "#e0912f", "linewidths": 1.4, "zorder": 4.5, "capstyle": "round", "label": "_nolegend_"}
    artist = LineCollection(list(lines), **_style.lines(style, **defaults))
    return cast(LineCollection, _clip(ax.add_collection(artist), outline))


def disc_density(
    q: Any,
    ax: Axes | None = None,
    *,
    c: float | None = None,
    model: str | None = None,
    log: bool = False,
    pixels: int = 400,
    extent: float | None = None,
    colorbar: bool = True,
    **style: Any,
) -> AxesImage:
    """The density of a law on the disc with respect to Riemannian volume.

    q         a law of dimension 2 on hyperbolic space, with one c, in any model; of this package or of
              ``hyperdist_torch``, a flow, or a function from points (n, 2) to their densities (n,). A batch of laws is
              shown as its average. Of a law on flat space lengths are twice the coordinates of the picture.
    c         size of the curvature, for a function; None takes that of the axes, and 1 where they are not a disc yet.
    model     the coordinates in which a function takes its points: "poincare" (None), "lorentz" or "tangent".
    log       whether to show the log density, in nats, down to 12 below its peak.
    pixels    pixels along one side of the window. Their centres are where the density is taken; along the rim the
              centre is drawn inwards by one pixel, so that every point lies strictly inside.
    extent    half-width of the window, where the axes are not a disc yet.
    colorbar  whether to add one. The figure gets a constrained layout unless it has a layout of its own.
    style     what ``matplotlib.image.AxesImage`` takes, and ``vmin``, ``vmax``.
    returns   the artist.

    What is narrower than a pixel keeps its mass: there a pixel has its mass over its volume, found by cutting pixels in
    four where draws of the law, or its density, say that the mass lies. A ring marks the place; where it is not all
    that there is, colours are those of the rest, and the bar ends in an arrow. A function, which has no draws, is found
    where it is wide enough to be seen from the centre of a pixel.

    Raises    ValueError where q is not such a law, the axes show another curvature, or a function gives another shape,
              NaN or a negative number.
    Warns     UserWarning where the density is 0 at every pixel.

    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> ax = plot.disc(Figure().add_subplot(), c=2.0)
    >>> image = plot.disc_density(lambda x: np.exp(-4.0 * np.sum(x**2, axis=-1)), ax, pixels=50)
    >>> image.get_array().shape
    (50, 50)
    """
    pixels = _density.resolution(pixels)
    ax = plt.gca() if ax is None else ax
    drawn = _find(ax)
    density, c = _read.on_ball(q, 2, c, model, default=1.0 if drawn is None else drawn.c)
    ax, outline = _prepare(ax, c, extent)
    window = outline.window
    chart = _chart(outline.c, window, pixels)
    image = _density.show(ax, density, chart, log=log, colorbar=colorbar, clip=outline, style=style)
    return cast(AxesImage, image)


def _chart(c: float, window: float, pixels: int) -> Chart:
    """The window cut in pixels."""

    def log_volume(x: np.ndarray) -> np.ndarray:
        gap = 1.0 - c * np.sum(x * x, axis=-1)
        return np.where(gap > 0.0, 2.0 * np.log(2.0 / np.where(gap > 0.0, gap, 1.0)), -np.inf)

    edge = 1 / math.sqrt(c) if c > 0 else math.inf
    into = _density.into_circle(2.0 * window / edge / pixels if c > 0 else 0.0)
    ways = {"draw_in": lambda x: edge * into(x / edge)} if c > 0 else {}
    extent = (-window, window, -window, window)
    return Chart(extent, (pixels, pixels), lambda x: x, log_volume, lambda v: _read.to_ball(v, c), **ways)


def _find(ax: Axes) -> _Disc | None:
    return next((patch for patch in ax.patches if isinstance(patch, _Disc)), None)


def _prepare(ax: Axes | None, c: float | None, extent: float | None = None) -> tuple[Axes, _Disc]:
    """The axes as a disc, made one if need be; c must be that of the axes."""
    ax = plt.gca() if ax is None else ax
    outline = _find(ax)
    if outline is None:
        outline = _find(disc(ax, 1.0 if c is None else c, extent=extent))
        assert outline is not None
    elif c is not None and _read.one_curvature(c) != outline.c:
        raise ValueError(f"c must be that of the axes, {outline.c!r}, got {c!r}")
    return ax, outline


def _clip(artist: Any, outline: _Disc) -> Any:
    artist.set_clip_path(outline)
    return artist


def _plane_grid(window: float) -> np.ndarray:
    """Lines one unit of length, half a unit of the coordinates, apart, (n, 2, 2)."""
    at = 0.5 * np.arange(math.ceil(-2 * window), math.floor(2 * window) + 1)
    ends = np.stack([np.stack([at, np.full_like(at, -window)], -1), np.stack([at, np.full_like(at, window)], -1)], 1)
    return np.concatenate([ends, ends[..., ::-1]])
