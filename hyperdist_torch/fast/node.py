"""A chain of operations as one node of the graph, its first derivative by hand: what every twin is.

Where more is asked of it, a derivative of that derivative or a batch of gradients at once, the same function is written
out in operations that torch knows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor
from torch._functorch import eager_transforms

from hyperdist.arrays.namespace import captured, constant, forward_mode, transformed
from hyperdist_torch._host import Array, bare, known_signature, plainly, tensor

State = TypeVar("State")

_on = ContextVar("fast twins", default=True)


@contextmanager
def off() -> Iterator[None]:
    """Without twins: every chain as the operations that it is made of.

    >>> import torch, hyperdist_torch as ht
    >>> from hyperdist_torch import fast
    >>> x = torch.tensor([0.2, 0.1], requires_grad=True)
    >>> law = ht.RiemannianNormal(torch.zeros(2), 1.0)
    >>> slope = torch.autograd.grad(law.log_prob(x), x)[0]
    >>> with fast.off():
    ...     torch.allclose(torch.autograd.grad(law.log_prob(x), x)[0], slope)
    True
    """
    token = _on.set(False)
    try:
        yield
    finally:
        _on.reset(token)


class Twin(ABC, Generic[State]):
    """A differentiable function of tensors whose value and first derivative are worked out by hand where that serves.

    ``State`` is what both have in common. All but ``generic`` work on ``bare`` values: NumPy arrays on a CPU, else
    tensors without a graph.
    """

    @abstractmethod
    def generic(self, *inputs: Tensor) -> Any:
        """The same function in operations of torch, for all inputs and derivatives."""

    def serves(self, *inputs: Tensor) -> bool:
        """Whether the twin may be tried, by what is told without a look at values."""
        return True

    @abstractmethod
    def solve(self, *inputs: Array) -> State | None:
        """What value and derivative have in common; None where the twin does not serve."""

    @abstractmethod
    def value(self, state: State, *, followed: bool) -> tuple[Array, ...]:
        """The outputs; ``followed`` says that ``pull_back`` may come."""

    @abstractmethod
    def pull_back(
        self, state: State, inputs: Sequence[Array], outputs: Sequence[Array], grads: Sequence[Array],
        wanted: Sequence[bool],
    ) -> Sequence[Array | None]:  # fmt: skip
        """Gradients in the inputs, of those that are wanted at least, from those in the outputs."""

    def solved(self, *inputs: Tensor) -> State | None:
        """``solve`` of tensors; None where the twin does not serve, is off, or more than gradients may be asked for."""
        if not (twins() and self.serves(*inputs)):
            return None
        return _solve(self, inputs)

    def follow(self, state: State, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The outputs, of the first input's dtype, with their gradients in the inputs."""
        if constant(*inputs):
            return _value(self, state, inputs[0].dtype, False)
        return _Node.apply(self, state, *inputs)  # type: ignore[return-value]

    def __call__(self, *inputs: Tensor) -> Any:
        """The function of tensors: one tensor, or a tuple as ``generic`` gives it."""
        state = self.solved(*inputs)
        if state is None:
            return self.generic(*inputs)
        outputs = self.follow(state, *inputs)
        return outputs[0] if len(outputs) == 1 else outputs


@plainly
def _solve(twin: Twin[State], inputs: Sequence[Tensor]) -> State | None:
    return twin.solve(*map(bare, inputs))


@plainly
def _value(twin: Twin[State], state: State, dtype: torch.dtype, followed: bool) -> tuple[Tensor, ...]:
    return tuple(tensor(value).to(dtype) for value in twin.value(state, followed=followed))


@plainly
def _pull_back(
    twin: Twin[State], state: State, inputs: Sequence[Tensor], outputs: Sequence[Tensor], grads: Sequence[Tensor],
    wanted: Sequence[bool],
) -> tuple[Tensor | None, ...]:  # fmt: skip
    given, made, along = (tuple(map(bare, values)) for values in (inputs, outputs, grads))
    found = twin.pull_back(state, given, made, along, wanted)
    return tuple(
        narrowed(tensor(value), given) if use and value is not None else None
        for value, given, use in zip(found, inputs, wanted, strict=True)
    )


class _Node(torch.autograd.Function):
    """The one node of the graph of all twins."""

    @staticmethod
    @known_signature
    def forward(ctx: Any, twin: Twin[Any], state: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = _value(twin, state, inputs[0].dtype, True)
        ctx.twin, ctx.state = twin, state
        ctx.save_for_backward(*inputs, *outputs)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        wanted = ctx.needs_input_grad[2:]
        inputs, outputs = ctx.saved_tensors[: len(wanted)], ctx.saved_tensors[len(wanted) :]
        if first_derivative_only(*grads):
            return None, None, *_pull_back(ctx.twin, ctx.state, inputs, outputs, grads, wanted)
        return None, None, *differentiated(ctx.twin.generic, inputs, grads, wanted)


def twins() -> bool:
    """Whether derivatives by hand serve: they are on, and more than gradients cannot be asked for."""
    return untransformed() and _on.get()  # a compiler cannot ask the switch


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
    function: Callable[..., Any], inputs: Sequence[Tensor], grads: Sequence[Tensor], wanted: Sequence[bool]
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
