"""A law of the radius as probabilities of points."""

from __future__ import annotations

from typing import NamedTuple

from hyperdist.arrays.namespace import Array, namespace
from hyperdist.radial.quadrature import Kernel, probabilities


class Nodes(NamedTuple):
    """Points of a quadrature rule, (nodes, *batch), with their probabilities: means are sums over the first axis."""

    y: Array
    """The radius in units of the law's scale."""
    offset: Array
    """y less ``centre``, to all its digits."""
    centre: Array
    """A point amid the nodes, (*batch)."""
    share: Array
    """The probabilities; of a law with derivatives these carry them, the points carry none."""

    @classmethod
    def of(cls, kernel: Kernel) -> Nodes:
        """Those of a kernel on both sides of its centre."""
        y, offset, share = probabilities(kernel)
        return cls(y, offset, kernel.centre, share)

    def mean(self, value: Array) -> Array:
        """E f, (*batch), of f at the nodes."""
        return namespace(value).sum(self.share * value, axis=0)

    def moments(self) -> tuple[Array, Array]:
        """Mean and variance of y, (*batch)."""
        mean = self.mean(self.offset)
        return self.centre + mean, self.mean(namespace(mean).square(self.offset - mean))

    @property
    def square_excess(self) -> Array:
        """y^2 less its value at the centre: no cancellation where the law is narrow."""
        return self.offset * (self.centre + self.y)

    @property
    def cosine_excess(self) -> Array:
        """cos y less its value at the centre."""
        xp = namespace(self.y)
        return -2.0 * xp.sin(0.5 * (self.y + self.centre)) * xp.sin(0.5 * self.offset)

    def beside(self, axes: int) -> Nodes:
        """The same with room for a second law's batch of so many axes, between the nodes and this law's batch."""
        xp, room = namespace(self.y), (1,) * (axes + 1 - self.y.ndim)

        def widened(part: Array) -> Array:
            return xp.reshape(part, (part.shape[0], *room, *part.shape[1:]))

        return Nodes(widened(self.y), widened(self.offset), self.centre, widened(self.share))
