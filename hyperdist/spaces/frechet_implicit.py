"""Derivatives of a Frechet mean in the points, the weights and c, by the equation that it solves.

At the mean the weighted sum G of the logarithms is 0, and G falls by the Hessian H along a step. From the mean, as a
constant, the step s = H^-1 G with H a constant too has the mean's first derivative; a second step from there has the
second one as well: it takes the error of the first, O(delta^2), down by the relative change of H, O(delta).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hyperdist import checks
from hyperdist.arrays.host import cast, hidden, looking, made, numbers
from hyperdist.arrays.namespace import Array, constant, namespace, values
from hyperdist.arrays.rows import column, dot

Map = Callable[[Array, Array], Array]


def mean(space: Any, x: Array, weights: Array | None) -> Array:
    """``space.frechet_mean`` of other arrays than NumPy's: NumPy's value, the derivatives of ``carried``."""
    given = [a for a in (x, weights, *space._own) if a is not None]
    if hidden(*given) or any(numbers(a).ndim != a.ndim for a in given):
        raise ValueError(
            "x must have values for a Frechet mean: it is found by a search, which no trace, compiler or vmap holds"
        )
    x = checks.floating(x, "x")
    found = space._in_numpy().frechet_mean(numbers(x), None if weights is None else numbers(weights))
    result = made(found, x.dtype, x)
    if constant(*given):
        return result
    w = x[:, 0] * 0.0 + 1.0 if weights is None else cast(weights, x.dtype)
    w = w / namespace(w).sum(w, axis=0)
    w = w.reshape(w.shape[0], *(1,) * (result.ndim - w.ndim), *w.shape[1:])
    with_slope = space._carried_mean(found, x.reshape(x.shape[0], *(1,) * (result.ndim - 1), -1), w)
    return result + (with_slope - values(with_slope))


def carried(mean: Array, x: Array, w: Array, log_frame: Map, exp_frame: Map, across: Callable[[Array], Array]) -> Array:
    """``mean`` (*batch, k) of points x (n, ..., k) and weights w (n, *batch) of sum 1, with its derivatives.

    log_frame, exp_frame : logarithm and exponential in the frame at their first argument;  across : the eigenvalue of
                           the Hessian of half a squared distance across the way, from the squared distance.
    """
    xp = namespace(x)
    with looking(x):
        v, share = log_frame(values(mean)[None], values(x)), values(w)
        square = dot(v, v)
        turned = across(square)
        along = (1.0 - turned) / xp.where(square > 0.0, square, square * 0.0 + 1.0)
        outer = xp.sum(column(share * along)[..., None] * v[..., :, None] * v[..., None, :], axis=0)
        hessian = outer + column(xp.sum(share * turned, axis=0))[..., None] * xp.eye(v.shape[-1], dtype=v.dtype)
        inverse = xp.linalg.pinv(hessian)

    def step(y: Array) -> Array:
        gradient = xp.sum(column(w) * log_frame(y[None], x), axis=0)
        return exp_frame(y, (inverse @ gradient[..., None])[..., 0])

    return step(step(values(mean)))
