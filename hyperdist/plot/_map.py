"""The axes of a map of the sphere or of a globe: their rim, the lines and the degrees on them, and curves."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from hyperdist.geometry.sphere import from_angles
from hyperdist.plot._globe import Orthographic, Oval, View


class Outline(PathPatch):
    """The drawn sphere: the rim that artists are clipped to, and the way the sphere lies in it."""

    def __init__(self, ax: Axes, view: View) -> None:
        self.view = view
        middle, radius = ((0.5, 0.5), 0.5) if isinstance(view, Oval) else ((0.0, 0.0), 1.0)
        super().__init__(
            Path.circle(middle, radius), facecolor="none", edgecolor="0.25", linewidth=1.0, zorder=4,
            label="_nolegend_",
        )  # fmt: skip
        self.set_transform(ax.transAxes if isinstance(view, Oval) else ax.transData)


def find(ax: Axes) -> Outline | None:
    return next((patch for patch in ax.patches if isinstance(patch, Outline)), None)


def prepare(ax: Axes, view: View) -> None:
    if isinstance(view, Orthographic):
        ax.set(xlim=(-1.02, 1.02), ylim=(-1.02, 1.02), aspect="equal")
        ax.set_axis_off()
        return
    ax.grid(False)
    ax.tick_params(labelbottom=False, labelleft=False)
    ax.spines["geo"].set_visible(False)


def draw(ax: Axes, curves: Any, style: dict[str, Any]) -> LineCollection:
    """Curves, each of near unit vectors (n, 3), as far as they are seen."""
    outline = cast(Outline, find(ax))
    pieces = [piece for curve in curves for piece in outline.view.curve(curve)]
    artist = LineCollection(pieces, **style)
    artist.set_transform(outline.get_data_transform())
    artist = cast(LineCollection, ax.add_collection(artist, autolim=False))
    artist.set_clip_path(outline)
    return artist


def graticule(ax: Axes) -> None:
    """Draw the meridians, but for one that is the edge of the map, and the parallels; one patch, no collection, so that
    the axes' collections are what is put on the map."""
    outline = cast(Outline, find(ax))
    pieces = [Path(piece) for curve in _lines(outline.view) for piece in outline.view.curve(curve)]
    style = {"facecolor": "none", "edgecolor": "0.25", "linewidth": 0.5, "alpha": 0.16, "zorder": 3}
    artist = PathPatch(Path.make_compound_path(*pieces), label="_nolegend_", **style)
    artist.set_transform(outline.get_data_transform())
    ax.add_patch(artist)
    artist.set_clip_path(outline)


def _lines(view: View) -> list[np.ndarray]:
    along = np.linspace(-90.0, 90.0, 181)
    edge = (view.centre[1] + 180.0) % 360.0 if isinstance(view, Oval) and view.centre[0] == 0.0 else None
    meridians = [from_angles(np.radians(along), np.radians(lon)) for lon in range(-180, 180, 30) if lon % 360.0 != edge]
    # Begun at the edge of the map, so that no parallel is cut a hair beside it.
    start = view.centre[1] % 360.0 - 180.0
    parallels = [from_angles(np.radians(lat), np.radians(start + 2.0 * (along + 90.0))) for lat in range(-60, 61, 30)]
    return meridians + parallels


def label_degrees(ax: Axes, view: View) -> None:
    """Parallels are labelled at the map's left edge or on the middle meridian, meridians along the middle."""
    latitude, longitude = view.centre
    oval = isinstance(view, Oval)
    edge = oval and latitude == 0.0
    row = 0.0 if oval or abs(latitude) < 60.0 else float(np.copysign(60.0, latitude))
    side = longitude - (179.999 if edge else 0.0)
    halo = [withStroke(linewidth=2.0, foreground="white", alpha=0.8)]
    places = [(float(lat), side, _words(lat, "N", "S"), edge) for lat in range(-60, 61, 30) if edge or lat != row]
    places += [
        (row, float(lon), _words(lon, "E", "W"), False)
        for lon in range(-120 if oval else -150, 181, 60 if oval else 30)
    ]
    for lat, lon, words, outside in places:
        x = from_angles(*np.radians([[lat], [lon]]))
        away = abs((lon - longitude + 180.0) % 360.0 - 180.0)
        if (oval and not outside and away > 170.0) or (not oval and view.turned(x)[0, 0] < 0.2):
            continue
        offset, align = ((-4, 0), ("right", "center")) if outside else ((2, 2), ("left", "bottom"))
        ax.annotate(
            words, view.place(x)[0], xycoords=ax.transAxes if oval else ax.transData, xytext=offset,
            textcoords="offset points", ha=align[0], va=align[1], fontsize=7, color="0.3", zorder=4.2,
            path_effects=halo, annotation_clip=False,
        )  # fmt: skip


def _words(angle: float, positive: str, negative: str) -> str:
    side = "" if angle % 180 == 0 else positive if angle > 0 else negative
    return f"{abs(angle):g}\N{DEGREE SIGN}{side}"
