"""Pictures: what is drawn lies where it should, integrates to one, and bad input is named."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import hyperdist as hd

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from hyperdist import plot  # noqa: E402
from hyperdist.plot import _tiling  # noqa: E402

PIXELS = 400


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def disc_grid(image):
    """Pixel centres (rows, columns, 2) of a picture of the disc."""
    left, right, bottom, top = image.get_extent()
    rows, columns = image.get_array().shape
    x = left + (right - left) * (np.arange(columns) + 0.5) / columns
    y = bottom + (top - bottom) * (np.arange(rows) + 0.5) / rows
    return np.stack(np.meshgrid(x, y), axis=-1)


# The disc


@pytest.mark.parametrize("c", [0.25, 1.0, 9.0])
def test_density_on_the_disc_integrates_to_one(c):
    """The mid-point rule on the pixels with the ball's area element (2/(1 - c |x|^2))^2."""
    edge = 1 / np.sqrt(c)
    q = hd.RiemannianNormal(edge * np.array([0.2, -0.3]), 0.4 * edge, c)
    image = plot.disc_density(q, pixels=PIXELS)
    x = disc_grid(image)
    inside = np.sum(x**2, axis=-1) < (1 - 2 / PIXELS) ** 2 / c
    area = np.where(inside, (2 / (1 - c * np.sum(np.where(inside[..., None], x, 0.0) ** 2, axis=-1))) ** 2, 0.0)
    total = np.sum(image.get_array() * area) * (2 * edge / PIXELS) ** 2
    assert abs(total - 1) < 1e-4


def test_density_on_the_plane_integrates_to_one():
    """Coordinates of the plane are those of a disc of vanishing curvature: lengths are twice theirs."""
    q = hd.RiemannianNormal([1.0, -0.5], 0.25, 0.0)
    image = plot.disc_density(q, pixels=PIXELS)
    left, right, *_ = image.get_extent()
    assert abs(image.get_array().sum() * (2 * (right - left) / PIXELS) ** 2 - 1) < 1e-6


@pytest.mark.parametrize("mu", [[0.6, 0.2], [-0.1, 0.7], [-0.5, -0.5]])
def test_peak_of_the_disc_is_where_mu_is(mu):
    image = plot.disc_density(hd.RiemannianNormal(mu, 0.2), pixels=PIXELS)
    peak = np.unravel_index(np.argmax(image.get_array()), (PIXELS, PIXELS))
    assert np.max(np.abs(disc_grid(image)[peak] - mu)) <= 1.5 / PIXELS


def test_batch_is_shown_as_its_average():
    mu, sigma = np.array([[0.5, 0.0], [0.0, -0.4]]), np.array([0.3, 0.5])
    both = plot.disc_density(hd.RiemannianNormal(mu, sigma), plt.figure().gca(), pixels=50).get_array()
    each = [
        plot.disc_density(hd.RiemannianNormal(m, s), plt.figure().gca(), pixels=50).get_array()
        for m, s in zip(mu, sigma, strict=True)
    ]
    np.testing.assert_allclose(both, np.mean(each, axis=0), rtol=1e-12)


def test_log_density_is_in_nats_and_reaches_the_colour_of_its_end():
    q = hd.RiemannianNormal([0.3, 0.1], 0.1)
    image = plot.disc_density(q, log=True, pixels=64)
    values, grid = image.get_array(), disc_grid(image)
    low, high = image.get_clim()
    assert high - low == pytest.approx(12.0)
    shown = (values > low) & (np.sum(grid**2, axis=-1) < 0.9)
    np.testing.assert_allclose(values[shown], q.log_prob(grid[shown]), rtol=1e-12)
    assert values.min() == pytest.approx(low - 1)


@pytest.mark.parametrize("c", [0.0, 0.5, 4.0])
def test_geodesics_start_end_and_stay_on_the_shortest_path(c):
    rng = np.random.default_rng(5)
    edge = 1 / np.sqrt(c) if c else 1.0
    x, y = edge * rng.uniform(-0.65, 0.65, (2, 7, 2))
    lines = np.stack(plot.disc_geodesic(x, y, c=c).get_segments())
    np.testing.assert_allclose(lines[:, 0], x, atol=1e-14 * edge)
    np.testing.assert_allclose(lines[:, -1], y, atol=1e-13 * edge)
    space = hd.PoincareBall(c)
    there = space.dist(x[:, None], lines) + space.dist(lines, y[:, None])
    np.testing.assert_allclose(there, np.broadcast_to(space.dist(x, y)[:, None], there.shape), rtol=1e-12)


def test_geodesic_ends_broadcast():
    assert len(plot.disc_geodesic([0.0, 0.0], np.full((3, 4, 2), 0.3)).get_segments()) == 12


def test_points_are_drawn_where_they_are():
    x = np.random.default_rng(1).uniform(-0.6, 0.6, (3, 4, 2))
    np.testing.assert_array_equal(plot.disc_points(x).get_offsets(), x.reshape(-1, 2))


def test_no_points_draw_nothing():
    assert len(plot.disc_points(np.empty((0, 2))).get_offsets()) == 0


def test_calls_share_the_current_axes_and_its_curvature():
    q = hd.RiemannianNormal([0.1, 0.2], 0.3, 4.0)
    axes = plot.disc_density(q, pixels=8, colorbar=False).axes
    assert plot.disc_points([0.2, 0.1]).axes is axes
    assert plot.disc_geodesic([0.2, 0.1], [0.0, 0.4], c=4.0).axes is axes
    with pytest.raises(ValueError, match=r"c must be that of the axes, 4\.0, got 1\.0"):
        plot.disc_points([0.0, 0.0], c=1.0)
    with pytest.raises(ValueError, match="ax must be free"):
        plot.disc(axes)


def test_tiling_is_of_geodesics_that_cross_at_right_angles():
    """Normals have product 0 where their lines cross at right angles, and of size >= 1 where they do not cross."""
    normals = _tiling.normals(0.05)
    product = np.abs(-np.outer(normals[:, 0], normals[:, 0]) + normals[:, 1:] @ normals[:, 1:].T)
    np.testing.assert_allclose(np.diag(product), 1.0, atol=1e-9)
    others = product[~np.eye(len(normals), dtype=bool)]
    assert np.all((others < 1e-9) | (others > 1 - 1e-9))
    assert np.any(others < 1e-9)


def test_tiling_ends_on_the_rim_and_has_its_symmetry():
    lines = _tiling.lines()
    np.testing.assert_allclose(np.sum(lines[:, [0, -1]] ** 2, axis=-1), 1.0, rtol=1e-12)
    turn = np.exp(2j * np.pi / 5)
    middle = lines[:, 31, 0] + 1j * lines[:, 31, 1] + lines[:, 32, 0] + 1j * lines[:, 32, 1]
    nearest = np.min(np.abs(middle[:, None] * turn - middle), axis=1)
    assert nearest.max() < 1e-9


# The sphere


@pytest.mark.parametrize("projection", ["mollweide", "hammer"])
def test_map_keeps_areas(projection):
    """The mean of the density over the pixels of the map is 1/(4 pi), wherever the law stands."""
    rows, columns = np.mgrid[:PIXELS, : 2 * PIXELS]
    inside = ((columns + 0.5) / PIXELS - 1) ** 2 + (2 * (rows + 0.5) / PIXELS - 1) ** 2 < 1
    for mu in ([1.0, 0, 0], [0, 0.6, 0.8], [-0.6, 0, -0.8]):
        ax = plot.sphere(plt.figure().add_subplot(projection=projection), projection=projection)
        image = plot.sphere_density(hd.VonMisesFisher(mu, 20.0), ax, pixels=PIXELS, colorbar=False)
        assert image.get_array()[inside].mean() * 4 * np.pi == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("mu", [[0.6, 0.0, 0.8], [0.0, 0.8, -0.6], [0.48, -0.6, 0.64]])
def test_peak_of_the_map_is_where_its_point_is(mu):
    image = plot.sphere_density(hd.VonMisesFisher(mu, 50.0), pixels=PIXELS)
    row, column = np.unravel_index(np.argmax(image.get_array()), (PIXELS, 2 * PIXELS))
    ax = image.axes
    place = plot.sphere_points(mu, ax).get_offsets()[0]
    expected = (ax.transData - ax.transAxes).transform(place)
    np.testing.assert_allclose([(column + 0.5) / (2 * PIXELS), (row + 0.5) / PIXELS], expected, atol=2 / PIXELS)


def test_degrees_become_unit_vectors():
    x = plot.unit_vectors([0, 0, 0, 90, -30], [0, 90, -180, 12, 60])
    np.testing.assert_allclose(
        x,
        [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 1], [np.sqrt(3) / 4, 0.75, -0.5]],
        atol=1e-15,
    )


# Both


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.disc(c=-1.0), r"c must be >= 0, got .*-1"),
        (lambda: plot.disc(c=[1.0, 2.0]), "c must be one number"),
        (lambda: plot.disc(extent=0.0), "extent must be > 0"),
        (lambda: plot.disc_points([0.8, 0.7]), r"x must lie inside the ball.*1\.06"),
        (lambda: plot.disc_points([0.8, 0.7, 0.0]), "x must have 2 coordinates"),
        (lambda: plot.disc_points([np.nan, 0.0]), "x must be finite"),
        (lambda: plot.disc_geodesic([0.1, 0.1], [0.9, 0.9]), "y must lie inside the ball"),
        (lambda: plot.disc_geodesic(np.zeros((2, 2)), np.zeros((3, 2))), "shapes do not broadcast"),
        (lambda: plot.disc_density(hd.RiemannianNormal(np.zeros(3), 1.0)), "q must be a hyperbolic law of dimension 2"),
        (lambda: plot.disc_density(hd.VonMisesFisher([1.0, 0.0], 1.0)), "q must be a hyperbolic law of dimension 2"),
        (lambda: plot.disc_density(hd.ToroidalUniform(2)), "q must be a hyperbolic law of dimension 2"),
        (lambda: plot.disc_density(hd.RiemannianNormal(np.zeros((0, 2)), 1.0)), "q must hold at least one law"),
        (lambda: plot.disc_density(hd.RiemannianNormal([0.0, 0.0], 1.0, [1.0, 2.0])), "c must be one number"),
        (lambda: plot.disc_density(hd.RiemannianNormal([0.0, 0.0], 1.0), pixels=1), "pixels must be an integer >= 2"),
        (lambda: plot.sphere_density(hd.RiemannianNormal(np.zeros(3), 1.0)), "q must be a law on the sphere in R"),
        (lambda: plot.sphere_density(hd.ToroidalUniform(3)), "q must be a law on the sphere in R"),
        (lambda: plot.sphere_density(hd.SphericalUniform(3)), "q must be a law on the sphere in R"),
        (lambda: plot.sphere_points([1.0, 1.0, 0.0]), "x must lie on the unit sphere"),
        (
            lambda: plot.sphere(projection="aitoff"),
            "projection must be one of mollweide, hammer, orthographic, got 'aitoff'",
        ),
        (lambda: plot.sphere(plt.figure().gca()), "ax must have projection mollweide or hammer, got rectilinear"),
        (lambda: plot.unit_vectors(91, 0), r"latitude must lie in \[-90, 90\] degrees, got 91"),
        (lambda: plot.unit_vectors(0, [0, -361]), r"longitude must lie in \[-360, 360\] degrees, got -361"),
        (lambda: plot.unit_vectors([0, 1], [0, 1, 2]), "shapes do not broadcast: latitude"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_every_artist_renders(tmp_path):
    figure = plt.figure(figsize=(8, 4))
    ax = figure.add_subplot(1, 2, 1)
    plot.disc_density(hd.WrappedNormal([0.3, 0.2], [0.2, 0.5]), ax, pixels=40, log=True)
    plot.disc_points([[0.1, 0.2], [0.3, -0.4]], ax, c=1.0, color="k")
    plot.disc_geodesic([0.0, 0.2], [0.5, 0.5], ax, color="k", lw=2)
    ax = figure.add_subplot(1, 2, 2, projection="mollweide")
    plot.sphere_density(hd.SphericalUniform(2), ax, pixels=40, log=True, cmap="magma")
    plot.sphere_points([0.0, 0.0, 1.0], ax)
    figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_missing_matplotlib_names_the_extra():
    code = "import sys; sys.modules['matplotlib'] = None; import hyperdist.plot"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: hyperdist.plot needs Matplotlib: pip install 'hyperdist[plot]'" in run.stderr


def test_a_given_range_is_resolved_under_a_peak_far_above_it():
    """The range lies 42 to 62 nats under the peak, of 100 that the log density falls from pole to pole."""
    q = hd.VonMisesFisher([0.0, 0.0, 1.0], 50.0)
    image = plot.sphere_density(q, log=True, pixels=50, vmin=-60.0, vmax=-40.0)
    values = np.asarray(image.get_array())
    assert np.mean((values > -59.0) & (values < -41.0)) > 0.05
