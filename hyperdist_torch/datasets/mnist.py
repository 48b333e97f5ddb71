"""The MNIST digits (LeCun, Cortes, Burges 1998) from their original files; nothing is downloaded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hyperdist_torch.datasets._files import data_folder, read_idx

_SOURCE = "https://yann.lecun.com/exdb/mnist, mirrored at https://ossci-datasets.s3.amazonaws.com/mnist"
_PARTS = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class Digits:
    """Images, (n, 784) float32 grey levels in [0, 1], 1 for ink, row by row; and their labels, (n,) int64.

    >>> import torch
    >>> from hyperdist_torch.datasets import Digits
    >>> digits = Digits(torch.rand(100, 784), torch.arange(100) % 10).first(20)
    >>> digits.images.shape, digits.labels[:3]
    (torch.Size([20, 784]), tensor([0, 1, 2]))
    """

    images: Tensor
    labels: Tensor

    def first(self, n: int) -> Digits:
        """The first n of them."""
        return Digits(self.images[:n], self.labels[:n])


def load_mnist(part: str, data_dir: str | os.PathLike[str] | None = None) -> Digits:
    """The 60,000 training digits or the 10,000 test digits, in their original order.

    part      "train" or "test".
    data_dir  folder with the four gzipped IDX files, in itself or in its folder ``mnist``; None takes HYPERDIST_DATA.
    Raises    ValueError where ``part`` or the folder is not given, or a file is damaged;
              FileNotFoundError, which says where to get it, where a file is missing.

    >>> import tempfile
    >>> from hyperdist_torch.datasets import load_mnist
    >>> with tempfile.TemporaryDirectory() as folder:  # once the files are there, load_mnist("train", folder).images
    ...     load_mnist("train", folder)
    Traceback (most recent call last):
    FileNotFoundError: train-images-idx3-ubyte.gz is neither in ...: put the four original MNIST files there, from ...
    """
    if part not in _PARTS:
        raise ValueError(f"part must be 'train' or 'test', got {part!r}")
    folder = data_folder(data_dir)
    images = _read(folder, f"{_PARTS[part]}-images-idx3-ubyte.gz", 3)
    labels = _read(folder, f"{_PARTS[part]}-labels-idx1-ubyte.gz", 1)
    if len(images) != len(labels):
        raise ValueError(f"{folder} must hold one label an image, got {len(images)} images and {len(labels)} labels")
    pixels = images.reshape(len(images), -1).astype(np.float32) / np.float32(255.0)
    return Digits(torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64)))


def _read(folder: Path, name: str, axes: int) -> np.ndarray:
    for path in (folder / "mnist" / name, folder / name):
        if path.is_file():
            return read_idx(path, axes)
    raise FileNotFoundError(
        f"{name} is neither in {folder / 'mnist'} nor in {folder}: put the four original MNIST files there, "
        f"from {_SOURCE}"
    )
