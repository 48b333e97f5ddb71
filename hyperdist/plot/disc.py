"""Points, densities and geodesics on the Poincaré disc of curvature -c, radius 1/sqrt(c).

Where c = 0 it is the plane, in the same coordinates: at the origin of any disc, lengths are twice those on paper.
"""

from __future__ import annotations

import math
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.image import AxesImage
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike
from hyperdist.plot import _density, _style, _tiling
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
        super().__init__(path, facecolor="none", edgecolor="0.25", linewidth=1.0, zorder=4)


def disc(ax: Axes | None = None, c: float = 1.0, *, extent: float | None = None, grid: bool = True) -> Axes:
    """An empty disc.

    ax      axes to draw on; None takes the current ones.
    c       size of the curvature, a number >= 0; the disc has radius 1/sqrt(c), and c = 0 is the plane.
    extent  half-width of the window in coordinates; None shows the whole disc, or 2 either way where c = 0.
    grid    whether to draw a faint grid of geodesics: the tiling by right-angled pentagons, each of area pi/(2c), or
            by unit squares where c = 0.
    returns the axes.
    Raises  ValueError where c is negative or not one number, extent is not positive, or the axes are a disc already.
    """
    c = _one_curvature(c)
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
        _clip(
            ax.add_collection(LineCollection(list(lines), colors="0.25", linewidths=0.5, alpha=0.16, zorder=3)), outline
        )
    margin = 1.02 * window
    ax.set(xlim=(-margin, margin), ylim=(-margin, margin), aspect="equal")
    ax.set_axis_off()
    return ax


def disc_points(x: ArrayLike, ax: Axes | None = None, c: float | None = None, **style: Any) -> PathCollection:
    """Points on the disc.

    x       (*batch, 2)  points with sqrt(c) |x| < 1.
    c       size of the curvature; None takes that of the axes, and 1 where they are not a disc yet.
    style   what ``Axes.scatter`` takes.
    returns the artist.
    Raises  ValueError where a point lies outside the disc or the axes show another curvature.
    """
    ax, outline = _prepare(ax, c)
    x = _inside(x, outline, "x").reshape(-1, 2)
    return cast(PathCollection, _clip(ax.scatter(x[:, 0], x[:, 1], **_style.points(len(x), style)), outline))


def disc_geodesic(
    x: ArrayLike, y: ArrayLike, ax: Axes | None = None, c: float | None = None, **style: Any
) -> LineCollection:
    """The geodesic segments between pairs of points.

    x, y    (*batch, 2)  their ends, with sqrt(c) |x| < 1; batch axes broadcast.
    c       size of the curvature; None takes that of the axes, and 1 where they are not a disc yet.
    style   what ``matplotlib.collections.LineCollection`` takes.
    returns the artist, one line a pair.
    Raises  ValueError where a point lies outside the disc, the shapes do not broadcast or the axes show another
            curvature.
    """
    ax, outline = _prepare(ax, c)
    x, y = _inside(x, outline, "x"), _inside(y, outline, "y")
    shape = checks.broadcast(x=x.shape, y=y.shape)
    x, y = (np.broadcast_to(end, shape).reshape(-1, 1, 2) for end in (x, y))
    lines = PoincareBall(outline.c).geodesic(x, y, np.linspace(0.0, 1.0, _STEPS))
    defaults = {"colors": "#e0912f", "linewidths": 1.4, "zorder": 4.5, "capstyle": "round"}
    aliases = {"color": "colors", "linewidth": "linewidths", "lw": "linewidths"}
    artist = LineCollection(list(lines), **_style.over(defaults, style, aliases))
    return cast(LineCollection, _clip(ax.add_collection(artist), outline))


def disc_density(
    q: Any,
    ax: Axes | None = None,
    *,
    log: bool = False,
    pixels: int = 400,
    extent: float | None = None,
    colorbar: bool = True,
    **style: Any,
) -> AxesImage:
    """The density of a law on the disc with respect to Riemannian volume.

    q         a law of dimension 2 on hyperbolic space, with one c; a batch of laws is shown as its average.
    log       whether to show the log density, in nats, down to 12 below its peak.
    pixels    pixels along one side of the window. Their centres are where the density is taken; along the rim the
              centre is drawn inwards by one pixel, so that every point lies strictly inside.
    extent    half-width of the window, where the axes are not a disc yet.
    colorbar  whether to add one.
    style     what ``matplotlib.image.AxesImage`` takes, and ``vmin``, ``vmax``.
    returns   the artist.
    Raises    ValueError where q is not such a law, or the axes show another curvature.
    """
    if tuple(q.event_shape) != (2,) or not isinstance(q.space, PoincareBall):
        raise ValueError(
            f"q must be a hyperbolic law of dimension 2, got {q!r} with event shape {tuple(q.event_shape)}"
        )
    pixels = _density.resolution(pixels)
    ax, outline = _prepare(ax, _one_curvature(q.space.c), extent)
    window = outline.window
    side = window * _density.centres(pixels)
    if outline.c > 0:
        edge = 1 / math.sqrt(outline.c)
        points = edge * _density.inside_circle(side / edge, side / edge)
    else:
        points = np.stack(np.meshgrid(side, side), axis=-1)
    log_prob = _density.mean_log_prob(q, points)
    image = _density.show(ax, log_prob, (-window, window, -window, window), log=log, colorbar=colorbar, style=style)
    return cast(AxesImage, _clip(image, outline))


def _find(ax: Axes) -> _Disc | None:
    return next((patch for patch in ax.patches if isinstance(patch, _Disc)), None)


def _prepare(ax: Axes | None, c: float | None, extent: float | None = None) -> tuple[Axes, _Disc]:
    """The axes as a disc, made one if need be; c must be that of the axes."""
    ax = plt.gca() if ax is None else ax
    outline = _find(ax)
    if outline is None:
        outline = _find(disc(ax, 1.0 if c is None else c, extent=extent))
        assert outline is not None
    elif c is not None and _one_curvature(c) != outline.c:
        raise ValueError(f"c must be that of the axes, {outline.c!r}, got {c!r}")
    return ax, outline


def _one_curvature(c: ArrayLike) -> float:
    values = np.unique(checks.curvature(c))
    if values.size != 1:
        raise ValueError(f"c must be one number, since one disc has one curvature, got {values!r}")
    return float(values[0])


def _inside(x: ArrayLike, outline: _Disc, name: str) -> np.ndarray:
    return checks.inside_ball(checks.points(x, name, 2), np.asarray(outline.c), name)


def _clip(artist: Any, outline: _Disc) -> Any:
    artist.set_clip_path(outline)
    return artist


def _plane_grid(window: float) -> np.ndarray:
    """Lines one unit of length, half a unit of the coordinates, apart, (n, 2, 2)."""
    at = 0.5 * np.arange(math.ceil(-2 * window), math.floor(2 * window) + 1)
    ends = np.stack([np.stack([at, np.full_like(at, -window)], -1), np.stack([at, np.full_like(at, window)], -1)], 1)
    return np.concatenate([ends, ends[..., ::-1]])
