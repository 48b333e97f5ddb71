"""Every function of ``hyperdist.arrays.stable`` against mpmath, on both sides of its switches, in both dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdist.arrays import stable

ORACLES: dict[str, Callable[[Any], Any]] = {
    "sinhc": lambda x: mp.sinh(x) / x,
    "sinhc_sq": lambda z: mp.sinh(mp.sqrt(z)) / mp.sqrt(z),
    "coshm1_sq": lambda z: (mp.cosh(mp.sqrt(z)) - 1) / z,
    "sinc": lambda x: mp.sin(x) / x,
    "sinc_sq": lambda z: mp.sin(mp.sqrt(z)) / mp.sqrt(z),
    "tanhc": lambda x: mp.tanh(x) / x,
    "tanhc_sq": lambda z: mp.tanh(mp.sqrt(z)) / mp.sqrt(z),
    "atanhc_sq": lambda z: mp.atanh(mp.sqrt(z)) / mp.sqrt(z),
    "asinhc_sq": lambda z: mp.asinh(mp.sqrt(z)) / mp.sqrt(z),
    "asinh_squared": lambda z: mp.asinh(mp.sqrt(z)) ** 2,
    "log_sinhc": lambda x: mp.log(mp.sinh(x) / x),
    "log_sinhc_sq": lambda z: mp.log(mp.sinh(mp.sqrt(z)) / mp.sqrt(z)),
    "decayc": lambda x: -mp.expm1(-x) / x,
    "log1mexp": lambda x: mp.log(-mp.expm1(-x)),
    "expm1_excess": lambda x: mp.expm1(x) - x,
}
AT_ZERO = {
    "asinh_squared": 0.0,
    "log_sinhc": 0.0,
    "log_sinhc_sq": 0.0,
    "coshm1_sq": 0.5,
    "expm1_excess": 0.0,
    "log1mexp": -np.inf,
}
LARGEST = {"atanhc_sq": 0.999, "sinc": 3.0, "sinc_sq": 9.0}
"""sin(x)/x is relative to its zero beyond pi; atanh ends at 1."""
SWITCHES = (0.05, 0.05**0.5, 1.0, np.log(2.0))
FUNCTIONS = sorted(ORACLES)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_accuracy(name: str, dtype: Any) -> None:
    """8 eps, relative, from 1e-12 to 80 and on the two sides of every switch."""
    eps = float(np.finfo(dtype).eps)
    x = np.concatenate([np.geomspace(1e-12, 80, 300), *(s * (1 + eps * np.arange(-4, 5)) for s in SWITCHES)]).astype(
        dtype
    )
    x = x[x <= LARGEST.get(name, 80.0)]
    got = getattr(stable, name)(x)
    assert got.dtype == dtype
    with mp.workdps(50):
        for a, b in zip(x, got, strict=True):
            want = ORACLES[name](mp.mpf(float(a)))
            # Towards its zero at pi, sin(x) is as good as x is: eps x cot(x)
            condition = 1 + (abs(float(a) / np.tan(float(a) if name == "sinc" else a**0.5)) if "sinc" in name else 0)
            assert abs(mp.mpf(float(b)) - want) <= 8 * eps * condition * abs(want), f"{name}({a!r})"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_zero(name: str) -> None:
    with np.errstate(divide="ignore"):
        value = getattr(stable, name)(np.array([0.0]))
    np.testing.assert_array_equal(value, [AT_ZERO.get(name, 1.0)])


@given(x=st.floats(1e-300, 1e300))
def test_log_sinh_does_not_overflow(x: float) -> None:
    with mp.workdps(40):
        want = mp.mpf(x) - mp.log(2) if x > 50 else mp.log(mp.sinh(mp.mpf(x)))
        got = mp.mpf(float(stable.log_sinh(np.array(x))))
        # log x and log(sinh(x)/x) are added: their sum is 0 at x = 0.88, where only its parts are right to eps
        assert abs(got - want) <= 8 * np.finfo(float).eps * (1 + abs(want) + abs(mp.log(x)))


@given(a=st.floats(-1e100, 1e100), b=st.floats(-1e100, 1e100))
def test_two_product_loses_nothing(a: float, b: float) -> None:
    product, lost = (mp.mpf(float(t)) for t in stable.two_product(np.array(a), np.array(b)))
    with mp.workdps(80):
        exact = mp.mpf(a) * mp.mpf(b)
        # Below 1e-270 the lost part is not a normal number
        assert abs(product + lost - exact) <= mp.mpf(1e-290)


def test_excesses_over_a_tangent_keep_their_digits() -> None:
    """8 eps, relative, to the left of 0 too and on the two sides of every switch."""
    x = np.concatenate([np.geomspace(1e-60, 80.0, 300), *(s * (1 + 2.0**-52 * np.arange(-4, 5)) for s in (1.0, 4.0))])
    with mp.workdps(300):
        for at, value, cosine in zip(x, stable.expm1_excess(-x), stable.cos_excess(x), strict=True):
            assert float(value) == pytest.approx(float(mp.expm1(-mp.mpf(at)) + at), rel=8 * 2.0**-52)
            assert float(cosine) == pytest.approx(float(mp.cos(mp.mpf(at)) - 1 + mp.mpf(at) ** 2 / 2), rel=8 * 2.0**-52)


@given(a=st.floats(1e-300, 1e300), ratio=st.sampled_from([0.0, 1e-15, -1e-9, 0.3, -0.4999, -0.5001, 0.999, 1.001]))
def test_log_quotient_neither_cancels_nor_overflows(a: float, ratio: float) -> None:
    b = a / (1.0 + ratio)
    with mp.workdps(40):
        want = float(mp.log(mp.mpf(a) / mp.mpf(b)))
        far = float(mp.log(mp.mpf(a) / mp.mpf(1e-300)))
    # far out two logarithms are subtracted, of 690 at most
    assert float(stable.log_quotient(np.array(a), np.array(b))) == pytest.approx(want, rel=1e-12)
    assert float(stable.log_quotient(np.array(a), np.array(1e-300))) == pytest.approx(far, rel=1e-12, abs=1e-15)


@pytest.mark.torch
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.endswith(("_sq", "squared"))])
def test_derivatives_at_zero_and_at_the_switch(name: str) -> None:
    """First and second derivatives in z = x^2 against mpmath's, by torch; finite where the closed form is 0/0."""
    torch = pytest.importorskip("torch")
    function = getattr(stable, name)
    for z in (0.0, 0.01, 0.0499999, 0.0500001, 0.6):
        at = torch.tensor(z, dtype=torch.float64, requires_grad=True)
        (first,) = torch.autograd.grad(function(at), at, create_graph=True)
        (second,) = torch.autograd.grad(first, at)
        with mp.workdps(60):
            series = mp.taylor(ORACLES[name], z, 2) if z else _series_at_zero(name)
        for got, want, rtol in ((first, float(series[1]), 1e-12), (second, 2 * float(series[2]), 1e-9)):
            # The closed form's k-th derivative cancels by 1/z^k at most: eps/0.05, eps/0.05^2, some tens of each
            np.testing.assert_allclose(got.item(), want, rtol=rtol)


def _series_at_zero(name: str) -> list[Any]:
    """Taylor coefficients at 0 from an interpolation next to it."""
    h = mp.mpf(10) ** -15
    f = [ORACLES[name](k * h) for k in (1, 2, 3, 4)]
    rows = mp.matrix([[(k * h) ** j for j in range(4)] for k in (1, 2, 3, 4)])
    return list(mp.lu_solve(rows, mp.matrix(f)))
