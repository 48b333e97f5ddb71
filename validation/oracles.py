"""Radial laws in mpmath: normaliser, moments, tails and parameter derivatives to about 25 digits.

One law is a log-concave kernel on an interval with its mode and local width. Gauss-Legendre panels about the mode
(20 nodes on two widths) leave an error far below a double's; nothing here is shared with the library's quadrature.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

import mpmath as mp

DIGITS = 34
NODES = 20
REACH = 20
"""Widths on each side of the mode; what is beyond weighs less than exp(-100)."""
SINGULAR, SHRINKING = 8, 16
"""Where the density has a zero of at most this order, its logarithm is integrated on panels that shrink towards it."""


@lru_cache(maxsize=4)
def _rule(size: int = NODES) -> list[tuple[Any, Any]]:
    """Gauss-Legendre nodes and weights on [0, 1]: Newton from the Chebyshev guess."""
    with mp.workdps(DIGITS + 10):
        rule = []
        for i in range(size):
            x, slope = mp.mpf(math.cos(math.pi * (i + 0.75) / (size + 0.5))), mp.mpf(1)
            for _ in range(8):
                before, value = mp.mpf(1), x
                for k in range(2, size + 1):
                    before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
                slope = size * (x * value - before) / (x * x - 1)
                x -= value / slope
            rule.append(((1 + x) / 2, 1 / ((1 - x * x) * slope**2)))
        return rule


def _bisect(f: Callable[[float], float], low: float, high: float) -> float:
    """Root of an increasing function of floats."""
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return 0.5 * (low + high)


class RadialOracle:
    """The law with density proportional to exp(kernel(r)) on (0, upper), zero of order ``power`` at its ends."""

    def __init__(
        self, kernel: Any, slope: Any, statistic: Any, upper: Any, mode: float, width: float, power: int
    ) -> None:
        self.kernel, self.slope, self.statistic = kernel, slope, statistic
        self.upper, self.mode, self.width, self.power = upper, mp.mpf(mode), mp.mpf(width), power
        self.low = max(mp.mpf(0), self.mode - REACH * self.width)
        self.high = min(mp.mpf(upper), self.mode + REACH * self.width)
        self.peak = kernel(self.mode) if self.mode > 0 else kernel(self.width / 1000)
        self._tails: dict[Any, tuple[Any, Any, bool]] = {}

    def _panels(self, start: Any, stop: Any, step: Any, size: int = NODES) -> list[tuple[Any, Any]]:
        """Nodes and weights of the composite rule on [start, stop]."""
        count = max(1, int(mp.ceil((stop - start) / step)))
        h = (stop - start) / count
        return [(start + (k + t) * h, w * h) for k in range(count) for t, w in _rule(size)]

    def masses(self, ends: list[Any]) -> list[Any]:
        """Unnormalised mass of each cell between consecutive ends, a fraction of a width apart."""
        cells = [self._panels(a, b, b - a, 8) for a, b in itertools.pairwise(ends)]
        return [mp.fsum(w * mp.exp(self.kernel(r) - self.peak) for r, w in nodes) for nodes in cells]

    @cached_property
    def _mesh(self) -> list[tuple[Any, Any]]:
        """Nodes and masses of the normalised law."""
        step = min(2 * self.width, (self.high - self.low) / 4)
        nodes: list[tuple[Any, Any]] = []
        low, high = self.low, self.high
        if 0 < self.power <= SINGULAR and low == 0:
            low = low + step
            nodes += self._shrinking(self.low, step)
        if 0 < self.power <= SINGULAR and high == self.upper:
            high = high - step
            nodes += self._shrinking(self.high, -step)
        nodes += self._panels(low, high, step)
        return [(r, w * mp.exp(self.kernel(r) - self.peak)) for r, w in nodes]

    def _shrinking(self, end: Any, step: Any) -> list[tuple[Any, Any]]:
        """Panels from ``end + step`` towards an end of the support, each a quarter of the one before."""
        edges = [end, *(end + step / mp.mpf(4) ** k for k in range(SHRINKING, -1, -1))]
        return [node for a, b in itertools.pairwise(edges) for node in self._panels(min(a, b), max(a, b), abs(step))]

    @cached_property
    def _mass(self) -> Any:
        return mp.fsum(w for _, w in self._mesh)

    def expect(self, f: Callable[[Any], Any]) -> Any:
        """E f(r)."""
        return mp.fsum(w * f(r) for r, w in self._mesh) / self._mass

    @cached_property
    def log_normalizer(self) -> Any:
        return mp.log(self._mass) + self.peak

    @cached_property
    def mean(self) -> Any:
        return self.expect(lambda r: r)

    @cached_property
    def variance(self) -> Any:
        return self.expect(lambda r: (r - self.mean) ** 2)

    @cached_property
    def mean_square(self) -> Any:
        return self.expect(lambda r: r * r)

    @cached_property
    def entropy(self) -> Any:
        return self.log_normalizer - self.expect(self.kernel)

    @cached_property
    def derivative(self) -> Any:
        """d log normaliser / d parameter: the expectation of the kernel's derivative in the parameter."""
        return self.expect(self.statistic)

    def density(self, r: Any) -> Any:
        return mp.exp(self.kernel(r) - self.log_normalizer)

    def _tail(self, r: Any) -> tuple[Any, Any, bool]:
        """Masses of 1 and of the centred statistic on the side of r away from the mode; True if that is the left."""
        if r in self._tails:
            return self._tails[r]
        left = r < max(self.mode, self.width / 2)
        slope = abs(self.slope(r))
        step = min(2 * self.width, 3 / slope) if slope > 0 else 2 * self.width
        # 34 steps of at least 3 e-foldings each; from the law's middle, to where the mesh ends.
        middle = abs(r - self.mode) < REACH * self.width / 2
        reach = abs((self.low if left else self.high) - r) if middle else 34 * step
        start, stop = (max(mp.mpf(0), r - reach), r) if left else (r, min(mp.mpf(self.upper), r + reach))
        mass = lever = mp.mpf(0)
        for t, w in self._panels(start, stop, step):
            weight = w * mp.exp(self.kernel(t) - self.log_normalizer)
            mass += weight
            lever += weight * (self.statistic(t) - self.derivative)
        self._tails[r] = mass, lever, left
        return self._tails[r]

    def tails(self, r: float) -> tuple[Any, Any]:
        """(cdf, sf), each to full relative precision."""
        tail, _, left = self._tail(mp.mpf(r))
        return (tail, 1 - tail) if left else (1 - tail, tail)

    def gradient(self, r: float) -> Any:
        """d r / d parameter at fixed cdf: minus dF/d parameter over the density."""
        _, lever, left = self._tail(mp.mpf(r))
        return (-lever if left else lever) / self.density(mp.mpf(r))


def riemannian_normal(d: int, sigma: float, c: float = 1.0) -> RadialOracle:
    """exp(-r^2/2 sigma^2) (sinh(sqrt(c) r)/sqrt(c))^(d-1); c = 0 is the Euclidean (wrapped) normal."""
    n, sg, root = d - 1, mp.mpf(sigma), mp.sqrt(mp.mpf(c))
    s = float(sigma) * math.sqrt(c)
    if n == 0:
        mode = 0.0
    elif c == 0:
        mode = float(sigma) * math.sqrt(n)
    else:
        mode = _bisect(lambda x: x - n * s * s / math.tanh(x), 1e-300, n * s * s + math.sqrt(n) * s + 1) / math.sqrt(c)

    def kernel(r: Any) -> Any:
        if n == 0:
            return -r * r / (2 * sg * sg)
        return -r * r / (2 * sg * sg) + n * (mp.log(mp.sinh(root * r) / root) if c else mp.log(r))

    def slope(r: Any) -> Any:
        if n == 0:
            return -r / sg**2
        return -r / sg**2 + n * (root * mp.coth(root * r) if c else 1 / r)

    width = float(sigma) if n == 0 else float(sigma) / math.sqrt(2.0)
    return RadialOracle(kernel, slope, lambda r: r * r / sg**3, mp.inf, mode, width, n)


def spherical_normal(d: int, sigma: float) -> RadialOracle:
    """exp(-r^2/2 sigma^2) sin(r)^(d-1) on (0, pi): the sphere S^d."""
    n, sg = d - 1, mp.mpf(sigma)
    precision = 1.0 / float(sigma) ** 2
    mode = _bisect(lambda r: r * precision - n / math.tan(r), 1e-300, math.pi / 2) if n else 0.0
    width = 1.0 / math.sqrt(precision + (n / math.sin(mode) ** 2 if n else 0.0))
    return RadialOracle(
        lambda r: -r * r / (2 * sg * sg) + (n * mp.log(mp.sin(r)) if n else 0),
        lambda r: -r / sg**2 + (n * mp.cot(r) if n else 0),
        lambda r: r * r / sg**3, mp.pi, mode, min(width, 1.0), n,
    )  # fmt: skip


def von_mises_fisher(m: int, kappa: float) -> RadialOracle:
    """exp(kappa cos r) sin(r)^(m-2) on (0, pi): the sphere S^(m-1) in R^m."""
    n, k, kf = m - 2, mp.mpf(kappa), float(kappa)
    mode, width = 0.0, 1.0 / math.sqrt(kf)
    if n:
        sine_sq = 2 * n / (n + math.hypot(n, 2 * kf))
        mode = math.atan2(math.sqrt(sine_sq), kf / n * sine_sq)
        width = 1.0 / math.sqrt(kf * math.cos(mode) + n / math.sin(mode) ** 2)
    return RadialOracle(
        lambda r: k * mp.cos(r) + (n * mp.log(mp.sin(r)) if n else 0),
        lambda r: -k * mp.sin(r) + (n * mp.cot(r) if n else 0),
        mp.cos, mp.pi, mode, min(width, 1.0), n,
    )  # fmt: skip


def log_area(d: int) -> Any:
    """log of the area of the unit sphere S^(d-1) in R^d."""
    return mp.log(2) + mp.mpf(d) / 2 * mp.log(mp.pi) - mp.loggamma(mp.mpf(d) / 2)
