"""Training with Lightning: the same numbers whether a run goes through or is killed and resumed, however often.

The order of the rows and every draw of an epoch follow from (seed, epoch) alone, and a checkpoint is written whole at
the ends of epochs; so what a resumed run repeats is exactly what was lost.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

try:
    import lightning as L
except ImportError as error:
    raise ImportError("hyperdist_torch.training needs Lightning: pip install 'hyperdist[experiments]'") from error
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from hyperdist_torch._files import whole

Objective = Callable[[Any, Tensor], Tensor]
"""Of a model and rows (batch, ...) to what is maximised for each, (batch,), in nats."""

_FORMAT = 1


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train: Adam with AMSGrad (Reddi et al. 2018), as Mathieu et al. 2019 train."""

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int = 0
    drop_last: bool = False
    """Whether the rows of an incomplete last batch sit an epoch out."""

    def __post_init__(self) -> None:
        """ValueError where a field is out of range."""
        for name in ("epochs", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)!r}")
        if self.seed < 0:
            raise ValueError(f"seed must be >= 0, got {self.seed!r}")


def fit(
    model: nn.Module, rows: Tensor, objective: Objective, schedule: Schedule, folder: Path, *,
    resume: bool = False, accelerator: str = "auto", devices: int | str = 1, progress: bool = False,
    checkpoint_every: int = 1,
) -> list[float]:  # fmt: skip
    """Train ``model`` in place to maximise the mean of ``objective`` over the rows.

    rows       (n, ...)  all of them are kept on the device, and batches are picked there.
    folder     gets last.ckpt at the end of every ``checkpoint_every``-th epoch and of the last, logs in csv/ and
               tensorboard/.
    resume     goes on from folder/last.ckpt where that exists. The numbers are then those of an uninterrupted run, on
               the same machine and with the same number of devices.
    accelerator, devices  those of ``lightning.Trainer``; the batch is shared out among the devices.
    returns    the mean loss, minus the objective, of each epoch from the first.
    Raises     ValueError where last.ckpt is damaged or of another run, FloatingPointError where the loss or a
               parameter is not finite.
    """
    module = _Module(model, rows, objective, schedule, folder / "last.ckpt", checkpoint_every)
    steps = len(module.batches)
    if steps == 0:
        raise ValueError(f"rows must be at least batch_size = {schedule.batch_size} where drop_last, got {len(rows)}")
    trainer = L.Trainer(
        accelerator=accelerator,
        devices=devices,
        max_epochs=schedule.epochs,
        logger=[CSVLogger(folder, name="csv"), TensorBoardLogger(folder, name="", version="tensorboard")],
        log_every_n_steps=module.log_every,
        callbacks=[_Progress(steps)] if progress else [],
        plugins=[_WholeCheckpoints()],
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
    )
    module.train()
    # The generators of the caller's process are left as they were.
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*", FutureWarning)  # Lightning 2.6 with torch 2.13
        try:
            trainer.fit(module, module.batches, ckpt_path=str(module.path) if resume and module.path.exists() else None)
        except (RuntimeError, ValueError) as error:
            # What parameters that are not finite lead to first depends on the objective: often its own error.
            if all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
                raise
            epoch = len(module.curve) + 1
            raise FloatingPointError(f"parameters must stay finite, got NaN or infinity in epoch {epoch}") from error
    return module.curve


class _Module(L.LightningModule):
    """A model, its rows on the device, and the loss of each epoch, which the checkpoint keeps."""

    rows: Tensor
    total: Tensor

    def __init__(
        self, model: nn.Module, rows: Tensor, objective: Objective, schedule: Schedule, path: Path, every: int
    ) -> None:
        super().__init__()
        self.model, self.objective, self.schedule = model, objective, schedule
        self.path, self.every = path, every
        self.batches = _Batches(self, len(rows))
        self.curve: list[float] = []
        self.log_every = min(50, max(1, len(self.batches)))
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("total", torch.zeros((), dtype=torch.float64), persistent=False)

    def training_step(self, index: Tensor) -> Tensor:  # type: ignore[override]
        loss = -self.objective(self.model, self.rows[index]).mean()
        self.total += loss.detach() * len(index)
        # A value of a step is read from the device only where it is logged.
        if (self.global_step + 1) % self.log_every == 0:
            self.log("loss", loss.detach())
        return loss

    def on_train_epoch_end(self) -> None:
        total = cast(Tensor, self.trainer.strategy.reduce(self.total.clone(), reduce_op="sum"))
        self.curve.append(total.item() / self.batches.rows_an_epoch)
        self.total.zero_()
        epoch = len(self.curve)
        if not np.isfinite(self.curve[-1]):
            raise FloatingPointError(f"the loss must stay finite, got {self.curve[-1]} in epoch {epoch}")
        self.log("epoch_loss", self.curve[-1], sync_dist=True)
        if epoch % self.every == 0 or epoch == self.schedule.epochs:
            self.trainer.save_checkpoint(self.path, weights_only=False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), lr=self.schedule.learning_rate, amsgrad=True, fused=True)

    def _settings(self) -> dict[str, Any]:
        """What must agree for a checkpoint to be of this run; more epochs may follow."""
        schedule = {name: value for name, value in asdict(self.schedule).items() if name != "epochs"}
        return {"format": _FORMAT, "rows": list(self.rows.shape), "model": repr(self.model), **schedule}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["hyperdist"] = {"settings": self._settings(), "curve": list(self.curve)}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        settings, found = self._settings(), checkpoint["hyperdist"]["settings"]
        for name, value in settings.items():
            if found.get(name) != value:
                raise ValueError(f"{self.path} must be of a run with {name} {value!r}, got {found.get(name)!r}")
        self.curve = list(checkpoint["hyperdist"]["curve"])


class _Batches:
    """Indices of the rows of each batch, in an order that follows from (seed, epoch), as do all draws of the epoch."""

    def __init__(self, module: _Module, rows: int) -> None:
        self.module, self.rows, self.schedule = module, rows, module.schedule

    @property
    def rows_an_epoch(self) -> int:
        size = self.schedule.batch_size
        return self.rows // size * size if self.schedule.drop_last else self.rows

    def __len__(self) -> int:
        return -(-self.rows_an_epoch // self.schedule.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        # The body runs when the first batch is asked for; the optimiser's steps then tell the epoch.
        trainer = self.module.trainer
        epoch = self.module.global_step // len(self)
        order = torch.randperm(self.rows, generator=torch.Generator().manual_seed(_seed(self.schedule.seed, epoch, 0)))
        torch.manual_seed(_seed(self.schedule.seed, epoch, 1 + trainer.global_rank))
        for batch in order[: self.rows_an_epoch].split(self.schedule.batch_size):
            yield batch[trainer.global_rank :: trainer.world_size]


def _seed(*key: int) -> int:
    """A 64-bit seed from small numbers, such that no two keys are related."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


class _Progress(Callback):
    """One bar over the steps of all epochs, with the last epoch's loss; a file gets a line a minute."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        interval = 0.5 if sys.stderr.isatty() else 60.0
        total = self.steps * cast(int, trainer.max_epochs)
        hidden = not trainer.is_global_zero
        self.bar = tqdm(total=total, initial=trainer.global_step, unit="step", mininterval=interval, disable=hidden)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.bar.update()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        curve = cast(_Module, pl_module).curve
        last = f", loss {curve[-1]:.4f}" if curve else ""
        self.bar.set_description(f"epoch {len(curve) + 1} of {trainer.max_epochs}{last}", refresh=False)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if hasattr(self, "bar"):
            self.bar.close()


class _WholeCheckpoints(CheckpointIO):
    """Checkpoints that a kill at any moment leaves old or new, never part of one.

    Lightning's own writes to the system's temporary folder and moves the file over, which copies it where that is
    another file system.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with whole(Path(path)) as file:
            torch.save(checkpoint, file)

    def load_checkpoint(  # type: ignore[override]
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        try:
            checkpoint = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError, ... for damaged files
            raise ValueError(f"{path} must be a whole checkpoint, got one that cannot be read: {error}") from error
        if "hyperdist" not in checkpoint:
            raise ValueError(f"{path} must be a checkpoint of hyperdist_torch.training, got keys {sorted(checkpoint)}")
        return checkpoint

    def remove_checkpoint(self, path: Any) -> None:
        os.unlink(path)
