"""The entropy of the wrapped normal with a full covariance on the torus.

Of the angles that ``wrapped_torus`` takes, the first ones may be so narrow that they do not wrap: f is then a normal
density times that of the others given them, and the entropies add. What that leaves out is at most the sum of
exp(-|2 pi L_11^-1 k|^2/8) over k != 0, since log(1 + u) <= sqrt(u) and by Cauchy and Schwarz. The last ones may be so
wide that they are uniform given the others. The entropy of what is between is integrated by the trapezoidal rule, which
converges exponentially for periodic functions.
"""

from __future__ import annotations

import math

import numpy as np

from hyperdist.arrays import lower
from hyperdist.arrays.host import numbers
from hyperdist.arrays.namespace import Array, namespace, place
from hyperdist.radial import lattice, torus_terms, wrapped_torus
from hyperdist.radial.wrapped_torus import Terms

_TURN = 2.0 * math.pi
_APART = 8.0 * 40.0
"""Squared length of the windings, in standard deviations, that leave exp(-40) = 4e-18 of the entropy each."""
WIDE = 8.8
"""Scale of an angle whose first wave has the size 1.5e-17."""
BETWEEN = 3
"""Angles whose entropy is integrated."""
_NODES = (0, 128, 96, 48)
"""Nodes an angle of the rule in one, two and three dimensions: they leave 1e-13, 1e-12 in three ..."""
_SMOOTH = 1.2
"""... and half as many where no angle is narrower than this."""


def entropy(tril: Array) -> Array:
    """That of a triangle (d, d), with its derivatives.

    Raises NotImplementedError where more than ``BETWEEN`` angles are neither narrow nor wide.
    """
    xp = namespace(tril)
    triangle = wrapped_torus.turned(tril, _like(lattice.reduced(numbers(tril)), tril))
    start, stop = _between(numbers(triangle))
    scales = lower.diagonal(triangle)
    total = xp.sum(xp.log(scales[:start]), -1) + 0.5 * start * (1.0 + math.log(_TURN))
    total = total + (len(triangle) - stop) * math.log(_TURN)
    return total + _integral(triangle[start:stop, start:stop]) if stop > start else total


def unwrapped(tril: np.ndarray) -> bool:
    """Whether a law is its normal, to exp(-40) of its entropy."""
    triangle = wrapped_torus.turned(tril, lattice.reduced(tril))
    return all(_does_not_wrap(triangle[:n, :n]) for n in range(1, len(triangle) + 1))


def _like(array: np.ndarray, x: Array) -> Array:
    """In the namespace, dtype and place of x; a mask stays one."""
    dtype = {} if array.dtype == bool else {"dtype": x.dtype}
    return namespace(x).asarray(array, **dtype, **place(x))


def _between(triangle: np.ndarray) -> tuple[int, int]:
    """The first angle that wraps, and the first that is uniform given those before it."""
    d, start = len(triangle), 0
    scales = np.diagonal(triangle)
    stop = d
    while stop and scales[stop - 1] >= WIDE:
        stop -= 1
    while start < stop and _does_not_wrap(triangle[: start + 1, : start + 1]):
        start += 1
    if stop - start > BETWEEN:
        raise NotImplementedError(
            f"the entropy of {stop - start} angles that neither keep within a turn nor are uniform to rounding is an "
            f"integral over more than {BETWEEN} dimensions: average -log_prob(x) over draws x"
        )
    return start, stop


def _does_not_wrap(triangle: np.ndarray) -> bool:
    basis = _TURN * lower.inverse(triangle)
    if basis[-1, -1] ** 2 < _APART:
        return False
    return len(lattice.within(basis, np.zeros((1, len(basis))), np.array([_APART]))[0]) == 1


def _integral(triangle: Array) -> Array:
    """-int f log f over the torus, f that of the triangle: half of it, since f is even."""
    xp, d = namespace(triangle), triangle.shape[-1]
    plan = torus_terms.plan(numbers(triangle))
    n = _NODES[d] // (1 + bool(np.min(np.diagonal(plan.triangle)) >= _SMOOTH))
    axis = -math.pi + _TURN / n * np.arange(n)
    half = axis[: n // 2 + 1]
    grid = np.stack(np.meshgrid(half, *[axis] * (d - 1), indexing="ij"), -1).reshape(-1, d)
    once = (grid[:, 0] == half[0]) | (grid[:, 0] == half[-1])
    weight, total = np.where(once, 1.0, 2.0) * (_TURN / n) ** d, 0.0
    turned = wrapped_torus.turned(triangle, _like(plan.turn, triangle))
    for part, terms in torus_terms.parts(plan, grid):
        here = Terms(*(_like(array, triangle) for array in terms))
        log_f = wrapped_torus.log_density(_like(grid[part], triangle), turned, here)
        total = total - xp.sum(_like(weight[part], triangle) * xp.exp(log_f) * log_f)
    return total
