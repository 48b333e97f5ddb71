"""The laws as NumPyro distributions: sites, measures, and posteriors that are known."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy import stats

import hyperdist as hd
from tests.support.laws import unit
from tests.support.statistics import ALPHA, ks_cdf, uniform_directions

jax = pytest.importorskip("jax")
numpyro = pytest.importorskip("numpyro", reason="needs NumPyro: pip install 'hyperdist[jax]'")

from numpyro import infer  # noqa: E402
from numpyro.distributions import biject_to  # noqa: E402

import hyperdist.jax as hj  # noqa: E402
import hyperdist.numpyro as hn  # noqa: E402

jnp = jax.numpy

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""A program that runs once is not worth compiling well."""


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


SITES: dict[str, Callable[[Any], Any]] = {
    "ball": lambda p: p.RiemannianNormal(np.array([0.2, -0.1]), 0.7, 1.3),
    "tangent": lambda p: p.WrappedNormal(np.array([0.2, -0.1]), 0.7, 0.5, model="tangent"),
    "wrapped": lambda p: p.WrappedNormal(np.array([0.2, -0.1]), np.array([0.5, 0.8])),
    "fisher": lambda p: p.VonMisesFisher(unit(2), 3.0),
    "spherical": lambda p: p.SphericalRiemannianNormal(unit(2), 0.8),
    "power": lambda p: p.PowerSpherical(unit(2), 6.0),
    "uniform": lambda p: p.SphericalUniform(1),
    "torus": lambda p: p.ToroidalWrappedNormal(np.array([3.0]), 0.5),
    "torus-uniform": lambda p: p.ToroidalUniform(1),
    "mixture": lambda p: p.Mixture([0.3, 0.7], p.VonMisesFisher(np.eye(2), np.array([3.0, 8.0]))),
    "mixture-ball": lambda p: p.Mixture([0.3, 0.7], p.WrappedNormal(np.array([[0.2, -0.1], [-0.3, 0.1]]), 0.5)),
}


def test_import_is_lazy_and_names_the_extra() -> None:
    code = "import hyperdist, sys; print('jax' in sys.modules); sys.modules[{!r}] = None; import hyperdist.{}"
    for missing, module in (("numpyro", "numpyro"), ("jax", "jax")):
        run = subprocess.run([sys.executable, "-c", code.format(missing, module)], capture_output=True, text=True)
        assert run.stdout.strip() == "False"
        assert f"ImportError: hyperdist.{module} needs" in run.stderr
        assert "pip install 'hyperdist[jax]'" in run.stderr


def test_all_laws_are_there() -> None:
    laws = set(hj.__all__) - {"Law", "Radius"}
    assert laws < set(hn.__all__)
    assert {type(make(hn)).__name__ for make in SITES.values()} == laws


@pytest.mark.parametrize("name", ["wrapped", "tangent", "uniform", "torus", "mixture-ball"])
def test_laws_as_sites(name: str) -> None:
    """Densities, batches, events, masks, copies: the law's own; a pass through the transform and back."""
    law, plain = SITES[name](hn), SITES[name](hj)
    with jax.disable_jit():
        x = law(rng_key=jax.random.key(0), sample_shape=(3,))
        assert x.shape == law.shape((3,)) == (3, *plain.event_shape)
        log_p = law.log_prob(x)
        np.testing.assert_array_equal(log_p, plain.log_prob(x))
        assert law.support(x).all()
        assert type(jax.tree.map(lambda leaf: leaf, law)) is type(law)
        assert type(pickle.loads(pickle.dumps(law))) is type(law)
        event = law.expand([3]).to_event(1)
        assert (event.batch_shape, event.event_dim) == ((), 2)
        np.testing.assert_allclose(event.log_prob(x), log_p.sum(), rtol=1e-12)
        assert not law.mask(False).log_prob(x).any()
        transform = biject_to(law.support)
        v = transform.inv(x)
        assert v.shape == transform.inverse_shape(x.shape)
        assert x.shape == transform.forward_shape(v.shape)
        np.testing.assert_allclose(transform(v), x, atol=1e-12)
    assert law.has_rsample == ("mixture" not in name)


def _polar() -> tuple[np.ndarray, np.ndarray]:
    """Points of the plane and weights of a product rule, to radius 12."""
    places, weights = np.polynomial.legendre.leggauss(100)
    r, w = 6.0 * (places + 1.0), 6.0 * weights
    angle = np.arange(100) * (2.0 * np.pi / 100)
    points = r[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return points.reshape(-1, 2), np.repeat(w * r * (2.0 * np.pi / 100), 100)


@pytest.mark.parametrize("name", ["wrapped", "tangent", "power", "torus"])
def test_density_of_unconstrained_vectors_has_mass_one(name: str) -> None:
    """The product rule is right to 1e-6 here; a constant left out is off by 0.2 and more."""
    law, (v, weight) = SITES[name](hn), _polar()
    transform = biject_to(law.support)

    def program(v: Any) -> Any:
        x = transform(v)
        return jnp.exp(law.log_prob(x) + transform.log_abs_det_jacobian(v, x))

    density = jax.jit(program, compiler_options=QUICK)(v)
    assert float(weight @ density) == pytest.approx(1.0, abs=2e-6)


def test_far_out_the_ball_has_a_last_sphere() -> None:
    v = jnp.asarray([[1e200, 0.0], [40.0, 30.0], [0.0, 0.0]])
    x = hn.BallTransform(1.0)(v)
    assert hn.PoincareBall(1.0)(x).all()
    assert np.isfinite(hn.BallTransform(1.0).log_abs_det_jacobian(v[1:], x[1:])).all()


def _nuts(model: Callable[[], None], step: float, warmup: int, draws: int, init: Any, seed: int) -> np.ndarray:
    kernel = infer.NUTS(model, step_size=step, adapt_step_size=False, adapt_mass_matrix=False, max_tree_depth=4,
                        init_strategy=init)  # fmt: skip
    chain = infer.MCMC(kernel, num_warmup=warmup, num_samples=draws, progress_bar=False)
    chain.run(jax.random.key(seed % 2**31))
    return np.asarray(chain.get_samples()["x"])


def test_nuts_on_the_ball(seed: int) -> None:
    """600 copies of one posterior, which is known: of x, flat per volume, given a datum of a Riemannian normal about x.

    The last draw of each, against its radial cdf and in all directions; false alarm 1e-6 each. A density per
    coordinate in place of one per volume is off by 0.2 in the cdf, and a shift of 0.13 is found with probability .9.
    """
    y, c = np.array([0.3, -0.4]), 2.0

    def model() -> None:
        with numpyro.plate("copies", 600):
            x = numpyro.sample("x", hn.WrappedNormal(jnp.zeros(2), 1.0, c).mask(False))
            numpyro.sample("y", hn.RiemannianNormal(x, 0.9, c), obs=y)

    x = _nuts(model, 0.35, 20, 1, infer.init_to_uniform, seed)[-1]
    posterior, space = hd.RiemannianNormal(y, 0.9, c), hd.PoincareBall(c)
    r, v = space.dist(x, y), space.to_frame(y, space.log(y, x))
    assert ks_cdf(r, posterior.radius.cdf) > ALPHA
    assert uniform_directions(v / r[:, None]) > ALPHA


def _mean_is(chains: np.ndarray, expected: float) -> float:
    """p-value of the mean of copies' own means, (copies,): Student's t, since they share but the tree's decisions."""
    return float(stats.ttest_1samp(chains, expected).pvalue)


def test_nuts_on_the_sphere(seed: int) -> None:
    """E x.y = coth 3 - 1/3 given a datum y of concentration 3 under the uniform law, of 100 copies, to about .01."""
    axes = np.eye(3)

    def model() -> None:
        with numpyro.plate("copies", 100):
            x = numpyro.sample("x", hn.SphericalUniform(2))
            numpyro.sample("y", hn.VonMisesFisher(x, 3.0), obs=axes[1])

    x = _nuts(model, 0.3, 20, 40, infer.init_to_sample, seed)
    assert _mean_is((x @ axes[1]).mean(axis=0), 1.0 / math.tanh(3.0) - 1.0 / 3.0) > ALPHA
    assert _mean_is((x @ axes[0]).mean(axis=0), 0.0) > ALPHA


def test_nuts_passes_pi(seed: int) -> None:
    """Share of draws past pi, .3885, of 100 copies, to about .02; a chain that stays below pi has 0."""

    def model() -> None:
        with numpyro.plate("copies", 100):
            x = numpyro.sample("x", hn.ToroidalUniform(1))
            numpyro.sample("y", hn.ToroidalWrappedNormal(x, 0.5), obs=np.array([3.0]))

    x = _nuts(model, 0.3, 20, 60, infer.init_to_sample, seed)
    beyond = stats.norm.cdf((2.0 * math.pi - 3.0) / 0.5) - stats.norm.cdf((math.pi - 3.0) / 0.5)
    assert _mean_is((x[..., 0] < 0.0).mean(axis=0), beyond) > ALPHA
