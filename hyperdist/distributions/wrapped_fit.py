"""Maximum likelihood of wrapped normals on hyperbolic space, many at once.

With v = log_mu(x) in the frame at mu and r = |v|, the mean negative log likelihood is, but for a constant,

    L = sum_j (log sigma_j + E v_j^2/(2 sigma_j^2)) + (d - 1) E log(sinh(sqrt(c) r)/(sqrt(c) r)),

whose best sigma_j^2 at a given mu is E v_j^2 (with one scale for all, E r^2/d). What is left is a function of mu; by
the envelope theorem its gradient is E <g, dv>, with g = v/sigma^2 + (d - 1) c l v the derivative of L's summand in v,
where l = (a coth a - 1)/a^2 at a = sqrt(c) r. With a full covariance the first sum is (log det S + E v^T S^-1 v)/2, the
best S is E v v^T and g = S^-1 v + (d - 1) c l v. As mu moves by delta in its frame, v changes for two reasons:

    dv = -delta - c l (r^2 delta - (v.delta) v)              the Hessian of half the squared distance,
         -c (delta (X.v) - X (delta.v)), X = mu on the ball, the turn of the frame e_i/lambda: its connection.

mu is sought in exponential coordinates theta at the Frechet mean, by BFGS.

With one scale for all there is a maximum unless all points are equal. With a scale for each coordinate there is none
where some E v_j^2 can be made 0: all points lie on one geodesic hyperplane that is orthogonal to the axis e_j at one of
its points mu. Hyperplanes have normals N in Lorentz coordinates, <N, x> = 0 and <N, N> = 1, and e_j(mu) is that normal
for some mu, or in the limit of mu at infinity, where and only where |N_j| >= 1. (E log(sinh(r)/r) makes up for all that
scales lose on the way to infinity, but for what a coordinate loses that vanishes there.) The Frechet mean m lies in
every such hyperplane, so that in the frame at m the normals are the vectors orthogonal to all log_m(x); e_j there
has the space part s_j = e_j + (cosh(a) - 1) u_j u for m at distance a/sqrt(c) along u, and the condition is that the
part of s_j among the normals is at least 1. With a full covariance any hyperplane will do, since its axes are free.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from hyperdist.arrays.blocks import Blocks
from hyperdist.arrays.rows import column, dot
from hyperdist.arrays.stable import langevinc_sq, log_sinhc_sq, sinhc_sq
from hyperdist.distributions import descent
from hyperdist.distributions.fitting import EQUAL_DATA, ROUNDING, least_scale
from hyperdist.geometry import conversions, poincare, tangent
from hyperdist.geometry.half_vector import half_rotate
from hyperdist.radial.base import quiet
from hyperdist.spaces import frechet

_BALL_RADIUS = 8.0
"""Radius up to which ball coordinates are as good as tangent ones, and cheaper."""
_BLOCK = 1 << 16
"""Scalars of a block of points, so that temporaries do not grow with their number."""
_TOGETHER = 1 << 23
"""Scalars of the logarithms of all points for the laws that are fitted side by side."""
_EPS = float(np.finfo(np.float64).eps)
_FLAT = 1e-8
"""Ratio of the least to the largest square spread below which points may lie on a hyperplane to rounding."""
_LEAST = 1e-300
"""Variance below which its logarithm has no double."""
_FLAT_DATA = (
    "the data must not lie on one geodesic hyperplane, as fewer than d + 1 points do: the best covariance is singular "
    "and the likelihood has no maximum; give min_scale, the least scale along any axis, or covariance='isotropic'"
)
_NO_MAXIMUM = (
    "the data must have a positive spread along every axis of the frame, wherever the mean is: here some best sigma is "
    "0 and the likelihood has no maximum; give min_scale, the least sigma, or isotropic=True"
)


@quiet
def wrapped_normal_maximum(
    blocks: Blocks, c: np.ndarray, covariance: str, min_scale: Any
) -> tuple[np.ndarray, np.ndarray]:
    """(mu, spread): ball points (*batch, d) and scales (*batch, d), or (*batch, 1) for covariance "isotropic", or a
    lower triangle (*batch, d, d) for "full".

    blocks : ball points (n, d) and shares (n, *batch) of sum 1 over n;  c scalar;  min_scale: least sigma, or None.
    The gradient there, in units of the scales, is below 1e-9 where coordinates can tell.
    Raises ValueError where the likelihood has no maximum: some scale goes to 0.
    """
    least = least_scale(min_scale)
    batch, d, laws = blocks.batch, blocks.width, math.prod(blocks.batch)
    size = max(1, _TOGETHER // (blocks.held * d))
    centres, spreads = [], []
    for first in range(0, laws, size):
        some = blocks.weighted(lambda shares, first=first: shares[:, first : first + size])
        problem = KINDS[covariance](some, min(size, laws - first), c, least * least)
        if least == 0.0:
            problem.check_bounded(float(np.finfo(blocks.dtype).eps))
        theta, variance = descent.minimise(problem, np.zeros(problem.base.shape))
        centres.append(problem.centre(theta, np.arange(len(theta))))
        spreads.append(problem.spread(variance))
    mu, found = np.concatenate(centres), np.concatenate(spreads)
    return conversions.tangent_to_poincare(mu.reshape(*batch, d), c), found.reshape(*batch, *found.shape[1:])


class _Problem:
    """The function to minimise for several laws, (laws,), in theta (laws, d)."""

    reach = math.inf
    no_maximum = _NO_MAXIMUM

    def __init__(self, blocks: Blocks, laws: int, c: np.ndarray, floor: float) -> None:
        self.c, self.floor = c, floor
        ball = blocks.map(lambda x: x[:, None, :])
        far = ball.map(lambda x: conversions.poincare_to_tangent(x, c))
        self.base = frechet.hyperbolic_mean(far, np.broadcast_to(c, laws))
        self.near = float(np.sqrt(c * far.combined(_largest, max))) <= _BALL_RADIUS
        self.points = ball if self.near else far

    def centre(self, theta: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Tangent coordinates of mu at theta, for the laws ``which``."""
        return tangent.boost(self.base[which], theta, self.c)

    def _logs(self, mu: np.ndarray, which: np.ndarray) -> Blocks:
        """Frame coordinates at mu (laws, d), in tangent coordinates, of the points, (n, laws, d), with their shares."""
        centre = conversions.tangent_to_poincare(mu, self.c) if self.near else mu

        def logs(x: np.ndarray) -> np.ndarray:
            if not self.near:
                return tangent.log_frame(centre, x, self.c)
            return poincare.to_frame(centre, poincare.log(centre, x, self.c), self.c)

        return self.points.weighted(lambda shares: shares[:, which]).map(logs, _rows(mu))

    def evaluate(self, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(L, its gradient in theta, the best spread) for the laws ``which``."""
        mu, d = self.centre(theta, which), theta.shape[-1]
        logs, ball = self._logs(mu, which), conversions.tangent_to_poincare(mu, self.c)

        def moments(v: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, ...]:
            return self._moment(shares, v), np.sum(shares * log_sinhc_sq(self.c * dot(v, v)), axis=0)

        moment, excess = logs.total(moments, _rows(mu))
        variance, loss = self._best(moment)

        def pulls(v: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray]:
            return (np.einsum("nb,nbi->bi", shares, self._pull(v, self._over(v, variance), ball)),)

        (pull,) = logs.total(pulls, _rows(mu))
        return loss + (d - 1) * excess, self._in_chart(-pull, mu, theta, which), variance

    def _moment(self, shares: np.ndarray, v: np.ndarray) -> np.ndarray:
        """What the best spread depends on, of a block: E v_i^2, (laws, d)."""
        return np.einsum("nb,nbi,nbi->bi", shares, v, v)

    def _best(self, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(the variances of greatest likelihood, (laws, d), the first sum of L at them, (laws,))."""
        variance = np.maximum(moment, self.floor)
        return variance, 0.5 * np.sum(np.log(variance) + moment / variance, axis=-1)

    def _over(self, v: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """v/sigma^2."""
        return v / variance

    def spread(self, variance: np.ndarray) -> np.ndarray:
        """The scales."""
        return np.sqrt(variance)

    def metric(self, variance: np.ndarray) -> np.ndarray:
        """Inverse Hessians, about, (laws, d, d): those in flat space."""
        d = self.base.shape[1]
        return np.broadcast_to(variance, (len(variance), d))[:, :, None] * np.eye(d)

    def _pull(self, v: np.ndarray, scaled: np.ndarray, ball: np.ndarray) -> np.ndarray:
        """-(dv/d delta)^T g for each point, (rows, laws, d); scaled = v/sigma^2."""
        square = dot(v, v)
        bend = self.c * langevinc_sq(self.c * square)
        g = scaled + column((v.shape[-1] - 1) * bend) * v
        along = column(1.0 + bend * square + self.c * dot(ball, v))
        return along * g - column(bend * dot(v, g) + self.c * dot(ball, g)) * v

    def _in_chart(self, gradient: np.ndarray, mu: np.ndarray, theta: np.ndarray, which: np.ndarray) -> np.ndarray:
        """A gradient in the frame at mu as one in theta: carried back to the base, times sinh(a)/a across theta."""
        carried = half_rotate(tangent.half(mu, self.base[which], self.c), self.c, gradient)
        square = dot(theta, theta)
        stretch = sinhc_sq(self.c * square)
        along = (1.0 - stretch) * dot(theta, carried) / np.where(square > 0.0, square, 1.0)
        return column(stretch) * carried + column(along) * theta

    def check_bounded(self, resolution: float) -> None:
        """Raise where the likelihood has no bound: see above, to rounding of coordinates with this eps."""
        logs = self._logs(self.base, np.arange(len(self.base))).weighted(lambda shares: (shares > 0.0) * 1.0)
        (gram,) = logs.total(lambda v, present: (np.einsum("nb,nbi,nbj->bij", present, v, v),), _rows(self.base))
        size = np.linalg.eigvalsh(gram)
        for law in np.flatnonzero(size[:, 0] <= _FLAT * size[:, -1]).tolist():
            mean = self.base[law]
            square = self.c * dot(mean, mean)
            growth = np.cosh(np.sqrt(square))
            triangle, longest, n = logs.combined(partial(_triangle, law), _stacked)
            _, length, axes = np.linalg.svd(np.concatenate([triangle, 0.0 * np.eye(len(mean))]), full_matrices=False)
            # Rounding of a point moves its logarithm by this, whatever its distance from the mean.
            noise = 64.0 * resolution * growth * (np.sqrt(dot(mean, mean)) + longest)
            normals = axes[length <= noise * np.sqrt(n)]
            self._check_normals(normals, mean, square, growth)

    def _check_normals(self, normals: np.ndarray, mean: np.ndarray, square: float, growth: float) -> None:
        """Raise where hyperplanes with these normals (k, d), in the frame at the mean, take a scale to 0."""
        # (cosh a - 1) u u^T = c (sinh(a/2)/(a/2))^2/2 m m^T
        space_parts = np.eye(len(mean)) + 0.5 * self.c * sinhc_sq(0.25 * square) ** 2 * np.outer(mean, mean)
        parts = normals @ space_parts
        if (np.sum(parts * parts, axis=0) >= 1.0 - 64.0 * _EPS * growth).any():
            raise ValueError(_NO_MAXIMUM)

    def check(self, theta: np.ndarray, variance: np.ndarray) -> None:
        """Raise where a scale has gone to 0: below sqrt(eps) of the largest, or to the rounding of equal points."""
        mu = conversions.tangent_to_poincare(self.centre(theta, np.arange(len(theta))), self.c)
        noise = ROUNDING * 2.0 / (1.0 - self.c * dot(mu, mu)) * np.sqrt(dot(mu, mu))
        largest = np.max(variance, axis=-1, keepdims=True)
        bound = np.maximum(np.square(noise)[:, None], _EPS * largest if variance.shape[-1] > 1 else 0.0)
        if self.floor == 0.0 and not (variance > bound).all():
            raise ValueError(self.no_maximum)


class _OneScale(_Problem):
    """One scale for all coordinates: there is a maximum unless all points are equal."""

    no_maximum = EQUAL_DATA

    def _best(self, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        variance = np.maximum(np.mean(moment, axis=-1, keepdims=True), self.floor)
        return variance, 0.5 * np.sum(np.log(variance) + moment / variance, axis=-1)

    def check_bounded(self, resolution: float) -> None:
        """Left to ``check``."""


class _Full(_Problem):
    """A full covariance, of eigenvalues no less than the floor: its axes are those of the moments E v v^T."""

    def _moment(self, shares: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.einsum("nb,nbi,nbj->bij", shares, v, v)

    def _best(self, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        along, axes = np.linalg.eigh(moment)
        variance = np.maximum(along, max(self.floor, _LEAST))
        covariance = (axes * variance[:, None, :]) @ np.swapaxes(axes, -1, -2)
        return covariance, 0.5 * np.sum(np.log(variance) + along / variance, axis=-1)

    def _over(self, v: np.ndarray, variance: np.ndarray) -> np.ndarray:
        try:
            inverse = np.linalg.inv(variance)
        except np.linalg.LinAlgError:  # to the last bit singular, which ``check`` would see next
            raise ValueError(_FLAT_DATA) from None
        return np.einsum("bij,nbj->nbi", inverse, v)

    def spread(self, variance: np.ndarray) -> np.ndarray:
        """The lower triangles."""
        return np.linalg.cholesky(variance)

    def metric(self, variance: np.ndarray) -> np.ndarray:
        """Inverse Hessians, about: the covariances."""
        return np.array(variance)

    def _check_normals(self, normals: np.ndarray, mean: np.ndarray, square: float, growth: float) -> None:
        """Raise where there is any hyperplane: an axis of the covariance is free to be orthogonal to it."""
        if len(normals):
            raise ValueError(_FLAT_DATA)

    def check(self, theta: np.ndarray, variance: np.ndarray) -> None:
        """Raise where a scale along some axis has gone to 0."""
        try:
            super().check(theta, np.linalg.eigvalsh(variance))
        except ValueError:
            raise ValueError(_FLAT_DATA) from None


def _rows(mu: np.ndarray) -> int:
    return max(1, _BLOCK // mu.size)


def _largest(x: np.ndarray, shares: np.ndarray) -> float:
    """The largest squared length."""
    return float(np.max(dot(x, x), initial=0.0))


def _triangle(law: int, v: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, float, int]:
    """Of a law's logarithms (n, d) the triangle of their QR, the greatest length, and n."""
    mine = v[present[:, law] > 0.0, law]
    return np.asarray(np.linalg.qr(mine, mode="r")), math.sqrt(_largest(mine, present)), len(mine)


def _stacked(parts: list[tuple[np.ndarray, float, int]]) -> tuple[np.ndarray, float, int]:
    """What has the singular values and right vectors of all parts together."""
    triangles, longest, n = zip(*parts, strict=True)
    return np.concatenate(triangles), max(longest), sum(n)


KINDS = {"diagonal": _Problem, "isotropic": _OneScale, "full": _Full}
"""The functions to minimise by the kind of covariance."""
