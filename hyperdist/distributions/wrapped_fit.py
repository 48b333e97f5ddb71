"""Maximum likelihood of wrapped normals on hyperbolic space, many at once.

With v = log_mu(x) in the frame at mu and r = |v|, the mean negative log likelihood is, but for a constant,

    L = sum_j (log sigma_j + E v_j^2/(2 sigma_j^2)) + (d - 1) E log(sinh(sqrt(c) r)/(sqrt(c) r)),

whose best sigma_j^2 at a given mu is E v_j^2 (with one scale for all, E r^2/d). What is left is a function of mu; by
the envelope theorem its gradient is E <g, dv>, with g = v/sigma^2 + (d - 1) c l v the derivative of L's summand in v,
where l = (a coth a - 1)/a^2 at a = sqrt(c) r. As mu moves by delta in its frame, v changes for two reasons:

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
part of s_j among the normals is at least 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.rows import column, dot
from hyperdist.arrays.stable import langevinc_sq, log_sinhc_sq, sinhc_sq
from hyperdist.distributions.fitting import ROUNDING
from hyperdist.geometry import conversions, poincare, tangent
from hyperdist.geometry.half_vector import half_rotate
from hyperdist.radial.base import quiet
from hyperdist.spaces import frechet

_STEPS = 200
_HALVINGS = 40
_ARMIJO = 1e-4
"""The part of the decrease that the slope promises which a step must keep (Nocedal and Wright 2006, section 3.1)."""
_DONE = 1e-20
"""Gain that ends the search: the square of the gradient in units of the scales."""
_BALL_RADIUS = 8.0
"""Radius up to which ball coordinates are as good as tangent ones, and cheaper."""
_BLOCK = 1 << 16
"""Scalars of a block of points, so that temporaries do not grow with their number."""
_TOGETHER = 1 << 23
"""Scalars of the logarithms of all points for the laws that are fitted side by side."""
_EPS = float(np.finfo(np.float64).eps)
_FLAT = 1e-8
"""Ratio of the least to the largest square spread below which points may lie on a hyperplane to rounding."""
_NO_MAXIMUM = (
    "the data must have a positive spread along every axis of the frame, wherever the mean is: here some best sigma is "
    "0 and the likelihood has no maximum; give min_scale, the least sigma, or isotropic=True"
)


@quiet
def wrapped_normal_maximum(
    x: np.ndarray, shares: np.ndarray, c: np.ndarray, isotropic: bool, min_scale: Any, resolution: float
) -> tuple[np.ndarray, np.ndarray]:
    """(mu, sigma): ball points (*batch, d) and scales (*batch, d), or (*batch, 1) where isotropic.

    x (n, d) ball points, float64;  shares (n, *batch) of sum 1 over n;  c scalar;  min_scale: least sigma, or None.
    The gradient there, in units of the scales, is below 1e-9 where coordinates can tell.
    resolution: eps of the dtype that the points came in.
    Raises ValueError where the likelihood has no maximum: some scale goes to 0.
    """
    least = 0.0 if min_scale is None else checks.one_positive(min_scale, "min_scale")
    n, d = x.shape
    points, flat = conversions.poincare_to_tangent(x, c), shares.reshape(n, -1)
    size = max(1, _TOGETHER // (n * d))
    parts = []
    for first in range(0, flat.shape[1], size):
        problem = _Problem(points, flat[:, first : first + size], c, isotropic, least * least)
        if not isotropic and least == 0.0:
            problem.check_bounded(resolution)
        parts.append(_minimise(problem))
    mu, sigma = (np.concatenate(part).reshape(*shares.shape[1:], -1) for part in zip(*parts, strict=True))
    return conversions.tangent_to_poincare(mu, c), sigma


class _Problem:
    """The function to minimise for several laws, (laws,), in theta (laws, d)."""

    def __init__(self, x: np.ndarray, shares: np.ndarray, c: np.ndarray, isotropic: bool, floor: float) -> None:
        self.x, self.shares, self.c, self.isotropic, self.floor = x, shares, c, isotropic, floor
        self.base = frechet.hyperbolic(x[:, None, :], shares, c)
        self.near = float(np.sqrt(c * np.max(dot(x, x)))) <= _BALL_RADIUS
        self.ball = conversions.tangent_to_poincare(x, c) if self.near else x

    def centre(self, theta: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Tangent coordinates of mu at theta, for the laws ``which``."""
        return tangent.boost(self.base[which], theta, self.c)

    def log(self, mu: np.ndarray, block: slice) -> np.ndarray:
        """Frame coordinates at mu (laws, d), in tangent coordinates, of a block of the points, (rows, laws, d)."""
        if not self.near:
            return tangent.log_frame(mu, self.x[block, None, :], self.c)
        centre = conversions.tangent_to_poincare(mu, self.c)
        return poincare.to_frame(centre, poincare.log(centre, self.ball[block, None, :], self.c), self.c)

    def _blocks(self, mu: np.ndarray) -> list[slice]:
        rows = max(1, _BLOCK // mu.size)
        return [slice(start, start + rows) for start in range(0, len(self.x), rows)]

    def _logs(self, mu: np.ndarray) -> np.ndarray:
        """``log`` of all points, (n, laws, d)."""
        v = np.empty((len(self.x), *mu.shape))
        for block in self._blocks(mu):
            v[block] = self.log(mu, block)
        return v

    def evaluate(self, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(L, its gradient in theta, variances (laws, d or 1)) for the laws ``which``."""
        mu, shares, d = self.centre(theta, which), self.shares[:, which], theta.shape[-1]
        v = np.empty((len(self.x), *theta.shape))
        moment, excess = np.zeros(theta.shape), np.zeros(len(theta))
        for block in self._blocks(mu):
            v[block] = self.log(mu, block)
            moment += np.einsum("nb,nbi,nbi->bi", shares[block], v[block], v[block])
            excess += np.sum(shares[block] * log_sinhc_sq(self.c * dot(v[block], v[block])), axis=0)
        mean = np.mean(moment, axis=-1, keepdims=True) if self.isotropic else moment
        variance = np.maximum(mean, self.floor)
        value = 0.5 * np.sum(np.log(variance) + moment / variance, axis=-1) + (d - 1) * excess
        gradient = np.zeros(theta.shape)
        ball = conversions.tangent_to_poincare(mu, self.c)
        for block in self._blocks(mu):
            gradient -= np.einsum("nb,nbi->bi", shares[block], self._pull(v[block], variance, ball))
        return value, self._in_chart(gradient, mu, theta, which), variance

    def _pull(self, v: np.ndarray, variance: np.ndarray, ball: np.ndarray) -> np.ndarray:
        """-(dv/d delta)^T g for each point, (rows, laws, d)."""
        square = dot(v, v)
        bend = self.c * langevinc_sq(self.c * square)
        g = v / variance + column((v.shape[-1] - 1) * bend) * v
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
        v = self._logs(self.base)
        present = self.shares > 0.0
        gram = np.einsum("nb,nbi,nbj->bij", present.astype(float), v, v)
        size = np.linalg.eigvalsh(gram)
        for law in np.flatnonzero(size[:, 0] <= _FLAT * size[:, -1]):
            mine, mean = v[present[:, law], law], self.base[law]
            square = self.c * dot(mean, mean)
            growth = np.cosh(np.sqrt(square))
            _, length, axes = np.linalg.svd(np.concatenate([mine, 0.0 * np.eye(len(mean))]), full_matrices=False)
            # Rounding of a point moves its logarithm by this, whatever its distance from the mean.
            noise = 64.0 * resolution * growth * (np.sqrt(dot(mean, mean)) + np.sqrt(np.max(dot(mine, mine))))
            normals = axes[length <= noise * np.sqrt(len(mine))]
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
            raise ValueError(_NO_MAXIMUM)


def _minimise(problem: _Problem) -> tuple[np.ndarray, np.ndarray]:
    """(mu in tangent coordinates, sigma) of every law, by BFGS (Nocedal and Wright 2006, algorithm 6.1) side by side.

    A step whose gain the rounded value cannot show is taken as it is; a law is done when such steps stop shrinking.
    """
    laws, d = problem.base.shape
    theta, active = np.zeros((laws, d)), np.arange(laws)
    value, gradient, variance = problem.evaluate(theta, active)
    problem.check(theta, variance)
    inverse = np.broadcast_to(variance, (laws, d))[:, :, None] * np.eye(d)
    last = np.full(laws, np.inf)
    for _ in range(_STEPS):
        step = -np.einsum("bij,bj->bi", inverse[active], gradient[active])
        promise = -dot(step, gradient[active])
        blind = promise <= 64.0 * _EPS * (1.0 + np.abs(value[active]))
        done = blind & ((promise >= last[active]) | (promise <= _DONE))
        last[active] = np.where(blind, promise, np.inf)
        active, step, promise, blind = active[~done], step[~done], promise[~done], blind[~done]
        if not active.size:
            return problem.centre(theta, np.arange(laws)), np.sqrt(variance)
        moved, new_value, new_gradient, new_variance = _search(problem, theta, value, active, step, promise, blind)
        change, turn = moved - theta[active], new_gradient - gradient[active]
        inverse[active] = _update(inverse[active], change, turn)
        theta[active], value[active], gradient[active], variance[active] = moved, new_value, new_gradient, new_variance
        problem.check(theta, variance)
    raise ValueError(f"the likelihood of {active.size} of {laws} laws did not reach its maximum in {_STEPS} steps")


def _search(
    problem: _Problem, theta: np.ndarray, value: np.ndarray, active: np.ndarray, step: np.ndarray, promise: np.ndarray,
    blind: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(theta, L, gradient, variance) after the first of step, step/2, ... that goes down far enough."""
    length = np.ones(len(active))
    moved = theta[active] + step
    found = list(problem.evaluate(moved, active))
    for _ in range(_HALVINGS):
        again = np.flatnonzero(~(blind | (found[0] <= value[active] - _ARMIJO * length * promise)))
        if not again.size:
            break
        length[again] *= 0.5
        moved[again] = theta[active[again]] + column(length[again]) * step[again]
        for whole, part in zip(found, problem.evaluate(moved[again], active[again]), strict=True):
            whole[again] = part
    return moved, found[0], found[1], found[2]


def _update(inverse: np.ndarray, change: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """The BFGS update of inverse Hessians (laws, d, d); none where the curvature along the step is not positive."""
    curvature = dot(change, turn)
    usable = curvature > _EPS * np.sqrt(dot(change, change) * dot(turn, turn))
    rho = np.where(usable, 1.0 / np.where(usable, curvature, 1.0), 0.0)
    turned = np.einsum("bij,bj->bi", inverse, turn)
    cross = change[:, :, None] * turned[:, None, :]
    square = rho * (1.0 + rho * dot(turn, turned))
    outer = change[:, :, None] * change[:, None, :]
    return inverse - rho[:, None, None] * (cross + np.swapaxes(cross, 1, 2)) + square[:, None, None] * outer
