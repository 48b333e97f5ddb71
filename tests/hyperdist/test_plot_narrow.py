"""A law narrower than a pixel is seen: the picture keeps its mass, and a ring marks its place."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import hyperdist as hd

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.collections import PathCollection  # noqa: E402

from hyperdist import plot  # noqa: E402

PIXELS = 200
TOLERANCE = 0.02
"""Parts that hold under 0.002 of the mass are left whole, and some ten of them stand round a narrow law."""


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def module(name: str) -> ModuleType:
    return sys.modules[f"hyperdist.plot.{name}"]


def chart_of(ax: Any, pixels: int = PIXELS) -> tuple[Any, Any]:
    """(chart, middles of pixels that lie on the space)."""
    drawn = module("disc")._find(ax)
    if drawn is not None:
        return module("disc")._chart(drawn.c, drawn.window, pixels), lambda x: drawn.c * np.sum(x * x, -1) < 1.0
    view = module("_map").find(ax).view
    if isinstance(view, module("_globe").Orthographic):
        return view.chart(pixels), lambda x: np.sum(x * x, -1) < 1.0
    return view.chart(pixels), lambda x: np.sum((x - 0.5) ** 2, -1) < 0.25


def mass_shown(image: Any, pixels: int = PIXELS) -> float:
    """Sum over the pixels of what they show times the volume under them."""
    chart, inside = chart_of(image.axes, pixels)
    rows, columns = chart.shape
    cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    middles = chart.centres(cells, 0)
    beside = np.stack([middles - 0.5 * chart.side, middles, middles + 0.5 * chart.side])
    touched = np.any([inside(x) for x in beside], axis=0)
    volume = np.exp(chart.log_volume(chart.draw_in(middles))) * chart.side.prod()
    return float(np.sum(np.asarray(image.get_array()).reshape(-1) * volume * touched))


def rings(ax: Any) -> np.ndarray:
    """Where rings stand on the paper."""
    found = [a for a in ax.collections if isinstance(a, PathCollection) and a.get_label() == "_nolegend_"]
    return np.concatenate([artist.get_offsets() for artist in found]) if found else np.empty((0, 2))


@pytest.mark.parametrize("sigma", [1.0, 0.1, 0.03, 0.02, 0.01, 1e-3, 1e-6])
@pytest.mark.parametrize("mu", [[0.3, 0.2], [0.0, 0.0], [0.995, 0.0], [0.0, 0.99999]])
def test_mass_on_the_disc_is_one(mu, sigma):
    if sigma == 1.0 and mu[0] + mu[1] > 0.9:
        pytest.skip("wide, and cut by the rim")
    image = plot.disc_density(hd.RiemannianNormal(mu, sigma), pixels=PIXELS)
    assert mass_shown(image) == pytest.approx(1.0, abs=TOLERANCE)
    row, column = np.unravel_index(np.argmax(image.get_array()), (PIXELS, PIXELS))
    assert np.hypot(*(np.array([column, row]) + 0.5 - PIXELS * (np.array(mu) + 1.0) / 2.0)) < 1.5
    assert image.get_clim()[1] == pytest.approx(image.get_array().max())


@pytest.mark.parametrize("distance", [8.0, 20.0, 36.0, 100.0])
def test_law_beyond_the_last_pixel_is_ringed_on_the_rim(distance):
    """A law of the width 1/2 there is e^-distance wide on the paper; beyond 36 no ball coordinates hold it."""
    q = hd.RiemannianNormal([0.6 * distance, -0.8 * distance], 0.5, model="tangent")
    image = plot.disc_density(q, pixels=PIXELS)
    assert mass_shown(image) == pytest.approx(1.0, abs=TOLERANCE)
    np.testing.assert_allclose(rings(image.axes), [[0.6, -0.8]], atol=2e-3)


@pytest.mark.parametrize("projection", ["mollweide", "hammer", "orthographic"])
@pytest.mark.parametrize("kappa", [30.0, 3e3, 1e5, 1e8])
@pytest.mark.parametrize("mu", [[0.6, 0.48, 0.64], [0.8, -0.6, 0.0]])
def test_mass_on_the_sphere_is_one(projection, kappa, mu):
    ax = plt.subplot(projection=None if projection == "orthographic" else projection)
    plot.sphere(ax, projection=projection)
    image = plot.sphere_density(hd.VonMisesFisher(mu, kappa), ax, pixels=PIXELS)
    assert mass_shown(image) == pytest.approx(1.0, abs=TOLERANCE)
    view = module("_map").find(ax).view
    if kappa == 1e8:
        np.testing.assert_allclose(rings(ax), view.place(np.array([mu])), atol=1e-3)


def test_colours_are_those_of_the_rest_where_a_part_is_narrow():
    """Half the mass in one pixel of some 1e-4 would leave nothing of the other half to be seen."""
    wide = hd.RiemannianNormal([-0.3, 0.2], 0.5)
    both = hd.Mixture([0.5, 0.5], hd.RiemannianNormal([[-0.3, 0.2], [0.4, 0.2]], [0.5, 1e-4]))
    image = plot.disc_density(both, pixels=PIXELS)
    assert image.get_clim()[1] == pytest.approx(0.5 * float(wide.prob([-0.3, 0.2])), rel=1e-2)
    assert image.colorbar.extend == "max"
    np.testing.assert_allclose(rings(image.axes), [[0.4, 0.2]], atol=1e-3)
    assert mass_shown(image) == pytest.approx(1.0, abs=TOLERANCE)


def test_law_along_a_line_keeps_its_mass():
    image = plot.disc_density(hd.WrappedNormal([0.2, 0.1], [0.8, 1e-4]), pixels=PIXELS)
    assert mass_shown(image) == pytest.approx(1.0, abs=0.05)


def test_wide_laws_are_shown_at_the_centres_of_pixels():
    for q in (hd.RiemannianNormal([0.3, 0.2], 0.2), hd.RiemannianNormal([0.3, 0.2], 3.0)):
        image = plot.disc_density(q, plt.figure().gca(), pixels=PIXELS)
        chart, _ = chart_of(image.axes)
        cells = np.stack(np.meshgrid(np.arange(PIXELS), np.arange(PIXELS)), axis=-1).reshape(-1, 2)
        expected = q.prob(chart.draw_in(chart.centres(cells, 0)))
        np.testing.assert_allclose(np.asarray(image.get_array()).reshape(-1), expected, rtol=1e-12)
        assert not len(rings(image.axes))


def test_log_density_of_a_narrow_law_shows_its_mean_in_the_pixel():
    log, plain = (
        plot.disc_density(hd.RiemannianNormal([0.3, 0.2], 1e-3), plt.figure().gca(), pixels=PIXELS, log=log)
        for log in (True, False)
    )
    assert np.exp(log.get_array().max()) == pytest.approx(plain.get_array().max())


@pytest.mark.parametrize("sigma", [0.2, 5e-3, 1e-3])
def test_functions_are_found_from_the_centres_of_pixels(sigma):
    law = hd.RiemannianNormal([0.3, 0.2], sigma)
    image = plot.disc_density(lambda x: 7.0 * law.prob(x), pixels=PIXELS)
    assert mass_shown(image) == pytest.approx(7.0, rel=TOLERANCE)
    assert len(rings(image.axes)) == (sigma < 0.01)


def test_what_is_nowhere_to_be_seen_is_said():
    with pytest.warns(UserWarning, match="q has the density 0 at every pixel"):
        plot.disc_density(lambda x: np.zeros(len(x)), pixels=20)
    ax = plot.sphere(plt.figure().gca(), projection="orthographic")
    with pytest.warns(UserWarning, match="q has the density 0 at every pixel"):
        image = plot.sphere_density(hd.VonMisesFisher([-1.0, 0.0, 0.0], 1e8), ax, pixels=20)
    assert image.get_clim() == (0.0, 1.0)
