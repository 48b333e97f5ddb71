"""Lazy draws and densities: of seed and chunks alone, the same wherever they are worked out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")

import hyperdist as hd  # noqa: E402
from hyperdist import distributed  # noqa: E402

MIXTURE = hd.Mixture([0.3, 0.7], hd.VonMisesFisher(np.eye(3)[:2], [9.0, 3.0]))
BATCH = hd.RiemannianNormal(np.zeros((2, 3)).astype(np.float32), np.float32(0.5))


@pytest.mark.parametrize("law", [MIXTURE, BATCH, hd.ToroidalUniform(2)], ids=lambda law: type(law).__name__)
def test_draws_depend_on_seed_and_chunks_alone(law: Any) -> None:
    x = distributed.sample(law, 1003, chunks=100, seed=3)
    assert x.numblocks[0] == 11
    assert (x.shape, x.dtype) == ((1003, *law.batch_shape, *law.event_shape), law.dtype)
    found = x.compute(scheduler="synchronous")
    assert np.array_equal(x.compute(scheduler="threads"), found)
    assert np.array_equal(x[700:].compute(), found[700:])
    again = distributed.sample(law, 1003, chunks=100, seed=3)
    assert again.name == x.name
    for chunks, seed in ((100, 4), (99, 3)):
        other = distributed.sample(law, 1003, chunks=chunks, seed=seed)
        assert not np.array_equal(other[100:].compute(), found[100:])
    assert not np.array_equal(found[:100], found[100:200])
    stream = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(10,)))
    assert np.array_equal(found[1000:], law.sample(3, stream))
    unseeded = [distributed.sample(law, 10).compute() for _ in range(2)]
    assert not np.array_equal(*unseeded)
    assert distributed.sample(law, 0, seed=1).compute().shape == (0, *law.batch_shape, *law.event_shape)


def test_densities_are_those_of_the_whole() -> None:
    x = distributed.sample(MIXTURE, 1003, chunks=100, seed=3)
    whole = x.compute()
    batch = hd.VonMisesFisher(np.eye(3), [1.0, 2.0, 3.0])
    for law, lazy in ((MIXTURE, x), (batch, x[:, None, :]), (batch, x[:3]), (batch, x[5]), (MIXTURE, x[5]),
                      (batch, x[:30].reshape(10, 3, 3)), (MIXTURE, x.rechunk((100, 2)))):  # fmt: skip
        found = distributed.log_prob(law, lazy)
        wanted = np.asarray(law.log_prob(lazy.compute()))
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_array_equal(found.compute(), wanted)
    far = hd.RiemannianNormal(np.zeros(2), 3.0)
    tangent = distributed.sample(far, 200, chunks=50, seed=1, model="tangent")
    found = distributed.log_prob(far, tangent, model="tangent")
    np.testing.assert_array_equal(found.compute(), far.log_prob(tangent.compute(), model="tangent"))
    assert np.isneginf(distributed.log_prob(MIXTURE, 2.0 * x).compute()).all()
    assert whole.shape == (1003, 3)


def test_densities_of_as_many_points_as_a_mask_leaves() -> None:
    """Their number need not be known; what the law's batch broadcasts with must be."""
    pair = hd.VonMisesFisher(np.eye(3)[:2], [3.0, 9.0])
    for law in (MIXTURE, pair):
        x = distributed.sample(law, 50, chunks=20, seed=0)
        kept = (x.reshape(50, -1)[:, 0] > 0.0).compute()
        found = distributed.log_prob(law, x[x.reshape(50, -1)[:, 0] > 0.0])
        assert np.isnan(found.shape[0])
        np.testing.assert_array_equal(found, law.log_prob(x.compute()[kept]))
    with pytest.raises(ValueError, match=r"known sizes along its last 2 axes, got shape \(50, nan, 3\): x\.compute_ch"):
        distributed.log_prob(pair, x[:, (x[0, :, 0] < 2.0)])


def test_to_disc_and_back(tmp_path: Path) -> None:
    """Through Zarr, a block at a time."""
    pytest.importorskip("zarr")
    x = distributed.sample(MIXTURE, 1000, chunks=250, seed=3)
    x.to_zarr(str(tmp_path / "draws.zarr"))
    kept = dask.array.from_zarr(str(tmp_path / "draws.zarr"))
    assert kept.chunks == x.chunks
    np.testing.assert_array_equal(distributed.log_prob(MIXTURE, kept), distributed.log_prob(MIXTURE, x))


def test_bad_input_is_named() -> None:
    x = distributed.sample(MIXTURE, 10, seed=0)
    for call, message in (
        (lambda: distributed.sample(MIXTURE, -1), "n must be an integer >= 0, got -1"),
        (lambda: distributed.sample(MIXTURE, 10, chunks=0), "chunks must be an integer >= 1, got 0"),
        (lambda: distributed.sample(MIXTURE, 10, seed=-1), "seed must be an integer >= 0, got -1"),
        (lambda: distributed.sample(MIXTURE, 10, method="x"), "method must be one of rejection, inverse, got 'x'"),
        (lambda: distributed.log_prob(hd.SphericalUniform(3), x), "x must have 4 coordinates on its last axis"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match=r"x must be a dask\.array, got ndarray"):
        distributed.log_prob(MIXTURE, np.zeros((3, 3)))
    for wrong, got in ((hd.SphericalUniform, "the class SphericalUniform"), (3, "int")):
        for call in (lambda law: distributed.sample(law, 3), lambda law: distributed.log_prob(law, x)):
            with pytest.raises(TypeError, match=f"law must be a distribution, .* got {got}"):
                call(wrong)


def test_without_dask() -> None:
    code = "import sys; sys.modules['dask'] = None; import hyperdist.runs.engine; import hyperdist.distributed"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: hyperdist.distributed needs Dask: pip install 'hyperdist[distributed]'" in run.stderr
