"""Draws on the Poincare disc and on the sphere: what the report opens with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import hyperdist as hd
from hyperdist.testing import geometry
from validation.figures import BLUE, INK, ORANGE, STYLE, address

DRAWS, SEED = 2_000, 4
Law = Callable[[], Any]


def _disc_laws() -> list[tuple[str, Law]]:
    centre = geometry.to_ball(np.array([1.1, 0.5]), np.asarray(1.0))
    centres = geometry.to_ball(np.array([[1.6, 0.3], [-1.2, 1.0], [0.0, -1.8]]), np.ones(3))
    parts = np.array([0.25, 0.35, 0.15])
    return [
        ("Riemannian normal, s = 0.6", lambda: hd.RiemannianNormal(centre, 0.6)),
        ("wrapped normal, scales 0.9 and 0.25", lambda: hd.WrappedNormal(centre, np.array([0.9, 0.25]))),
        ("mixture of Riemannian normals",
         lambda: hd.Mixture(np.array([0.5, 0.3, 0.2]), hd.RiemannianNormal(centres, parts))),
    ]  # fmt: skip


def _sphere_laws() -> list[tuple[str, Law]]:
    pole = np.array([0.6, -0.5, np.sqrt(1.0 - 0.6**2 - 0.5**2)])
    return [
        ("von Mises-Fisher, kappa = 25", lambda: hd.VonMisesFisher(pole, 25.0)),
        ("Riemannian normal on the sphere, sigma = 0.5", lambda: hd.SphericalRiemannianNormal(pole, 0.5)),
        ("uniform on the sphere", lambda: hd.SphericalUniform(2)),
    ]


def _draw(law: Law, width: int) -> np.ndarray:
    """Draws of a law; none of one that raises, which the report says elsewhere."""
    try:
        return np.asarray(law().sample((DRAWS,), SEED))
    except Exception:  # a broken law must not take the report with it
        return np.empty((0, width))


def _disc(axis: Any, title: str) -> None:
    circle = np.linspace(0.0, 2.0 * np.pi, 400)
    axis.plot(np.cos(circle), np.sin(circle), color=INK, linewidth=1.0)
    for radius in (1.0, 2.0, 3.0, 4.0):
        rho = np.tanh(0.5 * radius)
        axis.plot(rho * np.cos(circle), rho * np.sin(circle), color="#d4d8de", linewidth=0.6, zorder=0)
    axis.set_aspect("equal")
    axis.set_axis_off()
    axis.set_title(title, fontsize=9.5)


def samples() -> str:
    """Rings on the disc are at distances 1 to 4 from its centre; the sphere's map preserves areas."""
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(10.5, 5.7), layout="constrained")
        rows = figure.add_gridspec(2, 3, height_ratios=(1.5, 1.0))
        dots: dict[str, Any] = {"s": 2.2, "alpha": 0.5, "linewidths": 0}
        for k, (title, law) in enumerate(_disc_laws()):
            axis, x = figure.add_subplot(rows[0, k]), _draw(law, 2)
            _disc(axis, title)
            axis.scatter(x[:, 0], x[:, 1], color=BLUE, **dots)
        for k, (title, law) in enumerate(_sphere_laws()):
            axis, x = figure.add_subplot(rows[1, k], projection="mollweide"), _draw(law, 3)
            axis.scatter(np.arctan2(x[:, 1], x[:, 0]), np.arcsin(np.clip(x[:, 2], -1, 1)), color=ORANGE, **dots)
            axis.set_title(title, fontsize=9.5)
            axis.set_xticklabels([])
            axis.set_yticklabels([])
        return address(figure, "png")
