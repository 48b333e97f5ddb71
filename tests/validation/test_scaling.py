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
    made = json.loads((out / "record.json").read_text())
    found = {(row["name"], row["metric"]): row["value"] for row in made["rows"]}
    assert found["cells on 1", scaling.WALL] == 4.0
    assert found["fit of a mixture on 1", "largest relative error of kappa"] < 6.0 * (3.0 / 5000 / 0.2) ** 0.5
    assert 20.0 < found["fit of a mixture on 1", "largest peak of a worker, MiB"] < 1024.0
    assert [given[0] for given in asked] == ["validation", "hyperdist_torch.experiments"]
    made["rows"] += [{"name": "grid on 2", "metric": name, "value": 4.0} for name in (scaling.WALL, scaling.PROCESSOR)]
    text = scaling.page(made)
    assert "| grid on 2 | 4.0 | 4.0 | 2.00 |" in text
    assert "| cells on 1 | 4.0 | 6.0 | 1.00 |" in text


def test_a_command_that_fails_says_what_it_said():
    with pytest.raises(RuntimeError, match="has ended with 2"):
        scaling._command("validation", "nothing-like-that")
