"""Unit vectors from angles in degrees and back: latitude and longitude, and the declination and inclination of a field.

The two pairs are one map in two sets of axes. ``earth.unit`` has x towards (0, 0) and z towards the north pole;
directions at a place have x to the north, y to the east and z down, so that inclination is a latitude there and
declination a longitude.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike
from hyperdist.geometry import sphere
from hyperdist.spaces import Sphere

COLUMNS = (("latitude", -90, 90), ("longitude", -180, 360))
_DIRECTIONS = (("declination", -180, 360), ("inclination", -90, 90))
_Range = tuple[tuple[str, int, int], ...]


def unit(degrees: ArrayLike) -> np.ndarray:
    """Unit vectors (n, 3) of latitude and longitude in degrees (n, 2): x towards (0, 0), z towards the north pole.

    Raises  ValueError for latitudes out of -90 to 90 and longitudes out of -180 to 360 degrees.

    >>> from hyperdist import earth
    >>> earth.unit([[0.0, 90.0]]).round(6)
    array([[0., 1., 0.]])
    """
    latitude, longitude = np.radians(check_degrees(degrees, "degrees")).T
    return sphere.from_angles(latitude, longitude)


def latitude_longitude(x: ArrayLike) -> np.ndarray:
    """Latitude and longitude in degrees (n, 2) of unit vectors (n, 3), the inverse of ``unit``.

    Longitude is -180 to 180, 0 at the poles.

    >>> from hyperdist import earth
    >>> earth.latitude_longitude([[0.0, -1.0, 0.0]])
    array([[  0., -90.]])
    """
    return np.degrees(np.column_stack(sphere.to_angles(_vectors(x))))


def direction(degrees: ArrayLike) -> np.ndarray:
    """Unit vectors (n, 3) of declination and inclination in degrees (n, 2): x to the north, y to the east, z down.

    Declination runs from north to east, inclination is positive downwards, as in palaeomagnetism.
    Raises  ValueError for declinations out of -180 to 360 and inclinations out of -90 to 90 degrees.
    Source  Tauxe 2010, Essentials of Paleomagnetism, section 2.1.

    >>> from hyperdist import earth
    >>> earth.direction([[90.0, 0.0], [0.0, 90.0]]).round(6)
    array([[0., 1., 0.],
           [0., 0., 1.]])
    """
    declination, inclination = np.radians(_in_range(degrees, "degrees", _DIRECTIONS)).T
    return sphere.from_angles(inclination, declination)


def declination_inclination(x: ArrayLike) -> np.ndarray:
    """Declination, 0 to 360, and inclination in degrees (n, 2) of unit vectors (n, 3), the inverse of ``direction``.

    >>> from hyperdist import earth
    >>> earth.declination_inclination([[0.0, -1.0, 0.0]])
    array([[270.,   0.]])
    """
    inclination, declination = np.degrees(sphere.to_angles(_vectors(x)))
    return np.column_stack([np.where(declination < 0.0, declination + 360.0, declination), inclination])


def check_degrees(value: Any, name: str) -> np.ndarray:
    """Latitude and longitude, (n, 2), in range."""
    return _in_range(value, name, COLUMNS)


def _in_range(value: Any, name: str, columns: _Range) -> np.ndarray:
    degrees = checks.finite(checks.points(value, name, 2), name)
    if degrees.ndim != 2:
        raise ValueError(f"{name} must have shape (n, 2), got shape {degrees.shape}")
    for axis, (column, least, most) in enumerate(columns):
        bad = np.flatnonzero((degrees[:, axis] < least) | (degrees[:, axis] > most))
        if bad.size:
            value = float(degrees[bad[0], axis])
            raise ValueError(f"{name} must have {column} {least} to {most} degrees, got {value!r} in row {bad[0]}")
    return degrees


def _vectors(x: ArrayLike) -> np.ndarray:
    points = Sphere().check_point(checks.points(x, "x", 3))
    if points.ndim != 2:
        raise ValueError(f"x must have shape (n, 3), got shape {points.shape}")
    return points
