"""The laws under JAX against NumPy's: values, first and second derivatives, transformations, checks, precision."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats

import hyperdist as hd
from tests.support.laws import unit
from tests.support.statistics import ALPHA

jax = pytest.importorskip("jax")

import hyperdist.jax as hj  # noqa: E402

jnp = jax.numpy

TOLERANCE = 1e-12
"""Of quadrature, 1e-13 (1 + |value|) in each host."""
H = 2.0**-13
"""Step of differences to order 6: truncation h^6 is 1e-24, rounding eps/h 2e-12 and eps/h^2 2e-8 of the sum's size."""

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""A program that runs once is not worth compiling well."""


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


class Case(NamedTuple):
    """A law by the name of its class; parameters in the order of the constructors."""

    name: str
    parameters: tuple[Any, ...]
    options: dict[str, Any]

    def law(self, package: Any, parameters: tuple[Any, ...]) -> Any:
        return getattr(package, self.name)(*parameters, **self.options)

    def __str__(self) -> str:
        return self.name


CASES = [
    Case("RiemannianNormal", (np.array([0.2, -0.1]), np.array([0.3, 0.9]), np.array(1.3)), {}),
    Case("WrappedNormal", (np.array([0.2, -0.1]), np.array([0.5, 0.8]), np.array([0.1, 1.0])), {}),
    Case("VonMisesFisher", (unit(3), np.array([0.3, 80.0])), {}),
    Case("SphericalRiemannianNormal", (unit(3), np.array([0.2, 3.0])), {}),
    Case("PowerSpherical", (unit(3), np.array([0.4, 80.0])), {}),
    Case("ToroidalWrappedNormal", (np.array([[3.0], [0.0]]), np.array([[0.5], [2.0]])), {}),
]
"""All of two laws, so that they are made of the same operations on arrays of the same shapes: each is compiled once."""
TWICE = ("SphericalRiemannianNormal", "ToroidalWrappedNormal")
"""For second derivatives, one of each way that they come about."""

R, P = np.array([0.3, 1.2]), np.array([1e-3, 0.98])


def columns(values: np.ndarray, radius: Any) -> np.ndarray:
    """Values for every element of a radial law's batch, (n, *batch of ones)."""
    return values[(...,) + (None,) * len(radius.batch_shape)]


def told(law: Any, x: Any) -> dict[str, Any]:
    """All that a law tells, at points x, of either package."""
    found = {
        "log_prob": law.log_prob(x), "entropy": law.entropy(), "log_normalizer": law.log_normalizer(),
        "variance": law.variance,
    }  # fmt: skip
    if type(law).__name__ == "WrappedNormal":  # its scales differ
        return found
    radius = law.radius
    found |= {f"radius.{name}": getattr(radius, name)(columns(R, radius)) for name in ("log_prob", "cdf", "log_sf")}
    found |= {f"radius.{name}": getattr(radius, name)() for name in ("entropy", "log_normalizer")}
    found |= {f"radius.{name}": getattr(radius, name) for name in ("mean", "variance")}
    return found | {f"radius.{name}": getattr(radius, name)(columns(P, radius)) for name in ("isf",)}


def moved(parameters: tuple[Any, ...], t: Any) -> tuple[Any, ...]:
    """The parameters a step along a curve, to which numbers of any size are as near."""
    return tuple(p * (1.0 + t * np.cos(1.0 + np.arange(np.size(p))).reshape(np.shape(p))) for p in parameters)


def weighed(found: list[Any]) -> Any:
    """One number of them all, each with a weight of its own."""
    return sum((part * np.cos(np.arange(part.size)).reshape(part.shape)).sum() for part in found)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_derivatives(case: Case) -> None:
    """All that a law tells, in one program, and the derivatives of what the rest is made of, forwards and backwards."""
    x, radial = case.law(hd, case.parameters).sample((2,), rng=0), case.name != "WrappedNormal"

    def curve(t: Any, package: Any = hj) -> Any:
        law = case.law(package, _on_space(case, moved(case.parameters, t)))
        found = [law.log_prob(x), law.entropy()]
        return weighed([*found, law.radius.icdf(columns(P, law.radius))] if radial else found)

    def program(t: Any) -> Any:
        found = told(case.law(hj, case.parameters), x), jax.jvp(curve, (t,), (1.0,))[1]
        return (*found, jax.jvp(jax.grad(curve), (t,), (1.0,))) if case.name in TWICE else (*found, None)

    found, first, twice = jax.jit(program, compiler_options=QUICK)(0.0)
    for name, want in told(case.law(hd, case.parameters), x).items():
        np.testing.assert_allclose(found[name], want, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)
        assert found[name].dtype == np.float64
    at = {k: curve(k * H, hd) for k in range(-3, 4)}
    odd = [at[k] - at[-k] for k in (1, 2, 3)]
    even = [at[k] + at[-k] - 2.0 * at[0] for k in (1, 2, 3)]
    np.testing.assert_allclose(first, (45.0 * odd[0] - 9.0 * odd[1] + odd[2]) / (60.0 * H), rtol=1e-8)
    if twice is not None:
        bend = (270.0 * even[0] - 27.0 * even[1] + 2.0 * even[2]) / (180.0 * H * H)
        np.testing.assert_allclose(twice[0], first, rtol=1e-9)
        np.testing.assert_allclose(twice[1], bend, rtol=1e-5)


def _on_space(case: Case, parameters: tuple[Any, ...]) -> tuple[Any, ...]:
    """On the sphere mu is a unit vector."""
    if not (case.name == "VonMisesFisher" or "Spherical" in case.name):
        return parameters
    mu, *rest = parameters
    return mu / (mu * mu).sum() ** 0.5, *rest


def test_all_laws_are_there_and_tested() -> None:
    laws = set(hj.__all__) - {"Law", "Radius"}
    assert laws < set(hd.__all__)
    assert {case.name for case in CASES} | {type(make(hj)).__name__ for make in LAWS.values()} == laws


LAWS: dict[str, Any] = {
    "ball": lambda p: p.RiemannianNormal(np.array([0.2, -0.1]), 0.7, 1.3),
    "spherical": lambda p: p.SphericalRiemannianNormal(unit(3), 0.8),
    "uniform": lambda p: p.SphericalUniform(2),
    "torus": lambda p: p.ToroidalWrappedNormal(np.array([3.0, 0.0]), np.array([0.5, 2.0])),
    "torus-uniform": lambda p: p.ToroidalUniform(2),
    "mixture": lambda p: p.Mixture(
        np.array([0.3, 0.7]), p.WrappedNormal(np.array([[0.2, -0.1], [-0.5, 0.1]]), np.array([[0.3], [0.6]]))
    ),
}
"""One of each way that draws are made."""


@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_the_law(name: str, seed: int) -> None:
    """2,000 draws: their coordinates, and their log densities, against as many of NumPy's; false alarm 1e-6 a law.

    A scale off by 10 % moves the two-sample distance of log densities by about .05, a sixth of which is noise.
    """
    law, plain = LAWS[name](hj), LAWS[name](hd)

    def program(key: Any) -> Any:
        x, log_prob = law.sample_and_log_prob(2000, key)
        return x, log_prob, law.log_prob(x)

    x, log_prob, again = jax.jit(program, compiler_options=QUICK)(jax.random.key(seed % 2**31))
    assert x.shape == (2000, *law.event_shape)
    assert x.dtype == log_prob.dtype == np.float64
    np.testing.assert_allclose(log_prob, plain.log_prob(np.asarray(x)), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(log_prob, again, rtol=1e-9, atol=1e-9)
    y, log_q = plain.sample_and_log_prob(2000, rng=seed)
    pairs = [(np.asarray(log_prob), log_q), *zip(np.asarray(x).T, y.T, strict=True)]
    pairs = pairs[1:] if name.endswith("uniform") else pairs  # their density is one number
    assert min(stats.ks_2samp(*pair).pvalue for pair in pairs) > ALPHA / len(pairs)


def test_keys() -> None:
    law = hj.ToroidalUniform(2)
    x = law.sample((3,), jax.random.key(7))
    for same in (7, jax.random.PRNGKey(7), np.int64(7)):
        assert (law.sample((3,), same) == x).all()
    assert (law.sample((3,), 8) != x).all()
    with pytest.raises(ValueError, match=r"rng must be a key, jax.random.key\(0\), or an integer seed"):
        law.sample((3,))
    with pytest.raises(TypeError, match=r"rng must be a key of jax\.random or an integer seed, got 'seven'"):
        law.sample((3,), "seven")


def test_draws_move_with_the_parameters() -> None:
    """The derivative of a draw at a fixed key is that of its difference quotient, through radius, place and centre."""

    def draw(t: Any) -> Any:
        law = hj.RiemannianNormal(np.array([0.2, -0.1]) * (1.0 + t), 0.7 * (1.0 - t), 1.3 * (1.0 + 0.5 * t))
        return law.sample((4,), 3)

    program = jax.jit(lambda t: jax.jvp(draw, (t,), (1.0,)), compiler_options=QUICK)
    up, down = (program(side * 2.0**-17)[0] for side in (1.0, -1.0))
    np.testing.assert_allclose(program(0.0)[1], (up - down) * 2.0**16, rtol=1e-7, atol=1e-8)


def test_compiled_mapped_and_differentiated() -> None:
    """``jit`` of ``vmap`` of ``grad``: of laws made inside, and of laws taken apart."""
    mu, sigma, x = np.array([[0.2, -0.1], [0.0, 0.3]]), np.array([0.3, 0.9]), np.array([0.4, 0.1])

    def log_prob(mu: Any, sigma: Any) -> Any:
        return hj.WrappedNormal(mu, sigma).log_prob(x)

    def of_law(law: Any) -> Any:
        return law.log_prob(x)

    both = jax.jit(
        lambda mu, sigma: (
            jax.vmap(jax.grad(log_prob, (0, 1)))(mu, sigma),
            jax.vmap(jax.grad(of_law))(hj.WrappedNormal(mu, sigma[:, None])),
        ),
        compiler_options=QUICK,
    )
    (in_mu, in_sigma), law = both(mu, sigma)
    h = 2.0**-20
    plain = [hd.WrappedNormal(mu, (sigma + side * h)[:, None]).log_prob(x) for side in (1.0, -1.0)]
    np.testing.assert_allclose(in_sigma, (plain[0] - plain[1]) / (2.0 * h), rtol=1e-6)
    np.testing.assert_allclose(law.sigma.sum(axis=-1), in_sigma, rtol=1e-12)
    np.testing.assert_allclose(law.mu, in_mu, rtol=1e-12)
    assert law.model == "poincare"


def test_checks_where_values_are_there_and_none_where_they_are_not() -> None:
    for package in (hd, hj):
        with pytest.raises(ValueError, match=r"mu must lie inside the ball, .* got sqrt\(c\) \|mu\| = 1\.2"):
            package.WrappedNormal(jnp.asarray([1.2, 0.0]), 1.0)
        with pytest.raises(ValueError, match=r"sigma must be > 0, got -1\.0"):
            package.WrappedNormal([0.0, 0.0], -1.0)
        with pytest.raises(ValueError, match="weights must have the sum 1"):
            package.Mixture([0.3, 0.3], package.VonMisesFisher(np.eye(2), 1.0))
    with pytest.raises(ValueError, match="shapes do not broadcast"):
        jax.eval_shape(lambda sigma: hj.VonMisesFisher(np.eye(3), sigma), jnp.ones(2))
    law = hj.WrappedNormal([0.1, 0.0], 1.0)

    def log_prob(sigma: Any, x: Any) -> Any:
        return hj.WrappedNormal(law.mu, sigma).log_prob(x)

    program = jax.jit(jax.vmap(log_prob), compiler_options=QUICK)
    found = program(np.array([-1.0, 1.0, 1.0]), np.array([[0.1, 0.0], [1.5, 0.0], [np.nan, 0.0]]))
    np.testing.assert_array_equal(found, [np.nan, -np.inf, np.nan])
    with pytest.raises(AttributeError, match="sigma of a WrappedNormal cannot be set"):
        law.sigma = 2.0


def test_single_precision() -> None:
    """float32 parameters give float32 results, to its rounding, where doubles are off."""
    jax.config.update("jax_enable_x64", False)

    def program(sigma: Any) -> Any:
        law = hj.RiemannianNormal([0.2, -0.1], sigma, 1.3)
        x = law.sample((5,), 1)
        return x, law.log_prob(x), law.radius.icdf(P), hj.WrappedNormal(law.mu, sigma, 1.3).entropy()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x, log_prob, radius, entropy = jax.jit(program, compiler_options=QUICK)(0.7)
    assert x.dtype == log_prob.dtype == radius.dtype == np.float32
    law = LAWS["ball"](hd)
    np.testing.assert_allclose(log_prob, law.log_prob(np.asarray(x, np.float64)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(radius, law.radius.icdf(P), rtol=1e-5)
    np.testing.assert_allclose(entropy, hd.WrappedNormal([0.2, -0.1], 0.7, 1.3).entropy(), rtol=1e-5)


def test_single_precision_stays_where_doubles_are_on() -> None:
    law = hj.ToroidalWrappedNormal(np.float32([3.0, 0.0]), np.float32(0.5))
    x = law.sample((5,), 1)
    assert law.dtype == x.dtype == law.log_prob(x).dtype == np.float32
    assert law.log_prob(np.asarray(x, np.float64)).dtype == np.float32
    assert law.log_prob(x.astype(np.float64)).dtype == np.float64
    mixture = hj.Mixture([0.5, 0.5], hj.ToroidalWrappedNormal(np.float32([[3.0], [0.0]]), np.float32(0.5)))
    x = np.array([0.25])
    want = hd.Mixture([0.5, 0.5], hd.ToroidalWrappedNormal([[3.0], [0.0]], 0.5)).log_prob(x)
    np.testing.assert_allclose(mixture.log_prob(jnp.asarray(x)[None]), want, rtol=TOLERANCE)


def test_what_is_out_of_bounds_is_nan_where_nobody_can_look() -> None:
    """Parameters, and draws that ball coordinates do not hold; what is within bounds is untouched by it."""
    x, pole = jnp.asarray([0.1, 0.2]), jnp.asarray([0.0, 0.0, 1.0])
    pair = hj.VonMisesFisher(jnp.eye(3)[:2], jnp.ones(2))
    cases = {
        "mu outside": (lambda v: hj.RiemannianNormal(v, 1.0).log_prob(x), [3.0, 4.0], [0.3, 0.4]),
        "mu not unit": (lambda v: hj.VonMisesFisher(v, 5.0).log_prob(pole), [0.0, 0.0, 2.0], [0.0, 0.0, 1.0]),
        "kappa": (lambda v: hj.VonMisesFisher(pole, v).log_prob(pole), -1.0, 1.0),
        "c": (lambda v: hj.WrappedNormal(x, 1.0, v).log_prob(x), -1.0, 1.0),
        "weights": (lambda v: hj.Mixture(v, pair).log_prob(pole), [0.3, 0.3], [0.3, 0.7]),
    }

    def program(values: Any) -> Any:
        return {name: call(values[name]) for name, (call, _, _) in cases.items()}

    jitted = jax.jit(program, compiler_options=QUICK)
    wrong = jitted({name: jnp.asarray(bad) for name, (_, bad, _) in cases.items()})
    right = jitted({name: jnp.asarray(good) for name, (_, _, good) in cases.items()})
    for name, (call, _, good) in cases.items():
        assert np.isnan(wrong[name]), name
        np.testing.assert_allclose(right[name], call(jnp.asarray(good)), rtol=1e-12)


def test_compiled_draws_beyond_the_ball_are_nan_not_on_its_rim() -> None:
    """Of 500 draws those beyond 36.74 are NaN, and of the others only where rounding leaves no gap; their densities are
    known."""

    def program(key: Any) -> Any:
        law = hj.WrappedNormal(jnp.zeros(3), 20.0)
        mixture = hj.Mixture([0.5, 0.5], hj.WrappedNormal(jnp.zeros((2, 3)), 20.0))
        return [
            (one.sample_and_log_prob((500,), key), one.sample((500,), key, model="tangent")) for one in (law, mixture)
        ]

    for (x, log_prob), away in jax.jit(program, compiler_options=QUICK)(jax.random.key(3)):
        distance, lost = np.linalg.norm(away, axis=-1), np.isnan(x).all(axis=-1)
        assert 20 < lost.sum() < 480
        assert lost[distance > 36.7368].all()
        assert not lost[distance < 35.5].any()
        assert np.isfinite(x[~lost]).all()
        assert np.isfinite(log_prob).all()
