"""The Poincare ball of curvature -c: points with sqrt(c) |x| < 1, metric lambda_x^2 |dx|^2, lambda_x = 2/(1 - c|x|^2).

Mobius operations follow Ungar (2008), Analytic Hyperbolic Geometry; the exponential map Ganea et al. (2018), arXiv
1805.09112, section 2.4. At c = 0 it is Euclidean space with lambda = 2, and every kernel goes there smoothly.

Accuracy  coordinates near the boundary hold 1 - c|x|^2 to eps/(1 - c|x|^2) only; ``dist`` adds a few of the same.
Gradients of ``dist_sq``, ``exp`` and ``log`` are right at x = y and at 0, twice.
"""

from __future__ import annotations

import numpy as np

from hyperdist.arrays.namespace import Array, namespace, settled, values
from hyperdist.arrays.rows import column, dot, root, scaled
from hyperdist.arrays.stable import asinhc_sq, tanhc_sq
from hyperdist.arrays.types import Scalar
from hyperdist.geometry.half_vector import beyond, shares, within


def gap(x: Array, c: Scalar) -> Array:
    """1 - c|x|^2, (*batch)."""
    return 1.0 - c * dot(x, x)


def inside(x: Array, c: Scalar) -> Array:
    """Whether points lie in the ball, sqrt(c) |x| < 1, (*batch); False for NaN."""
    return c * dot(x, x) < 1.0


def conformal_factor(x: Array, c: Scalar) -> Array:
    """lambda_x = 2/(1 - c|x|^2), (*batch)."""
    return 2.0 / gap(x, c)


def log_origin(x: Array, c: Scalar) -> Array:
    """atanh(sqrt(c)|x|)/(sqrt(c)|x|) x, half of x's tangent coordinates; by asinh, which does not meet the pole."""
    gap_x = gap(x, c)
    return column(asinhc_sq(c * dot(x, x) / gap_x) / namespace(x, c).sqrt(gap_x)) * x


def mobius_add(x: Array, y: Array, c: Scalar) -> Array:
    """x (+) y. Written in x + y, so that nothing cancels where y is near -x:

    ((1 - c|x|^2)(x + y) + c|x + y|^2 x) / ((1 - c|x|^2)(1 - c|y|^2) + c|x + y|^2).
    """
    return _added(x, y, gap(y, c), c)


def _added(x: Array, y: Array, gap_y: Array, c: Scalar) -> Array:
    total = x + y
    size = c * dot(total, total)
    gap_x = gap(x, c)
    return (column(gap_x) * total + column(size) * x) / column(gap_x * gap_y + size)


def mobius_scalar_mul(t: Scalar, x: Array, c: Scalar) -> Array:
    """t (x) x = exp_0(t log_0 x): the point at t times the distance from the origin; t (*batch)."""
    stretched = column(t) * log_origin(x, c)
    return column(tanhc_sq(c * dot(stretched, stretched))) * stretched


def mobius_matvec(m: Array, x: Array, c: Scalar) -> Array:
    """exp_0(m log_0 x) of a matrix m (*batch, e, d): (*batch, e)."""
    moved = (m @ log_origin(x, c)[..., None])[..., 0]
    return column(tanhc_sq(c * dot(moved, moved))) * moved


def gyration(x: Array, y: Array, w: Array, c: Scalar) -> Array:
    """gyr[x, y] w, a rotation in the plane of x and y: -(x (+) y) (+) (x (+) (y (+) w)), in closed form.

    With d = x + y and D = (1 - c|x|^2)(1 - c|y|^2) + c|d|^2, Ungar's formula rearranges to

        w + (2c/D) { [(y.w)(1 - c|x|^2 + c|d|^2) - c|y|^2 (d.w)] d - [(1 - c|y|^2)(d.w) + c|d|^2 (y.w)] y },

    which is exactly w where y = -x.
    """
    total = x + y
    size = c * dot(total, total)
    gap_x, gap_y = gap(x, c), gap(y, c)
    yw, dw = dot(y, w), dot(total, w)
    along_d = yw * (gap_x + size) - c * dot(y, y) * dw
    along_y = gap_y * dw + size * yw
    factor = 2.0 * c / (gap_x * gap_y + size)
    return w + column(factor * along_d) * total - column(factor * along_y) * y


def dist_sq(x: Array, y: Array, c: Scalar) -> Array:
    """Squared distance, (*batch): (4/c) asinh^2 of sqrt(c)|x - y| / sqrt((1 - c|x|^2)(1 - c|y|^2))."""
    difference = x - y
    square = dot(difference, difference) / (gap(x, c) * gap(y, c))
    return 4.0 * square * namespace(x, y).square(asinhc_sq(c * square))


def dist(x: Array, y: Array, c: Scalar) -> Array:
    """Distance, (*batch): 0 where x equals y, and its gradient there taken as 0; ``dist_sq`` is smooth."""
    return root(dist_sq(x, y, c))


def exp(x: Array, u: Array, c: Scalar) -> Array:
    """x (+) (tanh(sqrt(c) lambda |u|/2)/(sqrt(c)|u|)) u: the point reached from x with velocity u in unit time."""
    step, gap_step = _step(x, u, c)
    return _added(x, step, gap_step, c)


def _step(x: Array, u: Array, c: Scalar) -> tuple[Array, Array]:
    """The y of exp_x(u) = x (+) y and its gap, from the length itself, which coordinates of a long step do not hold."""
    half = 0.5 * column(conformal_factor(x, c)) * u
    square = c * dot(half, half)
    return column(tanhc_sq(square)) * half, gap_at(square)


def gap_at(square: Array) -> Array:
    """1 - c|x|^2 of a point x at radius 2a/sqrt(c), from a^2: 1/cosh(a)^2, (*batch)."""
    xp = namespace(square)
    growth, _, cosh = scaled(square)
    return xp.square(xp.exp(-growth) / cosh)


def added_gap(x: Array, y: Array, gap_y: Array, c: Scalar) -> Array:
    """1 - c|x (+) y|^2 = gap_x gap_y/(gap_x gap_y + c|x + y|^2), (*batch): where coordinates of x (+) y round."""
    total = x + y
    product = gap(x, c) * gap_y
    return product / (product + c * dot(total, total))


def exp_gap(x: Array, u: Array, c: Scalar) -> Array:
    """1 - c|exp_x(u)|^2, (*batch); see ``added_gap``."""
    return added_gap(x, *_step(x, u, c), c)


def log(x: Array, y: Array, c: Scalar) -> Array:
    """The velocity at x of the geodesic that reaches y at time 1.

    With z = sinh^2(D/2) and m = (-x) (+) y: (2/lambda_x) atanh(|m|)/|m| m, and |m| = tanh(D/2) = sqrt(z/(1 + z)), so
    that atanh(|m|)/|m| = asinh(sqrt z)/sqrt(z) sqrt(1 + z); no atanh of what rounds to 1.
    """
    difference = y - x
    gap_x = gap(x, c)
    gaps = gap_x * gap(y, c)
    size = c * dot(difference, difference)
    z = size / gaps
    # (-x) (+) y = (gap_x (y - x) - size x)/(gaps + size), and sqrt(1 + z)/(gaps + size) = 1/(gaps sqrt(1 + z))
    factor = gap_x * asinhc_sq(z) / (gaps * namespace(x, y).sqrt(1.0 + z))
    return column(factor) * (column(gap_x) * difference - column(size) * x)


def inner(x: Array, u: Array, v: Array, c: Scalar) -> Array:
    """lambda_x^2 u.v, (*batch)."""
    factor = conformal_factor(x, c)
    return factor * factor * dot(u, v)


def transport(x: Array, y: Array, u: Array, c: Scalar) -> Array:
    """u at x carried along the geodesic to y: (lambda_x/lambda_y) gyr[y, -x] u."""
    return column(gap(y, c) / gap(x, c)) * gyration(y, -x, u, c)


def to_frame(x: Array, u: Array, c: Scalar) -> Array:
    """lambda_x u: coordinates in the orthonormal frame at x, the boost of the standard frame at the origin."""
    return column(conformal_factor(x, c)) * u


def from_frame(x: Array, v: Array, c: Scalar) -> Array:
    """v/lambda_x, the tangent at x with frame coordinates v."""
    return column(0.5 * gap(x, c)) * v


def log_volume(x: Array, c: Scalar) -> Array:
    """log sqrt det G = d log lambda_x, (*batch)."""
    return x.shape[-1] * namespace(x, c).log(conformal_factor(x, c))


def dist_to_gyroplane(x: Array, p: Array, a: Array, c: Scalar) -> Array:
    """Signed distance from x to the geodesic hyperplane through p with normal a, positive on the side of a.

    sinh(sqrt(c) dist) = 2 sqrt(c) <m, a> / ((1 - c|m|^2)|a|) with m = (-p) (+) x: moving p to the origin turns the
    hyperplane into a flat one through 0, and there the distance of m at radius r and angle phi to the normal obeys
    sinh(dist) = sinh(r) cos(phi), the right-angled triangle. 2m/(1 - c|m|^2) = 2 (gap_p d - c|d|^2 p)/(gap_p gap_x),
    d = x - p. (Ganea et al. 2018, theorem 5, has the absolute value; the logarithm there is log_p(x).)
    """
    difference = x - p
    gap_p = gap(p, c)
    toward = dot(difference, a) - c * dot(difference, difference) * dot(p, a) / gap_p
    square = dot(a, a)
    sinh = 2.0 * toward / (gap(x, c) * root(square))
    return sinh * asinhc_sq(c * sinh * sinh)


def geodesic(x: Array, y: Array, t: Array, c: Scalar) -> Array:
    """The point at time t (*batch) of the geodesic from x (t = 0) to y (t = 1), any t.

    On the hyperboloid it is w_x x + w_y y (``_hyperbolic.shares``); in the ball therefore

        (A x + B y)/(A + B + (1 - w_x - w_y)/2),      A = w_x/(1 - c|x|^2),  B = w_y/(1 - c|y|^2),

    a mean of x and y where c = 0. Where 0 <= t <= 1 it lies no further out than x or y, and so within the ball: where
    rounding says otherwise, it is put on the sphere of the further one.
    """
    xp = namespace(x, y, t, c)
    share, start_end = shares(c * dist_sq(x, y, c), within(t)), beyond(x, y, t)
    from_x, from_y = share.x * xp.exp(share.x_growth) / gap(x, c), share.y * xp.exp(share.y_growth) / gap(y, c)
    total = from_x + from_y + 0.5 * share.rest
    result = _no_further(column(from_x / total) * x + column(from_y / total) * y, x, y, c)
    if start_end is None:
        return result
    onward = exp(start_end.start, column(start_end.step) * log(start_end.start, start_end.end, c), c)
    return xp.where(start_end.outside[..., None], onward, result)


def _no_further(p: Array, x: Array, y: Array, c: Scalar) -> Array:
    """p, and where rounding took it out of the ball p at the length of x or y, less what rounds in a square length."""
    xp = namespace(p)
    size = dot(p, p)
    outside = c * size >= 1.0
    if settled(outside) is False:
        return p
    x_size, y_size = dot(x, x), dot(y, y)
    least = 1.0 - (p.shape[-1] + 4.0) * float(np.finfo(str(p.dtype).rpartition(".")[2]).eps)
    safe = xp.where(outside, size, size * 0.0 + 1.0)
    factor = xp.where(outside, least * xp.sqrt(xp.where(x_size > y_size, x_size, y_size) / safe), safe * 0.0 + 1.0)
    return column(values(factor)) * p
