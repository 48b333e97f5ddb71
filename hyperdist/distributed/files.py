"""Arrays on disc and back, a file a block: Parquet and Zarr. A file that is missing or cut short is named."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from hyperdist.distributed.arrays import points

_PART = re.compile(r"part-(\d+)-of-(\d+)\.parquet")
_REMEDY = "it was cut short, or is of something else; write the array again"


def to_parquet(x: Any, folder: str | os.PathLike[str]) -> None:
    """Write x (n, k), float32 or float64, block by block: files ``part-0-of-9.parquet``, ... with columns x0, x1, ...

    They are written beside the folder, on a cluster where all workers see it, which takes its name once it is whole;
    into an empty folder, such as the working one, they are moved then.
    Raises  ValueError where the folder has something in it, which stays as it is; OSError that names the file where it
            cannot be written, as on a full disc. Needs PyArrow.

    >>> import hyperdist as hd
    >>> import tempfile
    >>> x = hd.distributed.sample(hd.VonMisesFisher([0.0, 0.0, 1.0], 5.0), 1000, chunks=400, seed=0)
    >>> folder = tempfile.mkdtemp()
    >>> hd.distributed.to_parquet(x, folder)
    >>> y = hd.distributed.from_parquet(folder)
    >>> y.chunks, bool((x == y).all())
    (((400, 400, 200), (3,)), True)
    """
    _pyarrow()
    points(x)
    if x.ndim != 2 or not x.shape[1] or x.dtype not in (np.float32, np.float64):
        raise ValueError(f"x must have shape (n, k) and dtype float32 or float64, got {x.shape} and {x.dtype}")
    x, path = x.rechunk({1: -1}), Path(folder).resolve()
    _check_empty(path)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    beside.mkdir(parents=True)
    try:
        options = {"beside": beside, "folder": path, "count": x.numblocks[0]}
        x.map_blocks(_write, **options, chunks=(1, 1), dtype=np.int64, meta=_NONE).sum().compute()
        _check_empty(path)
        if path.is_dir():  # whoever is in it, or has given it rights, keeps it
            for part in sorted(beside.iterdir()):
                part.rename(path / part.name)
        else:
            beside.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _check_empty(path: Path) -> None:
    there = sorted(path.iterdir()) if path.exists() else []
    if there:
        raise ValueError(f"folder must be new or empty, got {path} with {there[0].name}: give another")


_NONE = np.empty((0, 0), np.int64)


def _write(
    block: np.ndarray, beside: Path, folder: Path, count: int, block_id: tuple[int, ...] = (0,)
) -> np.ndarray:  # fmt: skip
    """One file."""
    arrow, parquet = _pyarrow()
    name = f"part-{block_id[0]:0{len(str(count - 1))}d}-of-{count}.parquet"
    table = arrow.table({f"x{j}": np.ascontiguousarray(column) for j, column in enumerate(block.T)})
    try:
        # Coordinates of draws are no texts: compression takes longer than a disc, and gains next to nothing.
        parquet.write_table(table, beside / name, compression="none", use_dictionary=False)
    except OSError as error:
        raise OSError(error.errno, f"cannot be written ({error})", str(folder / name)) from error
    return np.array([[len(block)]])


def from_parquet(folder: str | os.PathLike[str]) -> da.Array:
    """What ``to_parquet`` has written, as a ``dask.array`` (n, k) with a block a file.

    Raises  ValueError that names the file where one is missing, cannot be read or has other columns than x0, x1, ...,
            which may stand in any order; OSError where there is no folder.

    >>> import hyperdist as hd
    >>> import tempfile
    >>> hd.distributed.from_parquet(tempfile.mkdtemp())
    Traceback (most recent call last):
    ValueError: folder must hold files part-0-of-..., as to_parquet writes them, got none in ...
    """
    _, parquet = _pyarrow()
    path = Path(folder).resolve()
    names = _parts(path, folder)
    rows, schemas = [], []
    for name in names:
        with _named(name):
            rows.append(parquet.read_metadata(name).num_rows)
            schemas.append(parquet.read_schema(name).remove_metadata())
        kinds = {str(kind) for kind in schemas[-1].types}
        if kinds not in ({"float"}, {"double"}) or schemas[-1] != schemas[0]:
            raise ValueError(
                f"{name} must have columns of one kind, float or double, and those of {names[0].name}, got "
                f"{str(schemas[-1])!r}: write the array again"
            )
    columns, dtype = _coordinates(names[0], schemas[0].names), np.dtype(schemas[0].types[0].to_pandas_dtype())
    return _of_blocks(_read_part, names, tuple(rows), len(columns), dtype, columns=columns)


def _coordinates(name: Path, there: list[str]) -> list[str]:
    """The columns x0, x1, ... in the order of the coordinates, whatever order another tool has given them."""
    columns = [f"x{j}" for j in range(len(there))]
    if sorted(there) != sorted(columns):
        raise ValueError(
            f"{name} must have columns x0, x1, ..., one for each coordinate, got {', '.join(there)}: "
            "keep or rename those"
        )
    return columns


def _parts(path: Path, folder: str | os.PathLike[str]) -> list[Path]:
    """The files of all parts, in their order."""
    parts: dict[int, tuple[str, int]] = {}
    for name in sorted(os.listdir(path)):
        found = _PART.fullmatch(name)
        if found and parts.setdefault(int(found[1]), (name, int(found[2])))[0] != name:
            other = parts[int(found[1])][0]
            raise ValueError(f"{path} must hold one part of number {int(found[1])}, got {other} and {name}: keep one")
    if not parts:
        raise ValueError(f"folder must hold files part-0-of-..., as to_parquet writes them, got none in {folder}")
    count = max(of for _, of in parts.values())
    if max(parts) >= count:
        raise ValueError(f"{path} must hold {count} parts, got {parts[max(parts)][0]} as well: write the array again")
    for index in range(count):
        if parts.get(index, ("", 0))[1] != count:
            raise ValueError(f"{path} must hold {count} parts, got none of number {index}: write the array again")
    return [path / parts[index][0] for index in range(count)]


def _read_part(name: Path, index: int, columns: list[str]) -> np.ndarray:
    with _named(name):
        table = _pyarrow()[1].read_table(name, columns=columns)
        if any(table[column].null_count for column in columns):
            raise ValueError("it has rows without values")
        return np.stack([table[column].to_numpy() for column in columns], axis=-1)


def from_zarr(folder: str | os.PathLike[str]) -> da.Array:
    """What ``x.to_zarr(folder)`` has written of an x (n, k), as a ``dask.array`` with a block a chunk.

    ``dask.array.from_zarr`` does the same, but reads zeros where the file of a chunk is missing.
    A chunk of nothing but zeros, as no draws make it, has no file either.
    Raises  ValueError that names the file where one is missing or cannot be read; OSError where there is no array.

    >>> import hyperdist as hd
    >>> import tempfile
    >>> x = hd.distributed.sample(hd.VonMisesFisher([0.0, 0.0, 1.0], 5.0), 1000, chunks=400, seed=0)
    >>> folder = tempfile.mkdtemp() + "/draws.zarr"
    >>> x.to_zarr(folder)
    >>> bool((hd.distributed.from_zarr(folder) == x).all())
    True
    """
    path = Path(folder).resolve()
    array = _opened(path)
    chunks = array.shards or array.chunks  # the parts that have files of their own
    if array.ndim != 2 or chunks[1] < array.shape[1]:
        raise ValueError(f"{path} must hold an array (n, k) in chunks of rows, got {array.shape} in {chunks}")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{path} must hold real numbers, got dtype {array.dtype}")
    size, n = chunks[0], array.shape[0]
    if not n:  # the chunks of which may have no size
        return da.zeros(array.shape, dtype=array.dtype, chunks=-1)
    names = [path / array.metadata.encode_chunk_key((index, 0)) for index in range(-(-n // size))]
    for name in names:
        _check_there(name)
    sizes = tuple(min(size, n - start) for start in range(0, n, size))
    return _of_blocks(_read_chunk, names, sizes, array.shape[1], array.dtype, path=path, size=size)


def _opened(path: Path) -> Any:
    try:
        import zarr
    except ImportError:
        raise ImportError("from_zarr needs Zarr: pip install 'hyperdist[distributed]'") from None
    if not path.is_dir():
        raise FileNotFoundError(2, "no such array", str(path))
    with _named(path / "zarr.json"):
        return zarr.open_array(path, mode="r")


def _check_there(name: Path) -> None:
    """Raise where a chunk has no file, or one of no bytes, for which Zarr reads zeros."""
    if not name.exists() or not name.stat().st_size:
        got = "an empty file" if name.exists() else "no such file"
        raise ValueError(f"{name} must hold a chunk of the array, got {got}: write the array again")


def _read_chunk(name: Path, index: int, path: Path, size: int) -> np.ndarray:
    array = _opened(path)
    _check_there(name)
    with _named(name):
        return np.asarray(array[size * index : size * (index + 1)])


def _of_blocks(
    read: Callable[..., np.ndarray], names: list[Path], rows: tuple[int, ...], k: int, dtype: np.dtype, **options: Any
) -> da.Array:
    """An array whose blocks are what files hold."""
    numbers: Any = da.from_array(np.array([str(name) for name in names], object)[:, None], chunks=1)  # type: ignore[arg-type]
    return da.map_blocks(
        _block, numbers, read=read, options=options, like=(rows, k, dtype), chunks=(rows, (k,)), dtype=dtype,
        meta=np.empty((0, k), dtype),
    )  # fmt: skip


def _block(
    name: np.ndarray, read: Callable[..., np.ndarray], options: dict[str, Any], like: tuple[tuple[int, ...], int, Any],
    block_id: tuple[int, ...] = (0,),
) -> np.ndarray:  # fmt: skip
    """What a file holds; ValueError where another has taken its place since the array was opened."""
    found, (rows, k, dtype) = read(Path(name[0, 0]), block_id[0], **options), like
    wanted = (rows[block_id[0]], k)
    if found.shape != wanted or found.dtype != dtype:
        raise ValueError(
            f"{name[0, 0]} must hold {wanted} of {dtype}, as when it was opened, got {found.shape} of {found.dtype}: "
            "open the array again"
        )
    return found


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What cannot be read is a ValueError that says of which file."""
    try:
        yield
    except Exception as error:  # of each format and codec its own, of which hardly one says where
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}): {_REMEDY}") from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ImportError("Parquet needs PyArrow: pip install 'hyperdist[distributed]'") from None
    return pyarrow, parquet
