"""The table of all scales of the Riemannian normal's radius: draws, their derivative, log-normalisers."""

from __future__ import annotations

import numpy as np
import pytest

from hyperdist.radial import calculus, quadrature
from hyperdist.radial.riemannian_normal import HyperbolicKernel
from hyperdist.radial.riemannian_normal.table import END, PiecewiseTable, draw_table

DIMENSIONS = (2, 3, 10, 500)


def exact(d: int, z: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draws and dy/dw by Newton's method and quadrature."""
    from scipy.special import ndtr

    kernel = HyperbolicKernel.at(d, w)
    mass = quadrature.log_mass(kernel)
    y = calculus.quantile(kernel, mass, calculus.centre_tails(kernel, mass), ndtr(-np.abs(z)), z > 0.0, d)
    return y, calculus.slope(kernel, y, y - kernel.centre, calculus.mean_score(kernel))


def scales(table: PiecewiseTable, n: int, rng: np.random.Generator) -> np.ndarray:
    """w of laws inside the table and beyond, at its ends and on the borders of its pieces."""
    x = table._length * np.arange(table._pieces + 1) / table._pieces
    borders = x * (x + 2.0 * table._bend)
    far = table._far**2
    edges = [0.0, 1e-300, 1e-12, np.nextafter(far, 0.0), np.nextafter(far, 2.0 * far), 4.0 * far, 1e12]
    return np.concatenate([borders, edges, (1.2 * table._far * rng.uniform(size=n)) ** 2])


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("rows", [3, 30])
def test_draws_and_their_derivative(d: int, rows: int, rng: np.random.Generator) -> None:
    """At a few and at many draws a law, to the errors that the docstring names; beyond |z| = END to rounding."""
    table = draw_table(HyperbolicKernel, d)
    w = scales(table, 60, rng)
    z = rng.uniform(-END, END, (rows, w.size))
    z[0], z[1] = np.resize([-END, END, -7.0, 7.0, np.nextafter(END, 0.0), 0.0], w.size), 1e-9
    y, slope = table.draws(z.ravel(), w, True)
    assert slope is not None
    with np.errstate(all="ignore"):
        want, want_slope = exact(d, z, w)
    np.testing.assert_allclose(y.reshape(z.shape), want, rtol=1e-8)
    np.testing.assert_allclose(slope.reshape(z.shape), want_slope, rtol=1e-6)
    alone, none = table.draws(z.ravel(), w, False)
    assert none is None
    np.testing.assert_array_equal(alone, y)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_many_draws_of_one_law(d: int, rng: np.random.Generator) -> None:
    """Cut into finer pieces, to the same errors."""
    table = draw_table(HyperbolicKernel, d)
    for w in (0.0, 0.2 * table._far**2, 0.8 * table._far**2):
        z = rng.uniform(-END, END, 3000)
        y, slope = table.draws(z, np.array([w]), True)
        assert slope is not None
        want, want_slope = exact(d, z, np.array([w]))
        np.testing.assert_allclose(y, want, rtol=1e-8)
        np.testing.assert_allclose(slope, want_slope, rtol=1e-6)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_integrals(d: int, rng: np.random.Generator) -> None:
    table = draw_table(HyperbolicKernel, d)
    w = scales(table, 200, rng)
    kernel = HyperbolicKernel.at(d, w)
    with np.errstate(all="ignore"):
        (score,) = quadrature.expectations(kernel, kernel.score)
        want = kernel.log_peak + quadrature.log_mass(kernel), score + kernel.score_at_centre()
    for found, value in zip(table.integrals(w), want, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-10, atol=1e-10)


def test_a_line_has_none() -> None:
    assert HyperbolicKernel.table(1) is None
    assert HyperbolicKernel.table(2) is HyperbolicKernel.table(2)
