"""Rows of unit vectors, NumPy's: read once, without a pass more than their squares take."""

from __future__ import annotations

import numpy as np

from hyperdist import checks
from hyperdist.arrays.blocks import Blocks
from hyperdist.arrays.types import ArrayLike
from hyperdist.radial.rejection import add_multiples, row_squares, scale_rows

_CANCELS = 1e-3
"""Below it 1 - |mean| has lost three digits."""


def rows_on_sphere(x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Observations (n, m) in float64, as they are given, and their lengths (n,)."""
    given = checks.observations(x, "x", 2, "m")
    points = given.astype(np.float64, copy=False)
    tolerance = 0.999 * checks.sphere_tolerance(given)
    with np.errstate(over="ignore"):  # infinite is off the sphere
        square = row_squares(points)
    if not (square.min() > (1.0 - tolerance) ** 2 and square.max() < (1.0 + tolerance) ** 2):
        checks.on_sphere(given, "x")
    return points, np.sqrt(square)


def unit_points(x: ArrayLike) -> np.ndarray:
    """Observations (n, m) as unit vectors to the last bit of a double."""
    points, lengths = rows_on_sphere(x)
    return points / lengths[:, None]


def on_sphere(x: ArrayLike) -> np.ndarray:
    """Observations (n, m) in float64, as they are given: what follows divides by their lengths."""
    return rows_on_sphere(x)[0]


def mean_vector(points: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray]:
    """The sum of points over their lengths, (B, m)."""
    return ((shares / np.sqrt(row_squares(points))[:, None]).T @ points,)


def mean_versine(blocks: Blocks, mu: np.ndarray, length: np.ndarray) -> np.ndarray:
    """1 - |mean|, (*batch), of points over lengths; half the mean squared chord to its direction where that cancels."""
    versine = np.reshape(1.0 - length, -1)
    close = np.flatnonzero(versine < _CANCELS)
    centres = mu.reshape(-1, blocks.width)[close]

    def chords(points: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray]:
        found, lengths = np.zeros(len(versine)), np.sqrt(row_squares(points))
        for x, centre in zip(points.T, centres.T, strict=True):
            square = np.square((x / lengths)[:, None] - centre)
            found[close] += 0.5 * np.einsum("nk,nk->k", shares[:, close], square)
        return (found,)

    if close.size:
        versine[close] = blocks.total(chords)[0][close]
    return versine.reshape(length.shape)


def place(
    out: np.ndarray, mu: np.ndarray, radius: np.ndarray, normals: np.ndarray, norm: np.ndarray, along: np.ndarray
) -> None:
    """out = ``sphere.exp_polar`` of one centre along normals/norm, to a few eps: each row has two factors.

    along : (n,)  normals times mu less its first coordinate.
    Cosine and sine come from the tangent of half the angle, in NumPy far cheaper than either.
    """
    sine = np.tan(0.5 * radius)
    cosine = 2.0 / (1.0 + sine * sine)
    sine *= cosine
    cosine -= 1.0
    sine /= norm
    part = along * sine
    np.multiply(cosine, mu[0], out=out[:, 0])
    out[:, 0] -= part if mu[0] >= 0.0 else -part
    part /= -1.0 - abs(mu[0])
    part += cosine
    scale_rows(normals, sine, out[:, 1:])
    add_multiples(out[:, 1:], part, mu[1:])
