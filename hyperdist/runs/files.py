"""Files that are written whole or not at all, and the JSON of records."""

from __future__ import annotations

import argparse
import glob
import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

_STALE = 3600.0
"""Seconds after which a temporary file is taken to be a killed process's."""

_WAITS = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Seconds between tries to rename a file: Windows forbids it while another process reads what is replaced."""


def out_folder(text: str) -> Path:
    """The type of an option that names a folder: no empty word, which a path takes for the folder one is in."""
    if not text:
        raise argparse.ArgumentTypeError("must name a folder, got '': a full stop is the one you are in")
    return Path(text)


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write ``path`` through: it takes its place at the end, synced to disk, or leaves it as it was.

    Processes may write one path at once: each file is whole, and the last one stays. One that is killed leaves the old
    file, and ``.NAME.*.part`` beside it, which a write cleans up when it has lain there for an hour. The temporary file
    is in the same folder, since a rename is atomic only within a file system.
    Raises  OSError that names ``path`` where the disc is full, or the temporary file where the folder is read-only.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(FileNotFoundError, PermissionError):  # removed, or on Windows open, meanwhile
            if time.time() - left.stat().st_mtime > _STALE:
                left.unlink()
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _replace(part, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disc, which says of no file that it is it
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


def _replace(part: Path, path: Path) -> None:
    for wait in _WAITS if os.name == "nt" else ():
        with suppress(PermissionError):
            os.replace(part, path)
            return
        time.sleep(wait)
    os.replace(part, path)


def write_text(path: Path, text: str) -> None:
    """``text`` as UTF-8 in the file ``path``, whole or not at all."""
    with whole(path) as file:
        file.write(text.encode())


_NUMBERS = re.compile(r'\[\n\s*([^][{}"]*?)\n\s*\]')
"""A list without strings, objects or lists in it, as ``json`` indents it; a string has no line break as such."""


def to_json(value: Any) -> str:
    """JSON in which infinities and NaN are strings, so that any parser reads it; a list of numbers is one line."""
    text = json.dumps(_plain(value), indent=1, allow_nan=False)
    return _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value - value != 0.0:
        return str(value)
    return value
