"""Flows on the hyperbolic plane: mixtures of wrapped normals of several curvatures, whose entropies are known.

A Riemannian flow on the ball from a wrapped normal at the origin, trained by likelihood or by flow matching on
fresh draws, and a wrapped flow, a Euclidean one through the exponential map at the origin.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from hyperdist import PoincareBall, plot
from hyperdist_torch.experiments import known_cells, options
from hyperdist_torch.experiments.cells import Cell
from hyperdist_torch.experiments.flow_cells import LIKELIHOOD, MATCHING, FlowTask
from hyperdist_torch.experiments.known_cells import Model, Setting
from hyperdist_torch.experiments.targets import HyperbolicMixture, KnownLaw
from hyperdist_torch.flows import FlowConfig

SEEDS = (0,)
_LAWS = {f"c = {c:g}": HyperbolicMixture(c, radius) for c, radius in ((0.3, 3.0), (1.0, 3.0), (2.0, 2.0))}
TARGETS: dict[str, KnownLaw] = dict(_LAWS)


def models(c: float) -> dict[str, Model]:
    """Those of a curvature.

    The activation is bounded: with one that is not, velocities grow with the distance, and a step of the solver takes
    points far out off the ball.
    """
    # A step in the ball's coordinates must stay well inside it: the more curved, the shorter.
    steps = 16 if c > 1.0 else 8
    network = {"c": c, "frame": "local", "hidden": 64, "layers": 3, "activation": "tanh", "steps": steps}
    riemannian = FlowConfig("poincare", 2, base_scale=1.5, **network)
    wrapped = FlowConfig("poincare", 2, kind="wrapped", base_scale=1.5, **network)
    return {
        "Riemannian, likelihood": (riemannian, LIKELIHOOD, Setting(epochs=20, rate=3e-3)),
        "Riemannian, flow matching": (
            riemannian, MATCHING, Setting(epochs=100, rate=3e-3, average=0.999, coupling=128),
        ),
        "wrapped, likelihood": (wrapped, LIKELIHOOD, Setting(epochs=20, rate=3e-3)),
    }  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``hyperbolic``."""
    options.add(parser, "hyperbolic", data=False)


def table_of_cells(args: argparse.Namespace) -> list[Cell[FlowTask]]:
    """All cells, one seed after another."""
    table = known_cells.every(args, TARGETS, {name: models(law.c) for name, law in _LAWS.items()}, args.seeds or SEEDS)
    if args.quick and not args.cells:
        args.cells = ["*-c1"]
    return options.chosen(table, args)


def summarise(out: Path) -> None:
    """Record and table of the cells finished so far."""
    settings = known_cells.settings(models(1.0)) | {"c": "that of the column, 1 in the configurations above"}
    known_cells.summarise(out, "Flows on the hyperbolic plane", TARGETS, list(models(1.0)), settings)


def main(args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the cells; after each one the record and the table are written anew, at the end the picture."""
    rows = list(models(1.0))
    known_cells.run(table_of_cells(args), args, say, lambda: summarise(args.out), panel, TARGETS, rows)


class _OnDisc:
    """A density on the ball, as ``plot.disc_density`` asks for it."""

    batch_shape, event_shape = (), (2,)

    def __init__(self, c: float, log_prob: Callable[[Tensor], Tensor]) -> None:
        self.space, self._log_prob = PoincareBall(c), log_prob

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        return self._log_prob(torch.as_tensor(x)).numpy()


def panel(
    figure: Figure, place: tuple[int, int, int], title: str, target: KnownLaw, log_prob: Callable[[Tensor], Tensor],
    pixels: int,
) -> None:  # fmt: skip
    """The log density over the disc, from the target's peak to 8 nats below it."""
    ax = figure.add_subplot(*place)
    assert isinstance(target, HyperbolicMixture)
    peak = float(target.log_prob(target.nodes()[0]).max())
    law = _OnDisc(target.c, log_prob)
    plot.disc_density(law, ax, log=True, pixels=pixels, colorbar=False, vmin=peak - 8.0, vmax=peak)
    ax.set_title(title, fontsize=9)
