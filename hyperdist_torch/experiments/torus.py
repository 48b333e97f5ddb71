"""Flows on the torus T^2: a checkerboard and a mixture of wrapped normals, whose entropies are known.

A Riemannian flow from the uniform law, trained by likelihood or, reading waves of many scales, by flow matching on
fresh draws, and a wrapped flow, a Euclidean one modulo 2 pi. The checkerboard's density jumps, which no smooth flow
reaches: its excess is the measure.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from hyperdist_torch.experiments import known_cells, options
from hyperdist_torch.experiments.cells import Cell
from hyperdist_torch.experiments.flow_cells import LIKELIHOOD, MATCHING, FlowTask
from hyperdist_torch.experiments.known_cells import Setting
from hyperdist_torch.experiments.targets import Checkerboard, KnownLaw, TorusMixture
from hyperdist_torch.flows import FlowConfig

SEEDS = (0,)
TARGETS: dict[str, KnownLaw] = {"checkerboard": Checkerboard(), "mixture": TorusMixture()}

_NETWORK: dict[str, Any] = {"frame": "local", "hidden": 64, "layers": 3, "activation": "sine", "steps": 12}
_RIEMANNIAN = FlowConfig("torus", 2, scale=3.0, **_NETWORK)
_WAVES = FlowConfig("torus", 2, features="waves", n_features=128, finest=0.02, **_NETWORK)
_WRAPPED = FlowConfig("torus", 2, kind="wrapped", base_scale=1.5, scale=3.0, **_NETWORK)
MODELS = {
    "Riemannian, likelihood": (_RIEMANNIAN, LIKELIHOOD, Setting(epochs=15)),
    "Riemannian, flow matching": (_WAVES, MATCHING, Setting(epochs=100, rate=3e-3, average=0.999, coupling=128)),
    "wrapped, likelihood": (_WRAPPED, LIKELIHOOD, Setting(epochs=15)),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``torus``."""
    options.add(parser, "torus", data=False)


def table_of_cells(args: argparse.Namespace) -> list[Cell[FlowTask]]:
    """All cells, one seed after another."""
    table = known_cells.every(args, TARGETS, dict.fromkeys(TARGETS, MODELS), args.seeds or SEEDS)
    if args.quick and not args.cells:
        args.cells = ["*-mixture"]
    return options.chosen(table, args)


def summarise(out: Path) -> None:
    """Record and table of the cells finished so far."""
    settings = known_cells.settings(MODELS)
    known_cells.summarise(out, "Flows on the torus T^2", TARGETS, list(MODELS), settings)


def main(args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the cells; after each one the record and the table are written anew, at the end the picture."""
    known_cells.run(table_of_cells(args), args, say, lambda: summarise(args.out), panel, TARGETS, list(MODELS))


def panel(
    figure: Figure, place: tuple[int, int, int], title: str, target: KnownLaw, log_prob: Callable[[Tensor], Tensor],
    pixels: int,
) -> None:  # fmt: skip
    """The density over the square of the two angles, from 0 to the target's peak."""
    ax = figure.add_subplot(*place)
    side = (torch.arange(pixels, dtype=torch.float64) + 0.5) * (2.0 * math.pi / pixels) - math.pi
    points = torch.cartesian_prod(side, side)
    peak = float(target.log_prob(points).exp().max())
    density = log_prob(points).exp().reshape(pixels, pixels).T.numpy()
    turn = (-math.pi, math.pi, -math.pi, math.pi)
    ax.imshow(density, origin="lower", extent=turn, vmin=0.0, vmax=peak, cmap="Blues")
    ax.set_title(title, fontsize=9)
    ax.set(xticks=[], yticks=[])
