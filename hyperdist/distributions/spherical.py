"""Laws on the unit sphere: Riemannian normal, von Mises-Fisher, uniform."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any, SupportsIndex, final

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike, Which
from hyperdist.distributions import density, sphere_rows
from hyperdist.distributions.area import log_sphere_area
from hyperdist.distributions.centred import RadialDistribution, RadialNormal
from hyperdist.distributions.fitting import (
    ROUNDING,
    concentration_from_resultant,
    concentration_of_sample,
    scale_from_second_moment,
)
from hyperdist.distributions.observed import nothing, observed
from hyperdist.distributions.sphere_rows import mean_vector, mean_versine, on_sphere, unit_points
from hyperdist.distributions.summaries import Radial, SphericalSummary
from hyperdist.geometry import sphere
from hyperdist.radial import rejection
from hyperdist.radial.base import quiet
from hyperdist.radial.riemannian_normal import check_scale
from hyperdist.radial.spherical_normal import SphericalNormalRadius
from hyperdist.radial.von_mises_fisher import VonMisesFisherRadius
from hyperdist.spaces import Sphere
from hyperdist.spaces.frechet_sphere import spherical_mean


class SphericalDistribution(RadialDistribution):
    """A law on S^d in R^m, m = d + 1, that depends on the angle to a unit vector mu."""

    space = Sphere()

    _summary: type[SphericalSummary] = SphericalSummary
    """What divergences know the law's kernel by."""
    _kappa_of_one = 1.0
    """The kappa of a narrow law times its variance along an axis."""

    def _set_centre(self, mu: ArrayLike, **others: np.ndarray) -> None:
        unit: np.ndarray = checks.unit(checks.on_sphere(checks.vector(mu, "mu", 2), "mu"))
        shapes = {name: value.shape for name, value in others.items()}
        self.batch_shape = checks.broadcast(mu=unit.shape[:-1], **shapes)
        self.event_shape = unit.shape[-1:]
        self.dtype = np.result_type(unit, *(value for value in others.values() if value.ndim))
        self.mu = unit

    @cached_property
    def _unit_mu(self) -> np.ndarray:
        """mu to the last bit of a double on the sphere."""
        mu = self.mu.astype(np.float64)
        return mu / np.sqrt(np.sum(mu * mu, axis=-1, keepdims=True))

    @cached_property
    def _flat_mu(self) -> np.ndarray:
        return self._flat(self._unit_mu, *self.event_shape)

    @final
    def summary(self) -> SphericalSummary:
        """What divergences ask of the law."""
        radius = Radial(self.radius.nodes, lambda: self._log_z)
        return self._summary(self.radius.d, len(self.batch_shape), radius, **self._parameters())

    @abstractmethod
    def _parameters(self) -> dict[str, Any]:
        """Those of the summary."""

    @final
    def _place(
        self,
        out: np.ndarray,
        normals: np.ndarray,
        norm: np.ndarray,
        radius: np.ndarray,
        which: Which,
        model: str | None,
    ) -> float:
        one = self._flat_mu[0] if self._batch == 1 else None
        along = normals @ one[1:] if one is not None else None  # of all rows: a product rounds by how many there are
        for rows in rejection.in_cache(*out.shape):
            part, length = normals[rows], rejection.lengths(rejection.part(norm, rows))
            if one is not None and along is not None:
                sphere_rows.place(out[rows], one, radius[rows], part, length, along[rows])
                continue
            if len(length) > 1 or length[0] != 1.0:
                rejection.scale_rows(part, 1.0 / length, part)
            out[rows] = sphere.exp_polar(self._flat_mu[rejection.part(which, rows)], radius[rows], part)
        return 0.0

    @final
    def _contains(self, x: np.ndarray, model: str | None) -> np.ndarray:
        return self.space.contains(x)

    @final
    def _somewhere(self, model: str | None) -> np.ndarray:
        return np.eye(1, self.event_shape[0])[0]

    @final
    def _distance(self, x: np.ndarray, model: str | None) -> np.ndarray:
        return self._angle(x)

    @final
    def _angle(self, x: np.ndarray) -> np.ndarray:
        return sphere.dist(x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True)), self._unit_mu)

    @quiet
    def log_normalizer(self) -> np.ndarray:
        """Log integral of the kernel that the class names over the sphere, in nats, (*batch).

        >>> import hyperdist as hd
        >>> hd.VonMisesFisher([0.0, 0.0, 1.0], [0.0, 1.0]).log_normalizer().round(6)  # log(4 pi sinh(kappa)/kappa)
        array([2.531024, 2.692464])
        """
        return self._cast(log_sphere_area(self.radius.d) + self.radius._log_normalizer())


class SphericalRiemannianNormal(SphericalDistribution, RadialNormal):
    """Density prop. to exp(-dist(x, mu)^2/(2 sigma^2)) on the unit sphere (Pennec 2006; Hauberg 2018).

    mu    : (*batch, m)  unit vectors, m >= 2; the Frechet mean
    sigma : (*batch)     scale in radians
    Sampling  exact, by rejection from a gamma or a spherical Cauchy hat, on the circle by inversion or, where it is
              nearly uniform, from the second: at least 0.92 of the proposals accepted.
    Accuracy  as ``RiemannianNormal``.

    >>> import hyperdist as hd
    >>> law = hd.SphericalRiemannianNormal([0.0, 0.0, 1.0], [0.1, 0.5])
    >>> law.variance.round(4)  # about 2 sigma^2 where the law is narrow
    array([0.0199, 0.459 ])
    >>> law.radius.cdf(0.5).round(4)  # the share within half a radian of mu
    array([1.    , 0.4193])
    """

    radius: SphericalNormalRadius

    def __init__(self, mu: ArrayLike, sigma: ArrayLike) -> None:
        sigma, _ = check_scale(sigma, 0.0)
        self._set_centre(mu, sigma=sigma)
        self.sigma = sigma
        wide = np.broadcast_to(sigma.astype(np.float64), self.batch_shape)
        self.radius = SphericalNormalRadius(self.event_shape[0] - 1, wide, dtype=self.dtype)

    def __repr__(self) -> str:
        return f"SphericalRiemannianNormal(mu={self.mu!r}, sigma={self.sigma!r})"

    @cached_property
    @quiet
    def _log_z(self) -> np.ndarray:  # type: ignore[override]
        return log_sphere_area(self.radius.d) + self.radius._log_normalizer()

    def _parameters(self) -> dict[str, Any]:
        return {"mu": self._unit_mu, "sigma": self.radius.sigma}

    def _radius_of(self, which: Which) -> SphericalNormalRadius:
        return SphericalNormalRadius(self.radius.d, self.radius.sigma.reshape(-1)[which])

    @classmethod
    def fit(
        cls, x: ArrayLike, weights: ArrayLike | None = None, *, min_scale: float | None = None
    ) -> SphericalRiemannianNormal:
        """Maximum likelihood: the Frechet mean, then the sigma whose E dist^2 is the mean squared angle.

        x : (n, m) unit vectors;  weights : (n,) or (n, *batch), one law a batch element;  min_scale : least sigma.
        The mean is the global one on the circle, and above as ``Sphere.frechet_mean`` says.
        Raises ValueError where no finite sigma > 0 is best: equal points, or points as spread as the uniform law's.

        >>> import hyperdist as hd
        >>> x = hd.SphericalRiemannianNormal([0.0, 0.6, 0.8], 0.3).sample(1000, rng=0)
        >>> law = hd.SphericalRiemannianNormal.fit(x)
        >>> float(law.sigma.round(1)), bool(law.space.dist(law.mu, [0.0, 0.6, 0.8]) < 0.05)
        (0.3, True)
        """
        blocks = observed(x, weights, unit_points)
        with np.errstate(all="ignore"):
            mu = spherical_mean(blocks)
        (second,) = blocks.total(lambda x, w: (np.sum(w * sphere.dist_sq(x[:, None], mu), axis=0),))
        second, d = second.reshape(blocks.batch), blocks.width - 1
        sigma = scale_from_second_moment(second, lambda s: SphericalNormalRadius(d, s), np.asarray(ROUNDING), min_scale)
        return cls(mu.reshape(*blocks.batch, -1).astype(blocks.dtype), sigma.astype(blocks.dtype))


class VonMisesFisher(SphericalDistribution):
    """Density prop. to exp(kappa mu.x) on the unit sphere (Fisher 1953; Mardia & Jupp 2000, 9.3.2).

    mu    : (*batch, m)  unit vectors, m >= 2; the mean direction
    kappa : (*batch)     concentration, 0 <= kappa <= 1e15; at 0 the uniform law, of which mu is one of the means
    Sampling  exact, by rejection: Wood's (1994) spherical Cauchy hat, or a tangent gamma hat where that is lighter, two
              arcs on the circle; at least 0.90 of the proposals accepted, 0.915 for m >= 3. For m = 3 by the closed
              inverse of the cosine's cdf, nothing rejected.
    Accuracy  log_normalizer, cdf and moments to 1e-13 (1 + |value|) for m <= 10,000 and kappa <= 1e8.

    >>> import hyperdist as hd
    >>> law = hd.VonMisesFisher([0.0, 0.0, 1.0], kappa=10.0)
    >>> law.sample(100, rng=0).shape, float(law.log_prob([0.0, 0.0, 1.0]).round(6))  # log(10/(2 pi)), to rounding
    ((100, 3), 0.464708)
    >>> float(law.mean_resultant_length.round(6))  # coth(kappa) - 1/kappa
    0.9
    """

    radius: VonMisesFisherRadius

    def __init__(self, mu: ArrayLike, kappa: ArrayLike) -> None:
        kappa = checks.non_negative(kappa, "kappa")
        self._set_centre(mu, kappa=kappa)
        self.kappa = kappa
        wide = np.broadcast_to(kappa.astype(np.float64), self.batch_shape)
        self.radius = VonMisesFisherRadius(self.event_shape[0] - 1, wide, dtype=self.dtype)

    def __repr__(self) -> str:
        return f"VonMisesFisher(mu={self.mu!r}, kappa={self.kappa!r})"

    @property
    def mean_resultant_length(self) -> np.ndarray:
        """|E x| = I_(m/2)(kappa)/I_(m/2-1)(kappa), (*batch)."""
        return self._cast(self.radius.mean_resultant_length())

    @cached_property
    @quiet
    def _log_z(self) -> np.ndarray:  # type: ignore[override]
        """log Z - kappa."""
        return log_sphere_area(self.radius.d) + self.radius.log_normalizer_excess()

    def _parameters(self) -> dict[str, Any]:
        return {"mu": self._unit_mu, "kappa": self.radius.kappa}

    @property
    def _parameter(self) -> np.ndarray:
        return self.radius.kappa

    def _fast_density(self, rows: int, model: str | None) -> density.LogDensity | None:
        """kappa (cos radius - 1) = -kappa |x - mu|^2/2, which loses nothing where x is near mu or opposite."""
        centred, kappa, log_z = density.Rows(self._unit_mu, rows), float(self.radius.kappa), float(self._log_z)

        def log_density(x: np.ndarray) -> np.ndarray:
            tolerance = checks.sphere_tolerance(x)
            square = density.chord_squares(centred, x.astype(np.float64, copy=False), tolerance)
            square *= -0.5 * kappa
            square -= log_z
            return square

        return log_density

    def _log_kernel(self, radius: np.ndarray, parameter: np.ndarray) -> np.ndarray:
        """kappa (cos radius - 1)."""
        return -2.0 * parameter * np.square(np.sin(0.5 * radius))

    def _mean_log_kernel(self) -> np.ndarray:
        return -self.radius.kappa * self.radius.mean_versine()

    def _radius_of(self, which: Which) -> VonMisesFisherRadius:
        return VonMisesFisherRadius(self.radius.d, self.radius.kappa.reshape(-1)[which])

    @classmethod
    def fit(
        cls,
        x: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        min_scale: float | None = None,
        small_sample: bool = False,
    ) -> VonMisesFisher:
        """Maximum likelihood: the direction of the mean vector, and the kappa whose resultant length is its own.

        x : (n, m) unit vectors;  weights : (n,) or (n, *batch), one law a batch element;  min_scale : least scale
        1/sqrt(kappa) in radians.
        small_sample : take the kappa of largest likelihood of the resultant's length R alone (Schou 1978), in which the
            mean direction has cost its degrees of freedom: of concentrated data (m - 1)(n - 1)/(2 (n - R)), for m = 3
            palaeomagnetism's (N - 1)/(N - R), where maximum likelihood has n/(n - 1) times as much; 0 where R^2 <= n.
        A mean vector of 0 has kappa = 0, and the first axis for mu, since no direction is better than another. Axial
        data, where x and -x are the same, have a mean vector near 0 and so a kappa near 0, however close to their axis
        they are: turn all to one side of the first principal axis of E x x^T before.
        Raises ValueError where no kappa in [0, 1e15] is best: equal points.

        >>> import hyperdist as hd
        >>> x = hd.VonMisesFisher([0.0, 0.0, 1.0], 30.0).sample(8, rng=0)  # eight directions of a palaeomagnetic site
        >>> bool(hd.VonMisesFisher.fit(x).kappa > hd.VonMisesFisher.fit(x, small_sample=True).kappa)
        True
        >>> hd.VonMisesFisher.fit([[1.0, 0.0], [1.0, 0.0]])
        Traceback (most recent call last):
        ValueError: the data must have a positive spread...
        """
        blocks = observed(x, weights, on_sphere)
        (total,) = blocks.total(mean_vector)
        total = total.reshape(*blocks.batch, -1)
        length = np.sqrt(np.sum(total * total, axis=-1))
        balanced = (length == 0.0)[..., None]
        mu = np.where(balanced, np.eye(1, blocks.width)[0], total / np.where(balanced, 1.0, length[..., None]))
        d, versine = blocks.width - 1, mean_versine(blocks, mu, length)
        kappa = concentration_from_resultant(versine, d, min_scale)
        if small_sample:
            if weights is not None:
                raise ValueError("weights must be left out with small_sample=True, which counts the observations")
            kappa = concentration_of_sample(kappa, versine, len(blocks), d)
        return cls(mu.astype(blocks.dtype), kappa.astype(blocks.dtype))


class SphericalUniform(SphericalDistribution):
    """The uniform law on the unit sphere S^d in R^(d+1).

    d : int >= 1. Every point is a Frechet mean and a mode; ``mean`` and ``mode`` are the origin e_0.

    >>> import hyperdist as hd
    >>> globe = hd.SphericalUniform(2)
    >>> float(globe.log_prob([0.0, 0.0, 1.0]).round(6)), float(globe.entropy().round(6))  # -log(4 pi), log(4 pi)
    (-2.531024, 2.531024)
    >>> hd.SphericalUniform.fit(globe.sample(5, rng=0))
    SphericalUniform(2)
    """

    radius: VonMisesFisherRadius

    def __init__(self, d: SupportsIndex) -> None:
        self.radius = VonMisesFisherRadius(checks.dimension(d), 0.0)
        self._set_centre(np.eye(1, self.radius.d + 1)[0])

    def _arguments(self) -> dict[str, Any]:
        return {"d": self.radius.d}

    def __repr__(self) -> str:
        return f"SphericalUniform({self.radius.d})"

    @property
    def _log_z(self) -> np.ndarray:
        return np.asarray(log_sphere_area(self.radius.d + 1))

    def _parameters(self) -> dict[str, Any]:
        return {}

    @property
    def _parameter(self) -> np.ndarray:
        return np.zeros(())

    def _log_kernel(self, radius: np.ndarray, parameter: np.ndarray) -> np.ndarray:
        return np.zeros(radius.shape)

    def _mean_log_kernel(self) -> float:
        return 0.0

    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        return np.full(x.shape[:-1], -self._log_z)  # no angle is asked for

    def _radius_of(self, which: Which) -> VonMisesFisherRadius:
        return self.radius

    @classmethod
    def fit(cls, x: ArrayLike, weights: ArrayLike | None = None) -> SphericalUniform:
        """The uniform law on the sphere of x, (n, m): it has no parameter."""
        blocks = observed(x, weights, unit_points)
        blocks.total(nothing)  # which looks at all of them
        return cls(blocks.width - 1)
