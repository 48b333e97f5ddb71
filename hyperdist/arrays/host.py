"""What depends on where arrays live: making one like another, looking at values, keeping warnings and graphs away.

Values cannot be looked at in a trace, a compiler, a CUDA graph, or in tensors that have none, and never in a tracer of
JAX. What asks for them gets "nothing found" there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from types import ModuleType
from typing import Any

import numpy as np

from hyperdist.arrays.namespace import Array, captured, namespace, recorded
from hyperdist.arrays.types import DTypeLike


def plain(*arrays: Array) -> bool:
    """Whether NumPy serves these."""
    return namespace(*arrays) is np


def quiet(*arrays: Array) -> AbstractContextManager[Any]:
    """Without NumPy's warnings: some limits come by way of infinities."""
    return np.errstate(all="ignore") if plain(*arrays) else nullcontext()


def looking(*arrays: Array) -> AbstractContextManager[Any]:
    """``quiet``, for what only looks at values: without a graph of torch."""
    xp = namespace(*arrays)
    if xp is np:
        return np.errstate(all="ignore")
    return xp.no_grad() if xp.__name__ == "torch" else nullcontext()


def cast(array: Array, dtype: DTypeLike) -> Array:
    """The array in another dtype of its namespace."""
    xp = namespace(array)
    if xp is np:
        return array.astype(dtype, copy=False)
    return array.to(dtype) if xp.__name__ == "torch" else xp.astype(array, dtype)


def common(*arrays: Array) -> Any:
    """The dtype to which arrays of one namespace promote, whatever their shapes."""
    xp = namespace(*arrays)
    if xp is np:
        return np.result_type(*arrays)
    promote = xp.promote_types if xp.__name__ == "torch" else xp.result_type
    return reduce(promote, (array.dtype for array in arrays))


def made(array: np.ndarray, dtype: DTypeLike, like: Array) -> Array:
    """A NumPy array as one of the namespace, and on the device, of ``like``."""
    xp = namespace(like)
    if xp is np:
        return array.astype(dtype)
    if xp.__name__ != "torch":
        return xp.asarray(array, dtype=dtype)
    if array.ndim == 0:  # nothing has to be carried to the device
        return xp.full((), float(array), dtype=dtype, device=like.device)
    return xp.tensor(array, dtype=dtype, device=like.device)


def like(array: Array, x: Array) -> Array:
    """A parameter in the namespace, dtype and device of x; gradients flow to a tensor."""
    if isinstance(array, np.ndarray):
        return array.astype(x.dtype) if isinstance(x, np.ndarray) else made(array, x.dtype, x)
    xp = namespace(array)
    return array.to(dtype=x.dtype, device=x.device) if xp.__name__ == "torch" else xp.astype(array, x.dtype)


def kind(x: Array) -> str:
    """The name of the dtype without that of its namespace, as in "float32"."""
    return str(x.dtype).rpartition(".")[2]


def eps(x: Array) -> float:
    """Machine epsilon of the dtype of x."""
    return float((np if isinstance(x, np.ndarray) else namespace(x)).finfo(x.dtype).eps)


def found(mask: Array) -> bool:
    """Whether a mask is True anywhere, in a vmap anywhere in its batch; False where nobody can look."""
    if isinstance(mask, (np.ndarray, np.generic)):
        return bool(mask.any())
    if hidden(mask):
        return False
    xp = namespace(mask)
    return not xp._is_all_true(~mask) if xp.__name__ == "torch" else bool(xp.any(mask))


def hidden(*arrays: Array) -> bool:
    """Whether the value of one of these cannot be looked at."""
    if plain(*arrays):
        return False
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and any(isinstance(array, torch.Tensor) for array in arrays):
        return torch.compiler.is_compiling() or unseen(*arrays)
    return jax is not None and any(isinstance(array, jax.core.Tracer) for array in arrays)


def unseen(*arrays: Array) -> bool:
    """``hidden`` of tensors, without the compiler, which may stop at a value and go on."""
    torch: Any = sys.modules["torch"]
    exporting = getattr(torch.compiler, "is_exporting", bool)
    return recorded(torch) or captured(torch) or exporting() or any(_valueless(torch, array) for array in arrays)


def _valueless(torch: ModuleType, x: Array) -> bool:
    if type(x) is torch.Tensor:
        return x.is_meta
    fake = sys.modules.get("torch._subclasses.fake_tensor")
    return fake is not None and isinstance(x, fake.FakeTensor)


def in_functorch(torch: ModuleType) -> bool:
    """Whether a transform of ``torch.func`` is under way; the compiler has taken it apart before it asks."""
    return not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active()


def seen(x: Array) -> Any:
    """The values of a tensor that a transform of ``torch.func`` works on; the batch of a vmap comes first."""
    torch: Any = sys.modules["torch"]
    if not in_functorch(torch):
        return x.detach()
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(x):
        axis = functorch.maybe_get_bdim(x)
        x = functorch.get_unwrapped(x)
        x = x if axis < 0 else x.movedim(axis, 0)
    return x.detach()


def numbers(x: Array) -> np.ndarray:
    """The values as a NumPy array, for messages and for what is worked out on the host."""
    if isinstance(x, (np.ndarray, np.generic)):
        return np.asarray(x)
    if hasattr(x, "requires_grad"):
        found = seen(x).cpu()
        # Inside a transform what is detached is wrapped too, and has no memory of its own to share.
        wrapped = in_functorch(sys.modules["torch"])
        return np.asarray(found.tolist(), str(found.dtype).rpartition(".")[2]) if wrapped else found.numpy()
    return np.asarray(getattr(x, "_array", x))  # that of array_api_strict is a NumPy array


def bare(x: Array) -> Any:
    """A NumPy array without axes as a scalar; other arrays as they are."""
    return x[()] if isinstance(x, np.ndarray) else x


def shape(x: Array) -> tuple[int, ...]:
    """The shape as messages show it."""
    return tuple(x.shape)


def batches(arrays: Iterable[tuple[str, Array]]) -> dict[str, tuple[int, ...]]:
    """Batch shapes of named rows."""
    return {name: shape(array)[:-1] for name, array in arrays}
