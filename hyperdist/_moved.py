"""Modules under their names before 0.2, each with a DeprecationWarning that tells the new one; they go in 0.3."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

MOVED = {
    "hyperdist.quadrature": "hyperdist.radial.quadrature",
    "hyperdist.rejection": "hyperdist.radial.rejection",
    "hyperdist.stable": "hyperdist.arrays.stable",
    "hyperdist.spaces.charts": "hyperdist.geometry.conversions",
    "hyperdist.spaces.frames": "hyperdist.geometry.vector_fields",
    **{
        f"hyperdist.spaces.{name}": f"hyperdist.geometry.{name}"
        for name in ("gyroplane", "horosphere", "klein", "lorentz", "poincare", "polar", "tangent")
    },
}


def _tell(old: str, new: str, stacklevel: int) -> None:
    warnings.warn(f"{old} is {new} since 0.2", DeprecationWarning, stacklevel=stacklevel + 1)


class _Alias:
    """A loader that gives the module of another name, as it is; no subclass of ``importlib.abc``, which costs 30 ms."""

    def __init__(self, target: str) -> None:
        self._target = target

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self._target)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put that of the alias there


class _Finder:
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in MOVED:
            return None
        _tell(fullname, MOVED[fullname], stacklevel=2)
        return ModuleSpec(fullname, cast(Any, _Alias(MOVED[fullname])))


def install() -> None:
    """Make the old names importable, once."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(cast(Any, _Finder()))


def functions_of(module: str, target: str) -> Callable[[str], Any]:
    """``__getattr__`` of a module whose functions are now those of ``target``."""

    def find(name: str) -> Any:
        if name.startswith("__") or not hasattr(import_module(target), name):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        _tell(f"{module}.{name}", f"{target}.{name}", stacklevel=2)
        return getattr(import_module(target), name)

    return find
