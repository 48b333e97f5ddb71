"""Distances of the deep nodes of real trees, as ``hyperdist.trees`` keeps them, against mpmath."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

import numpy as np

from hyperdist import trees
from hyperdist.runs.files import out_folder, to_json, write_text
from validation.arguments import at_least
from validation.oracles_trees import distance
from validation.record import REPORTS, record, row, sources

SEED = 0
DISTORTION = 1.01
LONGEST = 20_000.0
"""The longest way, in units of 1/sqrt(c): mpmath works with as many digits."""
_DRAWN = 20_000
TARGET = 1e-14


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``trees``."""
    parser.add_argument("--data-dir", type=Path, help="folder of the trees (default: HYPERDIST_DATA)")
    parser.add_argument("--out", type=out_folder, default=REPORTS / "trees-distances", help="folder of record.json")
    parser.add_argument("--trees", nargs="+", choices=trees.TREES, default=trees.TREES, help="only these")
    parser.add_argument("--dims", type=at_least(2), nargs="+", default=(2, 10), help="dimensions (default: 2 10)")
    parser.add_argument("--pairs", type=at_least(1), default=4, help="pairs of each tree (%(default)s)")


def deepest(T: trees.TreeEmbedding, pairs: int) -> np.ndarray:
    """(m, 2) the numbers of nodes that are furthest down together, of pairs drawn at random, no way too long."""
    i, j = np.random.default_rng(SEED).integers(len(T), size=(2, _DRAWN))
    labels = np.empty(len(T), dtype=object)
    labels[:] = T.nodes
    way = np.asarray(T.tree_dist(labels[i], labels[j])) * T.scale
    depth = np.where((way > 0.0) & (way <= LONGEST), T.depths()[i] + T.depths()[j], -1)
    order = np.argsort(-depth, kind="stable")[:pairs]
    return np.stack([i, j], axis=-1)[order[depth[order] >= 0]]


def main(options: argparse.Namespace) -> int:
    """Print one line a tree and dimension, write the record; 1 where an error is above its target."""
    folder = options.data_dir or os.environ.get("HYPERDIST_DATA")
    if not folder:
        print("give --data-dir, the folder of the trees, or HYPERDIST_DATA")
        return 2
    rows, worst = [], 0.0
    for name in options.trees:
        for d in options.dims:
            T = trees.embed(trees.load(folder, name), d=d, distortion=DISTORTION)
            errors, ways, depths = [], [], []
            for i, j in deepest(T, options.pairs).tolist():
                exact = distance(T, T.nodes[i], T.nodes[j])
                errors.append(abs(float((float(T.dist(T.nodes[i], T.nodes[j])) - exact) / exact)))
                ways.append(float(exact))
                depths.append(int(T.depths()[i] + T.depths()[j]))
            at, worst = f"{name}, d = {d}", max(worst, *errors)
            rows.append(row(at, "largest relative error of a distance", max(errors), n=len(errors)))
            rows.append(row(at, "longest distance", max(ways)))
            rows.append(row(at, "largest sum of two depths", max(depths)))
            print(f"{at}: {len(errors)} pairs to distance {max(ways):.4g}, error {max(errors):.1e}", flush=True)
    settings = {"distortion": DISTORTION, "longest way": LONGEST, "sources": sources("hyperdist")}
    write_text(options.out / "record.json", to_json(record([SEED], settings, rows)))
    return int(not (math.isfinite(worst) and worst <= TARGET))
