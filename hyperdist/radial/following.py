"""Kernels' laws with derivatives in their parameter and in y, to any order, for hosts that differentiate.

A law has one parameter theta, (*batch): w = c sigma^2 of y = r/sigma on hyperbolic space, kappa or sigma of the angle y
on the sphere. Quadrature nodes are laid where the kernel at fixed parameters says, without derivatives; these come from
the plain log kernel at fixed nodes, as terms whose value is 0. So values have the kernels' accuracy, and every order of
derivative is that of the integral.

Pure functions over arrays of any namespace; ``kind`` is a class of kernels and d the dimension of the space.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from hyperdist.arrays.namespace import Array, constant, namespace, values
from hyperdist.radial import calculus, quadrature
from hyperdist.radial.nodes import Nodes
from hyperdist.radial.quadrature import Kernel


def variation(value: Array) -> Array:
    """0 with the derivatives of ``value``."""
    return value - values(value)


class Measure(NamedTuple):
    """A law as probabilities of points, and its normaliser; differentiable in theta, to any order."""

    nodes: Nodes
    log_normalizer: Array
    """Log integral of exp(log_kernel), (*batch)."""

    def mean(self, value: Array) -> Array:
        """E f for f at the points ``y``, (*batch)."""
        return self.nodes.mean(value)

    @property
    def y(self) -> Array:
        """The points, (nodes, *batch)."""
        return self.nodes.y


def sides(centre: Array) -> tuple[Array, Array, Array]:
    """What ``quadrature.nodes`` takes for the upper and the lower side of the centre, on a new first axis."""
    xp = namespace(centre)
    edge = xp.stack([centre, centre])
    upper = centre == centre
    return edge, edge * 0.0, xp.stack([upper, ~upper])


def measure(kind: type[Kernel], d: int, theta: Array) -> Measure:
    """Quadrature nodes and weights of the law."""
    kernel = kind.at(d, values(theta))
    xp = namespace(kernel.centre)
    parts = quadrature.nodes(kernel, *sides(kernel.centre))
    y, offset, mass = (xp.reshape(part, (part.shape[0] * part.shape[1], *part.shape[2:])) for part in parts)
    total = xp.sum(mass, axis=0)
    nodes = Nodes(y, offset, kernel.centre, mass / total)
    value = kernel.log_peak + xp.log(total)
    if constant(theta):
        return Measure(nodes, value)
    # Where nothing is left the plain formula may have no value: y may have been rounded onto an end of the support.
    present = xp.where(nodes.share > 0.0, y, kernel.centre)
    weights = nodes.share * xp.exp(variation(kind.log_kernel(d, present, theta)))
    norm = xp.sum(weights, axis=0)
    return Measure(nodes._replace(share=weights / norm), value + xp.log(norm))


def slope(kind: type[Kernel], d: int, y: Array, theta: Array) -> Array:
    """dy/dtheta at fixed cdf, differentiable in both: an integral over the tail that does not hold the mode."""
    kernel, fixed = kind.at(d, values(theta)), values(y)
    xp = namespace(y, kernel.centre)
    (mean,) = quadrature.expectations(kernel, kernel.score)
    t = fixed - kernel.centre
    upper = t >= 0.0
    nodes, offset, mass = quadrature.nodes(kernel, fixed, t, upper)
    step, excess = nodes - fixed, kernel.score(nodes, offset) - mean
    # The nodes follow y, so that the far end of the tail stays at 0 or at a finite end of the support.
    room = xp.ones_like(y) if kind.end == math.inf else kind.end - y
    stretch = xp.where(upper, room / values(room), y / fixed)
    present = mass > 0.0
    u = xp.where(present, y + step * stretch, y)
    moved = variation(kind.log_kernel(d, u, theta) - kind.log_kernel(d, y, theta))
    mass = mass * stretch * xp.exp(moved)
    whole = measure(kind, d, theta)
    centred = kind.log_kernel_score(d, u, theta) - whole.mean(score(kind, d, whole, theta))
    value = xp.sum(mass * xp.where(present, excess + variation(centred), 0.0 * mass), axis=0)
    return xp.where(upper, value, -value)


def score(kind: type[Kernel], d: int, whole: Measure, theta: Array) -> Array:
    """d log_kernel/d theta at the nodes of the law, (nodes, *batch), 0 where nothing is left."""
    xp = namespace(whole.y)
    present = whole.nodes.share > 0.0
    found = kind.log_kernel_score(d, xp.where(present, whole.y, whole.nodes.centre), theta)
    return xp.where(present, found, 0.0 * found)


def log_density(kind: type[Kernel], d: int, y: Array, theta: Array) -> Array:
    """Log density for 0 <= y <= end, differentiable in both inside."""
    kernel, fixed = kind.at(d, values(theta)), values(y)
    xp = namespace(y, kernel.centre)
    value = kernel.log_ratio(fixed, fixed - kernel.centre) - quadrature.log_mass(kernel)
    if constant(y, theta):
        return value
    inner = (fixed > 0.0) & (fixed < kind.end)
    # The textbook form cancels far out, its derivatives do not.
    smooth = kind.log_kernel(d, xp.where(inner, y, kernel.centre), theta)
    return value + variation(smooth - measure(kind, d, theta).log_normalizer)


def entropy(kind: type[Kernel], d: int, theta: Array) -> Array:
    """Differential entropy of y in nats, differentiable in theta."""
    kernel = kind.at(d, values(theta))
    mass = quadrature.log_mass(kernel)
    if constant(theta):
        return calculus.entropy(kernel, mass, d)
    return calculus.entropy(kernel, mass, d, lambda y: variation(kind.log_kernel(d, y, theta)))
