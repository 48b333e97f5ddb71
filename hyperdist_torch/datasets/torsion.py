"""Torsion angles of RNA on the torus T^7, split in two ways; read from a file of one's own, not downloaded.

The set is that of Huang et al. 2022 (arXiv 2208.07949) and Chen & Lipman 2023 (arXiv 2302.03660): one row for each
nucleotide of the structures listed by Duarte & Pyle, with seven angles of its backbone and base.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hyperdist import checks
from hyperdist.geometry import torus
from hyperdist_torch.datasets._files import data_folder

KINDS = ("random rows", "grouped by structure")
ANGLES = 7
_FILE = "rna.tsv.gz"
_PART = 0.1


@dataclass(frozen=True)
class TorsionSplit:
    """Angles in radians, in [-pi, pi): training, validation and test rows, (n, 7) each; how they were split.

    structures  of the three parts, the names row for row.

    >>> import torch, hyperdist_torch as ht
    >>> from hyperdist_torch.datasets import TorsionSplit
    >>> rows = torch.zeros(5, 7), torch.zeros(1, 7), torch.zeros(1, 7)
    >>> data = TorsionSplit(*rows, (("1S72",) * 5, ("1S72",), ("1S72",)), "random rows", seed=0)
    >>> ht.ToroidalUniform(7).log_prob(data.test)  # -7 log(2 pi): what a model has to beat
    tensor([-12.8651])
    """

    training: Tensor
    validation: Tensor
    test: Tensor
    structures: tuple[tuple[str, ...], ...]
    kind: str
    seed: int


def load_torsion(
    kind: str = "random rows", seed: int = 0, data_dir: str | os.PathLike[str] | None = None,
    dtype: torch.dtype = torch.float32,
) -> TorsionSplit:  # fmt: skip
    """The rows, about 80, 10 and 10 % of them for training, validation and test.

    kind      "random rows", as published; or "grouped by structure", where rows of one structure stay together. Three
              rows in ten are one ribosome's: a shuffled structure goes to the test part where that has room for it, or
              else to the validation part, or else to the training part, so that the largest are trained on.
    seed      of the shuffle.
    data_dir  folder with ``rna.tsv.gz``, in itself or in its folder ``torus``; None takes HYPERDIST_DATA. A row is the
              structure's name, the base, and seven angles in degrees, with tabs between them; there is no header.
    Raises    ValueError where an argument is wrong or a part would be empty, or, naming file and line, where a row is
              not such a row; FileNotFoundError where there is no such file.

    >>> import gzip, tempfile
    >>> from pathlib import Path
    >>> from hyperdist_torch.datasets import load_torsion
    >>> with tempfile.TemporaryDirectory() as folder:  # where you keep the file
    ...     lines = "".join(f"1S72\\tA\\t-64\\t178\\t54\\t80\\t-150\\t-70\\t{angle}\\n" for angle in range(180, 200))
    ...     _ = Path(folder, "rna.tsv.gz").write_bytes(gzip.compress(lines.encode()))
    ...     data = load_torsion("random rows", data_dir=folder)
    >>> data.training.shape, data.test.shape, bool((data.training < 3.1416).all())
    (torch.Size([16, 7]), torch.Size([2, 7]), True)
    """
    checks.choice(kind, "kind", KINDS)
    if not dtype.is_floating_point:
        raise ValueError(f"dtype must be a floating-point type, got {dtype}")
    path = _find(data_folder(data_dir))
    names, degrees = read(path)
    generator = np.random.default_rng(checks.dimension(seed, "seed", 0))
    part = _shuffled(len(names), generator) if kind == KINDS[0] else _grouped(names, generator)
    for index, what in enumerate(("training", "validation", "test")):
        if not np.any(part == index):
            raise ValueError(f"{path} must hold enough for three parts, got an empty {what} part of {len(names)} rows")
    # Wrapped after rounding to the dtype, in which pi itself is no angle.
    angles = torus.wrap(torch.from_numpy(np.radians(degrees)).to(dtype))
    rows = [torch.from_numpy(np.flatnonzero(part == index)) for index in range(3)]
    structures = tuple(tuple(names[row] for row in of.tolist()) for of in rows)
    return TorsionSplit(angles[rows[0]], angles[rows[1]], angles[rows[2]], structures, kind, seed)


def read(path: str | os.PathLike[str]) -> tuple[list[str], np.ndarray]:
    """The structures' names, one a row, and the angles in degrees, (n, 7) float64; raises as ``load_torsion``."""
    path = Path(path)
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be a whole gzip file of text, got one that cannot be read: {error}") from None
    found = [_row(line, f"{path}, line {number}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not found:
        raise ValueError(f"{path} must hold rows of a structure, a base and {ANGLES} angles, got none")
    return [name for name, _ in found], np.array([angles for _, angles in found])


def _row(line: str, where: str) -> tuple[str, list[float]]:
    name, *fields = line.split("\t")
    if len(fields) != ANGLES + 1:
        raise ValueError(f"{where}: must have {ANGLES + 2} columns with tabs between them, got {len(fields) + 1}")
    angles = []
    for field in fields[1:]:
        try:
            value = float(field)
        except ValueError:
            raise ValueError(f"{where}: angles must be numbers, got {field!r}") from None
        if not (math.isfinite(value) and abs(value) <= 360.0):
            raise ValueError(f"{where}: angles must be -360 to 360 degrees, got {field}")
        angles.append(value)
    return name, angles


def _find(folder: Path) -> Path:
    for path in (folder / "torus" / _FILE, folder / _FILE):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"{_FILE} is neither in {folder / 'torus'} nor in {folder}: put the set's file there, made from the angles "
        "that Huang et al. 2022 (arXiv 2208.07949) and Chen & Lipman 2023 (arXiv 2302.03660) published with their code"
    )


def _shuffled(n: int, generator: np.random.Generator) -> np.ndarray:
    """Of n rows the part, 0 to 2."""
    edges = [n - 2 * round(_PART * n), n - round(_PART * n)]
    part = np.empty(n, int)
    part[generator.permutation(n)] = np.searchsorted(edges, np.arange(n), side="right")
    return part


def _grouped(names: list[str], generator: np.random.Generator) -> np.ndarray:
    """As above, with rows of one name together."""
    _, group, sizes = np.unique(names, return_inverse=True, return_counts=True)
    room = {2: round(_PART * len(names)), 1: round(_PART * len(names))}
    part = np.zeros(len(sizes), int)
    for structure in generator.permutation(len(sizes)).tolist():
        size = int(sizes[structure])
        if fitting := [index for index, left in room.items() if size <= left]:
            part[structure] = fitting[0]
            room[fitting[0]] -= size
    return part[group.reshape(-1)]
