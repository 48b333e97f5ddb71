"""Training by several processes, as a program: Lightning starts it again for each further device."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from hyperdist_torch import training

SCHEDULE = training.Schedule(2, 7, 0.05, seed=4, clip=1.0)
ROWS = torch.linspace(-2.0, 3.0, 2 * 43, dtype=torch.float64).reshape(43, 2).square()
"""Batches of 7 split unevenly, and the last of an epoch, of one row, leaves a second device nothing."""


def objective(model: nn.Module, rows: Tensor) -> Tensor:
    """Minus a squared error, without draws."""
    return -(model(rows[:, :1])[:, 0] - rows[:, 1]).square()


def train(folder: Path, devices: int, strategy: str = "auto") -> tuple[training.Fitted, nn.Module]:
    """The model of a seed, trained."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    fitted = training.fit(
        model, ROWS, objective, SCHEDULE, folder, accelerator="cpu", devices=devices, strategy=strategy
    )
    return fitted, model


if __name__ == "__main__":
    fitted, model = train(Path(sys.argv[1]), 2, sys.argv[2])
    if training.leads(2):
        torch.save({"curve": list(fitted.curve), "state": model.state_dict()}, Path(sys.argv[1]) / "found.pt")
