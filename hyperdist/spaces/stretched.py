"""The hyperboloid and exponential coordinates: models whose coordinates of tangents are stretched far out."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

from hyperdist import checks
from hyperdist.arrays.host import cast, eps, found, hidden, kind, like, looking
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import column, dot, wide
from hyperdist.arrays.stable import sinhc_sq
from hyperdist.geometry import conversions, lorentz, tangent
from hyperdist.spaces import held
from hyperdist.spaces.hyperbolic import Hyperbolic
from hyperdist.spaces.points import Length, counted, largest, too_long


class _Stretched(Hyperbolic):
    """Models whose coordinates of tangents are stretched so far out that they do not hold them."""

    @abstractmethod
    def _noise(self, x: Array, u: Array, c: Array) -> Array:
        """What rounding of u's coordinates is in the frame at x, (*batch)."""

    def _check_held(self, x: Array, u: Array, name: str, length: Length | None = None) -> None:
        if hidden(x, u, self.c):
            return
        with looking(u):
            x, c = cast(x, u.dtype), self._c(u)
            noise, v = self._noise(x, u, c), self.kernels.to_frame(x, u, c)
            size = namespace(v).sqrt(dot(v, v))
            true = None if length is None else length(self, lambda a: a)
            bad = held.lost(noise, size, true)
            if found(bad):
                raise ValueError(held.explain(name, bad, noise, size if true is None else true, kind(u)))

    def _check_end(self, x: Array, u: Array, y: Array) -> None:
        """Raise where rounding of u moves the end y of a geodesic by half of 1/sqrt(c), and further than that of y."""
        if hidden(x, u, self.c):
            return
        with looking(y):
            x, u, c = cast(x, y.dtype), cast(u, y.dtype), self._c(y)
            xp, k = namespace(y), namespace(y).sqrt(like(self.c, wide(y)))
            v = column(k) * wide(self.kernels.to_frame(x, u, c))
            moved = k * wide(self._noise(x, u, c)) * sinhc_sq(dot(v, v))
            radius = xp.sqrt(dot(*[column(k) * wide(conversions.to_tangent(y, c, self._model))] * 2))
            bad = (moved > 0.5) & (moved > 64 * eps(y) * xp.cosh(radius))
            if found(bad):
                raise ValueError(
                    f"u must be a velocity whose coordinates of {kind(u)} say where it leads: "
                    f"their rounding moves the end by {largest(xp.where(bad, moved, moved * 0.0)):.2g} of 1/sqrt(c) "
                    f"({counted(bad)} vectors): geodesic, between two points, needs no velocity; a wider dtype may "
                    "hold it"
                )


@final
class Lorentz(_Stretched):
    """The hyperboloid -x_0^2 + |s|^2 = -1/c of curvature -c, c > 0; a point has d + 1 coordinates, time first.

    It has no flat limit: at c = 0 the time coordinate 1/sqrt(c) is infinite. A point's place is that of its space part.

    >>> import hyperdist as hd
    >>> hd.Lorentz(c=1.0).origin(2)
    array([1., 0., 0.])
    """

    kernels = lorentz
    _model = "lorentz"
    _extra = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        held.check_curved(self.c)

    def _belongs(self, x: Array) -> Array:
        return lorentz.off(x, self._c(x)) <= checks.rounding(x)

    def _explain(self, x: Array, bad: Array, name: str) -> str:
        off = lorentz.off(x, self._c(x))
        return (
            f"{name} must lie on the hyperboloid -x_0^2 + |s|^2 = -1/c, x_0 > 0: {name}_0 is off by "
            f"{largest(namespace(x).where(bad, off, off * 0.0))!r} relative, more than {checks.rounding(x):.1e} "
            f"({counted(bad)} points)"
        )

    def _project(self, x: Array) -> Array:
        # A point whose time coordinate is right to rounding comes back as it is.
        c = self._c(x)
        return namespace(x).where(
            (lorentz.off(x, self._c(x)) <= checks.rounding(x))[..., None], x, lorentz.lift(x[..., 1:], c)
        )

    def _noise(self, x: Array, u: Array, c: Array) -> Array:
        return eps(u) * namespace(u).sqrt(dot(u, u))

    def _tangent_error(self, x: Array, u: Array) -> Array:
        xp, c = namespace(x, u), self._c(x)
        k = xp.sqrt(c)
        s, w = column(k) * x[..., 1:], u[..., 1:]
        time = lorentz.cosh_radius(x[..., 1:], c)
        error = abs(dot(s / time[..., None], w) - u[..., 0])
        return error / (checks.rounding(x) * (1 / k + xp.sqrt(dot(u, u))))


@final
class Tangent(_Stretched):
    """Hyperbolic space of curvature -c in exponential coordinates at the origin; |x| is the distance from it.

    It holds any radius in any dtype, where the ball ends at 37/sqrt(c) (float64) or 17/sqrt(c) (float32). Tangent
    vectors in these coordinates shrink by sinh(a)/a across the radius: where their rounding would be more than 1/256
    of their length, beyond a = 32 in general, methods that take or give them raise; distances and geodesics do not.

    >>> import hyperdist as hd
    >>> hd.Tangent(c=1.0).dist([300.0, 0.0], [-300.0, 0.0])
    np.float64(600.0)
    """

    kernels = tangent
    _model = "tangent"

    def _noise(self, x: Array, u: Array, c: Array) -> Array:
        across = held.across_rounding(x, u)
        return namespace(x, u).where(across > 0, across * sinhc_sq(c * dot(x, x)), across)

    def _belongs(self, x: Array) -> Array:
        return namespace(x).isfinite(dot(x, x))

    def _explain(self, x: Array, bad: Array, name: str) -> str:
        return too_long(x, bad, name)

    def _project(self, x: Array) -> Array:
        return x
