"""Pictures of densities on the globe: maps with the events, and held-out likelihood against training-set size."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence, Sized

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from hyperdist import Sphere, plot

DECADES = (-2, 3)
"""Powers of ten that the colours of a map span, of the density over the uniform one: one scale for all models."""
TRAINING, TEST = "#f0a202", "#c1121f"
"""Colours of events: seen on the palest and on the deepest blue of the densities."""
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by colour-blind readers too (Okabe and Ito 2008)."""
_MARKERS = "osD^vP"
_GREYS = (("0.25", "--", "s"), ("0.45", "-.", "x"), ("0.6", ":", "+"))
_LABEL = 0.13
"""The least distance of two labels, in widths of the axis."""
_UNIFORM = -math.log(4.0 * math.pi)

LogDensity = Callable[[np.ndarray], np.ndarray]
"""From unit vectors (n, 3) to log densities (n,), in nats with respect to area on the unit sphere."""
Point = tuple[int, float, tuple[float, float] | None]
"""Training-set size, held-out negative log-likelihood, and its 95 % interval where there is one."""


class _Law:
    """What ``plot.sphere_density`` asks of a law, from its log density alone."""

    batch_shape, event_shape, space = (), (3,), Sphere()

    def __init__(self, log_density: LogDensity) -> None:
        self.log_prob = log_density


def density_map(
    ax: Axes, log_density: LogDensity, events: np.ndarray, title: str, *, test: np.ndarray | None = None,
    pixels: int = 200, decades: tuple[int, int] = DECADES, colorbar: bool = True,
) -> AxesImage:  # fmt: skip
    """The density over the globe on a map that keeps areas, on a logarithmic scale, with the events as small points.

    ax        axes of projection "mollweide" or "hammer"; longitude 0 is the centre, east is right.
    events    (n, 3)  unit vectors of the training part, orange.
    test      (m, 3)  of the test part, red.
    pixels    from pole to pole; ``log_density`` is called once a row of pixels, with 2 ``pixels`` points.
    decades   powers of ten of the density over the uniform one that the colours span; beyond, the ends' colours.
    returns   the artist of the density, which ``density_bar`` explains; with ``colorbar`` it has been.
    """
    low, high = (_UNIFORM + power * math.log(10.0) for power in decades)
    image = plot.sphere_density(_Law(log_density), ax, log=True, pixels=pixels, colorbar=False, vmin=low, vmax=high)
    size = min(4.0, 45.0 / math.sqrt(max(len(events), 1)))
    for places, colour in ((events, TRAINING), (test, TEST)):
        if places is not None:
            plot.sphere_points(places, ax, color=colour, s=size, alpha=0.7)
    ax.set_title(title, fontsize=11)
    if colorbar:
        density_bar(image, [ax])
    return image


def density_bar(image: AxesImage, axes: Sequence[Axes]) -> None:
    """The colour bar of maps that share one scale."""
    low, high = (round((value - _UNIFORM) / math.log(10.0)) for value in image.get_clim())
    powers = range(low, high + 1)
    bar = axes[0].figure.colorbar(image, ax=list(axes), extend="both", shrink=0.75, pad=0.02, aspect=25)
    bar.set_ticks([_UNIFORM + power * math.log(10.0) for power in powers], labels=[f"$10^{{{p}}}$" for p in powers])
    bar.set_label("density / uniform density")
    bar.outline.set_visible(False)


def density_maps(
    panels: Mapping[str, LogDensity], events: np.ndarray, *, test: np.ndarray | None = None, columns: int = 2,
    pixels: int = 200, decades: tuple[int, int] = DECADES,
) -> Figure:  # fmt: skip
    """A map for each titled density, on one scale, with one colour bar and a legend of the events.

    Raises  ValueError where there is no density.
    """
    rows, columns = _grid(panels, columns)
    figure = Figure(figsize=(4.4 * columns + 0.9, 2.5 * rows + 0.35), layout="constrained")
    axes = [figure.add_subplot(rows, columns, i + 1, projection="mollweide") for i in range(len(panels))]
    images = [
        density_map(ax, log_density, events, title, test=test, pixels=pixels, decades=decades, colorbar=False)
        for ax, (title, log_density) in zip(axes, panels.items(), strict=True)
    ]
    density_bar(images[0], axes)
    shown = [("training events", TRAINING), *([("test events", TEST)] if test is not None else [])]
    handles = [Line2D([], [], linestyle="", marker="o", markersize=4, color=c, label=label) for label, c in shown]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    return figure


def _grid(panels: Sized, columns: int) -> tuple[int, int]:
    """Rows and columns, of the latter no more than there are panels."""
    if not len(panels):
        raise ValueError("panels must hold at least one, got none")
    columns = min(columns, len(panels))
    return -(-len(panels) // columns), columns


def learning_curves(
    ax: Axes, curves: Mapping[str, Sequence[Point]], title: str, *,
    baselines: Collection[str] = ("mixture", "kernel estimate", "variable kernel estimate"), legend: bool = True,
) -> None:  # fmt: skip
    """Held-out negative log-likelihood against training-set size, a line a model with its 95 % band.

    curves     the points of each model.
    baselines  those of them that are drawn grey and dashed, for comparison.
    """
    models = [name for name in curves if name not in baselines]
    compared = [name for name in curves if name in baselines]
    styles = {name: (_COLOURS[i % len(_COLOURS)], "-", _MARKERS[i % len(_MARKERS)]) for i, name in enumerate(models)}
    styles |= {name: _GREYS[i % len(_GREYS)] for i, name in enumerate(compared)}
    for name, (colour, line, marker) in styles.items():
        points = sorted(curves[name], key=lambda point: point[0])
        sizes, values = [point[0] for point in points], [point[1] for point in points]
        ax.plot(sizes, values, color=colour, linestyle=line, marker=marker, markersize=4, linewidth=1.6, label=name)
        banded = [(size, *interval) for size, _, interval in points if interval is not None]
        if banded:
            ax.fill_between(*np.transpose(banded), color=colour, alpha=0.15, linewidth=0.0)
    ax.set_xscale("log")
    ticks = _apart({size for points in curves.values() for size, *_ in points})
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{size:,}" for size in ticks])
    ax.set_title(title, fontsize=11)
    ax.set_xlabel("training events")
    ax.set_ylabel("held-out nats, lower is better")
    ax.grid(color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if legend:
        ax.legend(frameon=False, fontsize=9)


def _apart(sizes: Collection[int]) -> list[int]:
    """The largest size, and of the smaller ones those whose labels do not run into one another on a log axis."""
    least = (max(sizes, default=1) / min(sizes, default=1)) ** _LABEL
    kept: list[int] = []
    for size in sorted(sizes, reverse=True):
        if not kept or kept[-1] >= least * size:
            kept.append(size)
    return kept[::-1]


def learning_figure(panels: Mapping[str, Mapping[str, Sequence[Point]]], *, columns: int = 2) -> Figure:
    """``learning_curves`` of each titled set, with one legend for all.

    Raises  ValueError where there is no set.
    """
    rows, columns = _grid(panels, columns)
    figure = Figure(figsize=(4.6 * columns, 3.1 * rows + 0.6), layout="constrained")
    labelled: dict[str, Artist] = {}
    for index, (title, curves) in enumerate(panels.items()):
        ax = figure.add_subplot(rows, columns, index + 1)
        learning_curves(ax, curves, title, legend=False)
        labelled |= {label: handle for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(
        list(labelled.values()), list(labelled), loc="outside lower center", frameon=False, fontsize=9,
        ncols=min(2 * columns, 3, max(1, len(labelled))), handlelength=3.5,
    )  # fmt: skip
    return figure
