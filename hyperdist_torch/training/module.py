"""What Lightning trains: a model, its rows, and all that a checkpoint keeps of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hyperdist_torch.training.batches import Batches
from hyperdist_torch.training.schedule import Schedule, defaults
from hyperdist_torch.training.selection import Selection

Objective = Callable[[Any, Tensor], Tensor]
"""Of a model and rows (batch, ...) to what is maximised for each, (batch,), in nats."""

_FORMAT = 1


def _differing(wanted: Any, got: Any) -> tuple[Any, Any]:
    """What to show of two values that differ: of texts of many lines, such as models, the first line that does."""
    if not (isinstance(wanted, str) and isinstance(got, str)):
        return wanted, got
    lines = zip_longest(wanted.splitlines(), got.splitlines(), fillvalue="")
    return next(((one.strip(), other.strip()) for one, other in lines if one != other), (wanted, got))


class Module(L.LightningModule):
    """A model, its rows on the device, and the loss of each epoch, which the checkpoint keeps."""

    rows: Tensor
    total: Tensor

    def __init__(
        self, model: nn.Module, rows: Tensor, objective: Objective, schedule: Schedule, path: Path, every: int,
        selection: Selection | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.model, self.objective, self.schedule = model, objective, schedule
        self.path, self.every, self.selection = path, every, selection
        self.batches = Batches(self, len(rows), schedule)
        self.curve: list[float] = []
        self._started = time.perf_counter()
        self.log_every = min(50, max(1, len(self.batches)))
        self.averaged = None
        if schedule.average:
            self.averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(schedule.average))
            self.averaged.requires_grad_(False)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("total", torch.zeros((), dtype=torch.float64), persistent=False)
        # DistributedDataParallel would give every device the first one's at each step: its share of the loss as well.
        self._ddp_params_and_buffers_to_ignore = ["rows", "total"]

    @property
    def candidate(self) -> nn.Module:
        """The model as it would come out now: with the averaged weights where they are averaged."""
        return self.model if self.averaged is None else self.averaged.module

    @property
    def seconds(self) -> float:
        """Of training, those of the runs that this one goes on with included."""
        return time.perf_counter() - self._started

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        rate = self.schedule.rate(self.global_step, len(self.batches) * self.schedule.epochs)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def training_step(self, index: Tensor, batch_idx: int) -> Tensor:  # type: ignore[override]
        if not len(index):  # more devices than the batch has rows
            return torch.stack([0.0 * parameter.sum() for parameter in self.model.parameters()]).sum()
        loss = -self.objective(self.model, self.rows[index]).mean()
        self.total += loss.detach() * len(index)
        if self.trainer.world_size > 1:  # whose gradients are averaged, each with the same weight
            loss = loss * (len(index) * self.trainer.world_size / self.batches.rows_of(batch_idx))
        # A value of a step is read from the device only where it is logged.
        if (self.global_step + 1) % self.log_every == 0:
            self.log("loss", loss.detach())
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)

    def on_train_epoch_end(self) -> None:
        total = cast(Tensor, self.trainer.strategy.reduce(self.total.clone(), reduce_op="sum"))
        self.curve.append(total.item() / self.batches.rows_an_epoch)
        self.total.zero_()
        epoch = len(self.curve)
        if not np.isfinite(self.curve[-1]):
            raise FloatingPointError(f"the loss must stay finite, got {self.curve[-1]} in epoch {epoch}")
        self.log("epoch_loss", self.curve[-1], sync_dist=True)
        if self.selection is not None and epoch % self.selection.every == 0:
            self._validate(self.selection)
        if epoch % self.every == 0 or epoch == self.schedule.epochs or self.trainer.should_stop:
            self.trainer.save_checkpoint(self.path, weights_only=False)

    def _validate(self, selection: Selection) -> None:
        """One score for all devices, the first one's, so that they stop together."""
        score = self.trainer.strategy.broadcast(selection.measure(self.candidate))
        selection.add(score, self.candidate)
        self.log("score", score, sync_dist=True)
        self.trainer.should_stop = selection.stale

    def configure_optimizers(self) -> torch.optim.Optimizer:
        schedule = self.schedule
        return torch.optim.Adam(
            self.model.parameters(), lr=schedule.learning_rate, amsgrad=schedule.amsgrad, fused=True
        )

    def _settings(self) -> dict[str, Any]:
        """What must agree for a checkpoint to be of this run."""
        selected = {} if self.selection is None else self.selection.settings()
        return {
            "format": _FORMAT, "rows": list(self.rows.shape), "model": repr(self.model), **self.schedule.settings(),
            "validate_every": None, "patience": None, **selected,
        }  # fmt: skip

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        selected = None if self.selection is None else self.selection.state()
        checkpoint["hyperdist"] = {
            "settings": self._settings(), "curve": list(self.curve), "selected": selected, "seconds": self.seconds,
        }  # fmt: skip

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        kept = checkpoint["hyperdist"]
        settings, found = self._settings(), {**defaults(), **kept["settings"]}
        for name, value in settings.items():
            if found.get(name) != value:
                wanted, got = _differing(value, found.get(name))
                raise ValueError(f"{self.path} must be of a run with {name} {wanted!r}, got {got!r}")
        self.curve = list(kept["curve"])
        self._started -= kept.get("seconds", 0.0)
        if self.selection is not None:
            self.selection.restore(kept["selected"])
            self.trainer.should_stop = self.selection.stale

    def finish(self) -> None:
        """Put the weights that come out into the model."""
        best = None if self.selection is None else self.selection.best
        if best is not None:
            self.model.load_state_dict(best)
        elif self.averaged is not None:
            self.model.load_state_dict(self.averaged.module.state_dict())
