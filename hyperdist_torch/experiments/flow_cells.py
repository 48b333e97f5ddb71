"""What the experiments with flows share: their task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from hyperdist import checks
from hyperdist_torch import flows
from hyperdist_torch.experiments.tasks import Split
from hyperdist_torch.flows.solvers import Solver

LIKELIHOOD, MATCHING, REVERSE_KL = "likelihood", "flow matching", "reverse KL"
LOSSES = (LIKELIHOOD, MATCHING, REVERSE_KL)


class Target(Protocol):
    """A known law."""

    @property
    def name(self) -> str:
        """Its family and parameters, in words."""
        ...

    def sample(self, n: int) -> Tensor:
        """n draws from torch's generator, (n, width)."""
        ...

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density at x (*batch, width), (*batch), in nats."""
        ...


Data = Callable[[int], Split]
"""Of a seed to its rows."""
Figures = Callable[[flows.Flow, Tensor], Mapping[str, float]]
"""Of a trained flow and the test rows to more figures by their names."""


def _none(flow: flows.Flow, test: Tensor) -> Mapping[str, float]:
    return {}


@dataclass(frozen=True)
class FlowTask:
    """A ``Flow`` and how it is trained and scored; see ``tasks.Task`` and ``tasks.Validated``.

    rows            points in the coordinates of the flow's space, (n, width); where ``target`` is given, the rows to
                    train on only count the draws of an epoch.
    loss            "likelihood", "flow matching" or "reverse KL", which needs the target.
    target          draws the points of every batch afresh.
    evaluation      the solver of test rows; None is the flow's own.
    validate_every, patience  see ``training.fit``; the score is the mean negative log-likelihood of validation rows,
                    by the solver ``validation`` (None is the flow's own).
    coupling        of flow matching.
    start           the file of a trained flow, whose weights this one begins with; None begins as the base.
    figures         more to measure, with the flow in evaluation mode and without gradient.
    """

    config: flows.FlowConfig
    rows: Data
    loss: str = LIKELIHOOD
    target: Target | None = None
    evaluation: Solver | None = None
    validation: Solver | None = None
    validate_every: int = 1
    patience: int | None = None
    coupling: int = 1
    start: Path | None = field(default=None, compare=False)
    figures: Figures = field(default=_none, compare=False)

    def __post_init__(self) -> None:
        """ValueError where the loss cannot be had."""
        checks.choice(self.loss, "loss", LOSSES)
        if self.loss == REVERSE_KL and self.target is None:
            raise ValueError("loss 'reverse KL' needs a target")
        if self.loss == MATCHING and self.config.kind != "riemannian":
            raise ValueError(f"loss 'flow matching' needs a flow of kind 'riemannian', got {self.config.kind!r}")

    @property
    def samples(self) -> None:
        """A flow's likelihood is no estimate from draws."""
        return

    def settings(self) -> dict[str, Any]:
        """The flow's configuration, the loss, the target, and the solver of the test rows."""
        solver = self.evaluation or self.config.make_solver()
        return {
            **self.config.to_dict(), "loss": self.loss, "coupling": self.coupling, "started": self.start is not None,
            "target": self.target and self.target.name,
            "evaluation": {"kind": type(solver).__name__, **asdict(solver)},
        }  # fmt: skip

    def data(self, seed: int) -> Split:
        """The rows of a seed."""
        return self.rows(seed)

    def build(self, training: Tensor) -> flows.Flow:
        """The flow at its start."""
        return flows.Flow(self.config) if self.start is None else flows.load(self.start)

    def objective(self, model: flows.Flow, rows: Tensor) -> Tensor:
        """Minus the loss of each row."""
        if self.loss == REVERSE_KL:
            assert self.target is not None
            x, log_prob = model.rsample_and_log_prob(len(rows))
            return self.target.log_prob(x) - log_prob
        if self.target is not None:
            with torch.no_grad():
                rows = self.target.sample(len(rows))
        return model.log_prob(rows) if self.loss == LIKELIHOOD else -self._matching(model, rows)

    def _matching(self, model: flows.Flow, rows: Tensor) -> Tensor:
        law = model()
        assert isinstance(law, flows.RiemannianCNF)
        return flows.flow_matching(law, rows, coupling=self.coupling, finest=self.config.finest)

    def validate(self, model: flows.Flow, validation: Tensor) -> float:
        """The mean negative log-likelihood."""
        return -float(self._log_prob(model, validation, self.validation).mean())

    def log_prob(self, model: flows.Flow, rows: Tensor, generator: torch.Generator) -> Tensor:
        """The log density of each row; exact whatever estimate of the divergence the training had."""
        return self._log_prob(model, rows, self.evaluation)

    def _log_prob(self, model: flows.Flow, rows: Tensor, solver: Solver | None) -> Tensor:
        return model.log_prob(rows, solver=solver, divergence="exact")

    def metrics(self, model: flows.Flow, test: Tensor) -> dict[str, float]:
        """The figures."""
        return dict(self.figures(model, test))

    def save(self, model: flows.Flow, path: Path) -> None:
        """See ``flows.save``."""
        flows.save(model, path)

    def load(self, path: Path) -> flows.Flow:
        """See ``flows.load``."""
        return flows.load(path, self.config)
