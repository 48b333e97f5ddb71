"""Tasks of a run, done in this process, on several or on a cluster, with the same results; what is done is kept."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hyperdist.runs import record
from hyperdist.runs.files import write_text
from hyperdist.runs.places import Place, Pool
from hyperdist.runs.progress import Bar

LOSSES = 3
"""How often a task's process may be lost before the task is at fault."""


@dataclass(frozen=True, eq=False)
class Task:
    """A call of a function by name, ``module:function``, so that it travels to another process.

    kind   : of its results, in ``run``.  key : its name.  after : keys of tasks that it begins with the results of.
    """

    kind: str
    key: str
    function: str
    arguments: tuple[Any, ...]
    after: tuple[str, ...] = ()

    def digest(self, source: str) -> str:
        """What a cached result must agree with: the arguments and every line of the sources."""
        return hashlib.sha256(repr((self.function, self.arguments, source)).encode()).hexdigest()[:24]


def call(task: Task) -> Any:
    """What the task's function returns."""
    module, _, name = task.function.partition(":")
    return getattr(import_module(module), name)(*task.arguments)


def execute(task: Task) -> dict[str, Any]:
    """The function's result, or the error under ``error``: one broken law does not hide the others."""
    try:
        return {"key": task.key, **call(task)}
    except Exception:  # whatever a law raises is a finding about that law
        return {"key": task.key, "error": traceback.format_exc(limit=-6)}


_ONE = threading.Lock()
"""Tasks of a process are done one after another, whatever threads it has: torch's generator is one for all."""


def _there(function: Callable[[Task], Any], task: Task, command: list[str]) -> Any:
    """What another process does: the records that it makes are of this run's command."""
    with _ONE, record.command_of(command):
        return function(task)


class Lost(RuntimeError):
    """A task whose process ended again and again."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key}: its process has ended without a word {LOSSES} times, as one that the system kills for lack of "
            "memory: give it more, or fewer workers; what was finished is kept"
        )


def finished(
    tasks: Sequence[Task], place: Place, function: Callable[[Task], Any] | None = None
) -> Iterator[tuple[Task, Any]]:
    """Tasks with what ``function`` (default ``execute``) makes of each, as they come.

    Raises  what the function raises; ``Lost`` where a task's process is lost ``LOSSES`` times, which ``execute`` would
    tell under ``error`` as well; ConnectionError where the cluster's scheduler is lost.
    """
    if place.here or (not place.scheduler and len(tasks) <= 1):
        yield from ((task, (function or execute)(task)) for task in tasks)
        return
    with place.pool(len(tasks)) as pool:
        for task, result in _pooled(pool, tasks, function or execute):
            if isinstance(result, Lost):
                if function is not None:
                    raise result
                result = {"key": task.key, "error": str(result)}
            yield task, result


def _pooled(pool: Pool, tasks: Sequence[Task], function: Callable[[Task], Any]) -> Iterator[tuple[Task, Any]]:
    """As ``finished``, with a ``Lost`` for the result of a task that was."""
    waiting, running, losses = list(tasks), dict[Future[Any], Task](), Counter[str]()
    while waiting or running:
        if not pool.broken:
            for task in _ready(waiting, list(running.values()), losses, pool.limit):
                future = pool.submit(_there, function, task, sys.argv[1:])
                if future is not None:
                    waiting.remove(task)
                    running[future] = task
        elif not running:
            pool.renew()
        for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
            task = running.pop(future)
            try:
                result = future.result()
            except pool.lost:
                pool.broken = pool.breaks
                losses[task.key] += 1
                if losses[task.key] < LOSSES:
                    waiting.insert(0, task)
                else:
                    yield task, Lost(task.key)
            except CancelledError as error:
                raise ConnectionError(f"the scheduler was lost while {task.key} was being done") from error
            else:
                yield task, result


def _ready(waiting: list[Task], running: list[Task], losses: Counter[str], limit: int) -> list[Task]:
    """The next to hand in. One that a process was lost with twice is done alone, so that it takes no other with it."""
    suspects = [task for task in (*running, *waiting) if losses[task.key] == LOSSES - 1]
    if suspects:
        return [] if running else suspects[:1]
    undone = {task.key for task in (*running, *waiting)}
    free = [task for task in waiting if not undone & set(task.after)]
    return free[: max(0, limit - len(running))]


_OWN = re.compile(r"[0-9a-f]{24}\.json|\.[0-9a-f]{24}\.json\.[0-9a-f]{32}\.part")
"""The names of results, whole and half written."""


class Cache:
    """One JSON file a finished task, named by its digest; a file that cannot be read is computed again.

    source : a digest of the sources that results depend on.
    """

    def __init__(self, folder: Path | None, resume: bool, source: str = "") -> None:
        self.folder, self.source = folder, source
        if not resume:
            self.clear()

    def clear(self) -> None:
        """Forget what is kept: these files, and the folder where nothing else is in it."""
        if self.folder is None or not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if _OWN.fullmatch(path.name):
                path.unlink()
        with suppress(OSError):
            self.folder.rmdir()

    def _path(self, task: Task) -> Path | None:
        return None if self.folder is None else self.folder / f"{task.digest(self.source)}.json"

    def load(self, task: Task) -> dict[str, Any] | None:
        """What was kept of a task, None where nothing was."""
        path = self._path(task)
        if path is None or not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and "key" in found else None

    def store(self, task: Task, result: dict[str, Any]) -> None:
        """Keep a result, unless it is an error. Infinities and NaN come back as they were, unlike those of a record."""
        path = self._path(task)
        if path is not None and "error" not in result:
            write_text(path, json.dumps(result))


def run(tasks: Sequence[Task], place: Place, cache: Cache | None = None) -> dict[str, list[dict[str, Any]]]:
    """Results by kind, in the order of the tasks; what is in the cache is not done again."""
    cache = cache or Cache(None, resume=False)
    done = {task: result for task in tasks if (result := cache.load(task)) is not None}
    with Bar(len(tasks), len(done)) as bar:
        left = [task for task in tasks if task not in done]
        for task, result in finished(left, place):
            cache.store(task, result)
            done[task] = result
            bar.step(task.key)
    results: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        results.setdefault(task.kind, []).append(done[task])
    return results
