"""What every space must do. Each property takes a case and raises AssertionError where it does not hold.

``tests/hyperdist/test_spaces.py`` runs them on every case, and on mutants, cases with a planted fault, which one must
reject.
They use the kernels of the case and nothing else of the library, on NumPy, array_api_strict and torch arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

RADIUS = 1.5
"""Points lie this far from the origin at most, in units of 1/sqrt(c): distances reach 3."""
CONDITION = float(np.cosh(2 * RADIUS) ** 2)
"""Coordinates rounded by eps move a point by eps cosh(a)^2 at most (Lorentz, the worst chart), a <= 1.5; an error of a
direction or velocity is amplified by cosh(D) at most along a geodesic of length D <= 3. cosh(3)^2 = 101 bounds both."""
STEPS = 32
"""Roundings in a row that a property may add up, besides those of its sums."""


@dataclass(frozen=True)
class Case:
    """One space: a module of kernels, its c (None without one) and how many coordinates a point has beyond d."""

    name: str
    kernels: Any
    c: float | None = None
    extra: int = 0
    start: float = 0.0
    """A coordinate of the point that the case calls its origin; near the cut on the torus."""
    d: int = 2
    dtype: str = "float64"
    asarray: Callable[[np.ndarray], Any] = np.asarray

    def __str__(self) -> str:
        return self.name

    @property
    def unit(self) -> float:
        """1/sqrt(c), the length that curvature sets; 1 without one."""
        return 1.0 if not self.c else self.c**-0.5

    @property
    def tolerance(self) -> float:
        """Error of a result relative to its unit: the dtype's eps times the condition and the roundings."""
        return float(np.finfo(self.dtype).eps) * CONDITION * (STEPS + self.d)

    def kernel(self, name: str, *arrays: np.ndarray, c: float | None = None) -> np.ndarray:
        """A kernel's result as a float64 NumPy array, its arguments given in the case's dtype and namespace."""
        c = self.c if c is None else c
        cast = [self.asarray(np.array(a, self.dtype, order="C")) for a in arrays]
        parameters = [] if c is None else [self.asarray(np.asarray(c, self.dtype))]
        result = getattr(self.kernels, name)(*cast, *parameters)
        assert str(result.dtype).rpartition(".")[2] == self.dtype, f"{name} gave {result.dtype} for {self.dtype}"
        return np.asarray(result, np.float64) if isinstance(result, np.ndarray | np.generic) else _numpy(result)

    def with_kernel(self, **faults: Callable[..., Any]) -> Case:
        """The case with some kernels replaced."""
        return replace(self, kernels=SimpleNamespace(**{**vars(self.kernels), **faults}))

    def origin(self) -> np.ndarray:
        """The origin as one point, (k,)."""
        origin = np.full(self.d + self.extra, self.start)
        if self.extra:
            origin[0] = self.unit
        return origin

    def vectors(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """n frame vectors (n, d), at most RADIUS units long, the first 0 and the second tiny."""
        v = rng.standard_normal((n, self.d))
        v *= rng.uniform(0, RADIUS, (n, 1)) * self.unit / np.linalg.norm(v, axis=-1, keepdims=True)
        v[0], v[1] = 0.0, v[1] * 1e-6
        return v

    def points(self, rng: np.random.Generator, n: int = 8) -> np.ndarray:
        """n points, the first the origin and the second next to it."""
        return self.walk(np.broadcast_to(self.origin(), (n, self.d + self.extra)), self.vectors(rng, n))

    def walk(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """exp_x of frame vectors."""
        return self.kernel("exp", x, self.kernel("from_frame", x, v))

    def frame_log(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """log_x(y) in the frame at x."""
        return self.kernel("to_frame", x, self.kernel("log", x, y))

    def dist(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Distance, (*batch)."""
        return np.sqrt(self.kernel("dist_sq", x, y))

    def close(self, got: np.ndarray, want: Any, unit: float | None = None) -> None:
        """Assert that two results agree to ``tolerance`` units."""
        error = np.abs(np.asarray(got) - want).max() / (self.unit if unit is None else unit)
        assert error <= self.tolerance, f"{self}, d={self.d}, {self.dtype}: off by {error:.2e} > {self.tolerance:.2e}"


def _numpy(a: Any) -> np.ndarray:
    """A torch or array_api_strict array as float64."""
    return np.asarray(a.detach() if hasattr(a, "detach") else a._array, np.float64)


def exp_inverts_log(case: Case, rng: np.random.Generator) -> None:
    x, y = case.points(rng), case.points(rng)[::-1]
    case.close(case.dist(case.kernel("exp", x, case.kernel("log", x, y)), y) ** 2, 0.0, case.unit**2)
    case.close(case.frame_log(case.origin(), case.walk(case.origin(), case.vectors(rng, 8))[:1]), 0.0)
    v = case.vectors(rng, 8)
    case.close(case.frame_log(x, case.walk(x, v)), v)


def distance_is_a_metric(case: Case, rng: np.random.Generator) -> None:
    """Symmetric, 0 at x = y, the norm of the logarithm, and the triangle inequality."""
    x, y, z = case.points(rng), case.points(rng)[::-1], case.points(rng)
    case.close(case.dist(x, y), case.dist(y, x))
    assert (case.dist(x, x) == 0).all()
    u = case.kernel("log", x, y)
    case.close(np.sqrt(case.kernel("inner", x, u, u)), case.dist(x, y))
    slack = case.tolerance * case.unit
    assert (case.dist(x, z) <= case.dist(x, y) + case.dist(y, z) + slack).all()


def frame_is_orthonormal(case: Case, rng: np.random.Generator) -> None:
    x, v, w = case.points(rng), case.vectors(rng, 8), case.vectors(rng, 8)[::-1]
    u, t = case.kernel("from_frame", x, v), case.kernel("from_frame", x, w)
    case.close(case.kernel("inner", x, u, t), np.sum(v * w, axis=-1), case.unit**2)
    case.close(case.kernel("to_frame", x, u), v)
    case.close(case.dist(x, case.kernel("exp", x, u)), np.linalg.norm(v, axis=-1))


def inner_is_bilinear(case: Case, rng: np.random.Generator) -> None:
    x, v, w = case.points(rng), case.vectors(rng, 8), case.vectors(rng, 8)
    u, t = case.kernel("from_frame", x, v), case.kernel("from_frame", x, w)
    split = 0.25 * (case.kernel("inner", x, u + t, u + t) - case.kernel("inner", x, u - t, u - t))
    case.close(case.kernel("inner", x, u, t), split, case.unit**2)


def transport_is_an_isometry(case: Case, rng: np.random.Generator) -> None:
    """Keeps inner products, turns log_x(y) into -log_y(x), and comes back."""
    x, y, v, w = case.points(rng), case.points(rng)[::-1], case.vectors(rng, 8), case.vectors(rng, 8)
    u, t = case.kernel("from_frame", x, v), case.kernel("from_frame", x, w)
    moved, other = case.kernel("transport", x, y, u), case.kernel("transport", x, y, t)
    case.close(case.kernel("inner", y, moved, other), np.sum(v * w, axis=-1), case.unit**2)
    along = case.kernel("transport", x, y, case.kernel("log", x, y))
    case.close(case.kernel("to_frame", y, along), -case.frame_log(y, x))
    case.close(case.kernel("to_frame", x, case.kernel("transport", y, x, moved)), v)


def transport_climbs_the_pole_ladder(case: Case, rng: np.random.Generator) -> None:
    """On a symmetric space the reflection in the midpoint of x, y carries u at x to minus its transport, exactly."""
    x, v = case.points(rng), 0.3 * case.vectors(rng, 8)[::-1]
    y = case.walk(x, 0.5 * case.vectors(rng, 8))
    u = case.kernel("from_frame", x, v)
    middle = case.kernel("exp", x, 0.5 * case.kernel("log", x, y))
    mirrored = case.kernel("exp", middle, -case.kernel("log", middle, case.kernel("exp", x, u)))
    case.close(-case.frame_log(y, mirrored), case.kernel("to_frame", y, case.kernel("transport", x, y, u)))


def geodesic_has_constant_speed(case: Case, rng: np.random.Generator) -> None:
    x, y = case.points(rng), case.points(rng)[::-1]
    u, total = case.kernel("log", x, y), case.dist(x, y)
    t = np.linspace(0, 1, len(x))
    at = case.kernel("exp", x, t[:, None] * u)
    case.close(case.dist(x, at), t * total)
    case.close(case.dist(at, y), (1 - t) * total)


def volume_is_that_of_the_metric(case: Case, rng: np.random.Generator) -> None:
    """exp(-log_volume) is the determinant of the frame and of exp's differential; 0 where a chart is not used."""
    x = case.points(rng)
    volume = case.kernel("log_volume", x)
    if case.extra:
        assert (volume == 0).all()
        return
    basis = np.eye(case.d)
    frame = np.stack([case.kernel("from_frame", x, np.broadcast_to(e, x.shape)) for e in basis], axis=-1)
    case.close(volume, -np.linalg.slogdet(frame)[1], case.d)
    h = case.unit * np.finfo(case.dtype).eps ** (1 / 3)
    columns = [case.walk(x, h * np.broadcast_to(e, x.shape)) for e in basis]
    opposite = [case.walk(x, -h * np.broadcast_to(e, x.shape)) for e in basis]
    jacobian = np.stack([_difference(case, p, q) for p, q in zip(columns, opposite, strict=True)], axis=-1) / (2 * h)
    error = np.abs(volume + np.linalg.slogdet(jacobian)[1]).max()
    # Central differences: (h/unit)^2 of truncation and eps/h of rounding, each eps^(2/3), times the condition.
    assert error <= case.d * CONDITION * np.finfo(case.dtype).eps ** (2 / 3), error


def _difference(case: Case, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """p - q in the chart; the short way round on the torus."""
    return case.kernel("log", q, p) if hasattr(case.kernels, "wrap") else p - q


def curvature_is_a_unit_of_length(case: Case, rng: np.random.Generator) -> None:
    """The space of curvature c at scale 1 and that of c k^2 at scale 1/k are one."""
    if case.c is None:
        return
    k = 4.0  # a power of 2, so that scaling rounds nothing
    x, y, v = case.points(rng), case.points(rng)[::-1], case.vectors(rng, 8)
    u = case.kernel("from_frame", x, v)
    c = case.c * k * k
    case.close(k * k * case.kernel("dist_sq", x / k, y / k, c=c), case.kernel("dist_sq", x, y), case.unit**2)
    for name, arrays in (("exp", (x, u)), ("log", (x, y)), ("transport", (x, y, u)), ("to_frame", (x, u))):
        scaled = k * case.kernel(name, *(a / k for a in arrays), c=c)
        case.close(scaled, case.kernel(name, *arrays), case.unit * np.abs(scaled).max() / case.unit)
    volume = case.kernel("log_volume", x / k, c=c)
    case.close(volume, case.kernel("log_volume", x), case.d)


def batches_broadcast(case: Case, rng: np.random.Generator) -> None:
    """(4, 1, k) with (3, k) gives (4, 3, ...), element by element; empty batches stay empty."""
    x, y = case.points(rng, 4), case.points(rng, 3)
    wide = case.kernel("log", x[:, None], y)
    assert wide.shape == (4, 3, case.d + case.extra)
    assert np.array_equal(wide[2, 1], case.kernel("log", x[2], y[1]))
    assert case.kernel("dist_sq", x[:, None], y).shape == (4, 3)
    assert case.kernel("dist_sq", x[:0], y[:0]).shape == (0,)


PROPERTIES = [
    exp_inverts_log,
    distance_is_a_metric,
    frame_is_orthonormal,
    inner_is_bilinear,
    transport_is_an_isometry,
    transport_climbs_the_pole_ladder,
    geodesic_has_constant_speed,
    volume_is_that_of_the_metric,
    curvature_is_a_unit_of_length,
    batches_broadcast,
]
