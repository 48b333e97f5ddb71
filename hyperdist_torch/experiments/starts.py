"""The best of several short starts: what a training comes to in the end often shows after a few epochs."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hyperdist_torch import training
from hyperdist_torch.training import Objective, Schedule

EPOCHS = 5
"""Of each start."""


@dataclass(frozen=True)
class Start:
    """The one that is gone on with, and what all came to."""

    model: nn.Module
    schedule: Schedule
    losses: dict[int, float]
    """By their seeds, the mean loss of the last epoch; NaN where it diverged."""


def best(
    build: Callable[[Tensor], nn.Module], rows: Tensor, objective: Objective, schedule: Schedule, count: int,
    folder: Path, **machine: Any,
) -> Start:  # fmt: skip
    """The start with the least training loss after ``EPOCHS``: ``training.fit`` goes on with it in ``folder``.

    The first has the schedule's seed, the others seeds that follow from it; the best one's training ends as it would
    had there been no others. Starts that are there already are kept. No test row is looked at.
    Raises  ValueError where the learning rate depends on the number of epochs; FloatingPointError where all diverge.
    """
    if schedule.decay != "none":
        raise ValueError(f"starts must have a rate that does not depend on the epochs, got decay {schedule.decay!r}")
    found: dict[int, tuple[float, int]] = {}
    for number in range(count):
        seed = schedule.seed if number == 0 else _seed(schedule.seed, number)
        short = replace(schedule, epochs=min(EPOCHS, schedule.epochs), seed=seed)
        try:
            fitted = training.fit(
                _built(build, rows, seed), rows, objective, short, folder / "starts" / str(number), resume=True,
                **machine,
            )  # fmt: skip
            found[seed] = fitted.curve[-1], number
        except FloatingPointError:
            found[seed] = math.inf, number
    loss, number = min(found.values())
    if not math.isfinite(loss):
        raise FloatingPointError(f"one start must stay finite, got {count} that did not")
    seed = next(seed for seed, at in found.items() if at[1] == number)
    if not (folder / "last.ckpt").exists():
        copy = folder / "starts" / "best.ckpt"
        shutil.copyfile(folder / "starts" / str(number) / "last.ckpt", copy)
        copy.replace(folder / "last.ckpt")
    losses = {seed: loss if math.isfinite(loss) else math.nan for seed, (loss, _) in found.items()}
    return Start(_built(build, rows, seed), replace(schedule, seed=seed), losses)


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence((seed, number)).generate_state(1)[0])


def _built(build: Callable[[Tensor], nn.Module], rows: Tensor, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return build(rows)
