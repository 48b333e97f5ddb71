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


def read_idx(path: Path, axes: int) -> np.ndarray:
    """The array of unsigned bytes, with ``axes`` axes, in a gzipped IDX file.

    The header is two zero bytes, 8 for unsigned bytes, the number of axes, and each axis' length as a big-endian int32.
    Raises  ValueError, naming the file, where it is not whole or not such a file.
    """
    try:
        with gzip.open(path, "rb") as file:
            content = file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} must be a whole gzip file, got one that cannot be unpacked: {error}") from None
    magic, header = bytes([0, 0, 8, axes]), 4 + 4 * axes
    if content[:4] != magic:
        raise ValueError(
            f"{path} must begin with the IDX magic number {magic.hex()} (unsigned bytes, {axes} axes), "
            f"got {content[:4].hex() or 'nothing'}"
        )
    if len(content) < header:
        raise ValueError(f"{path} must hold an IDX header of {header} bytes, got {len(content)} bytes")
    shape = tuple(int(n) for n in np.frombuffer(content, dtype=">i4", count=axes, offset=4))
    if len(content) - header != math.prod(shape):
        raise ValueError(
            f"{path} must hold {math.prod(shape)} values, as its header {shape} says, got {len(content) - header}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
