"""Every distribution, against the contract of ``tests/support/contracts.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import hyperdist as hd
from tests.support import contracts
from tests.support.cases import CASES, Case
from tests.support.statistics import ALPHA, ks_uniform

PER_MODEL = [pytest.param(case, model, id=f"{case}-{model or 'points'}") for case in CASES for model in case.models]
RADIAL = [pytest.param(case, id=str(case)) for case in CASES if case.radial]
FIRST_MODEL = [pytest.param(case, case.models[0], id=str(case)) for case in CASES if case.radial]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


@DTYPES
@pytest.mark.parametrize(("case", "model"), PER_MODEL)
def test_shapes_and_dtypes(case: Case, model: str | None, dtype: type, rng: np.random.Generator) -> None:
    contracts.shapes_and_dtypes(case.build(dtype), model, rng)


@pytest.mark.parametrize(("case", "model"), PER_MODEL)
def test_draws_follow_from_the_state(case: Case, model: str | None) -> None:
    contracts.draws_follow_from_the_state(case.build(np.float64), model)


@DTYPES
@pytest.mark.parametrize(("case", "model"), [p for p in PER_MODEL if p.values[0].radial])
def test_density_of_a_draw(case: Case, model: str | None, dtype: type, rng: np.random.Generator) -> None:
    contracts.density_of_a_draw(case.build(dtype), case.build(np.float64), model, rng)


@pytest.mark.parametrize(("case", "model"), PER_MODEL)
def test_off_the_space(case: Case, model: str | None) -> None:
    contracts.off_the_space(case.build(np.float64), model)


@pytest.mark.parametrize(("case", "model"), FIRST_MODEL)
def test_density_integrals(case: Case, model: str | None) -> None:
    contracts.density_integrals(case.build(np.float64), model)


@DTYPES
@pytest.mark.parametrize("case", RADIAL)
def test_radial_law_is_consistent(case: Case, dtype: type) -> None:
    contracts.radial_law_is_consistent(case.build(dtype))


@pytest.mark.parametrize("method", ["rejection", "inverse"])
@pytest.mark.parametrize(("case", "model"), [p for p in PER_MODEL if p.values[0].radial])
def test_draws_have_the_law(case: Case, model: str | None, method: str, rng: np.random.Generator) -> None:
    contracts.draws_have_the_law(case.build(np.float64), model, method, rng)


@pytest.mark.parametrize("case", RADIAL)
def test_radius_sampler_has_the_law(case: Case, rng: np.random.Generator) -> None:
    contracts.radius_sampler_has_the_law(case.build(np.float64), rng)


@pytest.mark.parametrize("case", [p for p in RADIAL if p.values[0].build(np.float64).batch_shape])
def test_elements_are_independent(case: Case, rng: np.random.Generator) -> None:
    contracts.elements_are_independent(case.build(np.float64), rng)


# Bad input: what must not become a number. Each entry is a call and what its message must say.
ORIGIN, NORTH = [0.0, 0.0], [0.0, 0.0, 1.0]
PLANE = hd.RiemannianNormal(ORIGIN, 1.0)
FAR = hd.RiemannianNormal(np.zeros(2, np.float32), np.float32(1e30), np.float32(1e-36), model="tangent")
BAD = [
    (lambda: hd.RiemannianNormal(ORIGIN, 0.0), ValueError, "sigma must be > 0, got .*0.0"),
    (lambda: hd.RiemannianNormal(ORIGIN, [1.0, -2.0]), ValueError, r"sigma must be > 0, got .*-2.0.* at index \(1,\)"),
    (lambda: hd.RiemannianNormal(ORIGIN, np.nan), ValueError, "sigma must be finite, got .*nan"),
    (lambda: hd.RiemannianNormal(ORIGIN, np.inf), ValueError, "sigma must be finite, got .*inf"),
    (lambda: hd.RiemannianNormal(ORIGIN, 1e-200), ValueError, "sigma must lie in .*1e-150.*got 1e-200"),
    (lambda: hd.RiemannianNormal(ORIGIN, 1e149, 1e10), ValueError, r"sqrt\(c\) sigma must be <= 1e\+150, got"),
    (lambda: hd.RiemannianNormal(ORIGIN, 1e16), ValueError, r"\(d - 1\) sqrt\(c\) sigma must be <= 1e\+15, got 1e\+16"),
    (lambda: hd.RiemannianNormal(ORIGIN, 1.0, -1.0), ValueError, "c must be >= 0, got .*-1.0"),
    (lambda: hd.RiemannianNormal(ORIGIN, 1.0, np.nan), ValueError, "c must be finite, got .*nan"),
    (lambda: hd.RiemannianNormal([1.0, 0.0], 1.0), ValueError, "mu must lie inside the ball.*got .*1.0"),
    (lambda: hd.RiemannianNormal([0.6, 0.0], 1.0, 4.0), ValueError, "mu must lie inside the ball.*got .*1.2"),
    (lambda: hd.RiemannianNormal([np.inf, 0.0], 1.0), ValueError, "mu must be finite, got .*inf"),
    (lambda: hd.RiemannianNormal([1e160], 1.0, model="tangent"), ValueError, "mu must have a length whose square"),
    (lambda: FAR.sample(9, rng=0), ValueError, r"sigma must keep draws within the length 3.4e\+38 .* distance 1e\+4"),
    (lambda: hd.RiemannianNormal(0.0, 1.0), ValueError, "mu must have shape"),
    (lambda: hd.RiemannianNormal([], 1.0), ValueError, "mu must have shape .* d >= 1, got shape \\(0,\\)"),
    (lambda: hd.RiemannianNormal([ORIGIN] * 3, [1.0] * 4), ValueError, r"do not broadcast: mu \(3,\), sigma \(4,\)"),
    (lambda: hd.RiemannianNormal(ORIGIN, 1j), TypeError, "sigma must hold real numbers, got dtype complex128"),
    (lambda: hd.RiemannianNormal(["a", "b"], 1.0), TypeError, "mu must hold real numbers"),
    (lambda: hd.RiemannianNormal([None, 1.0], 1.0), TypeError, "mu must hold real numbers, got dtype object"),
    (lambda: hd.RiemannianNormal([[0.0, 0.0], [0.0]], 1.0), ValueError, "mu must be rectangular"),
    (lambda: hd.WrappedNormal(ORIGIN, [1.0, 0.0]), ValueError, "sigma must be > 0"),
    (lambda: hd.WrappedNormal(ORIGIN, [1.0, 1.0, 1.0]), ValueError, "do not broadcast"),
    (lambda: hd.WrappedNormal(ORIGIN, [1.0, 2.0]).radius, ValueError, "one scale for all coordinates"),
    (lambda: hd.VonMisesFisher(NORTH, -1e-9), ValueError, "kappa must be >= 0, got .*-1e-09"),
    (lambda: hd.VonMisesFisher(NORTH, 1e16), ValueError, r"kappa must be <= 1e\+15, got 1e\+16"),
    (lambda: hd.VonMisesFisher([0.0, 0.0, 1.1], 1.0), ValueError, "mu must lie on the unit sphere.*1.1"),
    (lambda: hd.VonMisesFisher([1.0], 1.0), ValueError, "mu must have shape"),
    (lambda: hd.SphericalRiemannianNormal(NORTH, -1.0), ValueError, "sigma must be > 0, got .*-1.0"),
    (lambda: hd.SphericalUniform(0), ValueError, "d must be an integer >= 1, got 0"),
    (lambda: hd.SphericalUniform(2.5), TypeError, "d must be an integer >= 1, got 2.5"),
    (lambda: hd.SphericalUniform(True), TypeError, "d must be an integer"),
    (lambda: PLANE.sample(-1), ValueError, "sample_shape must be integers >= 0, got -1"),
    (lambda: PLANE.sample((2, 1.5)), TypeError, r"sample_shape must be integers >= 0, got \(2, 1.5\)"),
    (lambda: PLANE.sample(2, rng="x"), TypeError, "rng must be what"),
    (lambda: PLANE.sample(2, method="icdf"), ValueError, "method must be one of rejection, inverse, got 'icdf'"),
    (lambda: PLANE.sample(2, model="ball"), ValueError, "model must be one of poincare, lorentz, tangent"),
    (lambda: hd.RiemannianNormal(ORIGIN, 1.0, 0.0).sample(2, model="lorentz"), ValueError, "needs c > 0"),
    (lambda: hd.VonMisesFisher(NORTH, 1.0).sample(2, model="lorentz"), ValueError, "model is for hyperbolic laws"),
    (lambda: hd.RiemannianNormal(np.zeros(20), 3.0).sample(9, rng=0), ValueError, "model='tangent'"),
    (lambda: PLANE.log_prob([0.0, 0.0, 0.0]), ValueError, "x must have 2 coordinates"),
    (lambda: PLANE.log_prob(["a", "b"]), TypeError, "x must hold real numbers"),
    (lambda: hd.RiemannianNormal(np.zeros((3, 2)), 1.0).log_prob(np.zeros((2, 2))), ValueError, "do not broadcast"),
    (lambda: PLANE.radius.icdf(1.5), ValueError, r"p must lie in \[0, 1\], got .*1.5"),
    (lambda: PLANE.radius.cdf(1j), TypeError, "r must hold real numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_integers_lists_and_scalars_are_float64() -> None:
    law = hd.RiemannianNormal([0, 0], 1, 1)
    assert law.dtype == np.float64
    assert law.log_prob([0, 0]) == law.log_prob(np.zeros(2))
    assert hd.RiemannianNormal(np.zeros(2, np.float32), 1.0, 1.0).dtype == np.float32


@pytest.mark.parametrize("law", [hd.RiemannianNormal, hd.WrappedNormal])
@pytest.mark.parametrize("c", [0.0, 1.0])
def test_points_whose_squares_overflow_are_off_the_space(law: type, c: float) -> None:
    at = law([0.3, 0.4], 1.0, c, model="tangent")
    np.testing.assert_array_equal(at.log_prob([[1e153, 0.0], [1e155, 0.0], [1e300, 1e300]])[1:], -np.inf)
    assert np.isclose(at.log_prob([1e150, 0.0]), -5e299, rtol=1e-14)


@pytest.mark.parametrize("sigma", [1e-150, 1e-120, 1e-90])
@pytest.mark.parametrize("d", [1, 2, 20])
def test_narrow_laws_on_the_sphere_are_flat(d: int, sigma: float) -> None:
    """In units of sigma, whose square and cube leave the range of a double."""
    law, flat = (hd.SphericalRiemannianNormal(np.eye(1, d + 1)[0], s).radius for s in (sigma, 1e-9))
    unit = sigma / 1e-9
    for value, limit in [
        (law.mean, unit * flat.mean),
        (law.variance / sigma, unit * (flat.variance / 1e-9)),
        (law.icdf(0.1), unit * flat.icdf(0.1)),
        (law.entropy(), np.log(unit) + flat.entropy()),
        (law.log_sf(9.0 * sigma), flat.log_sf(9e-9)),
        (sigma * law.log_normalizer_derivative()["sigma"], 1e-9 * flat.log_normalizer_derivative()["sigma"]),
    ]:
        np.testing.assert_allclose(value, limit, rtol=1e-13)
    gradients = law.parameter_gradient(sigma)["sigma"], flat.parameter_gradient(1e-9)["sigma"]
    np.testing.assert_allclose(*gradients, rtol=1e-10)


def test_empty_batches() -> None:
    law = hd.RiemannianNormal(np.zeros((0, 3)), 1.0)
    assert law.sample((5,)).shape == (5, 0, 3)
    assert law.log_prob(np.zeros((0, 3))).shape == (0,)
    assert law.entropy().shape == law.variance.shape == (0,)
    assert law.radius.cdf(1.0).shape == (0,)


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_units(scale: float) -> None:
    """Curvature c at scale 1 and c k^2 at scale 1/k are one space: lengths shrink by k, densities grow by k^d."""
    mu = np.array([0.3, -0.2, 0.1])
    for build in (hd.RiemannianNormal, hd.WrappedNormal):
        law, other = build(mu, 0.7, 1.3), build(mu / scale, 0.7 / scale, 1.3 * scale**2)
        x, lp = law.sample_and_log_prob((20,), 1)
        y, lq = other.sample_and_log_prob((20,), 1)
        np.testing.assert_allclose(x / scale, y, rtol=1e-12)
        np.testing.assert_allclose(lp + 3 * np.log(scale), lq, rtol=1e-11)
        np.testing.assert_allclose(law.entropy() - 3 * np.log(scale), other.entropy(), rtol=1e-12)
        np.testing.assert_allclose(law.variance, other.variance * scale**2, rtol=1e-12)


@pytest.mark.parametrize("law", [hd.RiemannianNormal, hd.WrappedNormal])
def test_flat_limit_is_smooth(law: type) -> None:
    """Everything tends to its value at c = 0 linearly in c."""
    mu, x = np.array([0.3, -0.2, 0.1]), np.array([0.1, 0.4, 0.2])
    flat = law(mu, 0.7, 0.0)
    for c in (1e-6, 1e-9, 1e-300):
        curved = law(mu, 0.7, c)
        for value, limit in [
            (curved.log_prob(x), flat.log_prob(x)),
            (curved.entropy(), flat.entropy()),
            (curved.variance, flat.variance),
            (curved.radius.isf(1e-3), flat.radius.isf(1e-3)),
            (curved.sample((3,), 1), flat.sample((3,), 1)),
        ]:
            assert np.max(np.abs(value - limit)) <= 10 * c + 1e-14


def test_flat_law_is_the_normal() -> None:
    """At c = 0 the ball's metric is 4 |dx|^2: twice the coordinates are normal with standard deviation sigma."""
    mu, x = np.array([0.3, -0.2, 0.1]), np.array([0.1, 0.4, 0.2])
    normal = np.sum(stats.norm.logpdf(2 * x, 2 * mu, 0.7))
    for build in (hd.RiemannianNormal, hd.WrappedNormal):
        np.testing.assert_allclose(build(mu, 0.7, 0.0).log_prob(x), normal, rtol=1e-14)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_radius_at_the_ends_of_its_support(d: int) -> None:
    axis, origin = np.eye(1, d + 1)[0], np.zeros(d)
    for law in (
        hd.RiemannianNormal(origin, 0.7, 1.2),
        hd.VonMisesFisher(axis, 3.0),
        hd.SphericalRiemannianNormal(axis, 0.7),
    ):
        np.testing.assert_array_equal(law.radius.cdf([-1.0, 0.0, 1e200, 1e300]), [0.0, 0.0, 1.0, 1.0])
        np.testing.assert_array_equal(law.radius.log_sf([-1.0, 0.0, 1e200, 1e300]), [0.0, 0.0, -np.inf, -np.inf])
        assert np.isnan(law.radius.cdf(np.nan))


def test_von_mises_fisher_agrees_with_scipy() -> None:
    mu = np.array([0.6, 0.0, 0.8])
    x = hd.SphericalUniform(2).sample((50,), 0)
    for kappa in (0.01, 1.0, 30.0):
        law, peer = hd.VonMisesFisher(mu, kappa), stats.vonmises_fisher(mu, kappa)
        np.testing.assert_allclose(law.log_prob(x), peer.logpdf(x), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(law.entropy(), peer.entropy(), rtol=1e-11)


def test_far_draws_keep_their_density() -> None:
    """d = 20, s = 1.66: radii near 53, which no ball coordinates hold; the tangent form is as right as any other."""
    law = hd.RiemannianNormal(np.full(20, 0.05), 1.4, 1.4)
    x, lp = law.sample_and_log_prob((200,), 0, model="tangent")
    np.testing.assert_allclose(law.log_prob(x, model="tangent"), lp, rtol=1e-11)
    radius = np.sqrt(-2 * (lp + law.log_normalizer())) * 1.4
    assert ks_uniform(law.radius.cdf(radius)) > ALPHA


def test_one_element_draws_as_its_batch() -> None:
    """A batch element's law does not depend on the others: moments of a batch are those of single laws."""
    sigma, c = np.array([0.05, 0.5, 1.4, 2.0]), np.array([0.0, 0.5, 1.0, 1.5])
    batch = hd.RiemannianNormal(np.zeros((4, 2)), sigma, c)
    for i in range(4):
        single = hd.RiemannianNormal(np.zeros(2), sigma[i], c[i])
        np.testing.assert_allclose(batch.entropy()[i], single.entropy(), rtol=1e-14)
        np.testing.assert_allclose(batch.radius.acceptance_rate()[i], single.radius.acceptance_rate(), rtol=1e-14)
        np.testing.assert_allclose(batch.radius.isf(1e-5)[i], single.radius.isf(1e-5), rtol=1e-13)


@pytest.mark.parametrize("case", [case for case in CASES if case.radial], ids=str)
def test_parameter_gradients_are_those_of_quantiles(case: Case) -> None:
    """Against central differences of icdf, whose error is h^2 + eps/h: 1e-8."""
    law = case.build(np.float64)
    p = np.array([1e-6, 0.1, 0.5, 0.9, 1 - 1e-6]).reshape((-1,) + (1,) * len(law.batch_shape))
    radius = law.radius
    r = radius.icdf(p)
    for name, gradient in radius.parameter_gradient(r).items():
        value = np.asarray(getattr(radius, name), float)
        h = 1e-5 * (1 + value if name == "c" else value)
        one_sided = (name in ("c", "kappa")) & (value == 0)
        if np.any(one_sided):
            continue
        others = {"d": radius.d, **{k: getattr(radius, k) for k in ("sigma", "c", "kappa") if hasattr(radius, k)}}
        up, down = (type(radius)(**{**others, name: value + sign * h}).icdf(p) for sign in (1, -1))
        np.testing.assert_allclose(gradient, (up - down) / (2 * h), rtol=1e-6, atol=1e-9 * float(np.max(r)))


@pytest.mark.parametrize("case", [case for case in CASES if case.radial], ids=str)
def test_normalizer_derivatives(case: Case) -> None:
    """Against central differences of log_normalizer."""
    radius = case.build(np.float64).radius
    for name, derivative in radius.log_normalizer_derivative().items():
        value = np.asarray(getattr(radius, name), float)
        if name in ("c", "kappa") and np.any(value == 0):
            continue
        others = {"d": radius.d, **{k: getattr(radius, k) for k in ("sigma", "c", "kappa") if hasattr(radius, k)}}
        h = 1e-5 * value
        up, down = (type(radius)(**{**others, name: value + sign * h}).log_normalizer() for sign in (1, -1))
        np.testing.assert_allclose(derivative, (up - down) / (2 * h), rtol=1e-7)


def test_derivatives_at_the_uniform_law() -> None:
    """At kappa = 0 the cdf is moved by (E[mu.x; angle < r]) dkappa: dr/dkappa is -sin(r)/(m - 1), dlog Z/dkappa 0."""
    r = np.array([0.3, 1.0, 2.5])
    for m in (2, 3, 10, 768):
        radius = hd.VonMisesFisher(np.eye(m)[0], [[0.0], [1e-12]]).radius
        np.testing.assert_allclose(radius.parameter_gradient(r)["kappa"], -np.sin(r) / (m - 1) + [[0.0]] * 2, rtol=1e-9)
        np.testing.assert_allclose(radius.log_normalizer_derivative()["kappa"], [[0.0], [1e-12 / m]], rtol=1e-12)
