"""Every public class, function and method has an example, which pytest runs as a doctest.

A class has its own. A method or property has one in its docstring, or in the docstring it inherits, or is used in the
example of a class: of that by which a user reaches it, of the one that defines it, or of one between the two. What a
package only passes on (of torch, NumPy or the standard library) is not asked, nor is data, as the fields of a tuple.
An example that is copied into a shell runs there: it imports what it names.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import functools
import inspect
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

import hyperdist

OURS = ("hyperdist", "hyperdist_torch")
CORE = ("hyperdist", "hyperdist.spaces", *(f"hyperdist.{name}" for name in hyperdist._ON_DEMAND))
TORCH = tuple(
    f"hyperdist_torch{name}"
    for name in ("", ".constraints", ".datasets", ".fast", ".flows", ".nn", ".pyro", ".training", ".transforms", ".vae")
)
NEEDS = {
    "hyperdist.distributed": "dask", "hyperdist.plot": "matplotlib", "hyperdist_torch.pyro": "pyro",
    "hyperdist_torch.training": "lightning",
}  # fmt: skip
"""What a module cannot be imported without."""
CALLED = "forward"
"""The method that runs when a layer is called."""
HOOKS = (
    "arg_constraints", "extra_repr", "forward_shape", "get_extra_state", "inverse_shape", "kernels", "set_extra_state",
    "summary", "with_cache",
)  # fmt: skip
"""What torch, a divergence or a space's own methods ask of a class, and no user calls."""


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The classes and functions that a module offers, by name."""
    here = [name for name, found in vars(module).items() if getattr(found, "__module__", None) == module.__name__]
    for name in getattr(module, "__all__", here):
        if name.startswith("_"):
            continue
        found = getattr(module, name)
        if (inspect.isclass(found) or inspect.isfunction(found)) and ours(found):
            yield name, found


def nodes_of(docstring: str | None) -> list[ast.AST]:
    """The syntax of a docstring's examples, in their order."""
    examples = doctest.DocTestParser().get_examples(docstring or "")
    return [node for example in examples for node in ast.walk(ast.parse(example.source))]


@functools.cache
def used(docstring: str | None) -> frozenset[str]:
    """The names of attributes that a docstring's examples use, as ``sample`` of ``law.sample((3,))``."""
    nodes = nodes_of(docstring)
    found = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    made = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Call) and (isinstance(node.func, ast.Call) or getattr(node.func, "id", None) in made):
            found.add(CALLED)  # Layer(3, 4)(x), or layer(x) where the example has made it
    return frozenset(found)


def unknown(docstring: str | None) -> set[str]:
    """Names that a docstring's examples use and have not made: those of the module that they stand in."""
    made, taken = set(dir(builtins)), set()
    for node in nodes_of(docstring):
        if isinstance(node, ast.Name):
            (made if isinstance(node.ctx, ast.Store) else taken).add(node.id)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
    return taken - made


def shown(docstring: str | None) -> bool:
    """Whether a docstring has an example."""
    return bool(doctest.DocTestParser().get_examples(docstring or ""))


def ours(found: Any) -> bool:
    return found.__module__.split(".")[0] in OURS


def members(cls: type) -> Iterator[tuple[str, type]]:
    """Public methods and properties of a class that our packages define, and the class that documents each."""
    kinds = (staticmethod, classmethod, property, functools.cached_property)
    for name in dir(cls):
        owners = [base for base in cls.__mro__ if name in vars(base)]
        if name.startswith("_") or name in HOOKS or not owners or not ours(owners[0]):
            continue
        member = vars(owners[0])[name]
        if inspect.isfunction(member) or isinstance(member, kinds):
            yield name, next((base for base in owners if ours(base) and vars(base)[name].__doc__), owners[0])


def audit(module: ModuleType) -> tuple[set[str], dict[str, list[str]]]:
    """All that is asked for an example, by its full name; what lacks one, with the classes by which users reach it."""
    asked: set[str] = set()
    lacking: dict[str, list[str]] = {}
    for _, found in public(module):
        asked.add(full := f"{found.__module__}.{found.__qualname__}")
        if not shown(found.__doc__) and not (inspect.isclass(found) and passed_on(found)):
            lacking[full] = []
        for name, owner in members(found) if inspect.isclass(found) else ():
            asked.add(full := f"{owner.__module__}.{owner.__qualname__}.{name}")
            between = found.__mro__[: found.__mro__.index(owner) + 1]
            in_class = any(name in used(cls.__doc__) for cls in between if ours(cls))
            if not in_class and not shown(vars(owner)[name].__doc__):
                lacking.setdefault(full, []).append(found.__qualname__)
    return asked, lacking


def not_alone(module: ModuleType) -> dict[str, set[str]]:
    """What has an example that does not run by itself, by its full name, and the names that this lacks."""
    texts = {module.__name__: module.__doc__}
    for _, found in public(module):
        texts[f"{found.__module__}.{found.__qualname__}"] = found.__doc__
        for cls in filter(ours, found.__mro__) if inspect.isclass(found) else ():
            texts[f"{cls.__module__}.{cls.__qualname__}"] = cls.__doc__
            texts |= {f"{cls.__module__}.{cls.__qualname__}.{name}": vars(cls)[name].__doc__
                      for name, owner in members(cls) if owner is cls}  # fmt: skip
    return {name: lacking for name, text in texts.items() if (lacking := unknown(text))}


def passed_on(cls: type) -> bool:
    """Whether a class has nothing of its own but a place and a docstring, as a law for Pyro: its base has the example.

    Pyro's laws are made by one function, and the example of their module shows them at work.
    """
    own = [name for name in vars(cls) if not name.startswith("_")]
    return not own and "__init__" not in vars(cls) and shown(cls.__mro__[1].__doc__)


def module_of(name: str) -> ModuleType:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    return import_module(name)


@pytest.mark.parametrize("name", CORE)
def test_core_has_examples(name: str) -> None:
    module = module_of(name)
    asked, lacking = audit(module)
    assert asked
    assert not lacking
    assert not not_alone(module)


@pytest.mark.torch
@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
@pytest.mark.parametrize("name", TORCH)
def test_torch_has_examples(name: str) -> None:
    module = module_of(name)
    asked, lacking = audit(module)
    assert asked
    assert not lacking
    assert not not_alone(module)


@pytest.mark.torch
@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
def test_every_public_module_is_looked_at() -> None:
    import hyperdist_torch

    parts = {*hyperdist_torch.__all__, *hyperdist_torch._ON_DEMAND} - set(hyperdist_torch.distributions.__all__)
    assert {f"hyperdist_torch.{name}" for name in parts} <= set(TORCH)


def test_the_tests_above_can_fail() -> None:
    class Base:
        """Bare."""

        def shown(self) -> int:
            """Two.

            >>> Base().shown()
            2
            """
            return 2

        def inherited(self) -> int:
            """Three.

            >>> 3
            3
            """
            return 3

        def bare(self) -> int:
            """Four."""
            return 4

    class Derived(Base):
        """One.

        >>> law = np.float64(Derived().used())
        >>> (Derived().called, law)
        """

        def used(self) -> None:
            """Used above."""

        def inherited(self) -> int:
            return 5

        @property
        def silent(self) -> int:
            """Six."""
            return 6

    module = ModuleType("hyperdist.made_up")
    for cls in (Base, Derived):
        cls.__module__, cls.__qualname__ = module.__name__, cls.__name__
    vars(module).update(Base=Base, Derived=Derived, __all__=["Base", "Derived"])
    asked, lacking = audit(module)
    assert {name.removeprefix("hyperdist.made_up.") for name in lacking} == {"Base", "Base.bare", "Derived.silent"}
    assert "hyperdist.made_up.Base.inherited" in asked
    assert not_alone(module) == {
        "hyperdist.made_up.Base.shown": {"Base"}, "hyperdist.made_up.Derived": {"np", "Derived"}
    }  # fmt: skip
