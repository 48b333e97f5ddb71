"""Cells of an experiment side by side: the same files, records and numbers as one after another."""

from __future__ import annotations

import argparse
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from hyperdist_torch.experiments import branching, cells, earth, hyperbolic, mnist, torus, vmf  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402

TIMES = ("command", "date", "training_seconds", "evaluation_seconds", "machine")


def parsed(module: Any, *arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return parser.parse_args(arguments)


def run(out: Path, *more: str) -> int:
    return main(["branching", "--quick", "--no-pictures", "--cells", "nvae-std1.7", "--out", str(out), *more])


def found(out: Path) -> tuple[set[str], dict[str, Any], Any]:
    """The names of the files, the cells without what times and machines make of them, the rows."""
    names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file() and "tensorboard" not in str(path)}
    results = {path.stem: json.loads(path.read_text()) for path in (out / "cells").iterdir()}
    kept = {key: {k: v for k, v in result.items() if k not in TIMES} for key, result in results.items()}
    return names, kept, json.loads((out / "record.json").read_text())["rows"]


def test_two_processes_and_two_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    serial, together, shared = (tmp_path / name for name in ("serial", "together", "shared"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert run(serial) == 0
        for i in (1, 2):
            assert run(shared, "--shard", f"{i}/2") == 0
    finally:
        torch.set_num_threads(threads)
    assert run(together, "--workers", "2") == 0
    capsys.readouterr()
    assert found(together) == found(serial)
    assert run(shared, "--resume") == 0
    assert capsys.readouterr().out.count(": kept") == len(found(serial)[1]) == 2
    assert found(shared) == found(serial)
    assert run(together, "--workers", "2", "--devices", "2") == 2
    assert "--devices must be 1 with --workers or --scheduler, got 2 on 1 nodes" in capsys.readouterr().err


@pytest.mark.parametrize("module", [branching, mnist, vmf, torus, hyperbolic, earth], ids=lambda m: m.__name__)
def test_every_cell_travels(module: Any) -> None:
    """To another process, with its data still to be read there."""
    if module is earth and "HYPERDIST_DATA" not in os.environ:
        pytest.skip("HYPERDIST_DATA names no folder with the sets")
    args = parsed(module)
    table = module.table_of_cells(args, mnist.rows(args)) if module is mnist else module.table_of_cells(args)
    content = pickle.dumps(table)
    assert len(content) < 10_000_000
    assert [cell.key for cell in pickle.loads(content)] == [cell.key for cell in table]
    if module is earth:
        places = {cell.key: place for place, cell in enumerate(table)}
        assert {key for cell in table for key in cell.after} <= set(places)
        assert any(cell.after for cell in table)


def test_a_worker_that_was_killed_is_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the run that it was part of, without --resume; another run begins anew."""
    seen: list[bool] = []
    monkeypatch.setattr(cells, "run", lambda cell, out, machine, resume, begun: seen.append(resume))
    cell = branching.table_of_cells(parsed(branching))[0]
    (tmp_path / "runs" / cell.key).mkdir(parents=True)
    (tmp_path / "runs" / cell.key / "begun").write_text("this")
    for begun, resume in (("this", False), ("another", False), ("another", True)):
        cells.work(cell, tmp_path, cells.Machine("cpu"), resume, begun)
    assert seen == [True, False, True]
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"]
