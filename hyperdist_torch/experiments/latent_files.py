"""Where a VAE puts the rows of a table: the coordinates as CSV, and a picture."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from hyperdist import plot
from hyperdist.geometry.conversions import tangent_to_poincare
from hyperdist.runs.files import write_text
from hyperdist_torch.datasets import Table
from hyperdist_torch.experiments import pictures
from hyperdist_torch.vae import PoincareVAE, factors
from hyperdist_torch.vae.compact import LEAST

_KINDS = 20
"""More labels than these, if they are numbers, are a scale; if they are words, a legend would hold no more."""


@torch.no_grad()
def write(model: PoincareVAE, x: Tensor, table: Table, training: np.ndarray, out: Path) -> None:
    """``latent.csv`` and ``latent.png`` of all rows."""
    model = model.cpu().eval()
    parts: list[Any] = [model.encoder(model.flatten(part)) for part in x.split(1000)]
    means = torch.cat([model.encode(part).mean for part in x.split(1000)]).double().numpy()
    scales = torch.cat([sigma for _, sigma in parts]).double().numpy()
    write_text(out / "latent.csv", _text(model, means, scales, table, training))
    figure = Figure(figsize=(6.6, 5.2), layout="constrained")
    _draw(figure, model, means, table)
    pictures.save(figure, out / "latent.png")


def _text(model: PoincareVAE, means: np.ndarray, scales: np.ndarray, table: Table, training: np.ndarray) -> str:
    """A line a row, rows counted from 1: its label and covariate, the posterior's mean and scale.

    Hyperbolic means are in tangent coordinates at the origin, in geodesic length, and in the Poincare ball; those on
    the sphere are unit vectors, those on the torus angles. Columns of a product begin with the factor and its number.
    """
    blocks, width, count = [], 0, 0
    for i, (part, c) in enumerate(zip(model.config.parts, factors.each(model.curvature), strict=True), 1):
        factor, of = part.factor, f"{part.factor.text}_{i}_" if model.config.product else ""
        mean, scale = means[:, width : width + factor.width], scales[:, count : count + part.scales]
        width, count = width + factor.width, count + part.scales
        kind = {"hyperbolic": "tangent", "sphere": "x", "torus": "angle"}.get(factor.space, "z")
        blocks.append((of + kind, mean))
        if factor.space == "hyperbolic":
            blocks.append((of + "ball", np.asarray(tangent_to_poincare(mean, float(c().detach())))))
        blocks.append((of + ("kappa" if part.posterior in LEAST else "scale"), scale))
    known = [(name, v) for name, v in (("label", table.label), ("covariate", table.covariate)) if v is not None]
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    axes = [f"{name}_{i + 1}" for name, block in blocks for i in range(block.shape[1])]
    lines.writerow(["row", "part", *(name for name, _ in known), *axes])
    numbers = np.concatenate([block for _, block in blocks], axis=1)
    for i, row in enumerate(numbers):
        part = "training" if training[i] else "test"
        lines.writerow([i + 1, part, *(value[i] for _, value in known), *(f"{number:.9g}" for number in row)])
    return text.getvalue()


def _draw(figure: Figure, model: PoincareVAE, means: np.ndarray, table: Table) -> None:
    """Means on the disc, the plane, the map or the square of two angles; more dimensions by principal components."""
    (factor, *others), c = model.config.factors, float(factors.each(model.curvature)[0]().detach())
    style, words = _colours(table)
    plane = factor.d == 2 and not others
    drawn = {"hyperbolic": "the Poincare disc", "sphere": "the sphere", "torus": "the torus"}.get(
        factor.space, "the plane"
    )
    ax: Axes = figure.add_subplot(projection="mollweide") if plane and factor.space == "sphere" else figure.subplots()
    if not plane:
        drawn = "principal components of the latent coordinates"
        artist = _plane(ax, _components(means), style)
    elif factor.space == "hyperbolic":
        plot.disc(ax, c, grid=False)
        artist = plot.disc_points(pictures.on_disc(torch.from_numpy(means), c), ax, c, **style)
    elif factor.space == "sphere":
        artist = plot.sphere_points(means / np.linalg.norm(means, axis=1, keepdims=True), ax, **style)
    else:
        artist = _plane(ax, means, style)
        if factor.space == "torus":
            ax.set_aspect("equal", adjustable="box")
            ax.set(xlim=(-np.pi, np.pi), ylim=(-np.pi, np.pi), xlabel="first angle", ylabel="second angle")
    ax.set_title(f"{table.path.name} on {drawn}" if plane else f"{table.path.name}: {drawn}", fontsize=11)
    if "c" in style:
        figure.colorbar(artist, ax=ax, label="label", shrink=0.8)
    elif 0 < len(words) <= _KINDS:
        handles = [ax.scatter([], [], color=colour, s=25, label=word) for word, colour in words.items()]
        figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=9)


def _plane(ax: Axes, points: np.ndarray, style: dict[str, Any]) -> Any:
    ax.set_aspect("equal", adjustable="datalim")
    points = points if points.shape[1] > 1 else np.concatenate([points, np.zeros_like(points)], axis=1)
    return ax.scatter(points[:, 0], points[:, 1], linewidths=0.0, **style)


def _components(means: np.ndarray) -> np.ndarray:
    """The first two principal components, (n, 2)."""
    centred = means - means.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T


def _colours(table: Table) -> tuple[dict[str, Any], dict[str, Any]]:
    """The style of the points, and the colour of each kind of label."""
    style: dict[str, Any] = {"s": 12 if len(table.rows) < 2000 else 3, "alpha": 0.8}
    if table.label is None:
        return {**style, "color": "C0"}, {}
    kinds = np.unique(table.label)
    if table.label.dtype.kind == "f" and len(kinds) > _KINDS:
        return {**style, "c": table.label, "cmap": "viridis"}, {}
    shades = (
        [f"C{i}" for i in range(10)] if len(kinds) <= 10 else [*colormaps["turbo"](np.linspace(0.0, 1.0, len(kinds)))]
    )
    words = {
        f"{kind:g}" if table.label.dtype.kind == "f" else str(kind): s for kind, s in zip(kinds, shades, strict=False)
    }
    of_rows = np.searchsorted(kinds, table.label)
    return {**style, "color": [shades[i] for i in of_rows]}, words
