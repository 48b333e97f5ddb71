"""The density of the wrapped normal with a full covariance L L^T on the torus.

With delta = x - mu it is a sum over images, and by Poisson's formula one over waves,

    f = sum_k N(delta + 2 pi k; L L^T) = (2 pi)^-d sum_m exp(-|L^T m|^2/2) cos(m.delta),      k, m integer vectors.

Any integer matrix V of determinant +-1 maps the torus to itself: V delta has the triangle of V L. V is chosen so that
the rows of V L are a reduced basis, the shortest first (``lattice.reduced``), whatever the correlations: then the first
q of the new angles are narrow and summed by images, the others wide, and summed by waves given the first ones:

    f = sum_k N(delta_1 + 2 pi k; L_11 L_11^T) w(delta_2 - L_21 z_k),  z_k = L_11^-1 (delta_1 + 2 pi k),
    w(psi) = (2 pi)^-p (1 + 2 sum_m exp(-|L_22^T m|^2/2) cos(m.psi)),  m up to its sign.

Pure array functions; which terms the sums have, ``torus_terms`` tells, of values. Terms of a batch are laid side by
side: a law that has fewer is filled up with terms that count for nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from hyperdist.arrays import lower
from hyperdist.arrays.namespace import Array, namespace, values

_TURN = 2.0 * math.pi


class Terms(NamedTuple):
    """Which terms the sums have: numbers in the dtype of what they go with, without derivatives."""

    turn: Array
    """V (*batch, d, d)."""
    narrow: Array
    """1 for a new angle that is summed by images, 0 for one that is by waves, (*batch, d); the ones come first."""
    waves: Array
    """The m, 0 in narrow angles, one of each pair +-m, (*batch, M, d)."""
    weight: Array
    """2, or 0 for what counts for nothing, (*batch, M)."""
    k: Array
    """The windings of V delta, (*shape, N, d); those of wide angles do not matter."""
    live: Array
    """Whether there is such an image, (*shape, N)."""


def turned(tril: Array, turn: Array) -> Array:
    """The lower triangle of V L, (*batch, d, d), with its derivatives."""
    xp = namespace(tril)
    upper = xp.linalg.qr(xp.swapaxes(turn @ tril, -1, -2))[1]
    sign = xp.sign(values(lower.diagonal(upper)))
    return xp.swapaxes(upper * sign[..., None], -1, -2)


def log_density(delta: Array, triangle: Array, terms: Terms) -> Array:
    """log f, (*shape), at deviations (*shape, d), whose last axes are the batch's; triangle : ``turned``'s."""
    xp, narrow = namespace(delta, triangle), terms.narrow
    angles = lower.apply(terms.turn, delta)[..., None, :] + _TURN * terms.k
    z = (angles @ xp.swapaxes(lower.inverse(triangle), -1, -2)) * narrow[..., None, :]
    exponent = xp.where(terms.live, -0.5 * xp.sum(z * z, -1), xp.full_like(terms.k[..., 0], -math.inf))
    top = xp.amax(values(exponent), -1)[..., None]
    share = xp.exp(exponent - top)
    if terms.waves.shape[-2]:
        psi = angles - z @ xp.swapaxes(triangle, -1, -2)
        share = share * (1.0 + (xp.cos(psi @ xp.swapaxes(terms.waves, -1, -2)) @ _sizes(triangle, terms))[..., 0])
    log_z = xp.sum(narrow * (xp.log(lower.diagonal(triangle)) - 0.5 * math.log(_TURN)), -1)
    return top[..., 0] + xp.log(xp.sum(share, -1)) - log_z - delta.shape[-1] * math.log(_TURN)


def _sizes(triangle: Array, terms: Terms) -> Array:
    """Twice exp(-|L_22^T m|^2/2), (*batch, M, 1)."""
    xp = namespace(triangle)
    wide = (terms.waves @ triangle) * (1.0 - terms.narrow[..., None, :])
    return (terms.weight * xp.exp(-0.5 * xp.sum(wide * wide, -1)))[..., None]
