"""The experiment ``earth`` in its quick setting, on made-up events: what it leaves, how it resumes, learning curves."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

import matplotlib as mpl  # noqa: E402

from hyperdist_torch import flows  # noqa: E402
from hyperdist_torch.experiments import earth  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402

mpl.use("Agg")

MODELS = ("matching", "smoothed", "tuned", "likelihood", "stereographic", "mixture", "kernel", "variable")


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 events, half of them in one place, a quick run over them, and one with fewer training rows."""
    root = tmp_path_factory.mktemp("globe")
    generator = np.random.default_rng(1)
    degrees = np.stack([generator.uniform(-60, 60, 150), generator.uniform(-180, 180, 150)], axis=-1)
    degrees[75:] = degrees[0] + generator.normal(0.0, 0.5, (75, 2)).round(1)
    (root / "data" / "earth").mkdir(parents=True)
    (root / "data" / "earth" / "volcano.csv").write_text(
        "lat,lon\n" + "".join(f"{latitude:.4f},{longitude:.4f}\n" for latitude, longitude in degrees)
    )
    assert run(root) == 0
    return root


def run(root: Path, *more: str) -> int:
    return main(["earth", "--quick", "--data-dir", str(root / "data"), "--out", str(root / "out"), *more])


def test_leaves_cells_record_table_and_maps(folder: Path) -> None:
    out = folder / "out"
    results = {path.stem: read(path) for path in (out / "cells").iterdir()}
    assert set(results) == {f"random-volcano-{model}+quick-seed0" for model in MODELS}
    assert all(np.isfinite(result["nll"]) for result in results.values())
    published = {result["row"].partition(": ")[2]: result["published"] for result in results.values()}
    assert published["Riemannian, likelihood"] == -0.97
    assert published["kernel estimate"] is None
    page = (out / "table.md").read_text()
    assert "random rows: Riemannian, flow matching (quick)" in page
    assert "share of test rows that coincide with a training row" in page
    for model in MODELS[:5]:
        assert (out / f"map-random-volcano-{model}+quick-seed0.png").read_bytes()[1:4] == b"PNG"


def test_likelihood_after_matching_starts_where_matching_ended(folder: Path) -> None:
    runs = folder / "out" / "runs"
    matched = flows.load(runs / "random-volcano-matching+quick-seed0" / "model.pt")
    tuned = flows.load(runs / "random-volcano-tuned+quick-seed0" / "model.pt")
    moved = sum((a - b).norm() for a, b in zip(matched.parameters(), tuned.parameters(), strict=True))
    size = sum(parameter.norm() for parameter in matched.parameters())
    assert 0.0 < moved < 0.1 * size


def test_resumes_to_the_same_figures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = folder / "out" / "cells" / "random-volcano-matching+quick-seed0.json"
    before = read(lost)
    lost.unlink()
    (folder / "out" / "record.json").unlink()
    assert run(folder, "--resume", "--cells", "random-volcano-matching", "random-volcano-tuned") == 0
    after = read(lost)
    assert (after["nll"], after["curve"]) == (before["nll"], before["curve"])
    assert "random-volcano-tuned+quick-seed0: kept" in capsys.readouterr().out


def test_large_batches_make_epochs_of_as_many_steps(folder: Path) -> None:
    parser = argparse.ArgumentParser()
    earth.add_arguments(parser)
    given = ["--data-dir", str(folder / "data"), "--cells", "random-volcano-matching"]
    for more, size in (([], 512), (["--batch", "4096"], 4096)):
        cell = earth.table_of_cells(parser.parse_args([*given, "--seeds", "0", *more]))[0]
        assert cell.schedule.batch_size == size
        assert len(cell.task.data(0).training) // size == 20
    assert cell.key == "random-volcano-matching+batch-4096-seed0"


def test_learning_curves_are_drawn_where_sizes_differ(folder: Path) -> None:
    """The quick setting cuts the rows itself, so that the sizes here are told by the results alone."""
    out = folder / "out"
    kernel = read(out / "cells" / "random-volcano-kernel+quick-seed0.json")
    for size in (10, 40):
        smaller = {**kernel, "variant": f"quick, training rows {size}", "nll": kernel["nll"] + 1.0 / size}
        (out / "cells" / f"made-up-{size}.json").write_text(json.dumps(smaller))
    earth.draw_learning_curves(out)
    for size in (10, 40):
        (out / "cells" / f"made-up-{size}.json").unlink()
    assert (out / "learning-curves.png").read_bytes()[1:4] == b"PNG"


def test_bad_rows_are_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "earth").mkdir()
    (tmp_path / "earth" / "volcano.csv").write_text("lat,lon\n10,20\n91,0\n")
    assert main(["earth", "--quick", "--data-dir", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "volcano.csv, line 3" in message
    assert "latitude must be -90 to 90 degrees" in message
    assert not (tmp_path / "out").exists()
