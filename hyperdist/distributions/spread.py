"""How the normal behind a wrapped normal spreads: a scale for each coordinate, or a full covariance."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays import lower
from hyperdist.arrays.types import ArrayLike
from hyperdist.distributions.base import Distribution
from hyperdist.radial.riemannian_normal import SCALE_RANGE


def read(
    d: int, sigma: ArrayLike | None, scale_tril: ArrayLike | None, covariance_matrix: ArrayLike | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(sigma, None) or (None, scale_tril) of the one argument that is given.

    Raises ValueError for none or several, and for what is no triangle or covariance of d coordinates.
    """
    name = checks.one_spread({"sigma": sigma, "scale_tril": scale_tril, "covariance_matrix": covariance_matrix})
    if sigma is not None:
        return checks.positive(sigma, "sigma"), None
    if scale_tril is not None:
        triangle = checks.lower_triangle(scale_tril, name, d)
    else:
        assert covariance_matrix is not None
        triangle = checks.covariance(covariance_matrix, name, d)
    wide = np.abs(triangle.astype(np.float64))
    low, high = SCALE_RANGE
    least, most = np.min(lower.diagonal(wide), initial=1.0), np.max(wide, initial=1.0)
    if least < low or most > high:
        raise ValueError(f"{name} must give scales in [{low:g}, {high:g}], got {float(least)!r} to {float(most)!r}")
    return None, triangle


def largest(triangle: np.ndarray) -> float:
    """The largest standard deviation of a coordinate."""
    with np.errstate(under="ignore"):
        return float(np.sqrt(np.max(np.sum(np.square(triangle.astype(np.float64)), axis=-1), initial=0.0)))


class Spread(Distribution):
    """A law of the normal with covariance diag(sigma^2), or L L^T of a lower triangle L.

    >>> import hyperdist as hd
    >>> law = hd.WrappedNormal([0.3, 0.1], [0.5, 2.0])
    >>> law.full, law.sigma, law.scale_tril.tolist(), law.covariance_matrix.tolist()
    (False, array([0.5, 2. ]), [[0.5, 0.0], [0.0, 2.0]], [[0.25, 0.0], [0.0, 4.0]])
    >>> hd.WrappedNormal([0.3, 0.1], covariance_matrix=[[0.25, 0.2], [0.2, 0.25]]).sigma
    Traceback (most recent call last):
    hyperdist.checks.arguments.Undefined: sigma is of laws with independent coordinates, this one has a full ...
    """

    _sigma: np.ndarray | None
    _scale_tril: np.ndarray | None

    @property
    def full(self) -> bool:
        """Whether the law was given a full covariance, by ``scale_tril`` or ``covariance_matrix``."""
        return self._scale_tril is not None

    @property
    def sigma(self) -> np.ndarray:
        """The scales that the law was given; a law with a full covariance has none: an AttributeError."""
        if self._sigma is None:
            raise checks.Undefined(
                "sigma is of laws with independent coordinates, this one has a full covariance: see scale_tril and "
                "covariance_matrix"
            )
        return self._sigma

    @property
    def scale_tril(self) -> np.ndarray:
        """The lower triangle L of the covariance L L^T, (*batch, d, d)."""
        if self._scale_tril is None:
            d = self.event_shape[0]
            return np.broadcast_to(self.sigma, (*self.batch_shape, d))[..., None] * np.eye(d, dtype=self.sigma.dtype)
        return np.broadcast_to(self._scale_tril, self.batch_shape + self.event_shape * 2)

    @property
    def covariance_matrix(self) -> np.ndarray:
        """The covariance of the normal, before it is wrapped, (*batch, d, d)."""
        with np.errstate(under="ignore", over="ignore"):
            return lower.gram(self.scale_tril.astype(np.float64)).astype(self.dtype)

    def _arguments(self) -> dict[str, Any]:
        # As given: of the two that a law shows, one follows from the other.
        found = super()._arguments() | {"sigma": self._sigma, "scale_tril": self._scale_tril}
        return {name: value for name, value in found.items() if value is not None and name != "covariance_matrix"}

    @property
    def _given(self) -> str:
        """The argument that says how the law spreads; a covariance is kept as its triangle."""
        return "scale_tril" if self.full else "sigma"

    @cached_property
    def _wide_tril(self) -> np.ndarray:
        """L in float64, with its own batch axes, which broadcast against the law's."""
        return (self.scale_tril if self._scale_tril is None else self._scale_tril).astype(np.float64)

    @cached_property
    def _whitener(self) -> np.ndarray:
        """L^-1."""
        return lower.inverse(self._wide_tril)

    @cached_property
    def _flat_tril(self) -> np.ndarray:
        """(batch, d, d)."""
        d = self.event_shape[0]
        return np.broadcast_to(self._wide_tril, (*self.batch_shape, d, d)).reshape(self._batch, d, d)
