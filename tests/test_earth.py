"""``python -m validation earth``: data read with every line checked, splits, scores, record, resumption."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

import hyperdist as hd
from validation import earth, earth_data, earth_fit, runner

KINDS = earth_data.KINDS


def write(folder: Path, name: str, text: str) -> Path:
    (folder / "earth").mkdir(exist_ok=True)
    path = folder / "earth" / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def made(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Four small sets about three places, every fifth row twice."""
    law = hd.Mixture([0.5, 0.3, 0.2], hd.VonMisesFisher(np.eye(3), [30.0, 60.0, 10.0]))
    for name in earth_data.SETS:
        x = law.sample(150, rng)
        degrees = np.degrees(np.stack([np.arcsin(x[:, 2]), np.arctan2(x[:, 1], x[:, 0])], axis=-1))
        degrees = np.concatenate([degrees, degrees[::5]])
        header = "" if name == "fire" else "Latitude,Longitude\n"
        write(tmp_path, name, "# made\n" + header + "".join(f"{a:.6f},{b:.6f}\n" for a, b in degrees))
    return tmp_path


def options(folder: Path | None, out: Path, resume: bool = False) -> argparse.Namespace:
    return argparse.Namespace(data_dir=folder, out=out, workers=0, resume=resume, quick=True)


def test_reads_comments_header_and_blank_lines(tmp_path: Path) -> None:
    write(tmp_path, "flood", "# source\n# more\nlat,long\n35.5,5.25\n\n-18.0,-45.5\n")
    assert earth_data.load(tmp_path, "flood").tolist() == [[35.5, 5.25], [-18.0, -45.5]]
    write(tmp_path, "fire", "1.0,2.0\n")
    assert earth_data.load(tmp_path, "fire").tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lat,long\n1.0,2.0\n91.0,5.0\n", "line 3: latitude must be -90 to 90 degrees, got 91.0"),
        ("1.0,400\n", "line 1: longitude must be -180 to 360"),
        ("# a\n1.0,2.0,3.0\n", "line 2: two columns are needed.*got 3"),
        ("x,y\n1.0,2.0\n", "line 1: latitude must be a number, got 'x'"),
        ("1.0,2.0\nlat,long\n", "line 2: latitude must be a number"),
        ("1.0,nan\n", "line 1: longitude must be"),
        ("# only\nlat,long\n", "no row"),
        ("", "no row"),
    ],
)
def test_wrong_data_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, "volcano", text)
    with pytest.raises(earth_data.DataError, match=message) as raised:
        earth_data.load(tmp_path, "volcano")
    assert str(path) in str(raised.value)


def test_missing_folder_and_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(earth_data.DataError, match=r"is not a folder.*earth/fire\.csv"):
        earth_data.load(tmp_path / "none", "fire")
    with pytest.raises(earth_data.DataError, match=r"fire\.csv cannot be read"):
        earth_data.load(tmp_path, "fire")
    assert earth.main(options(tmp_path, tmp_path / "out")) == 2
    assert "volcano.csv" in capsys.readouterr().err
    assert earth.main(options(None, tmp_path / "out")) == 2
    assert "HYPERDIST_DATA" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unit_vectors() -> None:
    x = earth_data.unit(np.array([[0.0, 0.0], [0.0, 90.0], [90.0, 10.0], [-30.0, 180.0]]))
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-(0.75**0.5), 0, -0.5]]
    np.testing.assert_allclose(x, expected, atol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
def test_splits(made: Path, kind: str) -> None:
    degrees = earth_data.load(made, "volcano")
    parts = earth_data.split(degrees, kind, 0)
    again = earth_data.split(degrees, kind, 0)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    assert not np.array_equal(parts[0], earth_data.split(degrees, kind, 1)[0])
    rows = np.concatenate(parts)
    expected = np.unique(degrees, axis=0) if kind == "distinct places" else degrees
    assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, expected.tolist()))
    if kind != "grouped by cell":
        np.testing.assert_allclose([len(part) / len(rows) for part in parts], [0.8, 0.1, 0.1], atol=0.01)
    share = earth_data.coinciding(parts[2], parts[0])
    assert share > 0 if kind == "random rows" else share == 0
    if kind == "grouped by cell":
        cells = [set(map(tuple, np.round(part).tolist())) for part in parts]
        assert not cells[0] & cells[1] | cells[0] & cells[2] | cells[1] & cells[2]


def test_an_empty_part_is_an_error() -> None:
    with pytest.raises(earth_data.DataError, match="validation part is empty"):
        earth_data.split(np.array([[0.0, 1.0], [5.0, 6.0], [7.0, 8.0]]), "random rows", 0)


def test_one_meridian_has_two_names() -> None:
    parts = earth_data.split(
        np.array([[0.0, 180.0], [0.0, -180.0], *[[1.0, i] for i in range(18)]]), "distinct places", 0
    )
    assert sum(map(len, parts)) == 19


def test_kernel_estimate(rng: np.random.Generator) -> None:
    """Against the mean of the library's own densities."""
    x, y = (hd.VonMisesFisher([0.0, 0.0, 1.0], 5.0).sample(n, rng) for n in (40, 30))
    bandwidths = np.array([1e-4, 0.1, 1.0])
    expected = [np.log(np.mean(hd.VonMisesFisher(x, h**-2.0).prob(y[:, None]), axis=1)) for h in bandwidths[1:]]
    found = earth_fit.kernel_log_density(x, y, bandwidths)
    np.testing.assert_allclose(found[1:], expected, rtol=1e-9)
    law = hd.VonMisesFisher(x, 1e8)
    np.testing.assert_allclose(found[0], np.max(law.log_prob(y[:, None]), axis=1) - np.log(40), rtol=1e-6)


def test_blend_is_the_best_of_the_grid(rng: np.random.Generator) -> None:
    """Two densities, each good for half of the points: half and half is best."""
    scores = np.log(np.where(np.arange(100) < 50, [[0.9], [0.1]], [[0.1], [0.9]]))
    first, second, share = earth_fit.best_blend(scores)
    assert {first, second} == {0, 1}
    assert share == pytest.approx(0.5)
    first, _, share = earth_fit.best_blend(np.stack([scores[0] - 5, scores[0]]))
    assert (first, share) == (1, 0.0)


def test_blend_of_mixtures(rng: np.random.Generator) -> None:
    parts = [hd.Mixture([0.4, 0.6], hd.VonMisesFisher(np.eye(3)[:2], [k, 2.0])) for k in (3.0, 50.0)]
    x = parts[0].sample(20, rng)
    whole = earth_fit.blend(parts[0], parts[1], 0.25)
    np.testing.assert_allclose(whole.prob(x), 0.75 * parts[0].prob(x) + 0.25 * parts[1].prob(x), rtol=1e-12)


def test_run_record_and_resumption(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted run goes on with the same numbers, and computes only what is missing."""
    monkeypatch.setattr(earth_data, "SETS", ("volcano", "fire"))
    monkeypatch.setattr(earth_fit, "QUICK", earth_fit.Settings(((1, 0.1, 3), (4, 0.05, 4)), 1e-3))
    assert earth.main(options(made, tmp_path / "whole")) == 0
    whole = json.loads((tmp_path / "whole" / "record.json").read_text())
    calls: list[str] = []
    execute = runner.execute

    def stops(task: runner.Task) -> dict:
        calls.append(task.key)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return execute(task)

    monkeypatch.setattr(runner, "execute", stops)
    assert earth.main(options(made, tmp_path / "again", resume=True)) == 130
    assert not (tmp_path / "again").exists()
    assert earth.main(options(made, tmp_path / "again", resume=True)) == 0
    assert len(calls) == 12 + 1
    again = json.loads((tmp_path / "again" / "record.json").read_text())
    assert again["rows"] == whole["rows"]
    assert {"command", "commit", "date", "machine", "versions", "seeds", "settings", "rows"} == set(whole)
    published = [row for row in whole["rows"] if row["published"] is not None]
    assert [(row["name"], row["published"]) for row in published] == [
        ("volcano, random rows", -0.31), ("fire, random rows", -0.23),
    ]  # fmt: skip
    table = (tmp_path / "whole" / "table.md").read_text()
    assert table == earth.markdown(whole["rows"])
    assert all(f"| {name} | {kind} |" in table for name in ("volcano", "fire") for kind in KINDS)
    # About the truth's own entropy, and better than the uniform law's log 4 pi.
    scores = [row["value"] for row in whole["rows"] if row["metric"].startswith("mixture")]
    assert max(scores) < np.log(4 * np.pi)


def test_a_failed_split_is_reported(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                    capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    def broken(*arguments: object) -> dict:
        raise RuntimeError("no score today")

    monkeypatch.setattr(earth_data, "SETS", ("volcano",))
    monkeypatch.setattr(earth_fit, "evaluate", broken)
    assert earth.main(options(made, tmp_path / "out")) == 1
    assert "no score today" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_committed_record_gives_the_committed_table() -> None:
    folder = Path(earth.__file__).parent / "reports" / "earth"
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert (folder / "table.md").read_text(encoding="utf-8") == earth.markdown(record["rows"])
