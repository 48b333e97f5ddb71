"""Closed forms of the reference laws, by mpmath: a second method, with nothing in common with `support.tables`."""

from __future__ import annotations

from mpmath import mp, mpc, mpf


def erf_sum(n: int, s: mpf, x: mpf | None = None, upper: bool = False) -> mpf:
    """int exp(-t^2/2s^2) sinh(t)^n dt over (0, inf), (0, x) or (x, inf): Mathieu et al. 2019, appendix B.3.1.

    Its terms cancel: call it with `erf_digits` more digits than are wanted.
    """
    total, root = mpf(0), mp.sqrt(2)
    for k in range(n + 1):
        a = (n - 2 * k) * s
        if x is None:
            part = mp.erfc(-a / root)
        elif upper:
            part = mp.erfc((x / s - a) / root)
        else:
            part = mp.erf((x / s - a) / root) + mp.erf(a / root)
        total += (-1) ** k * mp.binomial(n, k) * mp.exp(a * a / 2) * part
    return mp.sqrt(mp.pi / 2) * s * mpf(2) ** -n * total


def erf_digits(n: int, s: float, log_value: float) -> int:
    """Digits that the erf sum loses where it has this logarithm: its terms are below s exp((n s)^2/2) times 3."""
    return max(0, int(((n * s) ** 2 / 2 + float(mp.log(s)) + 1 - log_value) / 2.302585)) + 5


def erf_second_moment(n: int, s: mpf) -> mpf:
    """E x^2 = s^3 d log I/ds, each term of the erf sum differentiated; loses the same digits."""
    value = derivative = mpf(0)
    for k in range(n + 1):
        b = n - 2 * k
        weight = (-1) ** k * mp.binomial(n, k)
        grown = mp.exp((b * s) ** 2 / 2) * mp.erfc(-b * s / mp.sqrt(2))
        value += weight * s * grown
        derivative += weight * (grown * (1 + (b * s) ** 2) + s * b * mp.sqrt(2 / mp.pi))
    return s**3 * derivative / value


def complex_erf_sum(n: int, sigma: mpf, x: mpf) -> mpf:
    """int_0^x exp(-t^2/2 sigma^2) sin(t)^n dt: the erf sum at imaginary frequencies."""
    total, root = mpc(0), mp.sqrt(2)
    for k in range(n + 1):
        a = mpc(0, (n - 2 * k) * sigma)
        part = mp.erf((x / sigma - a) / root) + mp.erf(a / root)
        total += (-1) ** k * mp.binomial(n, k) * mp.exp(a * a / 2) * part
    return (mp.sqrt(mp.pi / 2) * sigma * total / mpc(0, 2) ** n).real


def bessel_log_normaliser(m: int, kappa: mpf) -> mpf:
    """log int_0^pi exp(kappa cos r) sin(r)^(m-2) dr: Mardia & Jupp 2000, equation 9.3.4."""
    nu = mpf(m) / 2 - 1
    return mp.log(mp.pi) / 2 + mp.loggamma(nu + mpf(1) / 2) + nu * mp.log(2 / kappa) + mp.log(mp.besseli(nu, kappa))


def bessel_resultant(m: int, kappa: mpf) -> mpf:
    """Mean resultant length I_{m/2}(kappa)/I_{m/2-1}(kappa)."""
    return mp.besseli(mpf(m) / 2, kappa) / mp.besseli(mpf(m) / 2 - 1, kappa)


def continued_fraction_resultant(m: int, kappa: mpf) -> mpf:
    """The same by Gauss's continued fraction kappa/(m + kappa^2/(m + 2 + ...)), from the bottom up."""
    value = mpf(0)
    for j in range(2 * (int(kappa) + 300), -1, -2):
        value = kappa**2 / (m + j + value)
    return value / kappa


def circle_density(angle: mpf, sigma: mpf) -> mpf:
    """Density of |angle|: twice the Jacobi theta function of the wrapped normal (Mardia & Jupp 2000, 3.5.64)."""
    return mp.jtheta(3, angle / 2, mp.exp(-(sigma**2) / 2)) / mp.pi


def circle_cdf(angle: mpf, sigma: mpf) -> mpf:
    """Cdf of |angle| by its Fourier series, integrated term by term."""
    terms = int(mp.sqrt(2 * mp.dps * mp.log(10)) / sigma) + 3
    waves = (mp.exp(-(k * k) * sigma**2 / 2) * mp.sin(k * angle) / k for k in range(1, terms))
    return angle / mp.pi + 2 / mp.pi * mp.fsum(waves)


def circle_second_moment(sigma: mpf) -> mpf:
    """E angle^2 by the same series: pi^2/3 + 4 sum (-1)^k exp(-k^2 sigma^2/2)/k^2."""
    terms = int(mp.sqrt(2 * mp.dps * mp.log(10)) / sigma) + 3
    return mp.pi**2 / 3 + 4 * mp.fsum((-1) ** k * mp.exp(-(k * k) * sigma**2 / 2) / k**2 for k in range(1, terms))
