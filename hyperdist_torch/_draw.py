"""Draws of the Riemannian normal from a batch of centres, as one step forward and one back.

The pieces are those of ``Fixed.follow`` and ``exp_polar``; joined by hand they cost a small batch half of what a graph
of a dozen scalar operations does. With r = sigma y and theta = c sigma^2:

    dr = y dsigma + sigma (dy/dtheta) dtheta,      dtheta = 2 c sigma dsigma + sigma^2 dc,
    d log q = -(y dy/dtheta + d log Z/dtheta) dtheta - d dsigma/sigma,      Z that of the law of y.

A second derivative goes by the pieces.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hyperdist.distributions.area import log_sphere_area
from hyperdist.geometry import polar
from hyperdist.geometry.fast import triangle
from hyperdist_torch._host import Array, bare, plainly, tensor
from hyperdist_torch._law import Fixed, Law
from hyperdist_torch._node import differentiated, first_derivative_only, narrowed, untransformed


def log_normalizer(d: int, log_sigma: Any, radial: Any) -> Any:
    """That of the law on the space from ``radial``, that of the law of y = r/sigma."""
    return log_sphere_area(d) + d * log_sigma + radial


class Drawn(NamedTuple):
    """Draws of y and uniform directions, with all that their derivatives take; bare values."""

    law: Law
    dtype: torch.dtype
    y: Tensor
    direction: Tensor
    slope: Array
    mean_score: Array
    log_z: Array
    solved: triangle.Triangle


@plainly
def prepare(mu: Tensor, sigma: Tensor, c: Tensor, fixed: Fixed, y: Tensor, direction: Tensor) -> Drawn | None:
    """What ``place`` takes, for centres mu (*batch, d) in tangent coordinates; None where triangles do not serve."""
    if not untransformed():
        return None
    radius = bare(sigma.double()) * bare(y)
    solved = triangle.solve(bare(mu), radius, bare(direction), bare(c))
    if solved is None:
        return None
    value, mean_score, slope = fixed.derivatives(y)
    log_z = log_normalizer(mu.shape[-1], bare(sigma.double().log()), value)
    return Drawn(fixed.law, fixed.dtype, y, direction, slope, mean_score, log_z, solved)


def place(mu: Tensor, sigma: Tensor, c: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
    """Points in tangent coordinates, (*sample, *batch, d), and their log density, with gradients in mu, sigma and c."""
    return _Place.apply(mu, sigma, c, drawn)  # type: ignore[return-value]


class _Place(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mu: Tensor, sigma: Tensor, c: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        ctx.drawn = drawn
        x = tensor(triangle.point(drawn.solved))
        ctx.save_for_backward(mu, sigma, c, x)
        y = bare(drawn.y)
        return x, tensor(-0.5 * y * y - drawn.log_z).to(drawn.dtype)

    @staticmethod
    def backward(ctx: Any, in_x: Tensor, in_log_q: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        *inputs, x = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        if not first_derivative_only(in_x, in_log_q):
            return *differentiated(partial(_pieces, ctx.drawn), inputs, (in_x, in_log_q), wanted), None
        found = _pull_back(inputs[1], inputs[2], ctx.drawn, x, in_x, in_log_q, wanted[2])
        return *(
            narrowed(tensor(value), given) if use else None
            for value, given, use in zip(found, inputs, wanted, strict=True)
        ), None


@plainly
def _pull_back(
    sigma: Tensor, c: Tensor, drawn: Drawn, x: Tensor, in_x: Tensor, in_log_q: Tensor, in_c: bool
) -> tuple[Array, Array, Array]:
    s, w, y = bare(sigma.double()), bare(c.double()), bare(drawn.y)
    g = triangle.pull_back(drawn.solved, bare(x), bare(in_x), direction=False, c=in_c)
    in_q = bare(in_log_q.double())
    in_theta = g.radius * s * drawn.slope - in_q * (y * drawn.slope + drawn.mean_score)
    in_sigma = g.radius * y + in_theta * (2.0 * w * s) - in_q * (drawn.law.d / s)
    return g.mu, in_sigma, in_theta * (s * s) + g.c if in_c else np.zeros(())


def _pieces(drawn: Drawn, mu: Tensor, sigma: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """``place`` in operations that torch knows."""
    wide = sigma.double()
    fixed = Fixed(drawn.law, c.double() * wide * wide, drawn.dtype)
    y = fixed.follow(drawn.y)
    x = polar.exp_polar(mu, (wide * y).to(drawn.dtype), drawn.direction, c, "tangent")
    log_z = log_normalizer(drawn.law.d, wide.log(), fixed.log_normalizer)
    return x, (-0.5 * y * y - log_z).to(drawn.dtype)
