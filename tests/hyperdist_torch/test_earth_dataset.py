"""Events on the globe as tensors: the core's data and splits, points of the sphere in any dtype, wrong files named."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hyperdist import earth  # noqa: E402
from hyperdist_torch.constraints import unit_sphere  # noqa: E402
from hyperdist_torch.datasets import load_earth  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """200 places of the set ``flood``, every fourth of them twice."""
    degrees = np.stack([rng.uniform(-90, 90, 200), rng.uniform(-180, 180, 200)], axis=-1)
    rows = np.concatenate([degrees, degrees[::4]])
    (tmp_path / "earth").mkdir()
    (tmp_path / "earth" / "flood.csv").write_text("lat,long\n" + "".join(f"{a:.4f},{b:.4f}\n" for a, b in rows))
    return tmp_path


@pytest.mark.parametrize("kind", earth.KINDS)
def test_parts_are_those_of_the_core(folder: Path, kind: str) -> None:
    split = load_earth("flood", kind, 3, folder)
    parts = earth.split(earth.load(folder, "flood"), kind, 3)
    for vectors, degrees, expected in zip(
        (split.training, split.validation, split.test), split.degrees, parts, strict=True
    ):
        assert vectors.dtype == torch.float32
        np.testing.assert_array_equal(degrees, expected)
        np.testing.assert_array_equal(vectors.numpy(), earth.unit(expected).astype(np.float32))
    assert (split.name, split.kind, split.seed) == ("flood", kind, 3)
    assert split.coinciding == earth.coinciding(parts.test, parts.training)
    assert split.coinciding > 0 if kind == "random rows" else split.coinciding == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_vectors_are_points_of_the_sphere(folder: Path, dtype: torch.dtype) -> None:
    split = load_earth("flood", data_dir=folder, dtype=dtype)
    for vectors in (split.training, split.validation, split.test):
        assert vectors.dtype == dtype
        assert unit_sphere.check(vectors).all()


def test_smaller_training_parts_are_nested(folder: Path) -> None:
    whole = load_earth("flood", seed=1, data_dir=folder)
    large, small = whole.with_training(100), whole.with_training(30)
    assert torch.equal(large.training[:30], small.training)
    np.testing.assert_array_equal(small.training.numpy(), earth.unit(small.degrees.training).astype(np.float32))
    assert set(map(tuple, large.degrees.training)) <= set(map(tuple, whole.degrees.training))
    assert small.coinciding <= large.coinciding <= whole.coinciding
    assert small.test is whole.test
    with pytest.raises(ValueError, match="size must be at most the 200 rows there are, got 201"):
        whole.with_training(201)


def test_folder_comes_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERDIST_DATA", str(folder))
    assert torch.equal(load_earth("flood").test, load_earth("flood", data_dir=folder / "earth").test)
    monkeypatch.delenv("HYPERDIST_DATA")
    with pytest.raises(ValueError, match="HYPERDIST_DATA"):
        load_earth("flood")


def test_wrong_input_is_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=rf"fire\.csv is neither in {folder / 'earth'} nor in"):
        load_earth("fire", data_dir=folder)
    with pytest.raises(ValueError, match="name must be one of volcano, earthquake, flood, fire, got 'storm'"):
        load_earth("storm", data_dir=folder)
    with pytest.raises(ValueError, match=r"kind must be one of .*got 'rows'"):
        load_earth("flood", "rows", data_dir=folder)
    with pytest.raises(ValueError, match=r"dtype must be a floating-point type, got torch\.int64"):
        load_earth("flood", data_dir=folder, dtype=torch.int64)
    path = folder / "earth" / "flood.csv"
    for text, message in (
        ("1.0,2.0\n95.0,2.0\n", "line 2: latitude must be -90 to 90 degrees, got 95.0"),
        ("1.0,2.0,7.0\n", "line 1: must have two columns"),
        ("1.0,2.0\n", "must hold enough for three parts, got an empty training part of 1 rows"),
        ("", "must hold rows of latitude and longitude"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"{path}.*{message}"):
            load_earth("flood", data_dir=folder)


@pytest.mark.skipif("HYPERDIST_DATA" not in os.environ, reason="HYPERDIST_DATA names no folder with the Earth sets")
@pytest.mark.parametrize(("name", "rows"), [("volcano", 827), ("earthquake", 6120), ("flood", 4875), ("fire", 12809)])
def test_the_original_sets(name: str, rows: int) -> None:
    """Every line of the files that is no comment and no header is a row."""
    split = load_earth(name)
    assert sum(map(len, split.degrees)) == rows
