"""Signed distances from points to horospheres: spheres about a point at infinity, the limit of balls that grow.

The Busemann function of the direction w, lim (dist(x, exp_0(t w)) - t), is at radius R in the direction u

    B(x) = log(cosh(k R) - sinh(k R) <u, w>)/k,      k = sqrt(c)

(on the unit ball log(|w - x|^2/(1 - |x|^2)); Ghadimi Atigh et al. 2021, arXiv 2106.14472, section 3.2). -B(x) - r is
the signed distance to the horosphere about w whose nearest point to the origin is exp_0(r w), positive inside.
"""

from __future__ import annotations

import numpy as np

from hyperdist.arrays.namespace import Array, namespace
from hyperdist.arrays.rows import column, dot, scaled
from hyperdist.arrays.stable import coshm1_sq
from hyperdist.arrays.types import Scalar

_SHARPEST = 4.0
"""Machine epsilons of 1 - <u, w> below which far points count as lying at w: what a product of matrices can tell."""


def dist(x: Array, w: Array, r: Array, c: Scalar) -> Array:
    """Signed distance of each point to each of m horospheres, (*batch, m); <x, w> - r at c = 0.

    x : (*batch, d) tangent coordinates;  w : (m, d) unit vectors;  r : (m);  c >= 0 a scalar.
    Accuracy  absolute error of a few eps (1 + kR)/k where <u, w> is not near 1. Beyond radius 1/k points within
              sqrt(8 eps) of w (1e-3 in float32, 4e-8 in float64) are told apart by their radius only.
    Gradient  right at x = 0; continuous in c at 0, but not differentiable there: B has a term in sqrt(c).
    """
    xp = namespace(x, w, r, c)
    z = c * dot(x, x)
    growth, sinhc, cosh = scaled(z)
    flat = z * 0.0 + c == 0.0
    k = xp.sqrt(xp.where(flat, z * 0.0 + 1.0, z * 0.0 + c))
    near = growth == 0.0
    # cosh(kR) - sinh(kR) <u, w> = e^growth (1 + k t), so that B = (growth + log(1 + k t))/k
    lift = xp.where(near, k * dot(x, x) * coshm1_sq(xp.where(near, z, z * 0.0)), (cosh - 1.0) / k)
    lift = xp.where(flat, z * 0.0, lift)
    t = column(lift) - column(sinhc) * (x @ w.T)
    size = column(k) * t
    least = -1.0 + _SHARPEST * float(np.finfo(str(x.dtype).rpartition(".")[2]).eps)
    log = xp.log1p(xp.where(size < least, size * 0.0 + least, size)) / column(k)
    return -xp.where(column(flat), t, column(growth / k) + log) - r
