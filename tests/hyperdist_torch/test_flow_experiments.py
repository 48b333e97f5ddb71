"""The experiments with known targets in their quick setting: what they leave, how they resume, what bad input gets."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

import matplotlib as mpl  # noqa: E402

from hyperdist_torch import flows  # noqa: E402
from hyperdist_torch.experiments import flow_cells, known_cells  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402
from hyperdist_torch.experiments.flow_cells import LIKELIHOOD, MATCHING, REVERSE_KL, FlowTask  # noqa: E402
from hyperdist_torch.experiments.targets import TorusMixture, VonMisesFisherSphere  # noqa: E402
from hyperdist_torch.experiments.tasks import Split  # noqa: E402

mpl.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

SPHERE = flows.FlowConfig("sphere", 2, hidden=4, layers=1, steps=4)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def none(seed: int) -> Split:
    return Split(torch.zeros(4, 1), torch.zeros(4, 3))


@pytest.mark.parametrize(("name", "cells", "published"), [
    ("vmf", ["*-kappa10"], 0.52),
    ("torus", ["riemannian-likelihood-mixture", "wrapped-likelihood-mixture"], None),
    ("hyperbolic", ["wrapped-likelihood-c1"], None),
])  # fmt: skip
def test_quick_run_leaves_record_table_and_picture(
    name: str, cells: list[str], published: float | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--quick", "--out", str(tmp_path), "--cells", *cells]) == 0
    written = read(tmp_path / "record.json")
    rows = {row["metric"]: row for row in written["rows"]}
    assert rows["entropy in nats"]["value"] == pytest.approx({"vmf": 0.535292, "torus": 2.186077}.get(name, 2.743413))
    assert f"{known_cells.EXCESS}, one seed" in rows
    assert published in [row["published"] for row in written["rows"]]
    assert "the floor" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "densities.png").read_bytes()[1:4] == b"PNG"
    kept = sorted((tmp_path / "cells").iterdir())
    before = read(kept[0])
    kept[0].unlink()
    (tmp_path / "record.json").unlink()
    assert main([name, "--quick", "--resume", "--out", str(tmp_path), "--cells", *cells]) == 0
    after = read(kept[0])
    assert (after["nll"], after["curve"], after["metrics"]) == (before["nll"], before["curve"], before["metrics"])
    assert capsys.readouterr().out.count("kept\n") == len(kept) - 1
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "record.json", other)
    assert main([name, "--quick", "--resume", "--out", str(other), "--cells", *cells]) == 0
    assert capsys.readouterr().out.count("kept, figures only\n") == len(kept)
    assert {path.name for path in other.iterdir()} == {"record.json", "curves.json", "table.md"}
    assert (other / "table.md").read_bytes() == (tmp_path / "table.md").read_bytes()


def test_all_cells_have_names_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    for name, count in (("vmf", 12), ("torus", 6), ("hyperbolic", 9)):
        assert main([name, "--list"]) == 0
        names = capsys.readouterr().out.split()
        assert len(names) == len(set(names)) == count
    assert main(["torus", "--list", "--seeds", "3", "3"]) == 0
    assert len(capsys.readouterr().out.split()) == 6


@pytest.mark.parametrize("loss", [LIKELIHOOD, MATCHING, REVERSE_KL])
def test_objectives(loss: str) -> None:
    """A row of numbers for a row of the batch; with a target the rows only count."""
    task = FlowTask(SPHERE, none, loss, VonMisesFisherSphere(10.0))
    flow = task.build(torch.zeros(4, 1))
    found = task.objective(flow, torch.zeros(6, 1))
    assert found.shape == (6,)
    assert found.requires_grad


def test_rows_train_and_validate_without_a_target() -> None:
    task = FlowTask(SPHERE, none)
    flow = task.build(torch.zeros(4, 1))
    x = flow.space.retract(torch.ones(3, 3))
    with torch.no_grad():
        assert task.validate(flow.eval(), x) == pytest.approx(math.log(4.0 * math.pi), abs=1e-5)
    assert task.settings()["target"] is None
    assert task.settings()["evaluation"] == {"kind": "FixedGrid", "steps": 4, "method": "rk4", "checkpoint": False}


def test_figures_of_the_uniform_law() -> None:
    """KL(target to uniform) is log 4 pi minus the entropy; the truncation of a wrapped flow is bounded."""
    law = VonMisesFisherSphere(50.0)
    figures = known_cells.Figures(law, flows.FixedGrid(2), everywhere=True)
    with torch.no_grad():
        found = figures(flows.Flow(SPHERE), law.sample(50))
    assert found[known_cells.EXCESS] == pytest.approx(math.log(4.0 * math.pi) - law.entropy, abs=1e-9)
    assert found[known_cells.MASS] == pytest.approx(1.0, abs=1e-9)
    wrapped = flows.FlowConfig("torus", 2, kind="wrapped", hidden=4, layers=1, steps=2)
    with torch.no_grad():
        found = known_cells.Figures(TorusMixture(), flows.FixedGrid(2))(flows.Flow(wrapped), TorusMixture().sample(9))
    assert 0.0 < found[known_cells.LOST] < 2e-3


def test_bad_input_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="loss must be one of"):
        FlowTask(SPHERE, none, "guess")
    with pytest.raises(ValueError, match="loss 'reverse KL' needs a target"):
        FlowTask(SPHERE, none, REVERSE_KL)
    stereographic = flows.FlowConfig("sphere", 2, kind="stereographic")
    with pytest.raises(ValueError, match="loss 'flow matching' needs a flow of kind 'riemannian', got 'stereographic'"):
        FlowTask(stereographic, none, MATCHING)
    assert main(["torus", "--cells", "nothing"]) == 2
    assert "--cells must fit a name of riemannian-likelihood-checkerboard" in capsys.readouterr().err
    assert flow_cells.LOSSES == (LIKELIHOOD, MATCHING, REVERSE_KL)
