"""Cells of any task: what they ask of it, what they keep of it, what the tables make of that."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from torch import Tensor, nn  # noqa: E402

from hyperdist_torch.experiments import cells, tables  # noqa: E402
from hyperdist_torch.experiments.cells import Cell, Machine  # noqa: E402
from hyperdist_torch.experiments.tasks import Split  # noqa: E402
from hyperdist_torch.flows import SolverError  # noqa: E402
from hyperdist_torch.training import Schedule  # noqa: E402


class Normal(nn.Module):
    """A unit normal whose mean is learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(0.1 * torch.randn(2))

    def log_prob(self, x: Tensor) -> Tensor:
        return -0.5 * (x - self.mean).square().sum(dim=-1) - math.log(2 * math.pi)


@dataclass(frozen=True)
class Plain:
    """Likelihood training, exact likelihoods, one more figure."""

    target: float = 1.0

    @property
    def samples(self) -> None:
        return None

    def settings(self) -> dict[str, Any]:
        return {"target": self.target}

    def data(self, seed: int) -> Split:
        rows = self.target + torch.randn(60, 2, generator=torch.Generator().manual_seed(seed))
        return Split(rows[:40], rows[50:])

    def build(self, training: Tensor) -> Normal:
        return Normal()

    def objective(self, model: Normal, rows: Tensor) -> Tensor:
        return model.log_prob(rows)

    def log_prob(self, model: Normal, rows: Tensor, generator: torch.Generator) -> Tensor:
        assert not torch.is_grad_enabled()
        return model.log_prob(rows)

    def metrics(self, model: Normal, test: Tensor) -> dict[str, float]:
        draws = self.target + torch.randn(500, 2)
        return {"KL": (-0.5 * (draws - self.target).square().sum(dim=-1) - math.log(2 * math.pi)
                       - model.log_prob(draws)).mean().item()}  # fmt: skip

    def save(self, model: Normal, path: Path) -> None:
        torch.save(model.state_dict(), path)

    def load(self, path: Path) -> Normal:
        model = Normal()
        model.load_state_dict(torch.load(path, weights_only=True))
        return model


class Chosen(Plain):
    """With rows to choose the weights by."""

    validate_every, patience = 2, 3

    def data(self, seed: int) -> Split:
        split = super().data(seed)
        return replace(split, validation=split.training[:10])

    def validate(self, model: Normal, validation: Tensor) -> float:
        return -model.log_prob(validation).mean().item()


class Reverse(Plain):
    """Without data: rows are numbers, and the objective draws from the model."""

    def data(self, seed: int) -> Split:
        return replace(super().data(seed), training=torch.arange(40)[:, None])

    def objective(self, model: Normal, rows: Tensor) -> Tensor:
        assert rows.shape[1:] == (1,)
        x = model.mean + torch.randn(len(rows), 2)
        return -0.5 * (x - self.target).square().sum(dim=-1) - model.log_prob(x)


def cell(task: Plain, seed: int = 0, epochs: int = 40, **others: Any) -> Cell[Plain]:
    return Cell("name", "model", "set", task, Schedule(epochs, 20, 0.05, seed), **others)


def run(made: Cell[Plain], out: Path, resume: bool = False) -> dict[str, Any]:
    result = cells.run(made, out, Machine("cpu"), resume)
    assert result is not None
    return result


def test_a_cell_keeps_all_of_its_task(tmp_path: Path) -> None:
    made = cell(Chosen(), published=2.5, published_metrics={"KL": 0.04})
    result = run(made, tmp_path)
    assert result["config"] == {"target": 1.0}
    assert (result["samples"], result["published_metrics"]) == (None, {"KL": 0.04})
    assert len(result["scores"]) == len(result["curve"]) // 2
    assert result["best_epoch"] == 2 * (1 + result["scores"].index(min(result["scores"])))
    assert 0.0 < result["metrics"]["KL"] < 0.2
    assert json.loads((tmp_path / "cells" / "name-seed0.json").read_text()) == result
    test = made.task.data(0).test
    assert result["nll"] == pytest.approx(-cells.trained(made, tmp_path).log_prob(test).mean().item(), rel=1e-6)


def test_a_lost_result_is_found_again(tmp_path: Path) -> None:
    made = cell(Chosen())
    once = run(made, tmp_path)
    again = run(made, tmp_path, resume=True)
    assert {name: again[name] for name in ("nll", "curve", "scores", "metrics")} == {
        name: once[name] for name in ("nll", "curve", "scores", "metrics")
    }


def test_a_mistake_loses_no_result(tmp_path: Path) -> None:
    """Data or a device that is not there is found out before an earlier run is thrown away."""

    class Lost(Plain):
        def data(self, seed: int) -> Split:
            raise FileNotFoundError("no rows")

    made = cell(Plain(), epochs=1)
    once = run(made, tmp_path)
    with pytest.raises(FileNotFoundError, match="no rows"):
        run(cell(Lost(), epochs=1), tmp_path)
    with pytest.raises(ValueError, match="devices must be an integer >= 1, got 0"):
        cells.run(made, tmp_path, Machine("cpu", 0), resume=False)
    assert cells.results(tmp_path) == {made.key: once}
    assert isinstance(cells.trained(made, tmp_path), Normal)


def test_an_objective_without_data(tmp_path: Path) -> None:
    result = run(cell(Reverse()), tmp_path)
    assert result["metrics"]["KL"] < 0.01
    assert "scores" not in result


def test_rows_to_validate_need_a_task_that_does(tmp_path: Path) -> None:
    class Forgetful(Plain):
        def data(self, seed: int) -> Split:
            return Chosen().data(seed)

    with pytest.raises(TypeError, match="Forgetful must have validate, validate_every and patience"):
        run(cell(Forgetful()), tmp_path)


def test_metrics_have_rows_and_a_table(tmp_path: Path) -> None:
    made = [cell(Plain(), seed, epochs=2, published=2.5, published_metrics={"KL": 0.044}) for seed in (0, 1)]
    found = [run(each, tmp_path) for each in made]
    tables.write(tmp_path, "title", found, ["set"], {}, decimals=3)
    written = json.loads((tmp_path / "record.json").read_text())
    likelihood, divergence = written["rows"]
    assert (likelihood["metric"], likelihood["published"]) == (tables.SEEDS, 2.5)
    assert (divergence["metric"], divergence["n"]) == ("KL, mean over seeds, t interval", 2)
    assert divergence["published"] == 0.044
    assert divergence["value"] == pytest.approx((found[0]["metrics"]["KL"] + found[1]["metrics"]["KL"]) / 2)
    assert tables.rows(written["cells"]) == written["rows"]
    page = (tmp_path / "table.md").read_text()
    assert f"## KL\n\n| model | set |\n| --- | --- |\n| model | {divergence['value']:.3f} ± " in page
    assert tables.table(written["cells"], ["set"], 3, "KL") in page
    assert tables.table(written["cells"], ["set"], 3).endswith("| *model, published* | *2.50* |\n")


def test_a_record_stands_for_its_cells(tmp_path: Path) -> None:
    """A folder of which only the record came along: its cells are finished, and stay in the table beside new ones."""
    here, there = tmp_path / "here", tmp_path / "there"
    made = [cell(Chosen(), 0, variant="epochs 40, slow"), cell(Plain(), 1, epochs=2)]
    found = [run(each, here) for each in made]
    tables.write(here, "title", found, ["set"], {})
    there.mkdir()
    for name in ("record.json", "curves.json"):
        (there / name).write_bytes((here / name).read_bytes())
    kept = cells.results(there)
    assert list(kept) == sorted(each.key for each in made)
    for each, result in zip(made, found, strict=True):
        known = {**result, **tables.trained(result), "curve": tables.thinned(result["curve"])}
        assert kept[each.key] == {name: known[name] for name in kept[each.key]}
        assert cells.at_hand(each, here)
        assert not cells.at_hand(each, there)
    tables.write(there, "title", [kept[each.key] for each in made], ["set"], {})
    assert (there / "table.md").read_bytes() == (here / "table.md").read_bytes()
    again = run(made[1], there)
    assert cells.results(there) == {**kept, made[1].key: again}


@pytest.mark.parametrize("text", ['{"cells": [', "[]", '{"cells": [{"row": "A"}], "curves": {}}'])
def test_a_file_that_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(ValueError, match=r"record\.json must be a record of an experiment's cells, or lie elsewhere"):
        cells.results(tmp_path)
    assert (tmp_path / "record.json").read_text() == text


class Stiff(Plain):
    """A flow that no step of the solver can follow."""

    def objective(self, model: Normal, rows: Tensor) -> Tensor:
        raise SolverError("2 of 512 points are not finite")


def test_a_solve_that_fails_is_a_cell_that_diverged(tmp_path: Path) -> None:
    """The other cells of the table are still run."""
    cell = Cell("stiff", "model", "set", Stiff(), Schedule(1, 10, 0.1))
    result = cells.run(cell, tmp_path, Machine("cpu"), resume=False)
    assert result is not None
    assert result["diverged"] == "2 of 512 points are not finite"
    assert math.isnan(result["nll"])


def test_a_metric_of_one_seed_and_of_one_that_diverged() -> None:
    plain = {"row": "A", "column": "x", "variant": "", "seed": 0, "nll": 1.0, "standard_error": 0.1, "n": 9,
             "published": None}  # fmt: skip
    one, none = {**plain, "metrics": {"KL": 0.25}}, {**plain, "row": "B"}
    assert [row["name"] for row in tables.rows([one, none]) if row["metric"].startswith("KL")] == ["A, x"]
    assert tables.table([one, none], ["x"], metric="KL").splitlines()[2:] == ["| A | 0.25 |"]
    broken = {**plain, "seed": 1, "nll": "nan"}
    assert math.isnan(tables.rows([one, broken])[1]["value"])
