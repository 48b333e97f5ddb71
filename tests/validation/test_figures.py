"""The report's figures: what is written in them lies on nothing else."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("arviz")

import matplotlib.pyplot as plt

from validation import acceptance, figures


def test_legend_of_the_acceptance_rates_is_struck_by_no_line(monkeypatch):
    monkeypatch.setattr(figures, "address", lambda figure, kind: figure)
    figure = figures.acceptance_curves([acceptance.curve(d, 30) for d in (2, 5)])
    figure.canvas.draw()
    (axis,) = figure.axes
    assert len(axis.get_lines()) == 4
    box = axis.get_legend().get_window_extent()
    assert not box.overlaps(axis.get_window_extent())
    plt.close(figure)
