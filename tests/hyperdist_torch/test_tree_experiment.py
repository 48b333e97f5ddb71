"""The experiment with trees: its methods on what they must recover, a small run whole, the committed record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from hyperdist import Tangent, trees
from hyperdist_torch.experiments import __main__ as command
from hyperdist_torch.experiments import tree_methods, tree_tables
from hyperdist_torch.experiments import trees as experiment
from hyperdist_torch.experiments.tree_methods import Places
from tests.hyperdist.test_trees import random_tree

REPORT = Path(__file__).parents[2] / "validation" / "reports" / "trees"


class Known(Places):
    """Points whose distances stand in for a tree's."""

    points: np.ndarray

    def distances(self, rows):
        return np.asarray(Tangent().dist(self.points[rows][:, None], self.points[None]))


@pytest.mark.parametrize("d", [2, 5])
def test_scaling_recovers_points_from_their_distances(d, rng, monkeypatch):
    """At the right scale cosh of the distances has rank d + 1, and the points come back but for an isometry."""
    x = 0.5 * rng.standard_normal((40, d))
    known = Known(np.arange(40), None, np.zeros((0, 2)), np.zeros(0))
    known.points = x
    diameter = float(known.distances(np.arange(40)).max())
    monkeypatch.setattr(tree_methods, "_SPREADS", (0.5 * diameter, diameter, 2.0 * diameter))
    found, scale = tree_methods.hyperbolic_scaling(known, d)
    assert scale == pytest.approx(1.0)
    true = known.distances(np.arange(40))
    apart = ~np.eye(40, dtype=bool)
    again = np.asarray(Tangent().dist(found[:, None], found[None]))
    np.testing.assert_allclose(again[apart], true[apart], rtol=1e-7)


def test_learning_lowers_the_distortion(rng):
    edges = random_tree(40, rng)
    T = trees.embed(edges, scale=0.7)
    tree = tree_methods.places(T)
    start = T.points("tangent")[tree.nodes]
    before = tree_methods.scores(tree, start, T.scale)
    fitted = tree_methods.maximum_likelihood(tree, start, T.scale, steps=150, batch=512)
    after = tree_methods.scores(tree, fitted.x, fitted.scale)
    assert after.distortion.average < 0.7 * before.distortion.average
    again = tree_methods.maximum_likelihood(tree, start, T.scale, steps=150, batch=512)
    np.testing.assert_array_equal(again.x, fitted.x)


def test_scores_are_those_of_the_embedding(rng):
    edges = [*random_tree(60, rng), (3, 60, 0.0)]
    T = trees.embed(edges, d=3, scale=0.8)
    tree = tree_methods.places(T)
    assert len(tree.nodes) == 60
    found = tree_methods.scores(tree, T.points("tangent")[tree.nodes], T.scale)
    assert found.distortion.worst == pytest.approx(T.distortion().worst, rel=1e-6)
    assert found.distortion.average == pytest.approx(T.distortion().average, rel=1e-8)
    assert found.precision == pytest.approx(T.mean_average_precision(), rel=1e-12)
    own = tree_methods.scores(tree, None, 1.0)
    assert own.distortion[:2] == (1.0, 0.0)
    assert own.precision == pytest.approx(trees.embed(edges, distortion=1 + 1e-9).mean_average_precision(), rel=1e-9)


def test_coordinates_are_right_within_their_reach_and_not_beyond(rng):
    edges = random_tree(200, rng)
    i, j = rng.permuted(np.tile(np.arange(200), (2000, 1)), axis=1)[:, :2].T
    T = trees.embed(edges, scale=1.0)
    for radius, lost in ((15.0, 0.0), (120.0, 0.02)):
        at = trees.embed(edges, scale=radius / float(T.radii().max()))
        for model in ("poincare", "tangent", "lorentz"):
            found = tree_methods.in_coordinates(at, model, np.float64, i, j)
            assert found.lost == lost == 0.0 or found.lost > lost, (radius, model)
            assert found.worst <= 0.01


def folder(path):
    (path / "trees").mkdir()
    rows = "".join(f"{u}\t{v}\t{length}\n" for u, v, length in random_tree(30, np.random.default_rng(0)))
    (path / "trees" / "weevils.edges").write_text(f"u\tv\tlength\n{rows}29\t30\t0\n")
    return path


def test_a_small_run_is_whole_and_goes_on(tmp_path, capsys):
    arguments = ["trees", "--quick", "--data-dir", str(folder(tmp_path)), "--out", str(tmp_path / "out")]
    assert command.main([*arguments, "--list"]) == 0
    assert capsys.readouterr().out.split() == [
        "weevils-d2-construction", "weevils-d2-coordinates", "weevils-d2-h-MDS", "weevils-d2-learnt-from-h-MDS",
        "weevils-d2-learnt-from-the-construction",
    ]  # fmt: skip
    assert command.main(arguments) == 0
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    assert {"command", "commit", "date", "machine", "versions", "seeds", "settings", "rows"} <= set(record)
    worst = next(row for row in record["rows"] if row["metric"] == "worst distortion")
    assert worst["name"] == "weevils, d = 2, construction"
    assert 1.0 < worst["value"] <= 1.01
    assert worst["n"] == 30 * 29 // 2
    table = (tmp_path / "out" / "table.md").read_text()
    assert "| weevils | 2 | construction | 31 | 30 |" in table
    shutil.rmtree(tmp_path / "out" / "cells")
    capsys.readouterr()
    assert command.main([*arguments, "--resume", "--methods", "construction"]) == 0
    assert "worst distortion 1.0" in capsys.readouterr().out
    assert (tmp_path / "out" / "table.md").read_text().count("weevils") == table.count("weevils")
    assert command.main([*arguments, "--resume", "--methods", "construction"]) == 0
    assert capsys.readouterr().out == "1/1 weevils-d2-construction: kept\n"


def test_what_is_wrong_is_said(tmp_path, capsys):
    assert command.main(["trees", "--data-dir", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "mosses.edges is neither in" in capsys.readouterr().err
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "record.json").write_text("{}")
    with pytest.raises(ValueError, match="must be a record, got one without cells, rows"):
        experiment.finished(tmp_path / "bad")


def test_the_table_follows_from_the_record(tmp_path):
    shutil.copy(REPORT / "record.json", tmp_path)
    cells = experiment.finished(tmp_path)
    assert tree_tables.page(cells) == (REPORT / "table.md").read_text(encoding="utf-8")
    made = {(cell["tree"], cell["d"]): tree_tables.values(cell) for cell in cells if cell["method"] == "construction"}
    assert set(made) == {(name, d) for name in trees.TREES for d in experiment.DIMS}
    for found in made.values():
        assert found["worst distortion"] <= found["guaranteed worst distortion"] <= 1.01
    assert made["wordnet-nouns", 2]["seconds"] < 60.0
