"""Runs tasks on several processes, with progress, and keeps each finished result so that a run can be resumed."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import re
import traceback
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hyperdist.runs.files import to_json, write_text
from validation.record import source_hash


@dataclass(frozen=True)
class Task:
    """A call of a function of this package by name, so that it travels to another process: ``module:function``."""

    kind: str
    key: str
    function: str
    arguments: tuple[Any, ...]

    def digest(self, source: str) -> str:
        """What a cached result must agree with: the arguments and every line of the sources."""
        return hashlib.sha256(repr((self.function, self.arguments, source)).encode()).hexdigest()[:24]


def execute(task: Task) -> dict[str, Any]:
    """The function's result, or the error under ``error``: one broken law does not hide the others."""
    module, _, name = task.function.partition(":")
    try:
        return {"key": task.key, **getattr(import_module(module), name)(*task.arguments)}
    except Exception:  # whatever a law raises is a finding about that law
        return {"key": task.key, "error": traceback.format_exc(limit=-6)}


_OWN = re.compile(r"[0-9a-f]{24}\.json|\.[0-9a-f]{24}\.json\.[0-9a-f]{32}\.part")
"""The names of results, whole and half written."""


class Cache:
    """One JSON file a finished task, named by its digest; a file that cannot be read is computed again."""

    def __init__(self, folder: Path | None, resume: bool) -> None:
        self.folder, self.source = folder, source_hash()
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
        path = self._path(task)
        if path is None or not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def store(self, task: Task, result: dict[str, Any]) -> None:
        path = self._path(task)
        if path is not None and "error" not in result:
            write_text(path, to_json(result))


def run(
    tasks: list[Task], workers: int, cache: Cache | None = None, console: Console | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Results by kind, in the order of the tasks; ``workers = 0`` runs them here."""
    cache = cache or Cache(None, resume=False)
    done = {task: result for task in tasks if (result := cache.load(task)) is not None}
    columns = (TextColumn("{task.description:44.44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=len(tasks), completed=len(done))
        for task, result in _finished([task for task in tasks if task not in done], workers):
            cache.store(task, result)
            done[task] = result
            progress.update(bar, advance=1, description=task.key)
    results: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        results.setdefault(task.kind, []).append(done[task])
    return results


def _finished(tasks: list[Task], workers: int) -> Iterable[tuple[Task, dict[str, Any]]]:
    """Tasks with their results as they come."""
    if workers == 0 or len(tasks) <= 1:
        yield from ((task, execute(task)) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context)
    try:
        yield from _pooled(pool, tasks, workers)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _pooled(pool: Executor, tasks: list[Task], workers: int) -> Iterable[tuple[Task, dict[str, Any]]]:
    """A few tasks in flight at a time, so that an interrupt loses little."""
    waiting, running = list(reversed(tasks)), dict[Future[dict[str, Any]], Task]()
    while waiting or running:
        while waiting and len(running) < 2 * workers:
            task = waiting.pop()
            running[pool.submit(execute, task)] = task
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()
