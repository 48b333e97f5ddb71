"""The bar of a training run."""

from __future__ import annotations

import sys
from typing import Any, cast

import lightning as L
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm

from hyperdist_torch.training.module import Module


class Progress(Callback):
    """One bar over the steps of all epochs, with the last epoch's loss and score; a file gets a line a minute."""

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
        module = cast(Module, pl_module)
        last = f", loss {module.curve[-1]:.4f}" if module.curve else ""
        if module.selection is not None and module.selection.scores:
            last += f", score {module.selection.scores[-1]:.4f}, least {min(module.selection.scores):.4f}"
        self.bar.set_description(f"epoch {len(module.curve) + 1} of {trainer.max_epochs}{last}", refresh=False)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if hasattr(self, "bar"):
            self.bar.close()
