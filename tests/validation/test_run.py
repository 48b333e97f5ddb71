"""The validation as a program: it passes right laws, fails wrong ones, writes whole reports, resumes, and says so."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

import hyperdist as hd
from hyperdist.runs import engine
from hyperdist.runs.files import to_json
from hyperdist.runs.places import Place
from validation import acceptance, accuracy, distances, examine, judge, readme, record, validate
from validation.__main__ import main
from validation.cases import Case

LITTLE = ["--only", "VonMisesFisher d=2 kappa=1", "--workers", "0"]


def test_a_small_run_passes_and_writes_a_whole_report(tmp_path, capsys):
    out = tmp_path / "report"
    assert main([*LITTLE, "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json", "report.md"]
    assert list(tmp_path.iterdir()) == [out]
    written = json.loads((out / "report.json").read_text())
    assert {"command", "commit", "date", "machine", "versions", "seeds", "settings", "rows"} == set(written)
    assert all({"name", "metric", "value", "interval95", "n", "published"} == set(row) for row in written["rows"])
    page = (out / "report.html").read_text()
    assert "PASSED" in page
    assert 'src="http' not in page
    assert "PASSED" in capsys.readouterr().out


def test_a_wrong_law_fails_the_run(tmp_path, monkeypatch, capsys):
    right = hd.VonMisesFisher.sample

    def wrong(self, *args, **kwargs):
        x = right(self, *args, **kwargs)
        return np.where(x[..., :1] > 0, x, -x)

    monkeypatch.setattr(hd.VonMisesFisher, "sample", wrong)
    assert main([*LITTLE, "--out", str(tmp_path / "report")]) == 1
    assert "FAILED" in (tmp_path / "report" / "report.md").read_text()
    assert "FAILED" in capsys.readouterr().out


def test_a_law_that_raises_fails_the_run_and_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(hd.VonMisesFisher, "sample", lambda *a, **k: 1 / 0)
    assert main([*LITTLE, "--out", str(tmp_path / "report")]) == 1
    assert "ZeroDivisionError" in (tmp_path / "report" / "report.html").read_text()


def test_an_interrupted_run_leaves_no_report_and_resumes(tmp_path, monkeypatch, capsys):
    calls = []
    right = examine.examine

    def interrupted(case, seed):
        calls.append(case.key)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return right(case, seed)

    monkeypatch.setattr(examine, "examine", interrupted)
    out = tmp_path / "report"
    assert main([*LITTLE, "--out", str(out)]) == 130
    assert not out.exists()
    assert main([*LITTLE, "--out", str(out), "--resume"]) == 0
    assert len(calls) == len(set(calls)) + 1, "the finished case was computed again"


def test_a_folder_with_other_files_is_not_replaced(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert main([*LITTLE, "--out", str(tmp_path)]) == 2
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert main(["--only", "no such law", "--out", str(tmp_path / "x")]) == 2


def test_unknown_command_and_help(capsys):
    assert main(["repor"]) == 2
    assert "unknown command 'repor'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert "timing" in capsys.readouterr().out


def test_cached_results_depend_on_arguments_and_sources(tmp_path):
    cache = engine.Cache(tmp_path, True, record.source_hash())
    case = Case("SphericalUniform", 2, n=500)
    task = engine.Task("law", case.key, "validation.examine:examine", (case, 1))
    result = engine.run([task], Place(), cache)["law"][0]
    assert cache.load(task) == json.loads(json.dumps(result))
    assert cache.load(engine.Task("law", case.key, "validation.examine:examine", (case, 2))) is None
    cache.source = "other"
    assert cache.load(task) is None
    for path in tmp_path.glob("*.json"):
        path.write_text("{cut off")
    assert engine.Cache(tmp_path, True, record.source_hash()).load(task) is None


def test_cached_results_depend_on_both_packages(monkeypatch):
    """PyTorch's proposals are counted as NumPy's are."""
    monkeypatch.setattr(record, "_digest", lambda paths: {path.relative_to(record.ROOT).parts[0] for path in paths})
    assert record.source_hash() == {"hyperdist", "hyperdist_torch", "validation"}


def test_examination_repeats_for_a_seed_and_differs_between_seeds():
    case = Case("RiemannianNormal", 3, 0.5, model="poincare", centre=0.7, n=400)
    one, two, other = (examine.examine(case, seed) for seed in (1, 1, 2))
    assert one["findings"] == two["findings"] != other["findings"]


def test_accuracy_sees_an_error_and_where(monkeypatch):
    cell = accuracy.Cell("RiemannianNormal", 3, 0.5)
    verdict = judge.Verdict()
    judge.judge_accuracy(verdict, [accuracy.evaluate(cell)])
    assert verdict.passed
    right = accuracy.oracles.riemannian_normal
    monkeypatch.setattr(accuracy.oracles, "riemannian_normal", lambda d, s, c: right(d, s * (1 + 1e-11), c))
    judge.judge_accuracy(verdict, [accuracy.evaluate(cell)])
    assert any("log_normalizer" in failure and "d=3 s=0.5" in failure for failure in verdict.failures)


def test_a_value_that_is_not_finite_is_an_infinite_error():
    table = accuracy._Table()
    table.add("mean", float("nan"), 1.0)
    assert table.rows["mean"]["error"] == np.inf


@pytest.mark.parametrize("model", distances.REACH)
def test_distances_are_as_accurate_as_promised(model):
    assert distances.evaluate(model, 3)["rows"]["distance"]["error"] <= accuracy.TARGETS["distance"]


@pytest.mark.parametrize("host", acceptance.hosts())
def test_acceptance_is_what_the_sampler_does(host):
    found = acceptance.observed(3, 0.98, seed=5, n=20_000, host=host)
    assert found["proposals"] >= 20_000
    assert found["p"] > 1e-6
    assert acceptance.curve(2, 50)["minimum"] >= acceptance.TARGET


def test_a_low_acceptance_fails():
    verdict = judge.Verdict()
    judge.judge_acceptance(verdict, [{"d": 2, "minimum": 0.89, "at": 1.0, "points": 9}])
    assert not verdict.passed
    verdict = judge.Verdict()
    judge.judge_acceptance(verdict, [{"d": 2, "minimum": float("nan"), "at": 1.0, "points": 9}])
    assert not verdict.passed


def test_readme_table_is_filled_and_checked(tmp_path, capsys):
    rows = [record.row("VonMisesFisher: cdf", "worst error at d=2 kappa=1", 1.2e-15, n=3),
            record.row("distance, tangent: distance", "worst error at d=2", 2e-16),
            record.row("RiemannianNormal: acceptance rate", "smallest, at d=3 s=1", 0.909)]  # fmt: skip
    source, text = tmp_path / "record.json", tmp_path / "README.md"
    source.write_text(to_json(record.record([1], {"cells": 3}, rows)))
    text.write_text("before\n<!-- accuracy -->\nold\n<!-- /accuracy -->\nafter\n")
    options = argparse.Namespace(check=True, readme=text, record=source)
    assert readme.main(options) == 1
    assert readme.main(argparse.Namespace(check=False, readme=text, record=source)) == 0
    assert readme.main(options) == 0
    assert "1.2e-15" in text.read_text()
    assert text.read_text().startswith("before\n<!-- accuracy -->\n| function")
    with pytest.raises(ValueError, match="markers"):
        readme.fill("no markers", "")


def test_tasks_of_a_run_have_distinct_names():
    tasks = validate.tasks_of(full=False, seed=1)
    assert len({task.key for task in tasks}) == len(tasks)


def test_tasks_of_acceptance_run():
    """As they travel: by the function's name, with their arguments in its order."""
    counted = [task for task in validate.acceptance_tasks(False, 3) if task.kind == "counted"][:2]
    found = [engine.execute(task) for task in counted]
    assert [result["key"] for result in found] == [task.key for task in counted]
    assert all("error" not in result and result["observed"] > 0.9 for result in found)
