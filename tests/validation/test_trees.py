"""The check of embedded trees' distances against mpmath: a small run whole, the committed record."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hyperdist import trees
from tests.hyperdist.test_trees import random_tree
from validation import __main__ as command
from validation.record import REPORTS
from validation.trees import LONGEST, TARGET, deepest

pytest.importorskip("arviz")


def test_a_small_run_is_whole(tmp_path, capsys):
    rows = "".join(f"{u}\t{v}\t{length}\n" for u, v, length in random_tree(60, np.random.default_rng(0), reach=5))
    (tmp_path / "weevils.edges").write_text(f"u\tv\tlength\n{rows}")
    arguments = [
        "trees",
        "--data-dir",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
        "--trees",
        "weevils",
        "--pairs",
        "2",
    ]
    assert command.main([*arguments, "--dims", "2", "3"]) == 0
    assert capsys.readouterr().out.count("weevils, d = ") == 2
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    errors = [row for row in record["rows"] if row["metric"] == "largest relative error of a distance"]
    assert [row["n"] for row in errors] == [2, 2]
    assert all(0.0 <= row["value"] <= TARGET for row in errors)


def test_pairs_are_the_deepest_that_are_not_too_long(rng):
    T = trees.embed(random_tree(300, rng, reach=4), distortion=1.01)
    pairs = deepest(T, 5)
    depths = T.depths()[pairs].sum(axis=1)
    assert len(pairs) == 5
    assert (np.diff(depths) <= 0).all()
    assert depths[0] > 1.5 * T.depths().max()
    labels = np.array(T.nodes)
    assert (T.dist(*labels[pairs].T) <= LONGEST).all()


def test_no_folder_is_said(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("HYPERDIST_DATA", raising=False)
    assert command.main(["trees", "--out", str(tmp_path)]) == 2
    assert "give --data-dir" in capsys.readouterr().out


def test_the_record_holds_every_tree():
    record = json.loads((REPORTS / "trees-distances" / "record.json").read_text(encoding="utf-8"))
    errors = {row["name"]: row["value"] for row in record["rows"] if row["metric"].startswith("largest relative error")}
    assert set(errors) == {f"{name}, d = {d}" for name in trees.TREES for d in (2, 10)}
    assert max(errors.values()) <= TARGET
