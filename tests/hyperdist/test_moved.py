"""Names from before 0.2 lead to the same modules and functions, and say where those are now."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from hyperdist import _moved


@pytest.mark.parametrize(("old", "new"), _moved.MOVED.items())
def test_module_by_its_old_name(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match=f"{old} is {new} since") as found:
        module = import_module(old)
    assert module is import_module(new)
    assert module.__name__ == module.__spec__.name == new
    assert len(found) == 1
    monkeypatch.delitem(sys.modules, old)


@pytest.mark.parametrize("name", ["euclidean", "sphere", "torus"])
def test_functions_of_a_module_whose_name_now_holds_a_class(name: str) -> None:
    module = import_module(f"hyperdist.spaces.{name}")
    with pytest.warns(DeprecationWarning, match=f"hyperdist.geometry.{name}.dist_sq since") as found:
        function = module.dist_sq
    assert function is import_module(f"hyperdist.geometry.{name}").dist_sq
    assert found[0].filename == __file__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = module.nothing
