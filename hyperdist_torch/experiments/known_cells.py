"""What experiments whose target is a known law share: rows, figures, the floor in the table, pictures."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from hyperdist.runs import intervals
from hyperdist_torch import flows
from hyperdist_torch.experiments import cells, options, pictures, record, tables
from hyperdist_torch.experiments.cells import Cell
from hyperdist_torch.experiments.flow_cells import REVERSE_KL, FlowTask
from hyperdist_torch.experiments.targets import KnownLaw
from hyperdist_torch.experiments.tasks import Split
from hyperdist_torch.flows.baselines import WrappedFlow
from hyperdist_torch.flows.solvers import FixedGrid
from hyperdist_torch.training import Schedule

NLL = "NLL by quadrature"
EXCESS = "KL(target to model) by quadrature"
PAIRED = "KL(target to model), mean over test rows of log target - log model"
HALF = "half the 95 % interval of that mean"
REVERSE = "KL(model to target) by quadrature"
MASS = "integral of the model's density"
LOST = "bound of the mass that the wrapped flow's truncation loses (odds 1e-3)"

STEPS = 100
"""Batches an epoch."""
TEST_ROWS = 20_000
EVALUATION = FixedGrid(40)
"""The solver of test rows and nodes."""
PIXELS = 120
_AT_ONCE = 8192


@dataclass(frozen=True)
class Figures:
    """What is measured of a trained flow, in float64 at the target's nodes.

    everywhere : whether the nodes cover the space, so that integrals of the model's density can be had.
    """

    target: KnownLaw
    solver: FixedGrid = EVALUATION
    everywhere: bool = False

    def __call__(self, flow: flows.Flow, test: Tensor) -> dict[str, float]:
        """Figures by name; nats."""
        flow, test = flow.double(), flow.space.retract(test.double())
        x, weights = (part.to(test.device) for part in self.target.nodes())
        log_p, log_q = self.target.log_prob(x), self._log_prob(flow, x)
        nll = -float((weights * log_q).sum())
        at_rows = self.target.log_prob(test) - self._log_prob(flow, test)
        found = {
            NLL: nll, EXCESS: nll - self.target.entropy, PAIRED: float(at_rows.mean()),
            HALF: intervals.Z * float(at_rows.std()) / math.sqrt(len(test)),
        }  # fmt: skip
        if self.everywhere:
            volume = (log_q - log_p).exp() * weights
            found |= {REVERSE: float((volume * (log_q - log_p)).sum()), MASS: float(volume.sum())}
        law = flow()
        if isinstance(law, WrappedFlow) and flow.space.model is None:
            found[LOST] = law.lost()[1]
        flow.float()
        return found

    def _log_prob(self, flow: flows.Flow, x: Tensor) -> Tensor:
        return torch.cat([flow.log_prob(part, solver=self.solver) for part in x.split(_AT_ONCE)])


def rows_of(target: KnownLaw, batch: int, steps: int = STEPS, test: int = TEST_ROWS) -> Callable[[int], Split]:
    """Of a seed: numbers of rows for ``steps`` batches an epoch, and draws to score."""
    return partial(_rows, target, steps * batch, test)


def _rows(target: KnownLaw, training: int, test: int, seed: int) -> Split:
    generator = torch.Generator().manual_seed(7919 + seed)
    return Split(torch.arange(training)[:, None], target.sample(test, generator=generator))


@dataclass(frozen=True)
class Setting:
    """How a model is trained."""

    epochs: int
    batch: int = 512
    rate: float = 5e-3
    warmup: int = 100
    average: float = 0.995
    clip: float = 1.0
    coupling: int = 1
    """Of flow matching."""

    def schedule(self, args: argparse.Namespace, seed: int) -> Schedule:
        """With what the options change."""
        epochs = args.epochs or (1 if args.quick else self.epochs)
        return Schedule(
            epochs, self.batch_size(args), self.rate, seed, warmup=min(self.warmup, epochs * self.steps(args)),
            decay="cosine", average=self.average, amsgrad=False, clip=self.clip,
        )  # fmt: skip

    def batch_size(self, args: argparse.Namespace) -> int:
        """Draws a step."""
        return 32 if args.quick else self.batch

    def steps(self, args: argparse.Namespace) -> int:
        """Batches an epoch."""
        return 2 if args.quick else STEPS


Model = tuple[flows.FlowConfig, str, Setting]
"""What is trained, on which loss, how."""


def cell(
    args: argparse.Namespace, target: KnownLaw, config: flows.FlowConfig, loss: str, setting: Setting, seed: int,
    *, everywhere: bool = False, **named: Any,
) -> Cell[FlowTask]:  # fmt: skip
    """A cell that trains a flow on the target; ``named`` are the cell's own fields."""
    if args.quick:
        config = flows.FlowConfig.from_dict({**config.to_dict(), "hidden": 8, "layers": 1, "steps": 4})
    solver = FixedGrid(8) if args.quick else EVALUATION
    rows = rows_of(target, setting.batch_size(args), setting.steps(args), 250 if args.quick else TEST_ROWS)
    task = FlowTask(
        config, rows, loss, target, evaluation=solver, coupling=setting.coupling,
        figures=Figures(target, solver, everywhere),
    )  # fmt: skip
    schedule = setting.schedule(args, seed)
    return Cell(task=task, schedule=schedule, variant=options.variant(args), **named)


def every(
    args: argparse.Namespace, targets: Mapping[str, KnownLaw], models: Mapping[str, Mapping[str, Model]],
    seeds: Iterable[int],
) -> list[Cell[FlowTask]]:  # fmt: skip
    """A cell for each seed, target by the name of its column, and model that ``models`` has for it by its row."""
    table = []
    for seed in seeds:
        for column, target in targets.items():
            for row, (config, loss, setting) in models[column].items():
                name = f"{row}-{column}".lower().replace(", ", "-").replace(" = ", "").replace(" ", "-")
                table.append(cell(args, target, config, loss, setting, seed, name=name, row=row, column=column))
    return table


def settings(models: Mapping[str, Model]) -> dict[str, Any]:
    """What a record says of models."""
    return {
        "configurations": {row: config.to_dict() for row, (config, _, _) in models.items()},
        "training": {row: numbers(setting, loss) for row, (_, loss, setting) in models.items()},
        "evaluation": "rk4, 40 steps, float64 at the nodes, float32 at the test rows of the first table",
    }


def summarise(
    out: Path, title: str, targets: dict[str, KnownLaw], rows: Sequence[str], settings: dict[str, Any]
) -> None:
    """Record and table of the cells finished so far, with the entropies of the targets by their columns."""
    columns = list(targets)
    results = tables.ordered(cells.results(out).values(), rows, columns)
    shown = [column for column in columns if any(result["column"] == column for result in results)]
    lines = ["| target | entropy, nats: the floor |", "| --- | --- |"]
    lines += [f"| {column}: {targets[column].name} | {targets[column].entropy:.6f} |" for column in shown]
    floors = [record.row(f"target, {column}", "entropy in nats", targets[column].entropy) for column in shown]
    text = "## Floor\n\n" + "\n".join(lines) + "\n"
    tables.write(out, title, results, columns, settings, more_rows=floors, more_text=text, decimals=3)


Panel = Callable[[Figure, tuple[int, int, int], str, KnownLaw, Callable[[Tensor], Tensor], int], None]
"""Draws a log density at a place of the figure: its title, the target for the scale, and the pixels of its height."""


def run(
    table: list[Cell[FlowTask]], args: argparse.Namespace, say: Callable[[str], None], after: Callable[[], None],
    panel: Panel, targets: Collection[str], rows: Sequence[str], height: float = 3.1,
) -> None:  # fmt: skip
    """Run the cells; then ``densities.png``: a row a column of the table, the target first, of the first seed.

    targets, rows  of the experiment: ValueError where the folder has another's results.
    height  of a row, in inches; a panel is 3.2 wide.
    """
    if args.list:
        say("\n".join(cell.key for cell in table))
        return
    tables.ordered(cells.results(args.out).values(), rows, list(targets))
    for target in {cell.column: cell.task.target for cell in table}.values():
        assert isinstance(target, KnownLaw)
        say(f"{target.name}: entropy {target.entropy:.6f} nats")
    options.run(table, args, say, after)
    first = [cell for cell in table if cell.schedule.seed == table[0].schedule.seed]
    draw(first, args.out, panel, 12 if args.quick else PIXELS, height)


def draw(table: list[Cell[FlowTask]], out: Path, panel: Panel, pixels: int, height: float) -> None:
    """Densities of targets and of the models at hand that were trained on them; no picture where there are none."""
    table = [cell for cell in table if cells.at_hand(cell, out)]
    if not table:
        return
    columns = list(dict.fromkeys(cell.column for cell in table))
    width = 1 + max(sum(cell.column == column for cell in table) for column in columns)
    figure = Figure(figsize=(3.2 * width, height * len(columns)), layout="constrained")
    for i, column in enumerate(columns):
        here = [cell for cell in table if cell.column == column]
        target = here[0].task.target
        assert isinstance(target, KnownLaw)
        panel(figure, (len(columns), width, i * width + 1), column, target, target.log_prob, pixels)
        for j, cell in enumerate(here, 2):
            panel(figure, (len(columns), width, i * width + j), cell.row, target, density_of(cell, out), pixels)
    pictures.save(figure, out / "densities.png")


def density_of(cell: Cell[FlowTask], out: Path) -> Callable[[Tensor], Tensor]:
    """The log density of the flow of a cell at hand, without gradient, in float64."""
    flow = cells.trained(cell, out).double().eval()

    @torch.no_grad()
    def log_prob(x: Tensor) -> Tensor:
        return flow.log_prob(x, solver=cell.task.evaluation)

    return log_prob


def numbers(setting: Setting, loss: str) -> str:
    """A setting in words, for the record."""
    kind = "draws of the flow" if loss == REVERSE_KL else "fresh draws of the target"
    coupled = f", draws of the base dealt out to {setting.coupling} at a time" if setting.coupling > 1 else ""
    return (
        f"{setting.epochs * STEPS} steps of Adam at {setting.rate:g} with cosine decay, {setting.batch} {kind} a step, "
        f"average {setting.average:g}, clip {setting.clip:g}{coupled}"
    )
