"""The laws that every contract runs on: one line a class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import hyperdist as hd
from tests.support.laws import SPHERICAL


@dataclass(frozen=True)
class Case:
    """A law by name: ``build(dtype)`` makes it, ``models`` are the coordinates its draws come in."""

    name: str
    build: Callable[[Any], Any]
    models: tuple[str | None, ...] = (None,)
    radial: bool = True

    def __str__(self) -> str:
        return self.name


HYPERBOLIC = ("poincare", "lorentz", "tangent")


def ball_point(d: int, length: float, dtype: Any) -> np.ndarray:
    """A point of the unit ball at a Euclidean distance from 0, along no axis."""
    direction = np.cos(1.0 + np.arange(d))
    return (length * direction / np.linalg.norm(direction)).astype(dtype)


def unit(m: int, dtype: Any) -> np.ndarray:
    """A unit vector along no axis, exact to the last bits of its dtype."""
    direction = np.cos(1.0 + np.arange(m))
    return (direction / np.linalg.norm(direction)).astype(dtype)


def _riemannian(d: int, sigma: Any, c: Any, length: float) -> Callable[[Any], Any]:
    return lambda dtype: hd.RiemannianNormal(
        ball_point(d, length, dtype), np.asarray(sigma, dtype), np.asarray(c, dtype)
    )


def _wrapped(d: int, sigma: Any, c: Any, length: float) -> Callable[[Any], Any]:
    return lambda dtype: hd.WrappedNormal(ball_point(d, length, dtype), np.asarray(sigma, dtype), np.asarray(c, dtype))


def triangle(d: int, scale: float = 0.6) -> np.ndarray:
    """The lower triangle of a strongly correlated covariance."""
    below = np.tril(np.cos(1.0 + np.arange(d * d).reshape(d, d)), -1)
    return scale * (below + np.diag(0.3 + 0.5 / (1.0 + np.arange(d))))


def _full(d: int, batch: Any, c: Any, length: float) -> Callable[[Any], Any]:
    scale_tril = np.multiply.outer(batch, triangle(d))
    return lambda dtype: hd.WrappedNormal(
        ball_point(d, length, dtype), scale_tril=np.asarray(scale_tril, dtype), c=np.asarray(c, dtype)
    )


def _shared(name: str, parameters: tuple[Any, ...]) -> Callable[[Any], Any]:
    return lambda dtype: getattr(hd, name)(*(np.asarray(p, dtype) for p in parameters))


def _product(dtype: Any) -> hd.Product:
    return hd.Product(
        hd.RiemannianNormal(ball_point(2, 0.4, dtype), np.asarray([0.3, 1.0], dtype), np.asarray(1.3, dtype)),
        hd.VonMisesFisher(unit(3, dtype), np.asarray(5.0, dtype)),
        hd.SphericalRiemannianNormal(unit(2, dtype), np.asarray([0.7, 2.0], dtype)),
    )


CASES = [
    Case("riemannian-d1", _riemannian(1, 0.7, 1.0, 0.3), HYPERBOLIC),
    Case("riemannian-d2", _riemannian(2, 1.0, 1.0, 0.4), HYPERBOLIC),
    Case("riemannian-d2-normal-hat", _riemannian(2, 2.0, 1.0, 0.4), HYPERBOLIC),
    Case("riemannian-d5-c", _riemannian(5, 0.8, 0.3, 0.5), HYPERBOLIC),
    Case("riemannian-d10", _riemannian(10, 0.3, 1.4, 0.5), HYPERBOLIC),
    Case("riemannian-d10-origin", _riemannian(10, 1.0, 1.0, 0.0), HYPERBOLIC),
    Case("riemannian-flat", _riemannian(3, 0.8, 0.0, 0.5), ("poincare", "tangent")),
    Case("riemannian-batch", _riemannian(3, [[0.1], [1.0], [1.5]], [0.5, 1.0], 0.4), HYPERBOLIC),
    Case("wrapped-d1", _wrapped(1, 0.7, 1.0, 0.3), HYPERBOLIC),
    Case("wrapped-d3", _wrapped(3, 0.6, 1.2, 0.4), HYPERBOLIC),
    Case("wrapped-flat", _wrapped(2, 0.6, 0.0, 0.4), ("poincare", "tangent")),
    Case("wrapped-batch", _wrapped(3, [[0.2], [0.9]], 1.0, 0.4), HYPERBOLIC),
    Case("wrapped-anisotropic", _wrapped(3, [0.2, 0.5, 0.9], 1.0, 0.4), HYPERBOLIC, radial=False),
    Case("wrapped-full", _full(3, 1.0, 1.2, 0.4), HYPERBOLIC, radial=False),
    Case("wrapped-full-flat-batch", _full(2, [[0.5], [1.5]], [0.0, 1.0], 0.3), ("poincare", "tangent"), radial=False),
    Case("vmf-m3", lambda t: hd.VonMisesFisher(unit(3, t), np.asarray(0.7, t))),
    *(Case(label, _shared(name, parameters)) for name, parameters, label in SPHERICAL),
    Case("product", _product, HYPERBOLIC, radial=False),
    Case("spherical-d9", lambda t: hd.SphericalRiemannianNormal(unit(10, t), np.asarray(0.5, t))),
]
