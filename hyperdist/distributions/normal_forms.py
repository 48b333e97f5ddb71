"""Divergences of normals on R^d, by scales of independent coordinates or by lower triangles, in any namespace."""

from __future__ import annotations

import math
from typing import NamedTuple

from hyperdist.arrays import lower
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.stable import expm1_excess, log_quotient


class NormalSpread(NamedTuple):
    """Standard deviations sigma (*batch, d) of independent coordinates, or L (*batch, d, d) of the covariance L L^T."""

    sigma: Array = None
    scale_tril: Array = None

    def triangle(self, d: int) -> Array:
        """L; one scale for all coordinates may be given as one."""
        if self.scale_tril is not None:
            return self.scale_tril
        xp = namespace(self.sigma)
        return lower.of_scales(xp.broadcast_to(self.sigma, (*self.sigma.shape[:-1], d)))


def of_scales(p_sigma: Array, q_sigma: Array) -> Array:
    """KL of normals about one centre, coordinate by coordinate: (exp(L) - 1 - L)/2 with L = 2 log(p/q)."""
    return 0.5 * expm1_excess(2.0 * log_quotient(p_sigma, q_sigma))


def of_normals(p_sigma: Array, q_sigma: Array, apart: Array) -> Array:
    """That of normals with independent coordinates, from their scales and squared standardised distances."""
    return namespace(p_sigma, q_sigma, apart).sum(of_scales(p_sigma, q_sigma) + 0.5 * apart, axis=-1)


def of_spreads(p: NormalSpread, q: NormalSpread, apart: Array, unit: Array | None = None) -> Array:
    """That of normals whose centres are ``apart``, (*batch, d), in scales ``unit`` where these are not q's own.

    Of triangles, A = L_q^-1 L_p is one too: its diagonal counts as scales do, what lies below as distances. That part
    of it is L_q^-1 (L_p - L_q)'s, so that laws that are close keep the relative accuracy of their divergence.
    """
    xp = namespace(apart)
    if p.scale_tril is None and q.scale_tril is None:
        return of_normals(p.sigma, q.sigma, xp.square(apart / (q.sigma if unit is None else unit)))
    p_tril, q_tril = p.triangle(apart.shape[-1]), q.triangle(apart.shape[-1])
    whitener = lower.inverse(q_tril)
    scales = of_scales(lower.diagonal(p_tril), lower.diagonal(q_tril))
    below = xp.sum(xp.square(xp.tril(whitener @ (p_tril - q_tril), -1)), axis=(-2, -1))
    between = xp.sum(xp.square(lower.apply(whitener, apart) if unit is None else apart / unit), axis=-1)
    return xp.sum(scales, axis=-1) + 0.5 * (below + between)


def mean_precision(spread: NormalSpread) -> Array:
    """The scale of the isotropic normal with the mean precision, (*batch)."""
    if spread.scale_tril is None:
        xp, first = namespace(spread.sigma), spread.sigma[..., 0]
        # By ratios, so that one scale for all is itself to the last bit.
        return first / xp.sqrt(xp.mean(xp.square(first[..., None] / spread.sigma), axis=-1))
    xp, d = namespace(spread.scale_tril), spread.scale_tril.shape[-1]
    return math.sqrt(d) / xp.sqrt(xp.sum(xp.square(lower.inverse(spread.scale_tril)), axis=(-2, -1)))


def mean_square(spread: NormalSpread) -> Array:
    """The scale of the isotropic normal with the mean square, (*batch)."""
    if spread.scale_tril is None:
        xp, first = namespace(spread.sigma), spread.sigma[..., 0]
        return first * xp.sqrt(xp.mean(xp.square(spread.sigma / first[..., None]), axis=-1))
    xp, d = namespace(spread.scale_tril), spread.scale_tril.shape[-1]
    return xp.sqrt(xp.sum(xp.square(spread.scale_tril), axis=(-2, -1)) / d)


def one_scale(spread: NormalSpread) -> Array:
    """Whether one scale was given for all coordinates, or the same for each, (*batch)."""
    if spread.scale_tril is None:
        return namespace(spread.sigma).all(spread.sigma == spread.sigma[..., :1], axis=-1)
    return spread.scale_tril[..., 0, 0] != spread.scale_tril[..., 0, 0]
