"""The mixtures that tests draw from and fit."""

from __future__ import annotations

from typing import Any

import numpy as np

import hyperdist as hd

SHARES = np.array([0.25, 0.45, 0.3])
BALL = np.array([[0.6, 0.0], [-0.4, 0.5], [0.0, -0.6]])


def components(dtype: Any = float) -> dict[str, tuple[Any, dict[str, Any]]]:
    """A law of three well separated components for each family, and the options of its fit."""
    ball, axes = BALL.astype(dtype), np.eye(3, dtype=dtype)
    deep = np.pad(0.6 * ball, ((0, 0), (0, 3)))

    def a(*values: float) -> np.ndarray:
        return np.array(values, dtype)

    return {
        "riemannian": (hd.RiemannianNormal(ball, a(0.3, 0.5, 0.4), dtype(1)), {}),
        "riemannian-d5-c2": (hd.RiemannianNormal(deep, a(0.2, 0.3, 0.25), dtype(2)), {"c": 2.0}),
        "riemannian-flat": (hd.RiemannianNormal(ball, a(0.3, 0.2, 0.25), dtype(0)), {"c": 0.0}),
        "wrapped": (hd.WrappedNormal(ball, np.array([[0.2, 0.4], [0.5, 0.3], [0.3, 0.3]], dtype), dtype(1)), {}),
        "isotropic": (hd.WrappedNormal(ball, a(0.2, 0.3, 0.4)[:, None], dtype(1)), {"isotropic": True}),
        "vmf": (hd.VonMisesFisher(axes, a(20, 50, 100)), {}),
        "spherical": (hd.SphericalRiemannianNormal(axes, a(0.1, 0.2, 0.3)), {}),
        "toroidal": (hd.ToroidalWrappedNormal(4 * ball, a(0.3, 0.5, 0.4)[:, None]), {}),
    }


NAMES = list(components())


def mixture(name: str, dtype: Any = float) -> Any:
    return hd.Mixture(SHARES.astype(dtype), components(dtype)[name][0])
