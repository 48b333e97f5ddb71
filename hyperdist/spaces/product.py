"""Products of spaces, as a user makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import accumulate, pairwise
from typing import Any, final

import numpy as np

from hyperdist import checks
from hyperdist.arrays.host import found
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.types import AnyArray
from hyperdist.geometry import product
from hyperdist.spaces.base import Space
from hyperdist.spaces.points import Length


@final
@dataclass(frozen=True, init=False, repr=False)
class ProductSpace(Space):
    """The product of spaces: a point is a point of each, their coordinates one after the other.

    spaces : spaces that know their dimension, as ``PoincareBall(1.0, d=2)``, ``Sphere(2)``, ``Euclidean(3)``; each
             keeps its own curvature c, a scalar or a batch, and its own way round.
    Squared distances, inner products and log volumes add up; exp, log, transport, geodesics, frames, projections and
    Frechet means go factor by factor. Points have shape (*batch, k_1 + k_2 + ...): ``split`` and ``join`` go between
    them and their parts. Errors name the coordinates of the factor that they are about.

    >>> import numpy as np, hyperdist as hd
    >>> space = hd.ProductSpace(hd.PoincareBall(1.0, d=2), hd.Sphere(2))
    >>> x, y = space.origin(), space.join([0.5, 0.0], [0.0, 1.0, 0.0])
    >>> space.dist_sq(x, y).round(6) == (np.log(3.0) ** 2 + (np.pi / 2) ** 2).round(6)
    np.True_
    >>> space.widths, space.d
    ((2, 3), 4)
    """

    spaces: tuple[Space, ...]
    d: int = field(compare=False)  # type: ignore[assignment]
    """The sum of the factors' dimensions."""

    def __init__(self, *spaces: Space) -> None:
        if not spaces:
            raise ValueError("spaces must hold at least one space, got none")
        for i, space in enumerate(spaces):
            if not isinstance(space, Space):
                raise TypeError(f"spaces[{i}] must be a space of hyperdist, got {space!r}")
            if space.d is None:
                raise ValueError(
                    f"spaces[{i}] must know its dimension, {type(space).__name__}(..., d=2), got {space!r}"
                )
        object.__setattr__(self, "spaces", spaces)
        object.__setattr__(self, "d", sum(space.d or 0 for space in spaces))

    def __repr__(self) -> str:
        return f"ProductSpace({', '.join(map(repr, self.spaces))})"

    @property
    def widths(self) -> tuple[int, ...]:
        """Coordinates of a point of each factor, k_1, k_2, ..."""
        return tuple((space.d or 0) + space._extra for space in self.spaces)

    def split(self, x: AnyArray) -> tuple[Array, ...]:
        """The coordinates of each factor, (*batch, k_i), of points or tangents x (*batch, k_1 + k_2 + ...).

        >>> import hyperdist as hd
        >>> hd.ProductSpace(hd.Euclidean(1), hd.Sphere(1)).split([3.0, 1.0, 0.0])
        (array([3.]), array([1., 0.]))
        """
        (x,) = self._alike(x=x)
        return tuple(self._parts(checks.points(x, "x", sum(self.widths), checks.floating)))

    def join(self, *parts: AnyArray) -> Array:
        """The points, or tangents, (*batch, k_1 + k_2 + ...) of their parts (*batch, k_i), whose batches broadcast.

        >>> import hyperdist as hd
        >>> hd.ProductSpace(hd.Euclidean(1), hd.Sphere(1)).join([3.0], [[1.0, 0.0], [0.0, 1.0]])
        array([[3., 1., 0.],
               [3., 0., 1.]])
        """
        if len(parts) != len(self.spaces):
            raise ValueError(f"parts must be one for each of the {len(self.spaces)} spaces, got {len(parts)}")
        given = self._alike(**{f"parts[{i}]": part for i, part in enumerate(parts)})
        return product.join([
            checks.points(part, f"parts[{i}]", width, checks.floating)
            for i, (part, width) in enumerate(zip(given, self.widths, strict=True))
        ])  # fmt: skip

    @property
    def kernels(self) -> product.Product:  # type: ignore[override]
        """The functions behind the methods."""
        sizes = zip(self.spaces, self.widths, strict=True)
        return product.Product(
            tuple(product.Factor(space.kernels, space.d or 0, width, len(space._own)) for space, width in sizes)
        )

    @property
    def _extra(self) -> int:  # type: ignore[override]
        return sum(space._extra for space in self.spaces)

    @property
    def _own(self) -> tuple[Array, ...]:
        return tuple(parameter for space in self.spaces for parameter in space._own)

    @property
    def _own_names(self) -> list[str]:
        return [
            f"spaces[{i}].{name}"
            for i, space in enumerate(self.spaces)
            for name, _ in zip(space._own_names, space._own, strict=False)
        ]

    def _parameters(self, x: Array) -> tuple[Array, ...]:
        return tuple(parameter for space in self.spaces for parameter in space._parameters(x))

    def _in_numpy(self) -> ProductSpace:
        return ProductSpace(*(space._in_numpy() for space in self.spaces))

    def _parts(self, x: Array) -> list[Array]:
        """Each factor's part of points or tangents, or of coordinates in frames, which are fewer where any are."""
        return product.split(x, self.widths if x.shape[-1] == sum(self.widths) else [s.d or 0 for s in self.spaces])

    def _each(self, *arrays: Array) -> list[tuple[Any, ...]]:
        """(space, its part of each array) of every factor."""
        return list(zip(self.spaces, *map(self._parts, arrays), strict=True))

    def _origin(self, d: int) -> Array:
        origins = {f"origin {i}": space._origin(space.d or 0) for i, space in enumerate(self.spaces)}
        return product.join(checks.alike(origins, *self._own))

    def _belongs(self, x: Array) -> Array:
        return reduce(lambda a, b: a & b, (space._belongs(part) for space, part in self._each(x)))

    def _explain(self, x: Array, bad: Array, name: str) -> str:
        ends = pairwise(accumulate(self.widths, initial=0))
        for (space, part), (start, stop) in zip(self._each(x), ends, strict=True):
            off = ~space._belongs(part)
            if found(off):
                return space._explain(part, off, f"{name}[..., {start}:{stop}]")
        raise AssertionError("a point off a product is off one of its factors")

    def _settle(self, x: Array) -> Array:
        given = self._parts(x)
        settled = [space._settle(part) for space, part in zip(self.spaces, given, strict=True)]
        return x if all(map(_is, settled, given)) else product.join(settled)

    def _settle_tangent(self, x: Array, u: Array) -> Array:
        given = self._parts(u)
        settled = [space._settle_tangent(p, v) for space, p, v in zip(self.spaces, self._parts(x), given, strict=True)]
        return u if all(map(_is, settled, given)) else product.join(settled)

    def _tangent_error(self, x: Array, u: Array) -> Array | None:
        errors = [space._tangent_error(p, v) for space, p, v in self._each(x, u)]
        known = [error for error in errors if error is not None]
        return reduce(lambda a, b: namespace(a, b).maximum(a, b), known) if known else None

    def _project(self, x: Array) -> Array:
        return product.join([space._project(part) for space, part in self._each(x)])

    def _check_end(self, x: Array, u: Array, y: Array) -> None:
        for space, *given in self._each(x, u, y):
            space._check_end(*given)

    def _check_held(self, x: Array, u: Array, name: str, length: Length | None = None) -> None:
        for i, (space, *given) in enumerate(self._each(x, u)):
            space._check_held(*given, name, None if length is None else self._length_of(i, length))

    def _length_of(self, i: int, length: Length) -> Length:
        """How long the vectors of one factor should be."""

        def own(space: Any, part: Callable[[Array], Array]) -> Array:
            return length(space, lambda a: part(self._parts(a)[i]))

        return own

    def _check_result(self, x: Array) -> Array:
        for space, part in self._each(x):
            space._check_result(part)
        return x

    def _check_beyond(self, x: Array) -> Array:
        for space, part in self._each(x):
            space._check_beyond(part)
        return x

    def _mean(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        # Parts that lie in memory as points of the factor do: to the last bit the factors' own means.
        return product.join([space._mean(np.ascontiguousarray(part), weights) for space, part in self._each(x)])

    def _carried_mean(self, mean: np.ndarray, x: Array, w: Array) -> Array:
        return product.join([space._carried_mean(m, part, w) for space, m, part in self._each(mean, x)])


def sized(space: Any, width: int) -> Any:
    """A space that knows its dimension, from the coordinates of its points."""
    return space if space.d is not None else replace(space, d=width - space._extra)


def _is(a: Array, b: Array) -> bool:
    return a is b
