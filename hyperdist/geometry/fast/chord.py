"""Squared distance in tangent coordinates by the law of cosines, with its derivatives: the triangle of 0, x and y.

With a = sqrt(c)|x|, b = sqrt(c)|y|, theta the angle between both and rho = sqrt(c) dist(x, y), the law of cosines in
halves (Ratcliffe, Foundations of Hyperbolic Manifolds, section 3.5, with cosh rho - 1 = 2 sinh^2(rho/2)) is

    H = sinh^2(rho/2) = sinh^2((a - b)/2) + sinh(a) sinh(b) sin^2(theta/2)

whose terms are never negative: no digit is lost, since theta comes from exact products. Its derivatives are

    dH/da = sinh(a - b)/2 + cosh(a) sinh(b) sin^2(theta/2),    dH/dtheta = sinh(a) sinh(b) sin(theta)/2

and d rho^2/dH = 2 rho/sqrt(H (1 + H)) is smooth at 0. At the origin any direction serves: the gradient comes out the
same. One pass gives the value and another pulls a gradient back, ten times as fast as differentiating
``tangent.dist_sq``. Vectors keep their dtype, row scalars are float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hyperdist.arrays.namespace import Array, namespace, settled
from hyperdist.arrays.rows import dot, times, wide
from hyperdist.arrays.stable import two_product
from hyperdist.geometry.fast.triangle import FARTHEST

FLATTEST = 1e-9
"""The least curvature: the derivative in c is a difference of terms of the size of dist^2/c."""

_ORIGIN = 1e-75
"""A length below which a point counts as the origin: squares of products of larger ones are held."""


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
    """sqrt(c)"""
    cos: Array
    sin: Array
    half_sine_sq: Array
    difference: Array
    """a - b"""
    sinh_a: Array
    sinh_b: Array
    rho: Array
    slope: Array
    """d rho^2/dH"""


def _directed(x: Array) -> tuple[Array, Array]:
    """(x, |x|), with a vector of ones in the place of the origin, which has no direction."""
    xp = namespace(x)
    length = xp.sqrt(dot(x, x))
    origin = length < _ORIGIN
    return x if settled(origin) is False else xp.where(origin[..., None], xp.ones_like(x), x), length


def _across(x: Array, y: Array, y_sq: Array, exact: bool) -> tuple[Array, Array]:
    """(rest, y_p): y_p times the part of x across y, as in ``_rows.reject``, y_p the largest coordinate of y.

    ``exact`` where float64 holds all products of coordinates.
    """
    xp = namespace(x, y)
    pivot = xp.arange(y.shape[-1], device=y.device) == xp.argmax(xp.abs(y), axis=-1)[..., None]
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
    """The triangle of 0, x and y, (*batch, d) in tangent coordinates of one dtype; c > 0."""
    xp = namespace(x, y)
    exact, like = x.dtype == xp.float32, x
    c, wide_x, wide_y = wide(c), wide(x), wide(y)
    k = xp.sqrt(c)
    (x, x_length), (y, y_length) = _directed(wide_x), _directed(wide_y)
    a, b = k * x_length, k * y_length
    x_sq, y_sq = dot(x, x), dot(y, y)

    rest, y_pivot = _across(x, y, y_sq, exact)
    size = xp.sqrt(dot(rest, rest))
    sin = size / xp.sqrt(xp.square(y_pivot) * x_sq)
    cos = dot(x, y) / xp.sqrt(x_sq * y_sq)
    small = xp.square(sin) / (2.0 + 2.0 * xp.abs(cos))
    half_sine_sq = xp.where(cos >= 0.0, small, 1.0 - small)
    one = xp.ones_like(size)
    turn = xp.where(size > 0.0, xp.sign(y_pivot) / xp.where(size > 0.0, size, one), 0.0 * size)

    # Different points of float32 are 1e9 times further apart than what rounding takes from a - b.
    if exact:
        difference = a - b
    else:
        total = x_length + y_length
        safe = xp.where(total > 0.0, total, xp.ones_like(total))
        difference = k * dot(wide_x - wide_y, wide_x + wide_y) / safe
    sinh_a, sinh_b = xp.sinh(a), xp.sinh(b)
    height = xp.square(xp.sinh(0.5 * difference)) + sinh_a * sinh_b * half_sine_sq
    root = xp.sqrt(height)
    rho = 2.0 * xp.asinh(root)
    safe_root = xp.where(root > 0.0, root, xp.ones_like(root))
    slope = xp.where(root > 0.0, 2.0 * rho / (safe_root * xp.sqrt(1.0 + height)), 4.0 + 0.0 * root)
    return Chord(
        v=xp.asarray(y / xp.sqrt(y_sq)[..., None], dtype=like.dtype),
        e=xp.asarray(rest * turn[..., None], dtype=like.dtype),
        x_length=x_length, y_length=y_length, c=c, k=k, cos=cos, sin=sin, half_sine_sq=half_sine_sq,
        difference=difference, sinh_a=sinh_a, sinh_b=sinh_b, rho=rho, slope=slope,
    )  # fmt: skip


def dist_sq(t: Chord) -> Array:
    """Squared distance, (*batch), float64.

    Accuracy  relative error <= 1e-13 for a + b up to 600, and near x = y, at exactly the given coordinates.
    """
    return namespace(t.rho).square(t.rho) / t.c


def pull_back(
    t: Chord, grad: Array, wanted: tuple[bool, bool, bool] = (True, True, True)
) -> tuple[Array | None, Array | None, Array | None]:
    """The gradient ``grad`` in the squared distance, (*batch), as gradients in x, y, (*batch, d), and c, (*batch).

    ``wanted`` says which; the others are None.

    Accuracy  a few (1 + a + b) eps of each gradient's length; in c eps dist^2/c, since it is c's scaling.
    """
    xp = namespace(t.v, grad)
    grad = wide(grad)
    in_h = grad * t.slope / t.c
    a, b = t.k * t.x_length, t.k * t.y_length
    lean = 0.5 * xp.sinh(t.difference)
    from_a = xp.cosh(a) * t.sinh_b * t.half_sine_sq
    from_b = xp.cosh(b) * t.sinh_a * t.half_sine_sq
    in_x = in_y = in_c = None
    if wanted[0]:  # x/|x| = cos v + sin e, and sin v - cos e, across it, points towards y
        along = t.k * in_h * (lean + from_a)
        across = 0.5 * in_h * _over(t.sinh_a, t.x_length, t.k) * t.sinh_b * t.sin
        in_x = times(along * t.cos - across * t.sin, t.v) + times(along * t.sin + across * t.cos, t.e)
    if wanted[1]:
        across = 0.5 * in_h * t.sinh_a * _over(t.sinh_b, t.y_length, t.k) * t.sin
        in_y = times(t.k * in_h * (from_b - lean), t.v) - times(across, t.e)
    if wanted[2]:  # c scales a and b, and the distance back
        in_c = (0.5 * in_h * (t.difference * lean + a * from_a + b * from_b) - grad * dist_sq(t)) / t.c
    return in_x, in_y, in_c


def _over(sinh: Array, length: Array, k: Array) -> Array:
    """sinh(k length)/length, k at 0."""
    xp = namespace(length)
    origin = length < _ORIGIN
    return xp.where(origin, k + 0.0 * length, sinh / xp.where(origin, xp.ones_like(length), length))


def serves(x: Array, y: Array, c: Array) -> Any:
    """Whether every pair is one that ``solve`` takes and c is not too flat, a boolean array without axes."""
    xp = namespace(x, y)
    c = wide(c)
    total = xp.sqrt(wide(dot(x, x))) + xp.sqrt(wide(dot(y, y)))
    return xp.all(c >= FLATTEST) & xp.all(xp.sqrt(c) * total <= FARTHEST)
