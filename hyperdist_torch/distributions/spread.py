"""How the normal behind a wrapped normal spreads: a scale for each coordinate, or a full covariance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from hyperdist import checks
from hyperdist.arrays import lower
from hyperdist.checks.matrices import SPREADS
from hyperdist_torch import _parameters
from hyperdist_torch.constraints import EachCoordinate
from hyperdist_torch.distributions._matrices import Covariance, ScaleTriangle
from hyperdist_torch.distributions.base import ManifoldDistribution


def one_of(sigma: Any, scale_tril: Any, covariance_matrix: Any) -> dict[str, Any]:
    """The one argument that is given, by its name; ValueError for none or several."""
    given = {"sigma": sigma, "scale_tril": scale_tril, "covariance_matrix": covariance_matrix}
    name = checks.one_spread(given)
    return {name: given[name]}


class Spread(ManifoldDistribution):
    """A law of the normal with covariance diag(sigma^2), or with a full one.

    It keeps the tensor that it was given, under its name. ``scale_tril`` and ``covariance_matrix`` follow from it when
    they are asked for; a law with a full covariance has no ``sigma``.
    """

    sigma: Tensor
    scale_tril: Tensor
    covariance_matrix: Tensor

    def __getattr__(self, name: str) -> Any:
        given = vars(self)
        if name == "sigma" and ("scale_tril" in given or "covariance_matrix" in given):
            raise checks.Undefined(
                "sigma is of laws with independent coordinates, this one has a full covariance: see scale_tril and "
                "covariance_matrix"
            )
        if name == "scale_tril" and "covariance_matrix" in given:
            return torch.linalg.cholesky(self.covariance_matrix)
        if name == "scale_tril" and "sigma" in given:
            return torch.diag_embed(self.sigma)
        if name == "covariance_matrix" and ("scale_tril" in given or "sigma" in given):
            return lower.gram(self._tril)
        return super().__getattribute__(name)  # whose error says why a property is absent

    @property
    def full(self) -> bool:
        """Whether the law was given a full covariance, by ``scale_tril`` or ``covariance_matrix``.

        >>> import torch
        >>> import hyperdist_torch as ht
        >>> ht.WrappedNormal(torch.zeros(2), scale_tril=torch.eye(2)).full
        True
        """
        return self._given != "sigma"

    @property
    def _given(self) -> str:
        return next((name for name in SPREADS if name in vars(self)), "sigma")

    def _shapes(
        self, mu: Tensor, name: str, spread: Tensor, **others: torch.Size
    ) -> tuple[torch.Size, torch.Size, torch.Size]:
        """(batch shape, event shape, shape of one element's spread) of mu, of the spread by its name, and of others."""
        event = mu.shape[-1:]
        if name == "sigma":
            full = _parameters.per_coordinate(mu=mu, sigma=spread)
            return _parameters.batch(mu=full[:-1], **others), event, event
        checks.square(tuple(spread.shape), name, event[0])
        return _parameters.batch(**{"mu": mu.shape[:-1], name: spread.shape[:-2]}, **others), event, event + event

    def _spread_constraint(
        self, scale: constraints.Constraint, widest: Mapping[torch.dtype, float] | None = None
    ) -> dict[str, Any]:
        """What the given spread must satisfy; ``widest`` bounds the deviations of a full covariance."""
        if self._given == "sigma":
            return {"sigma": EachCoordinate(scale)}
        matrix = ScaleTriangle if self._given == "scale_tril" else Covariance
        return {self._given: matrix(widest)}

    @property
    def _tril(self) -> Tensor:
        """``scale_tril``, whose derivatives above the diagonal are 0: a step along them leaves it a triangle."""
        return self.scale_tril.tril()

    @property
    def _scales(self) -> Tensor:
        """What the determinant of the triangle is the product of, (*batch, d)."""
        return lower.diagonal(self.scale_tril) if self.full else self.sigma

    def _log_det(self) -> Tensor:
        """log det(L) + d/2 log(2 pi), (*batch)."""
        return self._scales.log().sum(dim=-1) + 0.5 * self.event_shape[0] * math.log(2.0 * math.pi)

    def _deviations(self) -> Tensor:
        """Standard deviation of each coordinate, (*batch, d)."""
        return self._tril.square().sum(dim=-1).sqrt() if self.full else self.sigma

    def _trace(self) -> Tensor:
        """That of the covariance, (*batch)."""
        return self._tril.square().sum(dim=(-2, -1)) if self.full else self.sigma.square().sum(dim=-1)

    def _whitened(self, v: Tensor) -> Tensor:
        """L^-1 v, (*batch, d)."""
        return lower.apply(lower.inverse(self._tril), v) if self.full else v / self.sigma

    def _stretched(self, z: Tensor) -> Tensor:
        """L z, (*batch, d)."""
        return lower.apply(self._tril, z) if self.full else self.sigma * z
