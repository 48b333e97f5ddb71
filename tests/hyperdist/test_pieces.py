"""Functions of kappa for so many von Mises-Fisher laws that an interpolant makes them, against the laws one by one."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import hyperdist as hd
from hyperdist.radial import pieces
from hyperdist.radial.von_mises_fisher import VonMisesFisherRadius

SIZE = pieces.WORTH
STATED = 1e-13
"""What the laws state, relative to 1 + |value|, or for what is a scale to the value."""


def kappas(low: float, high: float) -> np.ndarray:
    """From low to high, evenly in the logarithm, in no order; 0 and the ends."""
    found = 10.0 ** np.random.default_rng(3).permutation(np.linspace(low, high, SIZE))
    found[:3] = 0.0, 10.0**low, 10.0**high
    return found


@pytest.mark.parametrize(("m", "ends"), [(2, (-6.0, 8.0)), (3, (-1.0, 1.5)), (3, (14.0, 15.0)), (50, (-6.0, 8.0)),
                                         (10_000, (-6.0, 8.0))])  # fmt: skip
def test_many_laws_are_the_laws_one_by_one(m: int, ends: tuple[float, float]) -> None:
    kappa, d = kappas(*ends), m - 1
    some = np.r_[:60]
    many, few = VonMisesFisherRadius(d, kappa), VonMisesFisherRadius(d, kappa[some])
    excess, expected = many.log_normalizer_excess()[some], few.log_normalizer_excess()
    assert (abs(excess - expected) <= STATED * (1.0 + abs(expected))).all()
    for name in ("mean_versine", "mean_resultant_length"):
        np.testing.assert_allclose(getattr(many, name)()[some], getattr(few, name)(), rtol=STATED)
    np.testing.assert_allclose(many.icdf(0.3)[some], few.icdf(0.3), rtol=STATED)
    np.testing.assert_allclose(many.isf(1e-20)[some], few.isf(1e-20), rtol=STATED)


@pytest.mark.parametrize("m", [2, 3, 10, 1000])
def test_entropy_of_many_laws(m: int) -> None:
    """log Z - kappa A of Bessel functions with 60 digits."""
    kappa = kappas(-6.0, 8.0)
    law = hd.VonMisesFisher(np.broadcast_to(np.eye(m)[0], (SIZE, m)), kappa)
    entropy, log_z = law.entropy(), law.log_normalizer()
    for i in (1, 2, 3, 50, 400):
        with mpmath.workdps(60):
            k, nu = mpmath.mpf(kappa[i]), mpmath.mpf(m) / 2 - 1
            bessel, more = mpmath.besseli(nu, k), mpmath.besseli(nu + 1, k)
            normalizer = (nu + 1) * mpmath.log(2 * mpmath.pi) + mpmath.log(bessel) - nu * mpmath.log(k)
            expected = float(normalizer), float(normalizer - k * more / bessel)
        for value, right in zip((log_z[i], entropy[i]), expected, strict=True):
            assert abs(value - right) <= STATED * (1.0 + abs(right)), (m, kappa[i])


@pytest.mark.parametrize("shape", [(SIZE,), (2, SIZE // 2)])
def test_shapes(shape: tuple[int, ...]) -> None:
    kappa = np.linspace(0.5, 20.0, SIZE).reshape(shape)
    law = hd.VonMisesFisher(np.float32([0.0, 0.6, 0.8]), kappa.astype(np.float32))
    entropy = law.entropy()
    assert entropy.shape == shape
    assert entropy.dtype == np.float32
    np.testing.assert_allclose(entropy[..., -1], law[..., -1].entropy(), rtol=1e-6)
    quantiles = law.radius.icdf(np.array([[0.1], [0.5]]) if len(shape) == 1 else np.array([0.1, 0.5])[:, None, None])
    np.testing.assert_allclose(quantiles[1], law.radius.icdf(0.5), rtol=1e-6)


def test_equal_laws() -> None:
    law, one = VonMisesFisherRadius(4, np.full(SIZE, 3.0)), VonMisesFisherRadius(4, 3.0)
    np.testing.assert_allclose(law.log_normalizer(), one.log_normalizer(), rtol=1e-14)


@pytest.mark.parametrize("kink", [1.3, 5.0])
def test_a_piece_that_is_not_smooth_is_not_used(kink: float) -> None:
    """Where a function bends suddenly it serves itself, there alone."""
    asked: list[int] = []

    def bent(theta: np.ndarray) -> np.ndarray:
        asked.append(theta.size)
        return np.where(theta < kink, np.exp(-theta), np.exp(-kink) * (1.0 + kink - theta))

    theta = kappas(-2.0, 2.0)
    np.testing.assert_allclose(pieces.of_parameter(bent, theta, 0.5), bent(theta), rtol=0.0, atol=1e-13)
    assert asked[0] < SIZE // 8
    assert asked[1] < SIZE // 4
