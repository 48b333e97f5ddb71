"""Sampling and fitting for long, cut short."""

from __future__ import annotations

import json
import sys

import pytest

from validation import soak
from validation.__main__ import main


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_short_soak_writes_what_was_held(tmp_path, monkeypatch):
    monkeypatch.setattr(soak, "ALLOWED", 1e4)  # a second says nothing about growth
    sizes = ["--minutes", "0.02", "--every", "0.2", "--draws", "500"]
    assert main(["soak", *sizes, "--out", str(tmp_path / "soak")]) == 0
    made = json.loads((tmp_path / "soak" / "record.json").read_text())
    series = made["settings"]["seconds, MiB of threads, MiB of the process"]
    assert len(series) >= 4
    assert all(len(look) == 3 and min(look[1:]) > 20.0 for look in series)
    found = {(row["name"], row["metric"]): row["value"] for row in made["rows"]}
    assert found["in all", "draws"] == soak.once(500, 0)[0] * found["in all", "rounds"]
    assert found["process", soak.LARGEST] >= max(found["process", soak.FIRST], found["process", soak.LAST])
    assert (tmp_path / "soak" / "table.md").read_text() == soak.page(made)


def test_growth_is_told():
    watch = soak.Watch((1, 2), 3, 100, 10, [(float(i), 100.0 + 4.0 * i, 50.0) for i in range(16)])
    growth = {row["name"]: row["value"] for row in soak._rows(watch) if row["metric"] == soak.GROWTH}
    assert growth == {"threads": 32.0, "process": 0.0}


@pytest.mark.parametrize("options", [["--minutes", "0"], ["--every", "0"], ["--minutes", "nan"], ["--minutes", "inf"]])
def test_too_short_a_soak_is_refused(options, tmp_path, capsys):
    assert main(["soak", *options, "--out", str(tmp_path / "soak")]) == 2
    assert not list(tmp_path.iterdir())
    assert ", got " in capsys.readouterr().out
