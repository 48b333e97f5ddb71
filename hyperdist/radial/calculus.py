"""What a law of the radius tells, from its kernel: tails, quantiles, entropy, derivatives in its parameter.

Pure functions over arrays of any namespace, without derivatives of their own: who follows derivatives adds them.
``mass`` is ``log_mass(kernel)``; y and t are a point and its offset from the kernel's centre.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hyperdist.arrays.namespace import Array, namespace, repeated
from hyperdist.arrays.stable import log1mexp
from hyperdist.radial.quadrature import DROP, ORDER, Kernel, expectations, huge, nodes, tail

_HIGH_POWER = 60
"""Dimension from which on the density is so flat at the ends that its logarithm there does not matter."""
_NEGLIGIBLE = -1e4
"""Log of a density that counts as 0 in the entropy."""


def log_tail(kernel: Kernel, mass: Array, y: Array, t: Array, upper: Array) -> Array:
    """Log probability of the side of y that ``upper`` names; ``mass`` is ``log_mass(kernel)``."""
    xp = namespace(y, t)
    return kernel.log_ratio(y, t) + xp.log(tail(kernel, y, t, upper)[0]) - mass


def tails(kernel: Kernel, mass: Array, y: Array, t: Array) -> tuple[Array, Array]:
    """log cdf and log sf."""
    xp = namespace(y, t)
    upper = t >= 0.0
    short = log_tail(kernel, mass, y, t, upper)
    # At 0, and where squares overflow, infinities of both signs meet: nothing is left there.
    short = xp.where(xp.isnan(short), -math.inf, xp.where(short < 0.0, short, xp.zeros_like(short)))
    rest = log1mexp(-short)
    return xp.where(upper, rest, short), xp.where(upper, short, rest)


def centre_tails(kernel: Kernel, mass: Array) -> tuple[Array, Array]:
    """log cdf and log sf of the centre: which of a quantile's two tails to solve in."""
    return tails(kernel, mass, kernel.centre, namespace(kernel.centre).zeros_like(kernel.centre))


def quantile(
    kernel: Kernel, mass: Array, edges: tuple[Array, Array], p: Array, upper: Array, d: int, **effort: Any
) -> Array:
    """The y with cdf p, or where ``upper`` with sf p, 0 < p < 1; ``edges`` are ``centre_tails``, ``effort`` is as of
    ``solve``."""
    xp = namespace(p, kernel.centre)
    log_p, log_q = xp.log(p), xp.log1p(-p)
    above = xp.where(upper, log_p <= edges[1], log_p > edges[0])
    log_tail = xp.where(above ^ upper, log_q, log_p)
    y, t = solve(kernel, mass, log_tail, above, float(d), **effort)
    return xp.where(above, kernel.centre + t, y)


def slope(kernel: Kernel, y: Array, t: Array, mean_score: Array, order: int = ORDER, drop: float = DROP) -> Array:
    """dy/dtheta at fixed cdf; ``mean_score`` is the mean of the kernel's score.

    By implicit differentiation of F(y; theta) = p (Figurnov et al. 2018, eq. 6), with F's derivative as an
    integral over the tail that does not hold the centre: the integrand there hardly changes sign.
    """
    xp = namespace(y, t)
    upper = t >= 0.0
    u, offset, mass = nodes(kernel, y, t, upper, order=order, drop=drop)
    excess = xp.sum(mass * (kernel.score(u, offset) - mean_score), axis=0)
    return xp.where(upper, excess, -excess)


def mean_score(kernel: Kernel) -> Array:
    """The mean of the kernel's score."""
    return expectations(kernel, kernel.score)[0]


def entropy(kernel: Kernel, mass: Array, d: int, change: Callable[[Array], Array] | None = None) -> Array:
    """Differential entropy of y in nats.

    change : of y, what is 0 and has the derivatives of the log kernel, where these are followed.
    """
    xp = namespace(kernel.centre)
    zero = xp.zeros_like(kernel.centre)
    # The density falls to 0 at an end like a power d - 1 of the distance; for a high power nothing is there.
    graded = d < _HIGH_POWER
    sides = [nodes(kernel, kernel.centre, zero, upper, graded=graded) for upper in (zero == 0.0, zero != 0.0)]
    y, t, weight = (xp.concat(parts) for parts in zip(*sides, strict=True))
    log_ratio = kernel.log_ratio(y, t)
    present = log_ratio > _NEGLIGIBLE
    log_ratio, weight = xp.where(present, log_ratio, 0.0 * y), xp.where(present, weight, 0.0 * y)
    share = weight / xp.sum(weight, axis=0)
    if change is None:
        return mass - xp.sum(share * log_ratio, axis=0)
    moved = change(xp.where(present, y, kernel.centre))
    share = share * xp.exp(moved)
    total = xp.sum(share, axis=0)
    return mass + xp.log(total) - xp.sum(share * (log_ratio + moved), axis=0) / total


def in_chunks(function: Callable[[Array], Array], x: Array, axes: int, size: int) -> Array:
    """``function`` along the first axis of x in pieces of about ``size`` numbers, where that is not one of the batch's
    ``axes``: the nodes of a rule stay in cache."""
    if x.ndim <= axes or math.prod(x.shape) <= size:
        return function(x)
    rows = max(1, size // max(1, math.prod(x.shape[1:])))
    return namespace(x).concat([function(x[i : i + rows]) for i in range(0, x.shape[0], rows)] or [function(x)])


_STEPS = (40, 4)
"""Cheap ones and exact ones that serve every law, however far out."""


def solve(
    kernel: Kernel, mass: Array, log_p: Array, upper: Array, power: float, *,
    steps: tuple[int, int] = _STEPS, order: int = ORDER,
) -> tuple[Array, Array]:  # fmt: skip
    """(y, t) where the tail that ``upper`` names has log probability ``log_p``; it must not hold the centre.

    Newton's method on the log tail, which is concave (Prekopa 1973), hence globally convergent: in y above
    the centre, in log y below, where the law behaves like y^power. First with the tail replaced by its
    Birnbaum approximation, which costs no quadrature, then exactly, with Halley's correction; ``steps`` says how often
    each, ``order`` how many nodes the exact one takes.
    """
    xp = namespace(log_p, kernel.centre)
    centre = kernel.centre + 0.0 * log_p
    log_p = xp.where(log_p < 0.0, log_p, xp.zeros_like(log_p))
    curvature = kernel.curvature(centre)
    spread = xp.sqrt(-2.0 * log_p / xp.where(curvature > 0.0, curvature, xp.ones_like(curvature)))
    floor = centre * xp.exp(log_p / power)
    low = xp.where(centre - spread > floor, -spread, floor - centre)
    t = xp.where(upper, spread, low)

    def move(y: Array, t: Array, step: Array) -> tuple[Array, Array]:
        """A step of dy above the centre; below, of d(log y), as a difference so that t keeps its digits."""
        relative = xp.where(upper, xp.zeros_like(step), step / xp.where(y > 0.0, y, xp.ones_like(y)))
        # From below Newton undershoots, so that any step up is safe; a step down could end at 0.
        change = xp.where(upper, step, y * xp.expm1(xp.clip(relative, -3.0, 600.0)))
        # A quantile that underflows is 0.
        change = xp.where(upper | (y > 0.0), change, xp.zeros_like(change))
        # Nor is there a tail left at the end of the support, to which halves may have been rounded.
        change = xp.where(xp.isnan(change), xp.zeros_like(change), change)
        new_y = y + change
        new_t = t + change
        # A step across the centre would leave the side that is asked for.
        inside = xp.where(upper, new_t >= 0.0, new_t <= 0.0)
        new_y, new_t = xp.where(inside, new_y, centre), xp.where(inside, new_t, xp.zeros_like(new_t))
        # Nor may it leave the support: go half of the way to the end instead.
        beyond = new_y >= kernel.end
        half = 0.5 * (kernel.end - y) if kernel.end < math.inf else xp.zeros_like(y)
        return xp.where(beyond, y + half, new_y), xp.where(beyond, t + half, new_t)

    if kernel.end < math.inf:
        t = xp.where(centre + t < kernel.end, t, 0.5 * (kernel.end - centre))
    y = xp.where(upper | (low > floor - centre), centre + t, floor)
    sign = xp.where(upper, xp.ones_like(t), -xp.ones_like(t))

    def cheap(y: Array, t: Array) -> tuple[Array, Array]:
        decay = -sign * kernel.slope(y, t)
        square = decay * decay + 8.0 * kernel.curvature(y)
        mills = 4.0 / (3.0 * decay + xp.sqrt(xp.where(square > 0.0, square, xp.zeros_like(square))))
        room = xp.where(upper, kernel.end - y, y)
        mills = xp.where((mills > 0.0) & (mills < room), mills, room)
        # Where squares overflow the tail is that of a power, or of an exponential.
        steep = ~(square < huge(square) * huge(square))
        mills = xp.where(steep, 1.0 / (xp.where(steep, decay, xp.ones_like(decay)) + 1.0 / room), mills)
        residual = kernel.log_ratio(y, t) + xp.log(mills) - mass - log_p
        return move(y, t, sign * residual * mills)

    def exact(y: Array, t: Array) -> tuple[Array, Array]:
        mills = xp.sum(nodes(kernel, y, t, upper, order=order)[2], axis=0)
        residual = kernel.log_ratio(y, t) + xp.log(mills) - mass - log_p
        decay = -sign * kernel.slope(y, t)
        # Halley on the log tail: its second derivative over its first squared is decay mills - 1 in y, and
        # mills/y more in log y.
        bend = xp.where(upper, xp.zeros_like(y), mills / xp.where(y > 0.0, y, xp.ones_like(y)))
        correction = 1.0 + 0.5 * residual * (1.0 - decay * mills - bend)
        step = sign * residual * mills / xp.where(correction > 0.5, correction, xp.ones_like(correction))
        return move(y, t, step)

    return repeated(exact, steps[1], *repeated(cheap, steps[0], y, t))  # type: ignore[return-value]
