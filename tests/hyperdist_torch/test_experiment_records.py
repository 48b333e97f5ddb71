"""The committed records of the experiments: the tables beside them follow from them, and each can be gone on with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from hyperdist_torch.experiments import (
    branching,
    cells,
    earth,
    hyperbolic,
    mammals,
    mnist,
    products,
    tables,
    torsion,
    torus,
    vmf,
)

REPORTS = Path(__file__).parents[2] / "validation" / "reports"
EXPERIMENTS = {
    "branching": branching, "mnist": mnist, "earth-flows": earth, "vmf": vmf, "torus": torus, "hyperbolic": hyperbolic,
    "products": products, "torsion": torsion,
}  # fmt: skip


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_record_makes_its_table_again(name: str, tmp_path: Path) -> None:
    shutil.copy(REPORTS / name / "record.json", tmp_path)
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    EXPERIMENTS[name].summarise(tmp_path)  # without the curves
    assert (tmp_path / "table.md").read_bytes() == (REPORTS / name / "table.md").read_bytes()
    again = tables.rows(record["cells"])
    for made, kept in zip(again, record["rows"], strict=False):
        if made["interval95"] is not None:
            low, high = kept["interval95"]
            # SciPy 1.13 has the quantile of Student's t to 1e-10, later ones to the last digits.
            assert made["interval95"] == pytest.approx([low, high], rel=1e-14, abs=1e-9 * (high - low))
            kept["interval95"] = made["interval95"]
        assert made == kept
    assert 0 < len(again) <= len(record["rows"])
    assert len(cells.results(tmp_path)) == len(record["cells"])
    assert {cell["seed"] for cell in record["cells"]} == set(record["seeds"])


def test_record_of_mammals_makes_its_table_again(tmp_path: Path) -> None:
    shutil.copy(REPORTS / "mammals" / "record.json", tmp_path)
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    mammals.summarise(tmp_path)
    assert (tmp_path / "table.md").read_bytes() == (REPORTS / "mammals" / "table.md").read_bytes()
    again = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert again["cells"] == record["cells"]
    assert [row["value"] for row in again["rows"]] == [row["value"] for row in record["rows"]]


@pytest.mark.parametrize("n", [0, 1, 2, 31, 32, 33, 100, 1000])
def test_a_curve_is_thinned_once(n: int) -> None:
    """First and last loss are there, the epochs rise, and thinning again changes nothing."""
    curve = [float(1000 - k) for k in range(n)]
    kept = tables.thinned(curve)
    assert kept["losses"] == [curve[epoch - 1] for epoch in kept["epochs"]]
    assert kept["epochs"] == sorted(set(kept["epochs"]))
    assert len(kept["epochs"]) <= 32
    assert not n or (kept["epochs"][0], kept["epochs"][-1]) == (1, n)
    assert tables.thinned(kept) == kept
    assert tables.thinned(None) is None


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_record_is_small(name: str) -> None:
    """Losses are of at most 32 epochs a cell, whatever was trained."""
    curves = json.loads((REPORTS / name / "curves.json").read_text(encoding="utf-8"))
    assert all(len(curve["epochs"]) <= 32 for curve in curves.values())
    assert "curves" not in json.loads((REPORTS / name / "record.json").read_text(encoding="utf-8"))
    assert (REPORTS / name / "record.json").stat().st_size < 125_000
