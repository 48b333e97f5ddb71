"""What is timed of flows: log_prob and its gradient over those of as many evaluations of the network; memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

import hyperdist_torch as ht
from hyperdist_torch import flows
from hyperdist_torch.flows.fields import draw_noise
from validation.contest import Contest
from validation.peak import peak_memory
from validation.record import ROOT, row

SEED = 6
LAYERS, HIDDEN, POINTS = 5, 512, 512
STEPS = 20
"""Of the fixed grid: the default."""
SPEED = 1.0
"""Root mean square of the field's velocities: points go a third of the way from pole to pole."""
TARGETS = {"rademacher": 1.3, "exact": 2.5}
"""Largest ratios on the fixed grid."""
RATE = "field evaluations a second"
TOLERANCES = (1e-3, 1e-6)
"""Of the adjoint solves whose memory is measured."""


def field() -> flows.FrameField:
    """The network of the Earth experiments on S^2, as if trained: its velocities are not 0, as they begin."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        made = flows.FrameField(flows.Sphere(2), hidden=HIDDEN, layers=LAYERS, activation="sine")
        nn.init.normal_(made.network.output.weight)
        x = points()
    with torch.no_grad():
        made.network.output.weight.mul_(SPEED / made(torch.tensor(0.5), x).square().sum(dim=-1).mean().sqrt())
    return made


def points() -> Tensor:
    """Uniform on the sphere."""
    return ht.SphericalUniform(2).sample((POINTS,), generator=torch.Generator().manual_seed(SEED))


def _gradient(made: flows.FrameField, solver: Any, divergence: str) -> Callable[[], None]:
    """The gradient of the mean log-likelihood."""
    q = flows.RiemannianCNF(ht.SphericalUniform(2), made, solver=solver, divergence=divergence)
    x, generator = points(), torch.Generator()

    def call() -> None:
        made.zero_grad()
        q.log_prob(x, generator=generator.manual_seed(SEED)).mean().backward()

    return call


def _network(made: flows.FrameField, evaluations: int) -> Callable[[], None]:
    """As many values of the network and their gradients, added up."""
    first = made.network.hidden[0]
    assert isinstance(first, nn.Linear)
    inputs = torch.randn(POINTS, first.in_features, generator=torch.Generator().manual_seed(SEED))

    def call() -> None:
        made.zero_grad()
        for _ in range(evaluations):
            made.network(inputs).sum().backward()

    return call


def _evaluations(made: flows.FrameField, solver: Any, divergence: str) -> int:
    noise = None if divergence == "exact" else draw_noise(
        made.space, points(), divergence, torch.Generator().manual_seed(SEED)
    )  # fmt: skip
    with torch.no_grad():
        return solver.solve(made, points(), 1.0, 0.0, noise=noise).evaluations


def contests() -> Iterator[Contest]:
    """Of a grid, with targets; of an adaptive solve through its steps, whose rejected steps have no way back."""
    made = field()
    for solver, name in ((flows.FixedGrid(STEPS), f"rk4 {STEPS} steps"), (flows.Adaptive(), "dopri5 at 1e-5")):
        for divergence, target in TARGETS.items():
            n = _evaluations(made, solver, divergence)
            yield Contest(
                f"flow on S^2, {name}, {divergence}: likelihood step", f"{n} network steps",
                _gradient(made, solver, divergence), _network(made, n),
                target if isinstance(solver, flows.FixedGrid) else None, share=0.2, work=(n, RATE),
            )  # fmt: skip


def memory(tolerances: Iterable[float] = TOLERANCES) -> list[dict[str, Any]]:
    """Rows with the peak memory of processes that take one gradient by an adjoint solve, and their evaluations."""
    rows = []
    for tolerance in tolerances:
        command = [sys.executable, "-m", "validation.timing_flows", json.dumps(tolerance)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        peak, evaluations = json.loads(done.stdout)
        name = f"flow on S^2, dopri5 at {tolerance:g}, adjoint, {evaluations} evaluations: likelihood step"
        rows.append(row(name, "peak memory, MiB", peak, n=1))
    return rows


def _adjoint_alone(tolerance: float) -> tuple[float, int]:
    made, solver = field(), flows.Adaptive(tolerance, tolerance, adjoint=True)
    _gradient(made, solver, "exact")()
    return peak_memory(), _evaluations(made, solver, "exact")


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(_adjoint_alone(json.loads(sys.argv[1]))))
