"""Which array functions serve these arrays.

Geometry and radial functions are written once, over the functions that NumPy, PyTorch and the array API
standard share under one name. This module finds them; it converts nothing.
"""

from __future__ import annotations

import sys
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
        module = type(array).__module__.partition(".")[0]
        if module == "torch" or hasattr(array, "requires_grad"):
            return sys.modules["torch"]
        if hasattr(array, "__array_namespace__") and not isinstance(array, (np.ndarray, np.generic)):
            found = array.__array_namespace__()
    return found


def special(xp: Any) -> ModuleType:
    """The special functions (``erf``, ``ndtri`` ...) that go with an array namespace."""
    if xp.__name__ == "torch":
        return xp.special
    import scipy.special

    return scipy.special
