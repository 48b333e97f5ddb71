"""The closure below a synset, ranks and precision by hand, Riemannian Adam, and the experiment ``mammals``, quick."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from hyperdist_torch.experiments import mammals  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402
from hyperdist_torch.experiments.riemannian_adam import RiemannianAdam  # noqa: E402

LINKS = [("cat.1", "mammal.1"), ("dog.1", "mammal.1"), ("pug.1", "dog.1"), ("pug.1", "toy.1"), ("toy.1", "dog.1"),
         ("mammal.1", "animal.1"), ("fish.1", "animal.1")]  # fmt: skip
"""A pug is a dog, a toy and a mammal; fish is not below."""


def test_closure_has_all_that_is_above_and_nothing_from_beside() -> None:
    found = mammals.closure(LINKS, "mammal.")
    assert set(found.names) == {"mammal.1", "cat.1", "dog.1", "toy.1", "pug.1"}
    pairs = {(found.names[u], found.names[v]) for u, v in np.argwhere(found.above)}
    assert pairs == {
        ("cat.1", "mammal.1"), ("dog.1", "mammal.1"), ("toy.1", "dog.1"), ("toy.1", "mammal.1"), ("pug.1", "toy.1"),
        ("pug.1", "dog.1"), ("pug.1", "mammal.1"),
    }  # fmt: skip


def test_closure_refuses_circles_and_names_of_none() -> None:
    with pytest.raises(ValueError, match="must not go round in a circle"):
        mammals.closure([*LINKS, ("dog.1", "pug.1")], "mammal.")
    with pytest.raises(ValueError, match=r"root must begin the name of one node, got 'bird.', which begins 0"):
        mammals.closure(LINKS, "bird.")


def test_ranks_and_precision_by_hand() -> None:
    """On a line: 0 has 1 and 3 above it and the rival 2 between them, so ranks 1 and 2, precisions 1 and 2/3."""
    above = np.zeros((4, 4), dtype=bool)
    above[0, [1, 3]] = True
    x = torch.tensor([[0.0], [1.0], [2.0], [3.0]], dtype=torch.float64)
    for c in (0.0, 1.0):
        found = mammals.scores(above, x, c)
        assert found[mammals.RANK] == 1.5
        assert found[mammals.PRECISION] == pytest.approx((1.0 + 2.0 / 3.0) / 2.0, rel=1e-12)


def test_equal_distances_count_against() -> None:
    above = np.zeros((3, 3), dtype=bool)
    above[0, 1] = True
    found = mammals.scores(above, torch.tensor([[0.0], [1.0], [-1.0]], dtype=torch.float64), 1.0)
    assert found[mammals.RANK] == 2.0
    assert found[mammals.PRECISION] == 0.5


@pytest.mark.parametrize("c", [0.0, 1.0])
def test_riemannian_adam_first_step_is_as_long_as_its_rate(c: float) -> None:
    """Whatever the gradient: its moments are its own, and only the row that has one moves, along its geodesic."""
    x = torch.tensor([[0.7, -0.2, 0.4], [1.0, 2.0, 0.0]], dtype=torch.float64)
    points = RiemannianAdam(x, c)
    points.step(torch.tensor([[3.0, -1.0, 50.0], [0.0, 0.0, 0.0]], dtype=torch.float64), 0.05)
    curvature = torch.full((), c, dtype=torch.float64)
    moved = mammals.dist_sq(points.x, x, curvature).sqrt()
    assert moved[0].item() == pytest.approx(0.05, rel=1e-6)
    assert moved[1].item() == 0.0


def test_learning_puts_what_is_above_nearest() -> None:
    """A star of stars with 31 synsets: its mean rank falls below 1.2, from about 8 where points are random."""
    links = [(f"n{i}", "top" if i < 3 else f"n{(i - 1) // 2}") for i in range(1, 31)]
    found = mammals.closure(links, "top")
    learnt = mammals.learn(found.above, 5, 1.0, 0, 300)
    scored = mammals.scores(found.above, learnt.x, 1.0)
    assert scored[mammals.RANK] < 1.2
    assert scored[mammals.PRECISION] > 0.9


def test_leaves_cells_record_and_table_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "trees", tmp_path / "out"
    data.mkdir()
    lines = ["child\tparent\trelation", *(f"{child}\t{parent}\t@" for child, parent in LINKS)]
    (data / "wordnet-nouns.tsv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))

    def run(*more: str) -> int:
        return main(["mammals", "--quick", "--data-dir", str(tmp_path), "--out", str(out), *more])

    assert run() == 0
    assert "5 synsets, 7 pairs" in capsys.readouterr().out
    assert {path.stem for path in (out / "cells").iterdir()} == {"hyperbolic-d2-seed0", "euclidean-d2-seed0"}
    assert run("--resume", "--seeds", "0", "1", "--spaces", "hyperbolic") == 0
    assert "hyperbolic-d2-seed0: kept" in capsys.readouterr().out
    record = json.loads((out / "record.json").read_text())
    row = next(row for row in record["rows"] if row["name"] == "hyperbolic, d = 2")
    assert row["n"] == 2
    assert math.isfinite(row["value"])
    assert "| Euclidean | 2 |" in (out / "table.md").read_text()


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"wordnet-nouns.tsv.gz is neither in"):
        mammals.load(tmp_path)
    (tmp_path / "wordnet-nouns.tsv.gz").write_bytes(gzip.compress(b"child\tparent\trelation\ncat.1\tmammal.1\n"))
    with pytest.raises(ValueError, match="line 2: must have child, parent and relation"):
        mammals.load(tmp_path)
