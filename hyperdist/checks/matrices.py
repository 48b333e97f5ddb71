"""Checks of what describes the spread of a normal: scales, a lower triangle or a covariance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hyperdist.arrays.types import ArrayLike
from hyperdist.checks.numbers import _worst, as_float, finite

SPREADS = ("sigma", "scale_tril", "covariance_matrix")
"""The arguments that say how a normal spreads, of which a law takes one."""
ASYMMETRY = 64.0 * float(np.finfo(np.float32).eps)
"""How far c_ij and c_ji may be apart, over sqrt(c_ii c_jj): what rounding to float32 explains, in float64 too."""


def one_spread(given: Mapping[str, Any]) -> str:
    """The name of the one argument of ``SPREADS`` that is not None."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise ValueError(
            f"give exactly one of sigma, scale_tril and covariance_matrix, got {' and '.join(names) or 'none of them'}"
        )
    return names[0]


def square(shape: tuple[int, ...], name: str, d: int) -> None:
    """Raise unless a shape is (*batch, d, d)."""
    if len(shape) < 2 or shape[-1] != d or shape[-2] != d:
        raise ValueError(f"{name} must have shape (*batch, {d}, {d}), a row and a column a coordinate, got {shape}")


def lower_triangle(value: ArrayLike, name: str, d: int) -> np.ndarray:
    """A finite array (*batch, d, d) with zeros above the diagonal and a positive diagonal."""
    array = as_float(value, name)
    square(array.shape, name, d)
    finite(array, name)
    above = (np.triu(array, 1) != 0.0) & (np.arange(d) > np.arange(d)[:, None])
    if above.any():
        raise ValueError(
            f"{name} must be lower-triangular, got {_worst(array, above)} above the diagonal: "
            f"numpy.linalg.cholesky(covariance) is such a triangle, covariance_matrix takes the covariance itself"
        )
    flat = (array <= 0.0) & np.eye(d, dtype=bool)
    if flat.any():
        raise ValueError(f"{name} must have a positive diagonal, got {_worst(array, flat)}")
    return array


def covariance(value: ArrayLike, name: str, d: int) -> np.ndarray:
    """The lower triangle (*batch, d, d) of a symmetric positive definite array, its Cholesky factor, in its dtype."""
    array = as_float(value, name)
    square(array.shape, name, d)
    wide = finite(array, name).astype(np.float64)
    size = np.sqrt(np.abs(np.diagonal(wide, axis1=-2, axis2=-1)))
    turned = np.swapaxes(wide, -1, -2)
    with np.errstate(over="ignore"):
        uneven = np.abs(wide - turned) > ASYMMETRY * size[..., :, None] * size[..., None, :]
    if uneven.any():
        index = tuple(int(i) for i in np.argwhere(uneven)[0])
        other = turned[index]
        raise ValueError(f"{name} must be symmetric, got {_worst(array, uneven)} across from {other!s}")
    even = 0.5 * wide + 0.5 * turned
    # By coordinates of unit variance, so that no square over- or underflows, and what is left tells how near to
    # singular it is whatever their units.
    safe = np.where(size > 0.0, size, 1.0)
    correlation = even / safe[..., :, None] / safe[..., None, :]
    least = np.linalg.eigvalsh(correlation)[..., 0]
    resolution = d * float(np.finfo(array.dtype).eps)
    if (least <= resolution).any():
        worst = np.unravel_index(np.argmin(least), least.shape)
        where = f" at index {tuple(int(i) for i in worst)}" if least.ndim else ""
        raise ValueError(
            f"{name} must be positive definite, got one whose least eigenvalue, in units of its diagonal, is "
            f"{float(least[worst]):.3g}{where}, where a {array.dtype} tells {resolution:.1g} from 0"
        )
    return (np.linalg.cholesky(correlation) * safe[..., :, None]).astype(array.dtype)
