"""What would work on one system alone: text in its own encoding, modules of POSIX, renaming what is open."""

from __future__ import annotations

import ast
import os
import signal
from pathlib import Path

import pytest

from hyperdist.runs import files, lock

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for top in ("hyperdist", "hyperdist_torch", "validation") for path in (ROOT / top).rglob("*.py"))
POSIX = ("fcntl", "grp", "pwd", "resource", "termios")


def without_encoding(source: str) -> list[int]:
    """Lines that read or write text in whatever encoding the system has; Windows has none that holds all of it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(keyword.arg == "encoding" for keyword in node.keywords):
            continue
        given = [a.value for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Constant)]
        if isinstance(node.func, ast.Attribute):
            text = node.func.attr == "read_text"
            text = text or (node.func.attr == "write_text" and len(node.args) == 1)
            text = text or (node.func.attr == "open" and not any("b" in str(mode) for mode in given) and not node.args)
        else:
            text = isinstance(node.func, ast.Name) and node.func.id == "open" and not any("b" in str(m) for m in given)
        if text:
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("top", ["hyperdist", "hyperdist_torch", "validation"])
def test_text_has_an_encoding(top):
    own = [path for path in SOURCES if path.relative_to(ROOT).parts[0] == top]
    assert not [
        f"{path.relative_to(ROOT)}:{line}"
        for path in own
        for line in without_encoding(path.read_text(encoding="utf-8"))
    ]


def test_the_test_above_can_fail():
    source = (
        "open('a')\nopen('a', 'rb')\np.read_text()\np.write_text(t)\np.open('w', encoding='utf-8')\nwrite_text(p, t)"
    )
    assert without_encoding(source) == [1, 3, 4]


def posix_imports(source: str) -> set[str]:
    """POSIX modules that a file imports as it is imported, whatever the system."""
    names = set()
    for node in ast.parse(source).body:  # not what functions import, or a branch on the system
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names & set(POSIX)


def test_no_module_needs_posix():
    assert not {str(path): found for path in SOURCES if (found := posix_imports(path.read_text(encoding="utf-8")))}
    assert posix_imports("import os, fcntl\nif True:\n    import pwd") == {"fcntl"}


@pytest.mark.skipif(os.name == "nt", reason="plays Windows")
def test_what_another_process_reads_is_replaced_in_the_end(tmp_path, monkeypatch):
    """As Windows has it: PermissionError until the reader is done."""
    path, tries, replace = tmp_path / "a.json", [], os.replace

    def busy(part, target):
        tries.append(target)
        if len(tries) < 3:
            raise PermissionError(13, "in use", str(target))
        replace(part, target)

    monkeypatch.setattr(files.os, "replace", busy)
    with pytest.raises(PermissionError, match="in use"):  # elsewhere it means what it says
        files.write_text(path, "1")
    monkeypatch.setattr(files, "_WAITS", (0.0, 0.0))
    monkeypatch.setattr(files.os, "name", "nt")
    files._replace(*_two(tmp_path))
    monkeypatch.undo()
    assert len(tries) == 3
    assert (tmp_path / "there").read_text(encoding="utf-8") == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["there"]


@pytest.mark.skipif(os.name == "nt", reason="plays Windows")
def test_a_lock_is_removed_where_no_open_file_can_be(tmp_path, monkeypatch):
    files_of_lock, take, unlink = [], lock._take, Path.unlink

    def taking(*arguments):
        files_of_lock.append(take(*arguments))
        return files_of_lock[-1]

    def removing(path, **options):
        if not all(file.closed for file in files_of_lock):
            raise PermissionError(13, "in use", str(path))
        unlink(path, **options)

    monkeypatch.setattr(lock, "_take", taking)
    monkeypatch.setattr(Path, "unlink", removing)
    monkeypatch.setattr(lock.sys, "platform", "win32")
    monkeypatch.setattr(lock, "_lock", lambda *arguments, **options: True)
    with lock.held(tmp_path / "a", "folder"):
        assert (tmp_path / "a").exists()
    assert list(tmp_path.iterdir()) == []


def _two(folder: Path) -> tuple[Path, Path]:
    part, path = folder / "part", folder / "there"
    part.write_text("new", encoding="utf-8")
    path.write_text("old", encoding="utf-8")
    return part, path


@pytest.mark.torch
def test_without_an_alarm_a_block_has_its_time(monkeypatch):
    pytest.importorskip("torch")
    from validation.device_parts import within

    monkeypatch.delattr(signal, "SIGALRM", raising=False)
    with within(1e-9):
        done = sum(range(1000))
    assert done == 499500
