"""One split of one Earth set: a mixture of von Mises-Fisher laws, a kernel estimate, and their held-out scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import hyperdist as hd
from validation import earth_data

SHARES = (0.0, 0.001, 0.003, 0.01, 0.03, *np.linspace(0.1, 0.9, 9).tolist(), 0.97, 0.99)
"""Shares of the second part of a blend that the validation split chooses from."""
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


def evaluate(folder: str, digest: str, name: str, kind: str, seed: int, settings: Settings) -> dict[str, Any]:
    """Held-out negative log-likelihoods in nats with respect to area on the unit sphere.

    ``digest`` is that of the file, so that results kept from an earlier run are of the same data.
    """
    training, validation, test = earth_data.split(earth_data.load(Path(folder), name), kind, seed)
    x, y, z = (earth_data.unit(part) for part in (training, validation, test))
    mixture, scales = fit(x, y, settings, seed)
    kernel, bandwidths = kernel_score(x, y, z)
    return {
        "set": name, "kind": kind, "seed": seed, "sizes": [len(x), len(y), len(z)],
        "coinciding": earth_data.coinciding(test, training),
        "mixture": float(-np.mean(mixture.log_prob(z))),
        "components": int(mixture.weights.size), "min_scales": scales,
        "kernel": kernel, "bandwidths": bandwidths,
    }  # fmt: skip


def fit(x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> tuple[hd.Mixture, list[float]]:
    """The blend of two fitted mixtures, or the one, that gives y the highest likelihood; and their least scales."""
    distinct = len(np.unique(x, axis=0))
    fitted = {}
    for components, scale, steps in settings.candidates:
        k = min(components, distinct)
        if (k, scale) not in fitted:
            fitted[k, scale] = hd.Mixture.fit(
                x, hd.VonMisesFisher, k, min_scale=scale, starts=settings.starts(k), max_iter=steps,
                tol=settings.tol, rng=[seed, k],
            )  # fmt: skip
    scores = np.stack([mixture.log_prob(y) for mixture in fitted.values()])
    first, second, share = best_blend(scores)
    names = list(fitted)
    if share == 0.0:
        return fitted[names[first]], [names[first][1]]
    return blend(fitted[names[first]], fitted[names[second]], share), [names[first][1], names[second][1]]


def blend(a: hd.Mixture, b: hd.Mixture, share: float) -> hd.Mixture:
    """The mixture of both: b with this share, a with the rest."""
    component = hd.VonMisesFisher(
        np.concatenate([a.component.mu, b.component.mu]), np.concatenate([a.component.kappa, b.component.kappa])
    )
    return hd.Mixture(np.concatenate([(1.0 - share) * a.weights, share * b.weights]), component)


def best_blend(scores: np.ndarray) -> tuple[int, int, float]:
    """(i, j, share of j) of the two log densities of ``scores`` (candidates, n) whose mixture is highest on average."""
    best, choice = -np.inf, (0, 0, 0.0)
    for i, first in enumerate(scores):
        for j, second in enumerate(scores):
            for share in SHARES if i != j else SHARES[:1]:
                with np.errstate(divide="ignore"):
                    value = np.mean(np.logaddexp(np.log1p(-share) + first, np.log(share) + second))
                if value > best:
                    best, choice = value, (i, j, share)
    return choice


def kernel_score(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[float, list[float]]:
    """Score on z of the kernel estimate from x with two bandwidths whose blend is best on y; and those bandwidths."""
    i, j, share = best_blend(kernel_log_density(x, y, BANDWIDTHS))
    first, second = kernel_log_density(x, z, BANDWIDTHS[[i, j]])
    with np.errstate(divide="ignore"):
        value = np.mean(np.logaddexp(np.log1p(-share) + first, np.log(share) + second))
    return -float(value), [float(BANDWIDTHS[i]), float(BANDWIDTHS[j])]


def kernel_log_density(x: np.ndarray, y: np.ndarray, bandwidths: np.ndarray) -> np.ndarray:
    """Log density at y (m, 3) of the mean of von Mises-Fisher kernels about x, (bandwidths, m)."""
    kappa = np.square(1.0 / bandwidths)
    pole = np.array([1.0, 0.0, 0.0])
    peak = hd.VonMisesFisher(pole, kappa).log_prob(pole)
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
