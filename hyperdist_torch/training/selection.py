"""The weights that did best on held-out rows, and when to stop looking for better ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from hyperdist import checks
from hyperdist_torch.training.batches import seed_of

Score = Callable[[Any], float]
"""Of a model, in its evaluation mode and without gradients, to what is better the lower it is."""


class Selection:
    """Scores of every ``every``-th epoch and the weights of the least.

    Every validation has the same draws: two scores differ by the weights alone.
    """

    def __init__(self, score: Score, every: int, patience: int | None, seed: int) -> None:
        self.score, self.every = score, checks.dimension(every, "validate_every")
        self.patience = None if patience is None else checks.dimension(patience, "patience")
        self.seed = seed_of(seed, 0, 0, 1)
        self.scores: list[float] = []
        self.best: dict[str, Tensor] | None = None

    @property
    def best_epoch(self) -> int | None:
        """The first with the least score, counted from 1."""
        return self.every * (1 + self.scores.index(min(self.scores))) if self.scores else None

    @property
    def stale(self) -> bool:
        """Whether as many validations in a row as ``patience`` brought no improvement."""
        if self.patience is None or not self.scores:
            return False
        return len(self.scores) - 1 - self.scores.index(min(self.scores)) >= self.patience

    def measure(self, model: nn.Module) -> float:
        """The model's score, which the caller hands to ``add``; FloatingPointError where it is NaN."""
        torch.manual_seed(self.seed)
        training = model.training
        model.eval()
        with torch.no_grad():
            score = float(self.score(model))
        model.train(training)
        if math.isnan(score):
            epoch = self.every * (1 + len(self.scores))
            raise FloatingPointError(f"the validation score must be a number, got {score} in epoch {epoch}")
        return score

    def add(self, score: float, model: nn.Module) -> None:
        """Note the score, and keep a copy of the weights where none was lower."""
        if not self.scores or score < min(self.scores):
            self.best = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
        self.scores.append(score)

    def settings(self) -> dict[str, Any]:
        """What must agree for one run to go on with the other."""
        return {"validate_every": self.every, "patience": self.patience}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"scores": list(self.scores), "best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` gave."""
        self.scores, self.best = list(state["scores"]), state["best"]
