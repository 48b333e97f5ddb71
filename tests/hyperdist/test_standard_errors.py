"""Standard errors of fits: closed forms, simulation, resampling, and mixtures."""

from __future__ import annotations

import numpy as np
import pytest

import hyperdist as hd
from hyperdist import checks
from hyperdist.distributions import uncertainty

POLES = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
LAWS = {
    "riemannian": (hd.RiemannianNormal([0.3, 0.1], 0.7, 1.3), {"c": 1.3}),
    "wrapped": (hd.WrappedNormal([0.3, 0.1], [0.2, 0.6], 1.3), {"c": 1.3}),
    "isotropic": (hd.WrappedNormal([0.3, 0.1], [0.5]), {"isotropic": True}),
    "von Mises-Fisher": (hd.VonMisesFisher([0.6, 0.0, 0.8], 3.0), {}),
    "spherical": (hd.SphericalRiemannianNormal([0.6, 0.0, 0.8], 0.5), {}),
    "circle": (hd.VonMisesFisher([0.6, 0.8], 3.0), {}),
    "torus": (hd.ToroidalWrappedNormal([3.0, 1.0], [0.4, 1.2]), {}),
}


@pytest.mark.parametrize("name", LAWS)
def test_errors_are_the_spread_of_fits_to_simulated_data(name, seed):
    """120 fits to 200 draws: their spread is known to 6.5 %, the errors of one fit to about 10 %; 5 deviations."""
    law, options = LAWS[name]
    n, fits, block = 200, 120, 10
    x = law.sample((n * fits,), seed)
    weights = np.zeros((n * fits, fits))
    weights[np.arange(n * fits), np.repeat(np.arange(fits), n)] = 1.0
    found = [type(law).fit(x[i : i + block * n], weights=weights[i : i + block * n, i // n : i // n + block], **options)
              for i in range(0, n * fits, block * n)]  # fmt: skip
    given = {name: np.concatenate([getattr(law_of, name) for law_of in found]) for name, _ in uncertainty.layout(law)}
    spread = uncertainty.deviations(law, type(law)(**(law._arguments() | given)))
    fitted = type(law).fit(x[:n], **options)
    for method in ("information", "bootstrap"):
        errors = fitted.standard_errors(x[:n], method=method, draws=200)
        assert errors.keys() == spread.keys()
        for parameter, error in errors.items():
            assert np.shape(error) == np.shape(spread[parameter]), parameter
            np.testing.assert_allclose(error, spread[parameter], rtol=0.6, err_msg=f"{method} {parameter}")


def test_flat_space_has_the_textbook_s(rng):
    """sigma/sqrt(n) for each coordinate of the centre, sigma/sqrt(2 n d) for the scale."""
    x = hd.RiemannianNormal([0.1, 0.2, 0.0], 0.5, 0.0).sample(100, rng)
    fitted = hd.RiemannianNormal.fit(x, c=0.0)
    errors = fitted.standard_errors(x)
    np.testing.assert_allclose(errors["mu"], fitted.sigma / 10.0, rtol=1e-5)
    np.testing.assert_allclose(errors["sigma"], fitted.sigma / np.sqrt(600.0), rtol=1e-5)
    wrapped = hd.WrappedNormal.fit(x, c=0.0)
    errors = wrapped.standard_errors(x)
    np.testing.assert_allclose(errors["mu"], wrapped.sigma / 10.0, rtol=1e-5)
    np.testing.assert_allclose(errors["sigma"], wrapped.sigma / np.sqrt(200.0), rtol=1e-5)


def test_von_mises_fisher_in_closed_form_is_the_difference_quotient(rng, monkeypatch):
    """Mardia & Jupp 2000, section 10.3: 1/sqrt(n kappa A) and 1/sqrt(n A')."""
    x = hd.VonMisesFisher(POLES[0], 4.0).sample(150, rng)
    fitted = hd.VonMisesFisher.fit(x)
    errors, law = fitted.standard_errors(x), uncertainty.wide(fitted)
    inverse = uncertainty.covariance(
        lambda theta: float(np.sum(uncertainty.moved(law, theta).log_prob(x))), uncertainty.units(law), law
    )
    np.testing.assert_allclose(np.sqrt(np.diag(inverse)), [*errors["mu"], errors["kappa"] / law.kappa], rtol=1e-5)
    high = hd.VonMisesFisher(np.eye(1, 300)[0], 400.0).sample(1_000, rng)
    errors = hd.VonMisesFisher.fit(high).standard_errors(high)
    assert errors["mu"].shape == (299,)
    assert errors["kappa"] == pytest.approx(400.0 * np.sqrt(2.0 / (1_000 * 299)), rel=0.3)


@pytest.mark.parametrize("method", ["information", "bootstrap"])
def test_a_mixture_s_errors_are_those_of_its_parts_where_these_are_apart(method, rng):
    """Two caps that do not overlap: binomial weights, and each component's own errors on its own rows."""
    law = hd.Mixture([0.4, 0.6], hd.VonMisesFisher(POLES, [200.0, 100.0]))
    x = law.sample(500, rng)
    fitted = hd.Mixture.fit(x, hd.VonMisesFisher, 2, starts=2, rng=rng, tol=1e-12)
    label, errors = fitted.predict(x), fitted.standard_errors(x, method=method, draws=300)
    rtol = 1e-4 if method == "information" else 0.35
    np.testing.assert_allclose(errors["weights"], np.sqrt(np.prod(fitted.weights) / 500), rtol=rtol)
    for k in range(2):
        own = x[label == k]
        alone = hd.VonMisesFisher.fit(own).standard_errors(own)
        for name, error in alone.items():
            np.testing.assert_allclose(errors["component"][name][k], error, rtol=rtol)


def test_several_families_have_theirs_in_a_list(rng):
    law = hd.Mixture([0.3, 0.4, 0.3], [hd.SphericalUniform(2), hd.VonMisesFisher(POLES, [50.0, 30.0])])
    x = law.sample(400, rng)
    fitted = hd.Mixture.fit(x, hd.VonMisesFisher, 2, background=True, starts=2, rng=rng, tol=1e-10)
    for method, options in (("information", {}), ("bootstrap", {"draws": 50})):
        errors = fitted.standard_errors(x, method=method, **options)
        assert errors["component"][1] == {}
        assert errors["component"][0]["mu"].shape == (2, 2)
        assert np.all(errors["component"][0]["kappa"] > 0.0)
        assert errors["weights"].shape == (3,)
        assert np.all((errors["weights"] > 0.01) & (errors["weights"] < 0.06))


def test_what_has_no_errors_is_said(rng):
    x = hd.RiemannianNormal([0.3, 0.1], 0.5).sample(50, rng)
    fitted = hd.RiemannianNormal.fit(x)
    assert hd.SphericalUniform(1).standard_errors(hd.SphericalUniform(1).sample(5, 0)) == {}
    with pytest.raises(ValueError, match="x must be what the law was fitted to"):
        hd.RiemannianNormal([0.3, 0.1], 5.0).standard_errors(x)
    caps = hd.VonMisesFisher(POLES[0], 4.0).sample(50, rng)
    with pytest.raises(ValueError, match="x must be what the law was fitted to"):
        hd.VonMisesFisher(POLES[1], 4.0).standard_errors(caps)
    with pytest.raises(ValueError, match="method must be one of information, bootstrap"):
        fitted.standard_errors(x, method="jackknife")
    with pytest.raises(ValueError, match="the law must have no batch"):
        hd.RiemannianNormal([0.3, 0.1], [0.5, 0.6]).standard_errors(x)
    many = hd.RiemannianNormal(np.zeros(70), 0.1).sample(100, rng)
    with pytest.raises(ValueError, match="at most 60: ask for method='bootstrap'"):
        hd.RiemannianNormal.fit(many).standard_errors(many)


def test_streams_from_one_seed_share_nothing():
    """What is drawn from a seed, and what a test of it is then given the same seed to draw."""
    first, second = np.random.default_rng(0).random(1_000), checks.stream_apart(0).random(1_000)
    assert not np.isin(first, second).any()
    assert checks.stream_apart(0).random() == checks.stream_apart(0).random()
