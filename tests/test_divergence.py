"""Kullback-Leibler divergences against averages of log p - log q over draws of p."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from tests.statistics import ALPHA, mean_is

MU, OTHER, NORTH, EAST = [0.3, -0.2, 0.1], [0.1, 0.2, 0.0], [0.0, 0.6, 0.8], [1.0, 0.0, 0.0]
PAIRS = [
    (hd.RiemannianNormal(MU, 0.7, 1.3), hd.RiemannianNormal(MU, 0.9, 1.3)),
    (hd.RiemannianNormal(MU, 0.7, 0.0), hd.RiemannianNormal(OTHER, 0.9, 0.0)),
    (hd.WrappedNormal(MU, [0.3, 0.5, 0.7], 1.3), hd.WrappedNormal(MU, 0.6, 1.3)),
    (hd.WrappedNormal(MU, 0.5, 0.0), hd.WrappedNormal(OTHER, 0.6, 0.0)),
    (hd.RiemannianNormal(MU, 0.7, 1.3), hd.WrappedNormal(MU, [0.8, 0.9, 1.0], 1.3)),
    (hd.WrappedNormal(MU, [0.3, 0.5, 0.7], 1.3), hd.RiemannianNormal(MU, 0.6, 1.3)),
    (hd.VonMisesFisher(NORTH, 5.0), hd.VonMisesFisher(EAST, 2.0)),
    (hd.SphericalRiemannianNormal(NORTH, 0.5), hd.SphericalRiemannianNormal(NORTH, 0.8)),
    (hd.SphericalRiemannianNormal(NORTH, 0.5), hd.VonMisesFisher(EAST, 2.0)),
    (hd.VonMisesFisher(NORTH, 5.0), hd.SphericalRiemannianNormal(NORTH, 0.6)),
    (hd.VonMisesFisher(NORTH, 5.0), hd.SphericalUniform(2)),
    (hd.SphericalRiemannianNormal(NORTH, 0.5), hd.SphericalUniform(2)),
    (hd.SphericalUniform(2), hd.VonMisesFisher(NORTH, 2.0)),
    (hd.SphericalUniform(2), hd.SphericalRiemannianNormal(NORTH, 1.5)),
    (hd.ToroidalWrappedNormal([0.1, 3.0], [0.5, 1.5]), hd.ToroidalUniform(2)),
]


@pytest.mark.parametrize(("p", "q"), PAIRS, ids=[f"{type(p).__name__}-{type(q).__name__}" for p, q in PAIRS])
def test_divergence_is_the_mean_log_ratio(p: Any, q: Any, rng: np.random.Generator) -> None:
    """z-test at ALPHA over 100,000 draws: it finds an error of 2 % of the log ratio's deviation."""
    x, log_p = p.sample_and_log_prob((100_000,), rng)
    assert mean_is(log_p - q.log_prob(x), hd.kl_divergence(p, q)) > ALPHA
    assert hd.kl_divergence(p, q) > 0


def test_divergence_from_itself_is_zero() -> None:
    for law in {id(law): law for pair in PAIRS[:-1] for law in pair}.values():  # the torus law has no form with itself
        assert 0 <= hd.kl_divergence(law, law) < 1e-12


def test_what_has_no_form_says_so() -> None:
    with pytest.raises(NotImplementedError, match="two centres"):
        hd.kl_divergence(hd.RiemannianNormal(MU, 1.0), hd.RiemannianNormal(OTHER, 1.0))
    with pytest.raises(NotImplementedError, match="no closed or one-dimensional form"):
        hd.kl_divergence(hd.RiemannianNormal(MU, 1.0), hd.SphericalUniform(2))
    with pytest.raises(ValueError, match="curvatures"):
        hd.kl_divergence(hd.RiemannianNormal(MU, 1.0, 1.0), hd.RiemannianNormal(MU, 1.0, 2.0))
    with pytest.raises(ValueError, match="on one space"):
        hd.kl_divergence(hd.RiemannianNormal(MU, 1.0), hd.RiemannianNormal(MU[:2], 1.0))
