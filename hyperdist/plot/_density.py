"""How a density on a grid of pixels is shown; the disc, the sphere and the torus share it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage

from hyperdist import checks
from hyperdist.plot import _cells, _style
from hyperdist.plot._cells import Chart
from hyperdist.plot._read import Density

_LOG_RANGE = 12.0
"""Nats under the peak that a picture of a log density resolves; the colour bar's arrow marks what lies below."""


def resolution(pixels: Any) -> int:
    """The number of pixels along one side."""
    return checks.dimension(pixels, "pixels", least=2)


def into_circle(side: float) -> Any:
    """Moves places on the paper outside the unit circle to ``side``, a pixel, inside it.

    Pixels that the rim cuts may have their centre outside; they take the density one pixel inside the rim.
    """

    def draw_in(paper: np.ndarray) -> np.ndarray:
        size = np.hypot(paper[:, 0], paper[:, 1])
        beyond = size > 1 - side
        return paper * np.where(beyond, (1 - side) / np.where(beyond, size, 1.0), 1.0)[:, None]

    return draw_in


def show(
    ax: Axes, density: Density, chart: Chart, *, log: bool, colorbar: bool, clip: Any, transform: Any = None,
    style: dict[str, Any],
) -> AxesImage:  # fmt: skip
    """Colour the density on a chart's pixels, ring what is narrower, and say in the colour bar what colours mean."""
    pixels = _cells.pixels(density, chart)
    log_prob, peak = pixels.log_prob, pixels.log_peak
    values, low, high = (log_prob, peak - _LOG_RANGE, peak) if log else (np.exp(log_prob), 0.0, np.exp(peak))
    if not np.max(values, initial=-np.inf) > (-np.inf if log else 0.0):
        low, high = (-_LOG_RANGE, 0.0) if log else (0.0, 1.0)
        warnings.warn(
            "q has the density 0 at every pixel: a law is seen where it lies in the window, a function where it is "
            "wide enough to be met at the centre of a pixel",
            stacklevel=3,
        )
    norm = style.pop("norm", None) or Normalize(style.pop("vmin", low), style.pop("vmax", high))
    defaults = {"cmap": _style.COLOURS, "interpolation": "bilinear", "origin": "lower", "zorder": 2}
    image = AxesImage(ax, extent=chart.extent, norm=norm, **(defaults | style))
    # -inf has no colour; anything under the range has that of its end, wherever the caller has put that.
    image.set_data(np.maximum(values, (low if norm.vmin is None else min(low, norm.vmin)) - 1.0))
    ax.add_image(image)
    transform = ax.transData if transform is None else transform
    image.set_transform(transform)
    image.set_clip_path(clip)
    if len(pixels.marks):
        _ring(ax, pixels.marks, image.get_cmap()(1.0), transform)
    if colorbar:
        over = norm.vmax is not None and bool(np.max(values, initial=-np.inf) > norm.vmax + 1e-9 * abs(norm.vmax))
        extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get((log, over), "neither")
        _style.bar(ax, image, "log density (nats)" if log else "density (per unit area)", extend=extend)
    return image


def _ring(ax: Axes, places: np.ndarray, colour: Any, transform: Any) -> None:
    """Rings round what is too small to be seen."""
    ways: dict[str, Any] = {"linewidths": 1.1, "zorder": 4.6, "transform": transform, "label": "_nolegend_"}
    ax.scatter(*places.T, s=90.0, facecolors="none", edgecolors=[colour], **ways)
