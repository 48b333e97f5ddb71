"""The order of the rows and the seeds of the draws, from (seed, epoch) alone."""

from __future__ import annotations

from collections.abc import Iterator

import lightning as L
import numpy as np
import torch
from torch import Tensor

from hyperdist_torch.training.schedule import Schedule


def seed_of(*key: int) -> int:
    """A 64-bit seed from small numbers, such that no two keys are related."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Batches:
    """Indices of the rows of each batch, in an order that follows from (seed, epoch), as do all draws of the epoch."""

    def __init__(self, module: L.LightningModule, rows: int, schedule: Schedule) -> None:
        self.module, self.rows, self.schedule = module, rows, schedule

    @property
    def rows_an_epoch(self) -> int:
        size = self.schedule.batch_size
        return self.rows // size * size if self.schedule.drop_last else self.rows

    def __len__(self) -> int:
        return -(-self.rows_an_epoch // self.schedule.batch_size)

    def rows_of(self, number: int) -> int:
        """Rows of the batch of this number, on all devices together."""
        return min(self.schedule.batch_size, self.rows_an_epoch - number * self.schedule.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        # The body runs when the first batch is asked for; the optimiser's steps then tell the epoch.
        trainer, seed = self.module.trainer, self.schedule.seed
        epoch = self.module.global_step // len(self)
        order = torch.randperm(self.rows, generator=torch.Generator().manual_seed(seed_of(seed, epoch, 0)))
        torch.manual_seed(seed_of(seed, epoch, 1 + trainer.global_rank))
        for batch in order[: self.rows_an_epoch].split(self.schedule.batch_size):
            yield batch[trainer.global_rank :: trainer.world_size]
