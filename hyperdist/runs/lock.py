"""One run a folder: a lock that the system takes back when its process ends, however it ends."""

from __future__ import annotations

import datetime
import errno
import os
import platform
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = ".lock"
_AT = 1 << 20
"""Windows forbids others to read what is locked: a byte that nobody writes."""


class Busy(ValueError):
    """Somebody else has the lock; the message says who."""


@contextmanager
def alone(folder: Path, what: str, shard: tuple[int, int] = (1, 1)) -> Iterator[None]:
    """Nobody else runs in a folder meanwhile but other shards of as many; ``Busy`` at once where somebody does.

    what   : how the user has named the folder, for the message.  shard : (i, n), the i-th of n.
    The folder is made, and removed again where nothing was put into it. Nothing of the lock stays.
    Raises  OSError that names the file where the folder cannot be written to.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, "a file is where a folder must be", str(folder)) from None
    try:
        if shard[1] == 1:
            with held(folder / NAME, what):
                yield
        else:
            with held(folder / NAME, what, shared=True), _only_shards_of(folder, what, shard):
                yield
    finally:
        with suppress(OSError):  # what holds results stays
            for path in made:
                path.rmdir()


@contextmanager
def _only_shards_of(folder: Path, what: str, shard: tuple[int, int]) -> Iterator[None]:
    """The lock of one shard, where no other number of shards has any."""
    for other in folder.glob(f"{NAME}-*-of-*"):
        if not other.name.endswith(f"-of-{shard[1]}"):
            with held(other, what):  # left by a process that was killed, or else this raises
                pass
    with held(folder / f"{NAME}-{shard[0]}-of-{shard[1]}", what):
        yield


@contextmanager
def held(path: Path, what: str, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
    """The lock of one file, which is removed at the end.

    shared : beside others that share it.  wait : until it is free, instead of raising ``Busy``.
    """
    file = _take(path, what, shared, wait)
    try:
        yield
    finally:
        # Of those that share a file the last one removes it.
        last = not shared or _lock(file, shared=False, wait=False)
        if sys.platform == "win32":  # which removes no file that is open, and so none that another run has taken since
            file.close()
        if last:
            with suppress(OSError):
                path.unlink()
        file.close()


def _take(path: Path, what: str, shared: bool, wait: bool) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = path.open("a+b")
        try:
            if not _lock(file, shared, wait):
                raise Busy(f"{what} is in use by another run: wait for it, or give another folder{_said(path)}")
            # Whoever had it may have removed the file that was waited for.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    _sign(file, shared)
                    return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: IO[bytes], shared: bool, wait: bool) -> bool:
    """Whether it is ours now; where the file system has no locks, that is not known, and said."""
    try:
        if sys.platform == "win32":
            file.seek(_AT)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        warnings.warn(
            f"{file.name} cannot be locked ({error}): see to it that no other run uses the folder",
            RuntimeWarning,
            stacklevel=2,
        )
    return True


def _sign(file: IO[bytes], shared: bool) -> None:
    """Say in the file who has it; of those that share one each has a file of its own."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = f"process {os.getpid()} on {platform.node()} since {now}: {shlex.join(['python', *sys.argv])}"
    with suppress(OSError):  # a full disc: the lock is ours all the same
        file.truncate(0)
        file.write(b"" if shared else text.encode(errors="backslashreplace"))
        file.flush()


def _said(path: Path) -> str:
    """Who has a file, as far as that can be read."""
    for file in (path, *sorted(path.parent.glob(f"{path.name}-*"))):
        with suppress(OSError):
            if text := file.read_bytes():
                return f" ({text.decode(errors='replace')})"
    return ""
