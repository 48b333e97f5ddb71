"""Points, densities and geodesics in the Poincaré ball of dimension 3, radius 1/sqrt(c)."""

from __future__ import annotations

import math
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
from mpl_toolkits.mplot3d.art3d import Line3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D

from hyperdist import checks
from hyperdist.arrays.types import AnyArray
from hyperdist.plot import _read, _style
from hyperdist.plot._read import Density
from hyperdist.spaces import PoincareBall

_STEPS = 65
_GRID = 48
"""Cells along one side from which points stand for a function."""


class _Rim(Line3DCollection):
    """The drawn ball: circles of latitude and longitude on its rim, which know its curvature."""

    def __init__(self, c: float, grid: bool) -> None:
        self.c = c
        turn = np.linspace(0.0, 2.0 * math.pi, 97)
        across, up, none = np.cos(turn), np.sin(turn), 0.0 * turn
        lines = [np.stack([across, up, none], -1)]
        for angle in np.radians(np.arange(0, 180, 30)):
            lines.append(np.stack([math.cos(angle) * across, math.sin(angle) * across, up], -1))
        for angle in np.radians([-60, -30, 30, 60]):
            lines.append(np.stack([math.cos(angle) * across, math.cos(angle) * up, none + math.sin(angle)], -1))
        style: dict[str, Any] = _style.GRID | {"alpha": 0.25, "zorder": 0} | ({} if grid else {"linewidths": 0.0})
        super().__init__([line / math.sqrt(c) for line in lines], **style)


def ball(ax: Axes3D | None = None, c: float = 1.0, *, grid: bool = True) -> Axes3D:
    """An empty ball, in perspective.

    ax      axes of projection "3d"; None takes the current ones, or makes new ones.
    c       size of the curvature, a number > 0; the ball has radius 1/sqrt(c).
    grid    whether to draw meridians and parallels on its rim, faintly.
    returns the axes.
    Raises  ValueError where c is not positive or not one number, or ax is not such axes, or a ball already.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> ax = plot.ball(Figure().add_subplot(projection="3d"), c=2.0)
    """
    c = _read.one_curvature(c)
    if not c > 0.0:
        raise ValueError(f"c must be > 0 for a ball, got {c!r}")
    if ax is None:
        free = not plt.gcf().axes or not isinstance(plt.gca(), Axes3D)
        ax = cast(Axes3D, plt.subplot(projection="3d") if free else plt.gca())
    if not isinstance(ax, Axes3D):
        raise ValueError(f"ax must have projection 3d, got {getattr(ax, 'name', ax)!r}")
    if _find(ax) is not None:
        raise ValueError("ax must be free, got axes that are a ball already")
    ax.add_collection3d(_Rim(c, grid))
    edge = 0.75 / math.sqrt(c)
    ax.set(xlim=(-edge, edge), ylim=(-edge, edge), zlim=(-edge, edge))
    ax.set_box_aspect((1.0, 1.0, 1.0))
    ax.set_axis_off()
    return ax


def ball_points(
    x: AnyArray, ax: Axes3D | None = None, c: float | None = None, *, model: str = "poincare",
    label: str | None = None, groups: Any = None, values: Any = None, colorbar: bool = True, **style: Any,
) -> Any:  # fmt: skip
    """Points in the ball.

    x         (*batch, 3)  points with sqrt(c) |x| < 1, or (*batch, 4) Lorentz coordinates; arrays or tensors.
    c         size of the curvature; None takes that of the axes, and 1 where they are not a ball yet.
    model, label, groups, values, colorbar  as in ``disc_points``.
    style     what ``Axes3D.scatter`` takes.
    returns   the artist; with groups a list, one each, in the order of their names.
    Raises    ValueError where a point lies outside the ball, the axes show another curvature, or there is not one
              group or value for each point.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> artist = plot.ball_points([[0.1, 0.2, 0.3]], Figure().add_subplot(projection="3d"), label="one")
    """
    ax, c = _prepare(ax, c)
    x = _read.ball_points(x, "x", 3, c, model).reshape(-1, 3)
    return _style.points(
        cast(Any, ax), tuple(x.T), np.ones(len(x), bool), style, label=label, groups=groups, values=values,
        colorbar=colorbar,
    )  # fmt: skip


def ball_geodesic(
    x: AnyArray, y: AnyArray, ax: Axes3D | None = None, c: float | None = None, *, model: str = "poincare", **style: Any
) -> Line3DCollection:
    """The geodesic segments between pairs of points.

    x, y    (*batch, 3)  their ends, as ``ball_points`` takes them; batch axes broadcast.
    c       size of the curvature; None takes that of the axes, and 1 where they are not a ball yet.
    model   the coordinates of x and y: "poincare", "lorentz" or "tangent".
    style   what ``Line3DCollection`` takes, ``label`` too.
    returns the artist, one line a pair.
    Raises  ValueError where a point lies outside the ball, the shapes do not broadcast or the axes show another
            curvature.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> artist = plot.ball_geodesic([0.0, 0.0, 0.9], [0.9, 0.0, 0.0], Figure().add_subplot(projection="3d"))
    """
    ax, c = _prepare(ax, c)
    x, y = (_read.ball_points(end, name, 3, c, model) for name, end in (("x", x), ("y", y)))
    shape = checks.broadcast(x=x.shape, y=y.shape)
    x, y = (np.broadcast_to(end, shape).reshape(-1, 1, 3) for end in (x, y))
    lines = PoincareBall(c).geodesic(x, y, np.linspace(0.0, 1.0, _STEPS))
    defaults = {"colors": "#e0912f", "linewidths": 1.4, "label": "_nolegend_"}
    artist = Line3DCollection(list(lines), **_style.lines(style, **defaults))
    ax.add_collection3d(artist)
    return artist


def ball_density(
    q: Any,
    ax: Axes3D | None = None,
    *,
    c: float | None = None,
    model: str | None = None,
    log: bool = False,
    points: int = 2000,
    colorbar: bool = True,
    **style: Any,
) -> Any:
    """The density of a law in the ball with respect to Riemannian volume, by draws that are coloured by it.

    q         a law of dimension 3 on hyperbolic space, with one c, in any model; of this package or of
              ``hyperdist_torch``, a flow, or a function from points (n, 3) to their densities (n,), which points of a
              grid stand for, chosen by their mass.
    c, model  of a function, as in ``disc_density``.
    log       whether colours are of the log density, in nats.
    points    how many.
    colorbar  whether to add one.
    style     what ``Axes3D.scatter`` takes.
    returns   the artist.
    Raises    ValueError where q is not such a law, the axes show another curvature, or a function gives another shape,
              NaN, a negative number or 0 everywhere.

    >>> import hyperdist as hd
    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot
    >>> artist = plot.ball_density(hd.RiemannianNormal([0.3, 0.2, 0.1], 0.4), Figure().add_subplot(projection="3d"))
    """
    points = checks.dimension(points, "points")
    if ax is None and plt.gcf().axes and isinstance(plt.gca(), Axes3D):
        ax = cast(Axes3D, plt.gca())
    drawn = None if ax is None or not isinstance(ax, Axes3D) else _find(ax)
    density, c = _read.on_ball(q, 3, c, model, default=1.0 if drawn is None else drawn.c, count=points)
    ax, c = _prepare(ax, c)
    if density.draws is None or density.log_prob_of_draws is None:
        x, log_p = _chosen(density, c, points)
    else:
        kept = np.random.default_rng(0).permutation(len(density.draws))[:points]
        x, log_p = _read.to_ball(density.draws[kept], c), density.log_prob_of_draws[kept]
    defaults = {"s": min(12.0, 1600.0 / len(x) ** 0.75), "alpha": 0.6}
    return _style.points(
        cast(Any, ax), tuple(x.T), np.ones(len(x), bool), _style.over(defaults, style, {}), groups=None,
        values=log_p if log else np.exp(log_p), colorbar=colorbar,
        label="log density (nats)" if log else "density (per unit volume)",
    )  # fmt: skip


def _chosen(density: Density, c: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of cells of a grid, as many in each as its mass says, and their log density."""
    rng = np.random.default_rng(0)
    side = (np.arange(_GRID) + 0.5) / _GRID * 2.0 - 1.0
    cells = np.stack(np.meshgrid(side, side, side), axis=-1).reshape(-1, 3)
    cells = cells[np.sum(cells * cells, axis=-1) < (1.0 - 1.0 / _GRID) ** 2]
    volume = 3.0 * np.log(2.0 / (1.0 - np.sum(cells * cells, axis=-1)))
    log_mass = density.log_prob(cells / math.sqrt(c)) + volume
    if not np.isfinite(log_mass).any():
        raise ValueError("q must have a density above 0 somewhere in the ball, got 0 at every point of a grid")
    mass = np.exp(log_mass - log_mass.max())
    x = cells[rng.choice(len(cells), points, p=mass / mass.sum())]
    x = (x + rng.uniform(-1.0, 1.0, x.shape) / _GRID) / math.sqrt(c)
    x = x * np.minimum(1.0, (1.0 - 1e-3) / np.maximum(math.sqrt(c) * np.linalg.norm(x, axis=-1, keepdims=True), 0.5))
    log_p = density.log_prob(x)
    return x[np.isfinite(log_p)], log_p[np.isfinite(log_p)]


def _find(ax: Axes3D) -> _Rim | None:
    return next((artist for artist in ax.collections if isinstance(artist, _Rim)), None)


def _prepare(ax: Axes3D | None, c: float | None) -> tuple[Axes3D, float]:
    """The axes as a ball, made one if need be; c must be that of the axes."""
    if ax is None and plt.gcf().axes and isinstance(plt.gca(), Axes3D):
        ax = cast(Axes3D, plt.gca())
    rim = _find(ax) if isinstance(ax, Axes3D) else None
    if ax is None or rim is None:
        ax = ball(ax, 1.0 if c is None else c)
        rim = cast(_Rim, _find(ax))
    elif c is not None and _read.one_curvature(c) != rim.c:
        raise ValueError(f"c must be that of the axes, {rim.c!r}, got {c!r}")
    return ax, rim.c
