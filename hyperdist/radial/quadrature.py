"""Integrals of exp(log-concave) functions.

A radial law is a ``Kernel``: the logarithm of its unnormalised density relative to a centre near its mode,
with slope, curvature and the distance after which nothing is left. Everything else a one-dimensional law
has is computed here, by one Gauss-Legendre rule laid from a point outwards to where the density has lost
``DROP`` nats. No sum cancels, nothing under- or overflows, and a tail keeps its relative accuracy to
1e-300 and beyond, because it is integrated relative to the density at its edge.

All functions are pure, over arrays of any namespace; quadrature nodes go on a new first axis, so that
parameters and points broadcast as they stand.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Protocol, Self

import numpy as np

from hyperdist.arrays.namespace import Array, Table, by_width, namespace, values
from hyperdist.arrays.stable import expm1_excess
from hyperdist.radial.rejection import Hats

DROP = 42.0
"""Nats of the density that the rule's far end has lost: exp(-42) = 6e-19."""

ORDER = 44
"""Nodes a side: double precision for every law here and every integrand, derivatives and logarithms included."""

HALF_NORMAL_CENTRE = 0.7
"""Where a law on the line (d = 1), whose mode is the end 0, is cut into a lower and an upper tail."""


def _unit_rule(order: int) -> tuple[Table, Table]:
    """Nodes and weights of [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return Table(0.5 * (nodes + 1.0)), Table(0.5 * weights)


_LEGENDRE = {order: _unit_rule(order) for order in (16, 32, ORDER)}
"""The rules in use, made beforehand since ``torch.compile`` cannot trace their making."""


class Kernel(ABC):
    """The log density of a law on (0, end), up to a constant, as a function of y and of t = y - centre.

    Both arguments are given, because near the centre t is known to more digits than y, and near 0 y is.
    centre, log_peak : (*batch)  a point near the mode; the log kernel there.
    """

    centre: Array
    log_peak: Array
    end: ClassVar[float] = math.inf

    @property
    def end_grade(self) -> Array | None:
        """(*batch) How points are clustered where a rule meets the upper end: evenly in the distance to this power,
        above 1 where the density falls to 0 there like no whole power. None where it never does."""
        return None

    @classmethod
    @abstractmethod
    def at(cls, d: int, theta: Array) -> Self:
        """The kernel of a law's one parameter theta, (*batch), on a space of d dimensions."""

    @staticmethod
    @abstractmethod
    def log_kernel(d: int, y: Array, theta: Array) -> Array:
        """The log density up to a constant in y: the plain formula, of which derivatives are taken."""

    @staticmethod
    @abstractmethod
    def log_kernel_score(d: int, y: Array, theta: Array) -> Array:
        """d ``log_kernel``/d theta."""

    @abstractmethod
    def score(self, y: Array, t: Array) -> Array:
        """``log_kernel_score`` less its value at the centre."""

    @abstractmethod
    def log_ratio(self, y: Array, t: Array) -> Array:
        """Log density at y minus log density at the centre."""

    @abstractmethod
    def slope(self, y: Array, t: Array) -> Array:
        """Derivative of ``log_ratio`` in y."""

    @abstractmethod
    def curvature(self, y: Array) -> Array:
        """Minus the second derivative of ``log_ratio``."""

    @abstractmethod
    def reach(self, y: Array, t: Array, upper: Array, drop: float = DROP) -> Array:
        """A distance from y, upwards where ``upper`` and else downwards, that loses ``drop`` nats or meets the end."""

    @abstractmethod
    def hats(self) -> Hats:
        """Proposals for draws of y."""

    @classmethod
    def table(cls, d: int) -> DrawTable | None:
        """What draws and integrates at once for results in single precision; None where a law has none."""
        return None


class DrawTable(Protocol):
    """Of all laws of a kind on a space of d dimensions; float64 arrays of NumPy, theta (laws,) finite."""

    def draws(self, z: np.ndarray, theta: np.ndarray, slopes: bool, /) -> tuple[np.ndarray, np.ndarray | None]:
        """(y, dy/dtheta), (n,), of standard normal numbers z, which belong to the laws in turn; no dy/dtheta unless
        asked."""
        ...

    def integrals(self, theta: np.ndarray, /) -> tuple[np.ndarray, np.ndarray]:
        """The log-normaliser and its derivative in theta, (laws,)."""
        ...


def _rule(like: Array, order: int) -> tuple[Array, Array]:
    """Nodes and weights of [0, 1] on a new first axis, in the namespace, dtype and device of ``like``."""
    xp = namespace(like)
    nodes, weights = _LEGENDRE[order]
    shape = (-1,) + (1,) * like.ndim
    return xp.reshape(nodes.beside(like), shape), xp.reshape(weights.beside(like), shape)


def huge(slope: Array) -> float:
    """A slope whose square is about to overflow."""
    return by_width(slope, 1e150, 1e18)


def way_down(decay: Array, bend: Array | float, drop: float) -> Array:
    """The u > 0 with decay u + bend u^2/2 = drop, for decay >= 0; the square of a slope near 0 or pi may overflow."""
    xp = namespace(decay, bend)
    return xp.where(
        decay < huge(decay),
        2.0 * drop / (decay + xp.sqrt(decay * decay + 2.0 * drop * bend)),
        drop / (decay + (decay < 1.0)),
    )


Integrand = Callable[[Array, Array], Array]


def nodes(
    kernel: Kernel, y: Array, t: Array, upper: Array, *, graded: bool = False, order: int = ORDER, drop: float = DROP
) -> tuple[Array, Array, Array]:
    """Points u beyond y on a new first axis, their offsets from the centre, and masses: weight times exp(h(u) - h(y)).

    upper  : (*batch) bool  whether the tail above y is meant, or the one below.
    graded : cluster the points at the far end, for an integrand with a logarithm there.
    order  : how many points, 16, 32 or ``ORDER``;  drop : nats that the density has lost beyond the last.
             Log-normaliser, its derivative and dy/dtheta are right to 1e-13 with 32 points, with 16 to 1e-7 where
             ``drop`` is 24.
    """
    xp = namespace(y, t)
    width = kernel.reach(y, t, upper, drop)
    places, weights = _rule(t + width, order)
    rest = 1.0 - places
    if kernel.end_grade is not None:
        power = xp.where(upper & (width == kernel.end - y), kernel.end_grade, 3.0 if graded else 1.0)
        weights, rest = weights * power * rest ** (power - 1.0), rest**power
        places = 1.0 - rest
    elif graded:
        rest, weights = rest * rest * rest, 3.0 * weights * rest * rest
        places = 1.0 - rest
    step = places * xp.where(upper, width, -width)
    u = y + step
    if graded:  # down to 0 the point is y rest, to all its digits
        u = xp.where(~upper & (width == y), y * rest, u)
    # At the far end of (0, end) rounding may step outside, where the density is 0.
    u = xp.where(u > 0.0, u, xp.zeros_like(u))
    offset = t + step
    return u, offset, weights * width * xp.exp(kernel.log_ratio(u, offset) - kernel.log_ratio(y, t))


def tail(kernel: Kernel, y: Array, t: Array, upper: Array, *integrands: Integrand) -> tuple[Array, ...]:
    """int exp(h(u) - h(y)) du beyond y, and the same with each of ``integrands(u, t)`` as a factor; see ``nodes``."""
    xp = namespace(y, t)
    u, offset, mass = nodes(kernel, y, t, upper)
    return (xp.sum(mass, axis=0), *(xp.sum(mass * f(u, offset), axis=0) for f in integrands))


def _both_sides(kernel: Kernel, graded: bool = False) -> list[tuple[Array, Array, Array]]:
    """``nodes`` above the centre and below it, with masses relative to the density there."""
    xp = namespace(kernel.centre)
    y = kernel.centre
    t = xp.zeros_like(y)
    return [nodes(kernel, y, t, upper, graded=graded) for upper in (t == 0.0, t != 0.0)]


def _total(sides: list[tuple[Array, Array, Array]]) -> Array:
    above, below = (namespace(mass).sum(mass, axis=0) for _, _, mass in sides)
    return above + below


def log_mass(kernel: Kernel) -> Array:
    """log int exp(h): the log-normaliser less ``log_peak``."""
    return namespace(kernel.centre).log(_total(_both_sides(kernel)))


def probabilities(kernel: Kernel) -> tuple[Array, Array, Array]:
    """The law as nodes, their offsets from the centre and probabilities, (nodes, *batch)."""
    xp = namespace(kernel.centre)
    sides = _both_sides(kernel)
    y, t, mass = (xp.concat(parts) for parts in zip(*sides, strict=True))
    return y, t, mass / _total(sides)


def expectations(kernel: Kernel, *integrands: Integrand, graded: bool = False) -> tuple[Array, ...]:
    """Means of ``integrands(y, t)`` under the law; ``graded`` where one has a logarithm at an end of the support."""
    xp = namespace(kernel.centre)
    sides = _both_sides(kernel, graded)
    total = _total(sides)
    # Masses have the unit of y: over their total first, or else their product with a square of y may underflow.
    shares = [(u, t, mass / total) for u, t, mass in sides]
    return tuple(sum(xp.sum(share * f(u, t), axis=0) for u, t, share in shares) for f in integrands)


_CLOSE = 10.0
"""Nats by which a tilt may differ from its mean anywhere: the rule's far end has then still lost 32."""


def divergence(share: Array, tilt: Array, difference: Array) -> Array:
    """KL(p || q) of the law q whose density is p's times exp(tilt), up to a constant.

    share, tilt : (nodes, *batch)  p as probabilities of nodes; the tilt there
    difference  : (*batch)  the divergence as a difference of log-normalisers, for a q that is far from p.
    With D = tilt - E tilt it is log E exp(D) = log(1 + E(exp(D) - 1 - D)): no term is negative, so that a small
    divergence, of the size of D^2, keeps its relative accuracy. Derivatives in ``share`` and ``tilt`` follow.
    """
    xp = namespace(share, tilt)
    apart = tilt - xp.sum(share * tilt, axis=0)
    # The nodes are p's: far from it nothing tells how much mass of q lies beyond them.
    close = xp.amax(xp.abs(values(apart)), axis=0) < _CLOSE
    safe = xp.where(close, apart, xp.zeros_like(apart))
    return xp.where(close, xp.log1p(xp.sum(share * expm1_excess(safe), axis=0)), difference)
