"""Groups of points: colours, legends, colours by value; curves and densities in any model."""

from __future__ import annotations

import numpy as np
import pytest

import hyperdist as hd

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402

from hyperdist import plot  # noqa: E402

RNG = np.random.default_rng(3)
ON_DISC = RNG.uniform(-0.6, 0.6, (12, 2))
ON_SPHERE = hd.SphericalUniform(2).sample((12,), rng=4)
DRAW = {"disc": (plot.disc_points, ON_DISC), "sphere": (plot.sphere_points, ON_SPHERE)}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def colour(artist):
    (found,) = {to_hex(value) for value in artist.get_facecolor()}
    return found


@pytest.fixture(params=DRAW)
def drawn(request):
    return DRAW[request.param]


def test_calls_draw_in_colours_of_their_own(drawn):
    points, x = drawn
    artists = [points(x[i : i + 3]) for i in range(0, 12, 3)]
    assert len({colour(artist) for artist in artists}) == 4
    points(x[:2], color="k")
    assert colour(points(x[:3])) not in {colour(artist) for artist in artists}
    plt.figure()
    assert colour(points(x[:3])) == colour(artists[0])


def test_a_cycle_that_the_user_has_set_is_taken(drawn):
    points, x = drawn
    with plt.rc_context({"axes.prop_cycle": plt.cycler(color=["#000000", "#00ff00"])}):
        assert [colour(points(x[:3])) for _ in range(3)] == ["#000000", "#00ff00", "#000000"]


def test_legends_name_groups_only(drawn):
    points, x = drawn
    points(x[:4], label="one")
    points(x[4:], label="two")
    ax = plt.gca()
    for legend in (ax.legend(), plot.legend(), plot.legend(ax, loc="lower left")):
        assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]
    assert [text.get_text() for text in plt.legend(["a", "b"]).get_texts()] == ["a", "b"]
    dots = [to_hex(line.get_color()) for line in plot.legend(ax).get_lines()]
    assert dots == [colour(artist) for artist in ax.collections if not artist.get_label().startswith("_")]


def test_a_list_of_names_is_for_groups_not_for_the_rim(drawn):
    points, x = drawn
    first, second = points(x[:4]), points(x[4:])
    legend = plt.legend(["near", "far"])
    shown = [to_hex(handle.get_facecolor()[0]) for handle in legend.legend_handles]
    assert shown == [colour(first), colour(second)]


def test_groups_of_one_call(drawn):
    points, x = drawn
    names = np.array(["b", "a", "c"] * 4)
    artists = points(x, groups=names)
    assert [artist.get_label() for artist in artists] == ["a", "b", "c"]
    assert [len(artist.get_offsets()) for artist in artists] == [4, 4, 4]
    assert len({colour(artist) for artist in artists}) == 3
    counted = points(x.reshape(3, 4, -1), groups=np.arange(12).reshape(3, 4) % 2)
    assert [artist.get_label() for artist in counted] == ["0", "1"]


def test_values_are_colours_with_a_bar(drawn):
    points, x = drawn
    values = np.arange(12.0)
    artist = points(x, values=values, cmap="magma", label="depth in km")
    np.testing.assert_array_equal(artist.get_array(), values)
    assert artist.get_cmap().name == "magma"
    assert artist.colorbar.ax.get_ylabel() == "depth in km"
    assert points(x, values=values, colorbar=False, vmin=3.0, vmax=4.0).colorbar is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": np.arange(3)}, "values must have one entry for each of 12 points, got 3"),
        ({"values": [np.nan] * 12}, "values must be finite"),
        ({"groups": ["a"]}, "groups must have one entry for each of 12 points, got 1"),
        ({"groups": ["a"] * 12, "values": np.arange(12)}, "groups must come without values"),
    ],
)
def test_bad_groups_are_named(drawn, options, message):
    points, x = drawn
    with pytest.raises(ValueError, match=message):
        points(x, **options)


def test_nothing_labelled_has_no_legend():
    plot.disc_points([0.1, 0.2])
    with pytest.raises(ValueError, match="ax must show something that has a label"):
        plot.legend()


def test_bars_are_whole_and_inside_the_figure():
    """In a small figure a label used to be cut; a figure that has a layout keeps it."""
    for size in ((3.0, 2.2), (6.4, 4.8)):
        figure = plt.figure(figsize=size)
        image = plot.disc_density(hd.RiemannianNormal([0.1, 0.2], 0.01), figure.gca(), pixels=40)
        figure.canvas.draw()
        box = image.colorbar.ax.get_tightbbox()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
        assert 0 <= box.y0 < box.y1 <= figure.bbox.height
    figure = plt.figure()
    figure.subplots_adjust(right=0.6)
    plot.disc_density(hd.RiemannianNormal([0.1, 0.2], 0.1), figure.add_subplot(), pixels=40)
    assert figure.get_layout_engine() is None


# Models, functions


def test_points_and_geodesics_of_any_model_lie_on_the_disc():
    space = hd.PoincareBall(2.0)
    x = 0.7 * ON_DISC
    for model in ("tangent", "lorentz"):
        there = getattr(space, f"to_{model}")(x)
        artist = plot.disc_points(there, plt.figure().gca(), c=2.0, model=model)
        np.testing.assert_allclose(artist.get_offsets(), x, rtol=1e-12, atol=1e-15)
        arcs = plot.disc_geodesic(there[:6], there[6:], c=2.0, model=model).get_segments()
        np.testing.assert_allclose([arc[0] for arc in arcs], x[:6], rtol=1e-12)
    far = plot.disc_points([[300.0, 400.0]], plt.figure().gca(), c=4.0, model="tangent")
    np.testing.assert_allclose(far.get_offsets(), [[0.3, 0.4]], rtol=1e-9)


@pytest.mark.parametrize("c", [0.0, 0.5, 2.0])
def test_laws_of_any_model_show_one_density(c):
    mu = np.array([0.2, -0.3])
    known = plot.disc_density(hd.WrappedNormal(mu, [0.3, 0.6], c), plt.figure().gca(), pixels=40)
    tangent = hd.WrappedNormal(hd.PoincareBall(c).to_tangent(mu), [0.3, 0.6], c, model="tangent")
    np.testing.assert_allclose(
        plot.disc_density(tangent, plt.figure().gca(), pixels=40).get_array(), known.get_array(), rtol=1e-10
    )


@pytest.mark.parametrize("model", ["poincare", "tangent", "lorentz"])
def test_functions_take_points_of_the_model_they_ask_for(model):
    law = hd.RiemannianNormal([0.2, -0.1], 0.3, 2.0)
    known = plot.disc_density(law, plt.figure().gca(), pixels=40).get_array()
    ax = plot.disc(plt.figure().gca(), c=2.0)
    image = plot.disc_density(lambda x: law.prob(x, model=model), ax, model=model, pixels=40)
    np.testing.assert_allclose(image.get_array(), known, rtol=1e-9, atol=1e-9)
    alone = plot.disc_density(lambda x: law.prob(x, model=model), plt.figure().gca(), c=2.0, model=model, pixels=40)
    np.testing.assert_allclose(alone.get_array(), known, rtol=1e-9, atol=1e-9)


def test_mixtures_of_several_families_and_a_background_are_shown():
    parts = [hd.VonMisesFisher([[0.0, 0.6, 0.8]], [30.0]), hd.SphericalUniform(2)]
    image = plot.sphere_density(hd.Mixture([0.5, 0.5], parts), pixels=40)
    assert image.get_array().min() == pytest.approx(0.5 / (4 * np.pi), rel=1e-3)


@pytest.mark.parametrize(
    ("q", "message"),
    [
        (3, "q must be a law, a flow or a function of points to their density, got 3"),
        (lambda x: x, r"q must give densities of shape \(\d+,\) at points of shape \(\d+, 2\), got shape \(\d+, 2\)"),
        (lambda x: "a", "q must give densities of shape"),
        (lambda x: np.where(x[:, 0] > 0.5, np.nan, 1.0), "q must give densities >= 0 and finite, got nan at the point"),
        (lambda x: x[:, 0], r"q must give densities >= 0 and finite, got -0\.\d+ at the point \[-0"),
        (lambda x: np.full(len(x), np.inf), "q must give densities >= 0 and finite, got inf"),
    ],
)
def test_what_is_no_density_is_named(q, message):
    with pytest.raises(ValueError, match=message):
        plot.disc_density(q, pixels=10)


def test_curvature_and_model_are_asked_for_once():
    law = hd.RiemannianNormal([0.1, 0.2], 0.3)
    with pytest.raises(ValueError, match=r"c must be that of q, 1\.0, got 2\.0"):
        plot.disc_density(law, c=2.0)
    with pytest.raises(ValueError, match="model must be one of poincare, lorentz, tangent, got 'klein'"):
        plot.disc_density(lambda x: x[:, 0], model="klein")
    with pytest.raises(ValueError, match="x must have 3 coordinates"):
        plot.disc_points([[0.1, 0.2]], model="lorentz")
    with pytest.raises(ValueError, match="x must be finite"):
        plot.disc_points([[np.inf, 0.2]], model="tangent")


@pytest.fixture
def double():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.usefixtures("double")
def test_laws_under_jax_are_shown_too():
    """Their draws come from ``rng``, as those of the core."""
    import hyperdist.jax as hj

    mu = np.array([0.3, 0.2])
    for sigma, pixels, tolerance in ((0.3, 20, 1e-10), (1e-3, 50, 0.05)):
        known, image = (
            plot.disc_density(package.RiemannianNormal(mu, sigma), plt.figure().gca(), pixels=pixels).get_array()
            for package in (hd, hj)
        )
        assert image.max() == pytest.approx(known.max(), rel=tolerance)


@pytest.mark.parametrize("groups", [np.array(["a", "b", np.nan], dtype=object), ["a", None, "b"], [1.0, np.nan, 2.0]])
def test_points_without_a_label_are_refused(groups) -> None:
    with pytest.raises(ValueError, match="groups must have a label for every point, got 1 missing of 3"):
        plot.disc_points(np.zeros((3, 2)), groups=groups)
