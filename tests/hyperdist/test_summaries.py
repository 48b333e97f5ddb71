"""Summaries: what a law tells of itself, and that divergences need nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.distributions.divergence_forms import Divergence, find, form
from hyperdist.distributions.summaries import Radial, SphericalSummary, Summary

NORTH = [0.0, 0.6, 0.8]
LAWS = [
    hd.RiemannianNormal([0.3, -0.2], [0.5, 0.9], 1.3),
    hd.VonMisesFisher(NORTH, [0.3, 40.0]),
    hd.SphericalRiemannianNormal(NORTH, [0.2, 3.0]),
    hd.SphericalUniform(2),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_nodes_are_the_law_of_the_radius(law: Any) -> None:
    """Their probabilities have the sum 1, and their mean square is the variance, E dist^2."""
    summary = law.summary()
    nodes = summary.radius.nodes()
    scale = summary.sigma if isinstance(law, hd.RiemannianNormal) else 1.0
    assert np.sum(nodes.share, axis=0) == pytest.approx(np.ones(law.batch_shape), rel=1e-14)
    assert np.square(scale) * nodes.mean(np.square(nodes.y)) == pytest.approx(law.variance, rel=1e-13)
    excess = np.square(nodes.y) - np.square(nodes.centre)
    assert nodes.square_excess == pytest.approx(excess, rel=1e-12, abs=1e-13)
    assert nodes.cosine_excess == pytest.approx(np.cos(nodes.y) - np.cos(nodes.centre), rel=1e-12, abs=1e-15)
    assert (summary.d, summary.axes) == (2, len(law.batch_shape))


class Relabelled(hd.VonMisesFisher):
    """A law of one's own that tells no more than its summary."""

    def summary(self) -> SphericalSummary:  # type: ignore[override]
        told = hd.VonMisesFisher(self.mu, self.kappa).summary()
        radius = Radial(told.radius.nodes, told.radius.log_normalizer)
        return SphericalSummary(told.d, told.axes, radius, told.mu, kappa=told.kappa)


class Nothing(hd.SphericalUniform):
    """A law without a summary."""

    def summary(self) -> Any:  # type: ignore[override]
        return None


class Own(Summary):
    """A summary of one's own."""


def test_a_law_has_divergences_by_its_summary_alone() -> None:
    p, q = Relabelled(NORTH, [1.0, 30.0]), hd.SphericalRiemannianNormal(NORTH, 0.4)
    for other in (q, hd.SphericalUniform(2), p):
        assert (
            hd.kl_divergence(p, other).tolist() == hd.kl_divergence(hd.VonMisesFisher(NORTH, p.kappa), other).tolist()
        )
    with pytest.raises(NotImplementedError, match="no closed or one-dimensional form"):
        hd.kl_divergence(p, Nothing(2))


def test_a_form_is_found_by_the_classes_of_summaries() -> None:
    own = Own(2, 0)
    assert find(own, own) is None
    assert find(own, None) is None

    @form(Own, Own)
    def same(p: Own, q: Own) -> Divergence:
        return Divergence(0.0)

    assert find(own, own) is same
