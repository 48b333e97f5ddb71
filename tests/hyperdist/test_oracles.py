"""The reference values, checked against closed forms, published figures and finite differences."""

from __future__ import annotations

import math

import pytest
from mpmath import mp, mpf

from tests.support import closed_forms, oracles
from tests.support.oracles import load
from tests.support.reference.generate import GRIDS, row, same
from tests.support.tables import Table

LAST_DIGIT = mpf(10) ** -24
"""Agreement to one unit of the last of 25 stored digits, as a relative error."""


def close(stored: str, exact: mpf, scale: mpf | float = 1.0) -> bool:
    return abs(mpf(stored) - exact) <= LAST_DIGIT * max(abs(exact), scale)


@pytest.fixture(autouse=True)
def digits():
    """Tests read and compute at 60 digits unless they ask for more."""
    with mp.workdps(60):
        yield


@pytest.mark.parametrize("name", GRIDS)
def test_reference_is_whole_and_its_error_is_below_the_last_digit(name):
    keys, grid = GRIDS[name]
    rows = load(name)
    assert [tuple(entry[key] for key in keys) for entry in rows] == grid
    assert max(entry["error"] for entry in rows) < 1e-25
    for entry in rows:
        assert all(math.isfinite(float(v)) for v in entry.values() if not isinstance(v, list))
        assert all(math.isfinite(float(v)) for point in entry["points"] for v in point.values())
        assert [point["x"] for point in entry["points"]] == sorted(point["x"] for point in entry["points"])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("hyperbolic", (4, 0.3)),
        ("chi", (8, 1.0)),
        ("von_mises_fisher", (5, 10.0)),
        ("spherical", (3, 0.5)),
        ("circle", (2.0,)),
    ],
)
def test_generator_gives_what_is_stored(name, parameters):
    stored = load(name)[GRIDS[name][1].index(parameters)]
    assert same(stored, row(name, parameters))


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 8, 10, 20, 100])
def test_hyperbolic_rows_agree_with_the_erf_expansion(d):
    """Normaliser, E x^2 and, to d = 20, tails above 1e-40; cells that cancel more than 240 digits are left out."""
    compared = 0
    for entry in load("hyperbolic"):
        lost = closed_forms.erf_digits(d - 1, entry["s"], float(entry["log_normaliser"]))
        if entry["d"] != d or lost > 240:
            continue
        compared += 1
        with mp.workdps(60 + 2 * lost):
            s = mpf(entry["s"])
            whole = closed_forms.erf_sum(d - 1, s)
            assert close(entry["log_normaliser"], mp.log(whole))
            assert close(entry["second_moment"], closed_forms.erf_second_moment(d - 1, s), 0)
            for point in entry["points"]:
                key = "sf" if point["upper"] else "cdf"
                if d <= 20 and point["p"] > 1e-40:
                    with mp.workdps(mp.dps + 50):
                        part = closed_forms.erf_sum(d - 1, s, mpf(point["x"]), point["upper"])
                    assert close(point[key], part / whole, 0), (d, entry["s"], point["p"])
    assert compared >= (8 if d <= 20 else 4)


def test_hyperbolic_rows_agree_with_the_forms_of_dimensions_one_two_three():
    for entry in load("hyperbolic"):
        s = mpf(entry["s"])
        gauss = mp.sqrt(mp.pi / 2) * s
        forms = {
            1: lambda gauss=gauss: gauss,
            2: lambda gauss=gauss, s=s: gauss * mp.exp(s * s / 2) * mp.erf(s / mp.sqrt(2)),
            3: lambda gauss=gauss, s=s: gauss * mp.expm1(2 * s * s) / 2,
        }
        if entry["d"] in forms:
            assert close(entry["log_normaliser"], mp.log(forms[entry["d"]]()))


PUBLISHED = {
    (2, 1.0): 0.344076206,
    (5, 1.0): 6.137401271,
    (10, 0.1): -16.923544084,
    (10, 1.0): 35.180612895,
    (20, 2.0): 710.442289283,
    (64, 0.1): -40.464313972,
}
"""log I_{d-1}(s), from a computation made before this one."""


def test_normaliser_has_the_values_known_beforehand():
    for (d, s), value in PUBLISHED.items():
        assert abs(Table(oracles.hyperbolic(d, s)).log_normaliser() - value) < 6e-10


def test_moments_have_the_values_known_beforehand():
    for (d, s), mean, variance in [
        ((2, 1.0), 1.4647948, 0.56325118),
        ((5, 1.0), 4.0166013, 0.97071694),
        ((20, 2.0), 76.0, 4.0),
    ]:
        average = Table(oracles.hyperbolic(d, s)).average
        assert abs(average["mean"] - mean) < 6e-8
        assert abs(average["second_moment"] - average["mean"] ** 2 - variance) < 6e-8


@pytest.mark.parametrize("m", [2, 3, 4, 5, 10, 50, 100, 1000, 10000])
def test_von_mises_fisher_rows_agree_with_bessel_functions(m):
    """Where mpmath's Bessel function converges: the power series to 1e4, the asymptotic one where kappa >> m^2."""
    for entry in load("von_mises_fisher"):
        kappa = mpf(entry["kappa"])
        if entry["m"] != m or (kappa > 1e4 and kappa < 4 * mpf(m) ** 2):
            continue
        assert close(entry["log_normaliser"], closed_forms.bessel_log_normaliser(m, kappa))
        assert close(entry["resultant"], closed_forms.bessel_resultant(m, kappa), 0)
        resultant = mpf(entry["resultant"])
        derivative = 1 - resultant**2 - (m - 1) * resultant / kappa
        # the stored resultant has 25 digits, of which the difference loses those of its terms
        assert abs(mpf(entry["dresultant"]) - derivative) <= 4 * LAST_DIGIT * (1 + (m - 1) / kappa * resultant)


@pytest.mark.parametrize("m", [2, 10, 10000])
def test_von_mises_fisher_resultant_agrees_with_its_continued_fraction(m):
    for entry in load("von_mises_fisher"):
        if entry["m"] == m and entry["kappa"] <= 1e4:
            exact = closed_forms.continued_fraction_resultant(m, mpf(entry["kappa"]))
            assert close(entry["resultant"], exact, 0)


def test_von_mises_fisher_tails_agree_with_the_form_on_the_sphere():
    """m = 3: cdf (1 - exp(kappa (cos r - 1)))/(1 - exp(-2 kappa))."""
    for entry in load("von_mises_fisher"):
        if entry["m"] != 3:
            continue
        kappa = mpf(entry["kappa"])
        for point in entry["points"]:
            x = mpf(point["x"])
            whole = -mp.expm1(-2 * kappa)
            lower = -mp.expm1(-2 * kappa * mp.sin(x / 2) ** 2) / whole
            upper = mp.exp(-2 * kappa) * mp.expm1(2 * kappa * mp.cos(x / 2) ** 2) / whole
            assert close(point["sf" if point["upper"] else "cdf"], upper if point["upper"] else lower, 0)


@pytest.mark.parametrize("d", [1, 2, 3, 5, 10])
def test_spherical_rows_agree_with_the_complex_erf_expansion(d):
    for entry in load("spherical"):
        if entry["d"] != d or (entry["sigma"] < 0.1 and d > 5):
            continue
        with mp.workdps(160):
            sigma = mpf(entry["sigma"])
            whole = closed_forms.complex_erf_sum(d - 1, sigma, mp.pi)
            assert close(entry["log_normaliser"], mp.log(whole))
            for point in entry["points"]:
                if point["p"] > 1e-40:
                    below = closed_forms.complex_erf_sum(d - 1, sigma, mpf(point["x"]))
                    part = whole - below if point["upper"] else below
                    assert close(point["sf" if point["upper"] else "cdf"], part / whole, 0), (entry["sigma"], point)


def test_chi_rows_agree_with_incomplete_gamma_functions():
    for entry in load("chi"):
        d, s = entry["d"], mpf(entry["s"])
        half = mpf(d) / 2
        assert close(entry["log_normaliser"], d * mp.log(s) + (half - 1) * mp.log(2) + mp.loggamma(half))
        assert close(entry["second_moment"], d * s * s, 0)
        assert close(entry["mean"], mp.sqrt(2) * s * mp.gammaprod([half + mpf(1) / 2], [half]), 0)
        for point in entry["points"]:
            # at fixed cdf a chi quantile is proportional to s
            assert close(point["dx"], mpf(point["x"]) / s, 0)
            if d <= 100:
                limits = (
                    {"a": (mpf(point["x"]) / s) ** 2 / 2} if point["upper"] else {"b": (mpf(point["x"]) / s) ** 2 / 2}
                )
                with mp.workdps(100):
                    part = mp.gammainc(half, regularized=True, **limits)
                assert close(point["sf" if point["upper"] else "cdf"], part, 0), (d, entry["s"], point)


@pytest.mark.parametrize(("d", "s"), [(2, 1.0), (10, 5.0)])
def test_mean_log_sinhc_agrees_with_adaptive_quadrature(d, s):
    """mpmath's tanh-sinh rule at 25 digits, to 1e-18."""
    stored = next(entry["mean_log_sinhc"] for entry in load("chi") if (entry["d"], entry["s"]) == (d, s))
    with mp.workdps(25):
        cuts = [mpf(0), s, 2 * s, 4 * s, 8 * s, 16 * s]
        weight = mp.quad(lambda x: mp.exp(-((x / s) ** 2) / 2) * x ** (d - 1), cuts)
        value = mp.quad(lambda x: mp.log(mp.sinh(x) / x) * mp.exp(-((x / s) ** 2) / 2) * x ** (d - 1), cuts)
        assert abs(value / weight - mpf(stored)) < 1e-18 * (1 + abs(mpf(stored)))


def test_circle_rows_agree_with_theta_functions_and_fourier_series():
    """sigma = 1e-3 is a half normal to exp(-pi^2/2e-6); there the series would need 20,000 terms."""
    for entry in load("circle"):
        sigma, narrow = mpf(entry["sigma"]), entry["sigma"] < 0.1
        with mp.workdps(70):
            exact = sigma**2 if narrow else closed_forms.circle_second_moment(sigma)
            assert close(entry["second_moment"], exact, 0)
        for point in entry["points"]:
            x, key = mpf(point["x"]), "sf" if point["upper"] else "cdf"
            with mp.workdps(420):
                density = 2 * mp.npdf(x, 0, sigma) if narrow else closed_forms.circle_density(x, sigma)
                assert close(point["log_pdf"], mp.log(density))
            with mp.workdps(100):
                if narrow:
                    part = (mp.erfc if point["upper"] else mp.erf)(x / sigma / mp.sqrt(2))
                    assert close(point[key], part, 0)
                elif point["p"] > 1e-40:
                    below = closed_forms.circle_cdf(x, sigma)
                    assert close(point[key], 1 - below if point["upper"] else below, 0)


@pytest.mark.parametrize(
    ("law", "parameters"),
    [
        (oracles.hyperbolic, (2, 1.0)),
        (oracles.hyperbolic, (20, 0.3)),
        (oracles.hyperbolic, (100, 7.0)),
        (oracles.von_mises_fisher, (2, 10.0)),
        (oracles.von_mises_fisher, (100, 1e4)),
        (oracles.spherical, (3, 0.5)),
        (oracles.spherical, (10, 3.0)),
        (oracles.circle, (0.5,)),
        (oracles.circle, (2.0,)),
    ],
)
@pytest.mark.parametrize("p", [1e-6, 0.5])
def test_parameter_derivative_is_that_of_the_quantile(law, parameters, p):
    """Central difference of the quantile; its own error is h^2 = 1e-24 times the third derivative."""
    scale = mpf(parameters[-1])
    step = scale * mpf(10) ** -12
    table = Table(law(*parameters))
    ends = [Table(law(*parameters[:-1], scale + sign * step)).quantile(mpf(p), False) for sign in (-1, 1)]
    slope = (ends[1] - ends[0]) / (2 * step)
    assert abs(table.parameter_derivative(table.quantile(mpf(p), False)) / slope - 1) < 1e-20
