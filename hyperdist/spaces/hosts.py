"""The spaces that a user makes: they check the input and call the kernels of their model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from hyperdist import checks
from hyperdist._frozen import owned
from hyperdist.spaces import charts, euclidean, frechet, frechet_sphere, lorentz, poincare, sphere, tangent, torus
from hyperdist.spaces._base import Space, too_long
from hyperdist.spaces._rows import column, dot


@dataclass(frozen=True, eq=False)
class Hyperbolic(Space):
    """Hyperbolic space of curvature -c in some coordinates; c >= 0, a scalar or (*batch)."""

    _model: ClassVar[str]
    """One of ``charts.MODELS``."""

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
        return charts.from_tangent(zero, self.c, self._model)

    def to_tangent(self, x: Any) -> np.ndarray:
        """The points x in exponential coordinates at the origin, (*batch, d)."""
        return self._convert(x, charts.to_tangent, self._model)

    def to_poincare(self, x: Any) -> np.ndarray:
        """The points x in ball coordinates, (*batch, d); ValueError where the ball cannot hold one in their dtype."""
        if self._model == "poincare":
            return self.check_point(x)
        y = self._convert(self.to_tangent(x), charts.from_tangent, "poincare", check=False)
        return charts.check_holdable(y, self.c)

    def to_lorentz(self, x: Any) -> np.ndarray:
        """The points x in Lorentz coordinates, (*batch, d + 1); ValueError where c is 0 or a coordinate overflows."""
        if self._model == "lorentz":
            return self.check_point(x)
        Lorentz(self.c)
        if self._model == "poincare":
            return self._convert(x, lambda x, c, _: charts.poincare_to_lorentz(x, c), "lorentz")
        return checks.finite(self._convert(x, charts.from_tangent, "lorentz"), "the Lorentz coordinates of x")

    def _convert(self, x: Any, change: Any, model: str, check: bool = True) -> np.ndarray:
        x = self.check_point(x) if check else x
        with np.errstate(all="ignore"):
            return change(x, self.c.astype(x.dtype), model)

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        batch = np.broadcast_shapes(weights.shape[1:], self.c.shape)
        missing = (1,) * (len(batch) + 1 - weights.ndim)
        weights = np.broadcast_to(weights.reshape(len(x), *missing, *weights.shape[1:]), (len(x), *batch))
        c = np.broadcast_to(self.c, batch)
        points = charts.to_tangent(x.reshape(len(x), *(1,) * c.ndim, -1), c, self._model)
        return charts.from_tangent(frechet.hyperbolic(points, weights, c), c, self._model)


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
        return charts.check_holdable(x, self.c)

    def conformal_factor(self, x: Any) -> np.ndarray:
        """lambda_x = 2/(1 - c|x|^2), (*batch)."""
        return self._call("conformal_factor", x=x)

    def mobius_add(self, x: Any, y: Any) -> np.ndarray:
        """x (+) y, (*batch, d); ValueError where the ball cannot hold it in its dtype, as for the next two."""
        return self._check_result(self._call("mobius_add", x=x, y=y))

    def mobius_scalar_mul(self, t: Any, x: Any) -> np.ndarray:
        """t (x) x, the point at t times the distance from the origin; t (*batch)."""
        x, t = self.check_point(x), checks.finite(checks.as_float(t, "t"), "t")
        checks.broadcast(t=t.shape, x=x.shape[:-1], c=self.c.shape)
        with np.errstate(all="ignore"):
            return self._check_result(poincare.mobius_scalar_mul(t.astype(x.dtype), x, self.c.astype(x.dtype)))

    def mobius_matvec(self, m: Any, x: Any) -> np.ndarray:
        """exp_0(m log_0 x) of a matrix m (*batch, e, d), (*batch, e)."""
        x = self.check_point(x)
        m = checks.finite(checks.points(m, "m", x.shape[-1]), "m")
        if m.ndim < 2:
            raise ValueError(f"m must have shape (*batch, e, d), got shape {m.shape}")
        with np.errstate(all="ignore"):
            return self._check_result(poincare.mobius_matvec(m.astype(x.dtype), x, self.c.astype(x.dtype)))

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


@final
class Lorentz(Hyperbolic):
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

    def _tangent_error(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        k = np.sqrt(self.c).astype(x.dtype)
        s, w = column(k) * x[..., 1:], u[..., 1:]
        time = lorentz.cosh_radius(x[..., 1:], self.c.astype(x.dtype))
        error = np.abs(dot(s / time[..., None], w) - u[..., 0])
        return error / (checks.rounding(x) * (1 / k + np.sqrt(dot(u, u))))


@final
class Tangent(Hyperbolic):
    """Hyperbolic space of curvature -c in exponential coordinates at the origin; |x| is the distance from it.

    It holds any radius in any dtype, where the ball ends at 37/sqrt(c) (float64) or 17/sqrt(c) (float32). Tangent
    vectors in these coordinates shrink by sinh(a)/a across the radius, so that ``exp`` and ``log`` lose their
    direction beyond a = 36 and underflow beyond 700; distances do not.
    """

    _kernels = tangent
    _model = "tangent"

    def _belongs(self, x: np.ndarray) -> np.ndarray:
        return np.isfinite(dot(x, x))

    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        return too_long(x, bad, name)


@dataclass(frozen=True)
class _Fixed(Space):
    """A space without parameters."""

    def _parameters(self, dtype: np.dtype) -> tuple[np.ndarray, ...]:
        return ()


@final
class Euclidean(_Fixed):
    """Flat space R^d."""

    _kernels = euclidean

    def _belongs(self, x: np.ndarray) -> np.ndarray:
        return np.isfinite(dot(x, x))

    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        return too_long(x, bad, name)

    def origin(self, d: int) -> np.ndarray:
        """0, (d,)."""
        return np.zeros(checks.dimension(d))

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.tensordot(weights, x, axes=(0, 0))


@final
class Sphere(_Fixed):
    """The unit sphere S^d; a point is a unit vector of d + 1 coordinates, the origin (1, 0, ..., 0).

    A length may be off by what rounding to float32 explains, 64 eps sqrt(d + 1): x then stands for x/|x|. ``project``
    takes other vectors there.
    Where y = -x, ``log`` and ``transport`` take the geodesic along the first axis of the frame at x. ``frechet_mean``
    is the global minimum on the circle, and above where the points lie within pi/2 of it or mostly near it. Where they
    are as good as spread over the sphere, so that there may be many minima, it is the least that descents from several
    dozen starts reach, always the same for the same data; points without a preference, as a pole and its opposite,
    have many means, of which it is one.
    """

    _kernels = sphere
    _extra = 1

    def _belongs(self, x: np.ndarray) -> np.ndarray:
        norm = np.sqrt(np.sum(np.square(x, dtype=np.float64), axis=-1))
        return np.abs(norm - 1) <= checks.sphere_tolerance(x)

    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        norm = np.sqrt(np.sum(np.square(x, dtype=np.float64), axis=-1))
        worst = float(norm[bad][np.argmax(np.abs(norm[bad] - 1))])
        return (
            f"{name} must lie on the unit sphere to {checks.sphere_tolerance(x):.1e}, got |{name}| = {worst!r} "
            f"({int(bad.sum())} of {bad.size} points off it): Sphere().project takes any vector to it"
        )

    def _settle(self, x: np.ndarray) -> np.ndarray:
        return checks.unit(x)

    def _tangent_error(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        return np.abs(dot(x, u)) / (checks.sphere_tolerance(x) * (1 + np.sqrt(dot(u, u))))

    def _settle_tangent(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        along = dot(x, u)
        off = np.abs(along) > checks.rounding(x) * (1 + np.sqrt(dot(u, u)))
        return u - np.where(off, along, 0)[..., None] * x if off.any() else u

    def project(self, x: Any) -> np.ndarray:
        """x/|x|, (*batch, d + 1), of vectors of any length; ValueError where one is 0, which has no direction."""
        x = checks.finite(checks.vector(x, "x", 2), "x")
        largest = np.abs(x).max(axis=-1, keepdims=True)
        if not (largest > 0).all():
            raise ValueError("x must not be 0: the projection to the sphere needs |x| > 0, got |x| = 0.0")
        x = x / largest
        return x / np.sqrt(dot(x, x))[..., None]

    def origin(self, d: int) -> np.ndarray:
        """(1, 0, ..., 0), (d + 1,)."""
        return np.eye(1, checks.dimension(d) + 1)[0]

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return frechet_sphere.spherical(x, weights)


@final
class Torus(_Fixed):
    """The flat torus (R/2 pi Z)^d; a point is d angles in [-pi, pi).

    Where two ways round are shortest, ``log`` takes -pi.
    """

    _kernels = torus

    def wrap(self, x: Any) -> np.ndarray:
        """The angles x modulo 2 pi, in [-pi, pi)."""
        return torus.wrap(checks.finite(checks.as_float(x, "x"), "x"))[()]

    def _belongs(self, x: np.ndarray) -> np.ndarray:
        return ((x >= x.dtype.type(-math.pi)) & (x < x.dtype.type(math.pi))).all(axis=-1)

    def _explain(self, x: np.ndarray, bad: np.ndarray, name: str) -> str:
        worst = float(np.abs(x[bad]).max())
        return f"{name} must hold angles in [-pi, pi), got one of size {worst!r}: wrap them with Torus().wrap"

    def origin(self, d: int) -> np.ndarray:
        """0, (d,)."""
        return np.zeros(checks.dimension(d))

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return frechet.toroidal(x, weights)
