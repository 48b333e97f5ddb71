"""Draws by inversion of one law: a table of its quantiles against the exact inversion, its edges and its keeping."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from scipy import special

import hyperdist as hd
from hyperdist.radial import quantile_table
from hyperdist.radial.quantile_table import END, WORTH
from hyperdist.radial.riemannian_normal import RiemannianNormalRadius
from hyperdist.radial.spherical_normal import SphericalNormalRadius
from hyperdist.radial.von_mises_fisher import VonMisesFisherRadius

LAWS = [
    *(RiemannianNormalRadius(d, s, c) for d in (1, 2, 1000) for s, c in ((1e-150, 0.0), (0.5, 1.0), (30.0, 1.0))),
    *(VonMisesFisherRadius(d, kappa) for d in (1, 2, 1000) for kappa in (0.0, 3.0, 1e15)),
    *(SphericalNormalRadius(d, sigma) for d in (1, 10) for sigma in (1e-6, 1.0, 1e3)),
    hd.PowerSpherical(np.eye(3)[0], 0.3).radius,
]


def uniforms() -> np.ndarray:
    """Around every edge between two pieces, around the table's ends, the smallest numbers, and at random."""
    edges = np.linspace(-END, END, 65)
    beside = np.concatenate([edges, np.nextafter(edges, -9.0), np.nextafter(edges, 9.0), edges + 1e-9])
    powers = 10.0 ** -np.linspace(0.1, 15.0, 300)
    rng = np.random.default_rng(4)
    return np.concatenate([special.ndtr(beside), powers, 1.0 - powers, [0.0, 2.0**-53], rng.random(WORTH)])


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_the_table_is_the_quantile(law: Any) -> None:
    u = uniforms()
    np.testing.assert_allclose(law._by_inversion(u), law.icdf(u), rtol=1e-13)


def test_one_inversion_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exact inversion is asked for nodes when a law is first drawn from, and then for tails alone."""
    asked: list[int] = []
    law = VonMisesFisherRadius(3, 2.0)
    inverse = type(law)._inverse

    def counted(self: Any, p: np.ndarray, upper: np.ndarray) -> np.ndarray:
        asked.append(p.size)
        return inverse(self, p, upper)

    monkeypatch.setattr(type(law), "_inverse", counted)
    first = law.sample(WORTH, 1, method="inverse")
    assert asked == [768]
    np.testing.assert_array_equal(law.sample(WORTH, 1, method="inverse"), first)
    assert asked == [768]
    for kept in (pickle.loads(pickle.dumps(law)), copy.copy(law), copy.deepcopy(law)):
        np.testing.assert_array_equal(kept.sample(WORTH, 1, method="inverse"), first)
    assert asked == [768]


def test_draws_do_not_depend_on_what_was_drawn_before() -> None:
    fresh, used = (hd.RiemannianNormal([0.1, 0.2], 0.4) for _ in range(2))
    used.sample(2 * WORTH, 3, method="inverse")
    for n in (5, WORTH - 1, WORTH):
        np.testing.assert_array_equal(fresh.sample(n, 7, method="inverse"), used.sample(n, 7, method="inverse"))


@pytest.mark.parametrize("batch", [(), (1,), (1, 1), (3,), (2, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_shapes_of_one_law_and_of_several(batch: tuple[int, ...], dtype: type) -> None:
    mu, sigma = np.zeros((*batch, 2), dtype), np.full(batch, 0.7, dtype)
    law = hd.RiemannianNormal(mu, sigma)
    x = law.sample((WORTH, 2), 3, method="inverse")
    assert x.shape == (WORTH, 2, *batch, 2)
    assert x.dtype == dtype
    r = law.radius.sample((WORTH, 2), 3, method="inverse")
    assert r.shape == (WORTH, 2, *batch)
    assert r.dtype == dtype
    np.testing.assert_allclose(
        r, law.radius.icdf(np.random.default_rng(3).random(r.shape)), rtol=4e-7 if dtype == np.float32 else 1e-13
    )


def test_the_end_of_the_table_is_where_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it the exact form serves: a table of nothing but NaN there gives the same."""
    law = VonMisesFisherRadius(2, 5.0)
    u = special.ndtr(np.array([-END - 1e-6, END + 1e-6] * WORTH))
    broken = quantile_table.QuantileTable(np.full((12, 64), np.nan))
    vars(law)["_table"] = broken
    np.testing.assert_array_equal(law._by_inversion(u), law.icdf(u))
    assert np.isnan(law._by_inversion(np.full(WORTH, 0.5))).all()
