"""Draws of the Riemannian normal from a batch of centres, as one step forward and one back.

The pieces are those of ``Fixed.follow`` and ``exp_polar``; joined by hand they cost a small batch half of what a graph
of a dozen scalar operations does. With r = sigma y and theta = c sigma^2:

    dr = y dsigma + sigma (dy/dtheta) dtheta,      dtheta = 2 c sigma dsigma + sigma^2 dc,
    d log q = -(y dy/dtheta + d log Z/dtheta) dtheta - d dsigma/sigma,      Z that of the law of y.

A second derivative goes by the pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from hyperdist.arrays.namespace import namespace
from hyperdist.arrays.rows import wide
from hyperdist.distributions.area import log_sphere_area
from hyperdist.geometry import polar
from hyperdist.geometry.fast import triangle
from hyperdist_torch._host import Array, bare
from hyperdist_torch._law import Fixed
from hyperdist_torch.fast.node import Twin


def log_normalizer(d: int, log_sigma: Any, radial: Any) -> Any:
    """That of the law on the space from ``radial``, that of the law of y = r/sigma."""
    return log_sphere_area(d) + d * log_sigma + radial


class Drawn(NamedTuple):
    """What points, their density and the derivatives of both take; bare values."""

    log_q: Array
    slope: Array
    """dy/dtheta"""
    mean_score: Array
    """d log Z/dtheta"""
    triangle: triangle.Triangle


class Joined(Twin[Drawn]):
    """Points in tangent coordinates, (*sample, *batch, d), and their log density, of mu (*batch, d), sigma and c.

    fixed, y, direction : the law of y, draws of it (*sample, *batch), float64, and their directions.
    """

    def __init__(self, fixed: Fixed, y: Tensor, direction: Tensor) -> None:
        self.fixed, self.y, self.direction = fixed, y, direction

    def generic(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        mu, sigma, c = inputs
        scale = sigma.double()
        fixed = Fixed(self.fixed.law, c.double() * scale * scale, self.fixed.dtype)
        y = fixed.follow(self.y)
        x = polar.exp_polar(mu, (scale * y).to(fixed.dtype), self.direction, c, "tangent")
        log_z = log_normalizer(fixed.law.d, scale.log(), fixed.log_normalizer)
        return x, (-0.5 * y * y - log_z).to(fixed.dtype)

    def solve(self, *inputs: Array) -> Drawn | None:
        mu, sigma, c = inputs
        y, scale = bare(self.y), wide(sigma)
        solved = triangle.solve(mu, scale * y, bare(self.direction), c)
        if solved is None:
            return None
        log_z, mean_score, slope = self.fixed.derivatives(self.y)
        log_z = log_normalizer(self.fixed.law.d, namespace(scale).log(scale), log_z)
        return Drawn(-0.5 * y * y - log_z, slope, mean_score, solved)

    def value(self, state: Drawn, *, followed: bool) -> tuple[Array, ...]:
        return triangle.point(state.triangle), state.log_q

    def pull_back(
        self, state: Drawn, inputs: Sequence[Array], outputs: Sequence[Array], grads: Sequence[Array],
        wanted: Sequence[bool],
    ) -> Sequence[Array | None]:  # fmt: skip
        s, w, y, in_q = wide(inputs[1]), wide(inputs[2]), bare(self.y), wide(grads[1])
        g = triangle.pull_back(state.triangle, outputs[0], grads[0], direction=False, c=wanted[2])
        in_theta = g.radius * s * state.slope - in_q * (y * state.slope + state.mean_score)
        in_sigma = g.radius * y + in_theta * (2.0 * w * s) - in_q * (self.fixed.law.d / s)
        return g.mu, in_sigma, in_theta * (s * s) + g.c if wanted[2] else None
