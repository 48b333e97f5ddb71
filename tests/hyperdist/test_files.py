"""Files that are written whole or not at all, and the JSON of records."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hyperdist.runs import lock
from hyperdist.runs.files import to_json, whole, write_text


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "records" / "record.json"
    write_text(path, "old\n")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old\n"
    assert list(path.parent.iterdir()) == [path]


def test_two_writers_of_one_path(tmp_path: Path) -> None:
    """Each file is whole, and the last one stays."""
    path = tmp_path / "record[0].json"
    with whole(path) as first:
        first.write(b"first, ")
        with whole(path) as second:
            second.write(b"second\n")
        assert path.read_bytes() == b"second\n"
        first.write(b"long\n")
    assert path.read_bytes() == b"first, long\n"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_cleaned_up(tmp_path: Path) -> None:
    """Once it is too old to be another process's, and of this path alone."""
    path = tmp_path / "record[0].json"
    old, new, other = (
        tmp_path / f".{name}.part" for name in ("record[0].json.1", "record[0].json.2", "record0.json.1")
    )
    for part in (old, new, other):
        part.touch()
    for part in (old, other):
        os.utime(part, (0.0, 0.0))
    write_text(path, "new\n")
    assert sorted(tmp_path.iterdir()) == sorted([path, new, other])


def test_infinities_and_nan_are_strings() -> None:
    assert json.loads(to_json({"x": math.inf, "y": [math.nan, 1.5], "z": (-math.inf,)})) == {
        "x": "inf", "y": ["nan", 1.5], "z": ["-inf"],
    }  # fmt: skip


def test_a_list_of_numbers_is_one_line() -> None:
    value = {"curve": [1, 2.5, None, True], "rows": [{"n": [3]}, []], "text": ["[\\n 1,\\n 2\\n]", "[ 1 ]"]}
    text = to_json(value)
    assert json.loads(text) == value
    assert ' "curve": [1, 2.5, null, true],\n' in text
    assert '   "n": [3]\n' in text


FULL = """
import resource, signal, sys; from pathlib import Path; from hyperdist.runs import lock
from hyperdist.runs.files import write_text
from hyperdist.runs import engine; from hyperdist.runs.places import Place
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
cache = engine.Cache(Path(sys.argv[1]) / "cache", True)
tasks = [engine.Task("x", str(n), "builtins:dict", ([("value", "x" * n)],)) for n in (10, 20, 9000)]
for attempt in (
    lambda: write_text(Path(sys.argv[1], "record.json"), "x" * 9000), lambda: engine.run(tasks, Place(), cache)
):
    try:
        attempt()
    except OSError as error:
        print(error)
print([cache.load(task) is not None for task in tasks])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a limit of files' sizes")
def test_a_full_disc_loses_nothing(tmp_path: Path) -> None:
    """The error names the file, what was there stays, and what was finished before is kept."""
    path = tmp_path / "record.json"
    path.write_text("old\n")
    run = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    first, second, kept = run.stdout.splitlines()
    assert first == f"[Errno 27] File too large: '{path}'"
    assert second.startswith("[Errno 27] File too large: ")
    assert str(tmp_path / "cache") in second
    assert kept == "[True, True, False]"
    assert path.read_text() == "old\n"
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """Nobody, root included, makes files below /proc, or in a file."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", Path("/proc/1")):
        with pytest.raises(OSError, match=str(folder)):
            write_text(folder / "record.json", "new\n")
        with pytest.raises(OSError, match=str(folder)), lock.alone(folder, "--out x"):
            pass
    assert (tmp_path / "file").read_bytes() == b""
