"""Draws from quasi-Monte Carlo points: their law, their errors, batches, pairs, and engines of other dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc

import hyperdist as hd
from tests.support.statistics import ALPHA

NORTH = np.eye(3)[2]
MU = np.array([0.2, -0.1, 0.3])
LAWS: list[tuple[str, Any, int]] = [
    ("line", hd.RiemannianNormal([0.2], 0.6), 1),
    ("plane", hd.RiemannianNormal([0.3, 0.1], 0.6), 2),
    ("space", hd.RiemannianNormal(MU, 0.6), 3),
    ("wrapped", hd.WrappedNormal(MU, [0.2, 0.5, 0.9]), 3),
    ("correlated", hd.WrappedNormal([0.2, 0.1], scale_tril=[[0.5, 0.0], [0.3, 0.4]]), 2),
    ("circle", hd.VonMisesFisher([0.6, 0.8], 3.0), 1),
    ("sphere", hd.VonMisesFisher(NORTH, 6.0), 2),
    ("sphere in 6", hd.PowerSpherical(np.eye(6)[1], 5.0), 5),
    ("uniform", hd.SphericalUniform(3), 3),
    ("torus", hd.ToroidalWrappedNormal([0.5, 3.0], [0.4, 1.0]), 2),
    ("flat torus", hd.ToroidalUniform(3), 3),
    ("mixture", hd.Mixture([0.3, 0.7], hd.VonMisesFisher(np.eye(3)[:2], [9.0, 3.0])), 3),
    ("families", hd.Mixture([0.4, 0.6], [hd.SphericalUniform(2), hd.VonMisesFisher(NORTH, 9.0)]), 3),
    ("product", hd.Product(hd.VonMisesFisher(NORTH, 4.0), hd.RiemannianNormal([0.1, 0.2], 0.5)), 4),
]
CASES = pytest.mark.parametrize(("law", "d"), [pytest.param(law, d, id=name) for name, law, d in LAWS])


def sobol(d: int, seed: int) -> qmc.Sobol:
    made: Any = qmc.Sobol  # SciPy's newest calls it rng
    return made(d, seed=seed)


@CASES
def test_draws_are_the_law_s(law: Any, d: int) -> None:
    """Of independent points, through the same maps: each coordinate as those of rejection, false alarm 1e-6 a law."""

    class Independent:
        def __init__(self) -> None:
            self.d, self._rng = d, np.random.default_rng(8)

        def random(self, n: int) -> np.ndarray:
            return self._rng.random((n, self.d))

    x, density = law.sample_and_log_prob(4000, Independent())
    y = law.sample(4000, 9)
    assert x.shape == y.shape
    np.testing.assert_allclose(density, law.log_prob(x), atol=1e-9)
    views = [x.T, (x[:, :-1] * x[:, 1:]).T] if x.shape[1] > 1 else [x.T]
    others = [y.T, (y[:, :-1] * y[:, 1:]).T] if x.shape[1] > 1 else [y.T]
    found = [
        cast(Any, stats.ks_2samp(a, b)).pvalue
        for u, v in zip(views, others, strict=True)
        for a, b in zip(u, v, strict=True)
    ]
    assert min(found) > ALPHA / len(found)


SMOOTH: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "plane": lambda x: np.cosh(0.5 * hd.PoincareBall().dist(x, np.array([0.1, -0.2]))),
    "space": lambda x: np.cosh(0.5 * hd.PoincareBall().dist(x, np.zeros(3))),
    "wrapped": lambda x: np.exp(-hd.PoincareBall().dist_sq(x, np.zeros(3))),
    "sphere": lambda x: np.exp(x @ np.array([0.5, 0.3, 1.0])),
    "sphere in 6": lambda x: np.exp(x[:, 1] - x[:, 0]),
    "torus": lambda x: np.cos(x[:, 0] - x[:, 1]),
    "product": lambda x: np.exp(0.3 * x[:, 0] + x[:, 3]),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_errors_fall_nearly_as_one_over_n(name: str) -> None:
    """Root mean squares over 12 scramblings, at n = 64 and 4096: n^-0.5 would be 1/8, 1/n is 1/64."""
    law, d = next((law, d) for label, law, d in LAWS if label == name)
    f = SMOOTH[name]
    means = {n: np.array([f(law.sample(n, sobol(d, seed))).mean() for seed in range(12)]) for n in (64, 4096)}
    truth = np.mean([f(law.sample(1 << 14, sobol(d, 100 + seed))).mean() for seed in range(2)])
    coarse, fine = (np.sqrt(np.mean(np.square(means[n] - truth))) for n in (64, 4096))
    plain = np.std(f(law.sample(4096, 1))) / np.sqrt(4096)
    assert fine < coarse / 25.0
    assert fine < plain / 4.0


def test_the_first_coordinate_is_the_radius() -> None:
    u = np.array([[0.2, 0.1], [0.9, 0.7]])

    class Given:
        d = 2

        def random(self, n: int) -> np.ndarray:
            return u[:n]

    law = hd.RiemannianNormal([0.0, 0.0], 0.5, model="tangent")
    x = law.sample(2, Given())
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), law.radius.icdf(u[:, 0]), rtol=1e-12)
    np.testing.assert_allclose(np.arctan2(x[:, 1], x[:, 0]) % (2 * np.pi), 2 * np.pi * u[:, 1], rtol=1e-12)


def test_a_batch_takes_one_point_a_draw_or_one_for_each_law() -> None:
    laws = hd.RiemannianNormal(np.zeros((3, 2)), [0.2, 0.5, 1.0], model="tangent")
    shared = laws.sample(16, sobol(2, 1))
    assert shared.shape == (16, 3, 2)
    for j in range(3):
        np.testing.assert_allclose(shared[:, j], laws[j].sample(16, sobol(2, 1)), rtol=1e-12)
    own = laws.sample((4, 4), sobol(6, 1)).reshape(16, 3, 2)
    u = sobol(6, 1).random(16)
    np.testing.assert_allclose(np.linalg.norm(own[:, 2], axis=-1), laws[2].radius.icdf(u[:, 4]), rtol=1e-12)
    assert abs(np.corrcoef(np.linalg.norm(own[:, 0], axis=-1), np.linalg.norm(own[:, 1], axis=-1))[0, 1]) < 0.9


def test_blocks_do_not_change_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    from hyperdist.radial import rejection

    laws = hd.WrappedNormal(np.zeros((3, 2)), [[0.2], [0.5], [1.0]])
    whole = laws.sample(64, sobol(2, 1))
    monkeypatch.setattr(rejection, "_BLOCK_ROWS", 7)
    np.testing.assert_array_equal(laws.sample(64, sobol(2, 1)), whole)


@CASES
def test_other_dimensions_are_an_error(law: Any, d: int) -> None:
    with pytest.raises(ValueError, match=rf"rng must be an engine of d = {d}, .*; got d = {d + 1}$"):
        law.sample(4, sobol(d + 1, 0))


def test_the_message_names_both_for_a_batch() -> None:
    laws = hd.VonMisesFisher(np.eye(3), 2.0)
    with pytest.raises(ValueError, match=r"d = 2, .* or 6, one point for each law of the batch; got d = 3$"):
        laws.sample(4, sobol(3, 0))


def test_extreme_points_are_draws() -> None:
    """The corners of the cube, which Sobol's first point is."""

    class Corners:
        d = 2

        def random(self, n: int) -> np.ndarray:
            return np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.5]])[:n]

    for law in (hd.WrappedNormal([0.1, 0.2], 0.3), hd.VonMisesFisher(NORTH, 2.0), hd.ToroidalUniform(2)):
        assert np.isfinite(law.sample(4, Corners())).all()
        assert np.isfinite(law.log_prob(law.sample(4, Corners()))).all()
    first = qmc.Sobol(2, scramble=False)
    assert np.isfinite(hd.RiemannianNormal([0.1, 0.2], 0.3).sample(8, first)).all()


@pytest.mark.parametrize("n", [6, 7])
def test_antithetic_pairs(n: int) -> None:
    u = hd.Antithetic(cast(Any, qmc.Halton)(3, seed=2)).random(n)
    assert u.shape == (n, 3)
    np.testing.assert_allclose(u[0:6:2] + u[1:6:2], 1.0, rtol=1e-15)
    x = hd.ToroidalWrappedNormal([0.5, 1.0], 0.3).sample(6, hd.Antithetic(5, d=2))
    np.testing.assert_allclose(x[::2] + x[1::2], [[1.0, 2.0]] * 3, rtol=1e-12)


def test_antithetic_dimensions() -> None:
    with pytest.raises(ValueError, match="d must be given"):
        hd.Antithetic(3)
    with pytest.raises(ValueError, match="d must be the engine's, 3, got 2"):
        hd.Antithetic(sobol(3, 0), d=2)
