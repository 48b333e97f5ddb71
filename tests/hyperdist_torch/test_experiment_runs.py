"""Runs of experiments that meet what is there already: damaged files, other runs, other experiments, Ctrl-C."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

import matplotlib as mpl  # noqa: E402
from filelock import FileLock  # noqa: E402

from hyperdist.runs import engine  # noqa: E402
from hyperdist_torch.experiments import cells, earth, options  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402

mpl.use("Agg")

CELL = "nvae-std1.7+quick-seed0"


def branching(out: Path, *more: str) -> int:
    return main(["branching", "--quick", "--no-pictures", "--seeds", "0", "--cells", "nvae-std1.7", "--out", str(out),
                 *more])  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of one cell, which leaves no lock."""
    out = tmp_path_factory.mktemp("runs") / "out"
    assert branching(out) == 0
    assert not (out / ".lock").exists()
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


DAMAGED = {
    "truncated": (lambda text: text[: len(text) // 2], "cannot be read"),
    "empty": (lambda text: "", "cannot be read"),
    "no fields": (lambda text: "{}", "got one without "),
    "another value": (lambda text: "[1, 2]", "got one without "),
    "null": (lambda text: "null", "got one without "),
    "not UTF-8": (lambda text: b"\xff\xfe" + text.encode(), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("name", [f"cells/{CELL}.json", f"runs/{CELL}/evaluation.json"])
def test_damaged_files_are_named(out: Path, name: str, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what is wrong and what to do; done that, the run goes on to the same figure."""
    before = json.loads((out / "cells" / f"{CELL}.json").read_text())["nll"]
    (out / "record.json").unlink()
    path, (change, message) = out / name, DAMAGED[damage]
    changed: Any = change(path.read_text())
    path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    if "runs" in name:
        (out / "cells" / f"{CELL}.json").unlink()
    assert branching(out, "--resume") == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert message in error
    assert "delete it, and it is worked out again" in error
    path.unlink()
    assert branching(out, "--resume") == 0
    assert json.loads((out / "cells" / f"{CELL}.json").read_text())["nll"] == before


def test_two_runs_in_one_folder(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second fails at once, before it throws anything away; the first is not disturbed."""
    kept = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with FileLock(out / ".lock"):
        for arguments in ((), ("--resume",)):
            assert branching(out, *arguments) == 2
            assert f"--out {out} is in use by another run: wait for it" in capsys.readouterr().err
        assert branching(out, "--list") == 0
    (out / ".lock").unlink(missing_ok=True)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == kept


def test_a_run_that_fails_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["mnist", "--quick", "--data-dir", "/nowhere", "--out", str(tmp_path / "a" / "b")]) == 2
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("LOCAL_RANK", "1")  # the processes of further devices run beside the first
    with FileLock(tmp_path / ".lock"):
        assert branching(tmp_path / "none", "--list") == 0
        args = type("Args", (), {"list": False, "out": tmp_path})
        with options.alone(args):  # type: ignore[arg-type]
            pass


@pytest.mark.parametrize("name", ["mnist", "vmf", "torus", "hyperbolic", "earth"])
def test_another_experiment_s_folder(
    out: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any work, not at the first table."""
    monkeypatch.setattr(cells, "run", lambda *_: pytest.fail("it began to work"))
    kept = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert main([name, "--quick", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "--out must be a folder of this experiment, got one with another's result (N-VAE (quick), prior std" in error
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == kept


def test_a_process_that_is_lost_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback: what was lost, and what to do."""

    def lost(*_: Any) -> None:
        raise engine.Lost(CELL)

    monkeypatch.setattr(cells, "work", lost)
    assert branching(tmp_path / "out") == 2
    assert f"{CELL}: its process has ended without a word 3 times" in capsys.readouterr().err


def test_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says how to go on, and the shell's status of an interrupted command; the lock is gone."""

    def interrupted(*_: Any) -> None:
        (tmp_path / "out" / "runs").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(cells, "run", interrupted)
    assert branching(tmp_path / "out") == 130
    lines = capsys.readouterr().err.split("\n")
    assert [line for line in lines if line] == [
        "python -m hyperdist_torch.experiments: interrupted; the same command with --resume goes on from here"
    ]
    assert not (tmp_path / "out" / ".lock").exists()
    assert (tmp_path / "out" / "runs").exists()


def _events(folder: Path) -> Path:
    (folder / "earth").mkdir(parents=True)
    rows = "".join(f"{-60 + i},{(37 * i) % 360 - 180}\n" for i in range(120))
    (folder / "earth" / "volcano.csv").write_text("lat,lon\n" + rows)
    return folder


def test_without_waves_flow_matching_reads_coordinates_and_says_so() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    earth.add_arguments(parser)
    table = earth.table_of_cells(parser.parse_args(["--no-waves", "--seeds", "0"]))
    assert {cell.task.config.features for cell in table} == {"coordinates"}
    matching = {cell.key for cell in table if cell.task.loss == "flow matching"}
    assert matching == {cell.key for cell in table if "no waves" in cell.variant and "tuned" not in cell.name}


@pytest.mark.parametrize("quick", [True, False])
def test_training_rows_are_those_of_the_label(tmp_path: Path, quick: bool) -> None:
    """In the quick setting too; and where there are not so many, nothing is called so."""
    import argparse

    parser = argparse.ArgumentParser()
    earth.add_arguments(parser)
    data = ["--data-dir", str(_events(tmp_path)), *(["--quick"] if quick else [])]
    for size in (1, 50, 96):
        args = parser.parse_args([*data, "--training-rows", str(size)])
        assert len(earth.split("volcano", "random rows", 0, args).training) == size
        cell = next(cell for cell in earth.table_of_cells(args) if cell.column == "volcano")
        assert f"training rows {size}" in cell.variant
    whole = earth.split("volcano", "random rows", 0, parser.parse_args(data))
    assert len(whole.training) == 96
    with pytest.raises(ValueError, match=r"--training-rows must be <= 96, those of volcano \(random rows\), got 97"):
        earth.split("volcano", "random rows", 0, parser.parse_args([*data, "--training-rows", "97"]))
