"""Maps of densities on the globe and learning curves: what is drawn is what was given."""

from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

import hyperdist as hd
from hyperdist_torch.experiments import maps

LAW = hd.VonMisesFisher([0.0, 0.6, 0.8], 4.0)


def png(figure: Figure) -> bytes:
    """The figure as a file; drawing it would turn a warning of the layout into an error."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40)
    return file.getvalue()


def test_map_shows_density_and_events(rng: np.random.Generator) -> None:
    figure = Figure(layout="constrained")
    ax = figure.add_subplot(projection="mollweide")
    events, test = LAW.sample(50, rng), LAW.sample(20, rng)
    asked = []

    def log_density(x: np.ndarray) -> np.ndarray:
        asked.append(x)
        return LAW.log_prob(x)

    image = maps.density_map(ax, log_density, events, "one", test=test, pixels=20)
    assert [x.shape for x in asked] == [(40, 3)] * 20
    np.testing.assert_allclose(np.linalg.norm(asked, axis=-1), 1.0, rtol=1e-12)
    low, high = image.get_clim()
    assert np.exp([low, high]) * 4 * np.pi == pytest.approx([1e-2, 1e3])
    shown = image.get_array()
    assert shown is not None
    np.testing.assert_allclose(shown, [LAW.log_prob(x) for x in asked])
    points = [collection.get_offsets() for collection in ax.collections]
    assert [len(x) for x in points] == [50, 20]
    longitude, latitude = np.asarray(points[0]).T
    back = np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])
    np.testing.assert_allclose(back.T, events, atol=1e-12)
    (bar,) = (axes for axes in figure.axes if axes is not ax)
    assert [label.get_text() for label in bar.get_yticklabels()] == [f"$10^{{{p}}}$" for p in range(-2, 4)]
    assert png(figure)[1:4] == b"PNG"


@pytest.mark.parametrize("test", [None, LAW.sample(5, rng=0)], ids=["training", "both"])
def test_maps_share_scale_and_legend(test: np.ndarray | None) -> None:
    panels = {
        title: hd.VonMisesFisher([1.0, 0.0, 0.0], k).log_prob for title, k in (("a", 1.0), ("b", 9.0), ("c", 1e5))
    }
    figure = maps.density_maps(panels, LAW.sample(30, rng=1), test=test, pixels=10, decades=(-1, 2))
    globes = [ax for ax in figure.axes if ax.name == "mollweide"]
    assert [ax.get_title() for ax in globes] == ["a", "b", "c"]
    assert len(figure.axes) == 4
    assert len({ax.images[0].get_clim() for ax in globes}) == 1
    (legend,) = figure.legends
    expected = ["training events", "test events"][: 1 if test is None else 2]
    assert [text.get_text() for text in legend.get_texts()] == expected
    assert png(figure)[1:4] == b"PNG"


def test_learning_curves_show_lines_and_bands() -> None:
    curves: dict[str, list[maps.Point]] = {
        "flow": [(800, 0.5, (0.4, 0.6)), (100, 1.0, (0.8, 1.2)), (700, 0.6, (0.5, 0.7))],
        "kernel estimate": [(100, 1.4, None), (800, 0.9, None)],
    }
    figure = maps.learning_figure({"flood": curves, "fire": {"flow": curves["flow"]}})
    flood, fire = figure.axes
    flow, kernel = flood.lines
    assert flow.get_xydata() == pytest.approx(np.array([[100, 1.0], [700, 0.6], [800, 0.5]]))
    assert (flow.get_linestyle(), kernel.get_linestyle()) == ("-", "--")
    (band,) = flood.collections
    low, high = band.get_paths()[0].vertices.min(axis=0), band.get_paths()[0].vertices.max(axis=0)
    assert [*low, *high] == pytest.approx([100, 0.4, 800, 1.2])
    # 700 would run into 800.
    assert [tick.get_text() for tick in flood.get_xticklabels()] == ["100", "800"]
    assert flood.get_xscale() == fire.get_xscale() == "log"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["flow", "kernel estimate"]
    assert flood.get_legend() is None
    assert png(figure)[1:4] == b"PNG"


def test_learning_curve_of_one_size() -> None:
    figure = Figure(layout="constrained")
    ax = figure.add_subplot()
    maps.learning_curves(ax, {"flow": [(100, 1.0, (0.9, 1.1))]}, "volcano")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["100"]
    assert ax.get_legend() is not None
    assert png(figure)[1:4] == b"PNG"


def test_nothing_to_show_is_an_error() -> None:
    with pytest.raises(ValueError, match="panels must hold at least one"):
        maps.density_maps({}, LAW.sample(3, rng=0))
    with pytest.raises(ValueError, match="panels must hold at least one"):
        maps.learning_figure({})
