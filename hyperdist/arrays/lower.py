"""Lower triangles: what a Cholesky factor L of a covariance L L^T is asked for. Pure array functions.

A triangle has shape (*batch, d, d), with zeros above the diagonal and a positive diagonal; batch axes broadcast against
those of the vectors (*batch, d).
"""

from __future__ import annotations

import numpy as np

from hyperdist.arrays.namespace import Array, namespace, place


def diagonal(triangle: Array) -> Array:
    """The diagonal, (*batch, d)."""
    d = triangle.shape[-1]
    return namespace(triangle).stack([triangle[..., i, i] for i in range(d)], -1)


def of_scales(scales: Array) -> Array:
    """The diagonal triangle of scales (*batch, d)."""
    d = scales.shape[-1]
    return scales[..., None] * namespace(scales).eye(d, dtype=scales.dtype, **place(scales))


def inverse(triangle: Array) -> Array:
    """The inverse triangle, by substitution row by row: right to a few eps of |L^-1| |L| |L^-1| in every entry."""
    xp, d = namespace(triangle), triangle.shape[-1]
    if xp.__name__ == "torch":  # one operation, with derivatives of any order
        one = xp.eye(d, dtype=triangle.dtype, device=triangle.device)
        return xp.linalg.solve_triangular(triangle, one, upper=False)
    rows: list[Array] = []
    for i in range(d):
        one = [triangle[..., i, j] * 0.0 + float(i == j) for j in range(d)]
        row = xp.stack(one, -1)
        for j, other in enumerate(rows):
            row = row - triangle[..., i, j, None] * other
        rows.append(row / triangle[..., i, i, None])
    return xp.stack(rows, -2)


def apply(matrix: Array, v: Array) -> Array:
    """The matrices times vectors, (*batch, d).

    Column by column: a row's numbers do not depend on the rows beside it, which a product of matrices does not promise,
    and autocast leaves them their precision.
    """
    total = matrix[..., :, 0] * v[..., 0, None]
    for j in range(1, v.shape[-1]):
        total = total + matrix[..., :, j] * v[..., j, None]
    return total


def gram(triangle: Array) -> Array:
    """The covariance L L^T, symmetric to the last bit."""
    total = triangle[..., :, None, 0] * triangle[..., None, :, 0]
    for j in range(1, triangle.shape[-1]):
        total = total + triangle[..., :, None, j] * triangle[..., None, :, j]
    return total


def spread_rows(triangles: np.ndarray, normals: np.ndarray) -> None:
    """L z in place of the rows z (n, d), NumPy's, of one triangle (1, d, d) or one a row as ``triangles[j]`` is.

    Column by column as ``apply``, without an array of one triangle a row.
    """
    d = normals.shape[1]
    out = np.zeros_like(normals)
    for j in range(d):
        out[:, j:] += triangles[:, j:, j] * normals[:, j, None]
    normals[...] = out
