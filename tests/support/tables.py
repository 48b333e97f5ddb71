"""One-dimensional laws by quadrature at any precision: what the oracles compute with.

A law is a density exp(phi(x)) on [0, end) with one peak. A `Table` cuts the line into panels, walking out from the
mode until phi has dropped by 760 (past 1e-300), and integrates each panel by Gauss-Legendre: the integrands are
entire, so 32 nodes on a panel of at most 3 local scales, or 28 in phi, leave less than 1e-28. Masses are summed from
the tail inwards, and every tail keeps its relative accuracy. The upper tail on a compact space is the lower tail of
the reflected law, that of end - x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from mpmath import mp, mpf

DROP = 760
"""Nats below the peak at which a table ends: log 1e-300 is -691, and exp(-69) is below 1e-29."""


@dataclass(frozen=True)
class Law:
    """A density exp(phi(x)) on [0, end) with one peak, and how its cdf moves with its parameter.

    phi, slope, bend        log kernel and its first two derivatives
    statistic, rate         d phi/d parameter = rate * statistic(x)
    flow                    d cdf/d parameter times the normaliser, where it is known in closed form (then no statistic)
    power                   phi has power * log of the distance to each end; 0 for none
    stride                  the widest panel that may start at x, where phi has other singular points near the real line
    expectations            more functions of x to average
    reflected               the law of end - x, on compact spaces
    """

    phi: Callable[[mpf], mpf]
    slope: Callable[[mpf], mpf]
    bend: Callable[[mpf], mpf]
    mode: mpf
    end: mpf
    statistic: Callable[[mpf], mpf] = mpf
    rate: mpf = field(default_factory=lambda: mpf(0))
    flow: Callable[[mpf], mpf] | None = None
    power: int = 0
    stride: Callable[[mpf], mpf] | None = None
    expectations: dict[str, Callable[[mpf], mpf]] = field(default_factory=dict)
    reflected: Law | None = None


@lru_cache
def gauss_legendre(order: int, digits: int) -> list[tuple[mpf, mpf]]:
    """Nodes and weights on [-1, 1], by Newton on the three-term recurrence."""
    with mp.workdps(digits + 10):
        rule = []
        for i in range(order):
            z = mp.cos(mp.pi * (i + mpf(3) / 4) / (order + mpf(1) / 2))
            for _ in range(100):
                before, value = mpf(1), z
                for k in range(2, order + 1):
                    before, value = value, ((2 * k - 1) * z * value - (k - 1) * before) / k
                derivative = order * (z * value - before) / (z * z - 1)
                step = value / derivative
                z -= step
                if abs(step) < mpf(10) ** (-digits - 5):
                    break
            rule.append((z, 2 / ((1 - z * z) * derivative**2)))
        return rule


class Table:
    """The masses of a law between panel edges; `order` and `width` are varied to estimate the error."""

    def __init__(self, law: Law, order: int = 32, width: float = 1.0) -> None:
        self.law = law
        self.rule = gauss_legendre(order, mp.dps)
        self.peak = law.phi(law.mode) if law.mode > 0 or mp.isfinite(law.phi(mpf(0))) else mpf(0)
        self.edges = [*self._walk(-1, width)[::-1], law.mode, *self._walk(1, width)]
        self.edges = [x for i, x in enumerate(self.edges) if i == 0 or x > self.edges[i - 1]]
        panels = [self._panel(a, b, all_averages=True) for a, b in pairwise(self.edges)]
        self.total = mp.fsum(row[0] for row in panels)
        names = ["one", "statistic", "statistic_squared", "mean", "second_moment", "phi", *law.expectations]
        self.average = {name: mp.fsum(row[j] for row in panels) / self.total for j, name in enumerate(names)}
        tail = [(row[0], row[1] - self.average["statistic"] * row[0]) for row in panels]
        zero = (mpf(0), mpf(0))
        self.below, self.above = [zero], [zero]
        for low, high in zip(tail, tail[::-1], strict=True):
            self.below.append((self.below[-1][0] + low[0], self.below[-1][1] + low[1]))
            self.above.append((self.above[-1][0] + high[0], self.above[-1][1] + high[1]))
        self.above.reverse()

    def _walk(self, sign: int, width: float) -> list[mpf]:
        law, x, out = self.law, self.law.mode, []
        while (x > 0 if sign < 0 else x < law.end) and law.phi(x) > self.peak - DROP:
            room = x if sign < 0 else law.end - x
            bend, slope = abs(law.bend(x)), abs(law.slope(x))
            step = min(3 * width / mp.sqrt(bend) if bend else mp.inf, 28 * width / slope if slope else mp.inf)
            if law.stride is not None:
                step = min(step, law.stride(x))
            if law.power and room > law.end / 4 and mp.isfinite(law.end):
                step = min(step, room / 2)  # the other end's logarithm is too near for one panel
            elif step > 0.6 * room:
                step = room
            x = x + sign * step if step < room else (mpf(0) if sign < 0 else law.end)
            out.append(x)
            if x in (0, law.end):
                break
        return out

    def _panel(self, a: mpf, b: mpf, all_averages: bool = False) -> list[mpf]:
        """Integrals over (a, b) of the density times 1, the statistic and, if asked, all else that is averaged."""
        law, touches = self.law, all_averages and self.law.power and (a == 0 or b == self.law.end)
        rows = []
        for x, weight in self._end_rule(a, b) if touches else self._plain_rule(a, b):
            phi, t = law.phi(x), law.statistic(x)
            f = weight * mp.exp(phi - self.peak)
            values = [t * t, x, x * x, phi, *(g(x) for g in law.expectations.values())] if all_averages else []
            rows.append([f, f * t, *(f * value for value in values)])
        return [mp.fsum(column) for column in zip(*rows, strict=True)]

    def _plain_rule(self, a: mpf, b: mpf) -> list[tuple[mpf, mpf]]:
        centre, half = (a + b) / 2, (b - a) / 2
        return [(centre + half * node, half * weight) for node, weight in self.rule]

    def _end_rule(self, a: mpf, b: mpf) -> list[tuple[mpf, mpf]]:
        """Distance to the end = length * u^q, q (power + 1) >= 16: smooth enough for the average of x^power log x."""
        q = max(2, 16 // (self.law.power + 1))
        length, rule = b - a, gauss_legendre(2 * len(self.rule), mp.dps)
        nodes = [((1 + node) / 2, weight / 2) for node, weight in rule]
        distances = [(length * u**q, weight * length * q * u ** (q - 1)) for u, weight in nodes]
        return distances if a == 0 else [(b - distance, weight) for distance, weight in distances]

    def log_normaliser(self) -> mpf:
        """Log of the integral of exp(phi)."""
        return self.peak + mp.log(self.total)

    def log_pdf(self, x: mpf) -> mpf:
        """Log density at x."""
        return self.law.phi(x) - self.log_normaliser()

    def tail(self, x: mpf, upper: bool) -> tuple[mpf, mpf]:
        """Mass of the tail at x, and the integral over it of (statistic - mean statistic) times the density."""
        if x <= self.edges[0] or x >= self.edges[-1]:
            return (mpf(1) if upper == (x <= self.edges[0]) else mpf(0), mpf(0))
        k = max(i for i, edge in enumerate(self.edges[:-1]) if edge <= x)
        a, b, base = (x, self.edges[k + 1], self.above[k + 1]) if upper else (self.edges[k], x, self.below[k])
        mass, moment = self._panel(a, b)
        moment -= self.average["statistic"] * mass
        return (base[0] + mass) / self.total, (base[1] + moment) / self.total

    def quantile(self, p: mpf, upper: bool) -> mpf:
        """x whose tail mass is p: Newton on log tail against log x (lower) or x (upper), kept in its panel.

        The log tail of a log-concave law is concave: Newton from the panel's outer edge is monotone.
        """
        masses = [m / self.total for m, _ in (self.above if upper else self.below)]
        inside = [i for i, m in enumerate(masses) if (m > p if upper else m < p)]
        k = max(inside)
        low, high = self.edges[k], self.edges[k + 1]
        x = high if upper or low == 0 else low
        for _ in range(80):
            mass, _ = self.tail(x, upper)
            low, high = (low, x) if (mass > p) != upper else (x, high)
            error = mp.log(mass / p)
            pull = mp.exp(self.log_pdf(x)) / mass
            new = x + error / pull if upper else x * mp.exp(-error / (pull * x))
            if abs(new - x) <= x * mpf(10) ** -30:
                return new
            x = new if low < new < high else (low + high) / 2
        raise ArithmeticError(f"no quantile at {mp.nstr(p)}")

    def parameter_derivative(self, x: mpf) -> mpf:
        """d x/d parameter at fixed cdf: minus (d cdf/d parameter) over the density, over the shorter tail."""
        if self.law.flow is not None:
            return -self.law.flow(x) / mp.exp(self.law.phi(x))
        upper = x > self.average["mean"]
        moment = self.tail(x, upper)[1]
        return (1 if upper else -1) * self.law.rate * moment / mp.exp(self.log_pdf(x))
