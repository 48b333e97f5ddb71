"""MNIST-like files in the IDX format, for tests that have no data."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np


def write_idx(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, dtype=">i4").tobytes()
    path.write_bytes(gzip.compress(header + values.astype(np.uint8).tobytes()))


def digits(folder: Path, rng: np.random.Generator, train: int = 40, test: int = 10) -> Path:
    """The four files in ``folder/mnist``."""
    (folder / "mnist").mkdir(parents=True)
    for name, n in (("train", train), ("t10k", test)):
        write_idx(folder / "mnist" / f"{name}-images-idx3-ubyte.gz", rng.integers(0, 256, (n, 28, 28)))
        write_idx(folder / "mnist" / f"{name}-labels-idx1-ubyte.gz", np.arange(n) % 10)
    return folder
