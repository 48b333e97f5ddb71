"""Squared distance in tangent coordinates by the law of cosines, with its derivatives: the triangle of 0, x and y.

With a = sqrt(c)|x|, b = sqrt(c)|y|, theta the angle between both and rho = sqrt(c) dist(x, y), the law of cosines in
halves (Ratcliffe, Foundations of Hyperbolic Manifolds, section 3.5, with cosh rho - 1 = 2 sinh^2(rho/2)) is

    H = sinh^2(rho/2) = sinh^2((a - b)/2) + sinh(a) sinh(b) sin^2(theta/2)

whose terms are never negative: no digit is lost, since theta comes from exact products. Its derivatives are

    dH/da = sinh(a - b)/2 + cosh(a) sinh(b) sin^2(theta/2),    dH/dtheta = sinh(a) sinh(b) sin(theta)/2

and d rho^2/dH = 2 rho/sqrt(H (1 + H)) is smooth at 0. At the origin any direction serves: the gradient comes out the
same. One pass gives the value and another pulls a gradient back, ten times as fast as differentiating
``tangent.dist_sq``. Vectors keep their dtype, row scalars are float64.

It serves every pair, so that nobody has to look which one it is, for which an accelerator would wait. Far out H and
its derivatives are held times exp(-g), where g is what the larger of their exponents |a - b| and a + b + 2 log
sin(theta/2) has above ``_STEEPEST``; then rho = g + 2 asinh(sqrt(exp(-g) H)). Where space is all but flat, c = 0
included, a larger k stands in for sqrt(c), at which the value is the same to the last digit, and the derivative in c is
that of the series

    dist^2 = |x - y|^2 + c P/3 - c^2 P (|x|^2 + |y|^2 - 4 x.y)/45 + ...,    P = |x|^2 |y|^2 sin^2(theta).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hyperdist.arrays.namespace import Array, namespace, place, settled
from hyperdist.arrays.rows import dot, times, wide
from hyperdist.arrays.stable import two_product

_STEEPEST = 300.0
"""The largest exponent that is held: so large, what is below 1 in H is rounding."""
_FLATTEST = 1e-9
"""The least a + b: its square is what curvature changes of a distance, relatively."""
_SERIES = 1e-5
"""(a + b)^2 below which the derivative in c, elsewhere a difference of terms of the size of dist^2/c, is taken from the
series above: both are right to 1e-10."""

_NEAR, _FAR, _SCALE = 1e-75, 1e60, 2.0**400
"""Lengths between which squares of products are held; the direction of another point is that of a multiple."""
_LEAST = 1e-140
"""Below every length that counts, and the inverse of its square is held."""


class Chord(NamedTuple):
    """A solved pair: the orthonormal vectors that span its plane, and row scalars."""

    v: Array
    """y/|y|"""
    e: Array
    """Across y, towards x; 0 where x lies along y."""
    x_length: Array
    y_length: Array
    c: Array
    k: Array
    """sqrt(c), or what stands in for it."""
    cos: Array
    sin: Array
    difference: Array
    """a - b"""
    a_decay: Array
    """1 - exp(-2 a)"""
    b_decay: Array
    lean: Array
    """sinh(a - b)/2, times exp(-g) as the next three"""
    from_a: Array
    """cosh(a) sinh(b) sin^2(theta/2)"""
    from_b: Array
    around: Array
    """exp(a + b) sin(theta)/4; sinh(a) sinh(b) sin(theta) over both decays"""
    rho: Array
    slope: Array
    """d rho^2/dH, times exp(g)"""


def _directed(x: Array, exact: bool) -> tuple[Array, Array]:
    """(a multiple of x, |x|), with a vector of ones in the place of the origin, which has no direction.

    ``exact`` where x comes from float32: float64 holds the products of all its lengths.
    """
    xp = namespace(x)
    length = xp.sqrt(dot(x, x))
    plain = (length >= _NEAR) & (length <= _FAR)
    if settled(plain) is True:
        return x, length
    origin = (length == 0.0)[..., None]
    if exact:
        return xp.where(origin, xp.ones_like(x), x), length
    one = xp.ones_like(length)
    scale = xp.where(length < _NEAR, _SCALE * one, xp.where(length > _FAR, one / _SCALE, one))[..., None]
    return xp.where(origin, xp.ones_like(x), x * scale), length


def _across(x: Array, y: Array, y_sq: Array, exact: bool) -> tuple[Array, Array]:
    """(rest, y_p): y_p times the part of x across y, as in ``_rows.reject``, y_p the largest coordinate of y.

    ``exact`` where float64 holds all products of coordinates.
    """
    xp = namespace(x, y)
    pivot = xp.arange(y.shape[-1], **place(y)) == xp.argmax(xp.abs(y), axis=-1)[..., None]
    pivot = xp.asarray(pivot, dtype=y.dtype)
    x_pivot, y_pivot = dot(x, pivot), dot(y, pivot)
    if exact:
        rest = x * y_pivot[..., None] - x_pivot[..., None] * y
    else:
        first, first_lost = two_product(x, y_pivot[..., None])
        second, second_lost = two_product(x_pivot[..., None], y)
        rest = (first - second) + (first_lost - second_lost)
    return rest - (dot(rest, y) / y_sq)[..., None] * y, y_pivot


def solve(x: Array, y: Array, c: Array) -> Chord:
    """The triangle of 0, x and y, (*batch, d) in tangent coordinates of one dtype; c >= 0."""
    xp = namespace(x, y)
    exact, like = x.dtype == xp.float32, x
    c, wide_x, wide_y = wide(c), wide(x), wide(y)
    (x, x_length), (y, y_length) = _directed(wide_x, exact), _directed(wide_y, exact)
    x_sq, y_sq = dot(x, x), dot(y, y)

    rest, y_pivot = _across(x, y, y_sq, exact)
    size = xp.sqrt(dot(rest, rest))
    sin = size / xp.sqrt(xp.square(y_pivot) * x_sq)
    cos = dot(x, y) / xp.sqrt(x_sq * y_sq)
    small = xp.square(sin) / (2.0 + 2.0 * xp.abs(cos))
    half_sine_sq = xp.where(cos >= 0.0, small, 1.0 - small)
    one = xp.ones_like(size)
    turn = xp.where(size > 0.0, xp.sign(y_pivot) / xp.where(size > 0.0, size, one), 0.0 * size)

    total = x_length + y_length
    k, least = xp.sqrt(c), _FLATTEST / (total + _LEAST)
    k = xp.where(k < least, least, k)
    a, b = k * x_length, k * y_length
    # Different points of float32 are 1e9 times further apart than what rounding takes from a - b.
    if exact:
        difference = a - b
    else:
        safe = xp.where(total > 0.0, total, one)
        difference = k * dot(wide_x - wide_y, (wide_x + wide_y) / safe[..., None])
    gap, both = xp.abs(difference), a + b + xp.log(half_sine_sq)
    top = xp.where(both > gap, both, gap)
    held = xp.where(top > _STEEPEST, xp.zeros_like(top) + _STEEPEST, top)
    along, beside = 0.25 * xp.exp(gap - top + held), 0.25 * xp.exp(both - top + held)
    decay, a_decay, b_decay = (-xp.expm1(-z) for z in (gap, 2.0 * a, 2.0 * b))
    height = along * decay * decay + beside * a_decay * b_decay
    root = xp.sqrt(height)
    apart = 2.0 * xp.asinh(root)
    safe_root = xp.where(root > 0.0, root, one)
    rho = top - held + apart
    slope = xp.where(root > 0.0, 2.0 * rho / (safe_root * xp.sqrt(1.0 + height)), 4.0 + 0.0 * root)
    return Chord(
        v=xp.asarray(y / xp.sqrt(y_sq)[..., None], dtype=like.dtype),
        e=xp.asarray(rest * turn[..., None], dtype=like.dtype),
        x_length=x_length, y_length=y_length, c=c, k=k, cos=cos, sin=sin, difference=difference,
        a_decay=a_decay, b_decay=b_decay, lean=xp.sign(difference) * along * decay * (2.0 - decay),
        from_a=beside * (2.0 - a_decay) * b_decay, from_b=beside * (2.0 - b_decay) * a_decay,
        around=beside * sin / xp.where(half_sine_sq > 0.0, half_sine_sq, one), rho=rho, slope=slope,
    )  # fmt: skip


def dist_sq(t: Chord) -> Array:
    """Squared distance, (*batch), float64.

    Accuracy  relative error <= 1e-13 for a + b up to 600 and eps (a + b) beyond, and near x = y, at exactly the given
              coordinates.
    """
    return namespace(t.rho).square(t.rho / t.k)


def pull_back(
    t: Chord, grad: Array, wanted: Sequence[bool] = (True, True, True)
) -> tuple[Array | None, Array | None, Array | None]:
    """The gradient ``grad`` in the squared distance, (*batch), as gradients in x, y, (*batch, d), and c, (*batch).

    ``wanted`` says which; the others are None.

    Accuracy  a few (1 + a + b) eps of each gradient's length; in c eps dist^2/c, since it is c's scaling.
    """
    grad = wide(grad)
    pull = grad * t.slope / t.k
    in_x = in_y = in_c = None
    if wanted[0]:  # x/|x| = cos v + sin e, and sin v - cos e, across it, points towards y
        along = pull * (t.lean + t.from_a)
        across = 0.5 * pull * _over(t.a_decay, t.k * t.x_length) * t.b_decay * t.around
        in_x = times(along * t.cos - across * t.sin, t.v) + times(along * t.sin + across * t.cos, t.e)
    if wanted[1]:
        across = 0.5 * pull * t.a_decay * _over(t.b_decay, t.k * t.y_length) * t.around
        in_y = times(pull * (t.from_b - t.lean), t.v) - times(across, t.e)
    if wanted[2]:
        in_c = grad * _slope_in_c(t)
    return in_x, in_y, in_c


def _slope_in_c(t: Chord) -> Array:
    """c scales a and b, and the distance back; few digits of that are left near c = 0, where the series serves."""
    xp = namespace(t.rho)
    a, b, c = t.k * t.x_length, t.k * t.y_length, t.k * t.k
    scaled = 0.5 * t.slope * (t.difference * t.lean + a * t.from_a + b * t.from_b) - t.rho * t.rho
    flat = xp.square(a + b) < _SERIES
    x, y = (xp.where(flat, length, xp.zeros_like(length)) for length in (t.x_length, t.y_length))
    bend = x * x + y * y - 4.0 * x * y * t.cos
    series = xp.square(x * y * t.sin) * (1.0 / 3.0 - t.c * bend * (2.0 / 45.0))
    return xp.where(flat, series, scaled / c / c)


def _over(decay: Array, a: Array) -> Array:
    """(1 - exp(-2 a))/a, 2 at 0."""
    xp = namespace(a)
    origin = a == 0.0
    return xp.where(origin, 2.0 + 0.0 * a, decay / xp.where(origin, xp.ones_like(a), a))
