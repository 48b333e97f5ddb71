"""First and second derivatives of the density of correlated angles, averaged over points: NumPy's, for fits.

In the whitened frame, with u = L^T d/d delta, the score s = u f/f and the Hessian H = u u^T f/f give by the heat
equation all derivatives of log f: -s in L^-1 mu, and H in T of L (1 + T). They are the moments of z = L^-1 (delta +
2 pi k) over the windings k, given the angles: E z = -s and E z z^T = 1 + H.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hyperdist.arrays import lower
from hyperdist.radial import torus_terms
from hyperdist.radial.wrapped_torus import Terms

_TURN = 2.0 * math.pi


class Averages(NamedTuple):
    """Of log f, of the score (d,) and of the Hessian (d, d)."""

    log_density: float
    score: np.ndarray
    bend: np.ndarray


def averages(delta: np.ndarray, shares: np.ndarray, tril: np.ndarray) -> Averages:
    """Sums over deviations (n, d) under shares (n,), of a triangle (d, d)."""
    plan, d = torus_terms.plan(tril), len(tril)
    value, score, bend = 0.0, np.zeros(d), np.zeros((d, d))
    for part, terms in torus_terms.parts(plan, delta):
        log_f, first, second = _sums(delta[part], shares[part], plan.triangle, terms)
        value, score, bend = value + log_f, score + first, bend + second
    # V L is the triangle times this rotation.
    axes = lower.inverse(plan.triangle) @ plan.turn @ tril
    return Averages(value, score @ axes, axes.T @ bend @ axes)


def _sums(
    delta: np.ndarray, shares: np.ndarray, triangle: np.ndarray, terms: Terms
) -> tuple[float, np.ndarray, np.ndarray]:
    """Those of one part, in the frame of the new angles' triangle; see ``wrapped_torus.log_density``."""
    narrow, d = terms.narrow, delta.shape[-1]
    angles = lower.apply(terms.turn, delta)[:, None, :] + _TURN * terms.k
    z = (angles @ lower.inverse(triangle).T) * narrow
    exponent = np.where(terms.live, -0.5 * np.sum(z * z, -1), -np.inf)
    top = np.max(exponent, axis=-1, keepdims=True)
    weight = np.exp(exponent - top)
    along = (terms.waves @ triangle) * (1.0 - narrow)
    size = terms.weight * np.exp(-0.5 * np.sum(along * along, -1))
    phase = (angles - z @ triangle.T) @ terms.waves.T
    cosine, sine = np.cos(phase) * size, np.sin(phase) * size
    level = 1.0 + np.sum(cosine, -1)
    total = np.sum(weight * level, axis=-1, keepdims=True)
    log_z = np.sum(narrow * (np.log(np.diagonal(triangle)) - 0.5 * math.log(_TURN))) + d * math.log(_TURN)
    log_f = float(shares @ (top + np.log(total))[:, 0]) - float(np.sum(shares)) * log_z
    share = shares[:, None] * weight / total
    inside = share * level
    slope = -(sine @ along)
    score = np.einsum("nk,nki->i", share, slope) - np.einsum("nk,nki->i", inside, z)
    cross = np.einsum("nk,nki,nkj->ij", share, z, slope)
    bend = np.einsum("nk,nki,nkj->ij", inside, z, z) - np.sum(shares) * np.diag(narrow) - cross - cross.T
    return log_f, score, bend - (along * np.einsum("nk,nkm->m", share, cosine)[:, None]).T @ along
