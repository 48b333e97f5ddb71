"""The torsion angles' file and splits, the baselines, and the experiment ``torsion`` in its quick setting."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

import hyperdist as hd  # noqa: E402
from hyperdist_torch.datasets import load_torsion  # noqa: E402
from hyperdist_torch.experiments import torsion_baselines  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402


def write(folder: Path, lines: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rna.tsv.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 rows of 21 structures, the first with 120; two shapes of the backbone."""
    generator = np.random.default_rng(1)
    names = ["big"] * 120 + [f"s{i % 20:02d}" for i in range(280)]
    centre = np.where(generator.random(400)[:, None] < 0.5, 60.0, -150.0)
    angles = (centre + generator.normal(0.0, 25.0, (400, 7)) + 180.0) % 360.0 - 180.0
    lines = ["\t".join([name, "G", *(f"{a:.6f}" for a in row)]) for name, row in zip(names, angles, strict=True)]
    return write(tmp_path_factory.mktemp("data") / "torus", lines).parent


@pytest.mark.parametrize("kind", ["random rows", "grouped by structure"])
def test_split_has_every_row_once_and_angles_in_range(data: Path, kind: str) -> None:
    found = load_torsion(kind, 3, data, dtype=torch.float64)
    parts = (found.training, found.validation, found.test)
    assert sum(map(len, parts)) == 400
    assert len(torch.cat(parts).unique(dim=0)) == 400
    assert all(len(names) == len(part) for names, part in zip(found.structures, parts, strict=True))
    assert bool(((torch.cat(parts) >= -math.pi) & (torch.cat(parts) < math.pi)).all())
    again, other = load_torsion(kind, 3, data, dtype=torch.float64), load_torsion(kind, 4, data, dtype=torch.float64)
    assert torch.equal(again.test, found.test)
    assert not torch.equal(other.test, found.test)


def test_structures_stay_together_and_the_largest_is_trained_on(data: Path) -> None:
    found = load_torsion("grouped by structure", 0, data)
    training, validation, test = map(set, found.structures)
    assert not training & test
    assert not training & validation
    assert not validation & test
    assert "big" in training
    assert len(found.test) <= 40


def test_half_a_turn_in_single_precision_is_an_angle(tmp_path: Path) -> None:
    lines = ["\t".join(["a", "G", *["180"] * 3, *["-180"] * 3, "-360"])] * 20
    found = load_torsion("random rows", 0, write(tmp_path, lines))
    hd.ToroidalUniform(7).log_prob(found.training.numpy())  # refuses what is not in [-pi, pi)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a\tG\t1\t2\t3\t4\t5\t6", "line 2: must have 9 columns"),
        ("a\tG\t1\t2\t3\t4\t5\t6\tx", "line 2: angles must be numbers, got 'x'"),
        ("a\tG\t1\t2\t3\t4\t5\t6\tnan", "line 2: angles must be -360 to 360 degrees, got nan"),
        ("a\tG\t1\t2\t3\t4\t5\t6\t400", "line 2: angles must be -360 to 360 degrees, got 400"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, line: str, message: str) -> None:
    folder = write(tmp_path, ["a\tG\t1\t2\t3\t4\t5\t6\t7", line])
    with pytest.raises(ValueError, match=message):
        load_torsion("random rows", 0, folder)


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"rna.tsv.gz is neither in"):
        load_torsion("random rows", 0, tmp_path)
    (tmp_path / "rna.tsv.gz").write_bytes(gzip.compress(b"a\tG")[:-4])
    with pytest.raises(ValueError, match="must be a whole gzip file"):
        load_torsion("random rows", 0, tmp_path)
    write(tmp_path, ["a\tG\t1\t2\t3\t4\t5\t6\t7"] * 3)
    with pytest.raises(ValueError, match="an empty validation part of 3 rows"):
        load_torsion("random rows", 0, tmp_path)
    with pytest.raises(ValueError, match="kind must be"):
        load_torsion("rows", 0, tmp_path)


def test_kernel_estimates_are_densities(rng: np.random.Generator) -> None:
    """On T^2, where a rule of equal weights over a grid integrates what is smooth: mass 1."""
    x = hd.ToroidalWrappedNormal([1.0, -3.0], [0.3, 0.5]).sample((60,), rng=rng)
    side = (np.arange(100) + 0.5) * (2.0 * np.pi / 100) - np.pi
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    for fit in torsion_baselines.MODELS.values():
        mass = np.mean(np.exp(fit(x[:40], x[40:], grid, 0, True))) * (2.0 * np.pi) ** 2
        assert mass == pytest.approx(1.0, abs=2e-3)


def test_nearest_rows_are_found_across_the_cut() -> None:
    x = np.array([[3.14, 0.0], [0.0, 0.0]])
    y = np.array([[-3.14, 0.0], [0.0, 0.1], [-np.pi, np.pi - 1e-12]])
    assert torsion_baselines.near(x, y, 0.05) == pytest.approx(1 / 3)
    assert torsion_baselines.near(x, y, 0.2) == pytest.approx(2 / 3)


def test_discrepancy_is_of_mean_zero_for_equal_laws_and_finds_others(rng: np.random.Generator) -> None:
    """Unbiased: the mean of 40 values lies within 5 standard errors of 0; a shift of .5 lies far beyond."""
    law = hd.ToroidalWrappedNormal([3.0, 0.0], [0.5, 1.0])
    values = [torsion_baselines.mmd_squared(law.sample((80,), rng=rng), law.sample((60,), rng=rng)) for _ in range(40)]
    assert abs(np.mean(values)) < 5.0 * np.std(values) / np.sqrt(40)
    moved = hd.ToroidalWrappedNormal([-2.78, 0.0], [0.5, 1.0]).sample((80,), rng=rng)
    assert torsion_baselines.mmd_squared(moved, law.sample((60,), rng=rng)) > np.mean(values) + 6.0 * np.std(values)


def test_leaves_cells_record_and_table_and_resumes(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    def run(*more: str) -> int:
        return main(["torsion", "--quick", "--data-dir", str(data), "--out", str(out), *more])

    assert run() == 0
    results = {path.stem: json.loads(path.read_text()) for path in (out / "cells").iterdir()}
    models = ("matching", "likelihood", "kernel", "variable", "local", "mixture")
    assert set(results) == {f"random-{model}+quick-seed0" for model in models}
    assert all(np.isfinite(result["nll"]) for result in results.values())
    assert results["random-matching+quick-seed0"]["published"] == -5.20
    assert "16 steps of Euler's method" in (out / "table.md").read_text()
    (out / "cells" / "random-likelihood+quick-seed0.json").unlink()
    (out / "record.json").unlink()
    capsys.readouterr()
    assert run("--resume") == 0
    assert "random-matching+quick-seed0: kept" in capsys.readouterr().out
    again = json.loads((out / "cells" / "random-likelihood+quick-seed0.json").read_text())
    assert again["nll"] == results["random-likelihood+quick-seed0"]["nll"]
