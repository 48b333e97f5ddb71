"""The wrapped normal on hyperbolic space."""

from __future__ import annotations

import math
from functools import cached_property
from typing import ClassVar

import numpy as np

from hyperdist import checks
from hyperdist.arrays import lower
from hyperdist.arrays.stable import log_sinhc
from hyperdist.arrays.types import ArrayLike
from hyperdist.distributions import density, spread
from hyperdist.distributions.base import Drawn
from hyperdist.distributions.fitting import covariance_kind, one_curvature
from hyperdist.distributions.hyperbolic import HyperbolicDistribution
from hyperdist.distributions.normal_forms import NormalSpread
from hyperdist.distributions.observed import observed
from hyperdist.distributions.summaries import WrappedNormalSummary
from hyperdist.distributions.wrapped_entropy import mean_log_sinhc
from hyperdist.distributions.wrapped_fit import wrapped_normal_maximum
from hyperdist.geometry import polar
from hyperdist.radial import rejection
from hyperdist.radial.base import quiet
from hyperdist.radial.riemannian_normal import RiemannianNormalRadius, check_scale, check_spread
from hyperdist.spaces import PoincareBall

_NEAR = 0.58
"""Square of the ball radius of a centre, at distance 2 in units of 1/sqrt(c), to which its logarithm loses 55 eps."""


class WrappedNormal(spread.Spread, HyperbolicDistribution):
    """The law of exp_mu(v), v normal with mean 0 in the orthonormal frame at mu.

    mu    : (*batch, d)  the centre, in ball coordinates, sqrt(c) |mu| < 1, or any vector for model="tangent"
    sigma : scale of each frame coordinate in geodesic length; broadcasts against mu, as ``Normal``'s
    scale_tril, covariance_matrix : (*batch, d, d), in place of sigma: the lower triangle L, or the symmetric positive
            definite L L^T, of a full covariance of v; the law keeps the triangle
    c     : (*batch)     size of the curvature, c >= 0; at 0 the normal on R^d,
                         where the ball's metric is 4 |dx|^2: lengths are twice those of its coordinates
    model : the coordinates of mu and, where no others are asked for, of points: "poincare" (default), or "tangent",
            exponential coordinates at the origin, which hold any radius
    Exactly one of sigma, scale_tril and covariance_matrix is given, else a ValueError says so.
    Density  the normal's at v = log_mu(x) over (sinh(sqrt(c) r)/(sqrt(c) r))^(d-1), r = |v|.
    Frame    the standard one at the origin carried to mu by the boost; on the ball v = lambda_mu log_mu(x).
    Source   Nagano et al. 2019 (arXiv 1902.02992); Mathieu et al. 2019, appendix B.2.

    >>> import hyperdist
    >>> q = hyperdist.WrappedNormal([0.3, 0.1], covariance_matrix=[[0.25, 0.2], [0.2, 0.25]])
    >>> q.scale_tril.round(3).tolist(), q.sample((4,), rng=0).shape
    ([[0.5, 0.0], [0.4, 0.3]], (4, 2))
    >>> q.full, q.covariance_matrix.round(6).tolist(), float(q.variance.round(6))  # the trace
    (True, [[0.25, 0.2], [0.2, 0.25]], 0.5)
    >>> float(q.log_normalizer().round(6))  # log(2 pi 0.5 0.3)
    -0.059243
    >>> flat = hyperdist.WrappedNormal([0.3, 0.1], [0.5, 2.0], c=0.0)  # with less room
    >>> flat.sigma.tolist(), bool(hyperdist.WrappedNormal([0.3, 0.1], [0.5, 2.0]).entropy() > flat.entropy())
    ([0.5, 2.0], True)
    """

    _event_axes: ClassVar[dict[str, int]] = {"mu": 1, "sigma": 1, "scale_tril": 2}

    def __init__(
        self,
        mu: ArrayLike,
        sigma: ArrayLike | None = None,
        c: ArrayLike = 1.0,
        *,
        scale_tril: ArrayLike | None = None,
        covariance_matrix: ArrayLike | None = None,
        model: str = "poincare",
    ) -> None:
        mu, c = checks.vector(mu, "mu"), checks.curvature(c)
        self._sigma, self._scale_tril = spread.read(mu.shape[-1], sigma, scale_tril, covariance_matrix)
        if self._scale_tril is not None:
            given = self._scale_tril
            check_spread(float(np.sqrt(c.max(initial=0.0)) * spread.largest(given)))
            self._set_centre(mu, c, model, scale_tril=np.empty(given.shape[:-2], given.dtype))
        else:
            given = self.sigma
            full = checks.per_coordinate(mu=mu.shape, sigma=given.shape)
            check_scale(np.broadcast_to(given, full).max(axis=-1, initial=1.0), c)
            check_scale(np.broadcast_to(given, full).min(axis=-1, initial=1.0), c)
            self._set_centre(mu, c, model, sigma=np.empty(full[:-1], given.dtype))
        self.dtype = np.result_type(mu, *(value for value in (given, c) if value.ndim))

    def __repr__(self) -> str:
        given = f"{self._given}={getattr(self, self._given)!r}"
        return f"WrappedNormal(mu={self.mu!r}, {given}, c={self.c!r}, model={self.model!r})"

    @property
    def _wide_sigma(self) -> np.ndarray:
        return np.broadcast_to(self.sigma.astype(np.float64), self.batch_shape + self.event_shape)

    @property
    def radius(self) -> RiemannianNormalRadius:
        """The law of dist(x, mu), sigma times chi_d.

        Where the coordinates' scales differ there is none: an AttributeError that is a ValueError too.

        >>> import hyperdist as hd
        >>> hd.WrappedNormal([0.3, 0.1], 0.5).radius.icdf(0.5).round(6)  # 0.5 sqrt(2 log 2): half are as near
        np.float64(0.588705)
        """
        checks.one_scale(not self.full, "a full covariance")
        sigma = self._wide_sigma
        checks.one_scale(bool((sigma == sigma[..., :1]).all()))
        return RiemannianNormalRadius(self.event_shape[0], sigma[..., 0], 0.0, dtype=self.dtype)

    def log_normalizer(self) -> np.ndarray:
        """Log normaliser of exp(-sum (v_i/sigma_i)^2/2) (sqrt(c) r/sinh(sqrt(c) r))^(d-1), (*batch)."""
        return self._cast(self._log_z)

    @cached_property
    def _log_z(self) -> np.ndarray:
        scales = lower.diagonal(self._wide_tril) if self.full else self._wide_sigma
        value = np.sum(np.log(scales), axis=-1) + 0.5 * self.event_shape[0] * math.log(2.0 * math.pi)
        return np.broadcast_to(value, self.batch_shape)

    @property
    def variance(self) -> np.ndarray:
        """E dist(x, mu)^2 = sum of sigma_i^2, the trace of the covariance, (*batch)."""
        if self.full:
            return self._cast(np.sum(np.square(self._wide_tril), axis=(-1, -2)))
        return self._cast(np.sum(np.square(self._wide_sigma), axis=-1))

    def summary(self) -> WrappedNormalSummary:
        """What divergences ask of the law."""
        given = NormalSpread(scale_tril=self._wide_tril) if self.full else NormalSpread(self._wide_sigma)
        return WrappedNormalSummary(**self._about_centre(), mean_log_sinhc=self._mean_log_sinhc, spread=given)

    def _mean_log_sinhc(self) -> np.ndarray:
        scales = np.linalg.svd(self._wide_tril, compute_uv=False) if self.full else self._wide_sigma
        return mean_log_sinhc(np.sqrt(self.c.astype(np.float64))[..., None] * scales)

    @quiet
    def entropy(self) -> np.ndarray:
        """The normal's entropy plus (d - 1) E log(sinh(sqrt(c) r)/(sqrt(c) r)), (*batch)."""
        d = self.event_shape[0]
        return self._cast(self._log_z + 0.5 * d + (d - 1) * self._mean_log_sinhc())

    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        c = self.c.astype(np.float64)
        radius, direction = polar.log_polar(self._tangent_mu, x, c, model or "poincare")
        if self.full:
            ratio = lower.apply(self._whitener, radius[..., None] * direction)
        else:
            ratio = radius[..., None] * (direction / self._wide_sigma)
        excess = (self.event_shape[0] - 1) * log_sinhc(np.sqrt(c) * radius)
        return -0.5 * np.sum(ratio * ratio, axis=-1) - excess - self._log_z

    def _fast_density(self, rows: int, model: str | None) -> density.LogDensity | None:
        """By the distance alone where the scale is one, else by the ball's own logarithm at centres near the origin."""
        if self.full:
            return None
        ball, scale, n = self._ball(rows, model), self._wide_sigma, self.event_shape[0] - 1
        one = bool((scale == scale[..., :1]).all())
        if ball is None or not (one or ball.c * float(ball.rows.centre @ ball.rows.centre) <= _NEAR):
            return None
        log_z, half = float(self._log_z), 0.5 * (math.sqrt(ball.c) or 1.0) * float(scale[0])

        def log_density(x: np.ndarray) -> np.ndarray:
            if one:
                seen = ball.seen(x)
                value = seen.half / half
                value *= value
            else:
                seen, value = ball.seen_stretched(x, scale)
            value *= -0.5
            value -= n * seen.log_sinhc()
            value -= log_z
            return value

        return log_density

    def _draw(self, out: np.ndarray, start: int, rng: np.random.Generator, method: str, model: str | None) -> Drawn:
        n, d = out.shape[0], self.event_shape[0]
        which = self._which(start, start + n)
        normals = out if out.shape[1] == d else np.empty((n, d))
        rng.standard_normal(out=normals)
        square = rejection.row_squares(normals)
        if self.full:
            lower.spread_rows(self._flat_tril[which], normals)
        else:
            normals *= self._flat(self.sigma, d)[which]
        radius = np.sqrt(rejection.row_squares(normals))
        reach = self._place(out, normals, radius, radius, which, model)

        def log_density() -> np.ndarray:
            excess = (d - 1) * log_sinhc(np.sqrt(self._flat_c[which]) * radius)
            return -0.5 * square - excess - np.reshape(self._log_z, -1)[which]

        return Drawn(log_density, reach)

    @classmethod
    def fit(
        cls,
        x: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        c: ArrayLike = 1.0,
        covariance: str = "diagonal",
        isotropic: bool = False,
        min_scale: float | None = None,
    ) -> WrappedNormal:
        """Maximum likelihood of mu and sigma, or of mu and a full covariance, uphill from the Frechet mean.

        x : (n, d) ball points;  weights : (n,) or (n, *batch), one law a batch element;  c : scalar.
        covariance : "diagonal" (default), a scale for each coordinate; "isotropic", one for all, sigma (*batch, 1); or
                    "full", ``scale_tril`` (*batch, d, d)
        isotropic : True for covariance="isotropic";  min_scale : least sigma, of a full covariance along any axis.
        Raises ValueError where the likelihood has no bound, since some scale goes to 0. With one scale that is where
        all points are equal, with a full covariance where all lie on one geodesic hyperplane (in two dimensions: on
        one geodesic), as d points or fewer do. With a scale for each coordinate that hyperplane must be orthogonal to
        an axis of the frame at one of its points: one through the origin orthogonal to an axis, and many that pass it
        by; one point always, two or d points in general position mostly not.

        >>> import hyperdist as hd
        >>> x = hd.WrappedNormal([0.3, 0.1], [0.2, 0.8]).sample(2000, rng=0)
        >>> hd.WrappedNormal.fit(x).sigma.round(1), hd.WrappedNormal.fit(x, isotropic=True).sigma.shape
        (array([0.2, 0.8]), (1,))
        >>> law = hd.WrappedNormal([0.3, 0.1], covariance_matrix=[[0.25, 0.2], [0.2, 0.25]])
        >>> hd.WrappedNormal.fit(law.sample(2000, rng=0), covariance="full").covariance_matrix.round(2)
        array([[0.25, 0.2 ],
               [0.2 , 0.24]])
        """
        covariance, c = covariance_kind(covariance, isotropic), one_curvature(c)
        space = PoincareBall(c)
        blocks = observed(x, weights, lambda x: space.check_point(checks.observations(x)).astype(np.float64))
        mu, found = wrapped_normal_maximum(blocks, c, covariance, min_scale)
        given = {"scale_tril" if covariance == "full" else "sigma": found.astype(blocks.dtype)}
        return cls(mu.astype(blocks.dtype), c=c, **given)
