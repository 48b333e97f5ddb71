"""Colours and defaults that the disc and the sphere share."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import Colormap, ListedColormap


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


def over(defaults: dict[str, Any], style: dict[str, Any], aliases: dict[str, str]) -> dict[str, Any]:
    """The caller's style over the defaults, whichever of Matplotlib's names for a property it uses."""
    named = {aliases.get(key, key) for key in style}
    return {key: value for key, value in defaults.items() if key not in named} | style


def points(n: int, style: dict[str, Any]) -> dict[str, Any]:
    """Arguments of ``Axes.scatter`` for n points: the more there are, the smaller, so that they stay apart."""
    size = min(16.0, 1600.0 / max(n, 1) ** 0.75)
    defaults = {"s": size, "color": "#d1495b", "linewidths": 0.0, "alpha": 0.8, "zorder": 5}
    return over(defaults, style, {"c": "color", "linewidth": "linewidths", "lw": "linewidths"})
