"""Which array functions serve these arrays.

Geometry and radial functions are written once, over the functions that NumPy, PyTorch and the array API
standard share under one name. This module finds them; it converts nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

Array = Any
"""A NumPy array, a torch tensor, or any array with ``__array_namespace__``."""


def namespace(*arrays: Array) -> Any:
    """The module whose functions accept these arrays; NumPy where all are Python scalars.

    A torch tensor anywhere decides for torch, so that a NumPy constant never hides a gradient.
    """
    found: Any = np
    for array in arrays:
        if type(array) is np.ndarray:
            continue
        if hasattr(array, "requires_grad"):
            return sys.modules["torch"]
        if hasattr(array, "__array_namespace__") and not isinstance(array, (np.ndarray, np.generic)):
            found = array.__array_namespace__()
    return found


def place(x: Array) -> dict[str, Any]:
    """Where to make an array beside x, as the keyword of a namespace's functions; a tracer of JAX knows no device."""
    return {"device": x.device} if hasattr(x, "device") else {}


def settled(mask: Array) -> bool | None:
    """Whether a mask holds everywhere (True) or nowhere (False), so that one branch serves; None where it is mixed.

    None too where looking would stop a device, a trace or a vmap: on an accelerator, while compiling or tracing, under
    ``torch.func``, and for arrays other than NumPy's and torch's. Callers then evaluate both branches.
    """
    if isinstance(mask, (np.ndarray, np.generic)):
        return _one_side(int(np.count_nonzero(mask)), mask.size)
    torch = sys.modules.get("torch")
    if torch is None or type(mask) is not torch.Tensor or mask.device.type != "cpu" or transformed(torch):
        return None
    return _one_side(int(torch.count_nonzero(mask)), mask.numel())


def _one_side(count: int, size: int) -> bool | None:
    return True if count == size else None if count else False


def constant(*arrays: Array) -> bool:
    """Whether no derivative in any of ``arrays`` can be asked for, in whatever mode.

    In reverse mode none is where gradients are off or the tensor takes none. Forward mode does not look at that: there
    a tensor carries a tangent, or belongs to a transform of ``torch.func``, which may differentiate it.
    """
    return all(_constant(array) for array in arrays)


def _constant(array: Array) -> bool:
    if isinstance(array, (np.ndarray, np.generic)):
        return True
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(array, torch.Tensor) or traced(torch):
        return False
    if torch.is_grad_enabled() and array.requires_grad:
        return False
    if transformed(torch) and torch._C._functorch.is_functorch_wrapped_tensor(array):
        return False
    return not (forward_mode(torch) and torch.autograd.forward_ad.unpack_dual(array).tangent is not None)


def values(array: Array) -> Array:
    """``array`` without its derivatives."""
    if hasattr(array, "detach"):
        return array.detach()
    jax = sys.modules.get("jax")
    return jax.lax.stop_gradient(array) if jax is not None and isinstance(array, jax.Array) else array


def transformed(torch: ModuleType) -> bool:
    """Whether torch is compiling, tracing, or inside a transform of ``torch.func``."""
    return traced(torch) or torch._C._are_functorch_transforms_active()


def traced(torch: ModuleType) -> bool:
    """Whether torch records operations to run them again, for its compiler or in a trace."""
    return torch.compiler.is_compiling() or recorded(torch)


def recorded(torch: ModuleType) -> bool:
    """Whether operations are recorded, to be run on other values (``torch.jit.trace``, ``make_fx``, ``torch.export``),
    or run on tensors that have none (``FakeTensorMode``): no value may be looked at, or leave for NumPy.

    A recording may be differentiated later, so that nothing in it is constant. It does not hold that gradients were
    off: what is to have none is detached.
    """
    if torch.compiler.is_dynamo_compiling():
        return False
    c = torch._C
    if c._get_tracing_state() is not None or c._dispatch_tls_is_dispatch_key_included(c.DispatchKey.PreDispatch):
        return True
    if not c._len_torch_dispatch_stack():
        return False
    kinds = c._TorchDispatchModeKey
    return any(c._get_dispatch_mode(kind) is not None for kind in (kinds.FAKE, kinds.PROXY, kinds.FUNCTIONAL))


class Table:
    """Constants that a formula carries, in the namespace, dtype and device of the arrays it works on.

    Kept for later calls once they are made there: what is copied from the host's memory stops an accelerator. A first
    call in a trace or in a transform of ``torch.func`` keeps none, nor does one while a CUDA graph is captured, where
    nothing can be copied: run the step once before, as every capture asks for.
    """

    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def beside(self, array: Array) -> Array:
        """The constants, of the shape they have, for formulas of ``array``."""
        xp = namespace(array)
        ours = xp is np
        if not ours and not (xp.__name__ == "torch" and plain(xp, array)):
            return self._made(xp, array)
        place = self, array.dtype, getattr(array, "device", None)
        if place in _KEPT:
            return _KEPT[place]
        if not ours and not lasting(xp):
            return self._made(xp, array)
        with nullcontext() if ours else xp.inference_mode(False):  # no graph takes a tensor of inference mode
            _KEPT[place] = self._made(xp, array)
        return _KEPT[place]

    def _made(self, xp: ModuleType, array: Array) -> Array:
        place = {"device": array.device} if hasattr(array, "device") else {}
        return xp.asarray(self._values, dtype=array.dtype, **place)


_KEPT: dict[tuple[Table, Any, Any], Array] = {}
"""Tables by dtype and device."""


def plain(torch: ModuleType, array: Array) -> bool:
    """Whether a tensor of an earlier call may meet this one: not in a trace, nor where its class has its own rules."""
    return type(array) in (torch.Tensor, torch.nn.Parameter) and not traced(torch)


def lasting(torch: ModuleType) -> bool:
    """Whether a tensor made now serves every later call: not in a trace or a transform of ``torch.func``, whose tensors
    end with it, under a ``TorchDispatchMode``, which may make its own, nor in a CUDA graph, which fills it later."""
    return not (transformed(torch) or torch._C._len_torch_dispatch_stack() or captured(torch))


def captured(torch: ModuleType) -> bool:
    """Whether a CUDA graph is being captured: it runs on other values later, and none may be looked at."""
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def forward_mode(torch: ModuleType) -> bool:
    """Whether derivatives are carried forward: by ``torch.func.jvp`` or in a ``forward_ad.dual_level``."""
    return torch.autograd.forward_ad._current_level >= 0


def written_out(torch: ModuleType) -> bool:
    """Whether a value with a derivative of its own has to be written out in operations that have it.

    Forward mode takes what a node's own rule returns for a constant, and a recording holds what the node's forward pass
    did, without its rule.
    """
    return forward_mode(torch) or recorded(torch)


def special(xp: ModuleType) -> ModuleType:
    """The special functions (``erf``, ``ndtri`` ...) that go with an array namespace."""
    if xp.__name__ == "torch":
        return xp.special
    return import_module("jax.scipy.special" if xp.__name__ == "jax.numpy" else "scipy.special")


def by_width(x: Array, double: float, single: float) -> float:
    """One of two constants, that for doubles, or that for arrays of single precision, which cannot hold the other."""
    return single if getattr(x.dtype, "itemsize", 8) == 4 else double


def repeated(step: Callable[..., tuple[Array, ...]], times: int, *state: Array) -> tuple[Array, ...]:
    """``state`` after ``times`` steps, each of which takes it apart and gives the next of the same shapes.

    Under JAX one loop of its own: written out, Newton's method on an integral takes its compiler minutes.
    """
    if namespace(*state).__name__ == "jax.numpy":
        return sys.modules["jax"].lax.fori_loop(0, times, lambda _, now: step(*now), state)
    for _ in range(times):
        state = step(*state)
    return state
