"""A timed call beside the one that it is measured against: processor time, the two interleaved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hyperdist.runs.intervals import median
from validation.record import row

FEWEST = 5
"""Pairs of runs, whatever share of the repetitions a contest asks for."""


@dataclass(frozen=True)
class Contest:
    """Our call, what it is measured against, and the most that it may take."""

    name: str
    against: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    target: float | None = None
    """The largest ratio allowed."""
    share: float = 1.0
    """Of the repetitions asked for."""
    limit: float | None = None
    """The most milliseconds allowed."""
    work: tuple[float, str] | None = None
    """How much of what either call does: the rate is told too."""


def _seconds(call: Callable[[], Any]) -> float:
    """Processor time of this thread, so that other programs on the machine do not decide."""
    start = time.thread_time()
    call()
    return time.thread_time() - start


def measure(contest: Contest, repetitions: int) -> dict[str, Any]:
    """Median of the pairwise ratios of interleaved runs, its interval, and the median times in seconds."""
    n = max(FEWEST, round(repetitions * contest.share))
    for warm_up in (contest.ours, contest.theirs):
        warm_up()
    pairs = [(_seconds(contest.ours), _seconds(contest.theirs)) for _ in range(n)]
    ratio, interval = median([ours / theirs for ours, theirs in pairs])
    ours, ours_interval = median([a for a, _ in pairs])
    return {"name": contest.name, "against": contest.against, "target": contest.target, "limit": contest.limit,
            "work": contest.work, "ratio": ratio, "interval": interval, "n": n,
            "ours": ours, "ours_interval": ours_interval, "theirs": median([b for _, b in pairs])[0]}  # fmt: skip


def rows(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What ``measure`` found, as rows of a record."""
    name, n, (low, high) = entry["name"], entry["n"], entry["ours_interval"]
    yield row(name, f"time over {entry['against']}", entry["ratio"], interval95=entry["interval"], n=n)
    yield row(name, "milliseconds", 1e3 * entry["ours"], interval95=(1e3 * low, 1e3 * high), n=n)
    if entry["work"] is not None:
        amount, unit = entry["work"]
        yield row(name, unit, amount / entry["ours"], interval95=(amount / high, amount / low), n=n)
        yield row(entry["against"], unit, amount / entry["theirs"], n=n)


def allowed(entry: dict[str, Any]) -> dict[str, float]:
    """The limits of an entry that has any, for the record."""
    limits = {"ratio": entry["target"], "milliseconds": entry["limit"]}
    return {name: limit for name, limit in limits.items() if limit is not None}


def misses(entry: dict[str, Any]) -> list[str]:
    """The targets that an entry misses, in words."""
    found = []
    if entry["target"] is not None and not entry["ratio"] <= entry["target"]:
        found.append(f"{entry['name']}: {entry['ratio']:.2f} times {entry['against']} > {entry['target']:g}")
    if entry["limit"] is not None and not 1e3 * entry["ours"] <= entry["limit"]:
        found.append(f"{entry['name']}: {1e3 * entry['ours']:.2f} ms > {entry['limit']:g} ms")
    return found
