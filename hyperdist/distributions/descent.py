"""Minima of many functions side by side, by BFGS."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from hyperdist.arrays.rows import column, dot

_STEPS = 200
_HALVINGS = 40
_ARMIJO = 1e-4
"""The part of the decrease that the slope promises which a step must keep (Nocedal and Wright 2006, section 3.1)."""
_DONE = 1e-20
"""Gain that ends the search: the square of the gradient in units of the scales."""
_SHOWN = 1e-10
"""Gain, over 1 + |value|, that rounding of the value never hides; less may be hidden where scales are far apart."""
_LONGER = 4.0
"""How much longer a step is than the last, where that was taken whole and its way has turned out to bend down."""
_LEAST = float(np.finfo(np.float64).tiny)
_EPS = float(np.finfo(np.float64).eps)


class Problem(Protocol):
    """Negative log likelihoods of several laws as functions of theta (laws, p), each least in its other parameters."""

    reach: float
    """The longest step in theta."""

    def evaluate(self, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(values, their gradients in theta, the best other parameters (laws, ...)) for the laws ``which``."""
        ...

    def metric(self, others: np.ndarray) -> np.ndarray:
        """Inverse Hessians, about, (laws, p, p): at the start, and anew where a way has turned out to bend down."""
        ...

    def check(self, theta: np.ndarray, others: np.ndarray) -> None:
        """Raise where a law has no minimum."""
        ...


def minimise(problem: Problem, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(theta (laws, p), the other parameters) of the minima downhill from theta (Nocedal and Wright 2006, alg. 6.1).

    Where the way bends down, as on the flat of a nearly uniform law, steps grow until it does not.

    A step whose gain the rounded value cannot show is taken as it is; a law is done when such steps stop shrinking.
    How small a gain that is, a search tells that has found no way down.
    """
    laws = len(theta)
    theta, active, hidden = np.array(theta), np.arange(laws), np.zeros(laws)
    value, gradient, others = problem.evaluate(theta, active)
    problem.check(theta, others)
    inverse = problem.metric(others)
    last, length = np.full(laws, np.inf), np.ones(laws)
    for _ in range(_STEPS):
        step = -np.einsum("bij,bj->bi", inverse[active], gradient[active])
        step *= column(np.minimum(1.0, problem.reach / np.maximum(np.sqrt(dot(step, step)), _LEAST)))
        promise = -dot(step, gradient[active])
        blind = promise <= np.maximum(hidden[active], 64.0 * _EPS * (1.0 + np.abs(value[active])))
        done = blind & ((promise >= last[active]) | (promise <= _DONE))
        last[active] = np.where(blind, promise, np.inf)
        active, step, promise, blind = active[~done], step[~done], promise[~done], blind[~done]
        if not active.size:
            return theta, others
        moved, new_value, new_gradient, new_others = _search(problem, theta, value, active, step, promise, blind)
        change, turn = moved - theta[active], new_gradient - gradient[active]
        stalled = ~blind & (new_value >= value[active]) & (promise <= _SHOWN * (1.0 + np.abs(value[active])))
        hidden[active] = np.where(stalled, promise, hidden[active])
        bent = ~blind & ~stalled & (dot(change, turn) <= 0.0)
        # What a gradient turns by over no way at all is rounding.
        inverse[active] = np.where(stalled[:, None, None], inverse[active], _update(inverse[active], change, turn))
        whole = np.all(change == (theta[active] + step) - theta[active], axis=-1)
        length[active] = np.where(bent & whole, _LONGER * length[active], 1.0)
        inverse[active[bent]] = length[active[bent], None, None] * problem.metric(new_others[bent])
        theta[active], value[active], gradient[active], others[active] = moved, new_value, new_gradient, new_others
        problem.check(theta, others)
    raise ValueError(f"the likelihood of {active.size} of {laws} laws did not reach its maximum in {_STEPS} steps")


def _search(
    problem: Any, theta: np.ndarray, value: np.ndarray, active: np.ndarray, step: np.ndarray, promise: np.ndarray,
    blind: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(theta, value, gradient, other parameters) after the first of step, step/2, ... that goes down far enough."""
    length = np.ones(len(active))
    moved = theta[active] + step
    found = list(problem.evaluate(moved, active))
    for _ in range(_HALVINGS):
        again = np.flatnonzero(~(blind | (found[0] <= value[active] - _ARMIJO * length * promise)))
        if not again.size:
            break
        length[again] *= 0.5
        moved[again] = theta[active[again]] + column(length[again]) * step[again]
        for whole, part in zip(found, problem.evaluate(moved[again], active[again]), strict=True):
            whole[again] = part
    return moved, found[0], found[1], found[2]


def _update(inverse: np.ndarray, change: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """The BFGS update of inverse Hessians (laws, d, d); none where the curvature along the step is not positive."""
    curvature = dot(change, turn)
    usable = curvature > _EPS * np.sqrt(dot(change, change) * dot(turn, turn))
    rho = np.where(usable, 1.0 / np.where(usable, curvature, 1.0), 0.0)
    turned = np.einsum("bij,bj->bi", inverse, turn)
    cross = change[:, :, None] * turned[:, None, :]
    square = rho * (1.0 + rho * dot(turn, turned))
    outer = change[:, :, None] * change[:, None, :]
    return inverse - rho[:, None, None] * (cross + np.swapaxes(cross, 1, 2)) + square[:, None, None] * outer
