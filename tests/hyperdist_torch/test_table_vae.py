"""``vae`` on a table of one's own: what it writes for every latent space and file, resuming, bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

import matplotlib as mpl  # noqa: E402

from hyperdist_torch import vae  # noqa: E402
from hyperdist_torch.datasets import read_table  # noqa: E402
from hyperdist_torch.experiments.__main__ import main  # noqa: E402

mpl.use("Agg")

N = 30
COUNTS = np.random.default_rng(0).poisson(3.0, (N, 4)) + 1
KIND = [f"kind {i % 3}" for i in range(N)]
LOT = [f"lot {i % 2}" for i in range(N)]


def write_csv(path: Path, values: Any = COUNTS, **extra: Any) -> Path:
    """A table with an index, as pandas writes one, and columns of words."""
    extra = extra or {"kind": KIND, "lot": LOT}
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["", *extra, *(f"gene {j}" for j in range(len(values[0])))])
        for i, row in enumerate(values):
            lines.writerow([i, *(column[i] for column in extra.values()), *row])
    return path


def run(data: Path, out: Path, *more: str, likelihood: str = "negative_binomial") -> int:
    quick = ["--epochs", "2", "--hidden", "6", "--samples", "4", "--batch", "16", "--quiet", "--accelerator", "cpu"]
    return main(["vae", "--data", str(data), "--likelihood", likelihood, "--out", str(out), *quick, *more])


def lines(out: Path) -> list[dict[str, str]]:
    with (out / "latent.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("latent", "axes"),
    [
        ("h2", ["tangent_1", "tangent_2", "ball_1", "ball_2", "scale_1"]),
        ("e1", ["z_1", "scale_1"]),
        ("e3", ["z_1", "z_2", "z_3", "scale_1"]),
        ("s2", ["x_1", "x_2", "x_3", "kappa_1"]),
        ("t2", ["angle_1", "angle_2", "scale_1", "scale_2"]),
    ],
)
def test_what_it_writes(tmp_path: Path, latent: str, axes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Model, coordinates of every row in order, picture and record, for counts with sizes and lots."""
    data, out = write_csv(tmp_path / "counts.csv"), tmp_path / "out"
    assert run(data, out, "--label", "kind", "--covariate", "lot", "--library", "--latent", latent) == 0
    assert "left out, no numbers: the column without a name" in capsys.readouterr().out
    model, rows = vae.load(out / "model.pt"), lines(out)
    assert (model.config.latent, model.config.data_dim, model.config.covariates) == (latent, 4, 2)
    assert list(rows[0]) == ["row", "part", "label", "covariate", *axes]
    assert [row["label"] for row in rows] == KIND
    assert [row["covariate"] for row in rows] == LOT
    assert sum(row["part"] == "test" for row in rows) == 3
    mean = model.encode(torch.from_numpy(COUNTS).float()).mean.detach().numpy()
    found = np.array([[float(row[axis]) for axis in axes[: mean.shape[1]]] for row in rows])
    np.testing.assert_allclose(found, mean, rtol=1e-4, atol=1e-5)
    assert (out / "latent.png").read_bytes()[1:4] == b"PNG"
    record = json.loads((out / "record.json").read_text())
    assert record["settings"]["library"] is True
    assert np.isfinite(record["rows"][0]["value"])
    assert json.loads((out / "columns.json").read_text())["columns"] == [f"gene {j}" for j in range(4)]


def test_every_likelihood(tmp_path: Path) -> None:
    values = {
        "bernoulli": COUNTS / 20.0, "continuous_bernoulli": COUNTS / 20.0, "normal": 100.0 * COUNTS,
        "categorical": COUNTS, "poisson": COUNTS,
    }  # fmt: skip
    for likelihood, table in values.items():
        data = write_csv(tmp_path / "table.csv", table)
        assert run(data, tmp_path / likelihood, likelihood=likelihood) == 0
        assert len(lines(tmp_path / likelihood)) == N
    scale = json.loads((tmp_path / "normal" / "columns.json").read_text())
    assert min(scale["std"]) > 50.0


def h5ad(path: Path, sparse: str = "") -> Path:
    """What AnnData writes of counts with two observations and names of variables."""
    h5py = pytest.importorskip("h5py")
    from scipy.sparse import csc_matrix, csr_matrix

    with h5py.File(path, "w") as file:
        if sparse:
            made = (csr_matrix if sparse == "csr" else csc_matrix)(COUNTS)
            group = file.create_group("X")
            group.attrs.update({"encoding-type": f"{sparse}_matrix", "shape": made.shape})
            for name in ("data", "indices", "indptr"):
                group[name] = getattr(made, name)
        else:
            file["X"] = COUNTS.astype(float)
        file["layers/halves"] = COUNTS / 2.0
        kind = file.create_group("obs/kind")
        kind["categories"] = np.array(sorted(set(KIND)), dtype="S")
        kind["codes"] = np.array([i % 3 for i in range(N)], dtype="i1")
        file["obs/lot"] = np.array(LOT, dtype="S")
        file["var/_index"] = np.array([f"gene {j}" for j in range(4)], dtype="S")
        file["var"].attrs["_index"] = "_index"
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "csv.gz", "npz", "h5ad", "h5ad csr", "h5ad csc"])
def test_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    """The same numbers, labels and covariates from each."""
    path = tmp_path / f"counts.{kind.split()[0]}"
    if kind == "npz":
        np.savez(path, counts=COUNTS, kind=np.array(KIND), lot=np.array(LOT))
    elif kind.startswith("h5ad"):
        h5ad(path, kind[5:])
    else:
        text = write_csv(tmp_path / "text").read_text()
        if kind == "csv.gz":
            import gzip

            path.write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text.replace(",", "\t") if kind == "tsv" else "\ufeff" + text, encoding="utf-8")
    table = read_table(path, label="kind", covariate="lot")
    np.testing.assert_array_equal(table.rows, COUNTS)
    assert table.label is not None
    assert table.label.tolist() == KIND
    np.testing.assert_array_equal(table.one_hot, [[i % 2 == 0, i % 2 == 1] for i in range(N)])
    chosen = read_table(path, columns=["3"] if kind == "npz" else ["*3"])
    np.testing.assert_array_equal(chosen.rows, COUNTS[:, 3:])


def test_arrays_and_layers(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", COUNTS.reshape(N, 2, 2))
    np.testing.assert_array_equal(read_table(tmp_path / "x.npy").rows, COUNTS)
    np.testing.assert_array_equal(read_table(h5ad(tmp_path / "x.h5ad"), key="layers/halves").rows, COUNTS / 2.0)
    (tmp_path / "x.csv").write_text("\n".join("1,2.5" for _ in range(5)))
    table = read_table(tmp_path / "x.csv")
    assert (table.columns, len(table.rows)) == (("0", "1"), 5)


def test_a_run_resumes_and_knows_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was lost is worked out again to the same figures; another table or setting is refused by name."""
    data, out = write_csv(tmp_path / "counts.csv"), tmp_path / "out"
    assert run(data, out) == 0
    before, kept = (out / "latent.csv").read_text(), json.loads((out / "record.json").read_text())["rows"]
    for lost in [out / "record.json", out / "latent.csv", *(out / "cells").iterdir()]:
        lost.unlink()
    assert run(data, out, "--resume") == 0
    assert (out / "latent.csv").read_text() == before
    assert json.loads((out / "record.json").read_text())["rows"] == kept
    other = (["--hidden", "7"], "config"), (["--test-share", "0.2"], "test_share"), (["--sampler", "sobol"], "sampler")
    for arguments, name in (*other, ([], "digest")):
        if name == "digest":
            write_csv(data, COUNTS + 1)
        assert run(data, out, "--resume", *arguments) == 2
        assert f"--resume needs {name} as in" in capsys.readouterr().err
    assert (out / "latent.csv").read_text() == before


def test_the_sampler_of_likelihoods(tmp_path: Path) -> None:
    data, found = write_csv(tmp_path / "counts.csv"), {}
    for sampler in ("random", "sobol"):
        assert run(data, tmp_path / sampler, "--sampler", sampler) == 0
        found[sampler] = json.loads(next((tmp_path / sampler / "cells").glob("*.json")).read_text())
    assert found["sobol"]["config"]["sampler"] == "sobol"
    assert "sampler" not in found["random"]["config"]  # as in results that know of none
    assert found["sobol"]["nll"] != found["random"]["nll"]


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


ROWS = "\n".join(["a,b,c"] + ["1,2,x"] * 6)
BAD_FILES: dict[str, tuple[str, str, list[str], str]] = {
    "ragged": ("csv", ROWS + "\n1,2", [], "t.csv, line 8: must have 3 fields as the first, got 2"),
    "missing number": ("csv", ROWS + "\n,2,x", [], "t.csv, line 8, column 'a': must be a finite number, got ''"),
    "NaN": ("csv", ROWS + "\n1,nan,x", [], "t.csv, line 8, column 'b': must be a finite number, got 'nan'"),
    "infinity": ("csv", ROWS + "\n1,inf,x", [], "t.csv, line 8, column 'b': must be a finite number, got 'inf'"),
    "negative count": ("csv", ROWS + "\n-1,2,x", [], "counts 0, 1, 2, ... for --likelihood negative_binomial, got -1 in row 7, column 'a'"),  # noqa: E501
    "half a count": ("csv", ROWS + "\n1,2.5,x", [], "got 2.5 in row 7, column 'b' (1 of 14 values)"),
    "words alone": ("csv", "a,b\n" + "x,y\n" * 6, [], "t.csv must have a column of numbers besides label"),
    "empty": ("csv", "", [], "t.csv must hold a table, got an empty file"),
    "header alone": ("csv", "a,b,c\n", [], "t.csv must have a column of numbers besides label"),
    "few rows": ("csv", "a\n1\n2\n3\n", [], "t.csv must have at least 4 rows of numbers, got 3"),
    "a name twice": ("csv", ROWS.replace("a,b", "a,a"), [], "t.csv must name each column once, got 'a' twice"),
    "no such column": ("csv", ROWS, ["--columns", "d*"], "t.csv must have a column 'd*', got 'a', 'b', 'c'"),
    "words asked for": ("csv", ROWS, ["--columns", "c"], "t.csv, line 2, column 'c': must be a finite number, got 'x'"),
    "no such label": ("csv", ROWS, ["--label", "d"], "t.csv must have a column 'd', got 'a', 'b', 'c'"),
    "a quote left open": ("csv", ROWS + '\n"1,2,x', [], "t.csv must be a text table in UTF-8"),
    "another kind": ("xlsx", ROWS, [], "t.xlsx must be a file of kind .csv, .tsv, "),
    "no array": ("npy", ROWS, [], "t.npy must be a .npy file of numbers, got what cannot be read"),
    "no archive": ("npz", ROWS, [], "t.npz must be a .npz file of numbers, got what cannot be read"),
    "share": ("csv", ROWS, ["--test-share", "1"], "--test-share must be > 0 and < 1, got 1.0"),
    "latent": ("csv", ROWS, ["--latent", "q2"], "latent must name spaces by letter and dimension"),
    "rate": ("csv", ROWS, ["--rate", "0"], "learning_rate must be > 0"),
    "seed": ("csv", ROWS, ["--seed", "-1"], "--seed must be an integer >= 0, got -1"),
    "total": ("csv", ROWS + "\n0,0,x", ["--library"], "--library needs rows with a total > 0, got 0 in row 7"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_input_is_named(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, one line that says where; nothing is left behind."""
    suffix, text, arguments, message = BAD_FILES[name]
    assert run(put(tmp_path / f"t.{suffix}", text), tmp_path / "out", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_files_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "none.csv", tmp_path / "out") == 2
    assert "none.csv must be a file, but there is none" in capsys.readouterr().err
    (tmp_path / "folder.csv").mkdir()
    assert run(tmp_path / "folder.csv", tmp_path / "out") == 2
    assert "folder.csv must be a file, but there is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical", "normal"])
def test_options_of_counts_and_ranges(tmp_path: Path, likelihood: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = put(tmp_path / "t.csv", ROWS + "\n1.5,2,x")
    if likelihood != "normal":
        assert run(data, tmp_path / "out", likelihood=likelihood) == 2
        what = {"bernoulli": "numbers in [0, 1]", "categorical": "classes 0, 1, 2, ..."}[likelihood]
        assert f"t.csv must hold {what} for --likelihood {likelihood}, got" in capsys.readouterr().err
    else:
        for option in (["--library"], ["--covariate", "c"]):
            assert run(data, tmp_path / "out", *option, likelihood=likelihood) == 2
            assert f"{option[0]} needs --likelihood poisson or negative_binomial" in capsys.readouterr().err


def test_h5ad_that_is_not_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, text = h5ad(tmp_path / "x.h5ad"), put(tmp_path / "t.h5ad", "text")
    with pytest.raises(ValueError, match=r"t.h5ad must be an AnnData file \(HDF5\), got what cannot be read"):
        read_table(text)
    with pytest.raises(ValueError, match=r"x.h5ad must have the matrix 'layers/none', got X"):
        read_table(path, key="layers/none")
    with pytest.raises(ValueError, match=r"x.h5ad must have the observation 'none', got kind, lot"):
        read_table(path, label="none")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ImportError, match=r"x.h5ad needs h5py to be read: pip install 'hyperdist.experiments.'"):
        read_table(path)


def test_training_that_fails_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_csv(tmp_path / "t.csv", 1e3 * COUNTS)
    assert run(data, tmp_path / "out", "--raw", "--rate", "1e30", likelihood="normal") == 2
    assert "training failed: " in capsys.readouterr().err
