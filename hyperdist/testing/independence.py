"""Independence of the draws: across the elements of a batch, along the chain, and of exact repeats."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from hyperdist.testing.finding import Finding, bonferroni
from hyperdist.testing.views import View

LAGS = 20
_LEVEL = 64.0 * float(np.finfo(np.float64).eps)
"""Spread of a function of the draws, over its size, that is rounding."""


def _scores(u: np.ndarray) -> np.ndarray:
    """Normal scores of uniforms; the ends are moved inside by less than a rank."""
    edge = 0.25 / u.shape[0]
    return special.ndtri(np.clip(u, edge, 1.0 - edge))


def _correlation(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Correlation of two columns of normals and its exact two-sided p-value; 0 and 1 where one is the same number."""
    if np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return 0.0, 1.0
    r = float(np.corrcoef(x, y)[0, 1])
    t = abs(r) * np.sqrt((x.size - 2) / max(1.0 - r * r, 1e-300))
    return r, float(2.0 * stats.t.sf(t, x.size - 2))


def batch(view: View) -> list[Finding]:
    """No two elements share randomness: correlations of radii, of their distance from the median, of directions.

    The second sees a shared acceptance uniform, which leaves the radii themselves uncorrelated.
    """
    base = view.cube[..., 0] if view.cube is not None else view.pit
    if base is None or base.ndim != 2:
        return []
    n, size = base.shape
    outcomes = []
    columns = [_scores(base), _scores(np.abs(2.0 * base - 1.0))]
    for i in range(size):
        for j in range(i):
            outcomes += [_correlation(column[:, i], column[:, j]) for column in columns]
            if view.directions is not None:
                inner = np.sum(view.directions[:, i] * view.directions[:, j], axis=-1)
                z = float(np.mean(inner) * np.sqrt(n * view.directions.shape[-1]))
                outcomes.append((z / np.sqrt(n), 2.0 * float(stats.norm.sf(abs(z)))))
    statistic, p = bonferroni(outcomes)
    return [Finding("batch", p, statistic, n)]


def factors(views: list[View]) -> list[Finding]:
    """No two factors of a product share randomness: what ``batch`` asks, of each pair of them, element by element."""
    outcomes = []
    bases = [view.cube[..., 0] if view.cube is not None else view.pit for view in views]
    known = [(base, view) for base, view in zip(bases, views, strict=True) if base is not None]
    for i, (base, view) in enumerate(known):
        for other, beside in known[:i]:
            pairs = [np.broadcast_arrays(f(base), f(other)) for f in (_scores, lambda u: _scores(abs(2.0 * u - 1.0)))]
            for a, b in pairs:
                columns = zip(a.reshape(len(a), -1).T, b.reshape(len(b), -1).T, strict=True)
                outcomes += [_correlation(left, right) for left, right in columns]
            if view.directions is not None and beside.directions is not None:
                outcomes += _alignments(view.directions, beside.directions)
    if not outcomes:
        return []
    statistic, p = bonferroni(outcomes)
    return [Finding("factors", p, statistic, len(known[0][0]))]


def _alignments(u: np.ndarray, v: np.ndarray) -> list[tuple[float, float]]:
    """Mean inner products of the leading coordinates of uniform directions, element by element, with their p-values."""
    m = min(u.shape[-1], v.shape[-1])
    inner = np.sum(u[..., :m] * v[..., :m], axis=-1)
    inner = inner.reshape(len(inner), -1)
    # Coordinates of a uniform direction in R^k are uncorrelated, each with the mean square 1/k.
    z = np.mean(inner, axis=0) * np.sqrt(len(inner) * u.shape[-1] * v.shape[-1] / m)
    return [(float(each) / np.sqrt(len(inner)), 2.0 * float(stats.norm.sf(abs(each)))) for each in z]


def ljung_box(series: np.ndarray) -> tuple[float, float]:
    """Ljung and Box's (1978) statistic of the first autocorrelations and its chi-square p-value."""
    n = series.size
    centred = series - series.mean()
    power = float(centred @ centred)
    if power == 0.0:
        return float("inf"), 0.0
    lags = np.arange(1, LAGS + 1)
    correlation = np.array([centred[k:] @ centred[:-k] for k in lags]) / power
    statistic = float(n * (n + 2) * np.sum(correlation**2 / (n - lags)))
    return statistic, float(stats.chi2.sf(statistic, LAGS))


def series_of(x: np.ndarray, view: View | None) -> list[np.ndarray]:
    """One-dimensional functions of the draws, rank-normalised, for the tests along the chain.

    x : (n, *batch, k) draws in any coordinates; the first batch element is followed, in its first coordinate, or where
        rounding has left that one value in another. A function that is the same for all draws, as a uniform density,
        says nothing of them.
    """
    rows = x.reshape(x.shape[0], -1, x.shape[-1])[:, 0]
    values = _values(rows)
    columns = [rows[:, 0 if values[0] > 1.0 else np.argmax(values)]]
    if view is not None and view.pit is not None:
        level = view.pit.reshape(view.pit.shape[0], -1)[:, 0]
        if np.ptp(level) > _LEVEL * np.max(np.abs(level)):
            columns.append(level)
    return [_scores((stats.rankdata(column) - 0.5) / column.size) for column in columns]


def chain(x: np.ndarray, view: View | None) -> list[Finding]:
    """Autocorrelation of the radius and of one coordinate, by a portmanteau test over twenty lags."""
    statistic, p = bonferroni([ljung_box(series) for series in series_of(x, view)])
    return [Finding("chain", p, statistic, x.shape[0])]


def _values(rows: np.ndarray) -> np.ndarray:
    """Standard deviation of each coordinate of rows (n, k), in units of its rounding."""
    rounding = np.spacing(np.median(np.abs(rows), axis=0)).astype(np.float64)
    return np.asarray(np.std(rows, axis=0, dtype=np.float64) / rounding)


def repeats(x: np.ndarray, dtype: str) -> list[Finding]:
    """Exact repeats among the draws, against the number that rounding alone would give (Poisson).

    That number is bounded by ten times the pairs over the cells that rounding leaves in the three widest coordinates.
    A float32 in one or two dimensions repeats by chance too often to say anything.
    """
    rows = x.reshape(x.shape[0], -1, x.shape[-1])[:, 0]
    n, k = rows.shape
    if dtype == "float32" and k <= 2:
        return []
    cells = np.maximum(2.0 * np.sqrt(np.pi) * np.sort(_values(rows))[::-1][:3], 1.0)
    expected = 10.0 * 0.5 * n * n / float(np.prod(cells))
    order = np.argsort(rows[:, 0])
    count = int(np.sum(np.all(rows[order[1:]] == rows[order[:-1]], axis=1)))
    return [Finding("repeats", float(stats.poisson.sf(count - 1, expected)) if count else 1.0, float(count), n)]
