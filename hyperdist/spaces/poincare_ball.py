"""The Poincare ball, as a user makes it."""

from __future__ import annotations

from typing import final

from hyperdist import checks
from hyperdist.arrays.host import cast, eps, found, looking, quiet, shape
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import column, dot, largest_coordinate
from hyperdist.arrays.types import AnyArray
from hyperdist.geometry import poincare
from hyperdist.spaces import held
from hyperdist.spaces.hyperbolic import Hyperbolic
from hyperdist.spaces.points import counted, largest, too_long


@final
class PoincareBall(Hyperbolic):
    """The Poincare ball of curvature -c and radius 1/sqrt(c), with its Mobius operations.

    The metric is lambda_x^2 |dx|^2 with lambda_x = 2/(1 - c|x|^2); at c = 0 it is 4 |dx|^2, flat. See ``poincare`` for
    accuracy: what rounding of the coordinates implies, eps/(1 - c|x|^2).

    >>> import hyperdist as hd
    >>> ball = hd.PoincareBall(c=1.0)
    >>> ball.pairwise([[0.0, 0.0]], [[0.0, 0.0], [0.5, 0.0]]).round(6)
    array([[0.      , 1.098612]])
    """

    kernels = poincare
    _model = "poincare"

    def _belongs(self, x: Array) -> Array:
        return poincare.inside(x, self._c(x))

    def _explain(self, x: Array, bad: Array, name: str) -> str:
        xp, square = namespace(x), dot(x, x)
        if found(~xp.isfinite(square)):
            return too_long(x, ~xp.isfinite(square), name)
        size = xp.sqrt(self._c(x) * square)
        return (
            f"{name} must lie inside the ball, sqrt(c) |{name}| < 1, got sqrt(c) |{name}| = "
            f"{largest(xp.where(bad, size, size * 0.0))!r} ({counted(bad)} points outside)"
        )

    def _check_result(self, x: Array) -> Array:
        with looking(x):
            held.check_holdable(x, self.c)
        return x

    def _check_beyond(self, x: Array) -> Array:
        # No length is at hand: a unit vector's square rounds by so much, and 1 - c|x|^2 of a far point with it.
        with looking(x):
            gap = poincare.gap(x, self._c(x))
            inside = gap >= (x.shape[-1] + 4.0) * eps(x)
            held.check_holdable(x, self.c, namespace(x).where(inside, gap * 0.0 + 1.0, gap * 0.0))
        return x

    def _check_end(self, x: Array, u: Array, y: Array) -> None:
        with looking(y):
            held.check_holdable(y, self.c, poincare.exp_gap(cast(x, y.dtype), cast(u, y.dtype), self._c(y)))

    def _project(self, x: Array) -> Array:
        # The last radius that is told from its neighbours, less what rounds in a square length.
        xp, c = namespace(x), self._c(x)
        least = 1.0 - (x.shape[-1] + 8.0) * eps(x)
        size = largest_coordinate(x)
        size = xp.where(size > 1.0, size, size * 0.0 + 1.0)
        part = x / size  # |x| without overflow
        square = c * dot(part, part)
        beyond = square > least / (size * size)[..., 0]
        safe = xp.where(beyond, square, square * 0.0 + 1.0)
        return xp.where(beyond[..., None], column(xp.sqrt(least / safe)) * part, x)

    def conformal_factor(self, x: AnyArray) -> Array:
        """lambda_x = 2/(1 - c|x|^2), (*batch).

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).conformal_factor([0.0, 0.0])
        np.float64(2.0)
        """
        return self._call("conformal_factor", x=x)

    def mobius_add(self, x: AnyArray, y: AnyArray) -> Array:
        """x (+) y, (*batch, d); ValueError where the ball cannot hold it in its dtype, as for the next two.

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).mobius_add([0.5, 0.0], [0.5, 0.0])
        array([0.8, 0. ])
        """
        given = self._checked(x=x, y=y)
        total = self._apply("mobius_add", given)
        c = self._c(total)
        with looking(total):
            x, y = (cast(point, total.dtype) for point in given.values())
            held.check_holdable(total, self.c, poincare.added_gap(x, y, poincare.gap(y, c), c))
        return total

    def mobius_scalar_mul(self, t: AnyArray, x: AnyArray) -> Array:
        """t (x) x, the point at t times the distance from the origin; t (*batch).

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).mobius_scalar_mul(2.0, [0.5, 0.0]).round(6)
        array([0.8, 0. ])
        """
        x, t = self._alike(x=x, t=t)
        x, t = self.check_point(x), checks.finite(checks.floating(t, "t"), "t")
        checks.broadcast(t=shape(t), x=shape(x)[:-1], c=shape(self.c))
        with quiet(x):
            c, t = self._c(x), cast(t, x.dtype)
            result = poincare.mobius_scalar_mul(t, x, c)
            return held.check_holdable(result, self.c, self._gap(column(t) * poincare.log_origin(x, c)))

    def mobius_matvec(self, m: AnyArray, x: AnyArray) -> Array:
        """exp_0(m log_0 x) of a matrix m (*batch, e, d), (*batch, e).

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).mobius_matvec([[0.0, 1.0]], [0.5, 0.2]).round(6)
        array([0.219947])
        """
        m, x = self._alike(m=m, x=x)
        x = self.check_point(x)
        m = checks.finite(checks.points(m, "m", x.shape[-1], checks.floating), "m")
        if m.ndim < 2:
            raise ValueError(f"m must have shape (*batch, e, d), got shape {shape(m)}")
        with quiet(x):
            c, m = self._c(x), cast(m, x.dtype)
            result = poincare.mobius_matvec(m, x, c)
            return held.check_holdable(result, self.c, self._gap((m @ poincare.log_origin(x, c)[..., None])[..., 0]))

    def gyration(self, x: AnyArray, y: AnyArray, u: AnyArray) -> Array:
        """gyr[x, y] u, the rotation by which (+) fails to associate, (*batch, d).

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).gyration([0.5, 0.0], [0.0, 0.5], [1.0, 0.0]).round(6)
        array([ 0.882353, -0.470588])
        """
        return self._call("gyration", x=x, y=y, u=u)

    def dist_to_gyroplane(self, x: AnyArray, p: AnyArray, a: AnyArray) -> Array:
        """Signed distance from x to the geodesic hyperplane through the point p with normal a (not 0), (*batch).

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).dist_to_gyroplane([0.5, 0.0], [0.0, 0.0], [2.0, 0.0]).round(6)
        np.float64(1.098612)
        """
        x, p, a = self._alike(x=x, p=p, a=a)
        x, p = self.check_point(x), self.check_point(p, "p")
        a = checks.finite(checks.points(a, "a", x.shape[-1], checks.floating), "a")
        if found(namespace(a).all(a == 0.0, axis=-1)):
            raise ValueError("a must not be 0: the normal of a hyperplane needs |a| > 0, got |a| = 0.0")
        checks.points(p, "p", x.shape[-1], checks.floating)
        return self._apply("dist_to_gyroplane", {"x": x, "p": p, "a": a})
