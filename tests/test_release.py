"""A release is what its tag says, or says what is wrong."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import hyperdist

ROOT = Path(__file__).parents[1]
TAG = f"v{hyperdist.__version__}"


@pytest.fixture
def problems(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / ".ci"))
    return import_module("release").problems


def test_what_is_built_is_what_the_tag_says(problems, tmp_path):
    list(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    list(SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    assert problems(TAG, tmp_path) == []
    found = problems("v99.0.0", tmp_path)
    assert "must hold" in found[0]
    assert found[-1] == ".github/CHANGELOG.md must have a section 99.0.0"


def test_a_missing_file_is_named(problems, tmp_path):
    assert f"hyperdist-{TAG[1:]}.tar.gz" in problems(TAG, tmp_path)[0]


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit(path):
    used = [line.split("uses:")[1] for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert used
    for action in used:
        name, _, version = action.partition("#")
        assert len(name.strip().partition("@")[2]) == 40, action
        assert version.strip().startswith("v"), action
