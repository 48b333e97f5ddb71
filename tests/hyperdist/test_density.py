"""Densities of many points of one law: short forms against mpmath and the general way, and rows off the space."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import hyperdist as hd
from hyperdist.distributions import density

EPS = np.finfo(float).eps
HYPERBOLIC = [hd.RiemannianNormal, hd.WrappedNormal]
DIMENSIONS = (1, 4, 5, 12)
"""Both sides of the switch between columns and whole rows."""


def centre(d: int, r: float) -> np.ndarray:
    direction = np.cos(1.0 + np.arange(d))
    return r * direction / np.linalg.norm(direction)


def points_about(mu: np.ndarray, c: float, rng: np.random.Generator) -> np.ndarray:
    """Close to the centre, the centre itself, the origin, and out to the edge."""
    u = rng.standard_normal((8, mu.size))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    edge = 1.0 / np.sqrt(max(c, 1.0))
    near = mu + np.array([1e-9, 1e-6, 1e-3, 0.05])[:, None] * u[:4]
    return np.concatenate(
        [near, edge * (1.0 - np.array([0.5, 1e-2, 1e-5, 1e-9]))[:, None] * u[4:], mu[None], 0.0 * u[:1]]
    )


def exact(law: Any, x: np.ndarray) -> tuple[Any, Any]:
    """(log density less -log Z, D) of a point of the ball, in the coordinates as they stand, with 60 digits."""
    with mpmath.workdps(60):
        mu, y, c = [mpmath.mpf(v) for v in law.mu], [mpmath.mpf(v) for v in x], mpmath.mpf(float(law.c))
        gap_mu, gap = 1 - c * sum(v * v for v in mu), 1 - c * sum(v * v for v in y)
        apart = [b - a for a, b in zip(mu, y, strict=True)]
        size = sum(v * v for v in apart)
        z = size / (gap * gap_mu)
        k = mpmath.sqrt(c)
        distance = 2 * (mpmath.asinh(k * mpmath.sqrt(z)) / k if c else mpmath.sqrt(z))
        if isinstance(law, hd.RiemannianNormal):
            return -((distance / mpmath.mpf(float(law.sigma))) ** 2) / 2, distance
        sigma = [mpmath.mpf(v) for v in np.broadcast_to(law.sigma, law.mu.shape)]
        vector = [gap_mu * b - c * size * a for a, b in zip(mu, apart, strict=True)]
        length = mpmath.sqrt(sum(v * v for v in vector)) or mpmath.mpf(1)
        square = sum((distance * v / length / s) ** 2 for v, s in zip(vector, sigma, strict=True))
        sinhc = mpmath.sinh(k * distance) / (k * distance) if k * distance else mpmath.mpf(1)
        return -square / 2 - (len(mu) - 1) * mpmath.log(sinhc), distance


def allowed(law: Any, x: np.ndarray, distance: float, value: float, log_z: float) -> float:
    """What rounding of squares does: (d + 8) eps/gap in sinh^2(D/2) gives half of that times 2/sqrt(c) tanh in D."""
    d, c = law.mu.size, float(law.c)
    rounding = (d + 8.0) * EPS * (1.0 / (1.0 - c * x @ x) + 1.0 / (1.0 - c * law.mu @ law.mu))
    reach = np.tanh(0.5 * np.sqrt(c) * distance) / np.sqrt(c) if c else 0.5 * distance
    sigma = float(np.min(law.sigma))
    ratio = distance / sigma
    # v/sigma of several scales: the two terms of the logarithm cancel by e^(2a) at most, a <= 2.
    direction = 60.0 * EPS * ratio * ratio if np.size(law.sigma) > 1 else 0.0
    return (
        rounding * reach * (ratio / sigma + d * np.sqrt(c))
        + direction
        + 4.0 * (d + 4) * EPS * (1.0 + abs(value) + abs(log_z))
    )


@pytest.mark.parametrize("c", [0.0, 1.0, 1.4])
@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("kind", ["RiemannianNormal", "WrappedNormal", "anisotropic"])
def test_hyperbolic_densities(kind: str, d: int, c: float, rng: np.random.Generator) -> None:
    for r, sigma in ((0.0, 0.7), (0.6, 1e-3), (0.5, 1.5)):
        mu = centre(d, r / np.sqrt(max(c, 1.0)))
        family = hd.RiemannianNormal if kind == "RiemannianNormal" else hd.WrappedNormal
        scale = sigma * np.linspace(0.5, 2.0, d) if kind == "anisotropic" else sigma
        law = family(mu, scale, c)
        assert law._fast_density(1, "poincare") is not None
        x, log_z = points_about(mu, c, rng), float(law._log_z)
        for row, value in zip(x, law.log_prob(x), strict=True):
            truth, distance = exact(law, row)
            error = abs(float(mpmath.mpf(float(value)) + mpmath.mpf(log_z) - truth))
            assert error <= allowed(law, row, float(distance), float(truth), log_z), (r, sigma, row)


@pytest.mark.parametrize("m", [2, 4, 5, 30])
@pytest.mark.parametrize("kappa", [0.0, 3.0, 1e8, 1e15])
@pytest.mark.parametrize("length", [1.0, 1.0 + 3e-7])
def test_von_mises_fisher_densities(m: int, kappa: float, length: float, rng: np.random.Generator) -> None:
    law = hd.VonMisesFisher(centre(m, 1.0), kappa)
    mu = law._unit_mu
    steps = rng.standard_normal((6, m))
    x = mu + np.array([0.0, 1e-8, 1e-6, 1e-4, 1e-2, 1.0])[:, None] * steps
    x = np.concatenate([x, -x])
    x *= length / np.linalg.norm(x, axis=1, keepdims=True)
    for row, value in zip(x, law.log_prob(x), strict=True):
        with mpmath.workdps(60):
            a, b = [mpmath.mpf(v) for v in row], [mpmath.mpf(v) for v in mu]
            norm, size = mpmath.sqrt(sum(v * v for v in a)), mpmath.sqrt(sum(v * v for v in b))
            square = sum((v / norm - w / size) ** 2 for v, w in zip(a, b, strict=True))
        fall = 0.5 * kappa * float(square)
        # |x| - 1 is known to (m + 4) eps, and its square, (3e-7)^2, is what is taken out.
        off = 2.0 * (length - 1.0) + (m + 4.0) * EPS
        bound = (m + 8.0) * EPS * (fall + abs(law._log_z) + 1.0 + kappa * off)
        assert abs(float(value) + fall + float(law._log_z)) <= bound, (row, value)


def laws() -> list[tuple[Any, np.ndarray]]:
    rng = np.random.default_rng(5)
    found: list[tuple[Any, np.ndarray]] = []
    for d in (2, 7):
        mu = centre(d, 0.4)
        scales = np.linspace(0.2, 0.6, d)
        several = hd.WrappedNormal(mu, scales), hd.WrappedNormal(mu, 0.5)
        for law in (hd.RiemannianNormal(mu, 0.5, 0.8), hd.RiemannianNormal(mu, 0.5, 0.0), *several):
            found.append((law, law.sample((300,), rng)))
    for m in (3, 9):
        for law in (hd.VonMisesFisher(centre(m, 1.0), 4.0), hd.SphericalRiemannianNormal(centre(m, 1.0), 0.5)):
            found.append((law, law.sample((300,), rng)))
    return found


@pytest.mark.parametrize(("law", "x"), laws(), ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_off_the_space_change_no_others(
    law: Any, x: np.ndarray, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(density, "_SCALARS", 40)
    x = x.astype(dtype)
    clean = law.log_prob(x)
    assert clean.dtype == np.float64
    # What the general way says of every row alone.
    np.testing.assert_allclose(
        clean, [law._log_prob_anywhere(row[None], law._check_model(None))[0] for row in x], rtol=1e-12
    )
    bad = x.copy()
    bad[7], bad[8, 0], bad[100], bad[101, -1] = np.nan, np.nan, 3.0, np.inf
    value = law.log_prob(bad)
    assert np.isnan(value[[7, 8]]).all()
    if getattr(law, "c", 1.0) != 0.0:
        assert value[100] == -np.inf
    assert value[101] == -np.inf
    good = np.setdiff1d(np.arange(300), [7, 8, 100, 101])
    np.testing.assert_array_equal(value[good], clean[good])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_edge_of_the_ball_is_that_of_contains(dtype: type) -> None:
    law, d = hd.RiemannianNormal(centre(6, 0.2), 1.0), 6
    u = np.random.default_rng(1).standard_normal((400, d))
    steps = np.arange(-20, 20, 0.1) * float(np.finfo(dtype).eps)
    x = ((1.0 + steps)[:, None] * u / np.linalg.norm(u, axis=1, keepdims=True)).astype(dtype)
    inside = hd.PoincareBall().contains(x)
    assert 0 < inside.sum() < inside.size
    for rows in (x, x[:1], x[inside]):
        np.testing.assert_array_equal(law.log_prob(rows) > -np.inf, hd.PoincareBall().contains(rows))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_tolerance_of_the_sphere_is_that_of_contains(dtype: type) -> None:
    law, m = hd.VonMisesFisher(centre(6, 1.0), 2.0), 6
    tolerance = 64.0 * float(np.finfo(np.float32).eps) * m**0.5
    u = np.random.default_rng(1).standard_normal((400, m))
    lengths = 1.0 + tolerance * np.linspace(-1.1, 1.1, 400)
    x = (lengths[:, None] * u / np.linalg.norm(u, axis=1, keepdims=True)).astype(dtype)
    inside = hd.Sphere().contains(x)
    assert 0 < inside.sum() < inside.size
    for rows in (x, x[inside], *x[:, None]):
        np.testing.assert_array_equal(law.log_prob(rows) > -np.inf, hd.Sphere().contains(rows))


@pytest.mark.parametrize("shape", [(0,), (3,), (5, 7), (2, 3, 4)])
def test_blocks_keep_shapes(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(density, "_SCALARS", 20)
    rng = np.random.default_rng(3)
    one = hd.RiemannianNormal(centre(5, 0.3), 0.4)
    x = one.sample(shape, rng)
    flat = x.reshape(-1, 5)
    np.testing.assert_allclose(one.log_prob(x).ravel(), [one.log_prob(row) for row in flat], rtol=32 * EPS)
    many = hd.RiemannianNormal(np.stack([centre(5, r) for r in (0.1, 0.5, 0.6)]), [0.2, 0.7, 1.1])
    each = many.log_prob(x[..., None, :])
    assert each.shape == (*shape, 3)
    for j in range(3):
        np.testing.assert_allclose(each[..., j], many[j].log_prob(x), rtol=1e-12)
    # Strided and transposed points are the same points.
    wide = np.zeros((*shape, 10))
    wide[..., ::2] = x
    np.testing.assert_allclose(one.log_prob(wide[..., ::2]), one.log_prob(x), rtol=32 * EPS)
