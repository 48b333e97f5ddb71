"""The Riemannian normal on hyperbolic space."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike, Which
from hyperdist.distributions import density
from hyperdist.distributions.area import log_sphere_area
from hyperdist.distributions.centred import RadialNormal
from hyperdist.distributions.fitting import ROUNDING, one_curvature, scale_from_second_moment
from hyperdist.distributions.hyperbolic import HyperbolicDistribution
from hyperdist.distributions.observed import observed
from hyperdist.distributions.summaries import Radial, RiemannianNormalSummary
from hyperdist.geometry import conversions
from hyperdist.radial.base import quiet
from hyperdist.radial.riemannian_normal import RiemannianNormalRadius, check_scale
from hyperdist.spaces import PoincareBall
from hyperdist.spaces.frechet import hyperbolic_mean


class RiemannianNormal(HyperbolicDistribution, RadialNormal):
    """Density prop. to exp(-dist(x, mu)^2/(2 sigma^2)) on hyperbolic space of curvature -c (Pennec 2006).

    mu    : (*batch, d)  the Frechet mean, in ball coordinates, sqrt(c) |mu| < 1, or any vector for model="tangent"
    sigma : (*batch)     scale in geodesic length
    c     : (*batch)     size of the curvature, c >= 0; at 0 the isotropic normal on R^d,
                         where the ball's metric is 4 |dx|^2: lengths are twice those of its coordinates
    model : the coordinates of mu and, where no others are asked for, of points: "poincare" (default), or "tangent",
            exponential coordinates at the origin, which hold any radius
    Sampling  exact, by rejection from a gamma or a normal hat, in the plane also from a normal truncated at 0: at least
              0.907 of the proposals accepted for every d, sigma and c.
    Accuracy  log_normalizer, radial cdf and moments to 1e-13 (1 + |value|) for d <= 1000, sqrt(c) sigma <= 1e3.
    Source    Mathieu et al. 2019 (arXiv 1901.06033), section 3 and appendix B.

    >>> import hyperdist
    >>> q = hyperdist.RiemannianNormal([0.0, 0.0], 1.0, c=1.0)
    >>> round(float(q.log_normalizer()), 9)
    2.181953273
    >>> q.sample((3,), rng=0).shape
    (3, 2)
    """

    radius: RiemannianNormalRadius

    def __init__(self, mu: ArrayLike, sigma: ArrayLike, c: ArrayLike = 1.0, *, model: str = "poincare") -> None:
        sigma, c = check_scale(sigma, c)
        self._set_centre(mu, c, model, sigma=sigma)
        self.sigma = sigma
        wide = np.broadcast_to(sigma.astype(np.float64), self.batch_shape)
        self.radius = RiemannianNormalRadius(self.event_shape[0], wide, c.astype(np.float64), dtype=self.dtype)

    def __repr__(self) -> str:
        return f"RiemannianNormal(mu={self.mu!r}, sigma={self.sigma!r}, c={self.c!r}, model={self.model!r})"

    def log_normalizer(self) -> np.ndarray:
        """Log integral of exp(-dist(x, mu)^2/(2 sigma^2)) over the space, in nats, (*batch)."""
        return self._cast(self._log_z)

    @cached_property
    @quiet
    def _log_z(self) -> np.ndarray:  # type: ignore[override]
        return log_sphere_area(self.event_shape[0]) + self.radius._log_normalizer()

    def _fast_density(self, rows: int, model: str | None) -> density.LogDensity | None:
        ball = self._ball(rows, model)
        if ball is None:
            return None
        # In units of half distances times sqrt(c), of half distances where c = 0.
        scale, log_z = 0.5 * (math.sqrt(ball.c) or 1.0) * float(self.radius.sigma), float(self._log_z)

        def log_density(x: np.ndarray) -> np.ndarray:
            value = ball.seen(x).half / scale
            value *= value
            value *= -0.5
            value -= log_z
            return value

        return log_density

    def summary(self) -> RiemannianNormalSummary:
        """What divergences ask of the law."""
        radius = Radial(self.radius.nodes, lambda: self._log_z)
        return RiemannianNormalSummary(**self._about_centre(), sigma=self.radius.sigma, radius=radius)

    def _radius_of(self, which: Which) -> RiemannianNormalRadius:
        d, law = self.event_shape[0], self.radius
        return RiemannianNormalRadius(d, law.sigma.reshape(-1)[which], law.c.reshape(-1)[which])

    @classmethod
    def fit(
        cls, x: ArrayLike, weights: ArrayLike | None = None, *, c: ArrayLike = 1.0, min_scale: float | None = None
    ) -> RiemannianNormal:
        """Maximum likelihood: the Frechet mean, then the sigma whose E dist^2 is the mean squared distance.

        x : (n, d) ball points;  weights : (n,) or (n, *batch), one law a batch element;  c : scalar;
        min_scale : least sigma.
        Raises ValueError where all points of positive weight coincide: the likelihood then has no maximum.

        >>> import hyperdist as hd
        >>> import numpy as np
        >>> x = hd.RiemannianNormal([[0.5, 0.0], [-0.5, 0.0]], [0.2, 0.6]).sample(2000, rng=0)
        >>> hd.RiemannianNormal.fit(x[:, 0]).sigma.round(1)
        np.float64(0.2)
        >>> labels = np.tile([0, 1], 2000)  # a law for each label: one column of weights each
        >>> hd.RiemannianNormal.fit(x.reshape(-1, 2), np.eye(2)[labels]).sigma.round(1)
        array([0.2, 0.6])
        """
        c = one_curvature(c)
        space = PoincareBall(c)
        blocks = observed(x, weights, lambda x: space.check_point(checks.observations(x)).astype(np.float64))
        d, wide = blocks.width, blocks.map(lambda x: x[:, None, :])
        with np.errstate(all="ignore"):
            mean = hyperbolic_mean(wide.map(lambda x: conversions.poincare_to_tangent(x, c)), np.asarray(c))
            mu = conversions.tangent_to_poincare(mean, c).reshape(*blocks.batch, d)
        centre = mu.reshape(-1, d)
        (second,) = wide.total(lambda x, w: (np.sum(w * space.dist_sq(x, centre), axis=0),))
        second, dtype = second.reshape(blocks.batch), blocks.dtype
        noise = ROUNDING * space.conformal_factor(mu) * np.sqrt(np.sum(mu * mu, axis=-1))
        sigma = scale_from_second_moment(second, lambda s: RiemannianNormalRadius(d, s, c), noise, min_scale)
        return cls(mu.astype(dtype), sigma.astype(dtype), c)
