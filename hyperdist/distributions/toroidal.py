"""What laws on the flat torus share, and the wrapped normal."""

from __future__ import annotations

import math
from functools import cached_property
from typing import ClassVar

import numpy as np

from hyperdist import checks
from hyperdist.arrays import lower
from hyperdist.arrays.types import ArrayLike, Which
from hyperdist.distributions import spread, toroidal_fit, toroidal_full_fit, torus_forms
from hyperdist.distributions.base import Distribution, Drawn
from hyperdist.distributions.fitting import covariance_kind, least_scale
from hyperdist.distributions.observed import observed
from hyperdist.distributions.summaries import ToroidalNormalSummary
from hyperdist.geometry import torus
from hyperdist.radial import circular, torus_entropy, torus_terms
from hyperdist.radial.base import quiet
from hyperdist.radial.wrapped_circle import WrappedNormalAngle
from hyperdist.spaces import Torus

_LOG_TURN = math.log(2.0 * math.pi)
_LARGEST = 1e8
"""Standard deviation of a correlated angle, in radians, beyond which its draws would lose more than eight digits."""


class ToroidalDistribution(Distribution):
    """A law on the flat torus (R / 2 pi Z)^d.

    A point is d angles in radians. Draws lie in [-pi, pi); arguments may be any finite angles, taken modulo 2 pi, with
    a warning beyond four turns, since they are then likely to be degrees.
    """

    space = Torus()

    def _contains(self, x: np.ndarray, model: str | None) -> np.ndarray:
        checks.radians(x, "x")
        return np.asarray(np.isfinite(x).all(axis=-1))

    def _somewhere(self, model: str | None) -> np.ndarray:
        return np.zeros(self.event_shape)

    def _write(self, out: np.ndarray, angles: np.ndarray) -> None:
        """Angles of the law's dtype in [-pi, pi) into ``out``: rounding to float32 may reach pi, which is -pi."""
        out[...] = torus.wrap(angles.astype(self.dtype, copy=False))

    @property
    def mode(self) -> np.ndarray:
        """The point of largest density, ``mean``, (*batch, d).

        >>> import hyperdist as hd
        >>> hd.ToroidalWrappedNormal([1.0, 4.0], 0.5).mode.round(6)  # 4 - 2 pi
        array([ 1.      , -2.283185])
        """
        return self.mean


class ToroidalWrappedNormal(spread.Spread, ToroidalDistribution):
    """The law of mu + v modulo 2 pi, v normal with mean 0.

    mu    : (*batch, d)  any finite angles, kept as they are given; ``mean`` is mu in [-pi, pi)
    sigma : scale of each coordinate in radians; broadcasts against mu, as ``Normal``'s
    scale_tril, covariance_matrix : (*batch, d, d), in place of sigma, for correlated angles: the lower triangle L, or
            the symmetric positive definite L L^T, of the covariance of v; standard deviations up to 1e8
    Exactly one of sigma, scale_tril and covariance_matrix is given, else a ValueError says so.
    The kernel is prod_i sum_k exp(-(x_i - mu_i + 2 pi k)^2/(2 sigma_i^2)), of a full covariance
    sum_k exp(-|L^-1 (x - mu + 2 pi k)|^2/2) over integer vectors k.
    Accuracy  log_prob 1e-14 (1 + |value|) at the angle x - mu as rounded, for any sigma from 1e-150 to 1e150; of a
              full covariance 1e-13 of the squared distances |L^-1 (x - mu + 2 pi k)|^2 that it adds up, by images or
              waves in each direction, whose truncation leaves a relative 1e-15. Up to d = 8 any covariance serves, and
              in more dimensions those that take at most 2e6 terms a point; else a ValueError tells their number.
              Entropies of correlated angles 1e-12, where at most three directions need an integral.
    Source    Mardia & Jupp 2000, section 3.5.7.

    >>> import hyperdist
    >>> q = hyperdist.ToroidalWrappedNormal([0.0, 3.0], [0.5, 2.0])
    >>> q.sample((4,), rng=0).shape
    (4, 2)
    >>> both = hyperdist.ToroidalWrappedNormal([0.0, 3.0], covariance_matrix=[[1.0, 0.9], [0.9, 1.0]])
    >>> both.log_prob([[0.5, -2.8], [0.5, 2.6]]).round(2)  # along the correlation and across it, over the cut
    array([-1.14, -3.03])
    >>> import numpy as np
    >>> phi_psi = np.radians([-63.0, -43.0])  # an alpha helix, in radians: degrees would warn
    >>> helix = hyperdist.ToroidalWrappedNormal(phi_psi, 0.2)
    >>> np.degrees(helix.mean).round(6), float(helix.variance.round(6)), helix.radius.cdf(0.2).round(4)
    (array([-63., -43.]), 0.08, array([0.6827, 0.6827]))
    >>> float(helix.log_normalizer().round(6)), float(helix.entropy().round(6))  # log(2 pi 0.2^2), and 1 more
    (-1.380999, -0.380999)
    """

    _event_axes: ClassVar[dict[str, int]] = {"mu": 1, "sigma": 1, "scale_tril": 2}

    def __init__(
        self,
        mu: ArrayLike,
        sigma: ArrayLike | None = None,
        *,
        scale_tril: ArrayLike | None = None,
        covariance_matrix: ArrayLike | None = None,
    ) -> None:
        mu = checks.vector(mu, "mu")
        self._sigma, self._scale_tril = spread.read(mu.shape[-1], sigma, scale_tril, covariance_matrix)
        checks.radians(checks.finite(mu, "mu"), "mu")
        if self._scale_tril is not None:
            given = self._scale_tril
            if (most := spread.largest(given)) > _LARGEST:
                raise ValueError(f"{self._given} must give standard deviations of at most {_LARGEST:g}, got {most!r}")
            full = (*checks.broadcast(mu=mu.shape[:-1], scale_tril=given.shape[:-2]), mu.shape[-1])
        else:
            given = self.sigma
            full = checks.per_coordinate(mu=mu.shape, sigma=given.shape)
        self.batch_shape, self.event_shape = full[:-1], full[-1:]
        self.dtype = np.result_type(mu, *([given] if given.ndim else []))
        self.mu = mu

    def __repr__(self) -> str:
        return f"ToroidalWrappedNormal(mu={self.mu!r}, {self._given}={getattr(self, self._given)!r})"

    @cached_property
    def radius(self) -> WrappedNormalAngle:
        """The law of each coordinate's absolute deviation from mu, batch shape (*batch, d)."""
        if self.full:
            with np.errstate(under="ignore"):
                sigma = np.sqrt(np.sum(np.square(self._wide_tril), axis=-1))
        else:
            sigma = self.sigma.astype(np.float64)
        return WrappedNormalAngle(np.broadcast_to(sigma, self.batch_shape + self.event_shape), dtype=self.dtype)

    @property
    def mean(self) -> np.ndarray:
        """The Frechet mean mu, in [-pi, pi), (*batch, d)."""
        return np.broadcast_to(torus.wrap(self.mu), self.batch_shape + self.event_shape).astype(self.dtype)

    def summary(self) -> ToroidalNormalSummary:
        """What divergences ask of the law."""
        d, axes, mu = self.event_shape[0], len(self.batch_shape), self.mu.astype(np.float64)
        given = {"scale_tril": self._wide_tril, "entropy": self._full_entropy} if self.full else {}
        sigma = None if self.full else self.radius.sigma
        return ToroidalNormalSummary(d, axes, mu, torus_forms.divergence, sigma, **given)

    @property
    def variance(self) -> np.ndarray:
        """E dist(x, mu)^2 = sum of E delta_i^2, (*batch); at most d pi^2/3."""
        with np.errstate(under="ignore"):
            return self._cast(np.sum(self.radius._moments()[2], axis=-1))

    def log_normalizer(self) -> np.ndarray:
        """Log integral of the kernel, log det(L) + d/2 log(2 pi), det(L) the product of the sigma_i, (*batch)."""
        scales = lower.diagonal(self._wide_tril) if self.full else self.radius.sigma
        return self._cast(np.sum(np.log(scales), axis=-1) + 0.5 * self.event_shape[0] * _LOG_TURN)

    @quiet
    def entropy(self) -> np.ndarray:
        """Sum of the coordinates' entropies, each that of the absolute deviation and log 2 for its sign, (*batch).

        Of a full covariance by quadrature over those directions in which the law wraps and is not uniform, at most
        three, else NotImplementedError.
        """
        if self.full:
            return self._cast(self._full_entropy())
        return self._cast(np.sum(self.radius._entropy(), axis=-1) + self.event_shape[0] * math.log(2.0))

    @cached_property
    def _plans(self) -> list[torus_terms.Plan]:
        """Of each element of the flattened batch, the sums that serve it."""
        return [torus_terms.plan(tril) for tril in self._flat_tril]

    def _full_entropy(self) -> np.ndarray:
        each = [torus_entropy.entropy(tril) for tril in self._flat_tril]
        return np.asarray(each, np.float64).reshape(self.batch_shape)

    def _log_density(self, deviation: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        each = circular.log_density(np.minimum(np.abs(deviation), math.pi), sigma)
        return np.sum(each, axis=-1) - self.event_shape[0] * math.log(2.0)

    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        deviation = torus.wrap(x - self.mu.astype(np.float64))
        if not self.full:
            return self._log_density(deviation, self.radius.sigma)
        d, axes = self.event_shape[0], len(self.batch_shape)
        deviation = np.broadcast_to(deviation, np.broadcast_shapes(deviation.shape, (*self.batch_shape, d)))
        lead = deviation.shape[: deviation.ndim - 1 - axes]
        rows = deviation.reshape(math.prod(lead), self._batch, d)
        if not rows.size:
            return np.zeros((*lead, *self.batch_shape))
        value = np.stack([torus_terms.of_rows(rows[:, j], plan) for j, plan in enumerate(self._plans)], axis=-1)
        return value.reshape(*lead, *self.batch_shape)

    def _drawn_density(self, deviation: np.ndarray, which: Which) -> np.ndarray:
        """Log density of wrapped deviations (n, d) of the elements ``which`` of the flattened batch."""
        element = np.broadcast_to(np.arange(self._batch)[which], (len(deviation),))
        value = np.empty(len(deviation))
        for j in np.unique(element):
            value[element == j] = torus_terms.of_rows(deviation[element == j], self._plans[j])
        return value

    def _draw(self, out: np.ndarray, start: int, rng: np.random.Generator, method: str, model: str | None) -> Drawn:
        which = self._which(start, start + out.shape[0])
        if self.full:  # by normals whatever the method: the angles do not come one by one
            deviation = rng.standard_normal(out.shape)
            lower.spread_rows(self._flat_tril[which], deviation)
            self._write(out, self._flat(torus.wrap(self.mu), out.shape[1])[which] + deviation)
            return Drawn(lambda: self._drawn_density(torus.wrap(deviation), which), 0.0)
        sigma = self._flat(self.sigma, out.shape[1])[which]
        if method == "inverse":
            u = rng.random(out.shape)
            size = WrappedNormalAngle(np.broadcast_to(sigma, out.shape)).isf(2.0 * np.minimum(u, 1.0 - u))
            deviation = np.copysign(size, u - 0.5)
        else:
            deviation = circular.deviations(sigma, rng.standard_normal(out.shape))
        self._write(out, self._flat(torus.wrap(self.mu), out.shape[1])[which] + deviation)
        return Drawn(lambda: self._log_density(torus.wrap(deviation), sigma), 0.0)

    @classmethod
    def fit(
        cls,
        x: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        covariance: str = "diagonal",
        min_scale: float | None = None,
    ) -> ToroidalWrappedNormal:
        """Maximum likelihood of mu and sigma in each coordinate, uphill from the estimate by moments.

        x : (n, d) angles;  weights : (n,) or (n, *batch), one law a batch element.
        covariance : "diagonal" (default), a scale for each coordinate; "isotropic", one for all, sigma (*batch, 1); or
                    "full", ``scale_tril`` (*batch, d, d), the maximum next to the moments', since the likelihood has
                    no bound: a law that winds often enough passes any few points as closely as one likes
        min_scale : least sigma, or scale along any axis of a full covariance. With it the fit always exists but where
                    a mean vector is 0, and is the best uphill from the moments among the laws that it leaves.
        Raises ValueError where no finite sigma > 0 is best: a coordinate in which all points of positive weight are
        equal (if "isotropic", where they are equal in all), or whose mean vector is 0 to rounding, as the uniform
        law's. Any other data have a best sigma, below 9 unless ``min_scale`` is above.
        A full covariance has none either where all points lie on a line or plane of angles, as d points or fewer do.

        >>> import hyperdist as hd
        >>> x = hd.ToroidalWrappedNormal([0.0, 3.0], [0.5, 0.2]).sample(2000, rng=0)  # the second across the seam at pi
        >>> hd.ToroidalWrappedNormal.fit(x).sigma.round(1), hd.ToroidalWrappedNormal.fit(x).mean.round(1) + 0.0
        (array([0.5, 0.2]), array([0., 3.]))
        >>> law = hd.ToroidalWrappedNormal([0.0, 3.0], scale_tril=[[0.5, 0.0], [1.5, 0.4]])
        >>> hd.ToroidalWrappedNormal.fit(law.sample(500, rng=0), covariance="full").scale_tril.round(1)
        array([[0.5, 0. ],
               [1.5, 0.4]])
        """
        kind, least = covariance_kind(covariance), least_scale(min_scale)
        blocks = observed(x, weights, read_angles)
        if kind == "diagonal":
            mu, found = toroidal_fit.wrapped_normal_maximum(blocks, least)
        else:
            mu, found = toroidal_full_fit.wrapped_normal_maximum(blocks, kind, least)
        given = {"scale_tril" if kind == "full" else "sigma": found.astype(blocks.dtype)}
        return cls(torus.wrap(mu.astype(blocks.dtype)), **given)


def read_angles(x: ArrayLike) -> np.ndarray:
    """Observations (n, d) as angles in radians, float64."""
    return checks.radians(checks.finite(checks.observations(x), "x"), "x").astype(np.float64)
