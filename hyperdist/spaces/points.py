"""The points and tangents of a space: which arrays are some, checked, and how a kernel is applied to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, final

import numpy as np

from hyperdist import checks
from hyperdist.arrays.host import bare, batches, cast, common, found, hidden, kind, looking, numbers, quiet, shape
from hyperdist.arrays.namespace import Array, namespace, values
from hyperdist.arrays.rows import dot
from hyperdist.arrays.types import AnyArray

Length = Callable[[Any, Callable[[Array], Array]], Array]
"""(space, part) -> how long vectors of a space should be, (*batch); ``part`` picks its coordinates from an array."""


def largest(a: Array) -> float:
    """The largest number of an array, for a message."""
    return float(numbers(a).max())


def counted(bad: Array) -> str:
    """How many rows are bad, for a message: "2 of 7"."""
    mask = numbers(bad)
    return f"{int(mask.sum())} of {mask.size}"


def too_long(x: Array, bad: Array, name: str) -> str:
    """What to say of rows whose squares overflow."""
    xp, most = namespace(x), float(np.finfo(kind(x)).max)
    longest = largest(xp.where(bad[..., None], abs(x), xp.zeros_like(x)))
    held = f"|{name}| <= {np.sqrt(most):.3g}"
    return (
        f"{name} must have a length whose square {kind(x)} holds, {held}, "
        f"got a coordinate of {longest!r} ({counted(bad)})"
    )


class Points(ABC):
    """A set of points, arrays (*batch, k), with tangents at each; a space is one with distances and geodesics."""

    d: int | None
    """The dimension, or None where points tell it."""
    kernels: ClassVar[Any]
    """The module of pure functions behind the methods, which check nothing: c, where there is one, comes last."""
    _extra: ClassVar[int] = 0
    """k - d: coordinates of a point beyond the dimension."""

    @property
    @abstractmethod
    def _own(self) -> tuple[Array, ...]:
        """The space's parameters: c, or none."""

    @property
    def _own_names(self) -> Sequence[str]:
        """What messages call them."""
        return "c"

    def _in_numpy(self) -> Any:
        """This space with its parameters as NumPy arrays."""
        return type(self)(*(numbers(c) for c in self._own), d=self.d)  # type: ignore[call-arg]

    @abstractmethod
    def _parameters(self, x: Array) -> tuple[Array, ...]:
        """Arguments of every kernel after the arrays, in the dtype and on the device of x."""

    @abstractmethod
    def _belongs(self, x: Array) -> Array:
        """Whether finite points lie on the space, to rounding, (*batch)."""

    @abstractmethod
    def _explain(self, x: Array, bad: Array, name: str) -> str:
        """What to say of points that do not: the bound and the worst value."""

    def _settle(self, x: Array) -> Array:
        """Points of the space, without what was tolerated of them."""
        return x

    def _settle_tangent(self, x: Array, u: Array) -> Array:
        """Tangents at x, without what was tolerated of them."""
        return u

    def _tangent_error(self, x: Array, u: Array) -> Array | None:
        """How far u is from tangent to x over what rounding explains, (*batch); None where every vector is tangent."""
        return None

    @final
    def contains(self, x: AnyArray) -> Array:
        """Whether each point lies on the space, to rounding of its dtype, (*batch); False where it is not finite.

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).contains([[0.6, 0.7], [0.8, 0.6]])
        array([ True, False])
        """
        (x,) = self._alike(x=x)
        x = values(checks.vector(x, "x", 1 + self._extra, checks.floating))
        xp = namespace(x)
        finite = xp.all(xp.isfinite(x), axis=-1)
        with looking(x):
            return bare(finite & self._belongs(xp.where(finite[..., None], x, xp.zeros_like(x))))

    @final
    def check_point(self, x: AnyArray, name: str = "x") -> Array:
        """x as an array of floats, (*batch, k), where every point lies on the space.

        >>> import hyperdist as hd
        >>> hd.PoincareBall(4.0).check_point([0.3, 0.4])
        Traceback (most recent call last):
        ValueError: x must lie inside the ball, sqrt(c) |x| < 1, got sqrt(c) |x| = 1.0 (1 of 1 points outside)
        """
        (x,) = self._alike(**{name: x})
        x = checks.finite(checks.vector(x, name, 1 + self._extra, checks.floating), name)
        if self.d is not None:
            checks.points(x, name, self.d + self._extra, checks.floating)
        self._broadcast({name: x})
        if not hidden(x, *self._own):
            with looking(x):
                bad = ~self._belongs(values(x))
                if found(bad):
                    raise ValueError(self._explain(values(x), bad, name))
        return self._settle(x)

    @final
    def check_tangent(self, x: AnyArray, u: AnyArray, name: str = "u") -> Array:
        """u as an array of floats, (*batch, k), where it is tangent to the space at x.

        >>> import hyperdist as hd
        >>> hd.Sphere().check_tangent([1.0, 0.0], [1.0, 0.0])
        Traceback (most recent call last):
        ValueError: u must be tangent to the space at x, orthogonal to it; it is off by ...
        """
        x, u = self._alike(**{"x": x, name: u})
        return self._check_tangent(self.check_point(x), u, name)

    def _check_tangent(self, x: Array, u: AnyArray, name: str) -> Array:
        u = checks.finite(checks.points(u, name, x.shape[-1], checks.floating), name)
        checks.broadcast(x=shape(x), **{name: shape(u)})
        if not hidden(x, u, *self._own):
            with looking(x, u):
                bad = ~namespace(u).isfinite(dot(u, u))
                error = self._tangent_error(values(x), values(u))
                if found(bad):
                    raise ValueError(too_long(u, bad, name))
                if error is not None and found(error > 1):
                    raise ValueError(
                        f"{name} must be tangent to the space at x, orthogonal to it; it is off by "
                        f"{largest(error):.3g} times what rounding explains"
                    )
        u = self._settle_tangent(x, u)
        self._check_held(x, u, name)
        return u

    def _alike(self, **arrays: Any) -> tuple[Any, ...]:
        return checks.alike(arrays, *self._own)

    def _checked(self, **arrays: Any) -> dict[str, Array]:
        """Points (x, y) and tangents (u, v) of the space."""
        arrays = dict(zip(arrays, self._alike(**arrays), strict=True))
        checked = {"x": self.check_point(arrays["x"])}
        if "y" in arrays:
            y = checks.points(arrays["y"], "y", checked["x"].shape[-1], checks.floating)
            checked["y"] = self.check_point(y, "y")
        for name in ("u", "v"):
            if name in arrays:
                checked[name] = self._check_tangent(checked["x"], arrays[name], name)
        return checked

    def _call(self, kernel: str, **arrays: Any) -> Array:
        """Check, then apply a kernel."""
        return self._apply(kernel, self._checked(**arrays))

    def _apply(self, kernel: str, arrays: dict[str, Array]) -> Array:
        dtype = common(*arrays.values())
        given = [cast(a, dtype) for a in arrays.values()]
        parameters = self._parameters(given[0])
        self._broadcast(arrays)
        with quiet(*given):
            return bare(getattr(self.kernels, kernel)(*given, *parameters))

    def _check_end(self, x: Array, u: Array, y: Array) -> None:  # noqa: B027
        """Raise where rounding of the velocity u at x does not tell where it leads to, y."""

    def _check_held(self, x: Array, u: Array, name: str, length: Length | None = None) -> None:  # noqa: B027
        """Raise where coordinates do not hold the tangents u at x, which should be ``length`` long."""

    def _check_beyond(self, x: Array) -> Array:
        """``_check_result`` for points of a geodesic beyond its ends."""
        return self._check_result(x)

    def _check_result(self, x: Array) -> Array:
        """Points that were worked out, where the coordinates hold them; else ValueError."""
        if not hidden(x):
            with looking(x):
                bad = ~namespace(x).isfinite(dot(x, x))
            if found(bad):
                raise ValueError(
                    f"{counted(bad)} points lie further out than coordinates of {kind(x)} hold: "
                    "take a shorter way or a wider dtype; hyperdist.Tangent holds any radius"
                )
        return x

    def _broadcast(self, arrays: dict[str, Array]) -> None:
        """Check that the batch shapes of the arrays and of the space's parameters go together."""
        own = zip(self._own_names, self._own, strict=False)
        checks.broadcast(**batches(arrays.items()), **{name: shape(p) for name, p in own})
