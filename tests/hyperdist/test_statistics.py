"""The suite's own statistics: right laws under the null, and the power that their docstrings state."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.conftest import seed_of
from tests.support import statistics
from tests.support.statistics import ALPHA


def sphere(rng, n, d):
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def p_values(rng, trials=400):
    """p-values of every test under its null, one row a trial."""
    rows = []
    for _ in range(trials):
        counts = np.bincount(rng.integers(0, 6, 600), minlength=6)
        rows.append(
            {
                "ks": statistics.ks_uniform(rng.random(500)),
                "directions": statistics.uniform_directions(sphere(rng, 500, 3)),
                "chi_square": statistics.chi_square(counts, np.full(6, 1 / 6)),
                "independent": statistics.independent(rng.random(300), rng.random(300)),
                "mean": statistics.mean_is(rng.standard_normal((500, 4)), np.zeros(4)),
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_p_values_are_not_too_small_under_the_null(rng):
    """Bonferroni makes them conservative, never liberal: one-sided, 400 trials a test, false alarm below 1e-6."""
    for name, p in p_values(rng).items():
        assert stats.kstest(p, "uniform", alternative="greater").pvalue > ALPHA, name


def test_ks_finds_a_shift_of_the_cdf_by_three_hundredths(rng):
    found = [statistics.ks_uniform(np.clip(rng.random(20_000) - 0.03, 0, 1)) < ALPHA for _ in range(50)]
    assert all(found)


def test_directions_find_a_drift_and_a_stretch(rng):
    """Normals moved by 0.08, or 10 % longer on one axis, before they are normalised."""
    x = rng.standard_normal((20_000, 3))
    for shifted in (x + np.array([0.08, 0.0, 0.0]), x * np.array([1.1, 1.0, 1.0])):
        u = shifted / np.linalg.norm(shifted, axis=1, keepdims=True)
        assert statistics.uniform_directions(u) < ALPHA


def test_directions_on_a_line_are_signs(rng):
    assert statistics.uniform_directions(rng.choice([-1.0, 1.0], (1000, 1))) > ALPHA
    assert statistics.uniform_directions(np.ones((1000, 1))) < ALPHA


def test_shared_randomness_is_found(rng):
    """A correlation of 0.1 in 20,000 pairs; the published fault is 0.47."""
    x, z = rng.standard_normal((2, 20_000))
    assert statistics.independent(x, 0.1 * x + np.sqrt(0.99) * z) < ALPHA


def test_values_outside_the_unit_interval_are_not_uniform(rng):
    assert statistics.ks_uniform(np.append(rng.random(100), np.nan)) == 0.0
    assert statistics.ks_uniform(np.append(rng.random(100), 1.5)) == 0.0


def test_pearson_refuses_thin_cells():
    with pytest.raises(ValueError, match="expected counts must be >= 5"):
        statistics.chi_square([1, 2], [0.5, 0.5])


def test_seeds_follow_names(monkeypatch):
    monkeypatch.delenv("FREE_SEEDS", raising=False)
    monkeypatch.delenv("TEST_SEED", raising=False)
    assert seed_of("tests/a.py::b") == seed_of("tests/a.py::b") != seed_of("tests/a.py::c")
    monkeypatch.setenv("FREE_SEEDS", "1")
    assert seed_of("tests/a.py::b") != seed_of("tests/a.py::b")
    monkeypatch.setenv("TEST_SEED", "7")
    assert seed_of("tests/a.py::b") == 7
