"""A function's first and second derivatives in every mode that torch has, and by differences of its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import jacfwd, jacrev

Function = Callable[[Tensor], Tensor]
"""x (n,) -> (m,), float64."""

forwards = partial(jacfwd, randomness="same")


def reverse(f: Function, x: Tensor) -> Tensor:
    """(m, n), a gradient for each number."""
    x = x.detach().requires_grad_()
    return torch.stack([torch.autograd.grad(y, x, retain_graph=True, materialize_grads=True)[0] for y in f(x)])


def batched(f: Function, x: Tensor) -> Tensor:
    """The gradients of all numbers at once."""
    x = x.detach().requires_grad_()
    y = f(x)
    return torch.autograd.grad(y, x, torch.eye(len(y), dtype=y.dtype), is_grads_batched=True, materialize_grads=True)[0]


def dual(f: Function, x: Tensor) -> Tensor:
    """A dual level for each coordinate."""
    return torch.stack([_along(f, x, e) for e in torch.eye(len(x), dtype=x.dtype)], dim=-1)


def _along(f: Function, x: Tensor, e: Tensor) -> Tensor:
    with forward_ad.dual_level():
        y, tangent = forward_ad.unpack_dual(f(forward_ad.make_dual(x, e)))
    return torch.zeros_like(y) if tangent is None else tangent


FIRST: dict[str, Callable[[Function, Tensor], Tensor]] = {
    "reverse": reverse,
    "batched": batched,
    "jacrev": lambda f, x: jacrev(f)(x),
    "jacfwd": lambda f, x: forwards(f)(x),
    "dual": dual,
}
"""Each gives the Jacobian (m, n)."""


def weights(y: Tensor) -> Tensor:
    """Of a sum in which no number cancels another, (m,)."""
    return torch.linspace(1.0, 1.7, len(y), dtype=y.dtype)


def total(f: Function) -> Function:
    """The sum of f's numbers with ``weights``, (1,)."""

    def summed(x: Tensor) -> Tensor:
        y = f(x)
        return (y * weights(y)).sum(dim=-1, keepdim=True)

    return summed


def gradient(f: Function, x: Tensor) -> Tensor:
    """(n,) of f (1,), differentiable."""
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_()
        # A linear function's gradient is a constant, which torch would refuse to differentiate.
        return torch.autograd.grad(f(x)[0], x, create_graph=True, materialize_grads=True)[0] + 0.0 * x


def forward_over_reverse(f: Function, x: Tensor) -> Tensor:
    """Gradients of dual numbers."""
    columns = []
    for e in torch.eye(len(x), dtype=x.dtype):
        with forward_ad.dual_level():
            at = forward_ad.make_dual(x.detach().requires_grad_(), e)
            (slope,) = torch.autograd.grad(f(at)[0], at, materialize_grads=True)
            tangent = forward_ad.unpack_dual(slope).tangent
            columns.append(torch.zeros_like(x) if tangent is None else tangent)
    return torch.stack(columns, dim=-1)


def reverse_over_forward(f: Function, x: Tensor) -> Tensor:
    """Gradients of tangents."""
    return reverse(lambda y: torch.cat([_along(f, y, e) for e in torch.eye(len(x), dtype=x.dtype)]), x)


SECOND: dict[str, Callable[[Function, Tensor], Tensor]] = {
    "reverse twice": lambda f, x: reverse(partial(gradient, f), x),
    "jacrev jacrev": lambda f, x: jacrev(jacrev(f))(x)[0],
    "jacfwd jacrev": lambda f, x: forwards(jacrev(f))(x)[0],
    "jacrev jacfwd": lambda f, x: jacrev(forwards(f))(x)[0],
    "jacfwd jacfwd": lambda f, x: forwards(forwards(f))(x)[0],
    "forward over reverse": forward_over_reverse,
    "reverse over forward": reverse_over_forward,
}
"""Each gives the Hessian (n, n) of f (1,)."""

QUICK = ("reverse twice", "jacfwd jacrev", "forward over reverse")
"""Those that do not differentiate what forward mode left."""

WITHOUT_GRAD = ("jacrev", "jacfwd", "dual", "jacrev jacrev", "jacfwd jacrev", "jacrev jacfwd", "jacfwd jacfwd")
"""Modes that ``no_grad`` around them does not switch off."""


def first(f: Function, x: Tensor) -> dict[str, Tensor]:
    """The Jacobian by each mode, with and without ``no_grad``."""
    found = {name: mode(f, x).detach() for name, mode in FIRST.items()}
    with torch.no_grad():
        return found | {f"{name}, no_grad": FIRST[name](f, x) for name in FIRST if name in WITHOUT_GRAD}


def second(f: Function, x: Tensor, names: Iterable[str] = ()) -> dict[str, Tensor]:
    """The Hessian by each mode, or by ``names``; under ``no_grad`` where that should be no matter."""
    found = {}
    for name in names or SECOND:
        with torch.set_grad_enabled(name not in WITHOUT_GRAD):
            found[name] = SECOND[name](f, x).detach()
    return found


def agree(f: Function, x: Tensor, tolerance: float = 1e-8, modes: Iterable[str] = ()) -> None:
    """On a plane through x all modes give one first and one second derivative, that of differences.

    modes : those of the second derivative; all of them by default.

    The plane lies along no coordinate, so that a derivative that is lost in any of them shows.
    Errors are relative to the largest derivative: sums of terms of that size are rounded.
    """
    directions = torch.sin(torch.arange(1.0, 2 * len(x) + 1, dtype=x.dtype)).reshape(len(x), 2)
    origin = torch.zeros(2, dtype=x.dtype)

    def plane(s: Tensor) -> Tensor:
        return f(x + directions @ s)

    compare(first(plane, origin), differences(plane, origin), tolerance)
    whole = total(plane)
    compare(second(whole, origin, modes), differences(partial(gradient, whole), origin), tolerance)


def compare(found: dict[str, Tensor], want: Tensor, tolerance: float) -> None:
    """All that was ``found`` is what is wanted."""
    scale = max(1.0, float(want.abs().max()))
    errors = {name: float((got - want).abs().max()) / scale for name, got in found.items()}
    wrong = {name: f"{error:.1e}" for name, error in errors.items() if not error <= tolerance}
    assert not wrong, f"off by {wrong} of {scale:.3g}"


_STEP = 2e-3
_WEIGHTS = (3 / 4, -3 / 20, 1 / 60)
"""Of f(x + k h), k = 1, 2, 3, in central differences of order 6."""


def differences(f: Function, x: Tensor) -> Tensor:
    """The Jacobian (m, n) from values, to some 1e-11 of the function's scale."""
    columns = []
    for e in torch.eye(len(x), dtype=x.dtype):
        parts = [w * (f(x + k * _STEP * e) - f(x - k * _STEP * e)) for k, w in enumerate(_WEIGHTS, 1)]
        columns.append(sum(parts[1:], parts[0]).detach() / _STEP)
    return torch.stack(columns, dim=-1)


def at_points(f: Function, x: Tensor, forward: bool = True) -> dict[str, tuple[Tensor, Tensor]]:
    """Jacobians (N, m, n), and Hessians (N, n, n) of the total, at points x (N, n).

    By reverse mode at each alone, where a kernel sees on which side of its switches it is, and by forward mode, for the
    Hessian over reverse, at all of them under ``vmap``, where it does not; without ``forward`` by the first alone.
    """

    whole = total(f)
    alone = [(reverse(f, v), reverse(partial(gradient, whole), v)) for v in x]
    found: dict[str, Any] = {"reverse": tuple(torch.stack(parts) for parts in zip(*alone, strict=True))}
    if forward:
        found["forward"] = (torch.vmap(jacfwd(f))(x), torch.vmap(jacfwd(jacrev(whole)))(x)[:, 0])
    return found
