"""Where the tasks of a run are done: here, on processes of this machine, on a Dask cluster; and which share of them."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_WAIT = 30.0
"""Seconds for which a scheduler is looked for, and its first worker waited for."""


class Item(Protocol):
    """What may begin with the results of others."""

    @property
    def key(self) -> str:
        """Its name."""
        ...

    @property
    def after(self) -> tuple[str, ...]:
        """The names of those others."""
        ...


T = TypeVar("T", bound=Item)


@dataclass(frozen=True)
class Place:
    """Where tasks are done.

    workers   : processes of this machine, of one thread each; 0 is this process.
    scheduler : the address of a Dask scheduler, whose workers do them instead; empty is none.
    shard     : (i, n), the i-th of n shares of the tasks, for machines that know nothing of each other.
    """

    workers: int = 0
    scheduler: str = ""
    shard: tuple[int, int] = (1, 1)

    @classmethod
    def of(cls, options: argparse.Namespace) -> Place:
        """That of a command line with ``add_options``."""
        shard = getattr(options, "shard", None) or (1, 1)
        return cls(options.workers, getattr(options, "scheduler", None) or "", shard)

    @property
    def here(self) -> bool:
        """Whether this process does the tasks itself, one after another."""
        return not (self.workers or self.scheduler)

    def mine(self, items: Sequence[T]) -> list[T]:
        """Those of the shard: every n-th, and with each what begins with its result."""
        i, n = self.shard
        there = {item.key: item for item in items}

        def root(item: T) -> str:
            before = [key for key in item.after if key in there]
            return root(there[before[0]]) if before else item.key

        roots = [root(item) for item in items]
        chosen = set(list(dict.fromkeys(roots))[i - 1 :: n])
        return [item for item, first in zip(items, roots, strict=True) if first in chosen]

    @contextmanager
    def pool(self, tasks: int) -> Iterator[Pool]:
        """Processes for so many tasks; ValueError or OSError where the cluster cannot serve."""
        with _cluster(self.scheduler) if self.scheduler else _local(min(self.workers, tasks)) as found:
            yield found


def add_options(parser: argparse.ArgumentParser, workers: int, *, shard: bool = False) -> None:
    """``--workers``, ``--scheduler`` and, where finished work is kept, ``--shard``."""
    parser.add_argument(
        "--workers", type=_count, default=workers, metavar="N",
        help="processes, of one thread each; 0 runs in this one (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="do the work on a Dask cluster, such as tcp://host:8786, instead"
    )
    if shard:
        parser.add_argument(
            "--shard", type=_shard, metavar="i/n", help="only the i-th of n shares; then --resume without it"
        )


def _count(text: str) -> int:
    with suppress(ValueError):
        if int(text) >= 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"must be an integer >= 0, got {text!r}")


def _shard(text: str) -> tuple[int, int]:
    i, cut, n = text.partition("/")
    if cut and i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n):
        return int(i), int(n)
    raise argparse.ArgumentTypeError(f"must be i/n with 1 <= i <= n, such as 1/4, got {text!r}")


class Pool:
    """An executor whose processes may be lost.

    limit : tasks that are handed in at a time.  lost : errors that say that a process was.
    breaks : whether the executor serves no more then;  broken : whether it has.
    """

    def __init__(
        self, make: Callable[[], Executor], limit: int, lost: tuple[type[BaseException], ...], *, breaks: bool
    ) -> None:
        self._make, self.limit, self.lost, self.breaks = make, limit, lost, breaks
        self.executor, self.broken = make(), False

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any] | None:
        """The call's future; None where the executor turns out to be broken."""
        try:
            return self.executor.submit(function, *arguments)
        except BrokenExecutor:
            self.broken = True
            return None

    def renew(self) -> None:
        """A new executor for the broken one."""
        self.executor.shutdown(wait=True, cancel_futures=True)
        self.executor, self.broken = self._make(), False


def processes(workers: int) -> ProcessPoolExecutor:
    """So many processes, started afresh, none of which outlives this one, however it ends."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """A pool's processes wait for work, and have no word of it where the one that hands it out is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


@contextmanager
def _local(workers: int) -> Iterator[Pool]:
    """A few tasks in flight at a time, so that an interrupt loses little."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # read by NumPy as it is imported, so by the processes to come
    pool = Pool(lambda: processes(workers), 2 * workers, (BrokenExecutor,), breaks=True)
    try:
        yield pool
    finally:
        pool.executor.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextmanager
def _cluster(address: str) -> Iterator[Pool]:
    """All tasks at once, since a cluster may grow with what waits."""
    try:
        from distributed import Client, KilledWorker, Security
        from distributed.comm.addressing import parse_address
        from distributed.comm.core import connect
        from distributed.comm.registry import get_backend
    except ImportError:
        raise ImportError("--scheduler needs Dask: pip install 'hyperdist[distributed]'") from None
    try:
        # Of what is no address a client would complain too, and keep this process from ending.
        scheme, place = parse_address(address)
        get_backend(scheme).get_address_host(place)
        # A client waits for ever for the greeting of what listens and is no scheduler.
        greeting = connect(address, timeout=_WAIT, **Security().get_connection_args("client"))
        with ThreadPoolExecutor(1) as aside:  # a notebook has a loop in this thread
            aside.submit(asyncio.run, _greeted(greeting)).result()
        client = Client(address, timeout=_WAIT, set_as_default=False)
    except Exception as error:  # no address, nobody answers, or the answer is another protocol's: whatever it breaks
        reason = str(error) or f"nothing was said for {_WAIT:g} s"
        raise OSError(f"--scheduler must be the address of a Dask scheduler, got {address!r}: {reason}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_WAIT)
        except TimeoutError:
            sys.stderr.write(f"{address} has no workers yet: waiting for them\n")
        _check(client, address)
        make: Any = lambda: client.get_executor(pure=False, retries=0)  # noqa: E731
        pool = Pool(make, sys.maxsize, (KilledWorker,), breaks=False)
        try:
            yield pool
        finally:
            pool.executor.shutdown(wait=False)  # which cancels


async def _greeted(greeting: Any) -> None:
    """TimeoutError where the other end does not say what it is in time."""
    (await asyncio.wait_for(greeting, _WAIT)).abort()


def _check(client: Any, address: str) -> None:
    """ValueError where workers have several threads: torch's generator is one for all of a process."""
    threads = {worker: n for worker, n in client.nthreads().items() if n != 1}
    if threads:
        worker, n = next(iter(threads.items()))
        raise ValueError(
            f"workers of {address} must have one thread each, got {n} at {worker}: dask worker --nthreads 1"
        )
