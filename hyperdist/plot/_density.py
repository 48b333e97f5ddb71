"""A density on a grid of pixels, and how it is shown; the disc and the sphere share it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage

from hyperdist import checks
from hyperdist.plot._style import COLOURS

_LOG_RANGE = 12.0
"""Nats under the peak that a picture of a log density resolves; the colour bar's arrow marks what lies below."""


def resolution(pixels: Any) -> int:
    """The number of pixels along one side."""
    return checks.dimension(pixels, "pixels", least=2)


def centres(pixels: int) -> np.ndarray:
    """The centres of pixels side by side on [-1, 1]."""
    return (2 * np.arange(pixels) + 1 - pixels) / pixels


def inside_circle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The grid of x and y, (len(y), len(x), 2), with what lies outside the unit circle drawn in to just inside it.

    Pixels that the rim cuts may have their centre outside; they take the density one pixel inside the rim.
    """
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    rim = 1 - 1 / len(y)
    size = np.hypot(grid[..., 0], grid[..., 1])
    return grid * np.where(size > rim, rim / np.where(size > rim, size, 1.0), 1.0)[..., None]


def mean_log_prob(q: Any, points: np.ndarray) -> np.ndarray:
    """The log of the law's density at points (rows, columns, k), averaged over the law's batch.

    One row at a time: a batch of thousands of laws needs memory for one row of pixels, not for the picture.
    """
    batch = tuple(q.batch_shape)
    count = int(np.prod(batch, dtype=int))
    if count == 0:
        raise ValueError(f"q must hold at least one law, got batch shape {batch}")
    rows = []
    for row in points:
        values = np.asarray(q.log_prob(row.reshape(row.shape[:1] + (1,) * len(batch) + row.shape[1:])))
        rows.append(np.logaddexp.reduce(values.reshape(len(row), count), axis=1) - np.log(count))
    return np.stack(rows)


def show(
    ax: Axes,
    log_prob: np.ndarray,
    extent: tuple[float, float, float, float],
    *,
    log: bool,
    colorbar: bool,
    style: dict[str, Any],
) -> AxesImage:
    """Colour a grid of log densities, first row lowest, and say in the colour bar what the colours mean."""
    finite = log_prob[np.isfinite(log_prob)]
    peak = float(finite.max()) if finite.size else 0.0
    values, low, high = (log_prob, peak - _LOG_RANGE, peak) if log else (np.exp(log_prob), 0.0, np.exp(peak))
    norm = style.pop("norm", None) or Normalize(style.pop("vmin", low), style.pop("vmax", high))
    defaults = {"cmap": COLOURS, "interpolation": "bilinear", "origin": "lower", "zorder": 2}
    image = AxesImage(ax, extent=extent, norm=norm, **(defaults | style))
    # -inf has no colour; anything under the range has that of its end, wherever the caller has put that.
    image.set_data(np.maximum(values, (low if norm.vmin is None else min(low, norm.vmin)) - 1.0))
    ax.add_image(image)
    if colorbar:
        label = "log density (nats)" if log else "density (per unit area)"
        bar = ax.figure.colorbar(image, ax=ax, extend="min" if log else "neither", fraction=0.05, pad=0.03, shrink=0.75)
        bar.set_label(label)
        bar.outline.set_visible(False)
    return image
