"""Mixtures: the fit by expectation-maximisation."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.distributions import expectation_maximisation as em
from hyperdist.distributions import mixture_fit
from tests.support.mixtures import NAMES, SHARES, components, mixture

stopped_early = pytest.mark.filterwarnings("ignore:the best start has not converged. max_iter:RuntimeWarning")


@stopped_early
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


@stopped_early
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


@stopped_early
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


@stopped_early
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


def test_stopping_early_is_said(rng: np.random.Generator) -> None:
    """At max_iter with more to gain a fit warns, once for all laws of the batch; one that has converged does not."""
    x = mixture("vmf").sample(100, rng)
    with pytest.warns(RuntimeWarning, match="the best start has not converged: max_iter = 1; raise max_iter") as found:
        hd.Mixture.fit(x, hd.VonMisesFisher, 3, rng=0, max_iter=1)
    assert [warning.filename for warning in found] == [__file__]
    with pytest.warns(RuntimeWarning, match="the best start of 2 of 2 laws has not converged"):
        hd.Mixture.fit(x, hd.VonMisesFisher, 3, weights=np.ones((100, 2)), rng=0, max_iter=1)
    hd.Mixture.fit(x, hd.VonMisesFisher, 3, rng=0, max_iter=3, tol=10.0)


def test_wrong_arguments_of_fit(rng: np.random.Generator) -> None:
    x = mixture("vmf").sample(20, rng)
    family = hd.VonMisesFisher
    for k, more, error, message in [
        (0, {}, ValueError, "n_components"), (2.5, {}, TypeError, "n_components"), (21, {}, ValueError, "distinct"),
        (2, {"starts": 0}, ValueError, "starts"), (2, {"max_iter": 0}, ValueError, "max_iter"),
        (2, {"tol": -1.0}, ValueError, "tol"), (2, {"weights": np.ones(3)}, ValueError, "length 20"),
        (2, {"c": 1.0}, TypeError, "c"), (2, {"min_scale": 0.0}, ValueError, "min_scale"),
        (2, {"min_scale": [0.1, 0.2]}, ValueError, "^min_scale must be one number"),
        (2, {"tol": [1.0, 2.0]}, ValueError, "^tol must be one number"),
        (2, {"weights": np.ones((20, 0))}, ValueError, r"no axis of length 0, got shape \(20, 0\)"),
    ]:  # fmt: skip
        with pytest.raises(error, match=message):
            hd.Mixture.fit(x, family, k, **more)
    with pytest.raises(TypeError, match="family"):
        hd.Mixture.fit(x, float, 2)  # type: ignore[arg-type]
    for bad in (x[:0], x[0], 2 * x):
        with pytest.raises(ValueError, match=r"x|observation"):
            hd.Mixture.fit(bad, family, 2)
    for c in (-1.0, [1.0, 2.0]):
        with pytest.raises(ValueError, match="c must be"):
            hd.Mixture.fit(x / 2, hd.RiemannianNormal, 2, c=c)
    for uniform in (hd.SphericalUniform, hd.ToroidalUniform):
        with pytest.raises(ValueError, match=rf"family must have parameters .* got {uniform.__name__}"):
            hd.Mixture.fit(x, uniform, 2)


def test_one_component_has_one_start(rng: np.random.Generator) -> None:
    law = hd.VonMisesFisher(np.eye(3)[0], 5.0)
    x = law.sample(100, rng)
    fitted = hd.Mixture.fit(x, hd.VonMisesFisher, 1, starts=5, rng=rng)
    assert len(fitted.record.starts) == 1
    np.testing.assert_allclose(fitted.component.kappa, [hd.VonMisesFisher.fit(x).kappa], rtol=1e-12)
