"""Fits of what is read a block at a time: those of the whole in memory, to rounding."""

from __future__ import annotations

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
    # The ascent ends where gains are rounding: mu is right to the square root of that, kappa to it.
    "power spherical": (hd.PowerSpherical([0.0, 0.6, 0.8], 12.0), {}, 1e-7),
    "spherical normal": (hd.SphericalRiemannianNormal([0.0, 0.6, 0.8], 0.6), {}, 1e-11),
    "on the circle": (hd.SphericalRiemannianNormal([0.0, 1.0], 1.0), {}, 1e-11),
    "uniform": (hd.SphericalUniform(2), {}, 0.0),
    "torus": (hd.ToroidalWrappedNormal([0.4, 3.0], [0.5, 1.5]), {}, 1e-11),
    "uniform torus": (hd.ToroidalUniform(2), {}, 0.0),
}


@pytest.mark.parametrize("name", CASES)
def test_every_fit_is_that_of_the_whole(name: str, rng: np.random.Generator) -> None:
    law, options, tolerance = CASES[name]
    x = law.sample(1500, rng)
    lazy = da.from_array(x, chunks=(400, 1))
    some = rng.random((1500, 2)) * (rng.random((1500, 2)) > 0.3)
    for weights, given in ((None, None), (some[:, 0], some[:, 0]), (some, da.from_array(some, chunks=(501, 1)))):
        wanted, found = type(law).fit(x, weights, **options), type(law).fit(lazy, given, **options)
        assert (found.dtype, found.batch_shape) == (wanted.dtype, wanted.batch_shape)
        for parameter in ("mu", "sigma", "kappa"):
            if hasattr(wanted, parameter):
                np.testing.assert_allclose(
                    getattr(found, parameter), getattr(wanted, parameter), rtol=tolerance, atol=tolerance
                )


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
        (lambda: hd.VonMisesFisher.fit(unknown), r"x\.compute_chunk_sizes\(\) finds them"),
        (lambda: hd.VonMisesFisher.fit(lazy[0]), r"x must have shape \(n, k\)"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert hd.VonMisesFisher.fit(unknown.compute_chunk_sizes()) == hd.VonMisesFisher.fit(unknown.compute_chunk_sizes())
