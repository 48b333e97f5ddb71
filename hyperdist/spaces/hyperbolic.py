"""Hyperbolic space in its models, as a user makes it: objects that check the input and call their model's functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hyperdist import _moved, checks
from hyperdist._frozen import owned
from hyperdist.arrays.host import like, looking, made, numbers, plain, quiet
from hyperdist.arrays.namespace import Array
from hyperdist.arrays.rows import dot
from hyperdist.arrays.stable import tanhc_sq
from hyperdist.arrays.types import AnyArray
from hyperdist.geometry import conversions, poincare, tangent
from hyperdist.spaces import frechet, frechet_implicit, held
from hyperdist.spaces.base import Space

__getattr__ = _moved.functions_of(__name__, "hyperdist.spaces")


@dataclass(frozen=True, eq=False, repr=False)
class Hyperbolic(Space):
    """Hyperbolic space of curvature -c in some coordinates; c >= 0, a scalar or (*batch), of any kind of array.

    A tensor c is taken as it is, with its gradient; a NumPy array is copied.
    """

    _model: ClassVar[str]
    """One of ``conversions.MODELS``."""

    c: Any = 1.0
    d: int | None = None

    def __post_init__(self) -> None:
        c = checks.curvature(self.c, checks.floating)
        object.__setattr__(self, "c", owned(c) if plain(c) else c)
        if self.d is not None:
            object.__setattr__(self, "d", checks.dimension(self.d))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or self.d != other.d:
            return False
        return self.c is other.c or (plain(self.c, other.c) and np.array_equal(self.c, other.c))

    def __hash__(self) -> int:
        known = self.c.tobytes() if plain(self.c) else id(self.c)
        return hash((type(self), self.d, tuple(self.c.shape), known))

    def __repr__(self) -> str:
        dimension = "" if self.d is None else f", d={self.d}"
        return f"{type(self).__name__}(c={self.c.tolist() if plain(self.c) else self.c!r}{dimension})"

    @property
    def _own(self) -> tuple[Array, ...]:
        return (self.c,)

    def _c(self, x: Array) -> Array:
        """c in the dtype and on the device of x."""
        return like(self.c, x)

    def _parameters(self, x: Array) -> tuple[Array, ...]:
        return (self._c(x),)

    def _origin(self, d: int) -> Array:
        zero = made(np.zeros((*self.c.shape, d)), self.c.dtype, self.c)
        return conversions.from_tangent(zero, self.c, self._model)

    def to_tangent(self, x: AnyArray) -> Array:
        """The points x in exponential coordinates at the origin, (*batch, d).

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).to_tangent([0.5, 0.0]).round(6)
        array([1.098612, 0.      ])
        """
        return self._convert(x, conversions.to_tangent, self._model)

    def to_poincare(self, x: AnyArray) -> Array:
        """The points x in ball coordinates, (*batch, d); ValueError where the ball cannot hold one in their dtype.

        >>> import hyperdist as hd
        >>> hd.Tangent(1.0).to_poincare([2.0, 0.0]).round(6)
        array([0.761594, 0.      ])
        """
        if self._model == "poincare":
            return self.check_point(x)
        v = self.to_tangent(x)
        y = self._convert(v, conversions.from_tangent, "poincare", check=False)
        return held.check_holdable(y, self.c, self._gap(0.5 * v))

    def to_lorentz(self, x: AnyArray) -> Array:
        """The points x in Lorentz coordinates, (*batch, d + 1); ValueError where c is 0 or a coordinate overflows.

        >>> import hyperdist as hd
        >>> hd.PoincareBall(1.0).to_lorentz([0.5, 0.0]).round(6)
        array([1.666667, 1.333333, 0.      ])
        """
        if self._model == "lorentz":
            return self.check_point(x)
        held.check_curved(self.c)
        if self._model == "poincare":
            return self._convert(x, lambda x, c, _: conversions.poincare_to_lorentz(x, c), "lorentz")
        return checks.finite(self._convert(x, conversions.from_tangent, "lorentz"), "the Lorentz coordinates of x")

    def _gap(self, half: Array) -> Array:
        """1 - c|x|^2 of ball points x = exp_0(half), whose tangent coordinates are 2 ``half``."""
        with looking(half):
            return poincare.gap_at(self._c(half) * dot(half, half))

    def _convert(
        self, x: AnyArray, change: Callable[[Array, Array, str], Array], model: str, check: bool = True
    ) -> Array:
        x = self.check_point(x) if check else x
        with quiet(x):
            return change(x, self._c(x), model)

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        batch = np.broadcast_shapes(weights.shape[1:], self.c.shape)
        missing = (1,) * (len(batch) + 1 - weights.ndim)
        weights = np.broadcast_to(weights.reshape(len(x), *missing, *weights.shape[1:]), (len(x), *batch))
        c = np.broadcast_to(self.c, batch)
        points = conversions.to_tangent(x.reshape(len(x), *(1,) * c.ndim, -1), c, self._model)
        return conversions.from_tangent(frechet.hyperbolic(points, weights, c), c, self._model)

    def _carried_mean(self, mean: np.ndarray, x: Array, w: Array) -> Array:
        c = self._c(x)
        start = made(conversions.to_tangent(mean, numbers(self.c).astype(mean.dtype), self._model), x.dtype, x)
        found = frechet_implicit.carried(
            start,
            conversions.to_tangent(x, c, self._model),
            w,
            lambda y, z: tangent.log_frame(y, z, c),
            lambda y, v: tangent.boost(y, v, c),
            lambda square: 1.0 / tanhc_sq(c * square),
        )
        return conversions.from_tangent(found, c, self._model)
