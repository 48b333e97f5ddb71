"""What distributions about a centre have besides: those of a radius and a uniform direction all but everything."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from hyperdist.arrays.types import Which
from hyperdist.distributions import quasi
from hyperdist.distributions.base import Distribution, Drawn
from hyperdist.radial import rejection
from hyperdist.radial.base import RadialLaw, quiet
from hyperdist.radial.kernel_law import KernelLaw, select


class CentredDistribution(Distribution):
    """A law that is symmetric about a centre, which is its Frechet mean and its mode; it gives ``mu``.

    >>> import hyperdist as hd
    >>> laws = hd.VonMisesFisher([0.0, 1.0], kappa=[1.0, 5.0])  # one centre, two concentrations
    >>> laws.mean.tolist(), bool((laws.mode == laws.mean).all())
    ([[0.0, 1.0], [0.0, 1.0]], True)
    """

    mu: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The Frechet mean mu, (*batch, k)."""
        return np.broadcast_to(self.mu, self.batch_shape + self.event_shape).astype(self.dtype)

    @property
    def mode(self) -> np.ndarray:
        """The point of largest density, mu, (*batch, k)."""
        return self.mean


class RadialDistribution(CentredDistribution):
    """A law of the radius x a uniform direction x the isometry that takes the origin to mu.

    Draws, density, entropy and variance follow from what a law and its space give. The law: ``radius``, whose kernel,
    score, bracket and hats lie in ``radial``; ``_parameter`` of the log kernel on the space, ``_log_kernel`` and its
    mean, ``_log_z``, and ``_radius_of``. The space: ``_place``, ``_distance``, and what every distribution gives of it.
    What is left to the class of a law is its constructor, a docstring and a fit.

    >>> import hyperdist as hd
    >>> hd.VonMisesFisher([0.0, 0.0, 1.0], [0.0, 10.0]).entropy().round(6)  # at kappa = 0 log(4 pi)
    array([2.531024, 0.535292])
    >>> hd.RiemannianNormal([0.0, 0.0], 0.5, c=[0.0, 1.0]).variance.round(4)  # flat: d sigma^2
    array([0.5   , 0.5424])
    """

    radius: Any
    """The law of the geodesic distance from mu, a ``RadialLaw``."""

    # What the law gives.
    @property
    @abstractmethod
    def _parameter(self) -> np.ndarray:
        """What the log kernel depends on, (*batch), float64."""

    @abstractmethod
    def _log_kernel(self, radius: np.ndarray, parameter: np.ndarray) -> np.ndarray:
        """Log density at a distance from mu, less that at mu."""

    @abstractmethod
    def _mean_log_kernel(self) -> Any:
        """E ``_log_kernel``, (*batch)."""

    @property
    @abstractmethod
    def _log_z(self) -> np.ndarray:
        """Log integral of exp(``_log_kernel``) over the space, (*batch), float64."""

    @abstractmethod
    def _radius_of(self, which: Which) -> RadialLaw:
        """The radial law, in float64, of selected elements of the flattened batch."""

    # What its space gives.
    @abstractmethod
    def _distance(self, x: np.ndarray, model: str | None) -> np.ndarray:
        """Geodesic distance of points from mu."""

    @abstractmethod
    def _place(
        self,
        out: np.ndarray,
        normals: np.ndarray,
        norm: np.ndarray,
        radius: np.ndarray,
        which: Which,
        model: str | None,
    ) -> float:
        """Fill ``out`` with the points at distance ``radius`` from the centres ``which`` along normals/norm.

        Returns ``Drawn.reach``. ``out`` may share its memory with ``normals``, frame coordinates (n, d) that are lost.
        """

    # What follows from it.
    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        return self._log_kernel(self._distance(x, model), self._parameter) - self._log_z

    def _log_density(self, which: Which, radius: np.ndarray) -> np.ndarray:
        """Log density at a distance from the centre; ``which`` selects parameters of the flattened batch."""
        return self._log_kernel(radius, np.reshape(self._parameter, -1)[which]) - np.reshape(self._log_z, -1)[which]

    @quiet
    def entropy(self) -> np.ndarray:
        """Differential entropy with respect to Riemannian volume, in nats, (*batch): log Z less the mean log kernel."""
        return self._cast(self._log_z - self._mean_log_kernel())

    @property
    def variance(self) -> np.ndarray:
        """E dist(x, mu)^2, (*batch)."""
        with np.errstate(all="ignore"):
            return self._cast(self.radius._moments()[2])

    def _draw(self, out: np.ndarray, start: int, rng: np.random.Generator, method: str, model: str | None) -> Drawn:
        n, d = out.shape[0], self.radius.d
        which = self._which(start, start + n)
        normals = out if out.shape[1] == d else np.empty((n, d))
        if method == "rejection" and isinstance(self.radius, KernelLaw):
            y, norm = rejection.vectors(select(self.radius._proposal, which), normals, rng)
            radius = self.radius._radius(y, which)
        else:
            law = self.radius if self._batch == 1 else self._radius_of(which)
            if isinstance(rng, quasi.Points):
                radius, norm = rng.polar(normals, lambda u: law._by_inversion(u).reshape(n)), np.ones(1)
            else:
                rng.standard_normal(out=normals)
                norm = np.sqrt(rejection.row_squares(normals))
                radius = law._by_inversion(rng.random(n)).reshape(n)
        reach = self._place(out, normals, norm, radius, which, model)
        return Drawn(lambda: self._log_density(which, radius), reach)


class RadialNormal(RadialDistribution):
    """What Riemannian normals share: the kernel exp(-dist(x, mu)^2/(2 sigma^2))."""

    @property
    def _parameter(self) -> np.ndarray:
        return self.radius.sigma

    def _log_kernel(self, radius: np.ndarray, parameter: np.ndarray) -> np.ndarray:
        ratio = radius / parameter
        return -0.5 * ratio * ratio

    def _mean_log_kernel(self) -> np.ndarray:
        return -0.5 * self.radius._moments()[2] / self.radius.sigma / self.radius.sigma
