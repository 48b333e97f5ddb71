"""Two baselines for densities on the globe: a mixture of von Mises-Fisher laws, and a kernel estimate.

Each is fitted to training points; validation points choose between candidates. Both have ``log_prob``, in nats with
respect to area on the unit sphere, a value a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.distributions import Mixture, VonMisesFisher

SHARES = (0.0, 0.001, 0.003, 0.01, 0.03, *np.linspace(0.1, 0.9, 9).tolist(), 0.97, 0.99)
"""Shares of the second part of a blend that the validation points choose from."""
BANDWIDTHS = np.geomspace(1e-4, 1.0, 25)
"""Bandwidths 1/sqrt(kappa) of the kernel estimate, in radians: 640 m and up."""
_BLOCK = 1 << 18


@dataclass(frozen=True)
class Settings:
    """What is fitted: (number of components, least scale 1/sqrt(kappa) in radians, M-steps at most) of each candidate.

    The more components, the fewer steps: with hundreds it is stopping early that keeps them from fitting single points.
    """

    candidates: tuple[tuple[int, float, int], ...]
    tol: float

    def starts(self, components: int) -> int:
        """Few components need many starts; hundreds, spread by k-means++, hardly differ from start to start."""
        return max(1, min(8, 64 // components))


FULL = Settings(
    (
        (1, 0.1, 40), (10, 0.03, 40), (30, 0.03, 40), (100, 0.03, 20), (300, 0.02, 10), (1000, 0.02, 5),
        (1000, 1e-4, 4),
    ),
    1e-5,
)  # fmt: skip
QUICK = Settings(((1, 0.1, 10), (10, 0.03, 10), (30, 0.01, 10)), 1e-3)


def fit_mixture(training: Any, validation: Any, settings: Settings = FULL, *, seed: int = 0) -> Mixture:
    """The mixture of von Mises-Fisher laws, the blend of at most two fitted ones, that validation points like best.

    training, validation  (n, 3)  unit vectors.
    settings              the candidates; of those with more components than distinct training points, that many.
    returns               float64 ``weights`` (K,), and ``component``, with ``mu`` (K, 3) and ``kappa`` (K,).
    Raises                ValueError where a part is empty or not on the sphere.
    """
    x, y = _points(training, "training"), _points(validation, "validation")
    distinct = len(np.unique(x, axis=0))
    fitted: dict[tuple[int, float], Mixture] = {}
    for components, scale, steps in settings.candidates:
        k = min(components, distinct)
        if (k, scale) not in fitted:
            fitted[k, scale] = Mixture.fit(
                x, VonMisesFisher, k, min_scale=scale, starts=settings.starts(k), max_iter=steps,
                tol=settings.tol, rng=[seed, k],
            )  # fmt: skip
    mixtures = list(fitted.values())
    first, second, share = best_blend(np.stack([mixture.log_prob(y) for mixture in mixtures]))
    return mixtures[first] if share == 0.0 else blend(mixtures[first], mixtures[second], share)


def blend(a: Mixture, b: Mixture, share: float) -> Mixture:
    """The mixture of two mixtures of von Mises-Fisher laws: b with this share, a with the rest."""
    component = VonMisesFisher(
        np.concatenate([a.component.mu, b.component.mu]), np.concatenate([a.component.kappa, b.component.kappa])
    )
    return Mixture(np.concatenate([(1.0 - share) * a.weights, share * b.weights]), component)


@dataclass(frozen=True)
class KernelEstimate:
    """The average of von Mises-Fisher laws about points (n, 3), of two bandwidths in radians.

    ``share`` is that of the second bandwidth: a narrow one for places that come again, a wide one for the rest.
    """

    points: np.ndarray
    bandwidths: tuple[float, float]
    share: float

    @classmethod
    def fit(cls, training: Any, validation: Any) -> KernelEstimate:
        """About training points, with the two of ``BANDWIDTHS`` and the share that validation points like best.

        training, validation  (n, 3)  unit vectors.
        Raises                ValueError where a part is empty or not on the sphere.
        """
        x, y = _points(training, "training"), _points(validation, "validation")
        first, second, share = best_blend(kernel_log_density(x, y, BANDWIDTHS))
        return cls(x, (float(BANDWIDTHS[first]), float(BANDWIDTHS[second])), share)

    def log_prob(self, x: Any) -> np.ndarray:
        """Log density at unit vectors x (n, 3), (n,) in nats."""
        first, second = kernel_log_density(self.points, _points(x, "x"), np.array(self.bandwidths))
        return _log_blend(first, second, self.share)


def kernel_log_density(x: np.ndarray, y: np.ndarray, bandwidths: np.ndarray) -> np.ndarray:
    """Log density at y (m, 3) of the mean of von Mises-Fisher kernels about x (n, 3), (bandwidths, m)."""
    kappa = np.square(1.0 / bandwidths)
    pole = np.array([1.0, 0.0, 0.0])
    peak = VonMisesFisher(pole, kappa).log_prob(pole)
    out = np.empty((len(kappa), len(y)))
    rows = max(1, _BLOCK // len(x))
    for start in range(0, len(y), rows):
        fall = np.minimum(y[start : start + rows] @ x.T - 1.0, 0.0)
        nearest = np.max(fall, axis=1)
        fall -= nearest[:, None]
        for index, k in enumerate(kappa):
            # exp(-600) stands in for all below it: numbers near the underflow are slow.
            total = np.mean(np.exp(np.maximum(k * fall, -600.0)), axis=1)
            out[index, start : start + rows] = np.log(total) + k * nearest + peak[index]
    return out


def best_blend(scores: np.ndarray) -> tuple[int, int, float]:
    """(i, j, share of j) of the two log densities of ``scores`` (candidates, n) whose mixture is highest on average."""
    best, choice = -np.inf, (0, 0, 0.0)
    for i, first in enumerate(scores):
        for j, second in enumerate(scores):
            for share in SHARES if i != j else SHARES[:1]:
                value = np.mean(_log_blend(first, second, share))
                if value > best:
                    best, choice = value, (i, j, share)
    return choice


def _log_blend(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """Log density of the mixture of two, of which the second has this share."""
    with np.errstate(divide="ignore"):
        return np.logaddexp(np.log1p(-share) + first, np.log(share) + second)


def _points(value: Any, name: str) -> np.ndarray:
    """Unit vectors (n, 3), n >= 1, in float64 and of length 1 to its rounding.

    In the cosine of a small angle an error of the length counts in full; the narrowest kernel magnifies it 1e8 times.
    """
    x = checks.points(value, name, 3)
    if x.ndim != 2 or not len(x):
        raise ValueError(f"{name} must have shape (n, 3) with n >= 1, got shape {x.shape}")
    checks.on_sphere(x, name)
    if x.dtype == np.float64:
        return x
    x = x.astype(np.float64)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)
