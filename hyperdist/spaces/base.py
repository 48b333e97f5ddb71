"""What every space has, from a module of kernels and a check of a point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from hyperdist import checks
from hyperdist.arrays.rows import dot, root


def too_long(x: np.ndarray, bad: np.ndarray, name: str) -> str:
    """What to say of rows whose squares overflow."""
    longest = float(np.abs(x[bad]).max())
    return (
        f"{name} must have a length whose square {x.dtype} holds, |{name}| <= {np.sqrt(np.finfo(x.dtype).max):.3g}, "
        f"got a coordinate of {longest!r} ({int(bad.sum())} of {bad.size})"
    )


class Space(ABC):
    """A Riemannian manifold: points x, y and tangents u, v are arrays (*batch, k), scalars (*batch); batches broadcast.

    Lengths are geodesic. Coordinates of a tangent in the orthonormal frame at a point are (*batch, d); the frame at mu
    is the image of the standard one at the origin under a fixed isometry that takes the origin to mu.

    Integers and lists are promoted to float64; float32 points give float32 results. Every method raises ValueError, or
    TypeError for a dtype, that names the argument, its value and the bound.
    """

    _kernels: ClassVar[Any]
    """The module of array functions: dist_sq, exp, log, inner, transport, to_frame, from_frame, log_volume."""
    _extra: ClassVar[int] = 0
    """k - d: coordinates of a point beyond the dimension."""

    @abstractmethod
    def _parameters(self, dtype: np.dtype) -> tuple[np.ndarray, ...]:
        """Arguments of every kernel after the arrays, in their dtype."""

    @abstractmethod
    def _belongs(self, x: np.ndarray) -> np.ndarray:
        """Whether finite points lie on the space, to rounding, (*batch)."""

    @abstractmethod
    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        """What to say of points that do not: the bound and the worst value."""

    def _settle(self, x: np.ndarray) -> np.ndarray:
        """Points of the space, without what was tolerated of them."""
        return x

    def _settle_tangent(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Tangents at x, without what was tolerated of them."""
        return u

    def _tangent_error(self, x: np.ndarray, u: np.ndarray) -> np.ndarray | None:
        """How far u is from tangent to x over what rounding explains, (*batch); None where every vector is tangent."""
        return None

    @abstractmethod
    def origin(self, d: int) -> np.ndarray:
        """The origin of the space of dimension d, (k,)."""

    @abstractmethod
    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The Frechet mean (*batch, k) of float64 points (n, k) with weights (n, *batch)."""

    @final
    def contains(self, x: Any) -> np.ndarray:
        """Whether each point lies on the space, to rounding of its dtype, (*batch); False where it is not finite."""
        x = checks.vector(x, "x", 1 + self._extra)
        finite = np.isfinite(x).all(axis=-1)
        with np.errstate(all="ignore"):
            return (finite & self._belongs(np.where(finite[..., None], x, x.dtype.type(0))))[()]

    @final
    def check_point(self, x: Any, name: str = "x") -> np.ndarray:
        """x as an array of floats, (*batch, k), where every point lies on the space."""
        x = checks.finite(checks.vector(x, name, 1 + self._extra), name)
        self._broadcast({name: x})
        with np.errstate(all="ignore"):
            bad = ~self._belongs(x)
        if bad.any():
            raise ValueError(self._explain(x, bad, name))
        return self._settle(x)

    @final
    def check_tangent(self, x: Any, u: Any, name: str = "u") -> np.ndarray:
        """u as an array of floats, (*batch, k), where it is tangent to the space at x."""
        return self._check_tangent(self.check_point(x), u, name)

    def _check_tangent(self, x: np.ndarray, u: Any, name: str) -> np.ndarray:
        u = checks.finite(checks.points(u, name, x.shape[-1]), name)
        checks.broadcast(x=x.shape, **{name: u.shape})
        with np.errstate(all="ignore"):
            bad = ~np.isfinite(dot(u, u))
            error = self._tangent_error(x, u)
        if bad.any():
            raise ValueError(too_long(u, bad, name))
        if error is not None and (error > 1).any():
            raise ValueError(
                f"{name} must be tangent to the space at x, orthogonal to it; it is off by "
                f"{float(np.max(error)):.3g} times what rounding explains"
            )
        u = self._settle_tangent(x, u)
        self._check_held(x, u, name)
        return u

    @final
    def dist_sq(self, x: Any, y: Any) -> np.ndarray:
        """Squared geodesic distance, (*batch)."""
        return self._call("dist_sq", x=x, y=y)

    @final
    def dist(self, x: Any, y: Any) -> np.ndarray:
        """Geodesic distance, (*batch); exactly 0 where x equals y."""
        return root(self.dist_sq(x, y))[()]

    @final
    def exp(self, x: Any, u: Any) -> np.ndarray:
        """The point that the geodesic from x with velocity u reaches at time 1, (*batch, k).

        Raises ValueError where coordinates of its dtype cannot hold that point.
        """
        y = self._check_result(self._call("exp", x=x, u=u))
        self._check_end(np.asarray(x), np.asarray(u), y)
        return y

    @final
    def log(self, x: Any, y: Any) -> np.ndarray:
        """The velocity at x of the shortest geodesic that reaches y at time 1, (*batch, k).

        ValueError where coordinates of its dtype cannot hold it; ``dist`` and ``geodesic`` need no velocity.
        """
        u = self._call("log", x=x, y=y)
        self._check_held(x, u, "log_x(y)", lambda: self.dist(x, y))
        return u

    @final
    def inner(self, x: Any, u: Any, v: Any) -> np.ndarray:
        """Riemannian inner product of tangents u, v at x, (*batch)."""
        return self._call("inner", x=x, u=u, v=v)

    @final
    def norm(self, x: Any, u: Any) -> np.ndarray:
        """Riemannian length of the tangent u at x, (*batch)."""
        return root(self.inner(x, u, u))[()]

    @final
    def transport(self, x: Any, y: Any, u: Any) -> np.ndarray:
        """The tangent u at x carried along the shortest geodesic to y, (*batch, k)."""
        moved = self._call("transport", x=x, y=y, u=u)
        self._check_held(y, moved, "the transported u", lambda: self.norm(x, u))
        return moved

    @final
    def geodesic(self, x: Any, y: Any, t: Any) -> np.ndarray:
        """The point at time t (*batch) of the shortest geodesic from x (t = 0) to y (t = 1), (*batch, k).

        The error is what rounding of x, y and the result implies where 0 <= t <= 1, at any distance; x and y themselves
        come back at 0 and 1. Beyond, ValueError where coordinates of the dtype cannot hold the point.
        """
        x, t = self.check_point(x), checks.finite(checks.as_float(t, "t"), "t")
        y = self.check_point(checks.points(y, "y", x.shape[-1]), "y")
        self._broadcast({"x": x, "y": y, "t": t[..., None]})
        dtype = np.result_type(x, y)
        with np.errstate(all="ignore"):
            cast = (a.astype(dtype, copy=False) for a in (x, y, t))
            result = self._kernels.geodesic(*cast, *self._parameters(dtype))
        # No coordinates tell a point far out from its neighbours: the ends, and a pair of equal points, come back as
        # they are.
        t = t[..., None]
        result = np.where((t == 0) | (x == y).all(axis=-1, keepdims=True), x, np.where(t == 1, y, result))
        # Between its ends a geodesic is no further out than they are.
        self._check_beyond(np.where((t >= 0) & (t <= 1), result.dtype.type(0), result))
        return result.astype(dtype, copy=False)

    @final
    def to_frame(self, mu: Any, u: Any) -> np.ndarray:
        """Coordinates of the tangent u in the orthonormal frame at mu, (*batch, d)."""
        return self._call("to_frame", x=mu, u=u)

    @final
    def from_frame(self, mu: Any, v: Any) -> np.ndarray:
        """The tangent at mu with coordinates v (*batch, d) in the orthonormal frame there, (*batch, k)."""
        mu = self.check_point(mu, "mu")
        v = checks.finite(checks.points(v, "v", mu.shape[-1] - self._extra), "v")
        u = self._apply("from_frame", {"mu": mu, "v": v})
        self._check_held(mu, u, "the tangent with coordinates v", lambda: np.sqrt(dot(v, v)))
        return u

    @final
    def log_volume(self, x: Any) -> np.ndarray:
        """log sqrt det G at x in these coordinates, (*batch): volume = exp(log_volume) dx."""
        return self._call("log_volume", x=x)

    @final
    def frechet_mean(self, x: Any, weights: Any = None) -> np.ndarray:
        """The point with the least weighted sum of squared distances to x, (*batch, k).

        x (n, k), n >= 1;  weights (n,) or (n, *batch), >= 0 with a positive sum; by default all equal.
        """
        x = checks.observations(x, "x", 1 + self._extra, "k")
        batch = sum(p.ndim for p in self._parameters(x.dtype))
        x = self.check_point(x.reshape(len(x), *(1,) * batch, -1)).reshape(x.shape)
        with np.errstate(all="ignore"):
            return self._mean(x.astype(np.float64), checks.shares(weights, len(x))).astype(x.dtype)

    def _call(self, kernel: str, **arrays: Any) -> np.ndarray:
        """Check points (x, y) and tangents (u, v), then apply a kernel."""
        checked = {"x": self.check_point(arrays["x"])}
        if "y" in arrays:
            checked["y"] = self.check_point(checks.points(arrays["y"], "y", checked["x"].shape[-1]), "y")
        for name in ("u", "v"):
            if name in arrays:
                checked[name] = self._check_tangent(checked["x"], arrays[name], name)
        return self._apply(kernel, checked)

    def _apply(self, kernel: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
        dtype = np.result_type(*arrays.values())
        parameters = self._parameters(dtype)
        self._broadcast(arrays)
        with np.errstate(all="ignore"):
            cast = [a.astype(dtype, copy=False) for a in arrays.values()]
            return getattr(self._kernels, kernel)(*cast, *parameters)[()]

    def _check_end(self, x: np.ndarray, u: np.ndarray, y: np.ndarray) -> None:  # noqa: B027
        """Raise where rounding of the velocity u at x does not tell where it leads to, y."""

    def _check_held(self, x: Any, u: np.ndarray, name: str, length: Callable[[], np.ndarray] | None = None) -> None:  # noqa: B027
        """Raise where coordinates do not hold the tangents u at x, which should be ``length`` long."""

    def _check_beyond(self, x: np.ndarray) -> np.ndarray:
        """``_check_result`` for points of a geodesic beyond its ends."""
        return self._check_result(x)

    def _check_result(self, x: np.ndarray) -> np.ndarray:
        """Points that were worked out, where the coordinates hold them; else ValueError."""
        with np.errstate(all="ignore"):
            bad = ~np.isfinite(dot(x, x))
        if bad.any():
            raise ValueError(
                f"{int(bad.sum())} of {bad.size} points lie further out than coordinates of {x.dtype} hold: "
                "take a shorter way or a wider dtype; hyperdist.Tangent holds any radius"
            )
        return x

    def _broadcast(self, arrays: dict[str, np.ndarray]) -> None:
        """Check that the batch shapes of the arrays and of the space's parameter, c, go together."""
        shapes = {name: a.shape[:-1] for name, a in arrays.items()}
        checks.broadcast(
            **shapes, **{name: p.shape for name, p in zip("c", self._parameters(np.dtype(float)), strict=False)}
        )


@dataclass(frozen=True)
class ParameterFree(Space):
    """A space without parameters."""

    def _parameters(self, dtype: np.dtype) -> tuple[np.ndarray, ...]:
        return ()
