"""WordNet's mammals reconstructed from distances, against Nickel & Kiela 2017 (arXiv 1705.08039).

The 1,182 synsets below ``mammal`` and the pairs of their transitive closure, a synset and what it is a kind of. Points
are learnt so that what a synset is a kind of is nearer to it than what it is not, in hyperbolic and in flat space, in
2, 5 and 10 dimensions; ranks and average precision are of the same pairs.
"""

from __future__ import annotations

import argparse
import gzip
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hyperdist.runs import pages
from hyperdist.runs.files import out_folder, to_json, write_text
from hyperdist.runs.intervals import over_seeds
from hyperdist.trees.measures import precisions
from hyperdist_torch.datasets._files import data_folder
from hyperdist_torch.experiments import record, tables
from hyperdist_torch.experiments.options import count
from hyperdist_torch.experiments.reconstruction import Schedule, learn
from hyperdist_torch.fast.distance import dist_sq

SPACES = {"hyperbolic": 1.0, "Euclidean": 0.0}
"""And their c."""
DIMS, SEEDS = (2, 5, 10), (0, 1, 2, 3, 4)
RANK, PRECISION = "mean rank", "mean average precision"
SCHEDULES = {2: Schedule(rate=0.1, longest=0.3, sharpness=(0.2, 10.0))}
"""By dimension, of both spaces, where it is not that of five: in a plane radii are twice as large."""
PUBLISHED = {("hyperbolic", 5): {RANK: 1.26, PRECISION: 0.927}}
"""Of their figure 2's caption."""
_ROOT = "mammal."
_FILE = "wordnet-nouns.tsv.gz"
_KEYS = ("space", "d", "seed", RANK, PRECISION)


class Closure(NamedTuple):
    """The synsets, and whether the second of a pair is above the first, (n, n)."""

    names: tuple[str, ...]
    above: np.ndarray


def closure(links: Iterable[tuple[str, str]], root: str) -> Closure:
    """Of what lies below the one node whose name begins with ``root``, itself included, by links (child, parent).

    Raises  ValueError where no node or several have such a name, and where links go round in a circle.
    """
    children: dict[str, list[str]] = {}
    nodes: dict[str, None] = {}
    for child, parent in links:
        children.setdefault(parent, []).append(child)
        nodes |= {child: None, parent: None}
    roots = [name for name in nodes if name.startswith(root)]
    if len(roots) != 1:
        raise ValueError(f"root must begin the name of one node, got {root!r}, which begins {len(roots)}")
    below, left = {roots[0]: None}, [roots[0]]
    while left:
        new = [child for child in children.get(left.pop(), []) if child not in below]
        below |= dict.fromkeys(new)
        left += new
    number = {name: index for index, name in enumerate(below)}
    step = np.eye(len(below), dtype=bool)
    for parent, row in number.items():
        step[[number[child] for child in children.get(parent, [])], row] = True
    reach = step
    while True:  # squared until nothing is added: as often as the logarithm of the depth
        further = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0.0
        if np.array_equal(further, reach):
            break
        reach = further
    if np.any(reach & reach.T & ~np.eye(len(reach), dtype=bool)):
        raise ValueError(f"links must not go round in a circle, as they do below {roots[0]}")
    np.fill_diagonal(reach, False)
    return Closure(tuple(below), reach)


def load(folder: Path) -> Closure:
    """The mammals of ``trees/wordnet-nouns.tsv.gz``: child, parent, relation, with a header.

    Raises  FileNotFoundError where there is no such file; ValueError, naming file and line, where it is another.
    """
    path = next((path for path in (folder / "trees" / _FILE, folder / _FILE) if path.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"{_FILE} is neither in {folder / 'trees'} nor in {folder}: put the file there")
    try:
        lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be a whole gzip file of text, got one that cannot be read: {error}") from None
    links = []
    for number, line in enumerate(lines[1:], 2):
        fields = line.split("\t")
        if len(fields) != 3:
            raise ValueError(f"{path}, line {number}: must have child, parent and relation, got {line!r}")
        links.append((fields[0], fields[1]))
    return closure(links, _ROOT)


@torch.no_grad()
def scores(above: np.ndarray, x: Tensor, c: float) -> dict[str, float]:
    """Of each synset with something above it, by distance from it: the mean, over pairs of the closure, of the rank of
    what is above among what is not; and the average precision, with equal distances counted against it."""
    curvature = torch.full((), c, dtype=torch.float64)
    rows = np.flatnonzero(above.any(axis=1))
    ranks, found = [], []
    for u in rows.tolist():
        distance = dist_sq(x[u], x, curvature).numpy()
        others = np.arange(len(x)) != u
        rival = np.sort(distance[others & ~above[u]])
        ranks.append(1 + np.searchsorted(rival, distance[above[u]], side="right"))
        found.append(precisions(np.zeros(int(others.sum()), int), distance[others], above[u][others], 1))
    return {RANK: float(np.mean(np.concatenate(ranks))), PRECISION: float(np.mean(np.concatenate(found)))}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``mammals``."""
    parser.add_argument("--quick", action="store_true", help="a small setting that ends in seconds, for tests")
    parser.add_argument(
        "--out", type=out_folder, default=Path("reports") / "mammals", help="folder of results (%(default)s)"
    )
    parser.add_argument("--data-dir", type=Path, help="folder of the data (default: HYPERDIST_DATA)")
    parser.add_argument("--resume", action="store_true", help="keep finished cells")
    parser.add_argument("--seeds", type=int, nargs="+", help="one after another")
    parser.add_argument("--dims", type=count, nargs="+", help=f"dimensions (default: {' '.join(map(str, DIMS))})")
    parser.add_argument("--spaces", nargs="+", choices=SPACES, help="only these")
    parser.add_argument("--epochs", type=count, help=f"of learning (default: {Schedule().epochs})")
    parser.add_argument("--list", action="store_true", help="print the names of the cells, in order, and end")


def main(args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Each space and dimension, a seed after another; after each one the record and the table are written anew."""
    seeds = args.seeds or (SEEDS[:1] if args.quick else SEEDS)
    dims = args.dims or (DIMS[:1] if args.quick else DIMS)
    cells = [(space, d, seed) for seed in seeds for d in dims for space in args.spaces or SPACES]
    if args.list:
        say("\n".join(_key(*cell) for cell in cells))
        return
    there = {_key(cell["space"], cell["d"], cell["seed"]) for cell in finished(args.out)}
    kept = there if args.resume else set()
    found = load(data_folder(args.data_dir))
    say(f"{len(found.names)} synsets, {int(found.above.sum())} pairs")
    for number, (space, d, seed) in enumerate(cells, 1):
        path = args.out / "cells" / f"{_key(space, d, seed)}.json"
        if path.stem in kept:
            say(f"{number}/{len(cells)} {path.stem}: kept")
            continue
        schedule = SCHEDULES.get(d, Schedule())
        schedule = schedule._replace(epochs=args.epochs or (5 if args.quick else schedule.epochs))
        started = time.perf_counter()
        x = torch.from_numpy(learn(found.above, d, SPACES[space], seed, schedule, progress=not args.quick))
        seconds = round(time.perf_counter() - started, 1)
        result = {
            "space": space, "d": d, "seed": seed, **scores(found.above, x, SPACES[space]),
            "radius": float(x.norm(dim=1).max()), "schedule": schedule._asdict(), "seconds": seconds,
            **record.provenance(),
        }  # fmt: skip
        write_text(path, to_json(result))
        summarise(args.out)
        say(f"{number}/{len(cells)} {path.stem}: {RANK} {result[RANK]:.3f}, {PRECISION} {result[PRECISION]:.4f}")
    summarise(args.out)


def _key(space: str, d: int, seed: int) -> str:
    return f"{space.lower()}-d{d}-seed{seed}"


def finished(out: Path) -> list[dict[str, Any]]:
    """The cells of a folder, in the table's order: from their files, or else from the record."""
    kept = tables.read(out / "record.json", ("cells", "rows"), "a record") if (out / "record.json").exists() else {}
    cells = [tables.read(path, _KEYS, "the result of a cell") for path in sorted((out / "cells").glob("*.json"))]
    found = {_key(cell["space"], cell["d"], cell["seed"]): cell for cell in [*kept.get("cells", []), *cells]}
    names = list(SPACES)
    for cell in found.values():
        if cell.get("space") not in names:
            raise ValueError(f"--out must be a folder of this experiment, got one with {cell}: give another")
    return sorted(found.values(), key=lambda cell: (cell["d"], names.index(cell["space"]), cell["seed"]))


def summarise(out: Path) -> None:
    """Record and table of the cells finished so far."""
    cells = finished(out)
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for cell in cells:
        groups.setdefault((cell["space"], cell["d"]), []).append(cell)
    rows = [_row(group, metric) for group in groups.values() for metric in (RANK, PRECISION)]
    schedules = list({repr(cell["schedule"]): cell["schedule"] for cell in cells}.values())
    content = {
        **record.provenance(), "seeds": sorted({cell["seed"] for cell in cells}), "schedules": schedules, "rows": rows,
        "cells": cells,
    }  # fmt: skip
    write_text(out / "record.json", to_json(content))
    write_text(out / "table.md", _page(groups, rows))


def _row(group: list[dict[str, Any]], metric: str) -> tables.Row:
    space, d = group[0]["space"], group[0]["d"]
    values = [float(cell[metric]) for cell in group]
    published = PUBLISHED.get((space, d), {}).get(metric)
    name = f"{space}, d = {d}"
    if len(values) == 1:
        return record.row(name, metric, values[0], n=1, published=published)
    mean, interval = over_seeds(values)
    return record.row(name, metric, mean, interval95=interval, n=len(values), published=published)


_NOTE = """The transitive closure of the synsets below *mammal*, in WordNet 3.1, reconstructed from distances. *Mean
rank*, lower is better: of what a synset is a kind of among what it is not, by distance from it, 1 being the best that
can be. *MAP*, higher is better: mean average precision of what a synset is a kind of. ± is half the 95 % interval,
Student's t over seeds. The published figures are those below figure 2 of Nickel & Kiela 2017, of WordNet 3.0, whose
ranks are counted in the same way; their training takes 50 sampled others a pair, ours all of them and a sharpness of
distances that grows. Euclidean points are learnt by the same loss and schedule; at d = 5 other rates and sharpnesses
and squared distances came to mean ranks from 77 to 123. Seconds are of a busy machine.
"""


def _page(groups: dict[tuple[str, int], list[dict[str, Any]]], rows: list[tables.Row]) -> str:
    lines = []
    for (space, d), group in groups.items():
        shown = {row["metric"]: row for row in rows if row["name"] == f"{space}, d = {d}"}
        seconds = sum(cell["seconds"] for cell in group) / len(group)
        lines.append(
            [space, str(d), _figure(shown[RANK], 3), _figure(shown[PRECISION], 4), str(len(group)), f"{seconds:.0f}"]
        )
        if (space, d) in PUBLISHED:
            lines.append(
                [f"*{space}, published*", f"*{d}*", *(f"*{PUBLISHED[space, d][m]}*" for m in (RANK, PRECISION)), "", ""]
            )
    head = ["space", "d", "mean rank", "MAP", "seeds", "seconds a seed"]
    return "\n".join(["# WordNet's mammals", "", _NOTE, pages.table(head, lines)])


def _figure(row: tables.Row, decimals: int) -> str:
    if row["interval95"] is None:
        return f"{row['value']:.{decimals}f}"
    low, high = row["interval95"]
    return f"{row['value']:.{decimals}f} ± {0.5 * (high - low):.{decimals}f}"
