"""Trees embedded with a guarantee on the distortion, beside hyperbolic scaling, maximum likelihood and coordinates.

Eight trees in two and ten dimensions. ``construction`` is ``hyperdist.trees.embed`` at distortion 1.01: its worst
distortion over all pairs of places up to 10,000 and over a million sampled pairs beyond. ``h-MDS`` reads coordinates
from the eigenvectors of cosh of the distances; ``learnt`` maximises the likelihood of the tree's distances, from where
h-MDS puts the nodes and from the construction at a scale that coordinates hold.
"""

from __future__ import annotations

import argparse
import math
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hyperdist import trees
from hyperdist.geometry.conversions import ball_radius_limit
from hyperdist.runs import engine
from hyperdist.runs.files import out_folder, to_json, write_text
from hyperdist.runs.places import Place, add_options
from hyperdist.trees import TREES, TreeEmbedding
from hyperdist_torch.datasets._files import data_folder
from hyperdist_torch.experiments import record, tables, tree_methods, tree_tables
from hyperdist_torch.experiments.options import carried_out, count
from hyperdist_torch.experiments.tree_methods import Scores

DIMS = (2, 10)
DISTORTION = 1.01
METHODS = ("construction", "coordinates", "h-MDS", "learnt, from h-MDS", "learnt, from the construction")
STEPS, SEED = 800, 0
PAIRS = 100_000
MOST_SCALED = 6_000
"""Places up to which hyperbolic scaling, whose matrix has their square, is done."""
_STARTED = 12.0
"""The radius, c = 1, of the construction that learning starts from."""
_QUICK = {"trees": ("weevils",), "dims": (2,), "steps": 3}
_KEYS = ("tree", "d", "method", "nodes", "places", "depth", "rows")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``trees``."""
    parser.add_argument("--quick", action="store_true", help="a small setting that ends in seconds, for tests")
    parser.add_argument(
        "--out", type=out_folder, default=Path("reports") / "trees", help="folder of results (%(default)s)"
    )
    parser.add_argument("--data-dir", type=Path, help="folder of the data (default: HYPERDIST_DATA)")
    parser.add_argument("--resume", action="store_true", help="keep finished cells")
    add_options(parser, 0, shard=True)
    parser.add_argument("--trees", nargs="+", choices=TREES, help="only these")
    parser.add_argument("--dims", type=count, nargs="+", help=f"dimensions (default: {' '.join(map(str, DIMS))})")
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="only these")
    parser.add_argument("--steps", type=count, help=f"of learning (default: {STEPS})")
    parser.add_argument("--list", action="store_true", help="print the names of the cells, in order, and end")


def main(args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Each tree in each dimension by each method; after each one the record and the table are written anew."""
    names = args.trees or (_QUICK["trees"] if args.quick else TREES)
    dims = args.dims or (_QUICK["dims"] if args.quick else DIMS)
    cells = [(name, d, method) for name in names for d in dims for method in args.methods or METHODS]
    if args.list:
        say("\n".join(_key(*cell) for cell in cells))
        return
    folder = data_folder(args.data_dir)
    steps = args.steps or (_QUICK["steps"] if args.quick else STEPS)
    place = Place.of(args)
    tasks = place.mine([engine.Task("tree", _key(*cell), f"{__name__}:work", (folder, *cell, steps)) for cell in cells])
    kept = [task for task in tasks if args.resume and _path(args.out, task).exists()]
    numbers = {task: f"{number}/{len(tasks)} {task.key}" for number, task in enumerate(tasks, 1)}
    for task in kept:
        say(f"{numbers[task]}: kept")
    for task, result in carried_out([task for task in tasks if task not in kept], place):
        write_text(_path(args.out, task), to_json(result))
        summarise(args.out, steps)
        figures = ", ".join(f"{row['metric']} {row['value']:.6g}" for row in result["rows"][:4])
        say(f"{numbers[task]}: {figures or 'none'}")
    summarise(args.out, steps)


def work(folder: Path, name: str, d: int, method: str, steps: int) -> dict[str, Any]:
    """The result of a cell."""
    found = run(trees.load(folder, name), d, method, steps)
    return {"tree": name, "d": d, "method": method, **found, **record.provenance()}


def _path(out: Path, task: engine.Task) -> Path:
    return out / "cells" / f"{task.key}.json"


def _key(name: str, d: int, method: str) -> str:
    return f"{name}-d{d}-{method.replace(', ', '-').replace(' ', '-')}"


def _name(cell: dict[str, Any]) -> str:
    """Of its rows in the record."""
    return f"{cell['tree']}, d = {cell['d']}, {cell['method']}"


def finished(out: Path) -> list[dict[str, Any]]:
    """The cells of a folder, in the table's order: from their files, or else from the record."""
    kept = tables.read(out / "record.json", ("cells", "rows"), "a record") if (out / "record.json").exists() else {}
    rows: dict[str, list[tables.Row]] = {}
    for row in kept.get("rows", []):
        rows.setdefault(row["name"], []).append(row)
    cells = [{**cell, "rows": rows.get(_name(cell), [])} for cell in kept.get("cells", [])]
    found = {_key(cell["tree"], cell["d"], cell["method"]): cell for cell in cells}
    for path in sorted((out / "cells").glob("*.json")):
        found[path.stem] = tables.read(path, _KEYS, "the result of a tree")
    for cell in found.values():
        if cell["tree"] not in TREES or cell["method"] not in METHODS:
            raise ValueError(f"--out must be a folder of this experiment, got one with {cell['tree']}: give another")
    order = TREES.index, METHODS.index
    return sorted(found.values(), key=lambda cell: (order[0](cell["tree"]), cell["d"], order[1](cell["method"])))


def summarise(out: Path, steps: int = STEPS) -> None:
    """Record and table of the cells finished so far."""
    cells = finished(out)
    settings = {
        "distortion": DISTORTION, "steps": steps, "radius of the construction to start from": _STARTED, "pairs": PAIRS,
        "note": "grqc, diseases and cs-phd are graphs contracted to trees; WordNet keeps each noun's first parent",
    }  # fmt: skip
    kept = [{key: cell[key] for key in (*_KEYS, "commit", "date") if key != "rows"} for cell in cells]
    content = {**record.provenance(), "seeds": [SEED], "settings": settings, "cells": kept}
    content["rows"] = [{**row, "name": _name(cell)} for cell in cells for row in cell["rows"]]
    write_text(out / "record.json", to_json(content))
    write_text(out / "table.md", tree_tables.page(cells))


def run(edges: list[Any], d: int, method: str, steps: int) -> dict[str, Any]:
    """The figures of one tree by one method."""
    started = time.perf_counter()
    T = trees.embed(edges, d=d, distortion=DISTORTION)
    seconds = time.perf_counter() - started
    about = {"nodes": len(T), "places": T.places, "depth": int(T.depths().max())}
    if method == "construction":
        return {**about, "rows": _construction(T, edges, seconds)}
    if method == "coordinates":
        return {**about, "rows": _coordinates(T, edges)}
    tree = tree_methods.places(T)
    started = time.perf_counter()
    if method != METHODS[-1]:
        if T.places > MOST_SCALED:
            return {**about, "rows": []}
        x, scale = tree_methods.hyperbolic_scaling(tree, d)
    else:
        small = trees.embed(edges, d=d, scale=T.scale * _STARTED / float(T.radii().max()))
        x, scale = small.points("tangent")[tree.nodes], small.scale
    if method != "h-MDS":
        apart = np.random.default_rng(SEED).normal(scale=1e-3, size=x.shape)  # h-MDS puts nodes at one point
        x, scale, _ = tree_methods.maximum_likelihood(tree, x + apart, scale, steps=steps, seed=SEED)
    seconds = time.perf_counter() - started
    return {**about, "rows": [*_scored(tree_methods.scores(tree, x, scale)), record.row("", "seconds", seconds)]}


def _scored(found: Scores, n: int | None = None) -> list[tables.Row]:
    average = found.distortion.average
    interval = found.distortion.interval if found.distortion.interval[0] < average else None
    return [
        record.row("", "worst distortion", found.distortion.worst, n=n),
        record.row("", "average distortion", average, interval95=interval, n=n),
        record.row("", "mean average precision", found.precision),
    ]


def _construction(T: TreeEmbedding, edges: list[Any], seconds: float) -> list[tables.Row]:
    started = time.perf_counter()
    distortion = T.distortion()
    measured = time.perf_counter() - started
    pairs = T.places * (T.places - 1) // 2 if T.places <= 10_000 else 1_000_000
    found = Scores(distortion, T.mean_average_precision())
    tracemalloc.start()
    trees.embed(edges, d=T.d, distortion=DISTORTION).distortion()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    own = tree_methods.scores(tree_methods.places(T), None, 1.0).precision
    more = {
        "guaranteed worst distortion": T.bound, "scale": T.scale, "radius from the root": float(T.radii().max()),
        "mean average precision of the tree's distances": own, "seconds": seconds,
        "seconds to measure the distortion": measured, "peak memory, MiB": peak,
    }  # fmt: skip
    return [*_scored(found, n=pairs), *(record.row("", metric, value) for metric, value in more.items())]


def _coordinates(T: TreeEmbedding, edges: list[Any]) -> list[tables.Row]:
    """Of each dtype: the nodes within its reach at this scale; the distortion at the largest scale that it holds; and
    what each model's distances are worth there, and at twice that scale."""
    rows, furthest = [], float(T.radii().max())
    rng = np.random.default_rng(SEED)
    place = tree_methods.places(T).nodes
    i = rng.integers(T.places, size=PAIRS)
    j = (i + 1 + rng.integers(T.places - 1, size=PAIRS)) % T.places
    for dtype in (np.float64, np.float32):
        name, limit = np.dtype(dtype).name, float(ball_radius_limit(dtype, 1.0))
        share = float(np.mean(T.radii() <= limit))
        rows.append(record.row("", f"{name}: share of nodes within reach at distortion {DISTORTION}", share))
        held = trees.embed(edges, d=T.d, scale=0.999 * T.scale * limit / furthest)
        distortion = held.distortion()
        rows.append(record.row("", f"{name}: scale at reach", held.scale))
        rows.append(record.row("", f"{name}: worst distortion at reach", distortion.worst))
        rows.append(record.row("", f"{name}: average distortion at reach", distortion.average))
        beyond = trees.embed(edges, d=T.d, scale=2.0 * held.scale)
        for model in ("poincare", "tangent", "lorentz"):
            for where, at in (("at reach", held), ("at twice the reach", beyond)):
                lost, worst = tree_methods.in_coordinates(at, model, dtype, place[i], place[j])
                rows.append(record.row("", f"{name}, {model}: share of pairs off by over 1 % {where}", lost))
                rows.append(record.row("", f"{name}, {model}: largest error of the others {where}", worst))
    return [row for row in rows if not math.isnan(row["value"])]
