"""The uniform law on the flat torus."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike
from hyperdist.distributions.base import Drawn
from hyperdist.distributions.observed import nothing, observed
from hyperdist.distributions.summaries import ToroidalUniformSummary
from hyperdist.distributions.toroidal import ToroidalDistribution, read_angles

_LOG_TURN = math.log(2.0 * math.pi)


class ToroidalUniform(ToroidalDistribution):
    """The uniform law on the torus.

    d : int >= 1. Every point is a Frechet mean and a mode; ``mean`` and ``mode`` are zeros.

    >>> import hyperdist as hd
    >>> law = hd.ToroidalUniform(2)
    >>> float(law.entropy().round(6)), float(law.log_normalizer().round(6))  # 2 log(2 pi)
    (3.675754, 3.675754)
    >>> law.mean, float(law.variance.round(6))  # 2 pi^2/3
    (array([0., 0.]), 6.579736)
    """

    def __init__(self, d: SupportsIndex) -> None:
        self.batch_shape, self.event_shape, self.dtype = (), (checks.dimension(d),), np.dtype(np.float64)

    def _arguments(self) -> dict[str, Any]:
        return {"d": self.event_shape[0]}

    def __repr__(self) -> str:
        return f"ToroidalUniform({self.event_shape[0]})"

    @property
    def mean(self) -> np.ndarray:
        """A Frechet mean, zeros (d,); every point is one."""
        return np.zeros(self.event_shape)

    def summary(self) -> ToroidalUniformSummary:
        """What divergences ask of the law."""
        return ToroidalUniformSummary(self.event_shape[0], 0, np.asarray(self.event_shape[0] * _LOG_TURN))

    @property
    def variance(self) -> np.ndarray:
        """E dist^2 to any point, d pi^2/3."""
        return self._cast(np.asarray(self.event_shape[0] * math.pi**2 / 3.0))

    def log_normalizer(self) -> np.ndarray:
        """Log volume of the torus, d log 2 pi; the kernel is 1."""
        return self._cast(np.asarray(self.event_shape[0] * _LOG_TURN))

    def entropy(self) -> np.ndarray:
        """Log volume of the torus, d log 2 pi."""
        return self.log_normalizer()

    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        return np.full(x.shape[:-1], -self.event_shape[0] * _LOG_TURN)

    def _draw(self, out: np.ndarray, start: int, rng: np.random.Generator, method: str, model: str | None) -> Drawn:
        self._write(out, 2.0 * math.pi * rng.random(out.shape) - math.pi)
        return Drawn(lambda: self._log_prob(out, model), 0.0)

    @classmethod
    def fit(cls, x: ArrayLike, weights: ArrayLike | None = None) -> ToroidalUniform:
        """The uniform law on the torus of x, (n, d): it has no parameter.

        >>> import hyperdist as hd
        >>> x = hd.ToroidalUniform(2).sample(200, rng=0)
        >>> hd.ToroidalUniform.fit(x).bic(x) < hd.ToroidalWrappedNormal.fit(x).bic(x)  # no direction is preferred
        True
        """
        blocks = observed(x, weights, read_angles)
        blocks.total(nothing)
        return cls(blocks.width)
