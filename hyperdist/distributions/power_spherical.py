"""The power spherical law on the unit sphere, its fit, and its divergences."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.types import ArrayLike, Which
from hyperdist.distributions.area import log_sphere_area
from hyperdist.distributions.divergence_forms import Divergence, form
from hyperdist.distributions.fitting import largest_kappa
from hyperdist.distributions.observed import observed
from hyperdist.distributions.power_spherical_fit import best_directions
from hyperdist.distributions.sphere_rows import unit_points
from hyperdist.distributions.spherical import SphericalDistribution
from hyperdist.distributions.summaries import SphericalSummary
from hyperdist.radial import quadrature
from hyperdist.radial.base import quiet
from hyperdist.radial.nodes import Nodes
from hyperdist.radial.power_spherical import (
    PowerSphericalKernel,
    PowerSphericalRadius,
    log_kernel_of_points,
    log_share,
    mean_log_share,
)
from hyperdist.radial.von_mises_fisher import KAPPA_MAX

_STEPS = 200


@dataclass(frozen=True, eq=False)
class PowerSphericalSummary(SphericalSummary):
    """The kernel ((1 + cos r)/2)^kappa."""


class PowerSpherical(SphericalDistribution):
    """Density prop. to (1 + mu.x)^kappa on the unit sphere (De Cao & Aziz 2020).

    mu    : (*batch, m)  unit vectors, m >= 2; the mean direction
    kappa : (*batch)     concentration, 0 <= kappa <= 1e15; at 0 the uniform law, of which mu is one of the means
    Everything but the tails and moments of the angle is in closed form. At -mu the density is 0 for kappa > 0. A large
    kappa gives about the von Mises-Fisher law of half of it.
    Sampling  exact: (1 + mu.x)/2 is a Beta variable, made of two gamma variables; at least 0.95 of the proposals for
              these accepted.
    Accuracy  log_normalizer, cdf, entropy and moments to 1e-13 (1 + |value|) for m <= 1,000 and kappa <= 1e8.
    Source    De Cao & Aziz 2020, The Power Spherical distribution (arXiv 2006.04437).

    >>> import hyperdist as hd
    >>> law = hd.PowerSpherical([0.0, 0.0, 1.0], kappa=2.0)
    >>> float(law.mean_resultant_length), round(float(law.log_prob([0.0, 0.0, 1.0])), 6)
    (0.5, -1.432412)
    """

    _summary = PowerSphericalSummary
    _kappa_of_one = 2.0

    radius: PowerSphericalRadius

    def __init__(self, mu: ArrayLike, kappa: ArrayLike) -> None:
        kappa = checks.non_negative(kappa, "kappa")
        self._set_centre(mu, kappa=kappa)
        self.kappa = kappa
        wide = np.broadcast_to(kappa.astype(np.float64), self.batch_shape)
        self.radius = PowerSphericalRadius(self.event_shape[0] - 1, wide, dtype=self.dtype)

    def __repr__(self) -> str:
        return f"PowerSpherical(mu={self.mu!r}, kappa={self.kappa!r})"

    @property
    def mean_resultant_length(self) -> np.ndarray:
        """|E x| = kappa/(kappa + m - 1), (*batch)."""
        return self._cast(self.radius.kappa / (self.radius.kappa + self.radius.d))

    @cached_property
    @quiet
    def _log_z(self) -> np.ndarray:  # type: ignore[override]
        """log Z - kappa log 2."""
        return log_sphere_area(self.radius.d) + self.radius._log_normalizer()

    def _parameters(self) -> dict[str, Any]:
        return {"mu": self._unit_mu, "kappa": self.radius.kappa}

    @quiet
    def log_normalizer(self) -> np.ndarray:
        """Log integral of (1 + mu.x)^kappa over the sphere, in nats, (*batch).

        >>> import hyperdist as hd
        >>> hd.PowerSpherical([0.0, 0.0, 1.0], 2.0).log_normalizer().round(6)  # log(16 pi/3)
        np.float64(2.818706)
        """
        return self._cast(self._log_z + math.log(2.0) * self.radius.kappa)

    @property
    def _parameter(self) -> np.ndarray:
        return self.radius.kappa

    def _log_kernel(self, radius: np.ndarray, parameter: np.ndarray) -> np.ndarray:
        return parameter * log_share(radius)

    def _mean_log_kernel(self) -> np.ndarray:
        return self.radius.kappa * mean_log_share(self.radius.d, self.radius.kappa)

    def _log_prob(self, x: np.ndarray, model: str | None) -> np.ndarray:
        # a distance loses what is left of 1 + mu.x near -mu
        unit = x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
        return log_kernel_of_points(unit, self._unit_mu, self.radius.kappa) - self._log_z

    def _radius_of(self, which: Which) -> PowerSphericalRadius:
        return PowerSphericalRadius(self.radius.d, self.radius.kappa.reshape(-1)[which])

    @classmethod
    def fit(cls, x: ArrayLike, weights: ArrayLike | None = None, *, min_scale: float | None = None) -> PowerSpherical:
        """Maximum likelihood: the mu of largest mean log(1 + mu.x), and the kappa whose own mean that is.

        x : (n, m) unit vectors;  weights : (n,) or (n, *batch), one law a batch element;  min_scale : least scale
        sqrt(2/kappa) in radians, the deviation of a coordinate where the law is narrow.
        The best mu does not depend on kappa. It is sought by BFGS from the mean direction, and right to 1e-9; every
        point's opposite is a barrier, so that of several maxima, as on the circle, it is one nearby. Raises ValueError
        where no kappa in [0, 1e15] is best: equal points.

        >>> import hyperdist as hd
        >>> x = hd.PowerSpherical([0.0, 0.6, 0.8], 20.0).sample(2000, rng=0)
        >>> law = hd.PowerSpherical.fit(x)
        >>> bool(abs(law.kappa / 20.0 - 1.0) < 0.1), bool(law.space.dist(law.mu, [0.0, 0.6, 0.8]) < 0.03)
        (True, True)
        """
        blocks = observed(x, weights, unit_points)
        batch, dtype = blocks.batch, blocks.dtype
        mu, mean = best_directions(blocks)
        kappa = _concentration(mean.reshape(batch), blocks.width - 1, min_scale)
        return cls(mu.reshape((*batch, -1)).astype(dtype), kappa.astype(dtype))


@quiet
def _concentration(mean: np.ndarray, d: int, min_scale: float | None) -> np.ndarray:
    """The kappa whose law on S^d has E log((1 + mu.x)/2) = mean, (*batch).

    Newton's method on the reciprocal, which is nearly linear in kappa.
    """
    most = np.asarray(largest_kappa(min_scale, PowerSpherical._kappa_of_one))
    floor, even = -mean_log_share(d, most), -mean_log_share(d, np.zeros(()))
    narrow = -mean <= floor
    if min_scale is None and narrow.any():
        raise ValueError(f"the data must have a positive spread: the best kappa is not below {KAPPA_MAX:g}")
    target = np.clip(-mean, floor, even)
    kappa = np.clip(0.5 * d * (1.0 / target - 1.0 / even), 0.0, KAPPA_MAX)
    for _ in range(_STEPS):
        found, nodes = -mean_log_share(d, kappa), Nodes.of(PowerSphericalKernel.at(d, kappa))
        variance = nodes.mean(np.square(log_share(nodes.y) + found))
        step = (1.0 / target - 1.0 / found) * found * found / variance
        moved = np.clip(kappa + step, 0.0, KAPPA_MAX)
        done, kappa = np.abs(moved - kappa) <= 1e-13 * moved, moved
        if done.all():
            break
    return np.where(narrow, most, kappa)


@form(PowerSphericalSummary, PowerSphericalSummary)
def _power_power(p: PowerSphericalSummary, q: PowerSphericalSummary) -> Divergence:
    more = q.kappa - p.kappa
    far = q.radius.log_normalizer() - p.radius.log_normalizer() - more * mean_log_share(p.d, p.kappa)
    nodes = p.radius.nodes().beside(q.axes)
    known = ~((_half_chord(p, q) > 0.0) & (p.kappa > 0.0) & (q.kappa > 0.0))
    return Divergence(quadrature.divergence(nodes.share, more * log_share(nodes.y), far), known)


@form(PowerSphericalSummary, SphericalSummary)
def _power_other(p: PowerSphericalSummary, q: SphericalSummary) -> Divergence:
    """E_p x is along mu_p, so that a von Mises-Fisher q may have any centre."""
    nodes = p.radius.nodes()
    xp, beside, along = namespace(nodes.y), nodes.beside(q.axes), p.kappa / (p.kappa + p.d)
    far = q.radius.log_normalizer() - p.radius.log_normalizer() + p.kappa * mean_log_share(p.d, p.kappa)
    tilt = -p.kappa * log_share(beside.y)
    if q.sigma is not None:
        far = far + 0.5 * nodes.mean(nodes.y * nodes.y) / q.sigma / q.sigma
        tilt = tilt - 0.5 * xp.square(beside.y / q.sigma)
        return Divergence(quadrature.divergence(beside.share, tilt, far), ~(_half_chord(p, q) > 0.0))
    far = far + q.kappa * p.d / (p.kappa + p.d)
    tilt = tilt - 2.0 * q.kappa * xp.square(xp.sin(0.5 * beside.y))
    radial = quadrature.divergence(beside.share, tilt, far)
    return Divergence(radial if q.mu is None else radial + q.kappa * along * _half_chord(p, q))


@form(SphericalSummary, PowerSphericalSummary)
def _uniform_power(p: SphericalSummary, q: PowerSphericalSummary) -> Divergence:
    """From the uniform law; from another E log(1 + mu.x) has a singularity that no rule of p's is laid for."""
    if p.mu is not None:
        raise NotImplementedError(
            "KL(p || PowerSpherical) has a form for uniform and power spherical p; "
            "average p.log_prob(x) - q.log_prob(x) over draws of p"
        )
    even = 0.0 * q.kappa
    far = q.radius.log_normalizer() - p.radius.log_normalizer() - q.kappa * mean_log_share(q.d, even)
    nodes = Nodes.of(PowerSphericalKernel.at(q.d, even))
    return Divergence(quadrature.divergence(nodes.share, q.kappa * log_share(nodes.y), far))


def _half_chord(p: SphericalSummary, q: SphericalSummary) -> Array:
    """1 - mu_p.mu_q."""
    xp, apart = namespace(p.mu, q.mu), p.mu - q.mu  # type: ignore[operator]
    return 0.5 * xp.sum(apart * apart, axis=-1)
