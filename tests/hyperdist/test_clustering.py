"""Mixtures as those who cluster use them: labels, criteria, selection, backgrounds, several families, tests of fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import hyperdist as hd
from tests.support.statistics import ALPHA

POLES = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
TWO = hd.Mixture([0.4, 0.6], hd.VonMisesFisher(POLES, [50.0, 30.0]))
MIXED = hd.Mixture([0.3, 0.4, 0.3], [hd.SphericalUniform(2), hd.VonMisesFisher(POLES, [50.0, 30.0])])
HYPERBOLIC = hd.Mixture([0.5, 0.5], [hd.RiemannianNormal([0.3, 0.1], 0.4), hd.WrappedNormal([-0.5, 0.0], [0.2, 0.5])])
TORUS = hd.Mixture([0.5, 0.5], [hd.ToroidalWrappedNormal([0.0, 1.0], 0.3), hd.ToroidalUniform(2)])
BATCH = hd.Mixture(
    [[0.2, 0.8], [0.5, 0.5]], [hd.VonMisesFisher([[POLES[0]], [POLES[1]]], [[9.0], [5.0]]), hd.SphericalUniform(2)]
)


def test_labels_and_scores_are_those_of_the_responsibilities(rng):
    x = MIXED.sample(50, rng)
    joint = np.stack([law.log_prob(x) for law in MIXED.component], axis=1) + np.log(MIXED.weights)
    np.testing.assert_allclose(MIXED.score_samples(x), np.logaddexp.reduce(joint, axis=1), rtol=1e-13)
    np.testing.assert_allclose(MIXED.predict_proba(x), np.exp(joint - MIXED.log_prob(x)[:, None]), rtol=1e-12)
    np.testing.assert_array_equal(MIXED.predict(x), np.argmax(joint, axis=1))
    assert MIXED.score(x) == pytest.approx(np.mean(MIXED.log_prob(x)), rel=1e-14)
    assert BATCH.predict(x).shape == (50, 2)
    assert BATCH.predict_proba(x).shape == (50, 2, 2)
    np.testing.assert_array_equal(BATCH[1].predict(x), BATCH.predict(x)[:, 1])
    with pytest.raises(ValueError, match=r"x must have shape \(n, k\)"):
        MIXED.predict(x[0])


@pytest.mark.parametrize(
    ("law", "count"),
    [(hd.RiemannianNormal(np.zeros(3), 1.0), 4), (hd.WrappedNormal(np.zeros(3), 1.0), 4),
     (hd.WrappedNormal(np.zeros(3), [1.0, 2.0, 3.0]), 6), (hd.WrappedNormal(np.zeros((5, 3)), np.ones((5, 1))), 4),
     (hd.VonMisesFisher(POLES, 3.0), 3), (hd.SphericalRiemannianNormal([0.6, 0.8], 1.0), 2),
     (hd.SphericalUniform(4), 0), (hd.ToroidalWrappedNormal([0.0, 1.0], [1.0, 2.0]), 4), (hd.ToroidalUniform(2), 0),
     (TWO, 1 + 6), (MIXED, 2 + 6), (HYPERBOLIC, 1 + 3 + 4), (BATCH, 1 + 3)],
    ids=str,
)  # fmt: skip
def test_parameters_are_counted(law, count):
    assert law.n_parameters == count


def test_criteria_by_hand(rng):
    x = TWO.sample(80, rng)
    value = float(np.sum(TWO.log_prob(x)))
    assert TWO.bic(x) == pytest.approx(7 * np.log(80) - 2 * value, rel=1e-13)
    assert TWO.aic(x) == pytest.approx(2 * 7 - 2 * value, rel=1e-13)
    assert isinstance(TWO.bic(x), float)
    one = hd.VonMisesFisher.fit(x)
    assert one.bic(x) == pytest.approx(3 * np.log(80) - 2 * np.sum(one.log_prob(x)), rel=1e-13)
    batch = hd.VonMisesFisher(POLES, [5.0, 6.0])
    np.testing.assert_allclose(batch.aic(x), [law.aic(x) for law in batch], rtol=1e-13)


@pytest.mark.parametrize("law", [MIXED, HYPERBOLIC, TORUS, BATCH], ids=["sphere", "hyperbolic", "torus", "batch"])
def test_several_families_are_sampled_right(law, seed):
    """By ``check_sampler`` against the density alone; for batches against draws of each element."""
    for element in law if law.batch_shape else [law]:
        report = hd.testing.check_sampler(element.sample, element.log_prob, n=10_000, rng=seed, space=element.space)
        report.raise_for_failure()
    if law.batch_shape:
        hd.testing.check_sampler(law.sample, law, n=4_000, rng=seed).raise_for_failure()
    x, log_prob = law.sample_and_log_prob(200, seed)
    np.testing.assert_allclose(log_prob, law.log_prob(x), rtol=1e-9, atol=1e-9)
    single = law.sample_and_log_prob((), seed)
    assert single[0].shape == law.batch_shape + law.event_shape


def test_other_models_of_hyperbolic_space(seed):
    x = HYPERBOLIC.sample(20, seed, model="lorentz")
    assert x.shape == (20, 3)
    y = HYPERBOLIC.sample(20, seed, model="tangent")
    np.testing.assert_allclose(HYPERBOLIC.log_prob(x, model="lorentz"), HYPERBOLIC.log_prob(y, model="tangent"))
    assert HYPERBOLIC.log_prob([0.9, 0.9]) == -np.inf
    np.testing.assert_array_equal(HYPERBOLIC.component.log_prob([0.9, 0.9]), [-np.inf, -np.inf])


def test_components_have_the_moments_of_their_laws():
    laws = list(MIXED.component)
    for name in ("variance", "mean", "mode"):
        np.testing.assert_allclose(getattr(MIXED.component, name), [getattr(law, name) for law in laws])
    for name in ("entropy", "log_normalizer"):
        np.testing.assert_allclose(getattr(MIXED.component, name)(), [getattr(law, name)() for law in laws])


def test_laws_on_different_spaces_do_not_mix():
    with pytest.raises(ValueError, match="component must be laws on one space"):
        hd.Mixture([0.5, 0.5], [hd.SphericalUniform(2), hd.SphericalUniform(3)])
    with pytest.raises(ValueError, match="component must be laws on one space"):
        hd.Mixture([0.5, 0.5], [hd.SphericalUniform(2), hd.RiemannianNormal(np.zeros(3), 1.0)])
    with pytest.raises(ValueError, match="one curvature c"):
        hd.Mixture([0.5, 0.5], [hd.WrappedNormal(np.zeros(3), 1.0, 2.0), hd.RiemannianNormal(np.zeros(3), 1.0)])
    with pytest.raises(TypeError, match="a list of at least one"):
        hd.Mixture([1.0], [])


def test_a_background_takes_what_belongs_to_no_cluster(rng):
    """1,500 draws of MIXED: weights within 5 standard errors of binomial counts, concentrations within 5 of theirs."""
    x = MIXED.sample(1_500, rng)
    fitted = hd.Mixture.fit(x, hd.VonMisesFisher, 2, background=True, starts=3, rng=rng)
    order = np.argsort(-fitted.component.laws[0].kappa)
    np.testing.assert_allclose(fitted.weights[[*order, 2]], [0.4, 0.3, 0.3], atol=5 * np.sqrt(0.25 / 1_500))
    np.testing.assert_allclose(fitted.component.laws[0].kappa[order], [50.0, 30.0], rtol=5 / np.sqrt(0.3 * 1_500))
    assert isinstance(fitted.component[2], hd.SphericalUniform)
    assert fitted.score(x) >= MIXED.score(x)
    assert fitted.record.converged
    plain = hd.Mixture.fit(x, hd.VonMisesFisher, 2, starts=3, rng=rng)
    assert fitted.bic(x) < plain.bic(x)


def test_several_families_are_fitted(rng):
    x = HYPERBOLIC.sample(800, rng)
    fitted = hd.Mixture.fit(x, [hd.RiemannianNormal, hd.WrappedNormal], starts=4, rng=rng, max_iter=2_000)
    assert [type(law) for law in fitted.component] == [hd.RiemannianNormal, hd.WrappedNormal]
    assert fitted.score(x) >= HYPERBOLIC.score(x)
    isotropic = hd.Mixture.fit(
        x, [hd.RiemannianNormal, hd.WrappedNormal], starts=2, rng=rng, isotropic=True, max_iter=2_000
    )
    assert isotropic.n_parameters == fitted.n_parameters - 1
    torus = hd.Mixture.fit(TORUS.sample(400, rng), hd.ToroidalWrappedNormal, 1, background=True, starts=2, rng=rng)
    assert torus.weights[0] == pytest.approx(0.5, abs=5 * np.sqrt(0.25 / 400))


@pytest.mark.parametrize(
    ("family", "options", "error", "match"),
    [(hd.RiemannianNormal, {"n_components": 2, "background": True}, ValueError, "hyperbolic space has none"),
     ([hd.VonMisesFisher, hd.ToroidalUniform], {}, ValueError, "of laws on one space"),
     ([hd.VonMisesFisher, hd.WrappedNormal], {}, ValueError, "of laws on one space"),
     ([hd.VonMisesFisher, hd.SphericalUniform, hd.SphericalUniform], {}, ValueError, "one uniform law at most"),
     ([hd.SphericalUniform], {}, ValueError, "one uniform law at most"),
     ([hd.VonMisesFisher, hd.SphericalUniform], {"n_components": 3}, ValueError, "the number of families, 2, got 3"),
     ([hd.VonMisesFisher, hd.SphericalUniform], {"isotropic": True}, TypeError, "none of their fit methods"),
     ([], {}, ValueError, "at least one class"), ([hd.VonMisesFisher, 3], {}, TypeError, "got 3"),
     (hd.VonMisesFisher, {}, TypeError, "n_components must be an integer")],
)  # fmt: skip
def test_families_that_cannot_be_fitted_are_refused(family, options, error, match, rng):
    with pytest.raises(error, match=match):
        hd.Mixture.fit(TWO.sample(30, rng), family, **options)


def test_the_number_of_components_is_chosen(rng):
    x = TWO.sample(200, rng)
    chosen = hd.Mixture.select(x, hd.VonMisesFisher, range(1, 4), starts=2, tol=1e-5, rng=rng)
    assert chosen.component.batch_shape == (2,)
    assert min(chosen.criteria, key=chosen.criteria.get) == 2
    assert chosen.criteria[2] == chosen.bic(x)
    assert chosen.record.converged
    akaike = hd.Mixture.select(x, hd.VonMisesFisher, [1, 2], criterion="aic", starts=2, tol=1e-5, rng=rng)
    assert akaike.criteria[2] == akaike.aic(x)
    some = hd.Mixture.select(x, hd.VonMisesFisher, [1], background=True, starts=2, tol=1e-5, rng=rng)
    assert some.component.batch_shape == (2,)


def test_numbers_that_cannot_be_fitted_are_infinite(rng):
    x = np.repeat(TWO.sample(2, rng), 5, axis=0) + 1e-3 * rng.standard_normal((10, 3))
    x = np.concatenate([hd.Sphere().project(x)[:2]] * 2)
    chosen = hd.Mixture.select(x, hd.VonMisesFisher, [1, 3], starts=2, rng=rng)
    assert chosen.criteria[3] == np.inf
    with pytest.raises(ValueError, match=r"no number of components in \[3\] could be fitted: n_components must be"):
        hd.Mixture.select(x, hd.VonMisesFisher, [3], rng=rng)
    with pytest.raises(ValueError, match="criterion must be one of bic, aic"):
        hd.Mixture.select(x, hd.VonMisesFisher, [1], criterion="icl")
    with pytest.raises(ValueError, match="weights must be left out"):
        hd.Mixture.select(x, hd.VonMisesFisher, [1], weights=np.ones(4))
    with pytest.raises(ValueError, match="at least one number"):
        hd.Mixture.select(x, hd.VonMisesFisher, [])


def test_a_record_prints_in_a_few_lines(rng):
    record = hd.Mixture.fit(TWO.sample(100, rng), hd.VonMisesFisher, 2, starts=3, rng=rng).record
    assert len(repr(record).splitlines()) == 2
    assert len(repr(record)) < 400
    assert repr(record).startswith("Record of 3 starts: ")
    assert "gained less than tol" in repr(record.starts[0])


def test_goodness_of_fit_keeps_its_level_and_sees_what_is_missing(seed, monkeypatch):
    """60 right samples, one-sided KS of their p-values at alpha = 1e-6; a missing background at n = 500 by p < 1e-6."""
    monkeypatch.setattr("hyperdist.distributions.goodness.DRAWS", 2_000)  # to be quick
    p: list[list[float]] = []
    for trial in range(60):
        found = MIXED.goodness_of_fit(MIXED.sample(60, [seed, trial]), rng=[seed, trial, 1])
        p.append([found.pvalue, *(part.pvalue for part in found.components)])
    for column in np.transpose(p):
        assert stats.kstest(column, "uniform", alternative="greater").pvalue > ALPHA
    found = TWO.goodness_of_fit(MIXED.sample(500, seed))
    assert found.pvalue < ALPHA
    assert min(part.pvalue for part in found.components) < ALPHA
    assert hd.VonMisesFisher(POLES[0], 5.0).goodness_of_fit(TWO.sample(100, seed)).components == ()


def test_goodness_of_fit_of_a_component_without_observations():
    x = hd.VonMisesFisher(POLES[0], 500.0).sample(50, 0)
    part = hd.Mixture([0.5, 0.5], hd.VonMisesFisher(POLES, 500.0)).goodness_of_fit(x).components[1]
    assert part.pvalue == 1.0
    assert np.isnan(part.statistic)
    with pytest.raises(ValueError, match="the law must have no batch"):
        BATCH.goodness_of_fit(x)


def test_select_asks_for_numbers_to_try() -> None:
    with pytest.raises(ValueError, match=r"n_components must hold the numbers to try, as range\(1, 9\) does, got 3"):
        hd.Mixture.select(np.eye(3), hd.VonMisesFisher, 3)  # type: ignore[arg-type]


def test_numbers_to_select_from_may_repeat():
    x = hd.VonMisesFisher([0.0, 0.0, 1.0], 5.0).sample(50, rng=0)
    assert set(hd.Mixture.select(x, hd.VonMisesFisher, [1, 1], rng=0).criteria) == {1}


def test_what_is_no_point_has_no_label():
    q = hd.Mixture([0.5, 0.5], hd.VonMisesFisher([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], 5.0))
    with pytest.raises(ValueError, match=r"x must hold points of the space.*: row 1 is none \(2 of 3 rows\)"):
        q.predict([[1.0, 0.0, 0.0], [np.nan] * 3, [0.0, 0.0, 2.0]])
