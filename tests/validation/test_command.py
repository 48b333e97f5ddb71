"""The validation's command line: wrong options, folders that cannot be written to, narrow and plain terminals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from rich.console import Console

import validation.__main__
from hyperdist.runs import engine
from hyperdist.runs import record as _record
from validation import arguments, earth, figures, judge, pictures, power, record, report, timing, validate
from validation.__main__ import main
from validation.cases import FAMILIES

ROOT = Path(__file__).parents[2]
LITTLE = ["--only", "sphericaluniform D=2", "--workers", "0"]
REPORT = sorted(report.FILES)


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of a little run."""
    monkeypatch.setattr(figures, "draw_all", lambda *arguments: dict.fromkeys(figures.NAMES, ""))
    monkeypatch.setattr(pictures, "samples", str)


@pytest.mark.parametrize(
    ("arguments", "least"),
    [
        (["--workers", "-1"], 0), (["--workers", "2.5"], 0), (["--seed", "-1"], 0), (["--seed", "x"], 0),
        (["power", "--trials", "0"], 1), (["power", "--seed", "-1"], 0), (["power", "--workers", "-1"], 0),
        (["accuracy", "--workers", "-1"], 0), (["earth", "--workers", "-1"], 0), (["timing", "--repetitions", "0"], 1),
    ],
    ids=str,
)  # fmt: skip
def test_a_number_out_of_range_is_refused(arguments, least, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--out", str(tmp_path / "out")])
    assert stop.value.code == 2
    assert f"must be an integer >= {least}, got '{arguments[-1]}'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [[], ["power"], ["accuracy"], ["timing"], ["soak"], ["trees"], ["readme"]], ids=str)
@pytest.mark.parametrize("loading", [True, False])
def test_every_command_says_that_it_was_interrupted(command, loading, tmp_path, monkeypatch, capsys):
    """At work and while its modules are loaded; nothing is left behind."""

    def interrupted(*arguments):
        raise KeyboardInterrupt

    if loading:
        monkeypatch.setattr(validation.__main__, "import_module", interrupted)
    else:
        module = import_module(f"validation.{validation.__main__.COMMANDS[command[0] if command else 'run'][0]}")
        monkeypatch.setattr(module, "main", interrupted)
    assert main([*command, *([] if command == ["readme"] else ["--out", str(tmp_path / "out")])]) == 130
    assert capsys.readouterr().err.startswith("interrupted")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("word", [word for word in validation.__main__.COMMANDS if word != "readme"])
def test_no_folder_is_not_the_one_one_is_in(word, capsys):
    with pytest.raises(SystemExit):
        main([word, "--out", ""])
    assert "argument --out: must name a folder, got ''" in capsys.readouterr().err


def test_names_are_found_in_capitals_or_not():
    keys = [{task.key for task in validate.tasks_of(False, 1, text)} for text in ("vonmises", "VonMises", "VONMISES")]
    assert keys[0] == keys[1] == keys[2] != set()


@pytest.mark.parametrize("command", [[], ["power"], ["accuracy"], ["timing", "--only", "numpy"], ["earth"], ["device"]])
@pytest.mark.parametrize("place", ["/dev/null/report", "file/report", "file", "circle/report", "x" * 300], ids=str)
def test_an_impossible_folder_is_refused_before_the_work(command, place, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engine, "run", lambda *a, **k: pytest.fail("the work has begun"))
    monkeypatch.setattr(timing, "contests", lambda groups: pytest.fail("the work has begun"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "circle").symlink_to("circle")
    assert main([*command, "--out", place]) == 2
    said = capsys.readouterr()
    assert "--out must be a folder" in (said.out + said.err).replace("\n", " ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["circle", "file"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_is_tried_without_a_trace(tmp_path):
    assert arguments.problem(tmp_path / "a" / "b") == ""
    assert not list(tmp_path.iterdir())
    (tmp_path / "record.json").mkdir()
    assert "without folders record.json" in arguments.problem(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    assert "Permission denied" in arguments.problem(tmp_path)


def test_out_is_a_link_or_where_we_are(tmp_path, monkeypatch, capsys):
    """The report is written into what the link leads to, twice, and the link stays."""
    target, link = tmp_path / "disc" / "report", tmp_path / "link"
    target.mkdir(parents=True)
    link.symlink_to(target)
    for _ in range(2):
        assert main([*LITTLE, "--out", str(link)]) == 0
        assert link.is_symlink()
        assert sorted(path.name for path in target.iterdir()) == REPORT
    monkeypatch.chdir(target)
    for _ in range(2):
        assert main([*LITTLE, "--out", "."]) == 0
        assert sorted(path.name for path in target.iterdir()) == REPORT
        assert target.samefile(".")
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["disc", "link", "report", *REPORT])


def test_what_is_not_ours_stays(tmp_path, monkeypatch, capsys):
    """A file that comes into the folder while the run goes on, and folders beside it whose names we once took."""
    out, work = tmp_path / "report", tmp_path / ".report.partial"
    for folder in (tmp_path / ".report.old", work, work / "cases"):
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
    right = engine.run

    def run(*arguments, **options):
        out.mkdir(exist_ok=True)
        (out / "thesis.tex").write_text("mine")
        return right(*arguments, **options)

    monkeypatch.setattr(engine, "run", run)
    assert main([*LITTLE, "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == sorted([*REPORT, "thesis.tex"])
    for folder in (tmp_path / ".report.old", work, work / "cases"):
        assert (folder / "notes.txt").read_text() == "mine"
    assert {path.name for path in work.rglob("*")} == {"cases", "notes.txt"}
    assert main([*LITTLE, "--out", str(out)]) == 2
    assert "is not a report" in capsys.readouterr().out


def test_shares_that_are_gathered_leave_nothing(tmp_path):
    out = ["--out", str(tmp_path / "report")]
    for share in ("1/2", "2/2"):
        assert main([*LITTLE, *out, "--shard", share]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [".report.partial"]
    assert main([*LITTLE, *out, "--resume"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_report_whose_names_are_folders_is_none(tmp_path, capsys):
    (tmp_path / "report.md").mkdir()
    assert main([*LITTLE, "--out", str(tmp_path)]) == 2


def test_a_disc_that_is_full_at_the_end(tmp_path, monkeypatch, capsys):
    """A message, and with --resume no case is computed again."""

    def full(*arguments):
        raise OSError(28, "No space left on device")

    right = report.write_report
    monkeypatch.setattr(report, "write_report", full)
    assert main([*LITTLE, "--out", str(tmp_path / "report")]) == 2
    assert "No space left on device" in capsys.readouterr().err
    monkeypatch.setattr(report, "write_report", right)
    monkeypatch.setattr(engine, "execute", lambda task: pytest.fail("computed again"))
    assert main([*LITTLE, "--resume", "--out", str(tmp_path / "report")]) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes")
def test_a_path_of_any_bytes_and_a_plain_terminal(tmp_path):
    out = os.fsencode(tmp_path) + b"/r\xe9sum\xff[/b]"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C", "COLUMNS": "80"}
    command = [sys.executable, "-m", "validation", *LITTLE, "--out", out]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.isascii()
    assert b"sum\\udcff[/b]/report.html" in run.stdout
    assert sorted(os.listdir(out)) == [os.fsencode(name) for name in REPORT]
    assert "\\udcff" in json.loads(Path(os.fsdecode(out), "report.json").read_text())["command"]


@pytest.mark.skipif(sys.platform != "linux", reason="a folder in which nobody may make another")
def test_an_unwritable_home():
    """ArviZ 0.23 wants a folder in the user's cache; environment and result are those of a home of one's own."""
    code = (
        "import os, numpy as np; from validation import _arviz\n"
        "homes = lambda: [os.environ.get(name) for name in ('HOME', 'XDG_CACHE_HOME')]; before = homes()\n"
        "found = _arviz.ess(np.random.default_rng(1).random((2, 500)))\n"
        "assert before == homes(); print(found)"
    )
    homes: list[dict[str, str]] = [{}, {"HOME": "/proc/home", "XDG_CACHE_HOME": "/proc/cache"}, {"HOME": "/proc/home"}]
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **home}, capture_output=True, text=True
        )
        for home in homes
    ]
    assert [run.returncode for run in runs] == [0, 0, 0], runs[-1].stderr
    assert len({run.stdout for run in runs}) == 1


@pytest.mark.parametrize("width", [80, 200])
def test_nothing_is_cut_in_a_terminal(width, capsys):
    """Names whole and on one line, digits on one line."""
    verdict = judge.Verdict()
    results = {"law": [
        {"key": name, "case": {"family": name, "n": 16_400_000, "batch": False}, "ess": 0.98, "rhat": 1.0}
        for name in FAMILIES
    ]}  # fmt: skip
    for name in FAMILIES:
        failed = {"adjusted": 1e-12} if name == "SphericalRiemannianNormal" else {"adjusted": 1.0}
        verdict.tests += [{"law": name, "key": name, "test": "x", "p": 1e-30, "n": 3, **failed}] * 12
        where = "d=1000 s=1000 c=0.0001 float32"
        verdict.accuracy.append({"law": name, "function": "log_normalizer_derivative", "error": 1e-14, "target": 1e-13,
                                 "where": where, "failed": 0})  # fmt: skip
    console = Console(width=width)
    report.summarise(console, verdict, results)
    said = capsys.readouterr().out
    assert all(f"{name} " in said for name in FAMILIES)
    assert said.count("16,400,000") == len(FAMILIES)
    assert "12 failed" in said
    assert "log_normalizer_derivative 1.0e-13" in said
    earth.show(console, json.loads((record.REPORTS / "earth" / "record.json").read_text())["rows"])
    said = capsys.readouterr().out
    assert all(word in said for title in earth.HEADER for word in title.split() if word != "components")
    assert said.count("earthquake") == 3
    faults = json.loads((record.REPORTS / "power" / "record.json").read_text())
    power._print(console, [{"name": name, "text": about["text"], "trials": 20, "fault": {
        "rejected": 20, "caught": about["caught by"]}} for name, about in faults["settings"]["faults"].items()],
        faults["rows"])  # fmt: skip
    said = capsys.readouterr().out
    assert all(word in said for name in faults["settings"]["faults"] for word in name.split())
    assert "…" not in said


def test_text_in_a_markdown_report_is_text():
    """One line, without marks of its own; names keep their underscores."""
    assert report.markdown("log_normalizer d=2") == "log_normalizer d=2"
    assert report.markdown("a|b\n# c <i> `d` *e* _f_ \\") == r"a\|b \# c &lt;i> \`d\` \*e\* \_f\_ " + "\\\\"
    assert report.markdown(3.5) == 3.5
    assert report.code("python -m x") == "`python -m x`"
    assert report.code("a `b` ``c``") == "``` a `b` ``c`` ```"


def test_a_report_of_marks(tmp_path):
    """What comes from outside, a command line or an error, adds no row, heading or element to either page."""
    made = record.record([1], {"full": False, "seconds": 1.0}, [])
    made["command"], made["machine"]["cpu"] = "python -m validation --out 'a`|<b>'", "CPU | <script>"
    verdict = judge.Verdict(failures=["law: ValueError: <img src=x> |\n# heading"], errors=[])
    report.write_report(tmp_path, made, verdict, {})
    page = (tmp_path / "report.md").read_text()
    assert r"- law: ValueError: &lt;img src=x> \| \# heading" in page
    assert r"CPU \| &lt;script>" in page
    assert "`` python -m validation --out 'a`|<b>' ``" in page
    html = (tmp_path / "report.html").read_text()
    assert "<img src=x>" not in html
    assert "<script>" not in html


def test_a_command_is_recorded_whatever_its_bytes(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", "--out", "\udcff"])
    assert "\\udcff" in _record.provenance("validation", [], [])["command"]


def test_without_its_extra(monkeypatch, capsys):
    monkeypatch.setattr(arguments, "find_spec", lambda name: None if name in ("rich", "mpmath") else True)
    for command in ([], ["power"], ["earth"]):
        assert main(command) == 2
        assert "needs mpmath, rich, not installed here: pip install -e '.[validation]'" in capsys.readouterr().err
