"""Arrays to disc and back: what is cut short, missing or cannot be written is an error that names the file."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("dask")
pytest.importorskip("distributed")
pytest.importorskip("pyarrow")
pytest.importorskip("zarr")

import hyperdist as hd
from hyperdist import distributed

LAW = hd.VonMisesFisher([0.0, 0.6, 0.8], 12.0)
SINGLE = hd.RiemannianNormal(np.zeros(2, np.float32), np.float32(0.4))
READ = {"parquet": distributed.from_parquet, "zarr": distributed.from_zarr}


def kept(kind: str, folder: Path, law: Any = LAW) -> tuple[Any, list[Path]]:
    """1,000 draws in three files of a folder."""
    x = distributed.sample(law, 1000, chunks=400, seed=3)
    if kind == "parquet":
        distributed.to_parquet(x, folder)
        return x, sorted(folder.glob("*.parquet"))
    x.to_zarr(str(folder))
    return x, sorted(path for path in (folder / "c").rglob("*") if path.is_file())


@pytest.mark.parametrize("law", [LAW, SINGLE], ids=["double", "single"])
@pytest.mark.parametrize("kind", READ)
def test_there_and_back(kind: str, law: Any, tmp_path: Path) -> None:
    x, files = kept(kind, tmp_path / "draws", law)
    found: Any = READ[kind](tmp_path / "draws")
    assert (found.chunks, found.dtype, len(files)) == (x.chunks, x.dtype, 3)
    np.testing.assert_array_equal(found, x)
    np.testing.assert_array_equal(found[790:810], x[790:810])
    assert type(law).fit(found) == type(law).fit(x)


@pytest.mark.parametrize("kind", READ)
def test_what_is_cut_short_or_missing_is_named(kind: str, tmp_path: Path) -> None:
    """And the other files stay as they are."""
    folder = tmp_path / "draws"
    x, files = kept(kind, folder)
    found, whole = READ[kind](folder), files[1].read_bytes()
    files[1].write_bytes(whole[: len(whole) // 2])
    for call in (lambda: found.compute(), lambda: LAW.fit(found), lambda: READ[kind](folder).compute()):
        with pytest.raises(ValueError, match=re.escape(f"{files[1]} cannot be read (")):
            call()
    np.testing.assert_array_equal(found[:400], x[:400])
    files[1].unlink()
    with pytest.raises(ValueError, match=re.escape(str(files[1]))):
        found.compute()
    with pytest.raises(ValueError, match=r"c/1/0 must hold a chunk|must hold 3 parts, got none of number 1: write"):
        READ[kind](folder)
    files[1].write_bytes(whole)
    np.testing.assert_array_equal(READ[kind](folder), x)


def test_files_that_are_not_of_the_array_are_named(tmp_path: Path) -> None:
    """Of other columns, without values, one too many, another one since."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def column(kind: str, value: Any = 1.0) -> Any:
        return pyarrow.array([value], getattr(pyarrow, kind)())

    x, files = kept("parquet", tmp_path / "draws")
    found, whole, names = distributed.from_parquet(tmp_path / "draws"), files[1].read_bytes(), ["x0", "x1", "x2"]
    for columns, message in (
        (
            dict.fromkeys(names, column("float32")),
            "must have columns of one kind, float or double, and those of part-0",
        ),
        (dict.fromkeys(names, column("string", "a")), "must have columns of one kind"),
        (dict.fromkeys(names[:2], column("float64")), "must have columns of one kind"),
        (dict.fromkeys(names, column("float64", None)), "cannot be read .*rows without values"),
    ):
        parquet.write_table(pyarrow.table(columns), files[1])
        with pytest.raises(ValueError, match=f"{re.escape(str(files[1]))} {message}"):
            distributed.from_parquet(tmp_path / "draws").compute()
    parquet.write_table(pyarrow.table(dict.fromkeys(names, column("float64"))), files[1])
    with pytest.raises(ValueError, match=r"must hold \(400, 3\) of float64, as when it was opened, got \(1, 3\)"):
        found.compute()
    files[1].write_bytes(whole)
    for name, message in (
        ("part-01-of-3", "must hold one part of number 1, got"),
        ("part-3-of-3", "must hold 3 parts"),
    ):
        (tmp_path / "draws" / f"{name}.parquet").write_bytes(whole)
        with pytest.raises(ValueError, match=message):
            distributed.from_parquet(tmp_path / "draws")
        (tmp_path / "draws" / f"{name}.parquet").unlink()
    np.testing.assert_array_equal(found, x)


def test_coordinates_are_columns_by_name(tmp_path: Path) -> None:
    """Another tool may have sorted them, as x0, x1, x10, x2; one too many, or none of a name, is no coordinate."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    x = np.random.default_rng(0).normal(size=(5, 12))
    columns = {f"x{j}": x[:, j] for j in range(12)}
    path = tmp_path / "part-0-of-1.parquet"
    parquet.write_table(pyarrow.table({name: columns[name] for name in sorted(columns)}), path)
    np.testing.assert_array_equal(distributed.from_parquet(tmp_path), x)
    for other in (
        columns | {"weight": x[:, 0]},
        {name: column for name, column in columns.items() if name != "x3"},
        {"a": x[:, 0], "b": x[:, 1]},
    ):
        parquet.write_table(pyarrow.table(other), path)
        with pytest.raises(ValueError, match=rf"{re.escape(str(path))} must have columns x0, x1, \.\.\., .*, got "):
            distributed.from_parquet(tmp_path)


def test_a_shard_of_any_length_is_named(tmp_path: Path) -> None:
    """Zarr reads zeros from one of no bytes."""
    zarr, x = pytest.importorskip("zarr"), LAW.sample(60, rng=0)
    array = zarr.create_array(str(tmp_path / "draws"), shape=x.shape, dtype=x.dtype, shards=(20, 3), chunks=(10, 3))
    array[:] = x
    path = tmp_path / "draws" / "c" / "1" / "0"
    whole, found = path.read_bytes(), distributed.from_zarr(tmp_path / "draws")
    np.testing.assert_array_equal(found, x)
    for length in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=re.escape(str(path))):
            found.compute()
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="must hold a chunk of the array, got an empty file"):
        distributed.from_zarr(tmp_path / "draws")


def test_none_and_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No draws, no coordinates, no numbers; an empty folder stays the one it was."""
    x: Any = distributed.sample(LAW, 10, chunks=4, seed=3)
    (tmp_path / "here").mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path / "here")
    before = (tmp_path / "here").stat()
    distributed.to_parquet(x, ".")
    np.testing.assert_array_equal(distributed.from_parquet("."), x)
    after = (tmp_path / "here").stat()
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    x[:0].to_zarr("none")
    assert distributed.from_zarr("none").compute().shape == (0, 3)
    distributed.to_parquet(x[:0], "no rows")
    assert distributed.from_parquet("no rows").compute().shape == (0, 3)
    with pytest.raises(ValueError, match=r"x must have shape \(n, k\) and dtype float32 or float64, got \(10, 0\)"):
        distributed.to_parquet(x[:, :0], "no columns")
    (x > 0.0).to_zarr("signs")
    with pytest.raises(ValueError, match="signs must hold real numbers, got dtype bool"):
        distributed.from_zarr("signs")


def test_folders_that_hold_no_array(tmp_path: Path) -> None:
    kept("parquet", tmp_path / "draws")
    (tmp_path / "draws" / "part-1-of-3.parquet").unlink()
    with pytest.raises(ValueError, match="draws must hold 3 parts, got none of number 1: write the array again"):
        distributed.from_parquet(tmp_path / "draws")
    for read in READ.values():
        with pytest.raises(FileNotFoundError, match="nowhere"):
            read(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"zarr\.json cannot be read"):
        distributed.from_zarr(tmp_path)
    hd.distributed.sample(SINGLE, 10, seed=0)[:, 0].to_zarr(str(tmp_path / "line"))
    with pytest.raises(ValueError, match=r"line must hold an array \(n, k\) in chunks of rows, got \(10,\)"):
        distributed.from_zarr(tmp_path / "line")


def test_nothing_is_written_over_or_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run in a folder, then or meanwhile, a full disc, a folder where one may not write."""
    x, files = kept("parquet", tmp_path / "draws")
    before = [path.read_bytes() for path in files]
    with pytest.raises(ValueError, match=r"new or empty, got .*draws with part-0-of-3\.parquet: give another"):
        distributed.to_parquet(2.0 * x, tmp_path / "draws")

    def late(block: np.ndarray) -> np.ndarray:
        """Another run has come first."""
        if len(block) and not (tmp_path / "late").exists():
            distributed.to_parquet(x, tmp_path / "late")
        return 2.0 * block

    import dask

    # One thread, so that one block alone is the other run.
    alone = dask.config.set(scheduler="synchronous")
    with alone, pytest.raises(ValueError, match=r"new or empty, got .*late with part-0-of-3\.parquet"):
        distributed.to_parquet(x.map_blocks(late, dtype=x.dtype, meta=np.empty((0, 3))), tmp_path / "late")
    np.testing.assert_array_equal(distributed.from_parquet(tmp_path / "late"), x)
    assert [path.read_bytes() for path in files] == before
    with pytest.raises(ValueError, match=r"x must have shape \(n, k\) and dtype float32 or float64, got \(1000,\)"):
        distributed.to_parquet(x[:, 0], tmp_path / "other")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        distributed.to_parquet(x, tmp_path / "file" / "draws")
    from pyarrow import parquet

    write = parquet.write_table

    def full(table: Any, path: Path, **options: Any) -> None:
        write(table.slice(0, 10), path, **options)
        if "part-2" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parquet, "write_table", full)
    named = rf"\[Errno {errno.ENOSPC}\] cannot be written .*{re.escape(str(tmp_path / 'full'))}.*part-2-of-3\.parquet"
    with pytest.raises(OSError, match=named):
        distributed.to_parquet(x, tmp_path / "full")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["draws", "file", "late"]
