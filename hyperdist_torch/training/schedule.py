"""How long and how fast to train."""

from __future__ import annotations

import math
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from hyperdist import checks

DECAYS = ("none", "cosine")


@dataclass(frozen=True)
class Schedule:
    """Epochs, batches and the optimiser, which is Adam.

    Raises ValueError where a field is out of range, and TypeError where one that counts is no integer.

    >>> from hyperdist_torch.training import Schedule
    >>> schedule = Schedule(epochs=100, batch_size=128, learning_rate=1e-3, warmup=500)
    >>> schedule.rate(0, steps=10_000), schedule.rate(499, steps=10_000)
    (2e-06, 0.001)
    >>> longer = Schedule(epochs=200, batch_size=128, learning_rate=1e-3, warmup=500)
    >>> schedule.settings() == longer.settings()  # a run of the one may go on as the other
    True
    """

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int = 0
    drop_last: bool = False
    """Whether the rows of an incomplete last batch sit an epoch out."""
    warmup: int = 0
    """Steps of the optimiser over which the rate rises linearly: the first has 1/warmup of it, the last all of it."""
    decay: str = "none"
    """"cosine" takes the rate to 0 over all steps, warm-up included (Loshchilov & Hutter 2017, eq. 5, one period)."""
    average: float = 0.0
    """Decay of the moving average of the weights, which the trained model gets; 0 is the weights themselves."""
    amsgrad: bool = True
    """AMSGrad (Reddi et al. 2018), as Mathieu et al. 2019 train."""
    clip: float = 0.0
    """Largest norm of the gradient of all weights together; 0 is none."""

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("seed", 0), ("warmup", 0)):
            checks.dimension(getattr(self, name), name, least)
        if self.seed >= 2**63:
            raise ValueError(f"seed must be < 2^63, got {self.seed}")
        checks.positive(self.learning_rate, "learning_rate")
        checks.non_negative(self.clip, "clip")
        if not 0.0 <= self.average < 1.0:
            raise ValueError(f"average must be >= 0 and < 1, got {self.average!r}")
        checks.choice(self.decay, "decay", DECAYS)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0, of ``steps`` in all.

        >>> from hyperdist_torch.training import Schedule
        >>> [round(Schedule(1, 1, 1.0, warmup=2, decay="cosine").rate(step, 4), 3) for step in range(4)]
        [0.5, 0.854, 0.5, 0.146]
        """
        rate = self.learning_rate * (min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0)
        return rate * 0.5 * (1.0 + math.cos(math.pi * step / steps)) if self.decay == "cosine" else rate

    def settings(self) -> dict[str, Any]:
        """What must agree for one run to go on with the other; more epochs may follow where no rate depends on them."""
        values = asdict(self)
        epochs = values.pop("epochs")
        return values if self.decay == "none" else {**values, "epochs": epochs}


def defaults() -> dict[str, Any]:
    """Of the fields that have one: what the settings were of a run from before there was such a field."""
    return {field.name: field.default for field in fields(Schedule) if field.default is not MISSING}
