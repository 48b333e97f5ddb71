"""The radius of a law as its summary tells it."""

from __future__ import annotations

from torch import Tensor

from hyperdist.distributions.summaries import Radial
from hyperdist.radial.nodes import Nodes
from hyperdist_torch._law import Fixed, Law, Measure


class _Measured:
    """The nodes of a law and its normaliser, which comes with them; alone it is cheaper."""

    def __init__(self, law: Law, theta: Tensor) -> None:
        self.law, self.theta = law, theta
        self.measure: Measure | None = None

    def nodes(self) -> Nodes:
        self.measure = self.law.measure(self.theta)
        return self.measure.nodes

    def log_normalizer(self) -> Tensor:
        return (self.measure or Fixed(self.law, self.theta)).log_normalizer


def radial(law: Law, theta: Tensor, rest: Tensor | float) -> Radial:
    """What a summary says of the radius; ``rest`` is the space's share of the log-normaliser."""
    measured = _Measured(law, theta)
    return Radial(measured.nodes, lambda: measured.log_normalizer() + rest)
