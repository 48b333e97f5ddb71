"""A chain of operations as one node of the graph, its first derivative by hand.

Where more is asked of it, a derivative of that derivative or a batch of gradients at once, the same function is written
out in operations that torch knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor
from torch._functorch import eager_transforms

from hyperdist.arrays.namespace import captured, forward_mode, transformed


def untransformed() -> bool:
    """Whether neither a trace, a CUDA graph, a transform of ``torch.func`` nor forward mode looks at what is worked
    out."""
    return not (transformed(torch) or forward_mode(torch) or captured(torch))


def in_dual_level() -> bool:
    """Whether the caller has opened a ``forward_ad.dual_level``, inside which ``torch.func.jvp`` is refused."""
    return forward_mode(torch) and eager_transforms.JVP_NESTING == 0


def nested_forward() -> bool:
    """Whether ``torch.func.jvp`` is inside of another one."""
    return eager_transforms.JVP_NESTING > 1


def first_derivative_only(*grads: Tensor) -> bool:
    """In a backward pass: whether a number is wanted for each input, along one gradient."""
    if torch.is_grad_enabled() or torch._C._are_functorch_transforms_active() or forward_mode(torch):
        return False
    # torch.autograd.grad(..., is_grads_batched=True)
    return not any(is_legacy_batchedtensor(grad) for grad in grads)


def differentiated(
    function: Callable[..., Any], inputs: Sequence[Tensor], grads: Any, wanted: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """Gradients of ``function(*inputs)`` along ``grads``, as functions of both; None for what is not wanted.

    They are partial derivatives: of inputs that depend on one another, as a centre's coordinates do on c, too.
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # Names of their own, beyond which the search for a gradient does not go.
        inputs = [value.view_as(value) for value in inputs]
        chosen = [value for value, use in zip(inputs, wanted, strict=True) if use]
        outputs = function(*inputs)
    found = iter(torch.autograd.grad(outputs, chosen, grads, create_graph=again, materialize_grads=True))
    return tuple(next(found) if use else None for use in wanted)


def narrowed(value: Tensor, given: Tensor) -> Tensor:
    """A gradient of broadcast inputs as that of the input ``given``."""
    return value.to(given.dtype).sum_to_size(given.shape)
