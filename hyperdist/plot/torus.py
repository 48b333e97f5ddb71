"""Points, densities and geodesics of two angles, on the square that the torus is cut to; pairs of more angles."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from hyperdist import checks
from hyperdist.arrays.types import AnyArray
from hyperdist.geometry import torus as angles
from hyperdist.plot import _density, _read, _style
from hyperdist.plot._cells import Chart

_TURN = 2.0 * math.pi
_WORDS = {
    "pi": ["$-\\pi$", "$-\\pi/2$", "$0$", "$\\pi/2$", "$\\pi$"],
    "degrees": ["\N{MINUS SIGN}180°", "\N{MINUS SIGN}90°", "0°", "90°", "180°"],
    "radians": ["\N{MINUS SIGN}3.14", "\N{MINUS SIGN}1.57", "0", "1.57", "3.14"],
}
_PLACES = math.pi * np.array([-1.0, -0.5, 0.0, 0.5, 1.0])


class _Square(Rectangle):
    """The drawn torus: the square that artists are clipped to."""

    def __init__(self) -> None:
        super().__init__((-math.pi, -math.pi), _TURN, _TURN, facecolor="none", edgecolor="none", label="_nolegend_")


def torus(ax: Axes | None = None, *, ticks: str = "pi", names: Sequence[str] | None = None, grid: bool = True) -> Axes:
    """An empty square of two angles, -pi to pi; what leaves it on one side comes back on the other.

    ax      axes to draw on; None takes the current ones.
    ticks   how angles are written: "pi", as parts of pi, "degrees" or "radians".
    names   the two angles' names, along the axes.
    grid    whether to draw lines at the ticks, faintly.
    returns the axes.
    Raises  ValueError where ticks is something else, there are not two names, or the axes are a torus already.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> ax = plot.torus(Figure().add_subplot(), ticks="degrees", names=("phi", "psi"))
    >>> [tick.get_text() for tick in ax.get_xticklabels()][2:]
    ['0°', '90°', '180°']
    """
    checks.choice(ticks, "ticks", tuple(_WORDS))
    if names is not None and (isinstance(names, str) or len(names) != 2):
        raise ValueError(f"names must be those of two angles, got {names!r}")
    ax = plt.gca() if ax is None else ax
    if _find(ax):
        raise ValueError("ax must be free, got axes that are a torus already")
    ax.add_patch(_Square())
    ax.set(xlim=(-math.pi, math.pi), ylim=(-math.pi, math.pi), aspect="equal")
    ax.set_xticks(_PLACES, _WORDS[ticks])
    ax.set_yticks(_PLACES, _WORDS[ticks])
    if names is not None:
        ax.set(xlabel=names[0], ylabel=names[1])
    ax.grid(grid, color="0.25", linewidth=0.5, alpha=0.16)
    ax.set_axisbelow(False)
    for spine in ax.spines.values():
        spine.set(edgecolor="0.25", linewidth=1.0)
    return ax


def torus_points(
    x: AnyArray, ax: Axes | None = None, *, axes: tuple[int, int] = (0, 1), label: str | None = None,
    groups: Any = None, values: Any = None, colorbar: bool = True, **style: Any,
) -> Any:  # fmt: skip
    """Two angles of points on the torus.

    x         (*batch, d)  d >= 2 angles in radians, taken modulo 2 pi; an array or a tensor.
    axes      which two of them, across and up.
    label     the name of the points in a legend; every call draws in a colour of its own.
    groups    (*batch)  integers or strings: points of a group have one colour, and the group's name as their label.
    values    (*batch)  numbers that are shown as colours, ``cmap=`` which; ``label`` then names the colour bar.
    colorbar  whether values get one.
    style     what ``Axes.scatter`` takes.
    returns   the artist; with groups a list, one each, in the order of their names.
    Raises    ValueError where an angle is not finite, axes are not two of them, or there is not one group or value
              for each point.
    Warns     UserWarning where an angle is more than four turns, as degrees are.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> artist = plot.torus_points([[0.5, 4.0]], Figure().add_subplot())
    >>> artist.get_offsets().data.round(3)
    array([[ 0.5  , -2.283]])
    """
    x = _angles(x, "x", axes)
    ax = _prepare(ax)
    return _style.points(
        ax, tuple(x.reshape(-1, 2).T), np.ones(x.size // 2, bool), style, label=label, groups=groups, values=values,
        colorbar=colorbar,
    )  # fmt: skip


def torus_density(
    q: Any,
    ax: Axes | None = None,
    *,
    axes: tuple[int, int] = (0, 1),
    log: bool = False,
    pixels: int = 200,
    colorbar: bool = True,
    **style: Any,
) -> AxesImage:
    """The density of two angles with respect to their area (4 pi^2 in all).

    q         a law on the torus, of this package or of ``hyperdist_torch``, a flow of two angles, or a function from
              angles (n, 2) to their densities (n,). A batch of laws is shown as its average.
    axes      which two of its angles, across and up: of more than two the marginal density, exact for laws whose
              angles are independent and for mixtures of such laws.
    log       whether to show the log density, in nats, down to 12 below its peak.
    pixels    pixels along one side.
    colorbar  whether to add one. The figure gets a constrained layout unless it has a layout of its own.
    style     what ``matplotlib.image.AxesImage`` takes, and ``vmin``, ``vmax``.
    returns   the artist.

    What is narrower than a pixel keeps its mass and is ringed, as ``disc_density`` says.

    Raises    ValueError where q is not such a law or has no such marginal, or a function gives another shape, NaN or a
              negative number.
    Warns     UserWarning where the density is 0 at every pixel.

    >>> import hyperdist as hd
    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> q = hd.ToroidalWrappedNormal([0.0, 3.0, 1.0], [0.5, 1.0, 0.1])
    >>> image = plot.torus_density(q, Figure().add_subplot(), axes=(0, 2), pixels=60)
    """
    density = _read.on_torus(q, _pair(axes))
    pixels = _density.resolution(pixels)
    ax = _prepare(ax)
    image = _density.show(ax, density, _chart(pixels), log=log, colorbar=colorbar, clip=None, style=style)
    return cast(AxesImage, image)


def torus_geodesic(
    x: AnyArray, y: AnyArray, ax: Axes | None = None, *, axes: tuple[int, int] = (0, 1), **style: Any
) -> LineCollection:
    """The shortest ways between pairs of points; what leaves the square comes back on the other side.

    x, y    (*batch, d)  their ends, angles in radians, taken modulo 2 pi; batch axes broadcast.
    axes    which two of the angles, across and up.
    style   what ``matplotlib.collections.LineCollection`` takes, ``label`` too.
    returns the artist, a line for every piece.
    Raises  ValueError where an angle is not finite, the shapes do not broadcast or axes are not two of the angles.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> len(plot.torus_geodesic([3.0, 0.0], [-3.0, 1.0], Figure().add_subplot()).get_segments())
    2
    """
    x, y = _angles(x, "x", axes), _angles(y, "y", axes)
    checks.broadcast(x=x.shape, y=y.shape)
    ax = _prepare(ax)
    start = np.broadcast_to(x, np.broadcast_shapes(x.shape, y.shape)).reshape(-1, 2)
    end = start + np.broadcast_to(angles.log(x, y), np.broadcast_shapes(x.shape, y.shape)).reshape(-1, 2)
    turns = np.where(end >= math.pi, -_TURN, np.where(end < -math.pi, _TURN, 0.0))
    lines = []
    for a, b, turn in zip(start, end, turns, strict=True):
        for shift in sorted({(0.0, 0.0), (turn[0], 0.0), (0.0, turn[1]), (turn[0], turn[1])}):
            piece = _inside(a + shift, b + shift)
            lines += [] if piece is None else [piece]
    defaults = {"colors": "#e0912f", "linewidths": 1.4, "zorder": 4.5, "label": "_nolegend_"}
    return cast(LineCollection, ax.add_collection(LineCollection(lines, **_style.lines(style, **defaults))))


def torus_pairs(
    x: AnyArray | None = None, q: Any = None, *, figure: Figure | None = None, names: Sequence[str] | None = None,
    ticks: str = "pi", log: bool = False, pixels: int = 100, **options: Any,
) -> np.ndarray:  # fmt: skip
    """Every two of d angles, a panel a pair: the density of q with x on it, either alone too.

    x, q     as ``torus_points`` and ``torus_density`` take them.
    figure   what to draw on; None takes a new one.
    names    the d angles' names.
    ticks, log, pixels  as in ``torus`` and ``torus_density``.
    options  what ``torus_points`` takes.
    returns  the axes (d - 1, d - 1), None above the diagonal: row i has angle i + 1 up, column j angle j across.
    Raises   ValueError where there is neither x nor q, they have not the same d >= 2 angles, or there are not d names.

    >>> import hyperdist as hd
    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> q = hd.ToroidalWrappedNormal([0.0, 3.0, 1.0], [0.5, 1.0, 0.1])
    >>> plot.torus_pairs(q.sample((50,), rng=0), q, figure=Figure(), pixels=20).shape
    (2, 2)
    """
    points = None if x is None else checks.vector(_read.numeric(x), "x", 2)
    found = [] if points is None else [points.shape[-1]]
    found += [int(q.event_shape[0])] if hasattr(q, "event_shape") else []
    if not found or len(set(found)) > 1 or found[0] < 2:
        raise ValueError(f"x and q must have the same number of angles, 2 or more, got {found or 'neither'}")
    d = found[0]
    if names is not None and (isinstance(names, str) or len(names) != d):
        raise ValueError(f"names must be those of {d} angles, got {names!r}")
    if figure is None:
        figure = plt.figure(figsize=(1.0 + 1.9 * (d - 1), 0.8 + 1.9 * (d - 1)), layout="constrained")
    grid = figure.add_gridspec(d - 1, d - 1)
    panels = np.full((d - 1, d - 1), None, dtype=object)
    for i in range(d - 1):
        for j in range(i + 1):
            ax = torus(figure.add_subplot(grid[i, j]), ticks=ticks)
            if q is not None:
                torus_density(q, ax, axes=(j, i + 1), log=log, pixels=pixels, colorbar=False)
            if points is not None:
                torus_points(points, ax, axes=(j, i + 1), **options)
            if names is not None:
                ax.set(xlabel=names[j] if i == d - 2 else "", ylabel=names[i + 1] if j == 0 else "")
            ax.tick_params(labelbottom=i == d - 2, labelleft=j == 0)
            panels[i, j] = ax
    return panels


def _chart(pixels: int) -> Chart:
    side = (-math.pi, math.pi)
    return Chart((*side, *side), (pixels, pixels), lambda x: x, lambda x: np.zeros(len(x)), lambda x: x)


def _find(ax: Axes) -> bool:
    return any(isinstance(patch, _Square) for patch in ax.patches)


def _prepare(ax: Axes | None) -> Axes:
    ax = plt.gca() if ax is None else ax
    return ax if _find(ax) else torus(ax)


def _pair(axes: Any) -> tuple[int, int]:
    try:
        first, second = (operator.index(axis) for axis in axes)
    except (TypeError, ValueError):
        raise ValueError(f"axes must be two numbers of angles, got {axes!r}") from None
    if min(first, second) < 0 or first == second:
        raise ValueError(f"axes must be two different angles, counted from 0, got {axes!r}")
    return first, second


def _angles(x: AnyArray, name: str, axes: tuple[int, int]) -> np.ndarray:
    """Two angles (*batch, 2) in [-pi, pi)."""
    pair = _pair(axes)
    x = checks.radians(checks.finite(checks.vector(_read.numeric(x), name, 2), name), name).astype(np.float64)
    if max(pair) >= x.shape[-1]:
        raise ValueError(f"axes must be two of the {x.shape[-1]} angles of {name}, got {axes!r}")
    return angles.wrap(x[..., list(pair)])


def _inside(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """The part in the square of a straight line, (2, 2); None where there is none (Liang and Barsky 1984)."""
    low, high, step = 0.0, 1.0, b - a
    for k in range(2):
        if step[k] == 0.0:
            if abs(a[k]) > math.pi:
                return None
            continue
        ends = sorted(((-math.pi - a[k]) / step[k], (math.pi - a[k]) / step[k]))
        low, high = max(low, ends[0]), min(high, ends[1])
    return np.stack([a + low * step, a + high * step]) if low < high else None
