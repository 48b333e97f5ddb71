"""Earth data read with every line checked, their splits, the baselines; ``python -m validation earth``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import hyperdist as hd
from hyperdist import earth as sets
from hyperdist.earth import baselines
from hyperdist.runs import engine
from validation import earth, earth_fit

KINDS = sets.KINDS
EPS = float(np.finfo(float).eps)


def write(folder: Path, name: str, text: str) -> Path:
    (folder / "earth").mkdir(exist_ok=True)
    path = folder / "earth" / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def made(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Four small sets about three places, every fifth row twice."""
    law = hd.Mixture([0.5, 0.3, 0.2], hd.VonMisesFisher(np.eye(3), [30.0, 60.0, 10.0]))
    for name in sets.SETS:
        x = law.sample(150, rng)
        degrees = np.degrees(np.stack([np.arcsin(x[:, 2]), np.arctan2(x[:, 1], x[:, 0])], axis=-1))
        degrees = np.concatenate([degrees, degrees[::5]])
        header = "" if name == "fire" else "Latitude,Longitude\n"
        write(tmp_path, name, "# made\n" + header + "".join(f"{a:.6f},{b:.6f}\n" for a, b in degrees))
    return tmp_path


def options(folder: Path | None, out: Path, resume: bool = False) -> argparse.Namespace:
    return argparse.Namespace(data_dir=folder, out=out, workers=0, resume=resume, quick=True)


def test_reads_a_folder_without_the_others(tmp_path: Path) -> None:
    (tmp_path / "flood.csv").write_text("\ufefflat,long\n35.5,5.25\n", encoding="utf-8")
    assert sets.load(tmp_path, "flood").tolist() == [[35.5, 5.25]]
    (tmp_path / "fire.csv").write_bytes(b"\xff\xfe1.0,2.0\n")
    with pytest.raises(ValueError, match=r"fire\.csv must be a text file in UTF-8"):
        sets.load(tmp_path, "fire")


def test_reads_comments_header_and_blank_lines(tmp_path: Path) -> None:
    write(tmp_path, "flood", "# source\n# more\nlat,long\n35.5,5.25\n\n-18.0,-45.5\n")
    assert sets.load(tmp_path, "flood").tolist() == [[35.5, 5.25], [-18.0, -45.5]]
    write(tmp_path, "fire", "1.0,2.0\n")
    assert sets.load(tmp_path, "fire").tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lat,long\n1.0,2.0\n91.0,5.0\n", "line 3: latitude must be -90 to 90 degrees, got 91.0"),
        ("1.0,400\n", "line 1: longitude must be -180 to 360"),
        ("# a\n1.0,2.0,3.0\n", "line 2: must have two columns.*got 3"),
        ("x,y\n1.0,2.0\n", "line 1: latitude must be a number, got 'x'"),
        ("1.0,2.0\nlat,long\n", "line 2: latitude must be a number"),
        ("1.0,nan\n", "line 1: longitude must be"),
        ("lat,long\ninf,2.0\n", "line 2: latitude must be"),
        ("lat,long\n1.0,\n", "line 2: longitude must be a number, got ''"),
        ("# only\nlat,long\n", "no row"),
        ("", "no row"),
    ],
)
def test_wrong_data_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, "volcano", text)
    with pytest.raises(ValueError, match=message) as raised:
        sets.load(tmp_path, "volcano")
    assert str(path) in str(raised.value)


def test_any_file_and_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text('# c\ntime,Lat, Lon ,place\n1,35.5,5.25,"10 km S of X, Y"\n2,-18,-45.5,\n', encoding="utf-8")
    assert sets.load(path, columns=("Lat", "Lon")).tolist() == [[35.5, 5.25], [-18.0, -45.5]]
    for columns, message in [
        (("Lat", "longitude"), "must have a column 'longitude' in its line of names, got time, Lat, Lon, place"),
        (("place", "Lon"), "line 3: latitude must be a number, got '10 km S of X, Y'"),
        (("Lat",), "columns must be two names, of latitude and of longitude"),
        ("Lat", "columns must be two names"),
        (None, "line 2: must have two columns, .* got 4: .* name the two as columns"),
    ]:
        with pytest.raises(ValueError, match=message):
            sets.load(path, columns=columns)  # type: ignore[arg-type]
    path.write_text("id,lat,lon\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: must have 3 columns at least, got 2"):
        sets.load(path, columns=("lat", "lon"))
    path.write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="must have a column 'lat'"):
        sets.load(path, columns=("lat", "lon"))
    path.write_text("lat,lon\n1.0,2.0\n", encoding="utf-8")
    assert sets.load(path).tolist() == sets.load(str(path), columns=("lat", "lon")).tolist() == [[1.0, 2.0]]
    assert sets.load(path, columns=("lon", "lat")).tolist() == [[2.0, 1.0]]
    with pytest.raises(FileNotFoundError, match=f"{tmp_path} is no file"):
        sets.load(tmp_path)


def test_missing_folder_and_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(FileNotFoundError, match=rf"fire\.csv is neither in {folder / 'earth'} nor in {folder}"):
            sets.load(folder, "fire")
    with pytest.raises(ValueError, match="name must be one of volcano, earthquake, flood, fire, got 'storm'"):
        sets.load(tmp_path, "storm")
    assert earth.main(options(tmp_path, tmp_path / "out")) == 2
    assert "volcano.csv" in capsys.readouterr().err
    assert earth.main(options(None, tmp_path / "out")) == 2
    assert "HYPERDIST_DATA" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_unit_vectors() -> None:
    x = sets.unit(np.array([[0.0, 0.0], [0.0, 90.0], [90.0, 10.0], [-30.0, 180.0]]))
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-(0.75**0.5), 0, -0.5]]
    np.testing.assert_allclose(x, expected, atol=1e-15)


def test_angles_and_unit_vectors_are_inverses(rng: np.random.Generator) -> None:
    """To rounding of an angle, in both directions, poles and seams included; the two pairs are one map."""
    degrees = np.stack([rng.uniform(-90, 90, 50), rng.uniform(-180, 180, 50)], axis=-1)
    degrees = np.concatenate([degrees, [[0.0, 180.0], [90.0, 0.0], [-90.0, 0.0], [1e-9, -1e-9]]])
    np.testing.assert_allclose(sets.latitude_longitude(sets.unit(degrees)), degrees, rtol=1e-12, atol=1e-7 * EPS**0.5)
    turned = np.where(degrees[:, 1:] < 0, degrees[:, 1:] + 360, degrees[:, 1:])
    swapped = np.concatenate([turned, degrees[:, :1]], axis=-1)
    np.testing.assert_array_equal(sets.direction(swapped), sets.unit(swapped[:, ::-1]))
    np.testing.assert_allclose(sets.declination_inclination(sets.direction(swapped)), swapped, rtol=1e-12, atol=1e-15)
    x = hd.SphericalUniform(2).sample(50, rng)
    np.testing.assert_allclose(sets.unit(sets.latitude_longitude(x)), x, atol=8 * EPS)
    with pytest.raises(ValueError, match="unit sphere"):
        sets.latitude_longitude([[1.0, 1.0, 0.0]])
    with pytest.raises(ValueError, match=r"shape \(n, 3\)"):
        sets.declination_inclination([1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"inclination -90 to 90 degrees, got 120.0 in row 0"):
        sets.direction([[0.0, 120.0]])


@pytest.mark.parametrize("kind", KINDS)
def test_splits(made: Path, kind: str) -> None:
    degrees = sets.load(made, "volcano")
    parts = sets.split(degrees, kind, 0)
    again = sets.split(degrees, kind, 0)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    assert not np.array_equal(parts[0], sets.split(degrees, kind, 1)[0])
    rows = np.concatenate(parts)
    expected = np.unique(degrees, axis=0) if kind == "distinct places" else degrees
    assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, expected.tolist()))
    if kind != "grouped by cell":
        np.testing.assert_allclose([len(part) / len(rows) for part in parts], [0.8, 0.1, 0.1], atol=0.01)
    share = sets.coinciding(parts[2], parts[0])
    assert share > 0 if kind == "random rows" else share == 0
    if kind == "grouped by cell":
        cells = [set(map(tuple, np.round(part).tolist())) for part in parts]
        assert not cells[0] & cells[1] | cells[0] & cells[2] | cells[1] & cells[2]


def test_an_empty_part_is_an_error(tmp_path: Path) -> None:
    few = np.array([[0.0, 1.0], [5.0, 6.0], [7.0, 8.0]])
    with pytest.raises(ValueError, match=r"degrees must .*an empty validation part of 3 rows, 3 to be .*random rows"):
        sets.split(few, "random rows", 0)
    with pytest.raises(ValueError, match="an empty training part of 0 rows"):
        sets.split(few[:0], "grouped by cell", 0)
    path = write(tmp_path, "fire", "0.0,1.0\n" * 12)
    with pytest.raises(ValueError, match=rf"{path} must .*an empty training part of 12 rows, 1 to be .*by cell"):
        sets.load_parts(tmp_path, "fire", "grouped by cell", 0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([[1.0, 2.0], [91.0, 2.0]], r"degrees must have latitude -90 to 90 degrees, got 91.0 in row 1"),
        ([[1.0, -181.0]], r"longitude -180 to 360 degrees, got -181.0 in row 0"),
        ([[1.0, np.nan]], "degrees must be finite"),
        ([1.0, 2.0], r"degrees must have shape \(n, 2\), got shape \(2,\)"),
        ([[1.0, 2.0, 3.0]], "degrees must have 2 coordinates"),
    ],
)
def test_wrong_degrees_are_named(bad: list, message: str) -> None:
    for function in (sets.unit, lambda degrees: sets.split(degrees, "random rows", 0)):
        with pytest.raises(ValueError, match=message):
            function(bad)


def test_wrong_kind_is_named() -> None:
    with pytest.raises(ValueError, match=r"kind must be one of random rows, .*got 'rows'"):
        sets.split(np.zeros((20, 2)), "rows", 0)


def test_subsets_are_nested_and_random(seed: int) -> None:
    whole = sets.nested_subset(500, 500, seed)
    assert sorted(whole) == list(range(500))
    for size in (1, 7, 499):
        np.testing.assert_array_equal(sets.nested_subset(500, size, seed), whole[:size])
    assert not np.array_equal(sets.nested_subset(500, 500, seed + 1), whole)
    assert not np.array_equal(np.random.default_rng(seed).permutation(500), whole)
    for size in (0, 501):
        with pytest.raises(ValueError, match=f"size must be .*got {size}"):
            sets.nested_subset(500, size, seed)


def test_one_meridian_has_two_names() -> None:
    parts = sets.split(np.array([[0.0, 180.0], [0.0, -180.0], *[[1.0, i] for i in range(18)]]), "distinct places", 0)
    assert sum(map(len, parts)) == 19


def test_kernel_estimate(rng: np.random.Generator) -> None:
    """Against the mean of the library's own densities."""
    x, y = (hd.VonMisesFisher([0.0, 0.0, 1.0], 5.0).sample(n, rng) for n in (40, 30))
    bandwidths = np.array([1e-4, 0.1, 1.0])
    expected = [np.log(np.mean(hd.VonMisesFisher(x, h**-2.0).prob(y[:, None]), axis=1)) for h in bandwidths[1:]]
    found = baselines.kernel_log_density(x, y, bandwidths[:, None])
    np.testing.assert_allclose(found[1:], expected, rtol=1e-9)
    law = hd.VonMisesFisher(x, 1e8)
    np.testing.assert_allclose(found[0], np.max(law.log_prob(y[:, None]), axis=1) - np.log(40), rtol=1e-6)


def test_kernel_estimate_chooses_by_the_validation_points(rng: np.random.Generator) -> None:
    """Two thirds of the points come again exactly, the rest from a wide law: a narrow bandwidth and a wide one."""
    law = hd.VonMisesFisher([0.0, 0.0, 1.0], 10.0)
    x, fresh = law.sample(300, rng), law.sample(200, rng)
    y, z = np.concatenate([x[:200], fresh[:100]]), np.concatenate([x[100:], fresh[100:]])
    kernel = sets.KernelEstimate.fit(x, y)
    narrow, wide = sorted(kernel.bandwidths.ravel())
    assert narrow == baselines.BANDWIDTHS[0]
    assert 0.05 < wide < 1.0
    each = kernel.log_prob(z)
    assert each.shape == (300,)
    parts = baselines.kernel_log_density(x, z, kernel.bandwidths)
    expected = np.log((1 - kernel.share) * np.exp(parts[0]) + kernel.share * np.exp(parts[1]))
    np.testing.assert_allclose(each, expected, rtol=1e-12)
    # Vectors rounded to float32 are those of float64 but for what rounding moves them.
    rounded = sets.KernelEstimate.fit(x.astype(np.float32), y.astype(np.float32))
    np.testing.assert_array_equal(rounded.bandwidths, kernel.bandwidths)
    np.testing.assert_allclose(rounded.log_prob(z.astype(np.float32)), each, atol=1e-3)


def test_variable_kernel_estimate(rng: np.random.Generator) -> None:
    """Each kernel as wide as its rule says, and better than two bandwidths where clusters are of many scales."""
    truth = hd.Mixture(np.full(3, 1 / 3), hd.VonMisesFisher(np.eye(3), [3.0, 1e3, 1e6]))
    x, y, z = (truth.sample(n, rng) for n in (600, 200, 400))
    variable, two = (sets.KernelEstimate.fit(x, y, variable=which) for which in (True, False))
    assert variable.bandwidths.shape == (2, 600)
    assert np.mean(variable.log_prob(z)) > np.mean(two.log_prob(z)) + 0.1
    grown = baselines._grown(x)
    angles = np.sort(np.arccos(np.clip(x[7] @ x.T, -1.0, 1.0)))
    rule = len(baselines.FLOORS) * 6
    np.testing.assert_allclose(grown[rule, 7], max(baselines.FACTORS[6] * angles[5], baselines.FLOORS[0]), rtol=1e-6)
    h = np.stack([grown[rule], np.full(600, 0.1)])
    kernel = sets.KernelEstimate(x, h, 0.25)
    expected = [np.mean(hd.VonMisesFisher(x, each**-2.0).prob(z[:, None]), axis=1) for each in h]
    np.testing.assert_allclose(kernel.log_prob(z), np.log(0.75 * expected[0] + 0.25 * expected[1]), rtol=1e-8)


@pytest.mark.parametrize("points", [np.eye(3)[:1], np.eye(3), np.repeat(np.eye(3), 4, axis=0)])
def test_variable_kernel_estimate_of_few_or_repeated_points(points: np.ndarray) -> None:
    kernel = sets.KernelEstimate.fit(points, np.eye(3), variable=True)
    assert np.all(kernel.bandwidths >= 1e-4)
    assert np.all(np.isfinite(kernel.log_prob(-np.eye(3))))


@pytest.mark.parametrize(
    ("points", "bandwidths", "share", "message"),
    [
        (2.0 * np.eye(3), np.ones((2, 1)), 0.5, "points must lie on the unit sphere"),
        (np.eye(3), np.ones(2), 0.5, r"bandwidths must have shape \(2, 1\) or \(2, 3\), got shape \(2,\)"),
        (np.eye(3), np.array([[0.1], [0.0]]), 0.5, "bandwidths must be .*0"),
        (np.eye(3), np.ones((2, 1)), 1.5, r"share must .*1\.5"),
        (np.eye(3), np.ones((2, 1)), np.nan, "share must .*nan"),
    ],
)
def test_kernel_estimate_of_bad_parameters(points: Any, bandwidths: Any, share: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sets.KernelEstimate(points, bandwidths, share)


def test_draws_of_the_kernel_estimate(rng: np.random.Generator) -> None:
    """Their cosines with both points, against draws of the same law from ``Mixture``.

    Two KS tests at 1e-4 each; a share of .5 for .3 is seen with a chance above .999.
    """
    x = np.eye(3)[:2]
    kernel = sets.KernelEstimate(x, np.array([[0.01, 0.05], [0.5, 0.2]]), 0.3)
    draws = kernel.sample(20_000, rng)
    component = hd.VonMisesFisher(np.tile(x, (2, 1)), kernel.bandwidths.ravel() ** -2.0)
    mixture = hd.Mixture([0.35, 0.35, 0.15, 0.15], component)
    np.testing.assert_allclose(kernel.log_prob(draws), mixture.log_prob(draws), rtol=1e-9, atol=1e-9)
    other = mixture.sample(20_000, rng)
    for point in x:
        assert stats.ks_2samp(draws @ point, other @ point).pvalue > 1e-4
    np.testing.assert_array_equal(kernel.sample(5, 3), kernel.sample(5, 3))
    with pytest.raises(ValueError, match=r"size must be .*got 0"):
        kernel.sample(0)


def test_mixture_of_known_components(rng: np.random.Generator) -> None:
    """About as good as the truth on held-out points, whatever the candidates; what a flow's base needs is there."""
    truth = hd.Mixture([0.3, 0.7], hd.VonMisesFisher(np.eye(3)[:2], [40.0, 15.0]))
    x, y, z = (truth.sample(n, rng) for n in (600, 200, 400))
    settings = sets.Settings(((1, 0.1, 10), (2, 0.05, 40), (40, 0.05, 5)), 1e-6)
    mixture = sets.fit_mixture(x, y, settings, seed=3)
    gain = mixture.log_prob(z) - truth.log_prob(z)
    assert gain.shape == (400,)
    assert abs(gain.mean()) < 0.05
    assert mixture.component.mu.shape == (*mixture.weights.shape, 3)
    assert mixture.component.kappa.shape == mixture.weights.shape
    again = sets.fit_mixture(x, y, settings, seed=3)
    np.testing.assert_array_equal(again.log_prob(z), mixture.log_prob(z))


@pytest.mark.parametrize(
    "fit", [sets.fit_mixture, sets.KernelEstimate.fit, partial(sets.KernelEstimate.fit, variable=True)]
)
def test_baselines_check_their_points(fit: Callable[..., object]) -> None:
    good = np.eye(3)
    for bad, message in (
        (good[:0], r"must have shape \(n, 3\) with n >= 1, got shape \(0, 3\)"),
        (good[0], r"must have shape \(n, 3\) with n >= 1, got shape \(3,\)"),
        (1.1 * good, "must lie on the unit sphere"),
        (good[:, :2], "must have 3 coordinates"),
    ):
        with pytest.raises(ValueError, match=f"training {message}"):
            fit(bad, good)
        with pytest.raises(ValueError, match=f"validation {message}"):
            fit(good, bad)


def test_blend_is_the_best_of_the_grid(rng: np.random.Generator) -> None:
    """Two densities, each good for half of the points: half and half is best."""
    scores = np.log(np.where(np.arange(100) < 50, [[0.9], [0.1]], [[0.1], [0.9]]))
    first, second, share = baselines.best_blend(scores)
    assert {first, second} == {0, 1}
    assert share == pytest.approx(0.5)
    first, _, share = baselines.best_blend(np.stack([scores[0] - 5, scores[0]]))
    assert (first, share) == (1, 0.0)


def test_blend_of_mixtures(rng: np.random.Generator) -> None:
    parts = [hd.Mixture([0.4, 0.6], hd.VonMisesFisher(np.eye(3)[:2], [k, 2.0])) for k in (3.0, 50.0)]
    x = parts[0].sample(20, rng)
    whole = baselines.blend(parts[0], parts[1], 0.25)
    np.testing.assert_allclose(whole.prob(x), 0.75 * parts[0].prob(x) + 0.25 * parts[1].prob(x), rtol=1e-12)


def test_run_record_and_resumption(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted run goes on with the same numbers, and computes only what is missing."""
    monkeypatch.setattr(sets, "SETS", ("volcano", "fire"))
    monkeypatch.setattr(sets, "QUICK", sets.Settings(((1, 0.1, 3), (4, 0.05, 4)), 1e-3))
    assert earth.main(options(made, tmp_path / "whole")) == 0
    whole = json.loads((tmp_path / "whole" / "record.json").read_text())
    calls: list[str] = []
    execute = engine.execute

    def stops(task: engine.Task) -> dict:
        calls.append(task.key)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return execute(task)

    monkeypatch.setattr(engine, "execute", stops)
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

    monkeypatch.setattr(sets, "SETS", ("volcano",))
    monkeypatch.setattr(earth_fit, "evaluate", broken)
    assert earth.main(options(made, tmp_path / "out")) == 1
    assert "no score today" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_committed_record_gives_the_committed_table() -> None:
    folder = Path(earth.__file__).parent / "reports" / "earth"
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert (folder / "table.md").read_text(encoding="utf-8") == earth.markdown(record["rows"])
