"""Colours, groups, colour bars and legends, which all pictures share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import rcParams, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import Colormap, ListedColormap, to_rgba
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from hyperdist import checks
from hyperdist.plot._read import numeric

_TURN = "_hyperdist_turn"
"""On an artist: which of the axes' colours it has."""


def _from_oklab(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """sRGB in [0, 1] of Oklab colours (Ottosson 2020) in polar form, hue in radians."""
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    cone = np.stack([
        lightness + 0.3963377774 * a + 0.2158037573 * b,
        lightness - 0.1055613458 * a - 0.0638541728 * b,
        lightness - 0.0894841775 * a - 1.2914855480 * b,
    ])  # fmt: skip
    matrix = np.array([
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ])  # fmt: skip
    linear = np.clip((matrix @ cone**3).T, 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _paper() -> Colormap:
    """From almost white to deep blue, the perceived lightness falling at a constant rate: no density reads as paper."""
    t = np.linspace(0.0, 1.0, 256)
    lightness = 0.985 - 0.715 * t
    chroma = 0.06 * t + 0.09 * np.sin(np.pi * t)
    hue = np.deg2rad(205.0 + 90.0 * t)
    return ListedColormap(_from_oklab(lightness, chroma, hue), name="hyperdist")


COLOURS = _paper()
"""The colour map of densities."""

GRID: dict[str, Any] = {"colors": "0.25", "linewidths": 0.5, "alpha": 0.16, "zorder": 3, "label": "_nolegend_"}
"""Of the faint lines under all else; the label keeps them out of every legend."""

CYCLE = ("#d1495b", "#1b998b", "#e9a23b", "#7b4ea3", "#5f9f35", "#c7779f", "#7a5230", "#3a3f47")
"""Colours of groups, one a call: seen on the palest and on the deepest of ``COLOURS``, and told from one another."""


def over(defaults: dict[str, Any], style: dict[str, Any], aliases: dict[str, str]) -> dict[str, Any]:
    """The caller's style over the defaults, whichever of Matplotlib's names for a property it uses."""
    named = {aliases.get(key, key) for key in style}
    return {key: value for key, value in defaults.items() if key not in named} | style


def lines(style: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """Arguments of ``LineCollection``."""
    return over(defaults, style, {"color": "colors", "linewidth": "linewidths", "lw": "linewidths"})


def next_colour(ax: Axes) -> tuple[int, str]:
    """The turn and the colour of the next group on the axes: of Matplotlib's cycle where the user has set one, else of
    ``CYCLE``."""
    turn = 1 + max((getattr(artist, _TURN, -1) for artist in ax.collections), default=-1)
    cycle = rcParams["axes.prop_cycle"]
    colours = CYCLE if cycle == rcParamsDefault["axes.prop_cycle"] else cycle.by_key().get("color", CYCLE)
    return turn, colours[turn % len(colours)]


def points(
    ax: Axes, places: Sequence[np.ndarray], shown: np.ndarray, style: dict[str, Any], *, label: str | None,
    groups: Any, values: Any, colorbar: bool, clip: Any = None,
) -> Any:  # fmt: skip
    """Points at ``places``, an array (n,) a coordinate, of which those ``shown`` are drawn: in one colour, in that of
    their group, or by value. The artist; with groups a list, one each."""
    n = len(shown)
    if groups is not None and (values is not None or label is not None):
        raise ValueError("groups must come without values and label: a group is labelled by itself")
    if values is not None:
        number = checks.finite(checks.as_float(numeric(values), "values"), "values").reshape(-1)
        _one_each(len(number), n, "values")
        defaults = {"c": number[shown], "cmap": "viridis"}
        artist = dots(ax, places, shown, over(defaults, style, {}), clip)
        if colorbar:
            bar(ax, artist, label or "")
        return artist
    if groups is None:
        return _group(ax, places, shown, style | ({} if label is None else {"label": label}), clip)
    labels = np.asarray(numeric(groups)).reshape(-1)
    missing = sum(label is None or label != label for label in labels.tolist())
    if missing:
        raise ValueError(f"groups must have a label for every point, got {missing} missing of {len(labels)}")
    names, member = np.unique(labels, return_inverse=True)
    _one_each(len(member), n, "groups")
    return [
        _group(ax, places, shown & (member == k), style | {"label": str(name)}, clip) for k, name in enumerate(names)
    ]


def _one_each(length: int, n: int, name: str) -> None:
    if length != n:
        raise ValueError(f"{name} must have one entry for each of {n} points, got {length}")


def _group(ax: Axes, places: Sequence[np.ndarray], shown: np.ndarray, style: dict[str, Any], clip: Any) -> Any:
    if {"color", "c", "facecolors", "facecolor", "fc"} & set(style):
        return dots(ax, places, shown, style, clip)
    turn, colour = next_colour(ax)
    artist = dots(ax, places, shown, {"color": colour} | style, clip)
    setattr(artist, _TURN, turn)
    return artist


def dots(ax: Axes, places: Sequence[np.ndarray], shown: np.ndarray, style: dict[str, Any], clip: Any) -> Any:
    """The more points there are, the smaller, so that they stay apart."""
    n = int(shown.sum())
    defaults = {"s": min(16.0, 1600.0 / max(n, 1) ** 0.75), "linewidths": 0.0, "alpha": 0.8, "zorder": 5}
    wide = {key: _of(value, shown) for key, value in style.items()}
    style = over(defaults, wide, {"linewidth": "linewidths", "lw": "linewidths"})
    artist = ax.scatter(*(place[shown] for place in places), **style)
    if clip is not None:
        artist.set_clip_path(clip)
    return artist


def _of(value: Any, shown: np.ndarray) -> Any:
    """The entries for the points shown of what has one for each point."""
    array = np.asarray(value) if isinstance(value, list | np.ndarray) else None
    return array[shown] if array is not None and array.ndim and len(array) == len(shown) else value


def bar(ax: Axes, artist: Any, label: str, *, extend: str = "neither") -> Any:
    """A colour bar beside the axes, whole: the figure gets a constrained layout unless it has one of its own."""
    tidy(ax)
    ways: dict[str, Any] = {"fraction": 0.05, "pad": 0.03, "shrink": 0.75, "extend": extend}
    colours = ax.figure.colorbar(artist, ax=ax, **ways)
    colours.set_label(label)
    cast(Any, colours.outline).set_visible(False)
    if colours.solids is not None:
        colours.solids.set_alpha(1.0)
    return colours


def tidy(ax: Axes) -> None:
    """Give the figure of the axes a constrained layout unless it has a layout of its own."""
    figure: Any = ax.figure.figure  # that of a part of a figure is the whole
    given, usual = figure.subplotpars, cast("dict[str, Any]", rcParams)
    margins = ("left", "right", "bottom", "top", "wspace", "hspace")
    default = all(getattr(given, name) == usual[f"figure.subplot.{name}"] for name in margins)
    if figure.get_layout_engine() is None and default and ax.get_subplotspec() is not None:
        figure.set_layout_engine("constrained")


def legend(ax: Axes | None = None, **style: Any) -> Legend:
    """A legend of what has a label, under the picture: groups, never the rim, its dots large enough to tell colours.

    ax      axes of a picture; None takes the current ones.
    style   what ``Axes.legend`` takes; with ``loc`` it stands there, not under the axes.
    returns the legend.
    Raises  ValueError where nothing on the axes has a label.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> ax = Figure().add_subplot()
    >>> near = plot.disc_points([[0.1, 0.2], [0.2, 0.1]], ax, label="near")
    >>> far = plot.disc_points([[0.8, 0.2], [0.2, 0.8]], ax, label="far")
    >>> [text.get_text() for text in plot.legend(ax).get_texts()]
    ['near', 'far']
    """
    ax = plt.gca() if ax is None else ax
    handles, labels = ax.get_legend_handles_labels()
    if not labels:
        raise ValueError("ax must show something that has a label, got none: give label= or groups= to its points")
    shown = [_dot(handle) if isinstance(handle, PathCollection) else handle for handle in handles]
    if "loc" not in style:
        style = _under(ax, labels) | style
        tidy(ax)
    spaces = {"frameon": False, "handletextpad": 0.3, "handlelength": 1.0, "columnspacing": 1.2}
    return ax.legend(shown, labels, **(spaces | style))


def _under(ax: Axes, labels: Sequence[str]) -> dict[str, Any]:
    """Where a legend stands under the axes and what is written there, and in how many columns of some 60 letters."""
    written = ax.axison and any(label.get_visible() for label in ax.get_xticklabels() if label.get_text())
    points = (20.0 if written else 2.0) + (14.0 if ax.get_xlabel() and ax.axison else 0.0)
    below = ax.transAxes + ScaledTranslation(0.0, -points / 72.0, cast(Any, ax.figure).dpi_scale_trans)
    columns = min(len(labels), max(1, 60 // (4 + max(len(label) for label in labels))))
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "bbox_transform": below}
    return place | {"borderaxespad": 0.0, "ncols": columns}


def _dot(handle: PathCollection) -> Line2D:
    colours = handle.get_facecolor()
    colour: Any = to_rgba(cast(Any, colours)[0], 1.0) if len(colours) else "0.3"
    return Line2D([], [], linestyle="", marker="o", markersize=5.5, markeredgewidth=0.0, color=colour)
