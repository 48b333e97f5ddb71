"""What a cell of a table asks of the model that it trains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Split:
    """Rows to train on, to score, and to choose the weights with; each (n, ...).

    An objective that needs no data has numbers of rows to train on, such as ``torch.arange(n)[:, None]``.
    """

    training: Tensor
    test: Tensor
    validation: Tensor | None = None


class Task(Protocol):
    """What is trained on which rows, and how it is scored."""

    @property
    def samples(self) -> int | None:
        """Draws of a likelihood's estimate; None where there are none."""
        ...

    def settings(self) -> dict[str, Any]:
        """All that tells this task from another, as what JSON can hold."""
        ...

    def data(self, seed: int) -> Split:
        """The rows of a seed."""
        ...

    def build(self, training: Tensor) -> nn.Module:
        """The initial model; torch's generator stands at the seed when this is called."""
        ...

    def objective(self, model: Any, rows: Tensor) -> Tensor:
        """What is maximised for each of rows (batch, ...), (batch,), in nats."""
        ...

    def log_prob(self, model: Any, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Log densities of test rows (n, ...), (n,), in nats; on the model's device, without gradient."""
        ...

    def metrics(self, model: Any, test: Tensor) -> dict[str, float]:
        """More figures of a finished model by their names, without gradient; torch's generator stands at the seed."""
        ...

    def save(self, model: Any, path: Path) -> None:
        """Keep the model in a file."""
        ...

    def load(self, path: Path) -> nn.Module:
        """The model that ``save`` kept; ValueError where it is of another task."""
        ...


@runtime_checkable
class Validated(Protocol):
    """What a task has besides whose data has rows for validation: see ``training.fit``."""

    @property
    def validate_every(self) -> int:
        """Epochs from one validation to the next."""
        ...

    @property
    def patience(self) -> int | None:
        """Validations in a row without improvement that end the training; None goes through all epochs."""
        ...

    def validate(self, model: Any, validation: Tensor) -> float:
        """What is better the lower it is; on the model's device, without gradient."""
        ...
