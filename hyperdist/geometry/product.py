"""Products of spaces: points are concatenated coordinates, squared distances add up, all else goes factor by factor.

A ``Product`` stands where a module of kernels does: its functions take the parameters of all factors, in turn, after
the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from hyperdist import checks
from hyperdist.arrays.namespace import Array, namespace


def split(x: Array, widths: Sequence[int]) -> list[Array]:
    """The parts of rows x (*batch, k) that are so wide."""
    return [x[..., start:stop] for start, stop in pairwise(accumulate(widths, initial=0))]


def join(parts: Sequence[Array]) -> Array:
    """Rows (*batch, k_1 + k_2 + ...) of parts (*batch, k_i) whose batches broadcast."""
    xp = namespace(*parts)
    shapes = [tuple(part.shape) for part in parts]
    batch = checks.broadcast(**{f"parts[{i}]": shape[:-1] for i, shape in enumerate(shapes)})
    full = [
        part if shape[:-1] == batch else xp.broadcast_to(part, (*batch, shape[-1]))
        for part, shape in zip(parts, shapes, strict=True)
    ]
    return xp.concat(full, axis=-1)


@dataclass(frozen=True)
class Factor:
    """The kernels of one space, and what they take."""

    kernels: Any
    """A module of functions, or a ``Product``."""
    d: int
    width: int
    """Coordinates of a point."""
    parameters: int
    """How many parameters its functions take after the points."""


@dataclass(frozen=True)
class Product:
    """The kernels of a product."""

    factors: tuple[Factor, ...]

    @property
    def widths(self) -> list[int]:
        """Coordinates of a point of each factor."""
        return [factor.width for factor in self.factors]

    def dist_sq(self, x: Array, y: Array, *parameters: Array) -> Array:
        """The sum of the factors' squared distances, (*batch)."""
        return sum(self._each("dist_sq", [x, y], (), parameters))

    def exp(self, x: Array, u: Array, *parameters: Array) -> Array:
        """exp_x(u), (*batch, k)."""
        return join(self._each("exp", [x, u], (), parameters))

    def log(self, x: Array, y: Array, *parameters: Array) -> Array:
        """log_x(y), (*batch, k)."""
        return join(self._each("log", [x, y], (), parameters))

    def inner(self, x: Array, u: Array, v: Array, *parameters: Array) -> Array:
        """The sum of the factors' inner products, (*batch)."""
        return sum(self._each("inner", [x, u, v], (), parameters))

    def transport(self, x: Array, y: Array, u: Array, *parameters: Array) -> Array:
        """u at x carried to y, (*batch, k)."""
        return join(self._each("transport", [x, y, u], (), parameters))

    def to_frame(self, x: Array, u: Array, *parameters: Array) -> Array:
        """Coordinates of u in the frames of the factors, (*batch, d_1 + d_2 + ...)."""
        return join(self._each("to_frame", [x, u], (), parameters))

    def from_frame(self, x: Array, v: Array, *parameters: Array) -> Array:
        """The tangent at x with coordinates v (*batch, d_1 + d_2 + ...), (*batch, k)."""
        vectors = split(v, [factor.d for factor in self.factors])
        return join([
            factor.kernels.from_frame(point, vector, *own)
            for (factor, own), point, vector in zip(
                self._own(parameters), split(x, self.widths), vectors, strict=True
            )
        ])  # fmt: skip

    def log_volume(self, x: Array, *parameters: Array) -> Array:
        """The sum of the factors' log volumes, (*batch)."""
        return sum(self._each("log_volume", [x], (), parameters))

    def geodesic(self, x: Array, y: Array, t: Array, *parameters: Array) -> Array:
        """The factors' geodesics at one time t (*batch), (*batch, k)."""
        return join(self._each("geodesic", [x, y], (t,), parameters))

    def _own(self, parameters: Sequence[Array]) -> list[tuple[Factor, Sequence[Array]]]:
        """The factors, each with its parameters."""
        ends = pairwise(accumulate((factor.parameters for factor in self.factors), initial=0))
        return [(factor, parameters[a:b]) for factor, (a, b) in zip(self.factors, ends, strict=True)]

    def _each(self, kernel: str, rows: list[Array], rest: tuple[Array, ...], parameters: Sequence[Array]) -> list[Any]:
        """A kernel of every factor, of its part of the rows."""
        parts = zip(*(split(row, self.widths) for row in rows), strict=True)
        return [
            getattr(factor.kernels, kernel)(*given, *rest, *own)
            for (factor, own), given in zip(self._own(parameters), parts, strict=True)
        ]
