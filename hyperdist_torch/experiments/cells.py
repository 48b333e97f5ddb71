"""One cell of a table, a model in a setting with a seed: trained, evaluated, and kept on disk as soon as it is done.

A folder of results holds ``cells/KEY.json``, one file a finished cell, and ``runs/KEY/``, what a cell needs to go on
where it was killed: the checkpoint, the logs, the model once it is trained, and the likelihoods found so far.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from hyperdist_torch import training, vae
from hyperdist_torch._files import write_text
from hyperdist_torch.experiments import record

_BLOCK = 250
"""Rows whose likelihoods are kept together; the draws of a block follow from (seed, block)."""

Data = Callable[[int], tuple[Tensor, Tensor]]
"""Of a seed to the rows for training and the rows of the test."""


@dataclass(frozen=True)
class Cell:
    """What is run, and where its figure stands in the table."""

    name: str
    row: str
    column: str
    config: vae.VAEConfig
    schedule: training.Schedule
    samples: int
    published: float | None = None
    variant: str = ""
    """In what the setting differs from the published one; empty where it does not."""

    @property
    def key(self) -> str:
        """The name of its files."""
        variant = "".join(f"+{word.strip().replace(' ', '-')}" for word in self.variant.split(",") if word)
        return f"{self.name}{variant}-seed{self.schedule.seed}"


@dataclass(frozen=True)
class Machine:
    """Where and how visibly to run."""

    accelerator: str = "auto"
    devices: int | str = 1
    progress: bool = False

    @property
    def device(self) -> torch.device:
        """Where likelihoods are evaluated: one device."""
        gpu = self.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
        return torch.device("cuda" if gpu else "cpu")


def finished(cell: Cell, out: Path) -> dict[str, Any] | None:
    """The result of a cell that was run to its end."""
    path = out / "cells" / f"{cell.key}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def results(out: Path) -> list[dict[str, Any]]:
    """Those of all finished cells, in order of their files' names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((out / "cells").glob("*.json"))]


def trained(cell: Cell, out: Path) -> vae.PoincareVAE:
    """The model of a finished cell."""
    return vae.load(out / "runs" / cell.key / "model.pt", cell.config)


def run(cell: Cell, data: Data, out: Path, machine: Machine, resume: bool) -> dict[str, Any] | None:
    """Train and evaluate, or go on with it; the result, which is also in ``out/cells``.

    resume   continues what is there, to the same numbers; otherwise it is thrown away.
    returns  None in the processes of further devices, which only train.
    """
    folder = out / "runs" / cell.key
    if not resume and os.environ.get("LOCAL_RANK", "0") == "0":
        shutil.rmtree(folder, ignore_errors=True)
        (out / "cells" / f"{cell.key}.json").unlink(missing_ok=True)
    rows, test = data(cell.schedule.seed)
    torch.manual_seed(cell.schedule.seed)
    model = vae.PoincareVAE(cell.config)
    model.set_output_bias(model.check_data(rows).mean(dim=0))
    started = time.perf_counter()
    try:
        fitted = training.fit(
            model, rows, vae.elbo, cell.schedule, folder, resume=resume,
            accelerator=machine.accelerator, devices=machine.devices, progress=machine.progress,
            checkpoint_every=max(1, cell.schedule.epochs // 100),
        )  # fmt: skip
    except FloatingPointError as error:
        return _keep(cell, out, {"nll": math.nan, "standard_error": math.nan, "n": len(test), "diverged": str(error)})
    seconds = time.perf_counter() - started
    if torch.distributed.is_available() and torch.distributed.is_initialized() and torch.distributed.get_rank() > 0:
        return None
    vae.save(model, folder / "model.pt")
    started = time.perf_counter()
    values = -evaluate(model, test, cell, folder / "evaluation.json", machine)
    return _keep(cell, out, {
        "nll": values.mean().item(), "standard_error": (values.std() / math.sqrt(len(values))).item(),
        "n": len(values), "curve": [float(f"{loss:.7g}") for loss in fitted.curve],
        "training_seconds": round(seconds, 2), "evaluation_seconds": round(time.perf_counter() - started, 2),
    })  # fmt: skip


def evaluate(model: vae.PoincareVAE, test: Tensor, cell: Cell, path: Path, machine: Machine) -> Tensor:
    """The importance-weighted log likelihood of each test row, (n,) float64; those in the file ``path`` are not redone.

    The file is replaced after each block of rows. The draws of a block follow from the cell's seed and the block.
    """
    setting = {"samples": cell.samples, "block": _BLOCK, "seed": cell.schedule.seed, "rows": len(test)}
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    values: list[float] = kept["values"] if kept.get("setting") == setting else []
    device = machine.device
    model = model.to(device).eval()
    options = {"disable": not machine.progress, "mininterval": 0.5 if sys.stderr.isatty() else 60.0}
    with tqdm(total=len(test), initial=len(values), desc=f"{cell.key}: likelihoods", unit="row", **options) as bar:
        for first in range(len(values), len(test), _BLOCK):
            seed = int(np.random.SeedSequence((cell.schedule.seed, first)).generate_state(1)[0])
            generator = torch.Generator(device).manual_seed(seed)
            rows = test[first : first + _BLOCK].to(device)
            values += vae.log_likelihood(model, rows, cell.samples, generator=generator).double().tolist()
            write_text(path, json.dumps({"setting": setting, "values": values}))
            bar.update(len(rows))
    return torch.tensor(values, dtype=torch.float64)


def _keep(cell: Cell, out: Path, found: dict[str, Any]) -> dict[str, Any]:
    result = {
        "name": cell.name, "row": cell.row, "column": cell.column, "variant": cell.variant,
        "seed": cell.schedule.seed, "published": cell.published, "samples": cell.samples,
        "config": cell.config.to_dict(), "schedule": asdict(cell.schedule), **found, **record.provenance(),
    }  # fmt: skip
    write_text(out / "cells" / f"{cell.key}.json", record.to_json(result))
    return result
