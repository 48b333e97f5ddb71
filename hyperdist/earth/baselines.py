"""Baselines for densities on the globe: a mixture of von Mises-Fisher laws, and kernel estimates.

Each is fitted to training points; validation points choose between candidates. Both have ``log_prob``, in nats with
respect to area on the unit sphere, a value a row.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperdist import checks
from hyperdist.arrays.types import ArrayLike, Seed
from hyperdist.distributions import Mixture, VonMisesFisher

SHARES = (0.0, 0.001, 0.003, 0.01, 0.03, *np.linspace(0.1, 0.9, 9).tolist(), 0.97, 0.99)
"""Shares of the second part of a blend that the validation points choose from."""
BANDWIDTHS = np.geomspace(1e-4, 1.0, 25)
"""Bandwidths 1/sqrt(kappa) of the kernel estimate, in radians: 640 m and up."""
FACTORS = np.geomspace(0.05, 3.2, 9)
"""Bandwidths of the variable kernel estimate over the distance to the fifth nearest neighbour."""
FLOORS = np.array([1e-4, 1e-3, 1e-2])
"""Least bandwidths of the variable kernel estimate, in radians."""
_NEIGHBOUR = 5
_BLOCK = 1 << 18


@dataclass(frozen=True)
class Settings:
    """What is fitted: (number of components, least scale 1/sqrt(kappa) in radians, M-steps at most) of each candidate.

    The more components, the fewer steps: with hundreds it is stopping early that keeps them from fitting single points.

    >>> from hyperdist import earth
    >>> settings = earth.Settings(candidates=((1, 0.1, 10), (20, 0.03, 20)), tol=1e-4)
    >>> [settings.starts(components) for components, _, _ in settings.candidates]
    [8, 3]
    """

    candidates: tuple[tuple[int, float, int], ...]
    tol: float

    def starts(self, components: int) -> int:
        """Random starts of a mixture of so many components, 1 to 8.

        Few components need many; hundreds, spread by k-means++, hardly differ from start to start.
        """
        return max(1, min(8, 64 // components))


FULL = Settings(
    (
        (1, 0.1, 40), (10, 0.03, 40), (30, 0.03, 40), (100, 0.03, 20), (300, 0.02, 10), (1000, 0.02, 5),
        (1000, 1e-4, 4),
    ),
    1e-5,
)  # fmt: skip
QUICK = Settings(((1, 0.1, 10), (10, 0.03, 10), (30, 0.01, 10)), 1e-3)


def fit_mixture(training: ArrayLike, validation: ArrayLike, settings: Settings = FULL, *, seed: int = 0) -> Mixture:
    """The mixture of von Mises-Fisher laws, the blend of at most two fitted ones, that validation points like best.

    training, validation  (n, 3)  unit vectors.
    settings              the candidates; of those with more components than distinct training points, that many.
    returns               float64 ``weights`` (K,), and ``component``, with ``mu`` (K, 3) and ``kappa`` (K,).
    Raises                ValueError where a part is empty or not on the sphere.

    >>> import hyperdist as hd
    >>> from hyperdist import earth
    >>> x = hd.VonMisesFisher(earth.unit([[35.0, 139.0], [-33.0, -71.0]]), 50.0).sample(200, rng=0).reshape(-1, 3)
    >>> law = earth.fit_mixture(x[:300], x[300:], earth.Settings(((1, 0.1, 10), (2, 0.1, 10)), 1e-3))
    >>> law.score(x[300:]) > float(hd.SphericalUniform(2).log_prob(x[0]))  # nats an event
    True
    """
    x, y = _points(training, "training"), _points(validation, "validation")
    distinct = len(np.unique(x, axis=0))
    fitted: dict[tuple[int, float], Mixture] = {}
    for components, scale, steps in settings.candidates:
        k = min(components, distinct)
        if (k, scale) not in fitted:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "the best start has not converged: max_iter", RuntimeWarning)
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
    """The average of von Mises-Fisher laws about points (n, 3), each point's of two bandwidths in radians.

    ``bandwidths`` (2, 1) are those of all points, (2, n) of each; ``share`` is that of the second: a narrow one for
    places that come again, a wide one for the rest.
    Raises ValueError where points are not on the sphere, a bandwidth is not positive or the share is not in [0, 1].

    >>> import hyperdist as hd
    >>> from hyperdist import earth
    >>> x = hd.VonMisesFisher([0.0, 0.0, 1.0], 10.0).sample(300, rng=0)
    >>> law = earth.KernelEstimate.fit(x[:200], x[200:])
    >>> law.bandwidths.shape, law.sample(5, rng=0).shape
    ((2, 1), (5, 3))
    >>> high, low = law.log_prob([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    >>> bool(high > low)
    True
    """

    points: np.ndarray
    bandwidths: np.ndarray
    share: float

    def __post_init__(self) -> None:
        n = len(_points(self.points, "points"))
        if checks.positive(self.bandwidths, "bandwidths").shape not in ((2, 1), (2, n)):
            raise ValueError(f"bandwidths must have shape (2, 1) or (2, {n}), got shape {np.shape(self.bandwidths)}")
        checks.single(checks.finite(checks.probability(self.share, "share"), "share"), "share")

    @classmethod
    def fit(cls, training: ArrayLike, validation: ArrayLike, *, variable: bool = False) -> KernelEstimate:
        """About training points, with the two bandwidths and the share that validation points like best.

        training, validation  (n, 3)  unit vectors.
        variable              False chooses from ``BANDWIDTHS``. True also from rules by which the bandwidth of a point
                              grows with the distance to its fifth nearest neighbour (Breiman, Meisel & Purcell 1977,
                              Technometrics 19), times one of ``FACTORS`` and not below one of ``FLOORS``.
        Raises                ValueError where a part is empty or not on the sphere.
        """
        x, y = _points(training, "training"), _points(validation, "validation")
        candidates = BANDWIDTHS[:, None]
        if variable:
            candidates = np.concatenate([np.broadcast_to(candidates, (len(candidates), len(x))), _grown(x)])
        first, second, share = best_blend(kernel_log_density(x, y, candidates))
        return cls(x, candidates[[first, second]], share)

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Log density at unit vectors x (n, 3), (n,) in nats."""
        first, second = kernel_log_density(self.points, _points(x, "x"), self.bandwidths)
        return log_blend(first, second, self.share)

    def sample(self, size: int, rng: Seed = None) -> np.ndarray:
        """Draws (size, 3), size >= 1: a smoothed bootstrap of the points (Silverman & Young 1987, Biometrika 74).

        rng  what ``numpy.random.default_rng`` takes.
        """
        size, generator = checks.dimension(size, "size"), checks.generator(rng)
        rows = generator.integers(len(self.points), size=size)
        narrow, wide = np.broadcast_to(self.bandwidths, (2, len(self.points)))[:, rows]
        bandwidth = np.where(generator.random(size) < self.share, wide, narrow)
        return VonMisesFisher(self.points[rows], np.square(1.0 / bandwidth)).sample(rng=generator)


def _grown(x: np.ndarray) -> np.ndarray:
    """The bandwidths of points x (n, 3) by each rule, (rules, n)."""
    from scipy.spatial import KDTree  # costs more than NumPy itself, and no other function needs it

    chord = KDTree(x).query(x, min(_NEIGHBOUR + 1, len(x)))[0].reshape(len(x), -1)[:, -1]
    distance = 2.0 * np.arcsin(np.minimum(0.5 * chord, 1.0))
    return np.maximum(FACTORS[:, None, None] * distance, FLOORS[:, None]).reshape(-1, len(x))


def kernel_log_density(x: np.ndarray, y: np.ndarray, bandwidths: np.ndarray) -> np.ndarray:
    """Log density at y (m, 3) of the mean of von Mises-Fisher kernels about x (n, 3), (candidates, m).

    bandwidths  (candidates, n), or (candidates, 1) where all points have the same.
    """
    kappa = np.square(1.0 / bandwidths)
    pole = np.array([1.0, 0.0, 0.0])
    peak = VonMisesFisher(pole, kappa).log_prob(pole)
    out = np.empty((len(kappa), len(y)))
    rows = max(1, _BLOCK // len(x))
    for start in range(0, len(y), rows):
        fall = np.minimum(y[start : start + rows] @ x.T - 1.0, 0.0)
        for index, k in enumerate(kappa):
            logs = k * fall + peak[index]
            most = np.max(logs, axis=1, keepdims=True)
            # exp(-600) stands in for all below it: numbers near the underflow are slow.
            total = np.mean(np.exp(np.maximum(logs - most, -600.0)), axis=1)
            out[index, start : start + rows] = np.log(total) + most[:, 0]
    return out


def best_blend(scores: np.ndarray) -> tuple[int, int, float]:
    """(i, j, share of j) of the two log densities of ``scores`` (candidates, n) whose mixture is highest on average."""
    best, choice = -np.inf, (0, 0, 0.0)
    for i, first in enumerate(scores):
        for j, second in enumerate(scores):
            for share in SHARES if i != j else SHARES[:1]:
                value = np.mean(log_blend(first, second, share))
                if value > best:
                    best, choice = value, (i, j, share)
    return choice


def log_blend(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
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
    return checks.unit(checks.on_sphere(x, name).astype(np.float64))
