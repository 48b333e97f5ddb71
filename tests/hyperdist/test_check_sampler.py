"""``hyperdist.testing``: right samplers pass, planted faults fail by the test that is for them, and reports say so."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

import hyperdist as hd
from hyperdist.testing import score, stein, views
from hyperdist.testing.check import findings as check_all
from tests.support.statistics import ALPHA

check = hd.testing.check_sampler
CENTRE = [0.1, 0.2, 0.0]
POLES = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]

LAWS = {
    "riemannian": hd.RiemannianNormal(CENTRE, 0.8, 1.3),
    "riemannian, a line": hd.RiemannianNormal([0.3], 0.8),
    "wrapped": hd.WrappedNormal(CENTRE, 0.5),
    "wrapped, scales": hd.WrappedNormal(CENTRE, [0.2, 0.5, 0.9]),
    "wrapped, batch": hd.WrappedNormal([[0.1, 0.2], [0.3, 0.0]], [[0.3], [0.6]], [1.0, 0.0]),
    "von Mises-Fisher": hd.VonMisesFisher(POLES, [0.0, 7.0]),
    "spherical normal": hd.SphericalRiemannianNormal([0.6, 0.8], 0.7),
    "uniform": hd.SphericalUniform(3),
    "torus": hd.ToroidalWrappedNormal([3.0, 1.0], [0.5, 2.0]),
    "torus, uniform": hd.ToroidalUniform(2),
    "mixture": hd.Mixture([0.3, 0.7], hd.VonMisesFisher(POLES, [20.0, 5.0])),
    "mixture, torus": hd.Mixture([0.5, 0.5], hd.ToroidalWrappedNormal([[0.0, 1.0], [2.0, 2.0]], [0.3, 0.5])),
}


@pytest.mark.parametrize("name", LAWS)
def test_right_draws_pass(name, seed):
    """One run at alpha = 1e-6; a small n, to be quick."""
    report = check(LAWS[name].sample, LAWS[name], n=2_000, rng=seed)
    report.raise_for_failure()
    assert report.passed


RADIAL = [name for name, law in LAWS.items() if hasattr(law, "radius") and hasattr(law, "mu") and "uniform" not in name]


@pytest.mark.parametrize("name", RADIAL)
def test_scores_have_p_values_that_are_not_too_small(name, rng):
    """300 right samples of 200 draws, where the sums are skewest (KS one-sided, alpha 1e-6 a test)."""
    law, shape = LAWS[name], (300, 200)
    x = law.sample(shape, rng)
    torus = isinstance(law, hd.ToroidalWrappedNormal)
    r = np.abs(hd.Torus().wrap(x - law.mu)) if torus else views.polar(law, views.represent(law, x, None))[0]
    tested = []
    for test, function, moments in score._radial_scores(law):
        told = moments[1] > score.LEAST_INFORMATION
        total = np.sum(function(r), axis=1)
        for column, *known in zip(total[:, told].T, *(moment[told] for moment in moments), strict=True):
            p = score.mean_p_value(column, shape[1], *known)
            assert stats.kstest(p, "uniform", alternative="greater").pvalue > ALPHA, test
            tested.append(test)
    assert tested


@pytest.mark.parametrize("name", ["riemannian", "torus", "wrapped, scales"])
def test_centres_have_p_values_that_are_not_too_small(name, rng):
    """60 right samples of 200 draws, KS one-sided, alpha 1e-6."""
    law = LAWS[name]
    found = [check_all(law, law.sample(200, rng))[0] for _ in range(60)]
    p = [next(finding.p for finding in tests if finding.test == "score mu") for tests in found]
    assert stats.kstest(p, "uniform", alternative="greater").pvalue > ALPHA


FAULTS = {
    "scale": (hd.RiemannianNormal(CENTRE, 0.808).sample, hd.RiemannianNormal(CENTRE, 0.8), 100_000, "score sigma"),
    "wrapped scale": (hd.WrappedNormal(CENTRE, 0.505).sample, hd.WrappedNormal(CENTRE, 0.5), 100_000, "score sigma"),
    "kappa": (hd.VonMisesFisher([0.0, 0.0, 0.0, 1.0], 51.0).sample, hd.VonMisesFisher([0.0, 0.0, 0.0, 1.0], 50.0),
              100_000, "score kappa"),
    "one scale of three": (hd.WrappedNormal(CENTRE, [0.2, 0.54, 0.9]).sample, hd.WrappedNormal(CENTRE, [0.2, 0.5, 0.9]),
                           20_000, "score sigma"),
    "centre": (hd.RiemannianNormal([0.12, 0.2, 0.0], 0.8).sample, LAWS["riemannian"].__class__(CENTRE, 0.8), 20_000,
               "score mu"),
    "angle": (hd.ToroidalWrappedNormal([3.04, 1.0], [0.5, 2.0]).sample, LAWS["torus"], 20_000, "score mu"),
    "torus scale": (hd.ToroidalWrappedNormal([3.0, 1.0], [0.53, 2.0]).sample, LAWS["torus"], 20_000, "score sigma"),
    "weights": (hd.Mixture([0.34, 0.66], hd.VonMisesFisher(POLES, [20.0, 5.0])).sample, LAWS["mixture"], 20_000,
                "score weights"),
    "a component": (hd.Mixture([0.3, 0.7], hd.VonMisesFisher(POLES, [23.0, 5.0])).sample, LAWS["mixture"], 20_000,
                    "score kappa of components"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_parameter_that_is_off_fails_by_its_score(name, seed):
    """At alpha = 1e-6, each effect at 6.5 standard errors or more of the score: missed in fewer than 1 % of seeds."""
    sample, law, n, test = FAULTS[name]
    report = check(sample, law, n=n, rng=seed)
    assert not report.passed
    assert test in {failure.test for failure in report.failures}


def test_curvature_is_scored(seed):
    """c 10 % off at d = 5: about 13 standard errors."""
    law = hd.RiemannianNormal(np.zeros(5), 1.0, 1.0)
    wrong = hd.RiemannianNormal(np.zeros(5), 1.0, 1.1)
    report = check(lambda n, rng: wrong.sample(n, rng, model="tangent"), law, model="tangent", rng=seed)
    assert "score c" in {failure.test for failure in report.failures}


def _duplicated(n, rng):
    x = LAWS["wrapped"].sample(n, rng)
    x[n // 2] = x[0]
    return x


def _chained(n, rng):
    x = LAWS["wrapped"].sample(n, rng)
    return x[np.argsort(x[:, 0] + 0.5 * rng.standard_normal(n))]


@pytest.mark.parametrize(
    ("sample", "law", "test"),
    [(_duplicated, "wrapped", "repeats"), (_chained, "wrapped", "chain"),
     (lambda n, rng: 1.01 * LAWS["uniform"].sample(n, rng), "uniform", "support"),
     (lambda n, rng: np.full((n, 4), np.nan), "uniform", "support"),
     (lambda n, rng: np.abs(LAWS["uniform"].sample(n, rng)), "uniform", "projections")],
)  # fmt: skip
def test_other_faults_fail_by_the_test_that_is_for_them(sample, law, test, seed):
    assert test in {failure.test for failure in check(sample, LAWS[law], n=5_000, rng=seed).failures}


def test_one_draw_for_a_whole_batch_is_found(seed):
    law = hd.VonMisesFisher([POLES[0], POLES[0]], 3.0)
    one = hd.VonMisesFisher(POLES[0], 3.0)
    report = check(lambda n, rng: np.repeat(one.sample(n, rng)[:, None], 2, axis=1), law, n=5_000, rng=seed)
    assert report.failures[0].test == "batch"


def test_points_serve_in_place_of_a_sampler(seed):
    law = LAWS["von Mises-Fisher"]
    x = law.sample(4_000, seed)
    assert check(x, law).passed
    assert check(law.sample(150, seed), law).passed  # too few for the discrepancy, which is left out
    assert check(law.sample(4_000, seed, method="inverse"), law).passed


def test_a_seed_gives_the_same_report():
    law = LAWS["riemannian"]
    first, again, other = (check(law.sample, law, n=500, rng=seed) for seed in (3, 3, 4))
    assert first.tests == again.tests != other.tests


def test_float32_draws_and_other_models(seed):
    law = hd.RiemannianNormal(np.array(CENTRE, np.float32), np.float32(0.8), np.float32(1.0))
    assert law.sample(3).dtype == np.float32
    assert check(law.sample, law, n=5_000, rng=seed).passed
    assert check(lambda n, rng: law.sample(n, rng, model="lorentz"), law, n=5_000, rng=seed, model="lorentz").passed
    tangent = hd.WrappedNormal([9.0, 1.0], 2.0, model="tangent")
    assert check(tangent.sample, tangent, n=5_000, rng=seed).passed


DENSITIES = [
    (LAWS["spherical normal"], hd.SphericalRiemannianNormal([0.6, 0.8], 0.75), hd.Sphere()),
    (hd.VonMisesFisher(POLES[0], 5.0), hd.VonMisesFisher(POLES[0], 5.5), hd.Sphere()),
    (LAWS["riemannian"], hd.RiemannianNormal(CENTRE, 0.85, 1.3), hd.PoincareBall(1.3)),
    (LAWS["torus"], hd.ToroidalWrappedNormal([3.05, 1.0], [0.5, 2.0]), hd.Torus()),
    (hd.WrappedNormal([1.0, 2.0], 0.5, 1.0, model="tangent"), hd.WrappedNormal([1.1, 2.0], 0.5, 1.0, model="tangent"),
     hd.Tangent(1.0)),
]  # fmt: skip


@pytest.mark.parametrize(("law", "wrong", "space"), DENSITIES, ids=lambda value: type(value).__name__)
def test_a_density_without_its_normaliser_is_enough_with_a_space(law, wrong, space, seed):
    """Stein's identity on each space; the wrong laws lie more than 7 standard errors off."""

    def density(x):
        return law.log_prob(x) + 17.0

    assert check(law.sample, density, rng=seed, space=space).passed
    report = check(wrong.sample, density, rng=seed, space=space)
    assert [failure.test for failure in report.failures] == ["stein"]


def test_stein_in_flat_space(rng):
    x = rng.standard_normal((20_000, 3))
    assert stein.identities(lambda x: -0.5 * np.sum(x * x, axis=1), hd.Euclidean(), x).p > ALPHA
    assert stein.identities(lambda x: -0.6 * np.sum(x * x, axis=1), hd.Euclidean(), x).p < ALPHA


def test_a_density_and_draws_to_compare_with(seed):
    law, wrong = LAWS["mixture"], hd.Mixture([0.7, 0.3], LAWS["mixture"].component)
    assert check(law.sample, law.log_prob, rng=seed, reference=law.sample).passed
    failed = {failure.test for failure in check(law.sample, wrong.log_prob, rng=seed, reference=wrong.sample).failures}
    assert {"two-sample", "mmd"} <= failed
    assert [t.test for t in check(law.sample, law.log_prob, n=500).tests] == ["support", "chain", "repeats"]
    assert not check(law.sample, lambda x: np.where(x[:, 0] > 0.9, -np.inf, 0.0), n=500).passed


def test_gamma_tails_are_exact_for_sums_of_squares(rng):
    """Twelve standard errors out, at 5 terms: chi-square's own tails."""
    for total in (0.2, 1.0, 5.0, 40.0):
        expected = 2.0 * min(special.chdtr(5, total), special.chdtrc(5, total))
        got = score.mean_p_value(np.asarray(total), 5, 1.0, 2.0, 8.0)
        assert got == pytest.approx(min(1.0, expected), rel=1e-10)
    assert score.mean_p_value(np.asarray(3.0), 9, 0.0, 1.0, 0.0) == pytest.approx(2.0 * stats.norm.sf(1.0))
    assert score.mean_p_value(np.asarray(np.nan), 9, 0.0, 1.0, 0.0) == 0.0
    mirrored = score.mean_p_value(np.asarray(-40.0), 5, -1.0, 2.0, -8.0)
    assert mirrored == pytest.approx(2.0 * special.chdtrc(5, 40.0), rel=1e-10)


def test_moments_of_scores_are_those_of_the_law():
    """Of the wrapped normal in closed form: d log f/d log sigma = r^2/sigma^2 - d, chi-square less its mean."""
    ((name, function, moments),) = [s for s in score._radial_scores(LAWS["wrapped"]) if s[0] == "sigma"]
    assert name == "sigma"
    np.testing.assert_allclose(function(np.array([0.5, 1.0])), [1.0 - 3.0, 4.0 - 3.0], rtol=1e-6)
    np.testing.assert_allclose(moments, [0.0, 6.0, 24.0], rtol=1e-6, atol=1e-6)


def test_hall_s_transformation_keeps_its_level_for_skew_values(rng):
    """Means of 1,000 centred exponentials: t itself is too small below; 2,000 trials, one-sided KS, alpha 1e-6."""
    p = [stein.mean_is_zero(rng.standard_exponential(1_000) - 1.0)[1] for _ in range(2_000)]
    assert stats.kstest(p, "uniform", alternative="greater").pvalue > ALPHA
    assert stein.mean_is_zero(np.ones(9)) == (np.inf, 0.0)


def test_report_names_what_failed_and_is_a_page(tmp_path, seed):
    right, wrong = LAWS["riemannian"], hd.RiemannianNormal(CENTRE, 0.9, 1.3)
    report = check(wrong.sample, right, rng=seed)
    with pytest.raises(AssertionError, match=r"score sigma: mean of d log p.*statistic -?\d.*p = .*n = 20000"):
        report.raise_for_failure()
    assert "FAILED" in repr(report)
    assert str(report).splitlines()[1].split()[:3] == ["test", "statistic", "p"]
    assert all(test.adjusted is not None and test.adjusted >= test.p for test in report.tests)
    for result, word in ((report, "Sampler failed"), (check(right.sample, right, n=500), "Sampler passed")):
        result.to_html(tmp_path / "report.html")
        page = (tmp_path / "report.html").read_text()
        assert word in page
        assert "http" not in page
        assert page.count("<tr") == len(result.tests) + 1
        assert "<svg" in page


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [((lambda n, rng: np.zeros((n, 4)), LAWS["wrapped"]), ValueError, r"shape \(n, 3\), got \(20000, 4\)"),
     ((lambda n, rng: np.zeros((n - 1, 3)), LAWS["wrapped"]), ValueError, "n = 20000 points asked for"),
     ((np.zeros((9, 3)), LAWS["wrapped"]), ValueError, "at least 100 points, got 9"),
     ((np.zeros(900), LAWS["wrapped"]), ValueError, r"\(n, \*batch, k\), got shape \(900,\)"),
     ((LAWS["wrapped"].sample, "normal"), TypeError, "law must be a law of hyperdist"),
     ((LAWS["wrapped"].sample, np.mean), ValueError, "a log density a point"),
     ((LAWS["wrapped"].sample, LAWS["wrapped"], 10), ValueError, "n must be an integer >= 100"),
     ((LAWS["wrapped"].sample, LAWS["wrapped"], 200, 0, 1.0), ValueError, "alpha must be > 0 and < 1")],
)  # fmt: skip
def test_what_cannot_be_tested_is_refused(arguments, error, match):
    with pytest.raises(error, match=match):
        check(*arguments)
    with pytest.raises(ValueError, match="needs at least 1000 draws, got 500"):
        check(LAWS["torus"].sample, LAWS["torus"].log_prob, n=500, space=hd.Torus())


def test_the_law_is_taken_in_float64():
    law = hd.VonMisesFisher(np.array([0.6, 0.0, 0.8], np.float32), np.float32(5.0))
    wide = views.exact(law)
    assert (wide.dtype, law.dtype) == (np.float64, np.float32)
    assert float(wide.kappa) == 5.0
    assert abs(np.linalg.norm(wide.mu) - 1.0) < 1e-15


EXTREMES = [
    *(hd.ToroidalWrappedNormal([0.0, 1.0], sigma) for sigma in (6.0, 9.0, 1000.0, [0.5, 12.0])),
    *(hd.SphericalRiemannianNormal(mu, sigma) for mu in ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]) for sigma in (1e-9, 1e-12)),
    hd.VonMisesFisher([0.0, 0.0, 1.0], 1e15),
    hd.PowerSpherical([0.0, 0.0, 1.0], 1e15),
    hd.WrappedNormal([0.5, 0.0], 1e-9),
]


@pytest.mark.parametrize("law", EXTREMES, ids=repr)
@pytest.mark.filterwarnings("error")
def test_laws_at_the_ends_pass_against_themselves(law):
    """As wide as uniform, as narrow as coordinates hold, at the largest concentration; false alarm 1e-6."""
    assert check(law.sample, law, n=1000).passed


@pytest.mark.parametrize("space", [hd.Sphere(2), hd.Torus(2)], ids=repr)
@pytest.mark.filterwarnings("error")
def test_a_uniform_density_passes(space):
    """One that is the same everywhere, to the last bit or to rounding; false alarm 1e-6."""
    law = hd.SphericalUniform(2) if isinstance(space, hd.Sphere) else hd.ToroidalUniform(2)
    rounded = np.random.default_rng(0)
    for density in (lambda x: np.zeros(len(x)), law.log_prob, lambda x: 1.0 + 1e-16 * rounded.integers(-2, 3, len(x))):
        assert check(law.sample, density, n=2000).passed
    for density in (lambda x: np.zeros(len(x)), law.log_prob):
        assert check(law.sample, density, n=2000, space=space, reference=law.sample).passed


FIXED = [
    hd.VonMisesFisher([0.0, 0.0, 1.0], 5.0),
    hd.PowerSpherical([0.0, 0.0, 1.0], 5.0),
    hd.SphericalUniform(2),
    hd.ToroidalUniform(2),
    hd.ToroidalWrappedNormal([0.0, 1.0], 0.5),
    hd.RiemannianNormal([0.0], 1.0),
    hd.WrappedNormal([0.2, 0.1], 1.0),
    hd.Product(hd.VonMisesFisher([0.0, 1.0], 2.0), hd.ToroidalUniform(1)),
]


@pytest.mark.parametrize("law", FIXED, ids=lambda law: type(law).__name__)
@pytest.mark.filterwarnings("error")
def test_a_sampler_that_gives_one_point_fails(law):
    assert not check(np.tile(law.sample(rng=0), (500, 1)), law).passed


def test_what_check_sampler_cannot_use_is_named():
    law = hd.VonMisesFisher([0.0, 0.0, 1.0], 5.0)
    with pytest.raises(ValueError, match="space must be left out, for a law has its own"):
        check(law.sample, law, space=hd.Torus(2))
    with pytest.raises(ValueError, match=r"law must hold at least one law, got batch shape \(0,\)"):
        check(np.zeros((500, 0, 3)), hd.VonMisesFisher(np.zeros((0, 3)), np.ones(0)))
