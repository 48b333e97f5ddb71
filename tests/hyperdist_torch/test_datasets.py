"""Data sets: MNIST's files read as written and damage named, the branching process as it is defined."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hyperdist_torch.datasets import BranchingDiffusion, load_mnist  # noqa: E402
from tests.support.torch.idx import digits, write_idx  # noqa: E402

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


def test_digits_are_read_as_written(tmp_path: Path, rng: np.random.Generator) -> None:
    folder = digits(tmp_path, rng)
    values = rng.integers(0, 256, (10, 28, 28))
    write_idx(folder / "mnist" / IMAGES, values)
    for place in (folder, folder / "mnist"):
        read = load_mnist("test", place)
        assert read.images.dtype == torch.float32
        np.testing.assert_array_equal(read.images.numpy(), values.reshape(10, 784).astype(np.float32) / 255)
        assert read.labels.tolist() == list(range(10))


def test_folder_comes_from_the_environment(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYPERDIST_DATA", str(digits(tmp_path, rng)))
    assert len(load_mnist("train").images) == 40
    monkeypatch.delenv("HYPERDIST_DATA")
    with pytest.raises(ValueError, match="HYPERDIST_DATA"):
        load_mnist("train")
    with pytest.raises(ValueError, match="part must be 'train' or 'test', got 'all'"):
        load_mnist("all", tmp_path)


def test_missing_file_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    (digits(tmp_path, rng) / "mnist" / LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{LABELS}.*{tmp_path}.*https://"):
        load_mnist("test", tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[: len(raw) // 2], "whole gzip file"),
        (lambda raw: raw[:-1], "whole gzip file"),
        (lambda raw: b"", "magic number 00000803.*got nothing"),
        (lambda raw: b"not gzip", "whole gzip file"),
        (lambda raw: raw[:20] + bytes([raw[20] ^ 255]) + raw[21:], "whole gzip file"),
        (lambda raw: gzip.compress(gzip.decompress(raw)[:-784]), r"7840 values, .*\(10, 28, 28\) says, got 7056"),
        (lambda raw: gzip.compress(gzip.decompress(raw)[:9]), "header of 16 bytes, got 9"),
        (lambda raw: gzip.compress(bytes([0, 0, 8, 1]) + gzip.decompress(raw)[4:]), "magic number 00000803.*00000801"),
    ],
)
def test_damaged_file_is_named(tmp_path: Path, rng: np.random.Generator, damage, message: str) -> None:
    path = digits(tmp_path, rng) / "mnist" / IMAGES
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"{path} must .*{message}"):
        load_mnist("test", tmp_path)


def _packed(shape: tuple[int, ...], unpacked: int) -> bytes:
    """A small file with this header that unpacks to so many bytes of zeros: a thousandth of it when packed."""
    header = bytes([0, 0, 8, len(shape)]) + np.array(shape, dtype=">i4").tobytes()
    return gzip.compress(header + bytes(unpacked), compresslevel=1)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10, 28, 28), "7840 values, .* got more"),
        ((2**31 - 1, 28, 28), "at most 1073741824 values in its header"),
        ((2**31 - 1, 2**31 - 1, 2**31 - 1), "at most 1073741824 values in its header"),
        ((-1, 28, -28), "lengths >= 0 .* in its header"),
    ],
    ids=str,
)
def test_no_more_is_unpacked_than_the_header_says(tmp_path: Path, rng: np.random.Generator, shape, message) -> None:
    path = digits(tmp_path, rng) / "mnist" / IMAGES
    path.write_bytes(_packed(shape, 2**25))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"{path} must .*{message}"):
            load_mnist("test", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_labels_must_match(tmp_path: Path, rng: np.random.Generator) -> None:
    write_idx(digits(tmp_path, rng) / "mnist" / LABELS, np.zeros(9))
    with pytest.raises(ValueError, match="10 images and 9 labels"):
        load_mnist("test", tmp_path)


@pytest.mark.skipif("HYPERDIST_DATA" not in os.environ, reason="HYPERDIST_DATA names no folder with MNIST")
def test_the_original_digits() -> None:
    """Shapes, and the mean and deviation of all training pixels as they are quoted everywhere."""
    train, test = load_mnist("train"), load_mnist("test")
    assert train.images.shape == (60_000, 784)
    assert test.images.shape == (10_000, 784)
    assert train.images.double().mean().item() == pytest.approx(0.13066, abs=1e-5)
    assert train.images.double().std().item() == pytest.approx(0.30811, abs=1e-5)
    assert train.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_branching_tree() -> None:
    data = BranchingDiffusion.make(3)
    assert data.rows.shape == (635, 50)
    assert data.depth.bincount().tolist() == [2**level for level in range(7)]
    assert data.parent[0] == -1
    assert torch.equal(data.depth[data.edges[:, 0]] + 1, data.depth[data.edges[:, 1]])
    assert data.edges[:, 0].bincount().tolist() == [2] * 63
    assert sorted([*data.training.tolist(), *data.test.tolist()]) == list(range(635))
    assert len(data.training) == 444
    assert data.node_of_row.bincount().tolist() == [5] * 127


def test_branching_steps_have_the_stated_variance() -> None:
    """Standardised columns; in their units a child's step has 5 times the variance of an observation's noise.

    The variances are averages of 6,300 and 31,750 squares, whose relative deviations are 0.018 and 0.008: the bound
    of 0.12 is 6 of the ratio's.
    """
    data = BranchingDiffusion.make(5)
    torch.testing.assert_close(data.rows.mean(dim=0), torch.zeros(50), atol=1e-5, rtol=0)
    torch.testing.assert_close(data.rows.std(dim=0, correction=0), torch.ones(50), atol=1e-5, rtol=0)
    steps = data.nodes[data.edges[:, 1]] - data.nodes[data.edges[:, 0]]
    noise = data.rows - data.nodes[data.node_of_row]
    ratio = (steps.square().mean(dim=0) / noise.square().mean(dim=0)).mean()
    assert ratio.item() == pytest.approx(5.0, rel=0.12)


def test_branching_follows_from_its_seed() -> None:
    one, same, other = (BranchingDiffusion.make(seed) for seed in (1, 1, 2))
    assert torch.equal(one.rows, same.rows)
    assert torch.equal(one.training, same.training)
    assert not torch.equal(one.rows, other.rows)


@pytest.mark.parametrize("bad", [{"dimension": 0}, {"siblings": -1}, {"variance": 0.0}, {"factor": -1.0}, {"depth": 0}])
def test_branching_checks_its_parameters(bad: dict[str, float]) -> None:
    (name, value) = next(iter(bad.items()))
    with pytest.raises(ValueError, match=rf"{name} must be >=? [01], got {value}"):
        BranchingDiffusion.make(0, **bad)  # type: ignore[arg-type]
