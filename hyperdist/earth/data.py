"""The four Earth-science sets: places on the globe, read with every line checked, and their splits."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike
from hyperdist.earth.coordinates import COLUMNS, check_degrees

SETS = ("volcano", "earthquake", "flood", "fire")
KINDS = ("random rows", "distinct places", "grouped by cell")
SOURCES = {
    "volcano": "NOAA's significant volcanic eruptions",
    "earthquake": "NOAA's significant earthquakes",
    "flood": "the Dartmouth Flood Observatory's archive of large floods",
    "fire": "NASA FIRMS' active fires",
}
"""Where the sets come from; Mathieu & Nickel 2020 (arXiv 2006.10605) published theirs beside their code."""
_TRAINING, _VALIDATION = 0.8, 0.1


class Parts(NamedTuple):
    """Rows of the three parts of a split, (n, k) each.

    >>> from hyperdist import earth
    >>> parts = earth.split([[float(i), 10.0 * i] for i in range(30)], "random rows", seed=1)
    >>> training, validation, test = map(earth.unit, parts)  # from degrees to unit vectors
    >>> training.shape, parts.test.shape
    ((24, 3), (3, 2))
    """

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def load(
    path: str | os.PathLike[str], name: str | None = None, *, columns: tuple[str, str] | None = None
) -> np.ndarray:
    """Latitude and longitude in degrees, (n, 2) float64, of a text file of comma-separated rows.

    path    : the file; or, with ``name``, the folder that holds one of the four sets as ``earth/name.csv`` or
              ``name.csv``
    columns : the names of the columns of latitude and of longitude, which the first line must hold; by default the
              rows have these two alone, and a line of names may precede them
    Lines that begin with # are comments. Longitude is -180 to 360 degrees.
    Raises  FileNotFoundError, which says where it was looked for, where there is no such file; ValueError where it has
            no row or not these columns, and, naming file and line, where a row is not two numbers in range.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from hyperdist import earth
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "quakes.csv")
    ...     _ = path.write_text("time,lat,lon,depth\\n2011-03-11,38.3,142.4,29\\n2010-02-27,-36.1,-72.9,23\\n")
    ...     earth.load(path, columns=("lat", "lon"))
    array([[ 38.3, 142.4],
           [-36.1, -72.9]])
    """
    path = Path(path) if name is None else _find(Path(path), name)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file: path must be a file of rows, or a folder with the name of a set")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be a text file in UTF-8, got one that cannot be decoded: {error}") from None
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if columns is not None:
        pick, filled = _positions(filled[0][1] if filled else "", columns, path), filled[1:]
    else:
        pick, filled = None, filled[1:] if filled and _is_header(filled[0][1]) else filled
    rows = [_place(line, pick, f"{path}, line {number}") for number, line in filled]
    if not rows:
        raise ValueError(f"{path} must hold rows of latitude and longitude, got no row in {len(lines)} lines")
    return np.array(rows)


def _positions(header: str, columns: tuple[str, str], path: Path) -> tuple[int, ...]:
    """Where the named columns stand in a line of names."""
    if isinstance(columns, str) or len(columns) != len(COLUMNS):
        raise ValueError(f"columns must be two names, of latitude and of longitude, got {columns!r}")
    names = [name.strip() for name in next(csv.reader([header]), [])]
    missing = [name for name in columns if name not in names]
    if missing:
        raise ValueError(f"{path} must have a column {missing[0]!r} in its line of names, got {', '.join(names)}")
    return tuple(names.index(name) for name in columns)


def _find(folder: Path, name: str) -> Path:
    checks.choice(name, "name", SETS)
    for path in (folder / "earth" / f"{name}.csv", folder / f"{name}.csv"):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"{name}.csv is neither in {folder / 'earth'} nor in {folder}: put latitudes and longitudes there, "
        f"of {SOURCES[name]}"
    )


def _is_header(line: str) -> bool:
    fields = [field.strip().lower() for field in line.split(",")]
    return len(fields) == 2 and fields[0].startswith("lat") and fields[1].startswith("lon")


def _place(line: str, pick: tuple[int, ...] | None, where: str) -> tuple[float, float]:
    """The two numbers in the columns ``pick`` of a line, or in all that it has."""
    fields = line.split(",") if pick is None else next(csv.reader([line]))
    if pick is None and len(fields) != len(COLUMNS):
        raise ValueError(
            f"{where}: must have two columns, latitude and longitude, got {len(fields)}: {line.strip()!r}; of a file "
            "with more, name the two as columns"
        )
    if pick is not None and len(fields) <= max(pick):
        raise ValueError(f"{where}: must have {max(pick) + 1} columns at least, got {len(fields)}: {line.strip()!r}")
    values = []
    for (column, least, most), index in zip(COLUMNS, pick or (0, 1), strict=True):
        text = fields[index].strip()
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{where}: {column} must be a number, got {text!r}") from None
        if not least <= value <= most:
            raise ValueError(f"{where}: {column} must be {least} to {most} degrees, got {text}")
        values.append(value)
    return values[0], values[1]


def split(degrees: ArrayLike, kind: str, seed: int, *, source: str = "degrees") -> Parts:
    """Training, validation and test rows in degrees, about 80, 10 and 10 % of the units, shuffled by ``seed``.

    The units that stay together are the rows themselves ("random rows"), the rows after repeated coordinates are
    dropped ("distinct places"), or all rows whose coordinates round to the same whole degrees ("grouped by cell").

    degrees  (n, 2)  latitude and longitude, as ``load`` reads them; longitudes come back in [-180, 180).
    source   what an error message calls the rows: the path of their file, where they have one.
    Raises   ValueError where a part is empty.

    >>> import numpy as np
    >>> from hyperdist import earth
    >>> degrees = np.random.default_rng(0).uniform([-90.0, -180.0], [90.0, 180.0], (1000, 2))
    >>> [len(part) for part in earth.split(degrees, "random rows", seed=0)]
    [800, 100, 100]
    >>> cells = [set(map(tuple, part.round())) for part in earth.split(degrees, "grouped by cell", seed=0)]
    >>> cells[0] & cells[2]  # no cell on both sides
    set()
    """
    checks.choice(kind, "kind", KINDS)
    degrees = check_degrees(degrees, source)
    longitude = degrees[:, 1]
    degrees = np.column_stack([degrees[:, 0], np.where(longitude >= 180.0, longitude - 360.0, longitude)])
    if kind == "distinct places":
        degrees = np.unique(degrees, axis=0)
    unit_of_row = np.arange(len(degrees))
    if kind == "grouped by cell":
        unit_of_row = np.unique(np.round(degrees), axis=0, return_inverse=True)[1].reshape(-1)
    units = int(unit_of_row.max(initial=-1)) + 1
    edges = [math.floor(_TRAINING * units), math.floor((_TRAINING + _VALIDATION) * units)]
    order = np.random.default_rng(seed).permutation(units)
    part = np.empty(units, int)
    part[order] = np.searchsorted(edges, np.arange(units), side="right")
    parts = Parts(*(degrees[part[unit_of_row] == index] for index in range(3)))
    for name, rows in parts._asdict().items():
        if not len(rows):
            raise ValueError(
                f"{source} must hold enough for three parts, got an empty {name} part of {len(degrees)} rows, "
                f"{units} to be shuffled ({kind})"
            )
    return parts


def load_parts(folder: str | os.PathLike[str], name: str, kind: str, seed: int) -> Parts:
    """``split`` by ``kind`` and ``seed`` of the set ``name`` that ``load`` reads in ``folder``.

    Raises  what these two raise; a part that is empty is a ValueError that names the file.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from hyperdist import earth
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = "".join(f"{latitude},{10 * latitude}\\n" for latitude in range(20))
    ...     _ = Path(folder, "volcano.csv").write_text(rows)
    ...     earth.load_parts(folder, "volcano", "distinct places", seed=0).test.shape
    (2, 2)
    """
    return split(load(folder, name), kind, seed, source=str(_find(Path(folder), name)))


def nested_subset(n: int, size: int, seed: int) -> np.ndarray:
    """Indices (size,) of a random subset of n rows, of which those of smaller sizes are the beginning.

    For learning curves: held-out likelihood against the size of the training part, each larger part holding the
    smaller. Independent of what ``split`` draws from the same seed.
    Raises  ValueError where size is not 1 to n.

    >>> from hyperdist import earth
    >>> earth.nested_subset(1000, 5, seed=0)[:3] == earth.nested_subset(1000, 3, seed=0)
    array([ True,  True,  True])
    """
    if checks.dimension(size, "size") > checks.dimension(n, "n"):
        raise ValueError(f"size must be at most the {n} rows there are, got {size}")
    # A stream of its own: a permutation from the bare seed would repeat the one that made the split.
    stream = np.random.SeedSequence(seed, spawn_key=(1,))
    return np.random.default_rng(stream).permutation(n)[:size]


def coinciding(test: np.ndarray, training: np.ndarray) -> float:
    """The share of test rows (n, 2) whose coordinates are those of a training row (m, 2); ValueError where n is 0.

    >>> from hyperdist import earth
    >>> earth.coinciding([[10.0, 20.0], [30.0, 40.0]], [[10.0, 20.0], [50.0, 60.0]])
    0.5
    """
    if not len(test):
        raise ValueError(f"test must have at least one row, got shape {np.shape(test)}")
    seen = set(map(tuple, checks.as_float(training, "training").tolist()))
    return sum(tuple(row) in seen for row in checks.as_float(test, "test").tolist()) / len(test)
