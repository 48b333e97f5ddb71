"""What every space has, from a module of kernels and a check of a point."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

import numpy as np

from hyperdist import checks
from hyperdist.arrays.host import bare, cast, common, made, numbers, plain, quiet, shape
from hyperdist.arrays.namespace import Array, namespace, values
from hyperdist.arrays.rows import dot, root
from hyperdist.arrays.types import AnyArray
from hyperdist.spaces import frechet_implicit
from hyperdist.spaces.pairs import pairwise
from hyperdist.spaces.points import Points


class Space(Points):
    """A Riemannian manifold: points x, y and tangents u, v are arrays (*batch, k), scalars (*batch); batches broadcast.

    Lengths are geodesic. Coordinates of a tangent in the orthonormal frame at a point are (*batch, d); the frame at mu
    is the image of the standard one at the origin under a fixed isometry that takes the origin to mu.

    Arrays are NumPy's, torch's or JAX's, and so are the results, on the same device. Gradients are those of the maps,
    twice. Where one argument is a tensor, lists and NumPy arrays become tensors like it.

    Integers and lists are promoted to float64; float32 points give float32 results. Every method raises ValueError, or
    TypeError for a dtype, that names the argument, its value and the bound. In traces and compilers, where no value can
    be looked at, and under JAX's transformations, shapes alone are checked; there NaN comes of what is no point.

    >>> import hyperdist as hd
    >>> space = hd.PoincareBall(c=1.0)
    >>> x, y = [0.5, 0.0], [[-0.5, 0.0], [0.0, 0.0], [0.5, 0.0]]  # one point and three
    >>> space.dist(x, y).round(4)
    array([2.1972, 1.0986, 0.    ])
    >>> space.exp(x, space.log(x, y)).round(12) + 0.0
    array([[-0.5,  0. ],
           [ 0. ,  0. ],
           [ 0.5,  0. ]])
    """

    @abstractmethod
    def _origin(self, d: int) -> Array:
        """The origin of the space of dimension d, (k,)."""

    @abstractmethod
    def _project(self, x: Array) -> Array:
        """The points nearest to finite rows."""

    @abstractmethod
    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The Frechet mean (*batch, k) of float64 points (n, k) with weights (n, *batch)."""

    @final
    def origin(self, d: int | None = None, like: AnyArray | None = None) -> Array:
        """The origin of the space of dimension d, (k,), or (*batch of c, k); of the kind and dtype of ``like``.

        >>> import hyperdist as hd
        >>> hd.Sphere().origin(2)
        array([1., 0., 0.])
        """
        if d is None and self.d is None:
            raise ValueError(f"d must be given, or that of the space, {type(self).__name__}(d=...)")
        d = checks.dimension(self.d if d is None else d)
        if self.d not in (None, d):
            raise ValueError(f"d must be that of the space, {self.d}, got {d}")
        origin = self._origin(d)
        return origin if like is None else made(numbers(origin), checks.floating(like, "like").dtype, like)

    @final
    def dist_sq(self, x: AnyArray, y: AnyArray) -> Array:
        """Squared geodesic distance, (*batch); smooth where x equals y.

        >>> import hyperdist as hd
        >>> hd.Euclidean().dist_sq([0.0, 0.0], [3.0, 4.0])
        np.float64(25.0)
        """
        return self._call("dist_sq", x=x, y=y)

    @final
    def dist(self, x: AnyArray, y: AnyArray) -> Array:
        """Geodesic distance, (*batch); exactly 0, and its gradient taken as 0, where x equals y.

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).dist([0.0, 0.0], [0.5, 0.0]).round(6)
        np.float64(1.098612)
        """
        return bare(root(self.dist_sq(x, y)))

    @final
    def pairwise(self, x: AnyArray, y: AnyArray) -> Array:
        """Geodesic distances of all pairs of points x (n, k) and y (m, k), (n, m), in blocks of bounded memory.

        For gradients of many pairs a block is worked out again on the way back, so that memory stays bounded there too.

        >>> import hyperdist as hd
        >>> hd.Torus().pairwise([[0.0], [3.0]], [[1.0], [-3.0]]).round(3)
        array([[1.   , 3.   ],
               [2.   , 0.283]])
        """
        x, y = self._alike(x=x, y=y)
        x = self.check_point(x)
        y = self.check_point(checks.points(y, "y", x.shape[-1], checks.floating), "y")
        if x.ndim != 2 or y.ndim != 2:
            raise ValueError(f"x, y must have shapes (n, k) and (m, k), got shapes {shape(x)} and {shape(y)}")
        dtype = common(x, y)
        x, y = cast(x, dtype), cast(y, dtype)
        parameters = self._parameters(x)
        for name, c in zip(self._own_names, parameters, strict=False):
            if c.ndim:
                raise ValueError(f"{name} must be one number for pairwise distances, got shape {shape(c)}")
        with quiet(x):
            return pairwise(self.kernels.dist_sq, x, y, parameters)

    @final
    def exp(self, x: AnyArray, u: AnyArray) -> Array:
        """The point that the geodesic from x with velocity u reaches at time 1, (*batch, k).

        Raises ValueError where coordinates of its dtype cannot hold that point.

        >>> import numpy as np, hyperdist as hd
        >>> hd.Sphere().exp([1.0, 0.0], [0.0, np.pi / 2]).round(12)
        array([0., 1.])
        """
        given = self._checked(x=x, u=u)
        y = self._check_result(self._apply("exp", given))
        self._check_end(given["x"], given["u"], y)
        return y

    @final
    def log(self, x: AnyArray, y: AnyArray) -> Array:
        """The velocity at x of the shortest geodesic that reaches y at time 1, (*batch, k).

        ValueError where coordinates of its dtype cannot hold it; ``dist`` and ``geodesic`` need no velocity.

        >>> import hyperdist as hd
        >>> hd.Torus().log([3.0], [-3.0]).round(3)
        array([0.283])
        """
        given = self._checked(x=x, y=y)
        u = self._apply("log", given)
        self._check_held(given["x"], u, "log_x(y)", lambda space, part: space.dist(part(given["x"]), part(given["y"])))
        return u

    @final
    def inner(self, x: AnyArray, u: AnyArray, v: AnyArray) -> Array:
        """Riemannian inner product of tangents u, v at x, (*batch).

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).inner([0.0, 0.0], [1.0, 0.0], [1.0, 2.0])
        np.float64(4.0)
        """
        return self._call("inner", x=x, u=u, v=v)

    @final
    def norm(self, x: AnyArray, u: AnyArray) -> Array:
        """Riemannian length of the tangent u at x, (*batch).

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).norm([0.0, 0.0], [1.0, 0.0])
        np.float64(2.0)
        """
        return bare(root(self.inner(x, u, u)))

    @final
    def transport(self, x: AnyArray, y: AnyArray, u: AnyArray) -> Array:
        """The tangent u at x carried along the shortest geodesic to y, (*batch, k).

        >>> import hyperdist as hd
        >>> hd.Sphere().transport([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 2.0, 3.0])
        array([-2.,  0.,  3.])
        """
        given = self._checked(x=x, y=y, u=u)
        moved = self._apply("transport", given)
        self._check_held(
            given["y"], moved, "the transported u", lambda space, part: space.norm(part(given["x"]), part(given["u"]))
        )
        return moved

    @final
    def geodesic(self, x: AnyArray, y: AnyArray, t: AnyArray) -> Array:
        """The point at time t (*batch) of the shortest geodesic from x (t = 0) to y (t = 1), (*batch, k).

        The error is what rounding of x, y and the result implies where 0 <= t <= 1, at any distance; x and y themselves
        come back at 0 and 1. Beyond, ValueError where coordinates of the dtype cannot hold the point.

        >>> import hyperdist as hd
        >>> hd.Euclidean().geodesic([0.0, 0.0], [1.0, 2.0], [0.5, 2.0])
        array([[0.5, 1. ],
               [2. , 4. ]])
        """
        x, y, t = self._alike(x=x, y=y, t=t)
        x, t = self.check_point(x), checks.finite(checks.floating(t, "t"), "t")
        y = self.check_point(checks.points(y, "y", x.shape[-1], checks.floating), "y")
        self._broadcast({"x": x, "y": y, "t": t[..., None]})
        dtype = common(x, y)
        x, y, t = cast(x, dtype), cast(y, dtype), cast(t, dtype)
        with quiet(x):
            result = _with_ends(self.kernels.geodesic(x, y, t, *self._parameters(x)), x, y, t[..., None])
        # Between its ends a geodesic is no further out than they are.
        within = ((t >= 0) & (t <= 1))[..., None]
        self._check_beyond(namespace(result).where(within, result * 0.0, result))
        return result

    @final
    def to_frame(self, mu: AnyArray, u: AnyArray) -> Array:
        """Coordinates of the tangent u in the orthonormal frame at mu, (*batch, d).

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).to_frame([0.0, 0.0], [1.0, 2.0])
        array([2., 4.])
        """
        return self._call("to_frame", x=mu, u=u)

    @final
    def from_frame(self, mu: AnyArray, v: AnyArray) -> Array:
        """The tangent at mu with coordinates v (*batch, d) in the orthonormal frame there, (*batch, k).

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).from_frame([0.0, 0.0], [1.0, 2.0])
        array([0.5, 1. ])
        """
        mu, v = self._alike(mu=mu, v=v)
        mu = self.check_point(mu, "mu")
        v = checks.finite(checks.points(v, "v", mu.shape[-1] - self._extra, checks.floating), "v")
        u = self._apply("from_frame", {"mu": mu, "v": v})
        self._check_held(mu, u, "the tangent with coordinates v", lambda _, part: _length(part(v)))
        return u

    @final
    def log_volume(self, x: AnyArray) -> Array:
        """log sqrt det G at x in these coordinates, (*batch): volume = exp(log_volume) dx.

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).log_volume([0.0, 0.0]).round(6)  # log(2^2)
        np.float64(1.386294)
        """
        return self._call("log_volume", x=x)

    @final
    def project(self, x: AnyArray) -> Array:
        """The points nearest to rows of finite numbers in the coordinates' own distance, (*batch, k).

        What lies on the space comes back as it is. The ball gives its last radius to what lies beyond it, the
        hyperboloid the point above the space part, the torus the angle modulo 2 pi; the sphere divides by the length,
        ValueError where that is 0.

        >>> import hyperdist as hd
        >>> hd.Sphere().project([[3.0, 4.0]])
        array([[0.6, 0.8]])
        """
        (x,) = self._alike(x=x)
        x = checks.finite(checks.vector(x, "x", 1 + self._extra, checks.floating), "x")
        if self.d is not None:
            checks.points(x, "x", self.d + self._extra, checks.floating)
        self._broadcast({"x": x})
        with quiet(x):
            return self._project(x)

    @final
    def frechet_mean(self, x: AnyArray, weights: AnyArray | None = None) -> Array:
        """The point with the least weighted sum of squared distances to x, (*batch, k).

        x (n, k), n >= 1;  weights (n,) or (n, *batch), >= 0 with a positive sum; by default all equal.
        Of tensors it is worked out in NumPy, on the CPU, and has derivatives in x, weights and c, twice, from the
        equation that it solves. In a trace, a compiler or a vmap, where no values are, ValueError.

        >>> import hyperdist as hd
        >>> hd.Torus().frechet_mean([[3.1], [-3.1]]).round(12)
        array([-3.14159265])
        """
        x, weights = self._alike(x=x, weights=weights) if weights is not None else (*self._alike(x=x), None)
        given = (x,) if weights is None else (x, weights)
        if not plain(*given, *self._own):
            return frechet_implicit.mean(self, x, weights)
        x = checks.observations(x, "x", 1 + self._extra, "k")
        batch = max((p.ndim for p in self._own), default=0)
        x = self.check_point(x.reshape(len(x), *(1,) * batch, -1)).reshape(x.shape)
        with np.errstate(all="ignore"):
            return self._mean(x.astype(np.float64), checks.shares(weights, len(x))).astype(x.dtype)

    def _carried_mean(self, mean: np.ndarray, x: Array, w: Array) -> Array:
        """``mean`` (*batch, k) of points x (n, ..., k) under w (n, *batch) with derivatives in both, and in c."""
        k = self.kernels
        return frechet_implicit.carried(
            made(mean, x.dtype, x),
            x,
            w,
            lambda y, z: k.to_frame(y, k.log(y, z)),
            lambda y, v: k.exp(y, k.from_frame(y, v)),
            self._bend,
        )

    def _bend(self, square: Array) -> Array:
        """The second derivative of half a squared distance across the way, from the squared distance."""
        return square * 0.0 + 1.0


def _length(v: Array) -> Array:
    return namespace(v).sqrt(dot(v, v))


def _with_ends(result: Array, x: Array, y: Array, t: Array) -> Array:
    """Points of a geodesic, (*batch, k), with the ends themselves at t 0 and 1, and a pair of equal points as it is.

    No coordinates tell a point far out from its neighbours. Derivatives stay those of the geodesic.
    """
    xp = namespace(result)
    start, end = (t == 0) | xp.all(x == y, axis=-1, keepdims=True), t == 1
    exact = xp.where(start, x, xp.where(end, y, result))
    if xp is np:
        return exact
    return xp.where(start | end, values(exact) + (result - values(result)), result)
