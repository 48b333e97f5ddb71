"""Solvers of dx/dt = f(t, x) on a space, with the integral of div f along the way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hyperdist import checks
from hyperdist_torch._host import holds, outside, unseen
from hyperdist_torch.fast.node import untransformed
from hyperdist_torch.flows._graph import leaves
from hyperdist_torch.flows.fields import FrameField, VectorField, check_continuous, velocity

_TABLEAUX: dict[str, tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]] = {
    "euler": ((), (1.0,)),
    "midpoint": (((0.5,),), (0.0, 1.0)),
    "rk4": (((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
}
"""Rows of an explicit Runge-Kutta method's matrix after the first, and its weights."""

_GREGORY = (-1 / 12, -1 / 24, -19 / 720, -3 / 160, -863 / 60480)
"""Corrections of the trapezoidal rule by end differences of order 1, 2, ... (Gregory 1670)."""


class SolverError(RuntimeError):
    """A solve that failed: the field is not finite, or too stiff for the steps allowed.

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> blow_up = flows.FunctionField(hd.Euclidean(1), lambda t, x: x**2)  # from 2 to infinity at time 1/2
    >>> flows.FixedGrid(20).solve(blow_up, torch.full((1, 1), 2.0), 0.0, 1.0, density=False)
    Traceback (most recent call last):
    hyperdist_torch.flows.solvers.SolverError: 1 of 1 points are not finite after 20 steps of rk4: ...
    """


@dataclass(frozen=True)
class Solution:
    """Where the points arrive, the integral of the divergence along each path, and how often the field was asked.

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> field = flows.FrameField(hd.Euclidean(1), hidden=4)
    >>> _ = torch.nn.init.ones_(field.network.output.bias)  # a unit of length a unit of time
    >>> solution = flows.FixedGrid(10).solve(field, torch.zeros(1, 1), 0.0, 1.0)
    >>> round(solution.x.item(), 6), solution.integral.item(), solution.evaluations  # four a step, and at the end
    (1.0, 0.0, 41)
    """

    x: Tensor
    integral: Tensor | None
    """(*batch), None where it was not wanted."""
    evaluations: int


@dataclass(frozen=True)
class FixedGrid:
    """A Runge-Kutta method on equal steps; each stage is retracted to the space.

    The derivative is that of the discrete map, by backpropagation. The divergence is asked for once a step, not once a
    stage: at the grid's points, whose values a rule of Gregory's integrates to the order of the method or better.
    That saves most of what a divergence costs: with Hutchinson's estimate a solve takes 5/4 of the bare field's time.

    steps      : >= 1, of the whole interval.
    method     : "rk4" (default), "midpoint" or "euler", of order 4, 2, 1.
    checkpoint : recompute each step in the backward pass: memory for one step's graph, for 4/3 of the time.

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> turn = flows.FunctionField(hd.Sphere(1), lambda t, x: torch.stack([-x[..., 1], x[..., 0]], -1))  # angle t
    >>> x = torch.tensor([[1.0, 0.0]])
    >>> fine = flows.FixedGrid(20).solve(turn, x, 0.0, 1.0, density=False)
    >>> coarse = flows.FixedGrid(20, "euler").solve(turn, x, 0.0, 1.0, density=False)
    >>> fine.x, coarse.evaluations  # cos 1, sin 1
    (tensor([[0.5403, 0.8415]]), 20)
    """

    steps: int = 20
    method: str = "rk4"
    checkpoint: bool = False

    def __post_init__(self) -> None:
        """ValueError where a field is out of range."""
        checks.dimension(self.steps, "steps")
        checks.choice(self.method, "method", tuple(_TABLEAUX))

    def solve(
        self, field: VectorField, x: Tensor, start: float, end: float, *, context: Tensor | None = None,
        noise: Tensor | None = None, density: bool = True,
    ) -> Solution:  # fmt: skip
        """From x (*batch, width) at time ``start`` to time ``end``; SolverError where a value is not finite."""
        step = (end - start) / self.steps
        times = torch.linspace(start, end, self.steps + 1, dtype=x.dtype, device=x.device)
        divergences: list[Tensor] = []
        check_continuous(field, times[0], x, context)

        def advance(t: Tensor, y: Tensor) -> tuple[Tensor, Tensor | None]:
            return self._step(field, t, y, step, context, noise, density)

        evaluations = self.steps * len(_TABLEAUX[self.method][1])
        # Transforms of torch.func do not take the hooks by which torch computes again.
        again = self.checkpoint and torch.is_grad_enabled() and (untransformed() or torch.compiler.is_compiling())
        for t in times[:-1]:
            if again:
                x, divergence = checkpoint(advance, t, x, use_reentrant=False)  # type: ignore[misc]
            else:
                x, divergence = advance(t, x)
            if divergence is not None:
                divergences.append(divergence)
        if density:
            divergences.append(field.with_divergence(times[-1], x, context, noise)[1])
            evaluations += 1
        _finite(x, f"after {self.steps} steps of {self.method}")
        integral = None
        if density:
            # filled in there, in runs of equal numbers: what is copied from the host stops a device
            runs = [(weight, len(list(run))) for weight, run in groupby(gregory(self.steps))]
            weights = torch.cat([x.new_full((length,), weight) for weight, length in runs])
            integral = step * torch.einsum("k,k...->...", weights, torch.stack(divergences))
        return Solution(x, integral, evaluations)

    def _step(
        self, field: VectorField, t: Tensor, x: Tensor, step: float, context: Tensor | None, noise: Tensor | None,
        density: bool,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        rows, weights = _TABLEAUX[self.method]
        divergence = None
        if density:
            first, divergence = field.with_divergence(t, x, context, noise)
        else:
            first = velocity(field, t, x, context)
        slopes = [first]
        for row in rows:
            stage = field.space.land(x + step * _combined(row, slopes))
            slopes.append(velocity(field, t + step * sum(row), stage, context))
        return field.space.land(x + step * _combined(weights, slopes)), divergence


def _combined(weights: tuple[float, ...], slopes: list[Tensor]) -> Tensor:
    terms = [weight * slope for weight, slope in zip(weights, slopes, strict=True) if weight]
    return sum(terms[1:], terms[0])


def gregory(steps: int) -> list[float]:
    """Weights of values at 0, 1, ..., ``steps`` in a rule for the integral over [0, steps], of order up to 7.

    The trapezoidal rule with Gregory's corrections by differences at both ends; up to order ``steps`` of them.

    >>> [round(6 * weight, 12) for weight in gregory(2)]
    [2.0, 8.0, 2.0]
    """
    weights = [0.5, *[1.0] * (steps - 1), 0.5]
    for order, coefficient in enumerate(_GREGORY[:steps], 1):
        for k in range(order + 1):
            term = coefficient * math.comb(order, k) * (-1.0) ** k
            weights[steps - k] += term
            weights[k] += term
    return weights


@dataclass(frozen=True)
class Adaptive:
    """An adaptive method of ``torchdiffeq``.

    rtol, atol : bounds of the estimated error of a step.
    method     : "dopri5" (default), "dopri8", "bosh3", "fehlberg2" or "adaptive_heun".
    adjoint    : gradients by a second solve backwards in time, in memory that does not grow with the steps
                 (Chen et al. 2018); otherwise by backpropagation through the steps. They reach all that the field
                 depends on at the start of the solve: parameters of modules, and tensors that a function's closure
                 holds, or those from which these were worked out. What enters later alone raises ValueError.
    max_evaluations : of the field in a solve; beyond, the solve is given up as too stiff. Without ``adjoint`` the graph
                 of all of them is kept: a wide network on many points can fill the memory before that.

    >>> import torch, hyperdist as hd
    >>> from hyperdist_torch import flows
    >>> decay = flows.FunctionField(hd.Euclidean(1), lambda t, x: -x)
    >>> flows.Adaptive(rtol=1e-6, atol=1e-6).solve(decay, torch.ones(1, 1), 0.0, 1.0, density=False).x  # 1/e
    tensor([[0.3679]])
    """

    rtol: float = 1e-5
    atol: float = 1e-5
    method: str = "dopri5"
    adjoint: bool = False
    max_evaluations: int = 1000

    def __post_init__(self) -> None:
        """ValueError where a field is out of range."""
        for name in ("rtol", "atol"):
            checks.positive(getattr(self, name), name)
        checks.choice(self.method, "method", ("dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun"))
        checks.dimension(self.max_evaluations, "max_evaluations")

    def solve(
        self, field: VectorField, x: Tensor, start: float, end: float, *, context: Tensor | None = None,
        noise: Tensor | None = None, density: bool = True,
    ) -> Solution:  # fmt: skip
        """From x (*batch, width) at time ``start`` to time ``end``; SolverError where the solve fails."""
        if unseen(x):
            raise SolverError(
                f"{self.method} takes steps that depend on values, which a trace has none of: FixedGrid serves"
            )
        if x.numel() == 0:  # no error to bound a step by
            return FixedGrid(1, "euler").solve(field, x, start, end, context=context, noise=noise, density=density)
        odeint = _torchdiffeq().odeint_adjoint if self.adjoint else _torchdiffeq().odeint
        system = _System(field, context, noise, density, self.max_evaluations)
        times = torch.tensor([start, end], dtype=x.dtype, device=x.device)
        check_continuous(field, times[0], x, context)
        options = {"adjoint_params": system.find_parameters(times[0], x)} if self.adjoint else {}
        state = (x, x.new_zeros(x.shape[:-1])) if density else (x,)
        try:
            found = odeint(system, state, times, rtol=self.rtol, atol=self.atol, method=self.method, **options)
        except AssertionError as error:
            # torchdiffeq asserts that a step is neither lost in rounding nor NaN.
            raise SolverError(
                f"{self.method} at rtol {self.rtol:g}, atol {self.atol:g} failed after {system.evaluations} calls "
                f"of the field, which is too stiff or not finite ({error})"
            ) from error
        if self.adjoint:
            for part in found:
                if part.requires_grad:
                    part.register_hook(system.count_anew)
        arrived = field.space.land(found[0][-1])
        _finite(arrived, f"after {system.evaluations} evaluations of {self.method}")
        return Solution(arrived, found[1][-1] if density else None, system.evaluations)


class _System(nn.Module):
    """(x, integral) -> (f, div f), with a count of the calls; a module, so that the adjoint finds its parameters."""

    def __init__(
        self, field: VectorField, context: Tensor | None, noise: Tensor | None, density: bool, most: int
    ) -> None:
        super().__init__()
        self.field, self.context, self.noise, self.density, self.most = field, context, noise, density, most
        self.evaluations = 0
        self._first: tuple[Tensor, ...] | None = None
        self._known: dict[int, Tensor] | None = None

    def find_parameters(self, t: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        """What the field depends on and has gradients, by a call of it that is the solve's first."""
        if not torch.is_grad_enabled():
            return ()
        slopes = self(t, (x.detach(),))
        self._first = tuple(slope.detach() for slope in slopes)
        given = [self.context] if self.context is not None and self.context.requires_grad else []
        own = {id(parameter): parameter for parameter in self.field.parameters() if parameter.requires_grad}
        found = own | leaves(slopes, given)
        behind = leaves(given)
        if behind.keys() & found.keys() - {id(tensor) for tensor in given}:
            # What the context depends on too would count twice, as itself and through the context.
            given, found = [], found | behind
        self._known = found | {id(tensor): tensor for tensor in given}
        return tuple(self._known.values())

    def _check_known(self, slopes: tuple[Tensor, ...], state: tuple[Tensor, ...], t: Tensor) -> None:
        """ValueError where on the way back the field depends on what it did not at the start."""
        assert self._known is not None
        given = [tensor for tensor in self._known.values() if tensor.grad_fn is not None]
        new = leaves(slopes, given).keys() - leaves((*state, t)).keys() - self._known.keys()
        if new:
            raise ValueError(
                f"with adjoint=True the field must depend on the same tensors at all times, got {len(new)} with "
                f"gradient at time {t.item():.6g} on which it did not depend at the start: let the function be an "
                "nn.Module that has them as parameters, or take adjoint=False"
            )

    def count_anew(self, _: Tensor) -> None:
        """The solve backwards in time may ask as often as the one before it."""
        self.evaluations = 0

    def forward(self, t: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        self.evaluations += 1
        if self.evaluations > self.most:
            raise SolverError(
                f"the field was asked {self.most} times (max_evaluations) and the time is {t.item():.6g}: it is too "
                "stiff for the tolerances; loosen them, allow more, or take a fixed grid"
            )
        x = self.field.space.retract(state[0])
        if self.density:
            slope: tuple[Tensor, ...] = self.field.with_divergence(t, x, self.context, self.noise)
        else:
            slope = (velocity(self.field, t, x, self.context),)
        _finite(slope[0], f"in evaluation {self.evaluations}", "velocities")
        if self._known is not None and torch.is_grad_enabled() and not isinstance(self.field, FrameField):
            self._check_known(slope, state, t)
        return slope


def _finite(x: Tensor, when: str, what: str = "points") -> None:
    if not holds(torch.isfinite(x.detach().sum())) and not holds(finite := torch.isfinite(x).all(dim=-1)):
        rows, of, _ = outside(finite, x)
        raise SolverError(
            f"{rows} of {of} {what} are not finite {when}: the field is not, or is too large for the "
            "steps (on the ball, a step that leaves it)"
        )


def _torchdiffeq() -> Any:
    try:
        import torchdiffeq
    except ImportError as error:
        raise ImportError("adaptive solvers need torchdiffeq: pip install 'hyperdist[experiments]'") from error
    return torchdiffeq


Solver = FixedGrid | Adaptive
