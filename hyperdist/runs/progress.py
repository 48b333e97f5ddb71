"""The one display of how far a run is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self


class Bar:
    """A bar over the tasks of a run, on stderr, where that is a terminal and tqdm is installed; else nothing."""

    def __init__(self, total: int, done: int = 0, *, shown: bool = True) -> None:
        self._bar: Any = None
        if shown and sys.stderr.isatty():
            try:
                from tqdm import tqdm
            except ImportError:
                return
            self._bar = tqdm(total=total, initial=done, unit="task", dynamic_ncols=True, leave=False)

    def step(self, key: str) -> None:
        """One more is done."""
        if self._bar is not None:
            self._bar.set_description(f"{key:.44}", refresh=False)
            self._bar.update()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Lines that are written meanwhile stand above the bar."""
        if self._bar is not None:
            self._bar.clear()
        yield
        if self._bar is not None:
            self._bar.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
