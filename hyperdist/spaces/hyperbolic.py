"""Hyperbolic space in its models, as a user makes it: objects that check the input and call their model's functions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from hyperdist import checks
from hyperdist._frozen import owned
from hyperdist.arrays.rows import column, dot
from hyperdist.arrays.stable import sinhc_sq
from hyperdist.geometry import conversions, lorentz, poincare, tangent
from hyperdist.spaces import frechet, held
from hyperdist.spaces.base import Space, too_long


@dataclass(frozen=True, eq=False)
class Hyperbolic(Space):
    """Hyperbolic space of curvature -c in some coordinates; c >= 0, a scalar or (*batch)."""

    _model: ClassVar[str]
    """One of ``conversions.MODELS``."""

    c: Any = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "c", owned(checks.curvature(self.c)))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and np.array_equal(self.c, other.c)

    def __hash__(self) -> int:
        return hash((type(self), self.c.shape, self.c.tobytes()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(c={self.c.tolist()!r})"

    def _parameters(self, dtype: np.dtype) -> tuple[np.ndarray, ...]:
        return (self.c.astype(dtype),)

    def origin(self, d: int) -> np.ndarray:
        """The origin of the space of dimension d, (*batch of c, k)."""
        zero = np.zeros((*self.c.shape, checks.dimension(d)))
        return conversions.from_tangent(zero, self.c, self._model)

    def to_tangent(self, x: Any) -> np.ndarray:
        """The points x in exponential coordinates at the origin, (*batch, d)."""
        return self._convert(x, conversions.to_tangent, self._model)

    def to_poincare(self, x: Any) -> np.ndarray:
        """The points x in ball coordinates, (*batch, d); ValueError where the ball cannot hold one in their dtype."""
        if self._model == "poincare":
            return self.check_point(x)
        v = self.to_tangent(x)
        y = self._convert(v, conversions.from_tangent, "poincare", check=False)
        return held.check_holdable(y, self.c, self._gap(0.5 * v))

    def to_lorentz(self, x: Any) -> np.ndarray:
        """The points x in Lorentz coordinates, (*batch, d + 1); ValueError where c is 0 or a coordinate overflows."""
        if self._model == "lorentz":
            return self.check_point(x)
        Lorentz(self.c)
        if self._model == "poincare":
            return self._convert(x, lambda x, c, _: conversions.poincare_to_lorentz(x, c), "lorentz")
        return checks.finite(self._convert(x, conversions.from_tangent, "lorentz"), "the Lorentz coordinates of x")

    def _gap(self, half: np.ndarray) -> np.ndarray:
        """1 - c|x|^2 of ball points x = exp_0(half), whose tangent coordinates are 2 ``half``."""
        with np.errstate(all="ignore"):
            return poincare.gap_at(self.c.astype(half.dtype) * dot(half, half))

    def _convert(self, x: Any, change: Any, model: str, check: bool = True) -> np.ndarray:
        x = self.check_point(x) if check else x
        with np.errstate(all="ignore"):
            return change(x, self.c.astype(x.dtype), model)

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        batch = np.broadcast_shapes(weights.shape[1:], self.c.shape)
        missing = (1,) * (len(batch) + 1 - weights.ndim)
        weights = np.broadcast_to(weights.reshape(len(x), *missing, *weights.shape[1:]), (len(x), *batch))
        c = np.broadcast_to(self.c, batch)
        points = conversions.to_tangent(x.reshape(len(x), *(1,) * c.ndim, -1), c, self._model)
        return conversions.from_tangent(frechet.hyperbolic(points, weights, c), c, self._model)


@final
class PoincareBall(Hyperbolic):
    """The Poincare ball of curvature -c and radius 1/sqrt(c), with its Mobius operations.

    The metric is lambda_x^2 |dx|^2 with lambda_x = 2/(1 - c|x|^2); at c = 0 it is 4 |dx|^2, flat. See ``poincare`` for
    accuracy: what rounding of the coordinates implies, eps/(1 - c|x|^2).
    """

    _kernels = poincare
    _model = "poincare"

    def _belongs(self, x: np.ndarray) -> np.ndarray:
        return self.c.astype(x.dtype) * dot(x, x) < 1

    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        square = dot(x, x)
        if not np.isfinite(square).all():
            return too_long(x, ~np.isfinite(square), name)
        size = np.where(bad, np.sqrt(self.c.astype(x.dtype) * square), 0)
        return (
            f"{name} must lie inside the ball, sqrt(c) |{name}| < 1, got sqrt(c) |{name}| = {float(size.max())!r} "
            f"({int(bad.sum())} of {bad.size} points outside)"
        )

    def _check_result(self, x: np.ndarray) -> np.ndarray:
        return held.check_holdable(x, self.c)

    def _check_beyond(self, x: np.ndarray) -> np.ndarray:
        # No length is at hand: a unit vector's square rounds by so much, and 1 - c|x|^2 of a far point with it.
        c, rounds = self.c.astype(x.dtype), (x.shape[-1] + 4.0) * float(np.finfo(x.dtype).eps)
        return held.check_holdable(x, self.c, np.where(poincare.gap(x, c) >= rounds, 1.0, 0.0))

    def _check_end(self, x: np.ndarray, u: np.ndarray, y: np.ndarray) -> None:
        with np.errstate(all="ignore"):
            held.check_holdable(y, self.c, poincare.exp_gap(x.astype(y.dtype), u, self.c.astype(y.dtype)))

    def conformal_factor(self, x: Any) -> np.ndarray:
        """lambda_x = 2/(1 - c|x|^2), (*batch)."""
        return self._call("conformal_factor", x=x)

    def mobius_add(self, x: Any, y: Any) -> np.ndarray:
        """x (+) y, (*batch, d); ValueError where the ball cannot hold it in its dtype, as for the next two."""
        total = self._call("mobius_add", x=x, y=y)
        c = self.c.astype(total.dtype)
        x, y = (np.asarray(point, total.dtype) for point in (x, y))
        with np.errstate(all="ignore"):
            return held.check_holdable(total, self.c, poincare.added_gap(x, y, poincare.gap(y, c), c))

    def mobius_scalar_mul(self, t: Any, x: Any) -> np.ndarray:
        """t (x) x, the point at t times the distance from the origin; t (*batch)."""
        x, t = self.check_point(x), checks.finite(checks.as_float(t, "t"), "t")
        checks.broadcast(t=t.shape, x=x.shape[:-1], c=self.c.shape)
        with np.errstate(all="ignore"):
            c = self.c.astype(x.dtype)
            gap = self._gap(column(t).astype(x.dtype) * poincare.log_origin(x, c))
            return held.check_holdable(poincare.mobius_scalar_mul(t.astype(x.dtype), x, c), self.c, gap)

    def mobius_matvec(self, m: Any, x: Any) -> np.ndarray:
        """exp_0(m log_0 x) of a matrix m (*batch, e, d), (*batch, e)."""
        x = self.check_point(x)
        m = checks.finite(checks.points(m, "m", x.shape[-1]), "m")
        if m.ndim < 2:
            raise ValueError(f"m must have shape (*batch, e, d), got shape {m.shape}")
        with np.errstate(all="ignore"):
            c, m = self.c.astype(x.dtype), m.astype(x.dtype)
            gap = self._gap((m @ poincare.log_origin(x, c)[..., None])[..., 0])
            return held.check_holdable(poincare.mobius_matvec(m, x, c), self.c, gap)

    def gyration(self, x: Any, y: Any, u: Any) -> np.ndarray:
        """gyr[x, y] u, the rotation by which (+) fails to associate, (*batch, d)."""
        return self._call("gyration", x=x, y=y, u=u)

    def dist_to_gyroplane(self, x: Any, p: Any, a: Any) -> np.ndarray:
        """Signed distance from x to the geodesic hyperplane through the point p with normal a (not 0), (*batch)."""
        x, p = self.check_point(x), self.check_point(p, "p")
        a = checks.finite(checks.points(a, "a", x.shape[-1]), "a")
        if not np.any(a, axis=-1).all():
            raise ValueError("a must not be 0: the normal of a hyperplane needs |a| > 0, got |a| = 0.0")
        return self._apply("dist_to_gyroplane", {"x": x, "p": checks.points(p, "p", x.shape[-1]), "a": a})


class _Stretched(Hyperbolic):
    """Models whose coordinates of tangents are stretched so far out that they do not hold them."""

    @abstractmethod
    def _noise(self, x: np.ndarray, u: np.ndarray, c: np.ndarray) -> np.ndarray:
        """What rounding of u's coordinates is in the frame at x, (*batch)."""

    def _check_held(self, x: Any, u: np.ndarray, name: str, length: Callable[[], np.ndarray] | None = None) -> None:
        x = checks.as_float(x, "x").astype(u.dtype, copy=False)
        c = self.c.astype(u.dtype)
        with np.errstate(all="ignore"):
            noise, v = self._noise(x, u, c), self._kernels.to_frame(x, u, c)
            size = np.sqrt(dot(v, v))
            true = None if length is None else length()
            bad = held.lost(noise, size, true)
            if bad.any():
                raise ValueError(held.explain(name, bad, noise, size if true is None else true, u.dtype))

    def _check_end(self, x: np.ndarray, u: np.ndarray, y: np.ndarray) -> None:
        """Raise where rounding of u moves the end y of a geodesic by half of 1/sqrt(c), and further than that of y."""
        x, u = x.astype(y.dtype, copy=False), u.astype(y.dtype, copy=False)
        k, c, eps = np.sqrt(self.c), self.c.astype(y.dtype), float(np.finfo(y.dtype).eps)
        with np.errstate(all="ignore"):
            v = k[..., None] * self._kernels.to_frame(x, u, c)
            moved = k * self._noise(x, u, c) * sinhc_sq(dot(v, v).astype(np.float64))
            radius = np.sqrt(dot(*[k[..., None] * conversions.to_tangent(y, c, self._model)] * 2)).astype(np.float64)
            bad = (moved > 0.5) & (moved > 64 * eps * np.cosh(radius))
        if bad.any():
            raise ValueError(
                f"u must be a velocity whose coordinates of {u.dtype} say where it leads: their rounding moves the end "
                f"by {float(moved[bad].max()):.2g} of 1/sqrt(c) ({int(bad.sum())} of {bad.size} vectors): geodesic, "
                "between two points, needs no velocity; a wider dtype may hold it"
            )


@final
class Lorentz(_Stretched):
    """The hyperboloid -x_0^2 + |s|^2 = -1/c of curvature -c, c > 0; a point has d + 1 coordinates, time first.

    It has no flat limit: at c = 0 the time coordinate 1/sqrt(c) is infinite. A point's place is that of its space part.
    """

    _kernels = lorentz
    _model = "lorentz"
    _extra = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.c > 0).all():
            raise ValueError(
                "c must be > 0: the hyperboloid has no flat limit, its time coordinate is 1/sqrt(c); got 0.0"
            )

    def _off(self, x: np.ndarray) -> np.ndarray:
        """Relative error of the time coordinate."""
        time = lorentz.cosh_radius(x[..., 1:], self.c.astype(x.dtype))
        return np.abs(np.sqrt(self.c).astype(x.dtype) * x[..., 0] - time) / time

    def _belongs(self, x: np.ndarray) -> np.ndarray:
        return self._off(x) <= checks.rounding(x)

    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        return (
            f"{name} must lie on the hyperboloid -x_0^2 + |s|^2 = -1/c, x_0 > 0: {name}_0 is off by "
            f"{float(np.where(bad, self._off(x), 0).max())!r} relative, more than {checks.rounding(x):.1e} "
            f"({int(bad.sum())} of {bad.size} points)"
        )

    def _noise(self, x: np.ndarray, u: np.ndarray, c: np.ndarray) -> np.ndarray:
        return np.finfo(u.dtype).eps * np.sqrt(dot(u, u))

    def _tangent_error(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        k = np.sqrt(self.c).astype(x.dtype)
        s, w = column(k) * x[..., 1:], u[..., 1:]
        time = lorentz.cosh_radius(x[..., 1:], self.c.astype(x.dtype))
        error = np.abs(dot(s / time[..., None], w) - u[..., 0])
        return error / (checks.rounding(x) * (1 / k + np.sqrt(dot(u, u))))


@final
class Tangent(_Stretched):
    """Hyperbolic space of curvature -c in exponential coordinates at the origin; |x| is the distance from it.

    It holds any radius in any dtype, where the ball ends at 37/sqrt(c) (float64) or 17/sqrt(c) (float32). Tangent
    vectors in these coordinates shrink by sinh(a)/a across the radius: where their rounding would be more than 1/256
    of their length, beyond a = 32 in general, methods that take or give them raise; distances and geodesics do not.
    """

    _kernels = tangent
    _model = "tangent"

    def _noise(self, x: np.ndarray, u: np.ndarray, c: np.ndarray) -> np.ndarray:
        across = held.across_rounding(x, u)
        return np.where(across > 0, across * sinhc_sq(c * dot(x, x)), across)

    def _belongs(self, x: np.ndarray) -> np.ndarray:
        return np.isfinite(dot(x, x))

    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        return too_long(x, bad, name)
