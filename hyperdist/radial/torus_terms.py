"""Which terms the sums of ``wrapped_torus`` have: NumPy's alone, of values.

Both sums are cut off where what is left out has less than ``lattice.ERROR`` of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hyperdist.arrays import lower
from hyperdist.radial import lattice
from hyperdist.radial.wrapped_torus import Terms, log_density, turned

_TURN = 2.0 * math.pi
_REACH = 9.0
"""Standard deviations that a sum goes, about, when it is decided which of two has fewer terms."""
_BLOCK = 1 << 20
"""Scalars of a block of points, so that memory does not grow with their number."""
_HOPELESS = 30.0
"""Times too many terms as the volume of a ball has it: then they need not be counted."""


class Plan(NamedTuple):
    """What is the same for all points under a triangle (d, d); see ``Terms``."""

    turn: np.ndarray
    triangle: np.ndarray
    """That of V L."""
    narrow: int
    """How many of the new angles are summed by images."""
    waves: np.ndarray
    """(M, d)"""
    spare: float
    """Twice the log of what the waves' density may differ by from place to place, at most."""
    images: float
    """About how many images a point has."""

    def terms(self, k: np.ndarray, live: np.ndarray) -> Terms:
        """With the images of points."""
        narrow = (np.arange(len(self.turn)) < self.narrow).astype(np.float64)
        return Terms(self.turn, narrow, self.waves, np.full(len(self.waves), 2.0), k, live)


def plan(tril: np.ndarray) -> Plan:
    """That of a triangle (d, d). Raises ValueError where the sums have too many terms."""
    turn = lattice.reduced(tril)
    triangle = turned(tril, turn)
    d, scales = len(tril), np.diagonal(triangle)
    by_images, by_waves = np.log1p(2.0 * _REACH * scales / _TURN), np.log1p(2.0 * _REACH / scales)
    q = int(np.argmin([np.sum(by_images[:q]) + np.sum(by_waves[q:]) for q in range(d + 1)]))
    # By the waves' own images: their density is at least this much of its largest value.
    spare = float(np.sum(np.square(math.pi / scales[q:])))
    waves = np.zeros((0, d))
    if q < d:
        square = lattice.cut(d - q, 0.0, spare)
        basis = triangle[q:, q:].T[::-1, ::-1]
        wide = lattice.within(basis, np.zeros((1, d - q)), np.atleast_1d(square))[1][:, ::-1]
        # The points come in lexicographic order, each pair +-m about 0 in the middle.
        waves = np.pad(wide[len(wide) // 2 + 1 :], ((0, 0), (q, 0)))
    images = _volume(scales[:q], spare)
    if images * (1.0 + len(waves)) > _HOPELESS * lattice.MOST:
        lattice.too_many(d, images * (1.0 + len(waves)))
    return Plan(turn, triangle, q, waves, spare, images)


def _volume(scales: np.ndarray, spare: float) -> float:
    """That of a ball over that of a cell of the images' lattice: about how many there are of a point half way out."""
    q = len(scales)
    if not q:
        return 1.0
    square = float(lattice.cut(q, np.sum(np.square(math.pi / scales)) / 3.0, spare))
    log_count = 0.5 * q * math.log(0.25 * square / math.pi) - math.lgamma(0.5 * q + 1.0) + float(np.sum(np.log(scales)))
    return max(4.0, math.exp(min(log_count, 50.0)))


def _windings(plan: Plan, delta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k (m, d), count (n,)): the windings of V delta, of deviations (n, d), that count, those of each point together.

    They bring angles to [-pi, pi] first, so that no one has to wrap them the same way.
    """
    q, angles = plan.narrow, delta @ plan.turn.T
    home = -np.round(angles / _TURN)
    if not q:
        return home, np.ones(len(delta), np.int64)
    whitener = lower.inverse(plan.triangle[:q, :q])
    basis, shift = _TURN * whitener, (angles + _TURN * home)[:, :q] @ whitener.T
    nearest = lattice.nearest_plane(basis, shift)
    near = shift + nearest @ basis.T
    square = lattice.cut(q, np.sum(near * near, axis=-1), plan.spare)
    owner, k = lattice.within(basis, shift, square, max(1, lattice.MOST // (1 + len(plan.waves))))
    # Of a point so many scales away that rounding of its distance squared is more than what a sum is cut at.
    lost = np.flatnonzero(np.bincount(owner, minlength=len(delta)) == 0)
    if lost.size:
        order = np.argsort(np.concatenate([owner, lost]), kind="stable")
        owner, k = np.concatenate([owner, lost])[order], np.concatenate([k, nearest[lost]])[order]
    wound = home[owner]
    wound[:, :q] += k
    return wound, np.bincount(owner, minlength=len(delta))


def _side_by_side(k: np.ndarray, count: np.ndarray, rows: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(k (rows, width, d), live (rows, width)) of some of the points; who has fewer has copies of its first."""
    first = np.cumsum(count) - count
    live = np.arange(width) < count[rows, None]
    return k[first[rows, None] + np.where(live, np.arange(width), 0)], live


def parts(plan: Plan, delta: np.ndarray) -> Iterator[tuple[np.ndarray, Terms]]:
    """(indices of points, terms) of all deviations (n, d), in parts that fit a block, of points that have about as
    many images each."""
    unit = len(plan.turn) + len(plan.waves)
    rows = max(1, int(_BLOCK / (plan.images * unit)))
    for start in range(0, len(delta), rows):
        k, count = _windings(plan, delta[start : start + rows])
        order = np.argsort(count, kind="stable")
        sizes, done = count[order], 0
        while done < len(order):
            fits = sizes[done:] * np.arange(1, len(order) - done + 1) * unit <= _BLOCK
            part = order[done : done + max(1, int(np.sum(fits)))]
            done += len(part)
            yield start + part, plan.terms(*_side_by_side(k, count, part, int(count[part[-1]])))


def of_rows(delta: np.ndarray, plan: Plan) -> np.ndarray:
    """log f, (n,), at deviations (n, d), of the triangle that was planned for."""
    out = np.empty(len(delta))
    for part, terms in parts(plan, delta):
        out[part] = log_density(delta[part], plan.triangle, terms)
    return out


def regular(tril: np.ndarray) -> np.ndarray:
    """Whether triangles (*batch, d, d) are finite and not singular, (*batch)."""
    return np.isfinite(tril).all(axis=(-2, -1)) & (np.diagonal(tril, axis1=-2, axis2=-1) != 0.0).all(axis=-1)


def terms(delta: np.ndarray, tril: np.ndarray) -> Terms:
    """Those of deviations (*shape, d) under triangles (*batch, d, d), whose axes are the last of the shape's.

    Where one is not finite, or a triangle is singular, those of 0 and of 1: the density is NaN whatever the terms.
    """
    delta = np.where(np.isfinite(delta), delta, 0.0)
    tril = np.where(regular(tril)[..., None, None], tril, np.eye(tril.shape[-1]))
    d, batch, shape = delta.shape[-1], tril.shape[:-2], delta.shape[:-1]
    size = math.prod(batch)
    element = np.broadcast_to(np.arange(size).reshape(batch), shape).reshape(-1)
    rows, plans = delta.reshape(-1, d), [plan(each) for each in tril.reshape(-1, d, d)]
    found = [_windings(each, rows[element == j]) for j, each in enumerate(plans)]
    most = max((int(count.max(initial=1)) for _, count in found), default=1)
    longest = max((len(each.waves) for each in plans), default=0)
    narrow, waves = np.zeros((size, d)), np.zeros((size, longest, d))
    weight, turn = np.zeros((size, longest)), np.zeros((size, d, d))
    k, live = np.zeros((len(rows), most, d)), np.zeros((len(rows), most), bool)
    for j, each in enumerate(plans):
        turn[j], narrow[j, : each.narrow] = each.turn, 1.0
        waves[j, : len(each.waves)], weight[j, : len(each.waves)] = each.waves, 2.0
        mine = element == j
        k[mine], live[mine] = _side_by_side(*found[j], np.arange(int(mine.sum())), most)
    return Terms(
        turn.reshape(*batch, d, d), narrow.reshape(*batch, d), waves.reshape(*batch, longest, d),
        weight.reshape(*batch, longest), k.reshape(*shape, most, d), live.reshape(*shape, most),
    )  # fmt: skip
