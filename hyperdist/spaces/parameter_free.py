"""Spaces without a curvature to choose."""

from __future__ import annotations

from dataclasses import dataclass

from hyperdist import checks
from hyperdist.arrays.namespace import Array
from hyperdist.spaces.base import Space


@dataclass(frozen=True)
class ParameterFree(Space):
    """A space without parameters."""

    d: int | None = None

    def __post_init__(self) -> None:
        if self.d is not None:
            object.__setattr__(self, "d", checks.dimension(self.d))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.d is None else self.d})"

    @property
    def _own(self) -> tuple[Array, ...]:
        return ()

    def _parameters(self, x: Array) -> tuple[Array, ...]:
        return ()
