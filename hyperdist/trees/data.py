"""Trees read from files, with every line checked; they do not come with the package."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path

from hyperdist import checks
from hyperdist.trees.graph import Edge

TREES = ("mosses", "weevils", "lichen", "carnivora", "diseases", "cs-phd", "grqc", "wordnet-nouns")
"""Phylogenies, graphs contracted to trees with edges of length 0, 1/2 and 1 (arXiv 2502.17130), and WordNet 3.1."""
_WORDNET = "wordnet-nouns"
_SOURCES = {_WORDNET: "made from Princeton's WordNet 3.1"}
"""Where the trees come from; the others are the comparison's."""


def load(path: str | os.PathLike[str], name: str | None = None) -> list[Edge]:
    """The edges of a file, rows (u, v, length), as ``embed`` takes them; labels are strings.

    path : a file; or, with ``name``, the folder that holds one of the trees, as ``trees/name.edges`` or ``name.edges``
    A file's first line names its columns, with tabs between: u, v, length; or, gzipped or not, child, parent,
    relation, as of WordNet, where each child keeps its first parent, in the file's order, at length 1.
    Raises  FileNotFoundError, which says where it was looked for, where there is no such file; ValueError, naming file
            and line, where it is not such a file.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from hyperdist import trees
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "life.edges")
    ...     _ = path.write_text("u\\tv\\tlength\\nlife\\tplants\\t1.0\\nlife\\tanimals\\t0.5\\n")
    ...     trees.load(path)
    [('life', 'plants', 1.0), ('life', 'animals', 0.5)]
    """
    path = Path(path) if name is None else _find(Path(path), name)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file: path must be a file of edges, or a folder with the name of a tree")
    lines = _text(path).splitlines()
    columns = lines[0].split("\t") if lines else []
    if columns not in (["u", "v", "length"], ["child", "parent", "relation"]):
        raise ValueError(f"{path} must name its columns, u, v, length or child, parent, relation, got {columns}")
    rows = [(number, line.split("\t")) for number, line in enumerate(lines[1:], 2) if line.strip()]
    for number, row in rows:
        if len(row) != len(columns) or not all(row):
            raise ValueError(f"{path}, line {number}: must have {', '.join(columns)}, got {row}")
    if columns[0] == "child":
        first: dict[str, str] = {}
        for _, (child, parent, _) in rows:
            first.setdefault(child, parent)
        return [(parent, child, 1.0) for child, parent in first.items()]
    return [(u, v, _length(text, f"{path}, line {number}")) for number, (u, v, text) in rows]


def _find(folder: Path, name: str) -> Path:
    checks.choice(name, "name", TREES)
    file = f"{name}.tsv.gz" if name == _WORDNET else f"{name}.edges"
    for path in (folder / "trees" / file, folder / file):
        if path.is_file():
            return path
    source = _SOURCES.get(name, "of the comparison arXiv 2502.17130")
    raise FileNotFoundError(
        f"{file} is neither in {folder / 'trees'} nor in {folder}: put the tree's file there, {source}"
    )


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} must be a whole gzip file, got one that cannot be unpacked: {error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be a text file in UTF-8, got one that cannot be decoded: {error}") from None


def _length(text: str, where: str) -> float:
    try:
        length = float(text)
    except ValueError:
        raise ValueError(f"{where}: length must be a number, got {text!r}") from None
    if not 0.0 <= length < math.inf:
        raise ValueError(f"{where}: length must be finite and >= 0, got {text}")
    return length
