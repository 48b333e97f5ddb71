"""Draws of the Riemannian normal from a batch of centres, as one step forward and one back.

The pieces are those of ``Fixed.follow`` and ``exp_polar``; joined by hand they cost a small batch half of what a graph
of a dozen scalar operations does. With r = sigma y and theta = c sigma^2:

    dr = y dsigma + sigma (dy/dtheta) dtheta,      dtheta = 2 c sigma dsigma + sigma^2 dc,
    d log q = -(y dy/dtheta + d log Z/dtheta) dtheta - d dsigma/sigma,      Z that of the law of y.

A second derivative goes by the pieces. From centres at the origin that stay there, the points are r u.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from hyperdist.arrays.namespace import constant, namespace, settled
from hyperdist.arrays.rows import dot, times, wide
from hyperdist.distributions.area import log_sphere_area
from hyperdist.geometry import polar
from hyperdist.geometry.fast import triangle
from hyperdist_torch._host import Array, bare
from hyperdist_torch._law import Drawn, Fixed
from hyperdist_torch.fast.node import Twin


def log_normalizer(d: int, log_sigma: Any, radial: Any) -> Any:
    """That of the law on the space from ``radial``, that of the law of y = r/sigma."""
    return log_sphere_area(d) + d * log_sigma + radial


class State(NamedTuple):
    """What points, their density and the derivatives of both take; bare values."""

    radius: Array
    log_q: Array | None
    slope: Array
    """dy/dtheta"""
    mean_score: Array
    """d log Z/dtheta"""
    triangle: triangle.Triangle | None
    """None for centres at the origin."""


class Joined(Twin[State]):
    """Points in tangent coordinates, (*sample, *batch, d), of mu (*batch, d), sigma and c, and their log density.

    fixed, drawn : the law of y, and draws of it.
    density      : whether their log density is wanted, a second output.
    """

    def __init__(self, fixed: Fixed, drawn: Drawn, density: bool) -> None:
        self.fixed, self.drawn, self.density = fixed, drawn, density

    def generic(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        mu, sigma, c = inputs
        scale = sigma.double()
        fixed = Fixed(self.fixed.law, c.double() * scale * scale, self.fixed.dtype)
        y = fixed.follow(self.drawn.y)
        x = polar.exp_polar(mu, (scale * y).to(fixed.dtype), self.drawn.direction, c, "tangent")
        if not self.density:
            return (x,)
        log_z = log_normalizer(fixed.law.d, scale.log(), fixed.log_normalizer)
        return x, (-0.5 * y * y - log_z).to(fixed.dtype)

    def serves(self, *inputs: Tensor) -> bool:
        mu = inputs[0]
        self._central = constant(mu) and settled(mu == 0.0) is True
        return True

    def solve(self, *inputs: Array) -> State | None:
        mu, sigma, c = inputs
        y, scale = bare(self.drawn.y), wide(sigma)
        radius, solved = scale * y, None
        if not self._central:
            solved = triangle.solve(mu, radius, bare(self.drawn.direction), c)
            if solved is None:
                return None
        slope = self.fixed.slope(self.drawn.y) if self.drawn.slope is None else self.drawn.slope
        if not self.density:
            return State(radius, None, slope, 0.0, solved)
        log_z, mean_score = self.fixed.integrals()
        log_z = log_normalizer(self.fixed.law.d, namespace(scale).log(scale), log_z)
        return State(radius, -0.5 * y * y - log_z, slope, mean_score, solved)

    def value(self, state: State, *, followed: bool) -> tuple[Array, ...]:
        solved = state.triangle
        x = times(state.radius, bare(self.drawn.direction)) if solved is None else triangle.point(solved)
        return (x,) if state.log_q is None else (x, state.log_q)

    def pull_back(
        self, state: State, inputs: Sequence[Array], outputs: Sequence[Array], grads: Sequence[Array],
        wanted: Sequence[bool],
    ) -> Sequence[Array | None]:  # fmt: skip
        s, w, y = wide(inputs[1]), wide(inputs[2]), bare(self.drawn.y)
        if state.triangle is None:
            g = triangle.Gradient(None, wide(dot(grads[0], bare(self.drawn.direction))), None, 0.0)
        else:
            g = triangle.pull_back(state.triangle, outputs[0], grads[0], direction=False, c=wanted[2])
        in_theta, in_sigma = g.radius * s * state.slope, g.radius * y
        if self.density:
            in_q = wide(grads[1])
            in_theta = in_theta - in_q * (y * state.slope + state.mean_score)
            in_sigma = in_sigma - in_q * (self.fixed.law.d / s)
        in_sigma = in_sigma + in_theta * (2.0 * w * s)
        return g.mu, in_sigma, in_theta * (s * s) + g.c if wanted[2] else None
