"""The committed records of the experiments: the tables beside them follow from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from hyperdist_torch.experiments import tables

REPORTS = Path(__file__).parents[2] / "validation" / "reports"
NAMES = ("branching", "mnist", "earth-flows", "vmf", "torus", "hyperbolic")
FOLDERS = [REPORTS / name for name in NAMES if (REPORTS / name / "record.json").exists()]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_table_is_the_record_s(folder: Path) -> None:
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    page = (folder / "table.md").read_text(encoding="utf-8")
    assert tables.table(record["cells"], record["columns"], record.get("decimals", 2)) in page
    again = tables.rows(record["cells"])
    assert again == record["rows"][: len(again)]
    assert {cell["seed"] for cell in record["cells"]} == set(record["seeds"])
