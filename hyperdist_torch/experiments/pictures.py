"""Pictures of latent spaces: on the disc where they are hyperbolic, in the plane where they are flat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from hyperdist import plot
from hyperdist.geometry.conversions import tangent_to_poincare
from hyperdist.runs.files import whole
from hyperdist_torch.datasets import BranchingDiffusion
from hyperdist_torch.vae import PoincareVAE

_EDGE = 1.0 - 1e-9
"""Points nearer the rim, in units of the disc's radius, are drawn here."""


@torch.no_grad()
def latent_means(model: PoincareVAE, x: Tensor) -> Tensor:
    """The posteriors' means of rows x, (n, d), in tangent coordinates."""
    model = model.cpu().eval()
    return torch.cat([model.encode(part).mean for part in x.split(1000)])


def on_disc(v: Tensor, c: float) -> np.ndarray:
    """Where tangent coordinates lie on the disc; themselves where c is 0."""
    points = v.double().numpy()
    if c == 0.0:
        return points
    ball = np.asarray(tangent_to_poincare(points, c))
    norm = np.sqrt(c) * np.linalg.norm(ball, axis=-1, keepdims=True)
    return ball * (_EDGE / np.maximum(norm, _EDGE))


def _prepare(ax: Axes, title: str, c: float) -> None:
    ax.set_title(title, fontsize=11)
    if c > 0.0:
        plot.disc(ax, c, grid=False)
    else:
        ax.set_aspect("equal", adjustable="datalim")
        ax.set(xticks=[], yticks=[])
        for side in ax.spines.values():
            side.set_color("0.8")


def tree(ax: Axes, title: str, data: BranchingDiffusion, rows: Tensor, nodes: Tensor, c: float) -> None:
    """Embedded rows and noise-free nodes, (n, 2), coloured by depth, and the tree's edges as geodesics."""
    _prepare(ax, title, c)
    shades = colormaps["plasma_r"](np.linspace(0.12, 1.0, int(data.depth.max()) + 1))
    of_nodes, of_rows = shades[data.depth.numpy()], shades[data.depth[data.node_of_row].numpy()]
    x, y = on_disc(rows, c), on_disc(nodes, c)
    parent, child = data.edges.T.numpy()
    # The upper levels, which are few, are what the eye follows.
    widths = 1.8 * 0.75 ** data.depth[data.edges[:, 1]].numpy()
    sizes = 60.0 * 0.72 ** data.depth.numpy()
    if c > 0.0:
        plot.disc_geodesic(y[parent], y[child], ax, c, color="0.4", linewidths=widths)
        plot.disc_points(x, ax, c, color=of_rows, s=4, alpha=0.5, zorder=4.2)
        plot.disc_points(y, ax, c, color=of_nodes, s=sizes, alpha=1.0, zorder=5)
    else:
        ax.scatter(*x.T, color=of_rows, s=4, alpha=0.5, linewidths=0.0, zorder=1)
        lines = np.stack([y[parent], y[child]], axis=1)
        ax.add_collection(LineCollection(list(lines), colors="0.4", linewidths=widths, zorder=1.5))
        ax.scatter(*y.T, color=of_nodes, s=sizes, linewidths=0.0, zorder=3)


def digits(ax: Axes, title: str, means: Tensor, labels: Tensor, c: float) -> None:
    """Latent means, (n, 2), coloured by digit, with a legend."""
    _prepare(ax, title, c)
    points = on_disc(means, c)
    colours = np.array([f"C{digit}" for digit in range(10)])
    if c > 0.0:
        plot.disc_points(points, ax, c, color=colours[labels.numpy()], s=3, alpha=0.6)
    else:
        ax.scatter(*points.T, color=colours[labels.numpy()], s=3, alpha=0.6, linewidths=0.0)
    handles = [ax.scatter([], [], color=colour, s=25, label=str(i)) for i, colour in enumerate(colours)]
    ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)


def save(figure: Figure, path: Path) -> None:
    """The figure as PNG, whole or not at all."""
    with whole(path) as file:
        figure.savefig(file, format="png", dpi=130)
