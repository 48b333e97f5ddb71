"""Maximum likelihood in one parameter of an exponential family: match a mean by Newton's method."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike
from hyperdist.radial import quadrature
from hyperdist.radial.base import quiet
from hyperdist.radial.kernel_law import KernelLaw
from hyperdist.radial.von_mises_fisher import KAPPA_MAX, VonMisesFisherRadius

_MAX_STEPS = 200
_BISECTIONS, _SECANTS, _SETTLED = 8, 60, 1e-14
"""The first leave 30/2^8 of log kappa; the others end where it moves less than the last."""
ROUNDING = 64.0 * float(np.finfo(np.float64).eps)
"""What rounding makes of the distance between equal points, over the size of their coordinates."""
EQUAL_DATA = (
    "the data must have a positive spread: with all points of positive weight equal to rounding, sigma = 0; "
    "give min_scale, the least sigma"
)


def one_curvature(c: ArrayLike) -> np.float64:
    """c as a scalar >= 0: one space for all the observations."""
    c = checks.curvature(c)
    if c.ndim:
        raise ValueError(f"c must be a scalar, one space for all observations, got shape {c.shape}")
    return np.float64(c)


def covariance_kind(covariance: str, isotropic: bool = False) -> str:
    """Of "diagonal", "isotropic" and "full" the one that is meant, of the two arguments that say so."""
    checks.choice(covariance, "covariance", ("diagonal", "isotropic", "full"))
    if isotropic and covariance == "full":
        raise ValueError("isotropic=True asks for covariance='isotropic', got covariance='full'")
    return "isotropic" if isotropic else covariance


def least_scale(min_scale: float | None) -> float:
    """The bound that ``min_scale`` sets, 0 for none."""
    return 0.0 if min_scale is None else checks.one_positive(min_scale, "min_scale")


@quiet
def scale_from_second_moment(
    target: np.ndarray, law: Callable[[np.ndarray], KernelLaw], noise: np.ndarray, min_scale: float | None = None
) -> np.ndarray:
    """The sigma whose law has E r^2 = target, (*batch), where exp(-r^2/(2 sigma^2)) is the law's factor.

    Newton's method on log E r^2 in log sigma, d E r^2/d log sigma = Var(r^2)/sigma^2, at most a factor e a step, from
    the flat law's sigma^2 = target/d.
    With ``min_scale`` the best sigma that is no less: the likelihood has one maximum, so that is the bound itself.
    Raises ValueError where target is no more than ``noise``^2, what rounding gives equal points, or above what any
    sigma gives: then the likelihood has no maximum.
    """
    target, narrow, least = np.asarray(target, np.float64), np.asarray(False), np.asarray(0.0)
    if min_scale is not None:
        least = np.asarray(checks.one_positive(min_scale, "min_scale"))
        floor = law(least)._moments()[2]
        narrow = target <= floor
        target = np.where(narrow, floor, target)
    if not (narrow | (target > np.square(noise))).all():
        raise ValueError(EQUAL_DATA)
    log_sigma = 0.5 * np.log(target / law(np.ones_like(target)).d)
    for _ in range(_MAX_STEPS):
        sigma = np.exp(log_sigma)
        kernel, scale = law(sigma)._kernel, law(sigma)._scale
        centre = kernel.centre

        def square(y: np.ndarray, t: np.ndarray, centre: Any = centre) -> np.ndarray:
            return t * (2.0 * centre + t)

        mean, second = quadrature.expectations(kernel, square, lambda y, t: np.square(square(y, t)))
        moment = scale * scale * (centre * centre + mean)
        slope = scale**4 * (second - mean * mean) / (sigma * sigma) / moment
        step = (np.log(target) - np.log(moment)) / slope
        log_sigma = log_sigma + np.clip(step, -1.0, 1.0)
        if (log_sigma > 100).any():
            break
        if (np.abs(step) < 1e-13).all():
            break
    if (log_sigma > 100).any():
        raise ValueError("the data are at least as spread out as the uniform law, so that no finite sigma is best")
    return np.exp(log_sigma) if min_scale is None else np.where(narrow, least, np.exp(log_sigma))


def largest_kappa(min_scale: float | None, of_one: float = 1.0) -> float:
    """The kappa of a law on a sphere that has the scale ``min_scale``, ``of_one`` at scale 1; at most KAPPA_MAX."""
    if min_scale is None:
        return KAPPA_MAX
    scale = checks.one_positive(min_scale, "min_scale")
    # Compared as scales, since the square of a tiny one is no double.
    return of_one / scale**2 if scale > math.sqrt(of_one / KAPPA_MAX) else KAPPA_MAX


@quiet
def concentration_from_resultant(versine: np.ndarray, d: int, min_scale: float | None = None) -> np.ndarray:
    """The kappa of the von Mises-Fisher law on S^d with 1 - A(kappa) = versine, (*batch).

    Newton's method in log kappa from the start of Banerjee et al. (2005), eq. 4.4, at most a factor e a step; on
    log A where A < 1/2 and on log(1 - A) elsewhere, each nearly linear there.
    With ``min_scale`` the best kappa that is no more than 1/min_scale^2; 0 where A = 0.
    """
    versine = np.asarray(versine, np.float64)
    most = np.asarray(largest_kappa(min_scale))
    floor = VonMisesFisherRadius(d, most).mean_versine()
    narrow = versine <= floor
    if min_scale is None and narrow.any():
        raise ValueError(f"the data must have a positive spread: the best kappa is not below {KAPPA_MAX:g}")
    versine = np.where(narrow, floor, versine)
    balanced = versine >= 1.0
    versine = np.where(balanced, 0.5, versine)
    resultant = 1.0 - versine
    squared_rest = versine * (1.0 + resultant)
    log_kappa = np.log(resultant * (d + squared_rest) / squared_rest)
    concentrated = resultant > 0.5
    for _ in range(_MAX_STEPS):
        law = VonMisesFisherRadius(d, np.minimum(np.exp(log_kappa), KAPPA_MAX))
        mean_resultant, mean_versine, variance = law.cosine_moments()
        slope = law.kappa * variance
        gap = np.where(concentrated, np.log(mean_versine / versine), np.log(resultant / mean_resultant))
        step = gap / (slope / np.where(concentrated, mean_versine, mean_resultant))
        log_kappa = log_kappa + np.clip(step, -1.0, 1.0)
        if (np.abs(step) < 1e-13).all():
            break
    return np.where(narrow, most, np.where(balanced, 0.0, np.exp(log_kappa)))


@quiet
def concentration_of_sample(kappa: np.ndarray, versine: np.ndarray, n: int, d: int) -> np.ndarray:
    """The kappa of largest marginal likelihood, that of the resultant's length R alone, of a sample of n.

    kappa : (*batch) that of maximum likelihood, which is larger;  versine : (*batch) 1 - R/n

    It solves A(kappa) = (R/n) A(kappa R), and is 0 where R^2 <= n (Schou 1978, Biometrika 65, eq. 5): n - 1 degrees of
    freedom instead of n, by bisection in log kappa and then secants within the bracket, since the two sides cross once
    below the maximum.
    """
    resultant = 1.0 - versine
    length = n * resultant
    none = length * length <= n

    def excess(log_kappa: np.ndarray) -> np.ndarray:
        own = VonMisesFisherRadius(d, np.minimum(np.exp(log_kappa), KAPPA_MAX))
        other = VonMisesFisherRadius(d, np.minimum(np.exp(log_kappa) * np.maximum(length, 1e-300), KAPPA_MAX))
        concentrated = versine + resultant * other.mean_versine() - own.mean_versine()
        spread = own.mean_resultant_length() - resultant * other.mean_resultant_length()
        return np.where(versine < 0.5, concentrated, spread)

    high = np.log(np.where(none | (kappa == 0.0), 1.0, kappa))
    low = high - 30.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        above = excess(middle) > 0.0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    below, over, last = excess(low), excess(high), np.zeros_like(low)
    found = 0.5 * (low + high)
    for _ in range(_SECANTS):
        # Where the two ends do not differ in sign, as rounding may have it, the middle is as good as any.
        share = np.where((below < 0.0) & (over > 0.0), -below / np.where(over > below, over - below, 1.0), 0.5)
        before, found = found, low + (high - low) * share
        value = excess(found)
        above = value > 0.0
        # An end that stays twice counts half, or the other would creep (Illinois).
        below = np.where(above, np.where(last > 0.0, 0.5 * below, below), value)
        over = np.where(above, value, np.where(last < 0.0, 0.5 * over, over))
        low, high = np.where(above, low, found), np.where(above, found, high)
        last = np.where(above, 1.0, -1.0)
        if (np.abs(found - before) < _SETTLED).all():
            break
    return np.where(none | (kappa == 0.0), 0.0, np.exp(found))
