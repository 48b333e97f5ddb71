"""The experiments in their quick setting, on made-up digits: what they leave, how they resume, what bad input gets."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("gpytorch")

import matplotlib as mpl  # noqa: E402

from hyperdist_torch import vae  # noqa: E402
from hyperdist_torch.experiments import branching, cells, digits, embeddings, mnist, record, tables  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402
from hyperdist_torch.experiments.cells import Cell, Machine  # noqa: E402
from hyperdist_torch.experiments.tasks import Split  # noqa: E402
from hyperdist_torch.experiments.vae_cells import VAETask  # noqa: E402
from hyperdist_torch.training import Schedule  # noqa: E402
from hyperdist_torch.vae.config import DECODERS  # noqa: E402
from tests.support.torch import idx  # noqa: E402

mpl.use("Agg")

FIELDS = {
    "command", "commit", "date", "machine", "versions", "seeds", "settings", "rows", "cells", "columns",
    "decimals",
}  # fmt: skip
ROW = {"name", "metric", "value", "interval95", "n", "published"}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quick run of ``mnist`` on made-up digits."""
    folder = tmp_path_factory.mktemp("mnist")
    data = idx.digits(folder / "data", np.random.default_rng(0), train=60, test=20)
    assert main(["mnist", "--quick", "--data-dir", str(data), "--out", str(folder / "out")]) == 0
    return folder


def test_mnist_leaves_cells_record_table_and_pictures(quick: Path) -> None:
    out = quick / "out"
    names = ["nvae-d2+quick-seed0", "riemannian-c1.4-d2+quick-seed0", "wrapped-c1.4-d2+quick-seed0"]
    assert sorted(path.stem for path in (out / "cells").iterdir()) == names
    written = read(out / "record.json")
    assert set(written) == FIELDS | {"digits"}
    assert all(set(row) == ROW for row in written["rows"])
    assert [row["published"] for row in written["rows"][:3]] == [144.5, 142.5, None]
    curves = read(out / "curves.json")
    assert len(curves) == len(written["cells"])
    assert all(curve["epochs"] == [1] and len(curve["losses"]) == 1 for curve in curves.values())
    page = (out / "table.md").read_text()
    assert "| N-VAE (quick) |" in page
    assert "*144.5*" in page
    assert "Accuracy per digit" in page
    for name in names:
        assert (out / f"latents-{name}.png").read_bytes()[1:4] == b"PNG"


def test_mnist_resumes_what_is_there(quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finished cell is kept; a lost one goes on from its checkpoint and likelihoods, to the same numbers."""
    out = quick / "out"
    lost = out / "cells" / "riemannian-c1.4-d2+quick-seed0.json"
    before, kept = read(lost), (out / "cells" / "nvae-d2+quick-seed0.json").stat().st_mtime_ns
    lost.unlink()
    (out / "record.json").unlink()
    arguments = ["mnist", "--quick", "--resume", "--data-dir", str(quick / "data"), "--out", str(out)]
    assert main(arguments) == 0
    after = read(lost)
    assert (after["nll"], after["curve"]) == (before["nll"], before["curve"])
    assert (out / "cells" / "nvae-d2+quick-seed0.json").stat().st_mtime_ns == kept
    assert "nvae-d2+quick-seed0: kept" in capsys.readouterr().out


def test_likelihoods_go_on_where_they_were_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the rows gets what it would have got, and rows that are kept are not evaluated again."""
    monkeypatch.setattr(cells, "_BLOCK", 3)
    config = vae.VAEConfig(latent_dim=2, data_shape=(4,), hidden=5)
    torch.manual_seed(0)
    model, test, path = vae.PoincareVAE(config), torch.rand(8, 4), tmp_path / "evaluation.json"
    cell = Cell("a", "a", "b", VAETask(config, 6, lambda seed: Split(test, test)), Schedule(1, 2, 0.1, seed=3))
    whole, seconds = cells.evaluate(model, test, cell, path, Machine("cpu"))
    kept = read(path)
    assert 0.0 < kept["seconds"] <= seconds < 1000.0
    path.write_text(json.dumps({**kept, "values": [7.0, 7.0, 7.0], "seconds": 1000.0}))
    again, seconds = cells.evaluate(model, test, cell, path, Machine("cpu"))
    assert again.tolist() == [7.0, 7.0, 7.0, *whole[3:].tolist()]
    assert 1000.0 < read(path)["seconds"] <= seconds
    old = {name: kept["setting"][name] for name in ("samples", "block", "seed", "rows")}
    path.write_text(json.dumps({"setting": old, "values": [7.0, 7.0, 7.0]}))
    assert cells.evaluate(model, test, cell, path, Machine("cpu"))[0].tolist() == again.tolist()
    for name, other in (("samples", 5), ("config", {**kept["setting"]["config"], "hidden": 4})):
        path.write_text(json.dumps({"setting": {**kept["setting"], name: other}, "values": [7.0, 7.0, 7.0]}))
        assert cells.evaluate(model, test, cell, path, Machine("cpu"))[0].tolist() == whole.tolist()


def test_a_diverged_cell_is_reported(tmp_path: Path) -> None:
    """A learning rate that overflows: the cell is NaN with its reason, and the tables show it."""
    config = vae.VAEConfig(latent_dim=2, data_shape=(4,), hidden=5, likelihood="normal", c=0.0, posterior="normal")
    rows = torch.rand(8, 4)
    cell = Cell("a", "model", "d = 2", VAETask(config, 6, lambda seed: Split(rows, rows)), Schedule(4, 2, 1e30))
    result = cells.run(cell, tmp_path, Machine("cpu"), resume=False)
    assert result is not None
    assert math.isnan(result["nll"])
    assert "finite" in result["diverged"]
    found = cells.results(tmp_path)
    tables.write(tmp_path, "title", list(found.values()), ["d = 2"], {})
    page = (tmp_path / "table.md").read_text()
    assert f"| model, d = 2 | 0 | diverged: {result['diverged']} |  |  |  |  |" in page
    assert not cells.at_hand(cell, tmp_path)
    assert read(tmp_path / "record.json")["rows"][0]["value"] == "nan"


def test_branching_over_seeds(tmp_path: Path) -> None:
    assert main(["branching", "--quick", "--out", str(tmp_path)]) == 0
    written = read(tmp_path / "record.json")
    assert written["seeds"] == [0, 1]
    assert [(row["n"], row["published"]) for row in written["rows"]] == [(2, 57.0), (2, 55.6)]
    for row in written["rows"]:
        low, high = row["interval95"]
        assert low < row["value"] < high
    assert (tmp_path / "latents.png").stat().st_size > 10_000


def test_published_settings_are_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mnist", "--list"]) == 0
    names = capsys.readouterr().out.split()
    assert len(names) == len(set(names)) == 4 * 9
    assert all("-d2-" in name for name in names[:9])
    assert names[9:12] == ["riemannian-c0.7-d20-seed0", "riemannian-c1.4-d10-seed0", "riemannian-c1.4-d20-seed0"]
    assert main(["branching", "--list"]) == 0
    names = capsys.readouterr().out.split()
    assert len(names) == len(set(names)) == 2 * 6 * 5
    star = table_of("mnist", "--cells", "riemannian-c1.4-d20")[0]
    assert star.published is None
    assert star.task.config == vae.VAEConfig(latent_dim=20, data_shape=(784,), hidden=600, c=1.4)
    assert star.schedule == Schedule(80, 128, 5e-4)
    assert star.task.samples == 5000
    flat = table_of("branching", "--cells", "nvae-std1.7")[0]
    assert (flat.task.config.c, flat.task.config.prior_std, flat.task.config.likelihood) == (0.0, 1.7, "normal")
    assert flat.schedule == Schedule(1000, 64, 1e-3, drop_last=True)


def table_of(name: str, *arguments: str) -> list[Cell[VAETask]]:
    module = {"mnist": mnist, "branching": branching}[name]
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    args = parser.parse_args(arguments)
    return mnist.table_of_cells(args, branching.rows) if name == "mnist" else branching.table_of_cells(args)


def test_variants_are_named() -> None:
    options = ["--decoder", "wrapped", "--epochs", "3", "--prior-std", "0.5", "--riemannian-gradient"]
    flat, star = table_of("mnist", "--cells", "nvae-d20", "riemannian-c1.4-d20", *options)[::-1]
    assert flat.variant == "epochs 3, prior std 0.5"
    assert star.variant == "epochs 3, prior std 0.5, decoder wrapped, riemannian gradient"
    assert star.key == "riemannian-c1.4-d20+epochs-3+prior-std-0.5+decoder-wrapped+riemannian-gradient-seed0"
    assert (star.task.config.decoder, star.task.config.prior_std, star.task.config.riemannian_gradient) == (
        "wrapped",
        0.5,
        True,
    )


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", ["mnist", "branching"])
def test_every_decoder_can_be_asked_for(name: str, decoder: str) -> None:
    flat, curved = table_of(name, "--quick", "--decoder", decoder)[:2]
    assert (flat.variant, flat.task.config.decoder) == ("quick", "wrapped")
    assert curved.task.config.decoder == decoder
    assert curved.variant == ("quick" if decoder == "geo" else f"quick, decoder {decoder}")


def result(row: str, column: str, seed: int, nll: float, **others: Any) -> dict[str, Any]:
    return {"row": row, "column": column, "variant": "", "seed": seed, "nll": nll, "standard_error": 0.5, "n": 100,
            "published": 9.0, "samples": 5, "schedule": {"epochs": 2}, "curve": [3.0, 2.0], "training_seconds": 1.0,
            "evaluation_seconds": 1.0, **others}  # fmt: skip


def test_tables_over_seeds_and_rows() -> None:
    made = [result("A", "x", 0, 10.0), result("A", "x", 1, 12.0), result("A", "y", 0, 8.0),
            result("A", "y", 0, 7.0, variant="half")]  # fmt: skip
    several, one, half = tables.rows(made)
    assert (several["name"], several["metric"], several["value"], several["n"]) == ("A, x", tables.SEEDS, 11.0, 2)
    # Student's t with one degree of freedom: 12.7062 times s/sqrt(2), which is 1.
    np.testing.assert_allclose(several["interval95"], [11 - 12.7062, 11 + 12.7062], rtol=1e-5)
    assert (one["metric"], one["n"]) == (tables.ONE_SEED, 100)
    np.testing.assert_allclose(one["interval95"], [8 - 0.97998, 8 + 0.97998], rtol=1e-5)
    assert half["name"] == "A (half), y"
    lines = tables.table(made, ["x", "y", "z"]).splitlines()
    assert lines[0] == "| model | x | y |"
    assert lines[2:] == ["| A | 11.00 ± 12.71 | 8.00 ± 0.98 |", "| *A, published* | *9.0* | *9.0* |",
                         "| A (half) |  | 7.00 ± 0.98 |"]  # fmt: skip


def test_best_wrapped_is_the_least() -> None:
    made = [result(f"P-VAE wrapped, c = {c}", "d = 2", 0, nll) for c, nll in ((0.1, 145.0), (0.7, 144.0))]
    (best,) = mnist.best_wrapped(made)
    assert best["name"] == "P-VAE wrapped, c = 0.7, d = 2 (best on the test rows, 2 of 4 curvatures run)"
    assert (best["value"], best["published"]) == (144.0, 143.8)


def test_classifier_tells_apart_what_is_apart(tmp_path: Path) -> None:
    """Ten clusters on a circle of radius 3, whose spread is a tenth of their distance: nearly all are told right."""
    labels = torch.arange(600) % 10
    angle = 2 * math.pi * labels / 10
    torch.manual_seed(0)
    points = 3 * torch.stack([angle.cos(), angle.sin()], dim=1) + 0.18 * torch.randn(600, 2)
    made = mnist.Digits(points, labels)
    for c in (0.0, 1.4):
        share = digits.accuracies(made, made, c, tmp_path / str(c), seed=0, epochs=60)
        assert share.mean() > 0.97


def test_gplvm_keeps_clusters_apart() -> None:
    """Two clusters in 6 dimensions stay two: along the line through their means, 10 deviations lie between them."""
    torch.manual_seed(1)
    x = torch.cat([torch.randn(20, 6) * 0.3 + 2, torch.randn(20, 6) * 0.3 - 2])
    latent = embeddings.gplvm(x, inducing=5, steps=30)
    between = latent[:20].mean(dim=0) - latent[20:].mean(dim=0)
    along = latent @ between / between.norm()
    assert between.norm() > 10 * max(along[:20].std(), along[20:].std())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mnist", "--quick", "--data-dir", "/nowhere"], "train-images-idx3-ubyte.gz"),
        (["mnist", "--cells", "nvae-d3"], "--cells must fit a name of nvae-d2.*got 'nvae-d3'"),
        (["mnist", "--prior-std", "-1"], "prior_std"),
        (["mnist", "--prior-std", "0"], "prior_std"),
        (["earth", "--finest", "0"], "finest must be > 0 and < 1, got 0"),
        (["earth", "--no-waves", "--finest", ".1"], "--finest must not be given with --no-waves, got 0.1"),
    ],
)
def test_bad_input_is_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["branching", "--epochs", "-1"], ["mnist", "--samples", "0"], ["mnist", "--test-images", "1.5"],
        ["earth", "--hidden", "0"], ["earth", "--training-rows", "many"],
    ],
)  # fmt: skip
def test_counts_are_counts(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """0 is not taken for an option that was not given."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert f"argument {arguments[1]}: must be an integer >= 1, got '{arguments[2]}'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["branching", "mnist", "vmf", "torus", "hyperbolic", "earth"])
@pytest.mark.parametrize("quick", [[], ["--quick"]], ids=["published", "quick"])
def test_every_name_listed_is_accepted(name: str, quick: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """And chooses that cell alone."""
    if name == "earth" and "HYPERDIST_DATA" not in os.environ:
        pytest.skip("HYPERDIST_DATA names no folder with the sets")
    assert main([name, "--list", *quick]) == 0
    keys = capsys.readouterr().out.split()
    for key in {keys[0], keys[-1]}:
        assert main([name, "--list", *quick, "--cells", key]) == 0
        assert capsys.readouterr().out.split() == [key]


@pytest.mark.parametrize("missing", ["lightning", "matplotlib", "tqdm"])
def test_missing_packages_name_the_extra(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; import hyperdist_torch.experiments"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    wanted = f"ImportError: hyperdist_torch.experiments needs {missing}: pip install 'hyperdist[experiments]'"
    assert wanted in run.stderr


def test_pictures_that_cannot_be_drawn_are_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gpytorch", None)
    monkeypatch.setattr(cells, "run", lambda *arguments: pytest.fail("the work has begun"))
    assert main(["branching", "--quick", "--out", str(tmp_path)]) == 2
    assert "pip install 'hyperdist[experiments]', or give --no-pictures" in capsys.readouterr().err


def test_commit_and_versions_are_recorded() -> None:
    found = record.provenance()
    assert found["versions"]["torch"] == torch.__version__
    assert found["machine"]["threads"] == torch.get_num_threads()
