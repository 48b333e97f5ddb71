"""Reference values of the radial laws, by mpmath, from nothing of hyperdist.

Every radial law here is a density exp(phi(x)) on [0, end) with one peak. A `Table` cuts the line into panels, walking out from
the mode until phi has dropped by 760 (past 1e-300), and integrates each panel by Gauss-Legendre: the integrands are entire,
so 32 nodes on a panel of at most 3 local scales, or 28 in phi, leave less than 1e-28. Masses are summed from the tail inwards:
every tail keeps its relative accuracy. The upper tail on a compact space is the lower tail of the reflected law, end - x.

`load(name)` reads what `tests/reference/generate.py` wrote with these functions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from mpmath import mp, mpf

REFERENCE = Path(__file__).parent / "reference"
DROP = 760
"""Nats below the peak at which a table ends: log 1e-300 is -691, and exp(-69) is below 1e-29."""


def load(name: str) -> list[dict[str, Any]]:
    """The rows of `tests/reference/<name>.json`; numbers that doubles cannot hold stay strings of 25 digits."""
    return json.loads((REFERENCE / f"{name}.json").read_text())["rows"]


@dataclass(frozen=True)
class Law:
    """A density exp(phi(x)) on [0, end) with one peak, and how its cdf moves with its parameter.

    phi, slope, bend        log kernel and its first two derivatives
    statistic, rate         d phi/d parameter = rate * statistic(x)
    flow                    d cdf/d parameter times the normaliser, where it is known in closed form (then no statistic)
    power                   phi has power * log of the distance to each end; 0 for none
    strip                   phi is singular at x = i pi k too, as log sinh is
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
    strip: bool = False
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
        self.edges = self._walk(-1, width)[::-1] + [law.mode] + self._walk(1, width)
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
            if law.strip:
                step = min(step, 2 if x < 60 else x / 2)
            step = room if step > 0.6 * room else step
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
        """Distance to the end = length * u^q with q (power + 1) >= 16: x^power log x becomes smooth enough for phi's average."""
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


def log_area(d: int) -> mpf:
    """Log area of the unit sphere in R^d."""
    return mp.log(2) + mpf(d) / 2 * mp.log(mp.pi) - mp.loggamma(mpf(d) / 2)


def hyperbolic(d: int, s: float) -> Law:
    """Radius of the Riemannian normal at c = 1: exp(-x^2/2s^2) sinh(x)^(d-1); mode m = s^2 n coth m (DESIGN 3)."""
    n, v = d - 1, mpf(s) ** 2
    mode = mpf(0) if n == 0 else _mode(lambda x: v * n * mp.coth(x) / x - 1, mp.sqrt(v * n), mp.sqrt(v * n) + v * n)
    return Law(
        phi=lambda x: -x * x / (2 * v) + (n * mp.log(mp.sinh(x)) if n else 0),
        slope=lambda x: -x / v + (n * mp.coth(x) if n else 0),
        bend=lambda x: -1 / v - (n / mp.sinh(x) ** 2 if n else 0),
        mode=mode,
        end=mp.inf,
        statistic=lambda x: x * x,
        rate=1 / mpf(s) ** 3,
        power=n,
        strip=n > 0,
    )


def chi(d: int, s: float) -> Law:
    """Radius of an isotropic normal in d dimensions, exp(-x^2/2s^2) x^(d-1); log sinhc is what the wrapped normal averages."""
    n, v = d - 1, mpf(s) ** 2
    return Law(
        phi=lambda x: -x * x / (2 * v) + (n * mp.log(x) if n else 0),
        slope=lambda x: -x / v + (n / x if n else 0),
        bend=lambda x: -1 / v - (n / x**2 if n else 0),
        mode=mp.sqrt(v * n),
        end=mp.inf,
        statistic=lambda x: x * x,
        rate=1 / mpf(s) ** 3,
        power=n,
        strip=True,
        expectations={"mean_log_sinhc": lambda x: mp.log(mp.sinh(x) / x)},
    )


def von_mises_fisher(m: int, kappa: float, reflect: bool = False) -> Law:
    """Angle to the mean of the von Mises-Fisher law on the sphere of R^m: exp(kappa cos x) sin(x)^(m-2) on [0, pi]."""
    n, k = m - 2, mpf(kappa) * (-1 if reflect else 1)
    # cos of the mode solves k (1 - t^2) = n t; the root is written without cancellation
    cosine = mp.sign(k) if n == 0 else 2 * k / (n + mp.sqrt(n * n + 4 * k * k))
    return Law(
        phi=lambda x: k * mp.cos(x) + (n * mp.log(mp.sin(x)) if n else 0),
        slope=lambda x: -k * mp.sin(x) + (n * mp.cot(x) if n else 0),
        bend=lambda x: -k * mp.cos(x) - (n / mp.sin(x) ** 2 if n else 0),
        mode=mp.acos(cosine),
        end=+mp.pi,
        statistic=mp.cos,
        rate=mpf(-1 if reflect else 1),
        power=n,
        reflected=None if reflect else von_mises_fisher(m, kappa, True),
    )


def spherical(d: int, sigma: float, reflect: bool = False) -> Law:
    """Radius of the Riemannian normal on S^d: exp(-x^2/2 sigma^2) sin(x)^(d-1) on [0, pi]."""
    n, v, sign = d - 1, mpf(sigma) ** 2, -1 if reflect else 1
    end = +mp.pi
    near = mpf(0) if n == 0 else _mode(lambda x: v * n * mp.cot(x) - x, mpf(0), end / 2)

    def radius(x: mpf) -> mpf:
        return end - x if reflect else x

    return Law(
        phi=lambda x: -(radius(x) ** 2) / (2 * v) + (n * mp.log(mp.sin(x)) if n else 0),
        slope=lambda x: -sign * radius(x) / v + (n * mp.cot(x) if n else 0),
        bend=lambda x: -1 / v - (n / mp.sin(x) ** 2 if n else 0),
        mode=radius(near),
        end=end,
        statistic=lambda x: radius(x) ** 2,
        rate=1 / mpf(sigma) ** 3,
        power=n,
        reflected=None if reflect else spherical(d, sigma, True),
    )


def circle(sigma: float, reflect: bool = False) -> Law:
    """Absolute angle of the wrapped normal on the circle, on [0, pi]: a sum over windings (small sigma) or over frequencies.

    The density solves the heat equation d f/d sigma = sigma f'', so d cdf/d sigma = sigma f'(x).
    """
    v, end, sign = mpf(sigma) ** 2, +mp.pi, -1 if reflect else 1
    reach = 3 + int(4 * sigma)
    windings = range(-reach, reach + 1)
    frequencies = range(1, 12)

    @lru_cache(maxsize=2)
    def derivatives(y: mpf) -> tuple[mpf, mpf, mpf]:
        if sigma < 1.5:
            points = [(end - y if reflect else y) + 2 * end * k for k in windings]
            terms = [(t, 2 * mp.exp(-t * t / (2 * v)) / mp.sqrt(2 * end * v)) for t in points]
            f = mp.fsum(e for _, e in terms)
            return f, sign * mp.fsum(-t / v * e for t, e in terms), mp.fsum((t * t / v - 1) / v * e for t, e in terms)
        waves = [(k, 2 * sign**k * mp.exp(-k * k * v / 2) / end) for k in frequencies]
        f = 1 / end + mp.fsum(w * mp.cos(k * y) for k, w in waves)
        return f, mp.fsum(-k * w * mp.sin(k * y) for k, w in waves), mp.fsum(-k * k * w * mp.cos(k * y) for k, w in waves)

    def bend(y: mpf) -> mpf:
        f, first, second = derivatives(y)
        return second / f - (first / f) ** 2

    return Law(
        phi=lambda y: mp.log(derivatives(y)[0]),
        slope=lambda y: derivatives(y)[1] / derivatives(y)[0],
        bend=bend,
        mode=end if reflect else mpf(0),
        end=end,
        flow=lambda y: mpf(sigma) * derivatives(y)[1],
        reflected=None if reflect else circle(sigma, True),
    )


def _mode(rising: Callable[[mpf], mpf], low: mpf, high: mpf) -> mpf:
    """The zero of a function that falls from + to - on (low, high): bisection, then secant."""
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) > 0 else (low, middle)
    return mp.findroot(rising, (low, high), solver="secant", tol=mpf(10) ** (-2 * mp.dps + 20), verify=False)
