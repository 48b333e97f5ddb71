"""Fits of what is read a block at a time: those of the whole in memory, to rounding."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from threading import Timer
from typing import Any

import numpy as np
import pytest

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")

import hyperdist as hd  # noqa: E402

da = pytest.importorskip("dask.array")

CASES: dict[str, tuple[Any, dict[str, Any], float]] = {
    "hyperbolic": (hd.RiemannianNormal([0.3, 0.1], 0.8, 1.3), {"c": 1.3}, 1e-12),
    "hyperbolic, float32": (hd.RiemannianNormal(np.zeros(3, np.float32), np.float32(0.4)), {}, 1e-6),
    "far out": (hd.RiemannianNormal([0.0, 0.0], 2.4), {}, 1e-11),
    "von Mises-Fisher": (hd.VonMisesFisher([0.0, 0.6, 0.8], 12.0), {}, 1e-11),
    "concentrated": (hd.VonMisesFisher([0.0, 0.6, 0.8], 1e6), {}, 1e-10),
    "power spherical": (hd.PowerSpherical([0.0, 0.6, 0.8], 12.0), {}, 1e-9),
    "spherical normal": (hd.SphericalRiemannianNormal([0.0, 0.6, 0.8], 0.6), {}, 1e-11),
    "on the circle": (hd.SphericalRiemannianNormal([0.0, 1.0], 1.0), {}, 1e-11),
    "uniform": (hd.SphericalUniform(2), {}, 0.0),
    "torus": (hd.ToroidalWrappedNormal([0.4, 3.0], [0.5, 1.5]), {}, 1e-11),
    # By BFGS, which ends where its value cannot tell: mu and the scales are right to the square root of rounding.
    "wrapped normal": (hd.WrappedNormal([0.3, 0.1], [0.5, 0.9], 1.3), {"c": 1.3}, 1e-9),
    "one scale": (hd.WrappedNormal([0.3, 0.1, 0.0], 0.7), {"covariance": "isotropic"}, 1e-9),
    "full": (hd.WrappedNormal([0.3, 0.1], scale_tril=[[0.5, 0.0], [0.3, 0.4]]), {"covariance": "full"}, 1e-9),
    "wrapped, far out": (hd.WrappedNormal([0.0, 0.0], [2.4, 1.0]), {}, 1e-9),
    "wrapped, float32": (hd.WrappedNormal(np.zeros(3, np.float32), np.float32(0.4)), {}, 1e-6),
    "torus, one scale": (hd.ToroidalWrappedNormal([0.4, 3.0], [0.7, 0.7]), {"covariance": "isotropic"}, 1e-9),
    "torus, full": (
        hd.ToroidalWrappedNormal([0.4, 3.0], scale_tril=[[0.5, 0.0], [0.6, 0.4]]),
        {"covariance": "full"},
        1e-9,
    ),
    "uniform torus": (hd.ToroidalUniform(2), {}, 0.0),
}


@pytest.fixture(autouse=True)
def in_this_thread() -> Iterator[None]:
    """What is in memory needs no threads, whose start takes longer than the work."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.mark.parametrize("name", CASES)
def test_every_fit_is_that_of_the_whole(name: str, rng: np.random.Generator) -> None:
    law, options, tolerance = CASES[name]
    x = law.sample(1500, rng)
    lazy = da.from_array(x, chunks=(400, 1))
    some = rng.random((1500, 2)) * (rng.random((1500, 2)) > 0.3)
    for weights, given in ((None, None), (some[:, 0], some[:, 0]), (some, da.from_array(some, chunks=(501, 1)))):
        wanted, found = type(law).fit(x, weights, **options), type(law).fit(lazy, given, **options)
        assert (found.dtype, found.batch_shape) == (wanted.dtype, wanted.batch_shape)
        for parameter in ("mu", "sigma", "kappa", "scale_tril"):
            if getattr(wanted, parameter, None) is not None:
                np.testing.assert_allclose(
                    getattr(found, parameter), getattr(wanted, parameter), rtol=tolerance, atol=tolerance
                )


PLACE = hd.ProductSpace(hd.PoincareBall(0.7, d=2), hd.Sphere(2), hd.Torus(2))
FAMILIES = [hd.WrappedNormal, hd.VonMisesFisher, hd.ToroidalWrappedNormal]
PRODUCT = hd.Product(
    hd.WrappedNormal([[0.1, 0.5], [-0.4, 0.0]], [0.5, 0.3], c=0.7),
    hd.VonMisesFisher(np.eye(3)[:2], 20.0),
    hd.ToroidalWrappedNormal([[3.0, 0.0], [0.5, 1.0]], 0.5),
)


@pytest.mark.filterwarnings("ignore:the best start has not converged")
def test_products_are_those_of_the_whole(rng: np.random.Generator) -> None:
    """And their mixtures: the weights of every factor are worked out from whole points."""
    law = hd.Mixture([0.4, 0.6], PRODUCT)
    x, weights = law.sample(1000, rng), rng.random(1000)
    lazy = da.from_array(x, chunks=(501, 2))
    wanted, found = (hd.Product.fit(each, FAMILIES, PLACE, weights) for each in (x, lazy))
    np.testing.assert_allclose(found.log_prob(x[:20]), wanted.log_prob(x[:20]), rtol=1e-9)
    options: dict[str, Any] = {"families": FAMILIES, "space": PLACE, "starts": 1, "max_iter": 2, "rng": 1}
    mixtures = [hd.Mixture.fit(y, hd.Product, 2, weights=weights, **options) for y in (x, lazy)]
    np.testing.assert_allclose(mixtures[1].log_prob(x[:20]), mixtures[0].log_prob(x[:20]), rtol=1e-8)
    with pytest.raises(ValueError, match=r"x must have 7 coordinates on its last axis, got shape \(1000, 6\)"):
        hd.Product.fit(lazy[:, :6], FAMILIES, PLACE)
    with pytest.raises(ValueError, match="x must lie on the unit sphere"):
        hd.Product.fit(da.concatenate([lazy[:, :2], 2.0 * lazy[:, 2:5], lazy[:, 5:]], axis=1), FAMILIES, PLACE)


def test_the_best_of_several_means_on_the_circle(rng: np.random.Generator) -> None:
    """Where the sum of squared distances has many minima, all but equal."""
    for n in (2, 3, 5, 8):
        angle = 2.0 * np.pi * np.arange(n) / n + 0.01 * rng.standard_normal(n)
        x = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        mu = [hd.SphericalRiemannianNormal.fit(each, min_scale=0.1).mu for each in (x, da.from_array(x, chunks=1))]
        np.testing.assert_allclose(mu[1], mu[0], atol=1e-12)


def test_bad_observations_are_named(rng: np.random.Generator) -> None:
    x = hd.SphericalUniform(2).sample(100, rng)
    lazy = da.from_array(x, chunks=30)
    unknown = lazy[lazy[:, 0] > 0.0]
    for call, message in (
        (lambda: hd.VonMisesFisher.fit(2.0 * lazy), "x must lie on the unit sphere"),
        (lambda: hd.VonMisesFisher.fit(lazy, -np.ones(100)), "weights must be >= 0, got -1"),
        (lambda: hd.VonMisesFisher.fit(lazy, np.zeros(100)), "weights must have a positive sum, got 0"),
        (lambda: hd.VonMisesFisher.fit(lazy, np.ones(99)), "weights must have length 100"),
        (lambda: hd.SphericalUniform.fit(2.0 * lazy), "x must lie on the unit sphere"),
        (
            lambda: hd.WrappedNormal.fit(da.from_array(np.outer(np.linspace(-0.5, 0.6, 9), [1.0, 0.0]), chunks=2)),
            "the data must have a positive spread along every axis",
        ),
        (lambda: hd.WrappedNormal.fit(lazy), "x must lie inside the ball"),
        (lambda: hd.VonMisesFisher.fit(unknown), r"x\.compute_chunk_sizes\(\) finds them"),
        (lambda: hd.VonMisesFisher.fit(lazy[0]), r"x must have shape \(n, k\)"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert hd.VonMisesFisher.fit(unknown.compute_chunk_sizes()) == hd.VonMisesFisher.fit(unknown.compute_chunk_sizes())


@pytest.mark.parametrize(("row", "column", "value"), [(0, 0, np.nan), (59, 1, np.inf), (77, 2, 3.0), (99, 0, 1e200)])
def test_bad_rows_have_the_numbers_they_have_in_the_whole(
    row: int, column: int, value: float, rng: np.random.Generator
) -> None:
    good = hd.SphericalUniform(2).sample(100, rng)
    x, w = good.copy(), np.ones(100)
    x[row, column] = value
    w[row] = -1.0
    both = da.from_array(x, chunks=30), x
    pairs: list[Any] = [
        [lambda each=each: hd.VonMisesFisher.fit(each) for each in both],
        [lambda each=each: hd.VonMisesFisher.fit(each, w) for each in (da.from_array(good, chunks=30), good)],
    ]
    for lazy, whole in pairs:
        with pytest.raises(ValueError, match=rf" at index \({row},") as wanted:
            whole()
        with pytest.raises(ValueError, match=f"^{re.escape(str(wanted.value))}$"):
            lazy()
    x[:] = np.nan
    with pytest.raises(ValueError, match=r"nan at index \(\d+, 0\) \(and \d+ more of its block\)$"):
        hd.VonMisesFisher.fit(da.from_array(x, chunks=30))
    with pytest.raises(ValueError, match=r"\(\d+ of 30 points of its block outside\)$"):
        hd.RiemannianNormal.fit(da.from_array(good, chunks=30)[:60])


@pytest.mark.parametrize("uniform", [hd.SphericalUniform, hd.ToroidalUniform])
def test_weights_of_no_sum_are_no_weights_of_a_uniform_law_either(uniform: Any) -> None:
    x = uniform(2).sample(20, rng=0)
    for given in (x, da.from_array(x, chunks=(7, -1))):
        with pytest.raises(ValueError, match=r"weights must have a positive sum, got 0\.0"):
            uniform.fit(given, weights=np.zeros(20))


@pytest.mark.filterwarnings("ignore:the best start has not converged")
def test_blocks_that_a_mask_has_emptied(rng: np.random.Generator) -> None:
    """Of a law, a mixture and a product, as where the first files of a record are of another kind."""
    x = hd.VonMisesFisher(np.eye(3)[:1].repeat(2, 0), [3.0, 9.0]).sample(60, rng).reshape(120, 3)
    kept, w = np.repeat([False, True, False, True], 30), rng.random(60)
    lazy = da.from_array(x, chunks=30)[da.from_array(kept, chunks=30)].compute_chunk_sizes()
    assert lazy.chunks[0] == (0, 30, 0, 30)
    for weights in (w, da.from_array(w, chunks=7)):
        found, wanted = hd.VonMisesFisher.fit(lazy, weights), hd.VonMisesFisher.fit(x[kept], w)
        np.testing.assert_allclose(found.kappa, wanted.kappa, rtol=1e-11)
    options: dict[str, Any] = {"starts": 1, "max_iter": 3, "rng": 0, "weights": w}
    init = hd.Mixture.fit(x[kept], hd.VonMisesFisher, 2, **options)
    for more in ({}, {"init": init}):
        both = [hd.Mixture.fit(each, hd.VonMisesFisher, 2, **options, **more) for each in (lazy, x[kept])]
        np.testing.assert_allclose(both[0].component.kappa, both[1].component.kappa, rtol=1e-9)
    space = hd.ProductSpace(hd.Sphere(2), hd.Sphere(2))
    options = {"families": [hd.VonMisesFisher] * 2, "space": space, "min_scale": 0.01, **options}
    double = da.concatenate([lazy, lazy[::-1].rechunk(lazy.chunks)], axis=1)
    pairs = [hd.Mixture.fit(each, hd.Product, 2, **options) for each in (double, double.compute())]
    np.testing.assert_allclose(pairs[0].weights, pairs[1].weights, rtol=1e-9)


def test_weights_and_observations_are_read_as_in_memory(rng: np.random.Generator) -> None:
    x, w = hd.SphericalUniform(2).sample(40, rng), rng.random(40)
    lazy, hidden = da.from_array(x, chunks=15), np.ma.masked_array(w, w > 0.5)
    some = w > 0.3
    for weights in (some, da.from_array(some, chunks=7)):
        np.testing.assert_allclose(hd.VonMisesFisher.fit(lazy, weights).mu, hd.VonMisesFisher.fit(x, some).mu)
    unknown = da.from_array(w, chunks=7)[da.from_array(w, chunks=7) > -1.0]
    for call, error, message in (
        (lambda: hd.VonMisesFisher.fit(lazy, hidden), ValueError, "weights must have no masked values"),
        (lambda: hd.VonMisesFisher.fit(lazy, da.from_array(hidden, chunks=7)), ValueError, "weights must have no mas"),
        (lambda: hd.VonMisesFisher.fit(da.ma.masked_array(lazy, lazy > 0.5)), ValueError, "x must have no masked val"),
        (lambda: hd.VonMisesFisher.fit(lazy, unknown), ValueError, r"weights\.compute_chunk_sizes\(\) finds them"),
        (lambda: hd.VonMisesFisher.fit(lazy, w[:, None][:, :0]), ValueError, r"with no axis of length 0, got shape"),
        (lambda: hd.VonMisesFisher.fit(lazy, 1e308 * w + 1e307), ValueError, "weights must have a finite sum"),
        (lambda: hd.VonMisesFisher.fit(lazy[None]), ValueError, r"x must have shape \(n, k\), a row an observation"),
        (lambda: hd.VonMisesFisher.fit(dask.delayed(x)), TypeError, "x must be a dask.array or one in memory, got De"),
        (lambda: hd.Mixture.fit(lazy, hd.VonMisesFisher, 2, weights=0.0 * w), ValueError, "weights must have a posi"),
    ):
        with pytest.raises(error, match=message):
            call()


SPHERE = hd.Mixture([0.4, 0.6], hd.VonMisesFisher(np.eye(3)[:2], [30.0, 8.0]))
MIXTURES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "sphere": (SPHERE, hd.VonMisesFisher, {"starts": 3}),
    "float32": (hd.Mixture([0.4, 0.6], hd.VonMisesFisher(np.eye(3, dtype=np.float32)[:2], [30.0, 8.0])),
                hd.VonMisesFisher, {"starts": 2, "tol": 1e-6}),
    "background": (SPHERE, hd.VonMisesFisher, {"starts": 2, "background": True, "min_scale": 0.01, "max_iter": 25}),
    "hyperbolic": (hd.Mixture([0.4, 0.6], hd.RiemannianNormal([[0.5, 0.0], [-0.3, 0.2]], [0.3, 0.5])),
                   hd.RiemannianNormal, {"starts": 2, "tol": 1e-7}),
    "wrapped": (hd.Mixture([0.4, 0.6], hd.WrappedNormal([[0.5, 0.0], [-0.3, 0.2]], [[0.3, 0.2], [0.2, 0.5]])),
                hd.WrappedNormal, {"starts": 1, "max_iter": 4}),
    "torus": (hd.Mixture([0.4, 0.6], hd.ToroidalWrappedNormal([[0.5, 0.0], [-2.0, 0.2]], 0.4)),
              hd.ToroidalWrappedNormal, {"starts": 1, "tol": 1e-7}),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.filterwarnings("ignore:the best start has not converged")
def test_mixtures_climb_as_in_memory(name: str, rng: np.random.Generator) -> None:
    """From the same starts, by the same steps, to the same end."""
    law, family, options = MIXTURES[name]
    x = law.sample(1000, rng)
    for weights in (None, rng.random(1000))[: 1 + (name == "sphere")]:
        wanted = hd.Mixture.fit(x, family, 2, weights=weights, rng=5, **options)
        found = hd.Mixture.fit(da.from_array(x, chunks=500), family, 2, weights=weights, rng=5, **options)
        tolerance = 1e-6 if x.dtype == np.float32 else 1e-9
        # Several starts reach the best maximum to rounding, each with the components in an order of its own.
        np.testing.assert_allclose(np.sort(found.weights), np.sort(wanted.weights), atol=tolerance)
        np.testing.assert_allclose(found.log_prob(x[:20]), wanted.log_prob(x[:20]), atol=10.0 * tolerance)
        assert (found.dtype, found.component.batch_shape) == (wanted.dtype, wanted.component.batch_shape)
        assert found.record.log_likelihood == pytest.approx(wanted.record.log_likelihood, abs=tolerance)
        steps = [sorted(len(start.log_likelihood) for start in q.record.starts) for q in (found, wanted)]
        assert steps[0] == steps[1]


GIVEN: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "sphere": (SPHERE, hd.VonMisesFisher, {}),
    "hyperbolic": (hd.Mixture([0.4, 0.6], hd.RiemannianNormal([[0.7, 0.0], [-0.5, 0.2]], [0.3, 0.5], model="tangent")),
                   hd.RiemannianNormal, {}),
    "background": (hd.Mixture([0.7, 0.2, 0.1], hd.Components([SPHERE.component, hd.SphericalUniform(2)])),
                   hd.VonMisesFisher, {"background": True}),
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_from_a_given_mixture(name: str, rng: np.random.Generator) -> None:
    """Uphill from it, in memory and by blocks; its value is what the first step begins with."""
    law, family, options = GIVEN[name]
    x = law.sample(1500, rng, **({"model": "poincare"} if law._models else {}))
    found = [
        hd.Mixture.fit(each, family, init=law, tol=1e-7, **options) for each in (x, da.from_array(x, chunks=(600, -1)))
    ]
    np.testing.assert_allclose(found[1].log_prob(x[:20]), found[0].log_prob(x[:20]), atol=1e-7)
    for q in found:
        (start,) = q.record.starts
        assert start.log_likelihood[0] >= law.log_prob(x, **({"model": "poincare"} if law._models else {})).mean()
        again = hd.Mixture.fit(x, family, init=q, tol=1e-6, **options)
        assert len(again.record.starts[0].log_likelihood) <= 3


def test_a_mixture_that_cannot_be_begun_with(rng: np.random.Generator) -> None:
    x = SPHERE.sample(100, rng)
    one, two = hd.Mixture([1.0], SPHERE.component[:1]), hd.VonMisesFisher(np.eye(3)[[[0, 1], [1, 2]]], 3.0)
    several = hd.Mixture(np.full((2, 2), 0.5), two)
    for init, shape in ((one, "(1,)"), (several, "(2, 2)")):
        message = f"init must be one mixture of 2 components, got components of batch shape {shape}"
        for each in (x, da.from_array(x, chunks=60)):
            with pytest.raises(ValueError, match=re.escape(message)):
                hd.Mixture.fit(each, hd.VonMisesFisher, 2, init=init)
    with pytest.raises(TypeError, match="init must be a Mixture, got VonMisesFisher"):
        hd.Mixture.fit(x, hd.VonMisesFisher, init=SPHERE.component)


def test_mixtures_that_cannot_be_fitted_say_so(rng: np.random.Generator) -> None:
    few = np.repeat(np.eye(3), 10, axis=0)
    lazy = da.from_array(few, chunks=7)
    for k, message in ((4, "n_components must be at most the number of distinct observations, 3, got 4"),
                       (3, "none of the 2 starts has a maximum: a component")):  # fmt: skip
        for x in (few, lazy):
            with pytest.raises(ValueError, match=message):
                hd.Mixture.fit(x, hd.VonMisesFisher, k, starts=2, rng=0)
    with pytest.raises(ValueError, match=r"weights must have shape \(n,\) beside a dask\.array, got shape \(30, 2\)"):
        hd.Mixture.fit(lazy, hd.VonMisesFisher, 2, weights=np.ones((30, 2)))
    x = da.from_array(SPHERE.sample(200, rng), chunks=90)
    with pytest.warns(RuntimeWarning, match="the best start has not converged: max_iter = 2") as seen:
        hd.Mixture.fit(x, hd.VonMisesFisher, 2, starts=1, max_iter=2, rng=0)
    assert seen[0].filename == __file__


def test_more_than_the_workers_can_hold(tmp_path: Any) -> None:
    """275 MiB of draws, fitted by two processes of 256 MiB; one is killed half-way; to the bit what threads find."""
    distributed = pytest.importorskip("distributed")
    x = hd.distributed.sample(SPHERE.component[0], 12_000_000, chunks=500_000, seed=3)
    small = hd.distributed.sample(SPHERE, 60_000, chunks=5_000, seed=4)
    wrapped = hd.distributed.sample(hd.WrappedNormal([0.3, 0.1], [0.5, 0.9]), 40_000, chunks=10_000, seed=5)
    options = {"starts": 1, "tol": 1e-6, "rng": 0}
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit="256MiB"
    ) as cluster, distributed.Client(cluster) as client:  # fmt: skip
        (pid, *_) = client.run(os.getpid).values()
        Timer(1.5, os.kill, (pid, signal.SIGKILL)).start()
        law = hd.VonMisesFisher.fit(x)
        mixture = hd.Mixture.fit(small, hd.VonMisesFisher, 2, **options)
        normal = hd.WrappedNormal.fit(wrapped)
        assert pid not in client.run(os.getpid).values()
    assert float(hd.Sphere().dist(law.mu, [1.0, 0.0, 0.0])) < 6.0 / np.sqrt(30.0 * 12e6) * 2.0
    assert abs(float(law.kappa) - 30.0) < 6.0 * 30.0 / np.sqrt(12e6)
    assert mixture == hd.Mixture.fit(small, hd.VonMisesFisher, 2, **options)
    assert normal == hd.WrappedNormal.fit(wrapped)
