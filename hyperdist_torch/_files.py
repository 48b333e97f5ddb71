"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write ``path`` through: it takes its place at the end, synced to disk, or leaves it as it was.

    A process killed at any moment leaves the old file, and at most ``.NAME.part`` beside it, which the next write
    takes over. The temporary file is in the same folder, since a rename is atomic only within a file system.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """``text`` as UTF-8 in the file ``path``, whole or not at all."""
    with whole(path) as file:
        file.write(text.encode())
