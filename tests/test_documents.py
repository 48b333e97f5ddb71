"""What documents, docstrings and comments name is there: every path of the repository, every module, every member."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[1]
TOP = ("hyperdist", "hyperdist_torch", "validation", "tests", ".github", ".ci")
MADE_LATER = ("validation/reports/latest", "validation-report")
"""Folders that commands make and git does not keep."""

PATH = re.compile(r"(?<![\w/.:-])(?:" + "|".join(map(re.escape, TOP)) + r")(?:/[\w.*{},-]+)+/?")
MEMBER = re.compile(r"``((?:hyperdist|hyperdist_torch|validation)(?:\.\w+)+)(?:\([^`]*\))?``")
NAMED = re.compile(r"`((?:hyperdist|hyperdist_torch|validation|hd|ht)(?:\.[a-zA-Z_]\w*)+)(?:\([^`]*\))?`")
SHORT = {"hd": "hyperdist", "ht": "hyperdist_torch"}
OF_OLD = ("MIGRATION.md", "CHANGELOG.md")
"""Pages that name modules as they were."""
MOVED = Path("hyperdist/_moved.py")
"""The one file that names modules as they were."""


def texts() -> list[Path]:
    run = subprocess.run(["git", "ls-files", "*.py", "*.md"], capture_output=True, text=True, check=False, cwd=ROOT)
    files = [Path(name) for name in run.stdout.splitlines()]
    if not files:  # a source distribution
        files = [path.relative_to(ROOT) for path in (*ROOT.rglob("*.py"), *ROOT.rglob("*.md"))]
    return sorted(path for path in files if path.parts[0] in TOP or len(path.parts) == 1)


def paths_in(text: str) -> set[str]:
    """Names of files and folders of the repository; not those with a placeholder in capitals, as NAME."""
    found = {match.group().rstrip(".,") for match in PATH.finditer(text)}
    return {path for path in found if not re.search(r"[{}]|\b[A-Z]{3,}\b(?!\.md)", path)}


@pytest.mark.parametrize("path", [p for p in texts() if p.suffix == ".md" and p.name != "CHANGELOG.md"], ids=str)
def test_paths_in_documents_exist(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    absent = {p for p in paths_in(text) if not p.startswith(MADE_LATER) and not any(ROOT.glob(p.rstrip("/")))}
    assert not absent


@pytest.mark.parametrize("package", [name for name in TOP if name != "tests"])
def test_paths_in_sources_exist(package: str) -> None:
    absent = set()
    for path in texts():
        if path.parts[0] != package or path.suffix != ".py":
            continue
        lines = (ROOT / path).read_text(encoding="utf-8")
        for name in paths_in(lines):
            if not name.startswith(MADE_LATER) and "." in Path(name).name and not any(ROOT.glob(name)):
                absent.add(f"{path}: {name}")
    assert not absent


def exists(name: str) -> bool:
    """Whether a dotted name is a module or what a module holds."""
    parts = name.split(".")
    for stop in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:stop]))
        except ModuleNotFoundError:
            continue
        except ImportError as error:  # of a part whose extra is not installed, which says so
            if "pip install" in str(error):
                return True
            raise
        for attribute in parts[stop:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


@pytest.mark.parametrize("package", ["hyperdist", "hyperdist_torch", "validation"])
def test_members_in_docstrings_exist(package: str) -> None:
    if package != "hyperdist" and find_spec("torch") is None:
        pytest.skip("needs torch")
    absent = set()
    for path in texts():
        if path.parts[0] != package or path == MOVED or path.suffix != ".py":
            continue
        for match in MEMBER.finditer((ROOT / path).read_text(encoding="utf-8")):
            name = match.group(1)
            if name.startswith("hyperdist_torch") and find_spec("torch") is None:
                continue
            if not exists(name):
                absent.add(f"{path}: {name}")
    assert not absent


def pages() -> list[Path]:
    """Pages, and the examples of the site, whose comments are pages."""
    return [p for p in texts() if p.name not in OF_OLD and (p.suffix == ".md" or "examples" in p.parts)]


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
@pytest.mark.parametrize("path", pages(), ids=str)
def test_members_in_documents_exist(path: Path) -> None:
    absent = set()
    for match in NAMED.finditer((ROOT / path).read_text(encoding="utf-8")):
        first, _, rest = match.group(1).partition(".")
        name = f"{SHORT.get(first, first)}.{rest}"
        if "hyperdist_torch.experiments" not in name and not exists(name):
            absent.add(name)
    assert not absent


def test_the_tests_above_can_fail() -> None:
    assert paths_in("see `tests/hyperdist/test_spaces.py`, `hyperdist/nothing.py`.") == {
        "tests/hyperdist/test_spaces.py", "hyperdist/nothing.py"}  # fmt: skip
    assert not exists("hyperdist.geometry.nothing")
    assert exists("hyperdist.geometry.polar.exp_polar")
    assert "hyperdist" in sys.modules
    assert NAMED.findall("`hd.nothing` and ``ht.nn.Klein(3)``, `hd`") == ["hd.nothing", "ht.nn.Klein"]
