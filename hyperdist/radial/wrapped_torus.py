"""The density of the wrapped normal with a full covariance L L^T on the torus.

With delta = x - mu it is a sum over images, and by Poisson's formula one over waves,

    f = sum_k N(delta + 2 pi k; L L^T) = (2 pi)^-d sum_m exp(-|L^T m|^2/2) cos(m.delta),      k, m integer vectors.

Any integer matrix V of determinant +-1 maps the torus to itself: V delta has the triangle of V L. V is chosen so that
the rows of V L are a reduced basis, the shortest first (``lattice.reduced``), whatever the correlations: then the first
q of the new angles are narrow and summed by images, the others wide, and summed by waves given the first ones:

    f = sum_k N(delta_1 + 2 pi k; L_11 L_11^T) w(delta_2 - L_21 z_k),  z_k = L_11^-1 (delta_1 + 2 pi k),
    w(psi) = (2 pi)^-p (1 + 2 sum_m exp(-|L_22^T m|^2/2) cos(m.psi)),  m up to its sign.

Both sums are cut off where what is left out has less than ``lattice.ERROR`` of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hyperdist.arrays import lower
from hyperdist.arrays.namespace import Array, namespace, place, values
from hyperdist.geometry import torus
from hyperdist.radial import lattice

_TURN = 2.0 * math.pi
_BLOCK = 1 << 20
"""Scalars of a block of points, so that memory does not grow with their number."""
_HOPELESS = 30.0
"""Times too many terms as the volume of a ball has it: then they need not be counted."""


class Plan(NamedTuple):
    """Which sums serve a triangle; values, without derivatives."""

    turn: np.ndarray
    """V (d, d)."""
    narrow: int
    """q, how many of the new angles are summed by images."""
    waves: np.ndarray
    """(M, d - q) the m, one of each pair +-m."""
    spare: float
    """Log of what the waves' density may differ by from place to place, times 2."""
    images: float
    """About how many images a point has."""
    triangle: np.ndarray
    """That of V L."""


class Images(NamedTuple):
    """The windings k of n points, side by side."""

    k: np.ndarray
    """(n, N, q)"""
    live: np.ndarray
    """(n, N) whether there is such an image; those of a point that has fewer are copies of its first."""


def plan(tril: np.ndarray) -> Plan:
    """That of a triangle (d, d). Raises ValueError where the sums have too many terms."""
    turn = lattice.reduced(tril)
    triangle = turned(tril, turn)
    scales = lower.diagonal(triangle)
    # What images and waves cost, each coordinate for itself; the waves come last.
    radius = 9.0
    by_images, by_waves = np.log1p(2.0 * radius * scales / _TURN), np.log1p(2.0 * radius / scales)
    cost = [np.sum(by_images[:q]) + np.sum(by_waves[q:]) for q in range(len(scales) + 1)]
    q = int(np.argmin(cost))
    p = len(scales) - q
    spare = float(np.sum(np.square(math.pi / scales[q:])))
    waves = np.empty((0, p))
    if p:
        basis = triangle[q:, q:].T[::-1, ::-1]
        square = lattice.cut(p, 0.0, spare)
        waves = lattice.within(basis, np.zeros((1, p)), np.atleast_1d(square))[1][:, ::-1]
        # The points come in lexicographic order, each +-m about 0 in the middle.
        waves = waves[len(waves) // 2 + 1 :]
    square = float(lattice.cut(q, np.sum(np.square(math.pi / scales[:q])) / 3.0, spare)) if q else 0.0
    log_count = 0.5 * q * math.log(0.25 * square / math.pi) - math.lgamma(0.5 * q + 1.0) if q else 0.0
    images = math.exp(min(log_count + float(np.sum(np.log(scales[:q]))), 50.0))
    if images * (1.0 + len(waves)) > _HOPELESS * lattice.MOST:
        lattice.too_many(len(scales), images * (1.0 + len(waves)))
    return Plan(turn, q, waves, spare, max(4.0, images), triangle)


def turned(tril: Array, turn: np.ndarray) -> Array:
    """The lower triangle of V L, with its derivatives."""
    xp, d = namespace(tril), tril.shape[-1]
    if np.array_equal(turn, np.eye(d)):
        return tril
    rows = xp.asarray(turn, dtype=tril.dtype, **place(tril)) @ tril
    upper = xp.linalg.qr(xp.swapaxes(rows, -1, -2))[1]
    sign = xp.sign(values(lower.diagonal(upper)))
    return xp.swapaxes(upper * sign[..., None], -1, -2)


def new_angles(delta: Array, turn: np.ndarray) -> Array:
    """V delta in [-pi, pi), of deviations there."""
    xp, d = namespace(delta), delta.shape[-1]
    if np.array_equal(turn, np.eye(d)):
        return delta
    return torus.wrap(delta @ xp.asarray(turn.T, dtype=delta.dtype, **place(delta)))


def _windings(plan: Plan, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k (m, q), count (n,)): the windings of new angles (n, d) that count, those of each point together."""
    q, n = plan.narrow, len(angles)
    if not q:
        return np.empty((n, 0)), np.ones(n, np.int64)
    whitener = lower.inverse(plan.triangle[:q, :q])
    basis, shift = _TURN * whitener, angles[:, :q] @ whitener.T
    near = shift + lattice.nearest_plane(basis, shift) @ basis.T
    square = lattice.cut(q, np.sum(near * near, axis=-1), plan.spare)
    owner, k = lattice.within(basis, shift, square, max(1, lattice.MOST // (1 + len(plan.waves))))
    return k, np.bincount(owner, minlength=n)


def images(plan: Plan, angles: np.ndarray) -> Iterator[tuple[np.ndarray, Images]]:
    """(indices of points, their images) of all new angles (n, d), in parts that fit a block, of points that have about
    as many images each."""
    unit = len(plan.turn) + len(plan.waves)
    rows = max(1, int(_BLOCK / (plan.images * unit)))
    for start in range(0, len(angles), rows):
        k, count = _windings(plan, angles[start : start + rows])
        first = np.cumsum(count) - count
        order = np.argsort(count, kind="stable")
        sizes, done = count[order], 0
        while done < len(order):
            fits = sizes[done:] * np.arange(1, len(order) - done + 1) * unit <= _BLOCK
            part = order[done : done + max(1, int(np.sum(fits)))]
            done += len(part)
            side = np.arange(int(count[part[-1]]))
            live = side < count[part, None]
            yield start + part, Images(k[first[part, None] + np.where(live, side, 0)], live)


def log_density(angles: Array, triangle: Array, plan: Plan, k: Array, live: Array) -> Array:
    """log f at new angles (n, d), with derivatives; triangle: ``turned``'s;  k, live: ``Images``."""
    xp, q, d = namespace(angles, triangle), plan.narrow, angles.shape[-1]
    exponent, psi = _parts(angles, triangle, plan, k)
    dead = xp.full_like(exponent, -math.inf)
    exponent = xp.where(live, exponent, dead)
    top = xp.amax(values(exponent), -1)[..., None]
    share = xp.exp(exponent - top)
    if q < d:
        share = share * _wave_sum(psi, triangle, plan)
    log_z = xp.sum(xp.log(lower.diagonal(triangle)[:q]), -1) if q else 0.0
    return top[..., 0] + xp.log(xp.sum(share, -1)) - log_z - (d - 0.5 * q) * math.log(_TURN)


def _parts(angles: Array, triangle: Array, plan: Plan, k: Array) -> tuple[Array, Array]:
    """Exponents of the images, (n, N), and the angles psi that their waves are taken at, (n, N, d - q)."""
    xp, q = namespace(angles, triangle), plan.narrow
    wide = angles[..., None, q:]
    if not q:
        return xp.sum(wide * 0.0, -1), wide
    z = (angles[..., None, :q] + _TURN * k) @ xp.swapaxes(lower.inverse(triangle[:q, :q]), -1, -2)
    return -0.5 * xp.sum(z * z, -1), wide - z @ xp.swapaxes(triangle[q:, :q], -1, -2)


def _wave_sum(psi: Array, triangle: Array, plan: Plan) -> Array:
    """1 + 2 sum exp(-|L_22^T m|^2/2) cos(m.psi)."""
    xp, q = namespace(psi, triangle), plan.narrow
    waves = xp.asarray(plan.waves, dtype=triangle.dtype, **place(triangle))
    size = waves @ triangle[q:, q:]
    size = 2.0 * xp.exp(-0.5 * xp.sum(size * size, -1))
    return 1.0 + xp.cos(psi @ xp.swapaxes(waves, -1, -2)) @ size


def of_rows(delta: np.ndarray, plan: Plan) -> np.ndarray:
    """log f, (n,), at deviations (n, d) in [-pi, pi), NumPy's, of the triangle that was planned for."""
    angles, out = new_angles(delta, plan.turn), np.empty(len(delta))
    for part, (k, live) in images(plan, angles):
        out[part] = log_density(angles[part], plan.triangle, plan, k, live)
    return out
