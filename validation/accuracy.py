"""Worst errors of the library's functions against mpmath over a grid, and where they occur."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import mpmath as mp
import numpy as np

import hyperdist as hd
from validation import oracles

LEVELS = (1e-6, 1e-3, 0.1, 0.5)
"""Quantiles, taken in both tails."""
DEEP = 1e-250
"""Far tail whose relative error is recorded."""

TARGETS = {
    "log_normalizer": 1e-13, "log_normalizer_derivative": 1e-13, "mean": 1e-13, "variance": 1e-13,
    "second_moment": 1e-13, "entropy": 1e-13, "radius entropy": 1e-13, "cdf": 1e-13, "sf": 1e-13, "quantile": 1e-13,
    "gradient scale": 1e-10, "gradient c": 1e-10, "distance": 1e-13,
}  # fmt: skip
"""Largest error allowed: relative to 1 + |value| for values, to |value| for gradients and distances (r/c for c)."""
FLOAT32_TARGET = 2.0 * float(np.finfo(np.float32).eps)
"""A float32 law must be as good as rounding its exact value to float32, twice over."""


@dataclass(frozen=True)
class Cell:
    """One law: dimension d of the space, and s = sqrt(c) sigma, sigma or kappa."""

    law: str
    d: int
    scale: float
    c: float = 1.0
    dtype: str = "float64"

    @property
    def key(self) -> str:
        symbol = "kappa" if self.law == "VonMisesFisher" else "s" if self.law in _HYPERBOLIC else "sigma"
        curvature = f" c={self.c:g}" if self.c != 1.0 else ""
        return f"{self.law} d={self.d} {symbol}={self.scale:g}{curvature}" + (
            " float32" if self.dtype != "float64" else ""
        )


_HYPERBOLIC = ("RiemannianNormal", "WrappedNormal")


def grid(full: bool) -> list[Cell]:
    """The cells of a run; the Riemannian normal reaches d = 1000 and s from 1e-6 to 1e3 in both."""
    return list(_full() if full else _quick())


def _quick() -> Iterator[Cell]:
    for d, s in itertools.product((2, 5, 20, 100), (1e-3, 0.1, 1.0, 1.18, 7.0)):
        yield Cell("RiemannianNormal", d, s, c=1.0 if s != 0.1 else 1.7)
    for d, s in itertools.product((1, 2, 3, 1000), (1e-6, 0.02, 1e3)):
        yield Cell("RiemannianNormal", d, s)
    for d, s in itertools.product((1, 2, 10, 1000), (0.5,)):
        yield Cell("WrappedNormal", d, s)
    for m, kappa in itertools.product((2, 3, 10, 100, 10_000), (1e-6, 1.0, 50.0, 1e4, 1e8)):
        yield Cell("VonMisesFisher", m - 1, kappa)
    for d, sigma in itertools.product((1, 2, 9, 99, 999), (1e-3, 0.3, 2.0, 50.0)):
        yield Cell("SphericalRiemannianNormal", d, sigma)
    for law, d in itertools.product(("RiemannianNormal", "SphericalRiemannianNormal", "VonMisesFisher"), (2, 50)):
        yield Cell(law, d, 0.7 if "Normal" in law else 30.0, dtype="float32")


def _full() -> Iterator[Cell]:
    scales = (1e-6, 1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 0.6, 1.0, 1.18, 2.0, 5.0, 7.0, 30.0, 1e2, 1e3)
    for d, s in itertools.product((1, 2, 3, 4, 5, 7, 10, 20, 40, 50, 64, 100, 200, 500, 1000), scales):
        yield Cell("RiemannianNormal", d, s)
    for d, s, c in itertools.product((2, 10, 100), (0.1, 1.0, 7.0), (1e-4, 0.3, 50.0)):
        yield Cell("RiemannianNormal", d, s, c=c)
    for d, s in itertools.product((1, 2, 10, 100, 1000), (1e-6, 0.5, 1e3)):
        yield Cell("WrappedNormal", d, s)
    kappas = (1e-6, 1e-3, 0.1, 1.0, 3.0, 10.0, 50.0, 100.0, 1e3, 1e4, 1e6, 1e8)
    for m, kappa in itertools.product((2, 3, 4, 5, 10, 20, 50, 100, 1000, 10_000), kappas):
        yield Cell("VonMisesFisher", m - 1, kappa)
    for d, sigma in itertools.product(
        (1, 2, 3, 4, 9, 19, 49, 99, 999), (1e-6, 1e-3, 0.1, 0.3, 0.7, 1.0, 2.0, 5.0, 50.0)
    ):
        yield Cell("SphericalRiemannianNormal", d, sigma)
    for law, d in itertools.product(
        ("RiemannianNormal", "SphericalRiemannianNormal", "VonMisesFisher"), (2, 10, 50, 100)
    ):
        for scale in (0.1, 0.7, 3.0) if "Normal" in law else (0.1, 30.0, 1e3):
            yield Cell(law, d, scale, dtype="float32")


def _setup(cell: Cell) -> tuple[Any, oracles.RadialOracle, dict[str, Any]]:
    """The library's law, its oracle, and the oracle's curvature in ``extra`` where there is one."""
    dtype = np.dtype(cell.dtype)
    if cell.law in _HYPERBOLIC:
        sigma, c = dtype.type(cell.scale / np.sqrt(cell.c)), dtype.type(cell.c)
        law = getattr(hd, cell.law)(np.zeros(cell.d, dtype), sigma, c)
        curved = float(c) if cell.law == "RiemannianNormal" else 0.0
        return law, oracles.riemannian_normal(cell.d, float(sigma), curved), {"c": curved, "sigma": float(sigma)}
    pole = np.zeros(cell.d + 1, dtype)
    pole[0] = 1.0
    scale = dtype.type(cell.scale)
    law = getattr(hd, cell.law)(pole, scale)
    if cell.law == "VonMisesFisher":
        return law, oracles.von_mises_fisher(cell.d + 1, float(scale)), {}
    return law, oracles.spherical_normal(cell.d, float(scale)), {}


class _Table:
    """Errors of one cell, by function: scaled as ``TARGETS`` says, and relative."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, float]] = {}

    def add(self, name: str, value: Any, truth: Any, scale: Any = None) -> None:
        """Keep the larger error; a value that is not finite counts as infinite."""
        value = float(value)
        size = abs(truth)
        error = abs(mp.mpf(value) - truth) if np.isfinite(value) else mp.inf
        scaled = float(error / (1 + size if scale is None else scale)) if (scale is None or scale) else float(error)
        relative = float(error / size) if size else float(error)
        row = self.rows.setdefault(name, {"error": 0.0, "relative": 0.0})
        row["error"], row["relative"] = max(row["error"], scaled), max(row["relative"], relative)


def evaluate(cell: Cell) -> dict[str, Any]:
    """Every function of one law against mpmath."""
    with mp.workdps(oracles.DIGITS):
        law, oracle, extra = _setup(cell)
        table = _Table()
        _constants(cell, law, oracle, table)
        _functions(law.radius, oracle, table)
        if cell.dtype == "float64":
            _gradients(law.radius, oracle, extra, table)
    return {"key": cell.key, "cell": asdict(cell), "rows": table.rows}


def _constants(cell: Cell, law: Any, oracle: oracles.RadialOracle, table: _Table) -> None:
    radius, area = law.radius, oracles.log_area(cell.d)
    table.add("log_normalizer", radius.log_normalizer(), oracle.log_normalizer)
    table.add("log_normalizer", law.log_normalizer(), oracle.log_normalizer + area)
    # A density on the space is the radius's over the area of the sphere of that radius.
    table.add("entropy", law.entropy(), oracle.entropy + area + oracle.expect(_log_volume(cell)))
    derivative = radius.log_normalizer_derivative()
    scale = next(iter(derivative.values())) if isinstance(derivative, dict) else derivative
    table.add("log_normalizer_derivative", scale, oracle.derivative)
    table.add("mean", radius.mean, oracle.mean)
    table.add("variance", radius.variance, oracle.variance)
    table.add("second_moment", law.variance, oracle.mean_square)
    table.add("radius entropy", radius.entropy(), oracle.entropy)


def _log_volume(cell: Cell) -> Callable[[Any], Any]:
    """log of (sinh(sqrt(c) r)/sqrt(c))^(d-1), or of sin(r)^(d-1)."""
    n = cell.d - 1
    if n == 0:
        return lambda r: mp.mpf(0)
    if cell.law not in _HYPERBOLIC:
        return lambda r: n * mp.log(mp.sin(r))
    root = mp.sqrt(mp.mpf(float(np.dtype(cell.dtype).type(cell.c))))
    return lambda r: n * mp.log(mp.sinh(root * r) / root)


def _functions(radius: Any, oracle: oracles.RadialOracle, table: _Table) -> None:
    """cdf and sf at the library's own quantiles; a quantile's error is its excess probability over the density."""
    inverses: tuple[tuple[int, Callable[[float], Any]], ...] = ((0, radius.icdf), (1, radius.isf))
    for (side, inverse), p in itertools.product(inverses, LEVELS):
        r = float(inverse(p))
        tails = oracle.tails(r)
        table.add("cdf", radius.cdf(r), tails[0])
        table.add("sf", radius.sf(r), tails[1])
        level = mp.mpf(float(np.asarray(p, radius.dtype)))
        excess = (tails[side] - level) / oracle.density(mp.mpf(r))
        table.add("quantile", r, r - excess if side == 0 else r + excess)
    if radius.dtype == np.float64:
        for side, inverse, tail in ((0, radius.icdf, radius.cdf), (1, radius.isf, radius.sf)):
            r = float(inverse(DEEP))
            if 0.0 < r < 0.99 * float(oracle.upper):  # next to pi a double no longer tells one tail from another
                truth = oracle.tails(r)[side]
                table.add("tail at 1e-250", tail(r), truth, scale=truth)


def _gradients(radius: Any, oracle: oracles.RadialOracle, extra: dict[str, Any], table: _Table) -> None:
    for inverse, p in itertools.product((radius.icdf, radius.isf), LEVELS):
        r = float(inverse(p))
        found = radius.parameter_gradient(r)
        slope = oracle.gradient(r)
        table.add("gradient scale", next(iter(found.values())), slope, scale=abs(slope))
        if extra.get("c"):
            # x = sqrt(c) r is a function of s = sqrt(c) sigma alone, and dr/d sigma = dx/ds.
            c = mp.mpf(extra["c"])
            table.add("gradient c", found["c"], (extra["sigma"] * slope - r) / (2 * c), scale=r / c)
