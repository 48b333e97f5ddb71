"""Embedded trees on the Poincaré disc."""

from __future__ import annotations

import warnings
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array

from hyperdist.geometry.conversions import ball_radius_limit
from hyperdist.plot import _style
from hyperdist.plot.disc import _clip, _prepare
from hyperdist.spaces import PoincareBall
from hyperdist.trees import TreeEmbedding

_RIM = 1.0 - 1e-9
"""Radius, in that of the disc, at which a node is drawn that lies further out."""
_STRAIGHT = 0.004
"""A chord, in radii of the disc, that stands for its geodesic, which leaves it by no more than half of it."""
_STEPS = 65
_THICK, _THINNER, _THIN = 1.8, 0.82, 0.3
"""Widths of edges: at the root, of one to the one before, and the least."""


def disc_tree(
    T: TreeEmbedding, ax: Axes | None = None, *, color: Any = "0.35", nodes: bool = True, **style: Any
) -> LineCollection:
    """An embedded tree on the disc, its root at the centre and its edges as geodesics.

    T        an embedding of dimension 2. A scale of 1 or 2 in units of 1/sqrt(c) an edge spreads a tree over the disc;
             the scale of a small distortion puts all but the nodes next to the root on the rim.
    color    one of Matplotlib's colours, or one for each node, in the order of ``T.nodes``; an edge has that of its
             node further from the root.
    nodes    whether to draw dots at the nodes.
    style    what ``matplotlib.collections.LineCollection`` takes, for the edges.
    returns  the artist of the edges, one line an edge whose length is not 0; those between two nodes that are both too
             far out are empty.
    Warns    UserWarning with the number of nodes further out than ball coordinates hold, 36.7/sqrt(c): they are drawn
             on the rim, the edges between them left out.
    Raises   ValueError where T is of another dimension, there is not one colour for each node, or the axes show another
             curvature.

    >>> from matplotlib.figure import Figure
    >>> from hyperdist import plot, trees
    >>> T = trees.embed([("life", "plants"), ("life", "animals"), ("animals", "cats"), ("animals", "dogs")], scale=1.0)
    >>> edges = plot.disc_tree(T, Figure().add_subplot(), color=["black", "green", "red", "red", "red"])
    >>> len(edges.get_segments())
    4
    """
    if not isinstance(T, TreeEmbedding) or T.d != 2:
        raise ValueError(f"T must be an embedded tree of dimension 2, got {T!r}")
    colours = to_rgba_array(color)
    if len(colours) not in (1, len(T)):
        raise ValueError(f"color must be one colour, or one for each of {len(T)} nodes, got {len(colours)}")
    colours = np.broadcast_to(colours, (len(T), 4))
    ax, outline = _prepare(ax, T.c)
    edge = 1.0 / np.sqrt(T.c)
    x = T.points(strict=False) / edge
    far = T.radii() > ball_radius_limit(np.float64, T.c)
    size = np.hypot(x[:, 0], x[:, 1])[:, None]
    x = np.where(size > _RIM, x * (_RIM / np.maximum(size, _RIM)), x)
    if far.any():
        warnings.warn(
            f"{int(far.sum())} of {len(T)} nodes lie further out than coordinates of the disc hold and are drawn on "
            f"its rim: embed the tree with a smaller scale than {T.scale:.3g}",
            stacklevel=2,
        )
    above, below = T.edges()
    lines = [np.empty((0, 2))] * len(below)
    chord = np.hypot(*(x[above] - x[below]).T)
    for which, steps in ((chord <= _STRAIGHT, 2), (chord > _STRAIGHT, _STEPS)):
        at = np.flatnonzero(which & ~(far[above] & far[below]))
        ends = x[above[at], None], x[below[at], None]
        drawn = np.concatenate(ends, axis=1) if steps == 2 else _arcs(*ends)
        for number, line in zip(at, edge * drawn, strict=True):
            lines[number] = line
    width = np.maximum(_THICK * _THINNER ** T.depths()[below], _THIN)
    defaults = {"colors": colours[below], "linewidths": width, "zorder": 4.3, "capstyle": "round"}
    artist = LineCollection(lines, **_style.lines(style, **defaults))
    if nodes:
        dots = {"color": colours, "alpha": 1.0, "zorder": 4.4}
        _style.dots(ax, tuple((edge * x).T), np.ones(len(T), bool), dots, outline).set_label("_nolegend_")
    return cast(LineCollection, _clip(ax.add_collection(artist), outline))


def _arcs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points along geodesics of the unit disc between x and y, (n, 1, 2), denser in the middle: (n, steps, 2)."""
    return PoincareBall(1.0).geodesic(x, y, np.linspace(0.0, 1.0, _STEPS))
