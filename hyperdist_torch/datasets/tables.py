"""One's own table of numbers: CSV, TSV, NumPy's .npy and .npz, AnnData's .h5ad; or what is wrong with it, and where."""

from __future__ import annotations

import csv
import fnmatch
import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist_torch.datasets._h5ad import read_h5ad

KINDS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".npy", ".npz", ".h5ad")
_MISSING = ("", "na", "n/a", "nan", "null", "none")
_LEAST_ROWS = 4
"""Fewer would leave no two rows to train on and to test with."""


@dataclass(frozen=True)
class Table:
    """Rows of numbers with what is known of each.

    >>> from pathlib import Path
    >>> import numpy as np
    >>> from hyperdist_torch.datasets import Table
    >>> rows, kinds = np.array([[0.0, 3.0], [1.5, 2.0]]), np.array(["a", "b"])
    >>> table = Table(Path("counts.csv"), rows, ("CD4", "CD8"), covariate=kinds)
    >>> table.one_hot, len(table.digest)
    (array([[1., 0.],
           [0., 1.]]), 64)
    >>> table.check(table.rows % 1.0 == 0.0, "counts")
    Traceback (most recent call last):
    ValueError: counts.csv must hold counts, got 1.5 in row 2, column 'CD4' (1 of 4 values)
    """

    path: Path
    rows: np.ndarray
    """(n, D) float64, all finite."""
    columns: tuple[str, ...]
    """Names of the D columns."""
    label: np.ndarray | None = None
    """(n,) strings or numbers to colour by."""
    covariate: np.ndarray | None = None
    """(n,) strings, the kinds of rows that are to be told apart before the latent point is."""
    left_out: tuple[str, ...] = field(default=())
    """Columns that are no numbers, or names of rows."""

    @property
    def digest(self) -> str:
        """SHA-256 of the numbers, the names and the covariate: two tables with one digest train the same model."""
        sha = hashlib.sha256(np.ascontiguousarray(self.rows).tobytes())
        sha.update("\n".join([*self.columns, *map(str, [] if self.covariate is None else self.covariate)]).encode())
        return sha.hexdigest()

    @property
    def one_hot(self) -> np.ndarray:
        """The covariate as (n, k) ones and zeros, of k kinds in order; k = 0 without one."""
        if self.covariate is None:
            return np.zeros((len(self.rows), 0))
        return (self.covariate[:, None] == np.unique(self.covariate)).astype(float)

    def check(self, good: np.ndarray, rule: str) -> None:
        """ValueError that shows the first of the numbers that are not ``good``, (n, D) of bool."""
        if good.all():
            return
        row, column = np.argwhere(~good)[0]
        raise ValueError(
            f"{self.path} must hold {rule}, got {self.rows[row, column]:g} in row {row + 1}, column "
            f"{self.columns[column]!r} ({int((~good).sum())} of {good.size} values)"
        )


def read_table(
    path: Path | str, *, columns: Sequence[str] = (), label: str | None = None, covariate: str | None = None,
    key: str | None = None,
) -> Table:  # fmt: skip
    """The numbers of a file of one of the ``KINDS``; of text, the first line is names unless it is numbers alone.

    columns   patterns of column names, as in a shell; none takes all columns of numbers but the two below. Columns
              without a name have their position from 0.
    label     the column, in .npz the array, in .h5ad the observation, that is not trained on but coloured by.
    covariate likewise the one that tells kinds of rows apart, such as the batch of an experiment.
    key       of .npz the array, of .h5ad the layer (such as "layers/counts"); where it is None, the only matrix, "X".
    Raises    FileNotFoundError, ImportError for .h5ad without h5py, and ValueError that names the file, the line or row
              and the column of what is no table of finite numbers.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from hyperdist_torch.datasets import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "cells.csv")
    ...     _ = path.write_text("cell,CD4,CD8,kind\\nc1,0,3,T\\nc2,1,2,B\\nc3,2,2,B\\nc4,5,0,T\\n")
    ...     table = read_table(path, columns=["CD*"], label="kind")
    >>> table.rows.shape, table.columns, table.label
    ((4, 2), ('CD4', 'CD8'), array(['T', 'B', 'B', 'T'], dtype='<U1'))
    """
    path = Path(path)
    kind = next((kind for kind in sorted(KINDS, key=len, reverse=True) if path.name.lower().endswith(kind)), None)
    if kind is None:
        raise ValueError(f"{path} must be a file of kind {', '.join(KINDS)}, got {path.suffix or 'no suffix'!r}")
    if not path.is_file():
        raise FileNotFoundError(f"{path} must be a file, but there is {'a folder' if path.exists() else 'none'}")
    if kind in (".npy", ".npz"):
        found = _numpy(path, kind, key, [name for name in (label, covariate) if name])
    elif kind == ".h5ad":
        found = read_h5ad(path, key or "X", [name for name in (label, covariate) if name])
    else:
        if key:
            raise ValueError(f"key must be left out for {kind} files, got {key!r}")
        found = _text(path, "\t" if kind.startswith(".tsv") else ",", columns, [label, covariate])
    names, values, known, left_out = found
    chosen = _chosen(path, names, columns, {label, covariate})
    table = Table(
        path, values[:, chosen], tuple(names[i] for i in chosen), _of_rows(known, label),
        None if covariate is None else np.asarray(known[covariate]).astype(str), tuple(left_out),
    )  # fmt: skip
    if len(values) < _LEAST_ROWS:
        raise ValueError(f"{path} must have at least {_LEAST_ROWS} rows of numbers, got {len(values)}")
    table.check(np.isfinite(table.rows), "finite numbers")
    return table


def _of_rows(known: dict[str, Any], name: str | None) -> np.ndarray | None:
    """Numbers where all entries are, else strings."""
    if name is None:
        return None
    values = np.asarray(known[name])
    try:
        return values.astype(float)
    except ValueError:
        return values.astype(str)


def _chosen(path: Path, names: Sequence[str], patterns: Sequence[str], others: set[str | None]) -> list[int]:
    """Positions of the columns that fit a pattern, in the table's order; ValueError where one fits none."""
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise ValueError(f"{path} must have a column of numbers {pattern!r}, got {_listed(names)}")
    fits = [not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns) for name in names]
    chosen = [i for i, name in enumerate(names) if fits[i] and name not in others]
    if not chosen:
        raise ValueError(f"{path} must have a column of numbers besides label and covariate, got {_listed(names)}")
    return chosen


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:8])) or "none"
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _text(path: Path, delimiter: str, patterns: Sequence[str], others: Sequence[str | None]) -> Any:
    """Names and numbers of the columns of numbers, the other columns asked for, and the names of those left out."""
    lines = _lines(path, delimiter)
    first = lines[0][1]
    numbered = all(_is_number(word) for word in first)
    names = [str(i) for i in range(len(first))] if numbered else [word.strip() for word in first]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{path} must name each column once, got {twice!r} twice")
    body = lines if numbered else lines[1:]
    known = {}
    for name in others:
        if name is not None and name not in names:
            raise ValueError(f"{path} must have a column {name!r}, got {_listed(names)}")
        if name is not None:
            known[name] = [words[names.index(name)].strip() for _, words in body]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise ValueError(f"{path} must have a column {pattern!r}, got {_listed(names)}")
    asked = [name for name in names if name not in others and any(fnmatch.fnmatchcase(name, p) for p in patterns)]
    numbers, values, left_out = [], [], []
    for i, name in enumerate(names):
        column = [words[i].strip() for _, words in body]
        if name in asked or (not patterns and name not in others and name != "" and _numeric(column)):
            numbers.append(name)
            values.append([_number(path, line, name, word) for (line, _), word in zip(body, column, strict=True)])
        elif not patterns and name not in others:
            left_out.append(name or "the column without a name")
    return numbers, np.array(values, dtype=float).reshape(len(numbers), len(body)).T, known, left_out


def _lines(path: Path, delimiter: str) -> list[tuple[int, list[str]]]:
    """Numbers and fields of the lines that are not empty; ValueError where one has others than the first."""
    opener: Any = gzip.open if path.suffix == ".gz" else open
    lines: list[tuple[int, list[str]]] = []
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for words in reader:
                if not any(word.strip() for word in words):
                    continue
                if lines and len(words) != len(lines[0][1]):
                    wanted, line = len(lines[0][1]), reader.line_num
                    raise ValueError(f"{path}, line {line}: must have {wanted} fields as the first, got {len(words)}")
                lines.append((reader.line_num, words))
    except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} must be a text table in UTF-8, got what cannot be read: {error}") from error
    if not lines:
        raise ValueError(f"{path} must hold a table, got an empty file")
    return lines


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return word.strip().lower() in _MISSING
    return True


def _numeric(column: Sequence[str]) -> bool:
    """Whether it is a column of numbers, some of which may be missing."""
    return all(map(_is_number, column)) and any(word.lower() not in _MISSING for word in column)


def _number(path: Path, line: int, name: str, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"{path}, line {line}, column {name!r}: must be a finite number, got {word!r}")
    return value


def _numpy(path: Path, kind: str, key: str | None, others: Sequence[str]) -> Any:
    try:
        content = np.load(path, allow_pickle=False)
        arrays = {"": content} if kind == ".npy" else dict(content)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path} must be a {kind} file of numbers, got what cannot be read: {error}") from error
    if kind == ".npy" and (others or key):
        raise ValueError(f"{path} holds one array: label, covariate and key need another kind of file, such as .npz")
    for name in others:
        if name not in arrays or arrays[name].ndim != 1:
            raise ValueError(f"{path} must have an array {name!r} of one axis, got {_listed(list(arrays))}")
    matrices = [name for name, value in arrays.items() if value.ndim >= 2 and name not in others]
    key = key if key is not None else matrices[0] if len(matrices) == 1 else None
    if kind == ".npz" and (key is None or key not in matrices):
        raise ValueError(f"{path} must have one array (rows, columns), or key must name it, got {_listed(matrices)}")
    values = arrays[key or ""]
    if values.ndim < 2 or values.dtype.kind not in "biuf" or 0 in values.shape:
        raise ValueError(f"{path} must hold numbers (rows, columns), got shape {values.shape} of {values.dtype}")
    values = checks.as_float(values.reshape(len(values), -1).astype(float), "values")
    for name in others:
        if len(arrays[name]) != len(values):
            raise ValueError(f"{path} must have {len(values)} entries in {name!r}, one a row, got {len(arrays[name])}")
    return [str(i) for i in range(values.shape[1])], values, {name: arrays[name] for name in others}, []
