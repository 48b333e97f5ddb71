"""Mixtures: density, draws, and the fit by expectation-maximisation."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.distributions import expectation_maximisation as em
from hyperdist.distributions import mixture_fit
from tests.statistics import ALPHA, chi_square

SHARES = np.array([0.25, 0.45, 0.3])
BALL = np.array([[0.6, 0.0], [-0.4, 0.5], [0.0, -0.6]])


def components(dtype: Any = float) -> dict[str, tuple[Any, dict[str, Any]]]:
    """A law of three well separated components for each family, and the options of its fit."""
    ball, axes = BALL.astype(dtype), np.eye(3, dtype=dtype)
    deep = np.pad(0.6 * ball, ((0, 0), (0, 3)))

    def a(*values: float) -> np.ndarray:
        return np.array(values, dtype)

    return {
        "riemannian": (hd.RiemannianNormal(ball, a(0.3, 0.5, 0.4), dtype(1)), {}),
        "riemannian-d5-c2": (hd.RiemannianNormal(deep, a(0.2, 0.3, 0.25), dtype(2)), {"c": 2.0}),
        "riemannian-flat": (hd.RiemannianNormal(ball, a(0.3, 0.2, 0.25), dtype(0)), {"c": 0.0}),
        "wrapped": (hd.WrappedNormal(ball, np.array([[0.2, 0.4], [0.5, 0.3], [0.3, 0.3]], dtype), dtype(1)), {}),
        "isotropic": (hd.WrappedNormal(ball, a(0.2, 0.3, 0.4)[:, None], dtype(1)), {"isotropic": True}),
        "vmf": (hd.VonMisesFisher(axes, a(20, 50, 100)), {}),
        "spherical": (hd.SphericalRiemannianNormal(axes, a(0.1, 0.2, 0.3)), {}),
        "toroidal": (hd.ToroidalWrappedNormal(4 * ball, a(0.3, 0.5, 0.4)[:, None]), {}),
    }


NAMES = list(components())
HYPERBOLIC = NAMES[:5]


def mixture(name: str, dtype: Any = float) -> Any:
    return hd.Mixture(SHARES.astype(dtype), components(dtype)[name][0])


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


@pytest.mark.parametrize("name", NAMES)
def test_fit_finds_the_components(name: str, rng: np.random.Generator) -> None:
    """The likelihood climbs, and in the best of eight starts ends above that of the law that the draws are of."""
    law, options = components()[name]
    q = hd.Mixture(SHARES, law)
    x = q.sample(300, rng)
    fitted = hd.Mixture.fit(x, type(law), 3, rng=rng, starts=8, max_iter=60, tol=1e-6, **options)
    record = fitted.record
    assert len(record.starts) == 8
    for start in record.starts:
        assert (np.diff(start.log_likelihood) >= 0).all()
        assert start.converged == start.reason.startswith("gained less")
    assert record.log_likelihood == max(start.log_likelihood[-1] for start in record.starts)
    np.testing.assert_allclose(record.log_likelihood, np.mean(fitted.log_prob(x)), rtol=1e-9)
    assert np.mean(fitted.log_prob(x)) > np.mean(q.log_prob(x))
    nearest = np.argmin(q.space.dist_sq(law.mean[:, None], fitted.component.mean), axis=-1)
    assert sorted(nearest) == [0, 1, 2]
    np.testing.assert_allclose(fitted.weights[nearest], SHARES, atol=6 * (0.25 / 300) ** 0.5)


def test_fit_follows_from_the_seed(rng: np.random.Generator) -> None:
    x = mixture("vmf").sample(200, rng)
    one, two = (hd.Mixture.fit(x, hd.VonMisesFisher, 4, rng=9, starts=2, max_iter=20) for _ in range(2))
    assert np.array_equal(one.weights, two.weights)
    assert np.array_equal(one.component.kappa, two.component.kappa)


def test_fit_with_weights_is_fit_with_copies(rng: np.random.Generator) -> None:
    x, counts = mixture("vmf").sample(200, rng), rng.integers(0, 3, 200)
    one = hd.Mixture.fit(x, hd.VonMisesFisher, 3, weights=counts, rng=1)
    other = hd.Mixture.fit(np.repeat(x, counts, axis=0), hd.VonMisesFisher, 3, rng=2)
    np.testing.assert_allclose(one.log_prob(x), other.log_prob(x), atol=1e-2)
    np.testing.assert_allclose(one.record.log_likelihood, other.record.log_likelihood, atol=1e-6)


def test_fit_with_batched_weights(rng: np.random.Generator) -> None:
    x = mixture("riemannian").sample(300, rng)
    weights = np.stack([np.ones(300), np.arange(300) < 150], axis=-1).reshape(300, 1, 2)
    together = hd.Mixture.fit(x, hd.RiemannianNormal, 3, weights=weights, rng=0)
    assert together.batch_shape == together.record.shape == (1, 2)
    half = hd.Mixture.fit(x[:150], hd.RiemannianNormal, 3, rng=1)
    np.testing.assert_allclose(together.record[0, 1].log_likelihood, half.record.log_likelihood, atol=1e-6)
    np.testing.assert_allclose(
        together.log_prob(x[:150, None, None])[:, 0, 1].mean(), half.log_prob(x[:150]).mean(), atol=1e-6
    )


def test_one_component_is_the_family_itself(rng: np.random.Generator) -> None:
    x, weights = mixture("wrapped").sample(200, rng), rng.random(200)
    fitted = hd.Mixture.fit(x, hd.WrappedNormal, 1, weights=weights, starts=1)
    alone = hd.WrappedNormal.fit(x, weights)
    np.testing.assert_allclose(fitted.component.sigma[0], alone.sigma, rtol=1e-12)
    assert fitted.weights == 1


def test_float32(rng: np.random.Generator) -> None:
    for name in NAMES:
        law, options = components(np.float32)[name]
        x = hd.Mixture(SHARES.astype(np.float32), law).sample(150, rng)
        fitted = hd.Mixture.fit(x, type(law), 3, rng=0, starts=1, max_iter=5, **options)
        assert fitted.dtype == fitted.weights.dtype == fitted.component.dtype == np.float32


def with_a_heap(rng: np.random.Generator) -> np.ndarray:
    x = mixture("vmf").sample(150, rng)
    return np.concatenate([x, np.repeat(x[:1], 60, axis=0)])


def plan_of(x: np.ndarray) -> tuple[em.Climb, np.ndarray]:
    points, space = mixture_fit.prepare(hd.VonMisesFisher, {}, x)
    return em.Climb(hd.VonMisesFisher, {}, points, space, 2e-16, 500, 1e-8), np.full((len(x), 1), 1 / len(x))


def test_collapse_ends_a_start_with_its_reason(rng: np.random.Generator) -> None:
    """Two runs side by side: a component of the first has nothing but the heap; in the second that has no weight."""
    x = with_a_heap(rng)
    plan, shares = plan_of(x)
    shares = np.concatenate([shares, (np.arange(210) < 150)[:, None] / 150], axis=1)
    lost = np.stack([np.arange(210) < 150, np.arange(210) >= 150], axis=-1).astype(float)
    well = mixture("vmf").responsibilities(x)[:, :2] + 0.1
    well /= well.sum(axis=-1, keepdims=True)
    steps: list[int] = []
    ends = list(em.climb(plan, shares, iter([(0, lost), (1, well)]), steps.append))
    assert [state is None for _, _, state in ends] == [True, False]
    assert not ends[0][1].converged
    assert "positive spread" in ends[0][1].reason
    assert ends[1][1].converged
    assert sum(steps) == 2 * plan.max_iter


def test_least_scale_holds_a_collapsing_component(rng: np.random.Generator) -> None:
    x = with_a_heap(rng)
    fitted = hd.Mixture.fit(x, hd.VonMisesFisher, 12, rng=1, starts=4, max_iter=80, min_scale=0.01)
    assert fitted.component.kappa.max() == pytest.approx(1e4)
    assert all((np.diff(start.log_likelihood) >= 0).all() for start in fitted.record.starts)


def test_every_start_collapsed() -> None:
    x = np.repeat(np.eye(3), 5, axis=0)
    with pytest.raises(ValueError, match=r"none of the 8 starts.*min_scale"):
        hd.Mixture.fit(x, hd.VonMisesFisher, 3, rng=0)
    held = hd.Mixture.fit(x, hd.VonMisesFisher, 3, rng=0, min_scale=0.1)
    np.testing.assert_allclose(held.component.kappa, 100)


def test_a_dead_component_is_placed_anew(rng: np.random.Generator) -> None:
    """Responsibilities that leave one component nothing: it goes to the worst explained observation and lives on."""
    plan, shares = plan_of(mixture("vmf").sample(300, rng))
    state = mixture_fit.seed(plan, shares[:, 0], 3, rng)
    state[:, 0] += state[:, 2]
    state[:, 2] = 0
    ((_, start, weighted),) = em.climb(plan, shares, iter([(0, state)]), lambda steps: None)
    assert start.revived == (0,)
    assert start.converged
    assert weighted is not None
    assert (weighted.sum(axis=0) > 0.1).all()


def test_progress_bar(
    rng: np.random.Generator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tqdm")
    x = mixture("vmf").sample(60, rng)
    hd.Mixture.fit(x, hd.VonMisesFisher, 2, rng=0, starts=2, progress=True)
    assert "EM" in capsys.readouterr().err
    hd.Mixture.fit(x, hd.VonMisesFisher, 2, rng=0, starts=2)
    assert capsys.readouterr().err == ""
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        hd.Mixture.fit(x, hd.VonMisesFisher, 2, progress=True)


def test_wrong_arguments_of_fit(rng: np.random.Generator) -> None:
    x = mixture("vmf").sample(20, rng)
    family = hd.VonMisesFisher
    for k, more, error, message in [
        (0, {}, ValueError, "n_components"), (2.5, {}, TypeError, "n_components"), (21, {}, ValueError, "distinct"),
        (2, {"starts": 0}, ValueError, "starts"), (2, {"max_iter": 0}, ValueError, "max_iter"),
        (2, {"tol": -1.0}, ValueError, "tol"), (2, {"weights": np.ones(3)}, ValueError, "length 20"),
        (2, {"c": 1.0}, TypeError, "c"), (2, {"min_scale": 0.0}, ValueError, "min_scale"),
    ]:  # fmt: skip
        with pytest.raises(error, match=message):
            hd.Mixture.fit(x, family, k, **more)
    with pytest.raises(TypeError, match="family"):
        hd.Mixture.fit(x, float, 2)  # type: ignore[arg-type]
    for bad in (x[:0], x[0], 2 * x):
        with pytest.raises(ValueError, match=r"x|observation"):
            hd.Mixture.fit(bad, family, 2)
    with pytest.raises(ValueError, match="c must be"):
        hd.Mixture.fit(x / 2, hd.RiemannianNormal, 2, c=-1.0)
