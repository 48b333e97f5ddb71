"""Reference laws of the radius, by mpmath, from nothing of hyperdist.

Each function gives a `tables.Law`; `Table(law)` has its normaliser, averages, tails, quantiles and parameter derivative
to the working precision. `load(name)` reads what `tests/support/reference/generate.py` wrote with them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from mpmath import mp, mpf

from tests.support.tables import Law

REFERENCE = Path(__file__).parent / "reference"


def load(name: str) -> list[dict[str, Any]]:
    """The rows of `tests/support/reference/<name>.json`; numbers that doubles cannot hold stay strings of 25 digits."""
    return json.loads((REFERENCE / f"{name}.json").read_text())["rows"]


def _log_sinh_stride(x: mpf) -> mpf:
    """log sinh is singular at i pi k, until x = 60 where it is linear to 50 digits and only log x is left."""
    return mpf(2) if x < 60 else x / 2


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
        stride=_log_sinh_stride if n else None,
    )


def chi(d: int, s: float) -> Law:
    """Radius of an isotropic normal, exp(-x^2/2s^2) x^(d-1); the wrapped normal's entropy averages log sinhc."""
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
        stride=_log_sinh_stride,
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
    """Absolute angle of the wrapped normal on the circle: a sum over windings (small sigma) or over frequencies.

    The density solves the heat equation d f/d sigma = sigma f'', so d cdf/d sigma = sigma f'(x).
    """
    v, end, sign = mpf(sigma) ** 2, +mp.pi, -1 if reflect else 1
    # Windings k and -k are summed together as cosh, so that f' keeps its digits where it vanishes, at both ends.
    shifts = [end * k for k in range(1 if reflect else 0, 6 + int(8 * sigma), 2)]
    waves = [(k, 2 * sign**k * mp.exp(-k * k * v / 2) / end) for k in range(1, 12)]

    @lru_cache(maxsize=2)
    def derivatives(y: mpf) -> tuple[mpf, mpf, mpf]:
        if sigma < 1.5:
            rows = []
            for a in shifts:
                size = (4 if a else 2) * mp.exp(-(a * a + y * y) / (2 * v)) / mp.sqrt(2 * end * v)
                even, odd = size * mp.cosh(a * y / v), size * mp.sinh(a * y / v)
                square = (a * a + y * y) / v - 1
                rows.append((even, (a * odd - y * even) / v, (square * even - 2 * a * y / v * odd) / v))
            return tuple(mp.fsum(column) for column in zip(*rows, strict=True))
        f = 1 / end + mp.fsum(w * mp.cos(k * y) for k, w in waves)
        first = mp.fsum(-k * w * mp.sin(k * y) for k, w in waves)
        return f, first, mp.fsum(-k * k * w * mp.cos(k * y) for k, w in waves)

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
        # the density's complex zeros lie at pi + i v (k + 1/2); below 0.25 they are where nothing is left to average
        stride=(lambda y: v) if sigma > 0.25 else None,
        reflected=None if reflect else circle(sigma, True),
    )


def _mode(rising: Callable[[mpf], mpf], low: mpf, high: mpf) -> mpf:
    """The zero of a function that falls from + to - on (low, high): bisection, then secant."""
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) > 0 else (low, middle)
    return mp.findroot(rising, (low, high), solver="secant", tol=mpf(10) ** (-2 * mp.dps + 20), verify=False)
