"""The radius of the von Mises-Fisher law on the sphere, exp(kappa cos theta) sin(theta)^(d-1); uniform at kappa = 0.

Fisher 1953; Mardia & Jupp 2000, 9.3.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, SupportsIndex

import numpy as np
from numpy import ndarray

from hyperdist import checks
from hyperdist.arrays.namespace import Array, namespace, settled, special
from hyperdist.arrays.stable import decayc
from hyperdist.arrays.types import ArrayLike, DTypeLike
from hyperdist.radial import calculus, quadrature
from hyperdist.radial.base import quiet
from hyperdist.radial.kernel_law import AngleLaw, by_laws
from hyperdist.radial.pieces import WORTH, of_parameter
from hyperdist.radial.quadrature import DROP, HALF_NORMAL_CENTRE
from hyperdist.radial.rejection import Draw, Hat, Hats, Proposal, Source, Which, certain, exact, flat
from hyperdist.radial.spherical import (
    SphericalKernel,
    cauchy_hat_log_mass,
    cauchy_log_accept,
    cauchy_radius,
    cauchy_shrinkage,
)

KAPPA_MAX = 1e15
"""Above it the angle of a typical draw, 1/sqrt(kappa), is lost in the rounding of a unit vector."""


def cosine_excess(y: Array) -> Array:
    """cos y - 1."""
    xp = namespace(y)
    return -2.0 * xp.square(xp.sin(0.5 * y))


@dataclass(frozen=True, eq=False)
class VonMisesFisherKernel(SphericalKernel):
    """exp(kappa (cos theta - 1)) sin(theta)^n about its mode; ``log_peak`` is without the factor e^kappa."""

    kappa: Array

    @classmethod
    def at(cls, d: int, theta: Array) -> VonMisesFisherKernel:
        """Of theta = kappa >= 0."""
        kappa, xp = theta, namespace(theta)
        n = d - 1
        if n == 0:
            centre = HALF_NORMAL_CENTRE / xp.sqrt(kappa + 0.25)
            return cls(0, centre, -kappa * xp.sin(centre), -2.0 * kappa * xp.square(xp.sin(0.5 * centre)), kappa)
        # cos(centre) solves kappa (1 - C^2) = n C; 1 - C without cancellation.
        root = xp.sqrt(4.0 * kappa * kappa + float(n) * n)
        versine = (n + n * (n / (root + 2.0 * kappa))) / (n + root)
        centre = 2.0 * xp.asin(xp.sqrt(0.5 * versine))
        residual = n / xp.tan(centre) - kappa * xp.sin(centre)
        log_peak = n * xp.log(xp.sin(centre)) - 2.0 * kappa * xp.square(xp.sin(0.5 * centre))
        return cls(n, centre, residual, log_peak, kappa)

    @staticmethod
    def log_kernel(d: int, y: Array, theta: Array) -> Array:
        """kappa (cos y - 1) + (d - 1) log sin y."""
        xp = namespace(y, theta)
        return theta * cosine_excess(y) + ((d - 1) * xp.log(xp.sin(y)) if d > 1 else 0.0)

    @staticmethod
    def log_kernel_score(d: int, y: Array, theta: Array) -> Array:
        return cosine_excess(y)

    def log_ratio(self, y: Array, t: Array) -> Array:
        xp = namespace(y, t)
        if self.n == 0:
            return self.kappa * self.score(y, t)
        pull = 2.0 * self.kappa * xp.cos(self.centre) * xp.square(xp.sin(0.5 * t))
        return self._log_sine_ratio(y, t) + self.residual * xp.sin(t) - pull

    def slope(self, y: Array, t: Array) -> Array:
        xp = namespace(y, self.kappa)
        return (self.n / xp.tan(y) if self.n else 0.0) - self.kappa * xp.sin(y)

    def curvature(self, y: Array) -> Array:
        xp = namespace(y, self.kappa)
        return self.kappa * xp.cos(y) + (self.n / xp.square(xp.sin(y)) if self.n else 0.0)

    def reach(self, y: Array, t: Array, upper: Array, drop: float = DROP) -> Array:
        """In the versine v = 1 - cos theta, where the kernel is concave for every kappa."""
        xp = namespace(y, t, self.kappa)
        kappa = self.kappa
        v, rest = 2.0 * xp.square(xp.sin(0.5 * y)), 2.0 * xp.square(xp.cos(0.5 * y))
        half = 0.5 * self.n
        # Downwards, as a share of v: the curvature (n/2)(1/v^2 + 1/rest^2) only grows.
        decay = half * (1.0 - v / rest) - kappa * v
        decay = xp.where(decay > 0.0, decay, xp.zeros_like(decay))
        share = 2.0 * drop / (decay + xp.sqrt(decay * decay + 2.0 * drop * half * (1.0 + xp.square(v / rest))))
        left = xp.where(share < 1.0, 1.0 - share, xp.zeros_like(share))
        down = y - 2.0 * xp.asin(xp.sin(0.5 * y) * xp.sqrt(left))
        # Upwards it may fall: Newton's method on the concave kernel overshoots once and stays beyond the root.
        distance = self._upward(v, rest, drop)
        inside = distance < rest
        angle = 2.0 * xp.asin(xp.sqrt(0.5 * xp.where(inside, v + distance, xp.zeros_like(v))))
        up = xp.where(inside, angle - y, math.pi - y)
        width = xp.where(upper, up, down)
        return xp.where(width > 0.0, width, xp.zeros_like(width))

    def _upward(self, v: Array, rest: Array, drop: float) -> Array:
        """A distance up from the versine v that loses ``drop`` nats, or one beyond ``rest`` = 2 - v."""
        xp = namespace(v, self.kappa)
        kappa, half = self.kappa, 0.5 * self.n
        if self.n == 0:
            return drop / xp.where(kappa > 0.0, kappa, xp.ones_like(kappa) * 1e-300)
        pull = kappa - half * (1.0 / v - 1.0 / rest)
        pull = xp.where(pull > 0.0, pull, xp.zeros_like(pull))
        bend = half * (1.0 / (v * v) + 1.0 / (rest * rest))
        distance = 2.0 * drop / (pull + xp.sqrt(pull * pull + 2.0 * drop * bend))
        for _ in range(3):
            step = xp.where(distance < 0.5 * rest, distance, 0.5 * rest)
            lost = kappa * step - half * (xp.log1p(step / v) + xp.log1p(-step / rest)) - drop
            onward = step - lost / (kappa - half * (1.0 / (v + step) - 1.0 / (rest - step)))
            distance = xp.where(onward > 0.0, onward, rest)
        return distance

    def score(self, y: Array, t: Array) -> Array:
        """d(log kernel)/d kappa = cos theta, less its value at the centre."""
        xp = namespace(y, t)
        return -2.0 * xp.sin(0.5 * (y + self.centre)) * xp.sin(0.5 * t)

    def hats(self) -> Hats:
        return _hats(self)


_LEAST_KAPPA = 1e-20
"""The hat of two arcs divides by kappa; so small a one is uniform to rounding."""


def _hats(kernel: VonMisesFisherKernel) -> Hats:
    """Spherical Cauchy for small kappa/d (Wood 1994), a tangent gamma law for large; on the circle two arcs, on
    S^2 no hat but the law, whose cdf has a closed inverse.

    With w = 1 - cos r the density is exp(-kappa w) w^(d/2-1) (1 - w/2)^(d/2-1), whose last factor is log-concave: its
    tangent makes the hat a gamma law of shape d/2, half the square of d normals.
    """
    n, kappa, xp = kernel.n, kernel.kappa, namespace(kernel.kappa)
    d = n + 1
    if d == 1:  # (1 - w/2)^(-1/2) has no tangent bound
        mass = fisher_arc_log_mass(xp.clip(kappa, _LEAST_KAPPA, None))
        return Hats(xp.zeros_like(kappa), (Hat(mass - kernel.log_peak, partial(_by_arcs, kappa)),))
    if d == 2:  # the law itself
        mass = namespace(kappa).log(_sphere_mass(kappa))
        return Hats(xp.zeros_like(kappa), (Hat(mass - kernel.log_peak, partial(_by_inversion, kappa)),))
    # 1 - x0 of Wood (1994), eq. 3, without cancellation: tan^2(touch/2).
    touch = 2.0 * xp.atan(xp.sqrt(d / (2.0 * kappa + xp.sqrt(4.0 * kappa * kappa + float(d) * d))))
    root = xp.sqrt(xp.square(2.0 * kappa - d + 1.0) + 8.0 * kappa * (0.5 * d - 1.0))
    point = 2.0 * d / (2.0 * kappa + d - 1.0 + root)
    rate = kappa + (0.5 * d - 1.0) / (2.0 - point)
    gamma_mass = math.lgamma(0.5 * d) - 0.5 * d * xp.log(rate)
    gamma_mass = gamma_mass + (0.5 * d - 1.0) * (xp.log(2.0 - point) + point / (2.0 - point))
    cauchy_mass = cauchy_hat_log_mass(d, touch) - 2.0 * kappa * xp.square(xp.sin(0.5 * touch))
    gamma = Hat(gamma_mass - kernel.log_peak, partial(_by_gamma, d, point, rate))
    cauchy = Hat(cauchy_mass - kernel.log_peak, partial(_by_cauchy, d, kappa, touch))
    return Hats(xp.where(gamma_mass < cauchy_mass, 0, 1), (gamma, cauchy))


def _sphere_mass(kappa: Array) -> Array:
    """The integral of exp(kappa (cos r - 1)) sin r: (1 - exp(-2 kappa))/kappa, 2 at 0."""
    return 2.0 * decayc(2.0 * kappa)


def _by_inversion(kappa: Array) -> Draw:
    """On S^2 the cosine's cdf has a closed inverse, of the uniform number exp(-chi^2/2) that two normals give."""
    (kappa,) = flat(kappa)
    positive = namespace(kappa).clip(kappa, _LEAST_KAPPA, None)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        return exact(fisher_sphere(positive[which], 0.5 * chi * chi))

    return draw


def fisher_sphere(kappa: Array, e: Array) -> Array:
    """The angle on S^2 (d = 2) that a draw has, kappa > 0, of a standard exponential number e < 700.

    1 - cos r = -log(u + (1 - u) exp(-2 kappa))/kappa of u = exp(-e): e less what the far pole takes from it, and for
    kappa below 1, where that would cancel, as it stands.
    """
    xp = namespace(kappa, e)
    wide = kappa < 1.0
    one_side = settled(wide)
    narrow = e - xp.log1p(xp.exp(-2.0 * kappa) * xp.expm1(xp.clip(e, None, 700.0))) if one_side is not True else e
    if one_side is not False:
        spread = -xp.log1p(-xp.expm1(-e) * xp.expm1(-2.0 * xp.where(wide, kappa, 0.0 * kappa + 1.0)))
        narrow = xp.where(wide, spread, narrow)
    return 2.0 * xp.asin(xp.sqrt(xp.clip(0.5 * narrow / kappa, None, 1.0)))


def _by_gamma(d: int, point: Array, rate: Array) -> Draw:
    point, rate = flat(point, rate)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        w = 0.5 * chi * chi / rate[which]
        xp = namespace(w)
        r = 2.0 * xp.asin(xp.sqrt(0.5 * xp.clip(w, None, 2.0)))
        return certain(r, fisher_gamma_cost(d, point[which], w))

    return draw


def _by_cauchy(d: int, kappa: Array, touch: Array) -> Draw:
    kappa, touch = flat(kappa, touch)
    shrunk = cauchy_shrinkage(touch)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        r = cauchy_radius(chi, source.normal(chi.shape[0]), shrunk[which])
        return certain(r, fisher_cauchy_cost(d, kappa[which], touch[which], r))

    return draw


def _by_arcs(kappa: Array) -> Draw:
    (kappa,) = flat(kappa)
    positive = namespace(kappa).clip(kappa, _LEAST_KAPPA, None)

    def draw(chi: Array, source: Source, which: Which) -> Proposal:
        r = fisher_arc(positive[which], source.uniform(chi.shape[0]))
        return certain(r, fisher_arc_cost(kappa[which], r))

    return draw


def fisher_gamma_cost(d: int, point: Array, w: Array) -> Array:
    """Minus the log acceptance probability of w = 1 - cos r = chi^2/(2 rate); infinite where w >= 2."""
    xp = namespace(point, w)
    inside = w < 2.0
    excess = xp.where(inside, (w - point) / (2.0 - point), xp.zeros_like(w))
    return xp.where(inside, (1.0 - 0.5 * d) * (xp.log1p(-excess) + excess), xp.zeros_like(w) + math.inf)


def fisher_cauchy_cost(d: int, kappa: Array, touch: Array, r: Array) -> Array:
    """Minus the log acceptance probability of r under the Cauchy hat that touches at ``touch``."""
    fall = 2.0 * kappa * namespace(r).sin(0.5 * (r + touch)) * namespace(r).sin(0.5 * (r - touch))
    return fall - cauchy_log_accept(d, r, touch)


def fisher_arc(kappa: Array, u: Array) -> Array:
    """The angle on the circle (d = 1) with cdf u under a hat of two arcs, by inversion.

    With z = 2r/pi, 1 - cos r >= z min(z, 1): half a normal on the half-circle about the mean direction, an exponential
    law on the other. The hat is 0.90 full for every kappa, and fuller for small ones.
    """
    xp = namespace(kappa, u)
    near, far = _arc_masses(kappa)
    root = xp.sqrt(kappa)
    part = u * (near + far)
    inside = part < near
    z_near = special(xp).erfinv(xp.where(inside, part / near, xp.zeros_like(part)) * special(xp).erf(root)) / root
    share = xp.where(inside, xp.zeros_like(part), (part - near) / xp.where(far > 0.0, far, xp.ones_like(far)))
    z_far = 1.0 - xp.log1p(share * xp.expm1(-kappa)) / kappa
    return 0.5 * math.pi * xp.where(inside, z_near, z_far)


def fisher_arc_cost(kappa: Array, r: Array) -> Array:
    """Minus the log acceptance probability of r under the hat of two arcs; infinite beyond pi."""
    xp = namespace(kappa, r)
    z = 2.0 / math.pi * r
    hat = z * xp.where(z < 1.0, z, xp.ones_like(z))
    cost = kappa * (2.0 * xp.square(xp.sin(0.5 * r)) - hat)
    return xp.where(r <= math.pi, cost, xp.zeros_like(cost) + math.inf)


def fisher_arc_log_mass(kappa: Array) -> Array:
    """Log mass, less kappa, of the hat of two arcs."""
    near, far = _arc_masses(kappa)
    return namespace(kappa).log(0.5 * math.pi * (near + far))


def _arc_masses(kappa: Array) -> tuple[Array, Array]:
    """Masses in z of the half-normal and of the exponential arc."""
    xp = namespace(kappa)
    root = xp.sqrt(kappa)
    return 0.5 * math.sqrt(math.pi) * special(xp).erf(root) / root, -xp.exp(-kappa) * xp.expm1(-kappa) / kappa


class VonMisesFisherRadius(AngleLaw):
    """Density prop. to exp(kappa cos r) sin(r)^(d-1) on 0 < r < pi: the angle to the mean direction.

    d : int >= 1, the dimension of the sphere, one less than the ambient one;  kappa : (*batch), 0 for uniform.
    dtype : of results, by default that of kappa.
    Accuracy  as ``RiemannianNormalRadius``, for d < 10,000 and kappa in [1e-6, 1e8].
    """

    _name = "kappa"

    def __init__(self, d: SupportsIndex, kappa: ArrayLike, *, dtype: DTypeLike | None = None) -> None:
        self.d = checks.dimension(d)
        kappa = checks.non_negative(kappa, "kappa")
        if (kappa > KAPPA_MAX).any():
            raise ValueError(f"kappa must be <= {KAPPA_MAX:g}, got {float(kappa.max())!r}")
        self.batch_shape, self.dtype = kappa.shape, np.dtype(dtype or kappa.dtype)
        self.kappa = kappa.astype(np.float64)

    @property
    def _kind(self) -> type[VonMisesFisherKernel]:
        return VonMisesFisherKernel

    def _of_each(self, function: Callable[[VonMisesFisherKernel], ndarray]) -> ndarray:
        """Of many laws by an interpolant in kappa."""

        def at(kappa: ndarray) -> ndarray:
            return by_laws(function, VonMisesFisherKernel.at(self.d, kappa))

        if self.kappa.size < WORTH:
            return by_laws(function, self._kernel)
        return of_parameter(at, self.kappa.ravel(), 0.5 * self.d).reshape(self.batch_shape)

    def _quantile(self, p: ndarray, upper: ndarray) -> ndarray:
        """Of many laws at one p, or at some, by interpolants too."""
        rows = p.reshape(-1, self.kappa.size) if self.kappa.size >= WORTH else np.empty((0, 0))
        if not rows.size or upper.ndim or (rows != rows[:, :1]).any():
            return super()._quantile(p, upper)

        def over_centre(kernel: VonMisesFisherKernel, p: float) -> ndarray:
            mass = quadrature.log_mass(kernel)
            edges, same = calculus.centre_tails(kernel, mass), np.full(mass.shape, p)
            return calculus.quantile(kernel, mass, edges, same, upper, self.d) / kernel.centre

        found = [self._of_each(partial(over_centre, p=row[0])) for row in rows]
        return self._kernel.centre * np.stack(found).reshape(p.shape)

    def _log_normalizer(self) -> ndarray:
        return self.kappa + self.log_normalizer_excess()

    def log_normalizer_excess(self) -> ndarray:
        """``log_normalizer() - kappa`` in float64, which does not cancel where kappa is large."""
        return self._kernel.log_peak + self._log_mass

    @quiet
    def mean_resultant_length(self) -> ndarray:
        """A = E cos r = I_(m/2)(kappa)/I_(m/2-1)(kappa), m = d + 1, in float64.

        By parts A = kappa E sin(r)^2 / d, which keeps its relative accuracy for small kappa.
        """
        return self.kappa * self._mean_of(lambda y, t: np.square(np.sin(y))) / self.d

    @quiet
    def mean_versine(self) -> ndarray:
        """1 - A = E (1 - cos r), in float64."""
        return self._mean_of(lambda y, t: 2.0 * np.square(np.sin(0.5 * y)))

    @quiet
    def cosine_variance(self) -> ndarray:
        """Var cos r = dA/d kappa, in float64, without the cancellation of 1 - A^2 - d A/kappa."""
        mean, square = self._expectations(lambda kernel: (kernel.score, lambda y, t: np.square(kernel.score(y, t))))
        return square - mean * mean

    def _mean_of(self, integrand: quadrature.Integrand) -> ndarray:
        """The mean of what falls as 1/kappa does."""
        if self.kappa.size < WORTH:
            return by_laws(lambda kernel: quadrature.expectations(kernel, integrand)[0], self._kernel)
        size = 2.0 / self.d

        def scaled(kernel: VonMisesFisherKernel) -> ndarray:
            return quadrature.expectations(kernel, integrand)[0] * (1.0 + size * kernel.kappa)

        return self._of_each(scaled) / (1.0 + size * self.kappa)

    def _expectations(self, integrands: Callable[[Any], tuple[quadrature.Integrand, ...]]) -> tuple[ndarray, ...]:
        return by_laws(lambda kernel: quadrature.expectations(kernel, *integrands(kernel)), self._kernel)

    def log_normalizer_derivative(self) -> dict[str, ndarray]:
        """d log_normalizer / d kappa, the mean resultant length."""
        return {"kappa": self._cast(self.mean_resultant_length())}
