"""The same work on several processes: what is told of it, and a fit that is small enough."""

from __future__ import annotations

import json

import pytest

from validation import scaling
from validation.__main__ import main


def test_a_little_fit_is_told(tmp_path, monkeypatch):
    """With commands that do nothing for the others."""
    pytest.importorskip("distributed")
    pytest.importorskip("lightning")
    asked = []
    monkeypatch.setattr(scaling, "_command", lambda *given: asked.append(given) or scaling.Done(8.0 / len(asked), 6.0))
    for part in ("grid", "cells"):
        done = scaling.PARTS[part][1]
        monkeypatch.setitem(scaling.PARTS, part, (part, done, "numpy"))
    out = tmp_path / "scaling"
    options = ["--rows", "5000", "--processes", "1", "--quick", "--out", str(out)]
    assert main(["scaling", *options]) == 0
    assert not list(tmp_path.glob(".*/*.json"))
    made = json.loads((out / "record.json").read_text())
    found = {(row["name"], row["metric"]): row["value"] for row in made["rows"]}
    assert found["cells on 1", scaling.WALL] == 4.0
    assert found["fit of a mixture on 1", "largest relative error of kappa"] < 6.0 * (3.0 / 5000 / 0.2) ** 0.5
    assert 20.0 < found["fit of a mixture on 1", "largest peak of a worker, MiB"] < 1024.0
    assert [given[0] for given in asked] == ["validation", "hyperdist_torch.experiments"]
    told = (scaling.WALL, scaling.PROCESSOR, scaling.LOAD)
    made["rows"] = [row for row in made["rows"] if row["metric"] != scaling.LOAD]
    made["rows"] += [{"name": "grid on 2", "metric": name, "value": 4.0} for name in told]
    made["rows"] += [{"name": f"{part} on 1", "metric": scaling.LOAD, "value": 0.5} for part in ("grid", "cells")]
    text = scaling.page(made)
    assert "| grid on 2 | 4.0 | 4.0 | 4.0 | 1.50 |" in text
    assert "| cells on 1 | 4.0 | 6.0 | 0.5 |  |" in text


def test_an_interrupted_run_keeps_what_it_has_timed(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    done = []

    def work(processes, rows, quick):
        if processes == 2 and len(done) < 2:
            done.append(0)
            raise KeyboardInterrupt
        done.append(processes)
        return scaling.Done(4.0 / processes, 4.0)

    monkeypatch.setitem(scaling.PARTS, "grid", ("grid", work, "numpy"))
    command = ["scaling", "--only", "grid", "--rows", "5000", "--out", str(tmp_path / "scaling")]
    assert main(command) == 130
    assert "--resume" in capsys.readouterr().out
    assert not (tmp_path / "scaling").exists()
    assert main([*command, "--resume"]) == 0
    assert done == [1, 0, 2]
    made = json.loads((tmp_path / "scaling" / "record.json").read_text())
    assert [row["value"] for row in made["rows"] if row["metric"] == scaling.WALL] == [4.0, 2.0]
    assert main([*command, "--rows", "6000", "--resume"]) == 0  # other settings, timed anew
    assert done == [1, 0, 2, 1, 2]


def test_a_part_that_fails_is_told_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    def work(processes, rows, quick):
        raise RuntimeError("no such cell")

    monkeypatch.setitem(scaling.PARTS, "grid", ("grid", work, "numpy"))
    assert main(["scaling", "--only", "grid", "--out", str(tmp_path / "scaling")]) == 1
    assert "no such cell" in capsys.readouterr().out
    assert not (tmp_path / "scaling").exists()


def test_a_command_that_fails_says_what_it_said():
    with pytest.raises(RuntimeError, match="has ended with 2"):
        scaling._command("validation", "nothing-like-that")
