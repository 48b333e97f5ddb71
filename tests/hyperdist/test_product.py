"""Products of laws and of spaces: what factors say alone, together; independence; fits; what is refused."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from typing import Any

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.geometry import euclidean, poincare, sphere, tangent, torus
from hyperdist.geometry.product import Factor, Product
from hyperdist.testing import check, check_sampler
from tests.support import contracts_spaces
from tests.support.oracles import load
from tests.support.statistics import ALPHA

NORTH = [0.0, 0.0, 1.0]
PAIR = hd.Product(hd.RiemannianNormal([0.3, 0.2], 0.6, 1.3), hd.VonMisesFisher(NORTH, 9.0))
MANY = hd.Product(
    hd.RiemannianNormal([[0.1, 0.2], [0.3, -0.1], [0.0, 0.0]], 0.5),
    hd.VonMisesFisher(NORTH, 9.0),
    hd.ToroidalWrappedNormal([1.0, 2.0], [[0.4], [0.3], [2.0]]),
    hd.WrappedNormal([0.1, -0.2], [0.3, 1.0], c=0.0, model="tangent"),
)
LAWS = {
    "one": hd.Product(hd.WrappedNormal([0.3, 0.2], [0.5, 0.2], 1.3)),
    "pair": PAIR,
    "many": MANY,
    "broadcast": hd.Product(
        hd.RiemannianNormal(np.zeros((2, 1, 2)), 0.5), hd.PowerSpherical([[0.6, 0.8], [0.0, 1.0], [1.0, 0.0]], 3.0)
    ),
    "nested": hd.Product(PAIR, hd.SphericalUniform(1)),
    "mixture": hd.Product(hd.Mixture([0.3, 0.7], hd.RiemannianNormal([[0.3, 0.0], [-0.4, 0.0]], 0.3)), PAIR.laws[1]),
}


class _Kernels:
    """A product's kernels of one c for each factor that has one."""

    def __init__(self, product: Product) -> None:
        self.product, self.copies = product, sum(factor.parameters for factor in product.factors)

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(self.product, name)
        return lambda *given: kernel(*given[:-1], *[given[-1]] * self.copies)


FLAT = (Factor(poincare, 2, 2, 1), Factor(tangent, 2, 2, 1), Factor(euclidean, 1, 1, 0))
ROUND = (Factor(sphere, 2, 3, 0), Factor(poincare, 2, 2, 1), Factor(torus, 1, 1, 0))
OF_A_CHART = ("volume_is_that_of_the_metric", "curvature_is_a_unit_of_length")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("holds", contracts_spaces.PROPERTIES, ids=lambda f: f.__name__)
def test_products_are_spaces(holds: Any, dtype: str, seed: int) -> None:
    """The contract of every space."""
    cases = [contracts_spaces.Case("ball x tangent x line", _Kernels(Product(FLAT)), 1.3, d=5, dtype=dtype)]
    if holds.__name__ not in OF_A_CHART:
        cases.append(
            contracts_spaces.Case("sphere x ball x circle", _Kernels(Product(ROUND)), 1.0, 1, d=5, dtype=dtype)
        )
    for case in cases:
        holds(case, np.random.default_rng(seed))


def test_a_product_space_adds_squares_and_names_the_factor(rng: np.random.Generator) -> None:
    space = MANY.space
    assert (space.d, space.widths) == (8, (2, 3, 2, 2))
    x, y = MANY.sample(2, rng)[:, 0]
    parts = list(zip(space.spaces, space.split(x), space.split(y), strict=True))
    assert np.array_equal(space.join(*space.split(x)), x)
    np.testing.assert_allclose(space.dist_sq(x, y), sum(s.dist_sq(a, b) for s, a, b in parts), rtol=1e-15)
    for name in ("exp", "log", "transport", "geodesic"):
        u = space.log(x, y)
        given = {"exp": (x, u), "log": (x, y), "transport": (x, y, u), "geodesic": (x, y, 0.3)}[name]
        cut = [space.split(a) if np.ndim(a) else (a,) * 4 for a in given]
        want = [getattr(s, name)(*part) for s, *part in zip(space.spaces, *cut, strict=True)]
        assert np.array_equal(getattr(space, name)(*given), np.concatenate(want))
    np.testing.assert_allclose(space.pairwise([x], [y])[0, 0], space.dist(x, y), rtol=1e-15)
    points = MANY.sample(20, rng)[:, 0]
    means = [s.frechet_mean(part) for s, part in zip(space.spaces, space.split(points), strict=True)]
    assert np.array_equal(space.frechet_mean(points), np.concatenate(means))
    assert pickle.loads(pickle.dumps(space)) == space == copy.deepcopy(space)
    assert hash(space) == hash(MANY.space)
    with pytest.raises(ValueError, match=r"x\[..., 2:5\] must lie on the unit sphere"):
        space.check_point(np.where(np.arange(9) == 4, 3.0, x))
    with pytest.raises(ValueError, match="u must be tangent"):
        space.exp(x, x)


def test_a_product_space_reads_where_coordinates_lose_a_tangent() -> None:
    """Each factor is asked about its own vectors: one is too far out, the other none the wiser."""
    space = hd.ProductSpace(hd.Tangent(1.0, d=2), hd.Sphere(2))
    x, y = (space.join(p, NORTH) for p in ([300.0, 1.0], [299.0, -3.0]))
    assert space.dist(x, y) == hd.Tangent(1.0).dist([300.0, 1.0], [299.0, -3.0])
    for lost in (lambda: space.log(x, y), lambda: space.from_frame(x, [1.0, 1.0, 0.0, 0.0])):
        with pytest.raises(ValueError, match="must be a tangent vector that coordinates of float64 hold"):
            lost()


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_what_adds_up(law: hd.Product, seed: int) -> None:
    """Draws have the density that log_prob gives them, the sum of the factors'; so do entropy and variance add."""
    x, lp = law.sample_and_log_prob((7,), seed)
    assert x.shape == (7, *law.batch_shape, *law.event_shape)
    assert law.space.contains(x).all()
    np.testing.assert_allclose(law.log_prob(x), lp, rtol=1e-12, atol=1e-12)
    parts = law.space.split(x)
    np.testing.assert_allclose(lp, sum(q.log_prob(p) for q, p in zip(law.laws, parts, strict=True)), atol=1e-12)
    if not any(isinstance(q, hd.Mixture) for q in law.laws):
        np.testing.assert_allclose(law.entropy(), sum(q.entropy() for q in law.laws) + np.zeros(law.batch_shape))
        np.testing.assert_allclose(law.variance, sum(q.variance for q in law.laws) + np.zeros(law.batch_shape))
        assert law.mean.shape == law.mode.shape == law.batch_shape + law.event_shape
        np.testing.assert_array_equal(law.space.split(law.mean)[0][..., :], law.laws[0].mean + 0.0 * parts[0][0])
        far = 60 / math.sqrt(20_000)
        moved = law.sample(20_000, seed)
        assert np.max(np.abs(np.mean(law.space.dist_sq(moved, law.mean), axis=0) / law.variance - 1)) < far


def test_sums_are_those_of_the_oracle() -> None:
    """Normaliser, entropy and mean square from mpmath's rows; log density at a distance and an angle from mu."""
    ball = next(row for row in load("hyperbolic") if (row["d"], row["s"]) == (2, 1.0))
    circle = next(row for row in load("von_mises_fisher") if (row["m"], row["kappa"]) == (2, 1.0))
    law = hd.Product(hd.RiemannianNormal([0.3, -0.2], 1.0), hd.VonMisesFisher([0.6, 0.8], 1.0))
    names = {"law_log_normaliser": law.log_normalizer(), "law_entropy": law.entropy(), "second_moment": law.variance}
    for name, value in names.items():
        want = float(ball[name]) + float(circle[name])
        assert abs(value - want) < 1e-13 * (1 + abs(want)), name
    for radius, angle in ((0.0, 0.0), (0.7, 2.0), (2.5, 0.3)):
        mu = law.mean
        x = law.space.exp(mu, law.space.from_frame(mu, [radius, 0.0, angle]))
        kernel = -0.5 * radius**2 + math.cos(angle)
        want = kernel - float(ball["law_log_normaliser"]) - float(circle["law_log_normaliser"])
        assert abs(law.log_prob(x) - want) < 1e-13 * (1 + abs(want))


def test_mass_is_one_and_entropy_its_integral() -> None:
    """exp(log_prob) over the ball's volume times the circle's, by a product rule: Legendre x trapezium."""
    law = hd.Product(hd.WrappedNormal([0.2], 0.4, 1.3), hd.VonMisesFisher([0.6, 0.8], 3.0))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x, angle = 0.87 * nodes, np.linspace(-math.pi, math.pi, 64, endpoint=False)
    points = law.space.join(x[:, None, None], np.stack([np.cos(angle), np.sin(angle)], axis=-1))
    volume = 0.87 * weights * np.exp(law.space.spaces[0].log_volume(x[:, None])) * 2 * math.pi / 64
    log_prob = law.log_prob(points)
    mass = volume[:, None] * np.exp(log_prob)
    assert abs(mass.sum() - 1.0) < 1e-10
    assert abs(-np.sum(mass * log_prob) - law.entropy()) < 1e-9


def test_a_product_of_one_is_the_law(seed: int) -> None:
    for q in (PAIR.laws[0], MANY.laws[2]):
        one = hd.Product(q)
        assert np.array_equal(one.sample((9,), seed), q.sample((9,), seed))
        x = q.sample((9,), seed)
        np.testing.assert_allclose(one.log_prob(x), q.log_prob(x), rtol=1e-13)  # factors have fast forms alone
        assert (one.batch_shape, one.event_shape, one.dtype) == (q.batch_shape, q.event_shape, q.dtype)


def test_models_are_for_the_hyperbolic_factors(seed: int) -> None:
    law = hd.Product(PAIR.laws[0], PAIR.laws[1], hd.WrappedNormal(np.zeros(2), 0.5, 2.0, model="tangent"))
    x, lp = law.sample_and_log_prob((5,), seed)
    for model, width in (("poincare", 7), ("tangent", 7), ("lorentz", 9)):
        y, lq = law.sample_and_log_prob((5,), seed, model=model)
        assert y.shape == (5, width)
        np.testing.assert_allclose(lq, lp, rtol=1e-14)
        np.testing.assert_allclose(law.log_prob(y, model=model), lp, rtol=1e-11)
    own = law.space.spaces
    assert [type(space) for space in own] == [hd.PoincareBall, hd.Sphere, hd.Tangent]
    assert own[2].contains(law.space.split(x)[2]).all()


def test_far_draws_raise_and_name_the_model() -> None:
    law = hd.Product(PAIR.laws[1], hd.RiemannianNormal(np.zeros(20), 3.0))
    with pytest.raises(ValueError, match="model='tangent'"):
        law.sample(9, rng=0)
    x, lp = law.sample_and_log_prob(9, rng=0, model="tangent")
    np.testing.assert_allclose(law.log_prob(x, model="tangent"), lp, rtol=1e-12)


@pytest.mark.parametrize("method", ["rejection", "inverse"])
def test_draws_have_the_law(method: str) -> None:
    """Of every factor, of each element of the batch, and independent of one another: all tests at ALPHA together."""
    report = check_sampler(lambda n, rng: MANY.sample(n, rng, method=method), MANY, 3000, rng=4, alpha=ALPHA)
    assert {"radius of laws[0]", "score kappa of laws[1]", "batch of laws[2]", "factors"} <= {
        t.test for t in report.tests
    }
    report.raise_for_failure()


def _shared(n: int, rng: np.random.Generator) -> np.ndarray:
    """Every factor from one state of the generator, as where each is given the same seed."""
    seed = int(rng.integers(2**63))
    return PAIR.space.join(*(law.sample(n, seed) for law in PAIR.laws))


def test_a_shared_generator_is_found() -> None:
    report = check_sampler(_shared, PAIR, 3000, rng=4)
    assert "factors" in {test.test for test in report.failures}
    assert all(" of laws" not in test.test for test in report.failures), "each factor is right by itself"


def test_steins_identity_on_a_product() -> None:
    """From the density alone, up to a constant: each factor's functions, lifted."""
    right = check_sampler(PAIR.sample, lambda x: PAIR.log_prob(x) + 3.0, 4000, rng=1, space=PAIR.space)
    assert right.passed
    other = hd.Product(PAIR.laws[0], hd.VonMisesFisher(NORTH, 14.0))
    wrong = check_sampler(other.sample, PAIR.log_prob, 4000, rng=1, space=PAIR.space)
    assert [test.test for test in wrong.failures] == ["stein"]


def test_a_factor_without_its_jacobian_is_found() -> None:
    """A wrapped normal's draws where a Riemannian normal's are claimed: (sinh r/r)^(d - 1) dropped."""
    flat = hd.Product(hd.WrappedNormal([0.3, 0.2], 0.6, 1.3), PAIR.laws[1])
    failures = {test.test for test in check_sampler(flat.sample, PAIR, 20_000, rng=4).failures}
    assert failures
    assert not any("laws[1]" in test for test in failures)


def test_divergences_add_up() -> None:
    p, q = PAIR, hd.Product(hd.RiemannianNormal([[0.3, 0.2]] * 2, [0.9, 0.6], 1.3), hd.SphericalUniform(2))
    want = sum(hd.kl_divergence(a, b) for a, b in zip(p.laws, q.laws, strict=True))
    np.testing.assert_allclose(hd.kl_divergence(p, q), want, rtol=1e-14)
    np.testing.assert_array_equal(hd.kl_divergence(hd.Product(p, p), hd.Product(p, p)), 0.0)
    x, lp = p.sample_and_log_prob(40_000, 3)
    ratio = lp[:, None] - q.log_prob(x[:, None])
    assert (np.abs(ratio.mean(axis=0) - want) < 6 * ratio.std(axis=0) / 200).all()
    grouped = [hd.Product(hd.Product(a), hd.Product(b, hd.Product(a, b))) for a, b in (p.laws, q.laws)]
    flat = [hd.Product(hd.Product(*law.laws, law.laws[0]), law.laws[1]) for law in (p, q)]
    for other in (grouped[1], flat[1]):
        np.testing.assert_allclose(hd.kl_divergence(grouped[0], other), 2.0 * want, rtol=1e-14)
    with pytest.raises(ValueError, match="products of 2 and 1 laws"):
        hd.kl_divergence(PAIR, hd.Product(hd.WrappedNormal(np.zeros(5), 1.0)))
    with pytest.raises(ValueError, match="one space"):
        hd.kl_divergence(PAIR, hd.WrappedNormal(np.zeros(5), 1.0))


def test_elements_of_the_batch() -> None:
    law = LAWS["broadcast"]
    assert law.batch_shape == (2, 3)
    x = law.sample(4, rng=0)
    for i, j in itertools.product(range(2), range(3)):
        np.testing.assert_allclose(law[i, j].log_prob(x[:, i, j]), law.log_prob(x)[:, i, j], rtol=1e-14)
    expanded = hd.Product(law.laws[0][[[0] * 3, [1] * 3], [[0]]], law.laws[1][np.arange(6).reshape(2, 3) % 3])
    assert expanded == law, "equal where they are expanded over the batch"
    assert hash(expanded) == hash(law)
    assert law != hd.Product(law.laws[1], law.laws[0])


def test_fit_goes_factor_by_factor(seed: int) -> None:
    x, weights = PAIR.sample(300, seed), np.random.default_rng(seed).random((300, 2))
    families = [hd.RiemannianNormal, hd.VonMisesFisher]
    fitted = hd.Product.fit(x, families, PAIR.space, weights, min_scale=1e-3)
    for law, family, part, c in zip(fitted.laws, families, PAIR.space.split(x), ({"c": 1.3}, {}), strict=True):
        assert law == family.fit(part, weights, **c)
    one = hd.Product.fit(x, families, PAIR.space)
    assert one.n_parameters == 6
    errors = one.standard_errors(x)["laws"]
    assert (errors[0]["sigma"], errors[1]["kappa"]) == (
        one.laws[0].standard_errors(x[:, :2])["sigma"], one.laws[1].standard_errors(x[:, 2:])["kappa"],
    )  # fmt: skip
    assert one.goodness_of_fit(x).pvalue > ALPHA


def test_mixtures_of_products(seed: int) -> None:
    two = hd.Product(
        hd.RiemannianNormal([[0.5, 0.2], [-0.3, -0.5]], 0.3), hd.VonMisesFisher([NORTH, [1.0, 0.0, 0.0]], 20.0)
    )
    mixture = hd.Mixture([0.3, 0.7], two)
    for model in (None, "lorentz"):
        x, lp = mixture.sample_and_log_prob(50, seed, model=model)
        np.testing.assert_allclose(mixture.log_prob(x, model=model), lp, rtol=1e-12, atol=1e-12)
    x = mixture.sample(400, seed)
    families = {"families": [hd.RiemannianNormal, hd.VonMisesFisher], "space": two[0].space}
    fitted = hd.Mixture.fit(x, hd.Product, 2, **families, starts=3, rng=seed)
    assert fitted.score(x) > mixture.score(x)
    assert np.mean(fitted.predict(x) == fitted.predict(x)[0]) < 1
    np.testing.assert_allclose(np.sort(fitted.weights), [0.3, 0.7], atol=0.15)
    uneven = hd.Mixture([0.5, 0.5], [two[0], hd.Product(two.laws[0][1], hd.SphericalUniform(2))])
    y, lq = uneven.sample_and_log_prob(50, seed)
    np.testing.assert_allclose(uneven.log_prob(y), lq, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="one curvature"):
        hd.Mixture([0.5, 0.5], hd.Product(hd.RiemannianNormal(np.zeros((2, 2)), 1.0, [1.0, 2.0]), PAIR.laws[1]))
    with pytest.raises(NotImplementedError, match="method='information'"):
        fitted.standard_errors(x, method="bootstrap", draws=2)


def test_standard_errors_of_a_mixture_of_products_far_apart_are_those_of_its_parts(seed: int) -> None:
    """Groups that do not overlap: each component's errors are those of its own rows alone, to the quotients' 1e-5."""
    two = hd.Product(
        hd.WrappedNormal([[0.6, 0.0], [-0.6, 0.1]], [[0.3, 0.2], [0.2, 0.3]]),
        hd.ToroidalWrappedNormal([[0.0, 2.0], [3.0, -1.0]], scale_tril=[[0.3, 0.0], [0.2, 0.2]]),
        hd.SphericalUniform(1),
    )
    mixture = hd.Mixture([0.3, 0.7], two)
    x = mixture.sample(300, seed)
    options = {"families": [type(law) for law in two.laws], "space": two.space, "covariance": "full"}
    fitted = hd.Mixture.fit(x, hd.Product, 2, **options, starts=2, rng=seed)
    found = fitted.standard_errors(x)["component"]["laws"]
    assert found[2] == {}
    own = fitted.predict(x)
    for k in range(2):
        right = hd.Product.fit(x[own == k], **options).standard_errors(x[own == k])["laws"]
        for i, parts in enumerate(right):
            for name, error in parts.items():
                np.testing.assert_allclose(found[i][name][k], error, rtol=1e-3, atol=1e-7)
    nested = hd.Mixture([0.5, 0.5], [hd.Product(mixture), hd.Product(mixture)])
    with pytest.raises(NotImplementedError, match="no mixtures"):
        nested.standard_errors(x)


def spoilt(law: hd.Product, column: int) -> np.ndarray:
    x = law.sample(9, rng=0)
    x[5, column] = np.nan
    return x


@pytest.mark.parametrize(("start", "stop"), [(0, 2), (2, 5), (5, 7)])
def test_what_is_wrong_with_a_factor_names_its_coordinates(start: int, stop: int) -> None:
    law, column = hd.Product(*PAIR.laws, hd.ToroidalUniform(2)), start + 1
    part, where = rf"x\[{{}} {start}:{stop}\]", r"must be finite, got nan at index \(5, 1\)$"
    families = [hd.RiemannianNormal, hd.VonMisesFisher, hd.ToroidalWrappedNormal]
    with pytest.raises(ValueError, match=rf"^\w+\.fit\({part.format(':,')}\): x {where}"):
        hd.Product.fit(spoilt(law, column), families, law.space)
    with pytest.raises(ValueError, match=rf"^{part.format('...,')} {where}"):
        hd.Mixture.fit(spoilt(law, column), hd.Product, 2, families=families, space=law.space, rng=0)


BAD = [
    (
        lambda: hd.Product.fit(np.zeros((9, 5)), [hd.Product], hd.ProductSpace(PAIR.space)),
        TypeError, r"families\[0\] must be a law of one space, got Product: name the factors' own",
    ),
    (lambda: hd.Product(), ValueError, "at least one distribution"),
    (lambda: hd.Product(PAIR, 3.0), TypeError, r"laws\[1\] must be a distribution of hyperdist, got 3.0"),
    (lambda: hd.Product([PAIR.laws[0]]), TypeError, r"laws\[0\] must be a distribution"),
    (
        lambda: hd.Product(hd.RiemannianNormal(np.zeros((3, 2)), 1.0), hd.VonMisesFisher([NORTH] * 4, 1.0)),
        ValueError, r"do not broadcast: laws\[0\] \(3,\), laws\[1\] \(4,\)",
    ),
    (lambda: PAIR.log_prob(np.zeros(3)), ValueError, "x must have 5 coordinates"),
    (lambda: PAIR.sample(2, model="ball"), ValueError, "model must be one of"),
    (lambda: hd.Product(hd.SphericalUniform(2)).sample(2, model="lorentz"), ValueError, "without hyperbolic factors"),
    (lambda: MANY.sample(2, model="lorentz"), ValueError, "c > 0"),
    (lambda: hd.ProductSpace(), ValueError, "at least one space"),
    (lambda: hd.ProductSpace(hd.Sphere()), ValueError, r"spaces\[0\] must know its dimension"),
    (lambda: hd.ProductSpace("s2"), TypeError, r"spaces\[0\] must be a space"),
    (lambda: PAIR.space.split(np.zeros(4)), ValueError, "5 coordinates"),
    (lambda: PAIR.space.join(np.zeros(2)), ValueError, "one for each of the 2 spaces, got 1"),
    (lambda: PAIR.space.join(np.zeros(2), np.zeros(2)), ValueError, r"parts\[1\] must have 3 coordinates"),
    (
        lambda: hd.ProductSpace(hd.PoincareBall([1.0] * 2, 2), hd.PoincareBall([1.0] * 3, 2)).check_point(np.zeros(4)),
        ValueError, r"spaces\[0\].c \(2,\), spaces\[1\].c \(3,\)",
    ),
    (
        lambda: hd.ProductSpace(hd.Sphere(2), hd.PoincareBall([1.0] * 2, 2)).pairwise(np.ones((2, 5)), np.ones((2, 5))),
        ValueError, r"x\[..., 0:3\] must lie on the unit sphere",
    ),
    (lambda: hd.Product.fit(np.zeros((4, 5)), [hd.SphericalUniform], PAIR.space), ValueError, "one class for each"),
    (
        lambda: hd.Product.fit(np.zeros((4, 5)), [hd.VonMisesFisher] * 2, PAIR.space),
        ValueError, r"spaces\[0\] must be a Sphere, for VonMisesFisher",
    ),
    (lambda: hd.Product.fit(np.zeros((4, 5)), [hd.VonMisesFisher] * 2, hd.Sphere(2)), TypeError, "a ProductSpace"),
    (
        lambda: hd.Product.fit(PAIR.sample(9, 0), [hd.WrappedNormal, hd.VonMisesFisher], PAIR.space, least=1),
        TypeError, "none of the families takes 'least'",
    ),
    (
        lambda: hd.Product.fit(PAIR.sample(9, 0), [hd.WrappedNormal, hd.VonMisesFisher], PAIR.space, c=1.0),
        TypeError, "c is that of each factor of space",
    ),
    (
        lambda: hd.Product.fit(PAIR.sample(1, 0), [hd.WrappedNormal, hd.VonMisesFisher], PAIR.space),
        ValueError, r"^WrappedNormal.fit\(x\[:, 0:2\]\): the data must have a positive spread",
    ),
    (lambda: PAIR.goodness_of_fit(spoilt(PAIR, 3)), ValueError, r"x must be finite, got nan at index \(5, 3\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_one_factor_collapsing_ends_a_start() -> None:
    """A component may shrink on one point of a factor while it stays wide on the other: its likelihood has no bound."""
    x = np.concatenate([np.tile([0.1, 0.2], (40, 1)), np.random.default_rng(0).normal(size=(40, 2)) * 0.2])
    points = np.concatenate([x, hd.SphericalUniform(2).sample(80, 0)], axis=-1)
    families = {
        "families": [hd.RiemannianNormal, hd.VonMisesFisher],
        "space": hd.ProductSpace(hd.PoincareBall(1.0, 2), hd.Sphere(2)),
    }
    with pytest.raises(ValueError, match=r"collapsed|no best parameters"):
        hd.Mixture.fit(points, hd.Product, 2, **families, rng=0, starts=2)
    assert hd.Mixture.fit(points, hd.Product, 2, **families, rng=0, starts=2, min_scale=0.05).record.converged


def test_findings_of_a_product_are_of_its_factors() -> None:
    found, view = check.findings(PAIR, PAIR.sample(500, 0))
    assert view is not None
    assert sum(test.test == "repeats" for test in found) == 1
