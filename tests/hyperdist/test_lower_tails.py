"""Lower tails of every radial law down to radii whose squares are no numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.radial.riemannian_normal import RiemannianNormalRadius
from hyperdist.radial.spherical_normal import SphericalNormalRadius
from hyperdist.radial.von_mises_fisher import VonMisesFisherRadius
from hyperdist.radial.wrapped_circle import WrappedNormalAngle

SCALES = (1e-150, 1e-6, 1.0, 3.0, 1e150)
LAWS: list[tuple[Any, float]] = [
    *(
        (RiemannianNormalRadius(d, s, c), s)
        for d in (1, 2, 5, 1000)
        for s in SCALES
        for c in (0.0, 1.0)
        if c * s <= 3.0
    ),
    *((SphericalNormalRadius(d, s), min(s, 1.0)) for d in (1, 2, 5, 1000) for s in SCALES),
    *((VonMisesFisherRadius(d, k), 1e-8) for d in (1, 2, 5, 1000) for k in (0.0, 1e-3, 30.0, 1e15)),
    *((WrappedNormalAngle(s), min(s, 1.0)) for s in SCALES),
]


@pytest.mark.parametrize(("law", "scale"), LAWS, ids=str)
def test_lower_tail_is_that_of_a_power(law: Any, scale: float) -> None:
    """Where r is far below the law's scale the density is r^(d-1) over the normaliser, to (r/scale)^2.

    Logs to 1e-12 of their size, down to the least radius whose share d/r is a number; the quantile inverts them.
    """
    if isinstance(law, VonMisesFisherRadius):
        constant = -law.log_normalizer_excess()
    else:
        constant = law.log_prob(0.0) if isinstance(law, WrappedNormalAngle) else -law.log_normalizer()
    r = scale * np.array([1e-9, 1e-50, 1e-100, 1e-140, 1e-150, 1e-153, 1e-154, 1e-155, 1e-160, 1e-200, 1e-299])
    r = r[(r > 1e-300) & (r / scale > 1e-300)]
    density = (law.d - 1) * np.log(r) + constant
    np.testing.assert_allclose(law.log_prob(r), density, rtol=1e-12, atol=1e-12)
    tail = density + np.log(r) - math.log(law.d)
    np.testing.assert_allclose(law.log_cdf(r), tail, rtol=1e-12, atol=1e-12)
    held = tail > -690.0
    np.testing.assert_allclose(law.icdf(np.exp(tail[held])), r[held], rtol=1e-12)


def test_quantile_that_no_double_holds_is_zero() -> None:
    for law in (RiemannianNormalRadius(1, 1e-150), SphericalNormalRadius(1, 1e-150), WrappedNormalAngle(1e-150)):
        assert law.icdf(1e-300) == 0.0


def test_known_values() -> None:
    """sigma sqrt(2 p) in the plane, and log(r^2/2 / Z) with Z of the normaliser at sigma = c = 1."""
    assert SphericalNormalRadius(2, 1e-6).icdf(1e-300) == pytest.approx(1e-6 * math.sqrt(2e-300), rel=1e-11)
    right = 2.0 * math.log(1e-155) - math.log(2.0) - (2.181953273 - math.log(2.0 * math.pi))
    assert RiemannianNormalRadius(2, 1.0, 1.0).log_cdf(1e-155) == pytest.approx(right, abs=1e-8)


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("p", [1e-100, 1e-200, 1e-300])
def test_quantiles_next_to_the_end_of_the_support(m: int, p: float) -> None:
    """Where an upper tail of p lies closer to pi than doubles do, the quantile is pi; it falls with kappa."""
    r = hd.VonMisesFisher(np.eye(m)[0], np.linspace(10.0, 400.0, 4000)).radius.isf(p)
    assert (np.diff(r) <= 1e-12).all()
    assert r[0] > 3.14159
