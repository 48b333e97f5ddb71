"""The timing: what a contest measures, what misses a target, which groups are timed, what the record holds."""

from __future__ import annotations

import json
import time

import pytest

from validation import contest, record, timing, timing_core, timing_page
from validation.__main__ import main
from validation.contest import Contest


@pytest.fixture(autouse=True)
def no_processes(monkeypatch):
    """A million laws' memory takes a minute."""
    monkeypatch.setattr(timing_core, "memory", list)


def busy(seconds):
    """A call that takes so much of the processor's time."""

    def call():
        start = time.thread_time()
        while time.thread_time() - start < seconds:
            pass

    return call


def test_ratio_and_times_of_known_calls():
    entry = contest.measure(Contest("a", "b", busy(4e-3), busy(2e-3), work=(8.0, "things a second")), 9)
    assert entry["n"] == 9
    assert 1.5 < entry["ratio"] < 2.5
    assert entry["interval"][0] <= entry["ratio"] <= entry["interval"][1]
    over, milliseconds, rate, other = contest.rows(entry)
    assert (over["name"], over["metric"], over["value"]) == ("a", "time over b", entry["ratio"])
    assert milliseconds["value"] == pytest.approx(1e3 * entry["ours"])
    assert rate["value"] == pytest.approx(8.0 / entry["ours"])
    assert rate["interval95"][0] <= rate["value"] <= rate["interval95"][1]
    assert (other["name"], other["value"]) == ("b", pytest.approx(8.0 / entry["theirs"]))


def test_sleep_does_not_count():
    """Processor time, not time on the wall."""
    assert contest.measure(Contest("a", "b", lambda: time.sleep(0.02), busy(2e-3)), 5)["ratio"] < 1.0


@pytest.mark.parametrize(
    ("target", "limit", "missed"),
    [
        (None, None, []),
        (2.0, 30.0, []),
        (1.9, None, ["a: 2.00 times b > 1.9"]),
        (None, 19.0, ["a: 20.00 ms > 19 ms"]),
        (1.9, 19.0, ["a: 2.00 times b > 1.9", "a: 20.00 ms > 19 ms"]),
    ],
)
def test_a_missed_target_is_told(target, limit, missed):
    entry = {"name": "a", "against": "b", "ratio": 2.0, "ours": 0.02, "target": target, "limit": limit}
    assert contest.misses(entry) == missed
    unknown = contest.misses({**entry, "ratio": float("nan"), "ours": float("nan")})
    assert len(unknown) == sum(bound is not None for bound in (target, limit))


def test_a_run_writes_its_record(tmp_path, monkeypatch, capsys):
    made = [Contest("RiemannianNormal d=2 s=1", "normals", busy(2e-3), busy(1e-3), target=9.0),
            Contest("RiemannianNormal d=2 s=2", "normals", busy(4e-3), busy(1e-3), target=9.0),
            Contest("slow", "normals", busy(2e-3), busy(1e-3), limit=0.5)]  # fmt: skip
    monkeypatch.setattr(timing, "numpy_contests", lambda: made[:2])
    arguments = ["timing", "--only", "numpy", "--repetitions", "5", "--out", str(tmp_path)]
    assert main(arguments) == 0
    written = json.loads((tmp_path / "record.json").read_text())
    assert {"command", "commit", "date", "machine", "versions", "seeds", "settings", "rows"} == set(written)
    assert all({"name", "metric", "value", "interval95", "n", "published"} == set(row) for row in written["rows"])
    metrics = [row["metric"] for row in written["rows"]]
    assert metrics == ["time over normals", "milliseconds"] * 2 + ["worst ratio over s", "median ratio over s"]
    monkeypatch.setattr(timing, "numpy_contests", lambda: made)
    assert main(arguments) == 1
    assert "above target:\nslow: 2.0" in capsys.readouterr().out


def test_a_record_makes_its_page_with_what_it_missed(tmp_path, monkeypatch, capsys):
    made = [Contest("quick", "normals", busy(1e-3), busy(1e-3), target=9.0, limit=90.0),
            Contest("slow", "normals", busy(2e-3), busy(1e-3), target=0.5, limit=0.5)]  # fmt: skip
    monkeypatch.setattr(timing, "numpy_contests", lambda: made)
    assert main(["timing", "--only", "numpy", "--repetitions", "5", "--out", str(tmp_path)]) == 1
    written = json.loads((tmp_path / "record.json").read_text())
    assert written["settings"]["limits"] == {"quick": {"ratio": 9.0, "milliseconds": 90.0},
                                             "slow": {"ratio": 0.5, "milliseconds": 0.5}}  # fmt: skip
    text = (tmp_path / "table.md").read_text()
    assert text == timing_page.page(written)
    assert "## Limits missed: 2\n\n- slow: " in text
    assert "changed since: no." in text


def test_memory_above_its_limit_is_told(tmp_path, monkeypatch, capsys):
    rows = [record.row(name, timing_page.PEAK, mib, n=1)
            for name, mib in zip(timing_core.MEMORY_NAMES.values(), (900.0, 700.0), strict=False)]  # fmt: skip
    monkeypatch.setattr(timing_core, "memory", lambda: rows)
    monkeypatch.setattr(timing, "numpy_contests", lambda: [Contest("quick", "normals", busy(1e-3), busy(1e-3))])
    assert main(["timing", "--only", "numpy", "--repetitions", "5", "--out", str(tmp_path)]) == 1
    told = "1,000,000 RiemannianNormal: sample: 900 MiB, at most 800 MiB were allowed"
    assert told in " ".join(capsys.readouterr().out.split())
    written = json.loads((tmp_path / "record.json").read_text())
    assert written["settings"]["missed"] == [told]
    assert f"## Limits missed: 1\n\n- {told}\n" in (tmp_path / "table.md").read_text()


def test_a_row_has_limits_of_time_and_of_memory(tmp_path, monkeypatch):
    name = next(iter(timing_core.MEMORY_NAMES.values()))
    monkeypatch.setattr(timing_core, "memory", lambda: [record.row(name, timing_page.PEAK, 700.0, n=1)])
    monkeypatch.setattr(timing, "numpy_contests", lambda: [Contest(name, "normals", busy(2e-3), busy(1e-3), 0.5)])
    assert main(["timing", "--only", "numpy", "--repetitions", "5", "--out", str(tmp_path)]) == 1
    limits = json.loads((tmp_path / "record.json").read_text())["settings"]["limits"]
    assert set(limits[name]) == {"ratio", timing_page.MIB}
    assert "## Limits missed: 1" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize("name", ["timing", "timing-flows"])
def test_the_committed_pages_are_those_of_their_records(name):
    folder = record.REPORTS / name
    kept = json.loads((folder / "record.json").read_text())
    assert (folder / "table.md").read_text() == timing_page.page(kept)
    assert kept["settings"]["limits"]


def test_a_record_tells_whether_its_sources_have_changed(tmp_path):
    """By their bytes and names; pictures, data and experiments are no part of a figure."""
    for name in ("hyperdist/a.py", "hyperdist/plot/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    first = record.sources("hyperdist", root=tmp_path)
    (tmp_path / "hyperdist/plot/b.py").write_text("x = 2\n")
    assert record.sources("hyperdist", root=tmp_path) == first
    (tmp_path / "hyperdist/a.py").write_text("x = 2\n")
    assert record.sources("hyperdist", root=tmp_path) != first
    made = {"commit": "abc", "date": "2026-01-02 03:04 UTC", "settings": {"sources": record.sources("hyperdist")}}
    assert record.since(made).endswith(
        "Measured at commit abc, 2026-01-02; the sources of hyperdist have changed since: no."
    )
    made["settings"]["sources"]["digest"] = "0"
    assert record.since(made).endswith("have changed since: yes.")
    made["settings"] = {}
    assert record.since(made) == "Measured at commit abc, 2026-01-02."


def test_names_are_distinct():
    names = [entry.name for entry in timing.numpy_contests()]
    assert len(set(names)) == len(names)


@pytest.mark.torch
def test_without_torch(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(timing, "find_spec", lambda name: None)
    monkeypatch.setattr(timing, "numpy_contests", lambda: [Contest("a", "b", busy(1e-4), busy(1e-4))])
    assert main(["timing", "--only", "torch", "--out", str(tmp_path)]) == 2
    assert "--only torch needs torch, which is not installed" in capsys.readouterr().out
    assert not (tmp_path / "record.json").exists()
    assert main(["timing", "--repetitions", "5", "--out", str(tmp_path)]) == 0
    assert "torch is not installed: without torch and vae" in capsys.readouterr().out
    assert json.loads((tmp_path / "record.json").read_text())["settings"]["groups"] == ["numpy"]
