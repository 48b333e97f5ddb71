"""One cell of a table, a model in a setting with a seed: trained, evaluated, and kept on disk as soon as it is done.

A folder of results holds ``cells/KEY.json``, one file a finished cell, and ``runs/KEY/``, what a cell needs to go on
where it was killed: the checkpoint, the logs, the model once it is trained, and the likelihoods found so far. Of a
folder brought from elsewhere ``record.json`` is enough: its cells are finished, though without their models.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from hyperdist.runs.files import to_json, write_text
from hyperdist.runs.lock import held
from hyperdist_torch import training
from hyperdist_torch.experiments import record, starts, tables
from hyperdist_torch.experiments.tasks import Split, Task, Validated
from hyperdist_torch.flows import SolverError

_BLOCK = 250
"""Rows whose likelihoods are kept together; the draws of a block follow from (seed, block)."""


RESULT = ("name", "row", "column", "variant", "seed", "published", "nll", "standard_error", "n")
"""What every result has."""

T_co = TypeVar("T_co", bound=Task, covariant=True)


@dataclass(frozen=True)
class Cell(Generic[T_co]):
    """What is run, and where its figure stands in the table."""

    name: str
    row: str
    column: str
    task: T_co
    schedule: training.Schedule
    published: float | None = None
    variant: str = ""
    """In what the setting differs from the published one; empty where it does not."""
    published_metrics: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Published figures for some of the task's metrics."""
    after: tuple[str, ...] = ()
    """Keys of the cells whose models it begins with."""
    starts: int = 1
    """Short trainings of which the best is gone on with; see ``starts``."""

    @property
    def key(self) -> str:
        """The name of its files."""
        return _key(self.name, self.variant, self.schedule.seed)

    @property
    def title(self) -> str:
        """Of a picture."""
        return f"{self.row}, {self.column}\n{self.variant}".rstrip()


def _key(name: str, variant: str, seed: int) -> str:
    words = "".join(f"+{word.strip().replace(' ', '-')}" for word in variant.split(",") if word)
    return f"{name}{words}-seed{seed}"


@dataclass(frozen=True)
class Machine:
    """Where and how visibly to run; ValueError where there are no such devices."""

    accelerator: str = "auto"
    devices: int | str = 1
    progress: bool = False
    num_nodes: int = 1
    strategy: str = "auto"

    def __post_init__(self) -> None:
        training.device_count(self.devices, training.device_type(self.accelerator))

    @property
    def leads(self) -> bool:
        """Whether this process is the first of those that train together."""
        return training.leads(self.devices, self.num_nodes)

    @property
    def device(self) -> torch.device:
        """Where likelihoods are evaluated: one device."""
        return torch.device(training.device_type(self.accelerator))


def results(out: Path) -> dict[str, dict[str, Any]]:
    """Those of all finished cells by their keys, in order: from their files, or else from the record."""
    kept = tables.recorded(out).get("cells", [])
    found = {_key(result["name"], result["variant"], result["seed"]): result for result in kept}
    found |= {path.stem: tables.read(path, RESULT, "the result of a cell") for path in (out / "cells").glob("*.json")}
    return dict(sorted(found.items()))


def at_hand(cell: Cell[Task], out: Path) -> bool:
    """Whether a cell is finished and its model is here, not only its figures."""
    return _model(cell, out).exists() and cell.key in results(out)


def trained(cell: Cell[Task], out: Path) -> Any:
    """The model of a cell that is at hand."""
    return cell.task.load(_model(cell, out))


def _model(cell: Cell[Task], out: Path) -> Path:
    return out / "runs" / cell.key / "model.pt"


def work(cell: Cell[Task], out: Path, machine: Machine, resume: bool, begun: str) -> dict[str, Any] | None:
    """``run`` as a task of the engine, on one thread where it is done by a process of its own.

    begun   names this run of the experiment: what its own processes have left is gone on with where one was killed.
    """
    mark = out / "runs" / cell.key / "begun"
    # A worker whose client is gone goes on with its task: the next run waits for it. Devices of one run share it.
    lock = held(out / f".{cell.key}.lock", cell.key, wait=True) if machine.leads else nullcontext()
    with lock:
        return run(cell, out, machine, resume or (mark.is_file() and mark.read_text(encoding="utf-8") == begun), begun)


def work_elsewhere(*arguments: Any) -> dict[str, Any] | None:
    """``work`` in another process, of which there are as many as cores."""
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return work(*arguments)


def run(cell: Cell[Task], out: Path, machine: Machine, resume: bool, begun: str = "") -> dict[str, Any] | None:
    """Train and evaluate, or go on with it; the result, which is also in ``out/cells``.

    resume   continues what is there, to the same numbers; otherwise it is thrown away.
    begun    is left in the cell's folder as a file of that name.
    returns  None in the processes of further devices, which only train.
    """
    folder = out / "runs" / cell.key
    split = cell.task.data(cell.schedule.seed)
    torch.manual_seed(cell.schedule.seed)
    model = cell.task.build(split.training)
    # Not before data and model are there: what was found earlier must not be lost to a mistake in the settings.
    if not resume and machine.leads:
        shutil.rmtree(folder, ignore_errors=True)
        (out / "cells" / f"{cell.key}.json").unlink(missing_ok=True)
        write_text(folder / "begun", begun)
    try:
        model, fitted, begun_with = _fitted(cell, model, split, folder, machine, resume)
    except (FloatingPointError, SolverError) as error:
        missing = {"nll": math.nan, "standard_error": math.nan, "n": len(split.test), "diverged": str(error)}
        return _keep(cell, out, missing)
    if torch.distributed.is_available() and torch.distributed.is_initialized() and torch.distributed.get_rank() > 0:
        return None
    cell.task.save(model, _model(cell, out))
    log_p, seconds = evaluate(model, split.test, cell, folder / "evaluation.json", machine)
    values, started = -log_p, time.perf_counter()
    metrics = _metrics(model, split.test, cell, machine)
    found: dict[str, Any] = {
        "nll": values.mean().item(), "standard_error": (values.std() / math.sqrt(len(values))).item(),
        "n": len(values), "curve": _short(fitted.curve),
        "training_seconds": round(fitted.seconds, 2),
        "evaluation_seconds": round(seconds + time.perf_counter() - started, 2), **begun_with,
    }  # fmt: skip
    if fitted.best_epoch is not None:
        found |= {"scores": _short(fitted.scores), "best_epoch": fitted.best_epoch}
    return _keep(cell, out, found | ({"metrics": metrics} if metrics else {}))


def _fitted(
    cell: Cell[Task], model: nn.Module, split: Split, folder: Path, machine: Machine, resume: bool
) -> tuple[nn.Module, training.Fitted, dict[str, Any]]:
    """The trained model, how it went, and what its starts came to where there were several."""
    rows, objective, schedule, found = split.training, cell.task.objective, cell.schedule, {}
    where = {"accelerator": machine.accelerator, "devices": machine.devices, "progress": machine.progress,
             "num_nodes": machine.num_nodes, "strategy": machine.strategy}  # fmt: skip
    if cell.starts > 1:
        start = starts.best(cell.task.build, rows, objective, schedule, cell.starts, folder, **where)
        model, schedule, resume = start.model, start.schedule, True
        found = {"starts": dict(zip(map(str, start.losses), _short(start.losses.values()), strict=True))}
    every = max(1, schedule.epochs // 100)
    fitted = training.fit(
        model, rows, objective, schedule, folder, resume=resume, checkpoint_every=every, **where,
        **_validation(cell, split),
    )  # fmt: skip
    return model, fitted, found


def _validation(cell: Cell[Task], split: Split) -> dict[str, Any]:
    """The arguments of ``training.fit`` that validate."""
    task, rows = cell.task, split.validation
    if rows is None:
        return {}
    if not isinstance(task, Validated):
        raise TypeError(f"{type(task).__name__} must have validate, validate_every and patience for rows to validate")

    def validate(model: nn.Module) -> float:
        return task.validate(model, rows.to(_device(model)))

    every = min(task.validate_every, cell.schedule.epochs)
    return {"validate": validate, "validate_every": every, "patience": task.patience}


def _device(model: nn.Module) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _short(values: Iterable[float]) -> list[float]:
    return [float(f"{value:.7g}") for value in values]


@torch.no_grad()
def evaluate(model: nn.Module, test: Tensor, cell: Cell[Task], path: Path, machine: Machine) -> tuple[Tensor, float]:
    """The log likelihood of each test row, (n,) float64, and the seconds they took; those in ``path`` are not redone.

    The file is replaced after each block of rows. The draws of a block follow from the cell's seed and the block.
    """
    seed, task = cell.schedule.seed, cell.task
    setting = {
        "samples": task.samples, "block": _BLOCK, "seed": seed, "rows": len(test),
        "config": json.loads(json.dumps(task.settings())),
    }  # fmt: skip
    values, earlier = _kept(path, setting)
    started = time.perf_counter() - earlier
    device = machine.device
    model = model.to(device).eval()
    options = {"disable": not machine.progress, "mininterval": 0.5 if sys.stderr.isatty() else 60.0}
    with tqdm(total=len(test), initial=len(values), desc=f"{cell.key}: likelihoods", unit="row", **options) as bar:
        for first in range(len(values), len(test), _BLOCK):
            block = int(np.random.SeedSequence((seed, first)).generate_state(1)[0])
            rows = test[first : first + _BLOCK].to(device)
            found = task.log_prob(model, rows, torch.Generator(device).manual_seed(block))
            values += found.double().tolist()
            seconds = time.perf_counter() - started
            write_text(path, json.dumps({"setting": setting, "values": values, "seconds": seconds}))
            bar.update(len(rows))
    return torch.tensor(values, dtype=torch.float64), time.perf_counter() - started


def _kept(path: Path, setting: dict[str, Any]) -> tuple[list[float], float]:
    """The likelihoods in a file of the same setting, as far as the file says what it was, and their seconds."""
    if not path.exists():
        return [], 0.0
    kept = tables.read(path, ("setting", "values"), "the likelihoods of a cell")
    same = all(setting.get(name) == value for name, value in kept["setting"].items())
    return (kept["values"], kept.get("seconds", 0.0)) if same else ([], 0.0)


@torch.no_grad()
def _metrics(model: nn.Module, test: Tensor, cell: Cell[Task], machine: Machine) -> dict[str, float]:
    with torch.random.fork_rng():
        torch.manual_seed(cell.schedule.seed)
        return cell.task.metrics(model.to(machine.device).eval(), test.to(machine.device))


def keep_baseline(cell: Cell[Task], out: Path, log_p: np.ndarray, seconds: float, **more: Any) -> dict[str, Any]:
    """Keep what a baseline, which no schedule trained, has found on the rows of a cell: their log densities (n,)."""
    found = {
        "samples": None, "config": {}, "schedule": {**asdict(cell.schedule), "epochs": 0}, "nll": -float(log_p.mean()),
        "standard_error": float(log_p.std() / math.sqrt(len(log_p))), "n": len(log_p), "curve": [],
        "training_seconds": round(seconds, 2), "evaluation_seconds": 0.0, **more,
    }  # fmt: skip
    return _keep(cell, out, found)


def _keep(cell: Cell[Task], out: Path, found: dict[str, Any]) -> dict[str, Any]:
    published = {"published_metrics": dict(cell.published_metrics)} if cell.published_metrics else {}
    result = {
        "name": cell.name, "row": cell.row, "column": cell.column, "variant": cell.variant,
        "seed": cell.schedule.seed, "published": cell.published, **published, "samples": cell.task.samples,
        "config": cell.task.settings(), "schedule": asdict(cell.schedule), **found, **record.provenance(),
    }  # fmt: skip
    write_text(out / "cells" / f"{cell.key}.json", to_json(result))
    return result
