"""What a fit of a mixture leaves to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Start:
    """How one start went.

    log_likelihood : (steps,) mean log-likelihood an observation, in nats, after each step that was not taken back; it
                     does not fall, but for the steps in ``revived``
    converged      : whether the last step, one of expectation-maximisation, gained less than tol
    reason         : why it ended
    revived        : steps before which a component that had lost all its observations was placed anew
    """

    log_likelihood: np.ndarray
    converged: bool
    reason: str
    revived: tuple[int, ...]

    def __repr__(self) -> str:
        steps = len(self.log_likelihood)
        last = f"{self.log_likelihood[-1]:.6g}" if steps else "nothing"
        return f"Start({last} nats after {steps} steps, converged={self.converged}: {self.reason})"


@dataclass(frozen=True)
class Record:
    """Every start of a fit, in the order in which they ended, and which of them was the best."""

    starts: tuple[Start, ...]
    best: int

    def __repr__(self) -> str:
        """A few lines: the best start, and how the others ended."""
        ends = sorted((float(s.log_likelihood[-1]) for s in self.starts if len(s.log_likelihood)), reverse=True)
        near = sum(self.log_likelihood - value < 1e-6 for value in ends)
        failed = len(self.starts) - sum(start.converged for start in self.starts)
        return (
            f"Record of {len(self.starts)} starts: {near} within 1e-6 nats an observation of the best, {failed} not "
            f"converged\n  best, start {self.best}: {self.starts[self.best]!r}"
        )

    @property
    def log_likelihood(self) -> float:
        """Mean log-likelihood an observation of the fitted mixture, in nats."""
        return float(self.starts[self.best].log_likelihood[-1])

    @property
    def converged(self) -> bool:
        """Whether the best start converged."""
        return self.starts[self.best].converged

    @property
    def iterations(self) -> int:
        """Steps of the best start that were not taken back."""
        return len(self.starts[self.best].log_likelihood)
