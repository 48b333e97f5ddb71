"""Elementary functions without cancellation, smooth where the textbook form is 0/0.

Every function takes arrays of any namespace and keeps their dtype. Even functions come in two forms where
that matters: of the argument, and of its square (``*_sq``), the form to differentiate through the origin,
because no square root of what may be 0 is taken. Both branches of every ``where`` are finite.

Accuracy: a few eps, relative, over the whole range of the dtype; no overflow where the result is representable.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

from hyperdist.arrays.namespace import Array, constant, namespace, settled, special

_SERIES = 0.05
"""Squared argument under which each Taylor series is exact to double precision."""


def polynomial(z: Array, coefficients: tuple[float, ...]) -> Array:
    """Horner's rule, lowest coefficient first."""
    total = z * 0.0 + coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * z + coefficient
    return total


_LEAST = 1e-30
"""An argument, or a squared one, at which every quotient here is its limit at 0 to the last bit, in either dtype."""

# These two reach double precision for z <= 1.
SINHC = tuple(1.0 / math.factorial(2 * k + 1) for k in range(9))
COSHM1 = tuple(1.0 / math.factorial(2 * k + 2) for k in range(9))
_SINC = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(8))
# tanh(x)/x, x = sqrt(z): Bernoulli numbers, DLMF 4.33.3; 14 terms, since its radius of convergence is pi/2.
_TANHC = (
    1.0, -1 / 3, 2 / 15, -17 / 315, 62 / 2835, -1382 / 155925, 21844 / 6081075, -929569 / 638512875,
    6404582 / 10854718875, -443861162 / 1856156927625, 18888466084 / 194896477400625,
    -113927491862 / 2900518163668125,
)  # fmt: skip
# (x coth x - 1)/x^2: 2^(2k) B_2k/(2k)! from DLMF 4.33.5, shifted.
_LANGEVINC = (
    1 / 3, -1 / 45, 2 / 945, -1 / 4725, 2 / 93555, -1382 / 638512875, 4 / 18243225, -3617 / 162820783125,
    87734 / 38979295480125,
)  # fmt: skip
_ATANHC = tuple(1.0 / (2 * k + 1) for k in range(12))
_ASINHC = tuple((-1.0) ** k * math.comb(2 * k, k) / 4.0**k / (2 * k + 1) for k in range(12))
# asinh(sqrt z)^2 / z = sum_k (-1)^k 2^(2k+1) (k!)^2 / (2k+2)! z^k
_ASINH_SQ = tuple((-4.0) ** k * 2.0 * math.factorial(k) ** 2 / math.factorial(2 * k + 2) for k in range(14))
_DECAYC = tuple((-1.0) ** k / math.factorial(k + 1) for k in range(10))
_SINHCM1 = tuple(1.0 / math.factorial(2 * k + 3) for k in range(9))
_EXPM1_EXCESS = tuple(1.0 / math.factorial(k + 2) for k in range(17))
_SINC_DEFECT = tuple((-1.0) ** k / math.factorial(2 * k + 3) for k in range(12))


def _even(z: Array, series: tuple[float, ...], closed: Any, cancels: bool = False) -> Array:
    """Series of z below ``_SERIES``, ``closed(sqrt z)`` above; derivatives are right on both sides.

    Where no derivative is wanted the closed form serves down to 0, unless it ``cancels`` there.
    """
    xp = namespace(z)
    if not cancels and constant(z):
        # abs: a square that rounding took below 0
        return closed(xp, xp.sqrt(xp.abs(z) + _LEAST))
    small = z < _SERIES
    one_side = settled(small)
    if one_side is True:
        return polynomial(z, series)
    if one_side is False:
        return closed(xp, xp.sqrt(z))
    x = xp.sqrt(xp.where(small, z * 0.0 + 0.25, z))  # any point where the closed form is finite
    return xp.where(small, polynomial(xp.where(small, z, z * 0.0), series), closed(xp, x))


def sinhc_sq(z: Array) -> Array:
    """sinh(x)/x of z = x^2."""
    return _even(z, SINHC, lambda xp, x: xp.sinh(x) / x)


def sinhc(x: Array) -> Array:
    """sinh(x)/x, 1 at 0."""
    return sinhc_sq(x * x)


def coshm1_sq(z: Array) -> Array:
    """(cosh(x) - 1)/x^2 of z = x^2, 1/2 at 0."""
    return _even(z, COSHM1, lambda xp, x: 2.0 * xp.square(xp.sinh(0.5 * x) / x))


def sinc_sq(z: Array) -> Array:
    """sin(x)/x of z = x^2 (not sin(pi x)/(pi x))."""
    return _even(z, _SINC, lambda xp, x: xp.sin(x) / x)


def sinc(x: Array) -> Array:
    """sin(x)/x, 1 at 0."""
    return sinc_sq(x * x)


def tanhc_sq(z: Array) -> Array:
    """tanh(x)/x of z = x^2."""
    return _even(z, _TANHC, lambda xp, x: xp.tanh(x) / x)


def tanhc(x: Array) -> Array:
    """tanh(x)/x, 1 at 0."""
    return tanhc_sq(x * x)


def atanhc_sq(z: Array) -> Array:
    """atanh(x)/x of z = x^2 < 1."""
    return _even(z, _ATANHC, lambda xp, x: xp.atanh(x) / x)


def asinhc_sq(z: Array) -> Array:
    """asinh(x)/x of z = x^2."""
    return _even(z, _ASINHC, lambda xp, x: xp.asinh(x) / x)


def asinh_squared(z: Array) -> Array:
    """asinh(sqrt z)^2, analytic at 0: the squared half distance of z = sinh^2(D/2)."""
    return z * _even(z, _ASINH_SQ, lambda xp, x: xp.square(xp.asinh(x) / x))


def _log_sinhc(xp: ModuleType, small: Array, z: Array, x: Array) -> Array:
    """log1p of sinhc - 1 where z = x^2 < 1, exponentials above: no overflow, no cancellation."""
    one_side = settled(small)
    if one_side is True:
        return xp.log1p(z * polynomial(z, _SINHCM1))
    if one_side is False:
        return x + xp.log1p(-xp.exp(-2.0 * x)) - xp.log(2.0 * x)
    near = xp.where(small, z, z * 0.0)
    far = xp.where(small, x * 0.0 + 1.0, x)
    return xp.where(
        small,
        xp.log1p(near * polynomial(near, _SINHCM1)),
        far + xp.log1p(-xp.exp(-2.0 * far)) - xp.log(2.0 * far),
    )


def log_sinhc_sq(z: Array) -> Array:
    """log(sinh(x)/x) of z = x^2."""
    xp = namespace(z)
    small = z < 1.0
    return _log_sinhc(xp, small, z, xp.sqrt(xp.where(small, z * 0.0 + 1.0, z)))


def log_sinhc(x: Array) -> Array:
    """log(sinh(x)/x), 0 at 0; x^2 may overflow, the result does not."""
    xp = namespace(x)
    a = xp.where(x < 0.0, -x, x)  # abs has no derivative at 0
    small = a < 1.0
    near = xp.where(small, a, a * 0.0)
    return _log_sinhc(xp, small, near * near, a)


def log_sinh(x: Array) -> Array:
    """log sinh(x) for x > 0; -inf at 0."""
    xp = namespace(x)
    return xp.log(x) + log_sinhc(x)


def decayc(x: Array) -> Array:
    """(1 - exp(-x))/x for x >= 0: 1 at 0, 1/x far out."""
    xp = namespace(x)
    if constant(x):
        x = x + _LEAST
        return -xp.expm1(-x) / x
    small = x < _SERIES
    safe = xp.where(small, x * 0.0 + 1.0, x)
    return xp.where(small, polynomial(xp.where(small, x, x * 0.0), _DECAYC), -xp.expm1(-safe) / safe)


def expm1_excess(x: Array) -> Array:
    """exp(x) - 1 - x >= 0: x^2/2 near 0; what an exponential lies above its tangent."""
    xp = namespace(x)
    small = xp.abs(x) < 1.0
    near, far = xp.where(small, x, x * 0.0), xp.where(small, x * 0.0 + 1.0, x)
    return xp.where(small, near * near * polynomial(near, _EXPM1_EXCESS), xp.expm1(far) - far)


def log_quotient(a: Array, b: Array) -> Array:
    """log(a/b) of positive numbers: no cancellation where they are close, no overflow where they are not."""
    xp = namespace(a, b)
    near = (a > 0.5 * b) & (0.5 * a < b)
    difference = xp.where(near, a - b, 0.0 * (a + b))
    return xp.where(near, xp.log1p(difference / b), xp.log(a) - xp.log(b))


def cos_excess(x: Array) -> Array:
    """cos(x) - 1 + x^2/2 >= 0: x^4/24 near 0."""
    xp = namespace(x)
    half = 0.5 * x
    small = half * half < 4.0
    near = xp.where(small, half, half * 0.0)
    defect = xp.where(small, near * near * near * polynomial(near * near, _SINC_DEFECT), half - xp.sin(half))
    return 2.0 * defect * (half + xp.sin(half))


def langevinc_sq(z: Array) -> Array:
    """(x coth x - 1)/x^2 of z = x^2: 1/3 at 0, 1/x far out."""
    return _even(z, _LANGEVINC, lambda xp, x: (x / xp.tanh(x) - 1.0) / (x * x), cancels=True)


def log1mexp(x: Array) -> Array:
    """log(1 - exp(-x)) for x > 0 (Maechler 2012, switch at log 2)."""
    xp = namespace(x)
    near = x < math.log(2.0)
    one_side = settled(near)
    if one_side is not None:
        return xp.log(-xp.expm1(-x)) if one_side else xp.log1p(-xp.exp(-x))
    one = x * 0.0 + 1.0
    return xp.where(near, xp.log(-xp.expm1(-xp.where(near, x, one))), xp.log1p(-xp.exp(-xp.where(near, one, x))))


_FAR_TAIL = 5.0
_FRACTIONS = 30
"""Of the continued fraction of erfc, which leave 1e-17 from ``_FAR_TAIL`` on."""


def erfcx(x: Array) -> Array:
    """exp(x^2) erfc(x) for x >= 0.

    JAX's own is new, and lost from x = 26 on. There the product itself, whose factors round x^2 alike, serves below
    ``_FAR_TAIL``, and above it the continued fraction (DLMF 7.9.3).
    """
    xp = namespace(x)
    functions: Any = special(xp)
    if xp.__name__ != "jax.numpy":
        return functions.erfcx(x)
    far = x > _FAR_TAIL
    near, beyond = xp.where(far, x * 0.0, x), xp.where(far, x, x * 0.0 + _FAR_TAIL)
    tail = beyond
    for k in range(_FRACTIONS, 0, -1):
        tail = beyond + 0.5 * k / tail
    return xp.where(far, 1.0 / (math.sqrt(math.pi) * tail), xp.exp(near * near) * functions.erfc(near))


_SPLITTER = {"float32": 4097.0, "float64": 134217729.0}
"""2^12 + 1 and 2^27 + 1, which halve a significand (Dekker 1971)."""


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """a*b as an unevaluated sum of two floats (Dekker 1971): no bit of the product is lost, derivatives included.

    Of one dtype; |a|, |b| and the product below 1e290 in float64, 1e34 in float32.
    """
    splitter = _SPLITTER[str(b.dtype).rpartition(".")[2]]
    product = a * b
    a_high, b_high = splitter * a - (splitter * a - a), splitter * b - (splitter * b - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
