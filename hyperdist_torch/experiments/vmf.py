"""Flows on a von Mises-Fisher law on S^2: Mathieu & Nickel 2020 (arXiv 2006.10605), section 5.1 and table 1.

A Riemannian flow from the uniform law and a stereographic flow from a normal one, trained by likelihood on fresh draws
or by reverse KL against the density. The law stands at -e_0, the one point that the projection leaves out. There the
projected draws have no second moment, and a flow of bounded velocity from a normal law, whose log density falls as
|y|^2, has an infinite negative log-likelihood: figures of the stereographic flow are those of finitely many rows.
The negative log-likelihood has the target's entropy as floor; the published likelihoods of 1.78, 1.09 and 0.52 lie
0.013 to 0.016 below it, which no law can: they are noisy estimates.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from hyperdist import Sphere, plot
from hyperdist_torch.experiments import known_cells, options
from hyperdist_torch.experiments.cells import Cell
from hyperdist_torch.experiments.flow_cells import LIKELIHOOD, REVERSE_KL, FlowTask
from hyperdist_torch.experiments.known_cells import NLL, REVERSE, Setting
from hyperdist_torch.experiments.targets import KnownLaw, VonMisesFisherSphere
from hyperdist_torch.flows import FlowConfig

KAPPAS = (100.0, 50.0, 10.0)
SEEDS = (0,)

_PUBLISHED = {
    ("stereographic", LIKELIHOOD): (63.60, 32.68, 6.45),
    ("Riemannian", LIKELIHOOD): (-1.78, -1.09, 0.52),
    ("stereographic", REVERSE_KL): (1.56, 0.68, 0.12),
    ("Riemannian", REVERSE_KL): (0.04, 0.03, 0.01),
}
"""Negative log-likelihoods of the flows trained by likelihood, KL(model to target) of those trained by it."""

_NETWORK = {"hidden": 64, "layers": 2, "activation": "tanh", "steps": 10}
_CONFIGS = {
    "Riemannian": FlowConfig("sphere", 2, frame="ambient", **_NETWORK),
    "stereographic": FlowConfig("sphere", 2, kind="stereographic", frame="local", **_NETWORK),
}
_SETTINGS = {"Riemannian": Setting(epochs=20), "stereographic": Setting(epochs=10)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``vmf``."""
    options.add(parser, "vmf", data=False)


def _column(kappa: float) -> str:
    return f"kappa = {kappa:g}"


def _row(model: str, loss: str) -> str:
    return f"{model}, {loss}"


_ROWS = [_row(*key) for key in _PUBLISHED]


def table_of_cells(args: argparse.Namespace) -> list[Cell[FlowTask]]:
    """All cells, one seed after another."""
    table = []
    for seed in args.seeds or SEEDS:
        for model, loss in sorted(_PUBLISHED):
            for kappa, figure in zip(KAPPAS, _PUBLISHED[model, loss], strict=True):
                table.append(known_cells.cell(
                    args, VonMisesFisherSphere(kappa), _CONFIGS[model], loss, _SETTINGS[model], seed, everywhere=True,
                    name=f"{model.lower()}-{loss.replace(' ', '-').lower()}-kappa{kappa:g}",
                    row=_row(model, loss),
                    column=_column(kappa),
                    published=figure if loss == LIKELIHOOD else None,
                    published_metrics={NLL if loss == LIKELIHOOD else REVERSE: figure},
                ))  # fmt: skip
    if args.quick and not args.cells:
        args.cells = ["*-kappa10"]
    return options.chosen(table, args)


def summarise(out: Path) -> None:
    """Record and table of the cells finished so far."""
    settings = known_cells.settings({_row(*key): (_CONFIGS[key[0]], key[1], _SETTINGS[key[0]]) for key in _PUBLISHED})
    targets: dict[str, KnownLaw] = {_column(kappa): VonMisesFisherSphere(kappa) for kappa in KAPPAS}
    known_cells.summarise(out, "Flows on von Mises-Fisher laws on S^2", targets, _ROWS, settings)


def main(args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the cells; after each one the record and the table are written anew, at the end the picture."""
    columns = [_column(kappa) for kappa in KAPPAS]
    known_cells.run(
        table_of_cells(args), args, say, lambda: summarise(args.out), panel, columns, _ROWS, height=1.9
    )  # fmt: skip


class _Turned:
    """A density on the globe, turned half about the last axis: -e_0 is in the middle of the map."""

    batch_shape, event_shape, space = (), (3,), Sphere()

    def __init__(self, log_prob: Callable[[Tensor], Tensor]) -> None:
        self._log_prob = log_prob

    def log_prob(self, x: object) -> object:
        return self._log_prob(torch.as_tensor(x) * torch.tensor([-1.0, -1.0, 1.0])).numpy()


def panel(
    figure: Figure, place: tuple[int, int, int], title: str, target: KnownLaw, log_prob: Callable[[Tensor], Tensor],
    pixels: int,
) -> None:  # fmt: skip
    """A map of a log density, from the target's peak to 12 nats below it."""
    ax = figure.add_subplot(*place, projection="mollweide")
    assert isinstance(target, VonMisesFisherSphere)
    peak = float(target.log_prob(-torch.eye(1, 3, dtype=torch.float64)[0]))
    plot.sphere_density(_Turned(log_prob), ax, log=True, pixels=pixels, colorbar=False, vmin=peak - 12.0, vmax=peak)
    ax.set_title(title, fontsize=9)
