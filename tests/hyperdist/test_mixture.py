"""Mixtures: density and draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from tests.support.mixtures import NAMES, SHARES, components, mixture
from tests.support.statistics import ALPHA, chi_square


def separate(law: Any, k: int) -> Any:
    """Component k alone."""
    parameters = {key: np.asarray(getattr(law, key)) for key in ("mu", "sigma", "kappa") if hasattr(law, key)}
    more = {"c": law.c} if hasattr(law, "c") else {}
    return type(law)(**{key: value[k] for key, value in parameters.items()}, **more)


@pytest.mark.parametrize("name", NAMES)
def test_density_is_the_weighted_sum(name: str, rng: np.random.Generator) -> None:
    q = mixture(name)
    x = q.sample((40, 3), rng)
    parts = [share * separate(q.component, k).prob(x) for k, share in enumerate(SHARES)]
    np.testing.assert_allclose(q.prob(x), np.sum(parts, axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        q.responsibilities(x), np.stack(parts, -1) / q.prob(x)[..., None], rtol=1e-11, atol=1e-15
    )
    assert q.log_normalizer() == 0


def test_density_integrates_to_one() -> None:
    """By a product rule on the sphere, exact for polynomials of degree 119; kappa = 100 needs about half that."""
    height, weight = np.polynomial.legendre.leggauss(60)
    turn = 2 * np.pi * np.arange(120) / 120
    across = np.sqrt(1 - height**2)[:, None]
    x = np.stack([across * np.cos(turn), across * np.sin(turn), height[:, None] + 0 * turn], axis=-1)
    assert np.sum(weight[:, None] * mixture("vmf").prob(x)) * 2 * np.pi / 120 == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_draws_and_their_density(name: str, dtype: Any, rng: np.random.Generator) -> None:
    q = mixture(name, dtype)
    for model in q._models or (None,):
        if model == "lorentz" and name == "riemannian-flat":
            continue
        how = {} if model is None else {"model": model}
        for shape in [(), (0,), (2, 3), (200,)]:
            x, lp = q.sample_and_log_prob(shape, rng, **how)
            assert x.dtype == lp.dtype == dtype
            assert x.shape[:-1] == lp.shape == shape
            # float32 coordinates move a point by 1e-7 e^a, and the density by that times its slope of up to 30.
            bound = 1e-9 if dtype == np.float64 else 2e-3
            np.testing.assert_allclose(q.log_prob(x, **how), lp, rtol=bound, atol=bound)
        assert np.array_equal(q.sample(50, 3, **how), q.sample_and_log_prob(50, 3, **how)[0])
        assert q.sample(20, rng, method="inverse", **how).shape == (20, q._width(model))


@pytest.mark.parametrize("name", NAMES)
def test_each_component_has_its_share_of_draws(name: str, rng: np.random.Generator) -> None:
    """Draws near a centre: Pearson's test of 20,000 draws by what the components' own draws do."""
    q = mixture(name)
    near = [np.argmin(q.space.dist_sq(separate(q.component, k).sample(50_000, rng)[:, None], q.component.mean), axis=-1)
            for k in range(3)]  # fmt: skip
    expected = SHARES @ [np.bincount(found, minlength=3) / 50_000 for found in near]
    x = q.sample(20_000, rng)
    counts = np.bincount(np.argmin(q.space.dist_sq(x[:, None], q.component.mean), axis=-1), minlength=3)
    assert chi_square(counts, expected) > ALPHA


@pytest.mark.parametrize("name", NAMES)
def test_density_of_draws_averages_to_the_volume(name: str, rng: np.random.Generator) -> None:
    """E_q[p/q] = 1 for a law p on the same space: draws and density are of one law. False alarm 1e-6 by z-test."""
    q = mixture(name)
    x, lp = q.sample_and_log_prob(20_000, rng)
    ratio = np.exp(separate(q.component, 0).log_prob(x) - lp)
    z = abs(ratio.mean() - 1) / (ratio.std(ddof=1) / len(ratio) ** 0.5)
    assert z < 4.9


def test_batches_and_mixtures_of_mixtures(rng: np.random.Generator) -> None:
    centres = rng.uniform(-0.3, 0.3, (4, 3, 2, 2))
    shares = rng.dirichlet([1, 1], (4, 1))
    q = hd.Mixture(shares, hd.RiemannianNormal(centres, 0.5, np.array([[1.0], [2.0], [3.0]])))
    assert q.batch_shape == (4, 3)
    x, lp = q.sample_and_log_prob((7, 2), rng)
    assert x.shape == (7, 2, 4, 3, 2)
    np.testing.assert_allclose(lp, q.log_prob(x), rtol=1e-12)
    alone = hd.Mixture(shares[2, 0], hd.RiemannianNormal(centres[2, 1], 0.5, 2.0))
    np.testing.assert_allclose(lp[:, :, 2, 1], alone.log_prob(x[:, :, 2, 1]), rtol=1e-12)
    nested = hd.Mixture(np.full((4, 3), 1 / 3), hd.Mixture(shares, hd.RiemannianNormal(centres, 0.5, 1.0)))
    x, lp = nested.sample_and_log_prob(5, rng, model="lorentz")
    assert x.shape == (5, 4, 3)
    np.testing.assert_allclose(lp, nested.log_prob(x, model="lorentz"), rtol=1e-9)


def test_beyond_ball_coordinates() -> None:
    """A draw that the ball cannot hold raises; in tangent coordinates its density is there."""
    q = hd.Mixture([0.5, 0.5], hd.RiemannianNormal(np.zeros((2, 20)), [1.0, 1.5], 1.4))
    with pytest.raises(ValueError, match="tangent"):
        q.sample(100, 0)
    x, lp = q.sample_and_log_prob(100, 0, model="tangent")
    np.testing.assert_allclose(lp, q.log_prob(x, model="tangent"), rtol=1e-13)


def test_many_draws_do_not_depend_on_the_blocks() -> None:
    q = mixture("vmf")
    x = q.sample(30_000, 5)
    assert len(np.unique(x, axis=0)) == 30_000
    assert np.array_equal(x, q.sample((3, 10_000), 5).reshape(-1, 3))


def test_off_the_space() -> None:
    q = mixture("riemannian")
    value = q.log_prob([[2.0, 0.0], [np.nan, 0.0], [0.1, 0.0]])
    assert value[0] == -np.inf
    assert np.isnan(value[1])
    assert np.isfinite(value[2])


@pytest.mark.parametrize("what", ["mean", "variance", "mode", "entropy"])
def test_what_a_mixture_has_not(what: str) -> None:
    q = mixture("vmf")
    with pytest.raises(NotImplementedError, match="estimate"):
        q.entropy() if what == "entropy" else getattr(q, what)


def test_wrong_arguments() -> None:
    law = components()["vmf"][0]
    for weights, message in [
        ([0.5, 0.5], "broadcast|batch shape"), ([0.5, 0.3, 0.1], "sum 1 .*0.9"), ([-0.5, 1.0, 0.5], ">= 0"),
        (1.0, "shape"), ([np.nan, 0.5, 0.5], "finite"), (np.full((2, 3), 1 / 3), "batch shape"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            hd.Mixture(weights, law)
    with pytest.raises(TypeError, match="component"):
        hd.Mixture([1.0], 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="curvature"):
        hd.Mixture([0.5, 0.5], hd.RiemannianNormal(np.zeros((2, 2)), 1.0, [1.0, 2.0]))
    with pytest.raises(ValueError, match="hyperbolic"):
        hd.Mixture(SHARES, law).sample(model="tangent")
