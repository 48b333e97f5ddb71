"""The divergence of correlated angles, each pair of laws for itself, in any namespace."""

from __future__ import annotations

import math

import numpy as np

from hyperdist.arrays.host import numbers
from hyperdist.arrays.namespace import Array, namespace
from hyperdist.distributions.normal_forms import NormalSpread, of_spreads
from hyperdist.radial import torus_cross, torus_entropy, torus_terms


def divergence(apart: Array, p_tril: Array, q_tril: Array, entropy: Array) -> Array:
    """KL(p || q), (*batch), of the centres' differences (*batch, d), triangles (*batch, d, d) and p's entropy (*batch).

    Raises NotImplementedError where ``torus_cross`` does.
    """
    xp, d = namespace(apart, p_tril, q_tril), apart.shape[-1]
    batch = np.broadcast_shapes(
        *(tuple(x.shape) for x in (entropy, apart[..., 0], p_tril[..., 0, 0], q_tril[..., 0, 0]))
    )
    rows = [
        xp.broadcast_to(x, batch + tuple(x.shape[len(x.shape) - axes :])).reshape(-1, *(d,) * axes)
        for x, axes in ((apart, 1), (p_tril, 2), (q_tril, 2), (entropy, 0))
    ]
    each = [_of_pair(*pair) for pair in zip(*rows, strict=True)]
    return xp.stack(each).reshape(batch) if each else xp.zeros_like(rows[-1]).reshape(batch)


def _of_pair(apart: Array, p_tril: Array, q_tril: Array, entropy: Array) -> Array:
    """By the normals' divergence where neither wraps, so that a small one keeps its relative accuracy.

    NaN of what nobody has checked and is no law.
    """
    if not (
        np.isfinite(numbers(apart)).all() and torus_terms.regular(np.stack([*map(numbers, (p_tril, q_tril))])).all()
    ):
        return (namespace(apart).sum(apart, -1) + entropy) * math.nan
    cross, normal = torus_cross.mean_log_density(apart, p_tril, q_tril)
    if normal is None or not torus_entropy.unwrapped(numbers(p_tril)):
        return -entropy - cross
    return of_spreads(NormalSpread(scale_tril=p_tril), NormalSpread(scale_tril=q_tril), normal)
