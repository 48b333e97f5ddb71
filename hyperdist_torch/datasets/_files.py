"""Where data lie, and the IDX format of LeCun, Cortes and Burges."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np


def data_folder(data_dir: str | os.PathLike[str] | None) -> Path:
    """``data_dir``, or the environment variable HYPERDIST_DATA where it is None; ValueError where neither is given."""
    given = data_dir if data_dir is not None else os.environ.get("HYPERDIST_DATA")
    if not given:
        raise ValueError("data_dir must name the folder of the data, or HYPERDIST_DATA must, got neither")
    return Path(given)


_MOST = 2**30
"""Values in a file: twenty times those of MNIST. A damaged or crafted header may say anything."""
_BLOCK = 2**20


def read_idx(path: Path, axes: int) -> np.ndarray:
    """The array of unsigned bytes, with ``axes`` axes, in a gzipped IDX file of at most 2^30 values.

    The header is two zero bytes, 8 for unsigned bytes, the number of axes, and each axis' length as a big-endian int32.
    No more is unpacked than the header says that there is.
    Raises  ValueError, naming the file, where it is not whole or not such a file.
    """
    try:
        with gzip.open(path, "rb") as file:
            try:
                shape = _shape(path, file.read(4 + 4 * axes), axes)
            except ValueError:
                _drain(file)  # what is damaged says so by its checksum, whatever its header has become
                raise
            size = math.prod(shape)
            content = file.read(size)
            over = len(file.read(1))  # at the end of the file its checksum is compared
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} must be a whole gzip file, got one that cannot be unpacked: {error}") from None
    if over or len(content) != size:
        found = "more" if over else len(content)
        raise ValueError(f"{path} must hold {size} values, as its header {shape} says, got {found}")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _drain(file: gzip.GzipFile) -> None:
    for _ in range(_MOST // _BLOCK):
        if not file.read(_BLOCK):
            return


def _shape(path: Path, content: bytes, axes: int) -> tuple[int, ...]:
    magic, header = bytes([0, 0, 8, axes]), 4 + 4 * axes
    if content[:4] != magic:
        raise ValueError(
            f"{path} must begin with the IDX magic number {magic.hex()} (unsigned bytes, {axes} axes), "
            f"got {content[:4].hex() or 'nothing'}"
        )
    if len(content) < header:
        raise ValueError(f"{path} must hold an IDX header of {header} bytes, got {len(content)} bytes")
    shape = tuple(int(n) for n in np.frombuffer(content, dtype=">i4", count=axes, offset=4))
    if min(shape) < 0 or math.prod(shape) > _MOST:
        raise ValueError(f"{path} must have lengths >= 0 and at most {_MOST} values in its header, got {shape}")
    return shape
