"""The committed records of the experiments: the tables beside them follow from them, and each can be gone on with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from hyperdist_torch.experiments import branching, cells, earth, hyperbolic, mnist, tables, torus, vmf

REPORTS = Path(__file__).parents[2] / "validation" / "reports"
EXPERIMENTS = {
    "branching": branching, "mnist": mnist, "earth-flows": earth, "vmf": vmf, "torus": torus, "hyperbolic": hyperbolic,
}  # fmt: skip


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_record_makes_its_table_again(name: str, tmp_path: Path) -> None:
    shutil.copy(REPORTS / name / "record.json", tmp_path)
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    EXPERIMENTS[name].summarise(tmp_path)
    assert (tmp_path / "table.md").read_bytes() == (REPORTS / name / "table.md").read_bytes()
    again = tables.rows(record["cells"])
    for made, kept in zip(again, record["rows"], strict=False):
        # SciPy's quantile of Student's t has changed in its last digits.
        if made["interval95"] is not None:
            assert made["interval95"] == pytest.approx(kept["interval95"], rel=1e-12)
            kept["interval95"] = made["interval95"]
        assert made == kept
    assert 0 < len(again) <= len(record["rows"])
    assert len(cells.results(tmp_path)) == len(record["cells"])
    assert {cell["seed"] for cell in record["cells"]} == set(record["seeds"])
