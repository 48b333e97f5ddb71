"""The matrix of an AnnData file and its observations' columns, by h5py alone: AnnData itself is not needed.

Source  AnnData's on-disk format, https://anndata.readthedocs.io/en/latest/fileformat-prose.html
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse


def read_h5ad(path: Path, key: str, others: Sequence[str]) -> tuple[list[str], np.ndarray, dict[str, Any], list[str]]:
    """Names of the variables, the matrix at ``key`` (n, D), the columns ``others`` of the observations, and [].

    Raises  ImportError without h5py; ValueError, naming the file, where it is damaged or has not what is asked for.
    """
    try:
        h5py = import_module("h5py")
    except ImportError as error:
        raise ImportError(f"{path} needs h5py to be read: pip install 'hyperdist[experiments]'") from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path} must be an AnnData file (HDF5), got what cannot be read: {error}") from error
    with file:
        if key not in file:
            found = [
                name for name in ("X", "raw/X", *(f"layers/{name}" for name in file.get("layers", ()))) if name in file
            ]
            raise ValueError(f"{path} must have the matrix {key!r}, got {', '.join(found) or 'none'}")
        values = _matrix(file[key], path, key)
        observations = file.get("obs", {})
        known = {}
        for name in others:
            if name not in observations:
                shown = ", ".join(sorted(set(observations) - {"_index", "__categories"}))
                raise ValueError(f"{path} must have the observation {name!r}, got {shown or 'none'}")
            known[name] = _column(observations[name])
            if len(known[name]) != len(values):
                raise ValueError(f"{path} must have {len(values)} entries in {name!r}, got {len(known[name])}")
        names = _names(file.get("raw/var" if key.startswith("raw/") else "var"), values.shape[1])
    return names, values, known, []


def _matrix(node: Any, path: Path, key: str) -> np.ndarray:
    """Dense or compressed sparse, as float64 (n, D)."""
    if hasattr(node, "shape"):
        values = np.asarray(node[...], dtype=float)
        if values.ndim != 2:
            raise ValueError(f"{path} must have a matrix at {key!r}, got shape {values.shape}")
        return values
    kind = str(node.attrs.get("encoding-type", node.attrs.get("h5sparse_format", "")))
    shape = node.attrs.get("shape", node.attrs.get("h5sparse_shape"))
    if not {"data", "indices", "indptr"} <= set(node) or shape is None or kind[:3] not in ("csr", "csc"):
        raise ValueError(f"{path} must have a dense, csr or csc matrix at {key!r}, got {kind or 'another group'!r}")
    parts = tuple(node[name][...] for name in ("data", "indices", "indptr"))
    made = (sparse.csr_matrix if kind.startswith("csr") else sparse.csc_matrix)(parts, shape=tuple(map(int, shape)))
    return np.asarray(made.toarray(), dtype=float)


def _column(node: Any) -> np.ndarray:
    """Numbers or strings of each observation, categories by their names."""
    if hasattr(node, "shape"):
        return _decoded(node[...])
    categories, codes = _decoded(node["categories"][...]), np.asarray(node["codes"][...])
    return np.array([str(categories[code]) if code >= 0 else "" for code in codes])


def _names(variables: Any, d: int) -> list[str]:
    """Those of the index, or positions."""
    if variables is not None and hasattr(variables, "attrs"):
        index = variables.attrs.get("_index", "_index")
        if hasattr(variables, "keys") and index in variables:
            names = [str(name) for name in _decoded(variables[index][...])]
            if len(names) == d:
                return names
    return [str(i) for i in range(d)]


def _decoded(values: Any) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind not in "OS":
        return values
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values])
