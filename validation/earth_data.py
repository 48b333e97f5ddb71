"""The four Earth-science sets: places on the globe, read with every line checked, and their splits."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

SETS = ("volcano", "earthquake", "flood", "fire")
KINDS = ("random rows", "distinct places", "grouped by cell")
PARTS = ("training", "validation", "test")
TRAINING, VALIDATION = 0.8, 0.1


class DataError(Exception):
    """What is wrong with the data, naming the file and the line."""


def load(folder: Path, name: str) -> np.ndarray:
    """Latitude and longitude in degrees, (n, 2), of ``folder/earth/name.csv``.

    Lines that begin with # are comments; one line of column names may follow them. Longitude is -180 to 360 degrees.
    """
    path = folder / "earth" / f"{name}.csv"
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: --data-dir (or HYPERDIST_DATA) must hold earth/{name}.csv")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    rows: list[tuple[float, float]] = []
    named = False
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not rows and not named and _is_header(line):
            named = True
            continue
        rows.append(_place(line, f"{path}, line {number}"))
    if not rows:
        raise DataError(f"{path} has no row of latitude and longitude")
    return np.array(rows)


def _is_header(line: str) -> bool:
    fields = [field.strip().lower() for field in line.split(",")]
    return len(fields) == 2 and fields[0].startswith("lat") and fields[1].startswith("lon")


def _place(line: str, where: str) -> tuple[float, float]:
    fields = line.split(",")
    if len(fields) != 2:
        raise DataError(f"{where}: two columns are needed, latitude and longitude, got {len(fields)}: {line.strip()!r}")
    values = []
    for column, text, least, most in (("latitude", fields[0], -90, 90), ("longitude", fields[1], -180, 360)):
        try:
            value = float(text)
        except ValueError:
            raise DataError(f"{where}: {column} must be a number, got {text.strip()!r}") from None
        if not least <= value <= most:
            raise DataError(f"{where}: {column} must be {least} to {most} degrees, got {text.strip()}")
        values.append(value)
    return values[0], values[1]


def unit(degrees: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 3) of latitude and longitude in degrees (n, 2)."""
    latitude, longitude = np.radians(degrees).T
    return np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=-1
    )


def split(degrees: np.ndarray, kind: str, seed: int) -> list[np.ndarray]:
    """Training, validation and test rows in degrees, about 80, 10 and 10 % of the units, shuffled by ``seed``.

    The units that stay together are the rows themselves ("random rows"), the rows after repeated coordinates are
    dropped ("distinct places"), or all rows whose coordinates round to the same whole degrees ("grouped by cell").
    """
    longitude = degrees[:, 1]
    degrees = np.column_stack([degrees[:, 0], np.where(longitude >= 180.0, longitude - 360.0, longitude)])
    if kind == "distinct places":
        degrees = np.unique(degrees, axis=0)
    unit_of_row = np.arange(len(degrees))
    if kind == "grouped by cell":
        unit_of_row = np.unique(np.round(degrees), axis=0, return_inverse=True)[1].reshape(-1)
    units = int(unit_of_row.max()) + 1
    edges = [math.floor(TRAINING * units), math.floor((TRAINING + VALIDATION) * units)]
    order = np.random.default_rng(seed).permutation(units)
    part = np.empty(units, int)
    part[order] = np.searchsorted(edges, np.arange(units), side="right")
    parts = [degrees[part[unit_of_row] == index] for index in range(3)]
    for rows, name in zip(parts, PARTS, strict=True):
        if not len(rows):
            raise DataError(f"the {name} part is empty: {len(degrees)} rows, {units} units, {kind}")
    return parts


def coinciding(test: np.ndarray, training: np.ndarray) -> float:
    """The share of test rows whose coordinates are those of a training row."""
    seen = set(map(tuple, training.tolist()))
    return sum(tuple(row) in seen for row in test.tolist()) / len(test)
